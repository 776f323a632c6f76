"""What every directory keeps, ours or anybody's: half an answer is no list of people,
and nobody is forgotten by mistake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, ClassVar

from bcp.contracts.contact import Contact
from bcp.contracts.directory import Changes, DirectoryPlugin, DirectoryService, MailRecord, TellsDomains
from bcp.kernel.errors import BcpError
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.vendor import WRONG_ANSWERS, Answer, Asked, FakeVendor

SLACK_S = 3.0


class DirectorySuite(ConfiguredSuite):
    """People, groups and managers over HTTP, in peacetime: whole, or an error of the tree."""

    plugin: ClassVar[DirectoryPlugin[Any]]
    tells_changes: ClassVar[bool] = True
    """False: it is always asked for everybody."""
    tells_mail: ClassVar[bool] = True
    """False: it knows nothing of MX records and of health."""
    timeout: ClassVar[str] = "1s"
    seconds: ClassVar[float] = 90.0
    """Five questions and some fifty answers to each, over a vendor's own library."""
    groups: ClassVar[dict[str, str]] = {"oncall": "group-1"}
    """Groups that are asked for: name here, id there."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def respond(self, asked: Asked) -> Answer:
        """What the directory answers when all is well:
        Alice and Bob are people, Alice is Bob's manager, Bob is on call.

        The people come on two pages at least, where the directory has pages. Asked for changes: Bob is gone.
        """
        raise NotImplementedError("say in respond() what the directory answers")

    # -- helpers -----------------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        """A directory that nobody has asked."""
        super().setup_method()
        self.url = "http://127.0.0.1:9"

    def make(self) -> DirectoryService:
        """The directory of ``settings()``."""
        more = {"timeout": self.stretched(self.timeout)} if "timeout" in self.plugin.settings.model_fields else {}
        return self.plugin.create("d", self.model(**more))

    @contextlib.asynccontextmanager
    async def at(
        self, fault: Answer | bytes | None = None, *, after: int = 0
    ) -> AsyncIterator[tuple[DirectoryService, FakeVendor]]:
        """The directory at a server that has this fault, after so many good answers."""
        vendor = FakeVendor(self.respond)
        await vendor.start()
        self.url = vendor.url
        if fault is not None:
            vendor.fault = lambda asked: fault if len(vendor.asked) > after else self.respond(asked)
        directory = self.make()
        try:
            yield directory, vendor
        finally:
            await directory.close()
            await vendor.stop()

    def _asks(self, d: DirectoryService) -> dict[str, Callable[[], Awaitable[Any]]]:
        found: dict[str, Callable[[], Awaitable[Any]]] = {
            "changes": d.changes, "members": lambda: d.members(self.groups), "managers": d.managers,
        }  # fmt: skip
        if self.tells_mail:
            found |= {"mail_records": lambda: d.mail_records("corp.test"), "health": d.health}
        if isinstance(d, TellsDomains):
            found["accepted_domains"] = d.accepted_domains
        return found

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_people_are_read_whole(self) -> None:
        """Everybody on every page, each once, with an id; what it gives can be asked with the next time."""

        async def work() -> tuple[Changes, dict[str, list[str]], dict[str, str]]:
            async with self.at() as (d, _):
                return await d.changes(), await d.members(self.groups), await d.managers()

        found, members, managers = self.run(work())
        assert all(isinstance(p, Contact) and p.id for p in found.people), f"{found.people}"
        ids = [p.id for p in found.people]
        assert len(ids) == len(set(ids)), f"somebody stands twice: {ids}"
        names = {p.name: p.id for p in found.people}
        assert set(names) == {"Alice", "Bob"}, f"not everybody: {sorted(names)}"
        assert bool(found.since) is self.tells_changes, f"since is {found.since!r}"
        assert set(members) == set(self.groups), f"groups: {sorted(members)}"
        assert members["oncall"] == [names["Bob"]], f"on call: {members}"
        assert managers == {names["Bob"]: names["Alice"]}, f"managers: {managers}"

    def test_changes_are_changes(self) -> None:
        """Asked with what it gave: who is gone, and nobody who did not change."""
        if not self.tells_changes:
            return

        async def work() -> tuple[Changes, Changes]:
            async with self.at() as (d, _):
                first = await d.changes()
                return first, await d.changes(first.since)

        first, then = self.run(work())
        bob = next(p.id for p in first.people if p.name == "Bob")
        assert then.gone == (bob,), f"gone: {then.gone}"
        assert not then.people, f"changed: {then.people}"
        assert then.since, "nothing to ask with the next time"

    def test_mail_and_health_are_what_the_provider_says(self) -> None:
        """Records with a host, and states in words."""
        if not self.tells_mail:
            return

        async def work() -> tuple[list[MailRecord], dict[str, str]]:
            async with self.at() as (d, _):
                return await d.mail_records("corp.test"), await d.health()

        records, health = self.run(work())
        assert records, "no record"
        assert all(isinstance(r, MailRecord) and r.host for r in records), f"{records}"
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in health.items()), f"{health}"

    def test_a_wrong_answer_is_an_error_and_no_empty_list(self) -> None:
        """HTML, nothing, half of it, without end: never *everybody has left*."""

        async def one(name: str, answer: Answer | bytes) -> list[tuple[str, str]]:
            out = []
            async with gate, self.at(answer) as (d, _):
                for what, ask in self._asks(d).items():
                    loop = asyncio.get_running_loop()
                    start = loop.time()
                    try:
                        found = await asyncio.wait_for(ask(), 8 * self.patience())
                        out.append((f"{what}, {name}", f"taken for an answer: {str(found)[:60]}"))
                    except BcpError as error:
                        self.hides(error, error.hint)
                        took = loop.time() - start
                        out.append(
                            (f"{what}, {name}", "" if took < 2 + SLACK_S * self.patience() else f"it took {took:.1f} s")
                        )
                    except TimeoutError:
                        out.append((f"{what}, {name}", f"no end within {8 * self.patience():.0f} s"))
                    except Exception as error:  # exactly this is what is looked for
                        out.append((f"{what}, {name}", f"raised {type(error).__name__} outside of the error tree"))
            return out

        async def work() -> dict[str, str]:
            return dict(
                x for rows in await asyncio.gather(*(one(n, a) for n, a in WRONG_ANSWERS.items())) for x in rows
            )

        gate = asyncio.Semaphore(8)
        self.all_hold(self.run(work()))

    def test_half_of_the_people_are_nobody(self) -> None:
        """The second page fails: an error. People who stood there would be taken for gone."""

        async def one(what: str, answer: Answer | bytes) -> str:
            async with self.at(answer, after=1) as (d, vendor):
                try:
                    found = await self._asks(d)[what]()
                except BcpError:
                    return ""
                count = len(found.people) if isinstance(found, Changes) else len(found)
                return f"{count} given, and the second answer was none" if len(vendor.asked) > 1 else ""

        async def work() -> dict[str, str]:
            broken = {
                "503": Answer(503, "x"),
                "html": WRONG_ANSWERS["html"],
                "nothing": WRONG_ANSWERS["an empty object"],
            }
            return {
                f"{what}, {name}": await one(what, answer)
                for what in ("changes", "members", "managers")
                for name, answer in broken.items()
            }

        self.all_hold(self.run(work()))

    def test_a_page_elsewhere_is_not_asked(self) -> None:
        """A next link to another host would carry our token there."""
        other = "http://127.0.0.2:9"

        async def work() -> Any:
            vendor = FakeVendor(self.respond)
            await vendor.start()
            self.url = vendor.url

            def elsewhere(asked: Asked) -> Answer:
                answer = self.respond(asked)
                raw = answer.wire().partition(b"\r\n\r\n")[2].replace(vendor.url.encode(), other.encode())
                return Answer(answer.status, raw, {"Content-Type": "application/json"})

            vendor.fault = elsewhere
            directory = self.make()
            try:
                return await directory.changes()
            except BcpError as error:
                return error
            finally:
                await directory.close()
                await vendor.stop()

        found = self.run(work())
        if isinstance(
            found, Changes
        ):  # it has no pages, or the link that it gave is not one: it must not be asked with
            assert other not in found.since, "it would ask another host the next time"
        else:
            self.hides(found, found.hint)

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the directory, its settings, or its errors."""
        directory = self.make()
        self.hides(directory, vars(directory), self.model())
        self.run(directory.close())
