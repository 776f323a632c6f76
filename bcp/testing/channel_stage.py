"""What the author of a channel gives to its suite (``bcp.testing.channel``): the vendor, its answers, a message."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar

from bcp.contracts.channel import Channel, ChannelPlugin, Delivery, Message
from bcp.kernel.errors import BcpError
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.shape import awaited
from bcp.testing.vendor import WRONG_ANSWERS, Answer, Asked, FakeVendor

NOW = 1_800_000_000.0
OTHER = "run-20270115-080000-aaaa/tell/c/bob"  # key of another message than the usual one


class ChannelStage(ConfiguredSuite):
    """The vendor, the channel and the faults that the promises are tried with."""

    plugin: ClassVar[ChannelPlugin[Any]]
    speaks_http: ClassVar[bool] = True
    """False: it does not speak HTTP to ``self.url`` (it writes files, speaks SMTP). Then only the rest is looked at."""
    can_find: ClassVar[bool] = False
    """True: ``find`` can tell whether a message was taken."""
    asks_first: ClassVar[int] = 0
    """How many requests a send makes besides the one that sends (such as opening a room)."""
    tells_refusal: ClassVar[bool] = True
    """False: the vendor says no more than yes, so that every *no* is in doubt."""
    tells_rate: ClassVar[bool] = True
    """False: it cannot tell *slow down* from other answers."""
    yes_too: ClassVar[frozenset[str]] = frozenset()
    """Names in ``WRONG_ANSWERS`` that are a yes at this vendor, by its documents (such as ``empty``)."""
    none_too: ClassVar[frozenset[str]] = frozenset()
    """Names in ``WRONG_ANSWERS`` that say at this vendor that there is no such message."""
    timeout: ClassVar[str] = "500ms"
    """Given as the setting ``timeout``, where there is one."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def respond(self, asked: Asked) -> Answer:
        """What the vendor answers when all is well. ``self.taken`` holds the messages it took before."""
        raise NotImplementedError("say in respond() what the vendor answers")

    def is_send(self, asked: Asked) -> bool:
        """Does this request ask the vendor to take a message?"""
        return asked.method == "POST"

    def refusal(self) -> Answer:
        """The vendor's definite no to a message, as its documents show it."""
        return Answer(400, {"ok": False, "error": "invalid_auth", "code": 21211, "message": "invalid"})

    def delivery(self, channel: Channel[Any], key: str = "run-20270115-080000-aaaa/tell/c/alice") -> Delivery:
        """A message for somebody."""
        address = channel.place() if channel.broadcast else "+12025550101"
        text = "Mail is late. Do not resend it."
        return Delivery(key, address, Message("t", channel.form, "en", "Mail is late", text, f"<p>{text}</p>", 1), NOW)

    def _another(self, channel: Channel[Any]) -> Delivery:  # for somebody else, where there is somebody
        one = self.delivery(channel, OTHER)
        whom = one.address if channel.broadcast else one.address[:-1] + ("2" if one.address[-1:] != "2" else "3")
        return replace(
            one, address=whom, message=replace(one.message, body="All is well again.", html="<p>All is well again.</p>")
        )

    # -- helpers -----------------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        """A vendor that nobody has asked yet."""
        super().setup_method()
        self.url = "http://127.0.0.1:9"
        self.taken: list[Asked] = []
        self.answered: list[bytes] = []

    def make(self, **more: object) -> Channel[Any]:
        """The channel of ``settings()``."""
        given = self.model(**more)
        return self.plugin.create("c", given)

    def model(self, **more: object) -> Any:
        """Validated settings, with a short time-out where there is one."""
        if "timeout" in self.plugin.settings.model_fields:
            more = {"timeout": self.stretched(self.timeout), **more}
        return super().model(**more)

    @contextlib.asynccontextmanager
    async def at(
        self, fault: Answer | bytes | None = None, **more: object
    ) -> AsyncIterator[tuple[Channel[Any], FakeVendor]]:
        """The channel at a vendor of its own that has this fault."""
        taken: list[Asked] = []

        def respond(asked: Asked) -> Answer:
            self.taken = taken
            answer = self.respond(asked)
            if self.is_send(asked) and answer.status < 400:
                taken.append(asked)
                self.answered.append(answer.wire())
            return answer

        vendor = FakeVendor(respond)
        await vendor.start()
        if fault is not None:
            vendor.fault = lambda asked: fault if self.is_send(asked) else respond(asked)
        self.url = vendor.url
        channel = self.make(**more)
        try:
            yield channel, vendor
        finally:
            await channel.close()
            await vendor.stop()

    async def outcome(self, work: Awaitable[Any]) -> Any:
        """What came: a value, or an error of the tree. Everything else is a broken promise, and is raised."""
        try:
            return await awaited(work)
        except BcpError as error:
            return error

    async def _each(self, look: Callable[[Answer | bytes], Awaitable[str]]) -> dict[str, str]:
        """Every wrong answer, a few side by side; what is wrong with each."""
        gate = asyncio.Semaphore(8)

        async def one(name: str, answer: Answer | bytes) -> tuple[str, str]:
            async with gate:
                try:
                    return name, await asyncio.wait_for(look(answer), 10 * self.patience())
                except TimeoutError:
                    return name, f"no end within {10 * self.patience():.0f} s"
                except Exception as error:  # exactly this is what is looked for
                    return name, f"raised {type(error).__name__} outside of the error tree: {str(error)[:80]}"

        return dict(await asyncio.gather(*(one(n, a) for n, a in WRONG_ANSWERS.items())))
