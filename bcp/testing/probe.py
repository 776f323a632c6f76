"""What every probe keeps, ours or anybody's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from bcp.contracts.probe import PLANES, Probe, ProbePlugin, Result, Role, Signal
from bcp.testing.clock import FakeClock
from bcp.testing.leaks import left_by
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.shape import insides, mistyped
from bcp.testing.suite import SECRET
from bcp.testing.vendor import WRONG_ANSWERS, Answer

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SLACK_S = 2.0
"""How much longer than its time-out a look may take on a busy machine."""
EVIDENCE = 1_000
"""Characters of evidence that fit into a line, a page and a message."""


def says(*parts: bytes) -> Handler:
    """A server that says this and closes, whatever it is asked."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return handler


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and says nothing, until the other side goes."""
    await reader.read()


async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One byte after the other, without end."""
    while not reader.at_eof():
        writer.write(b"2")
        await writer.drain()
        await asyncio.sleep(0.02)


async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lines without end, as fast as they are taken."""
    while not reader.at_eof():
        writer.write(b"220-" + b"x" * 60_000 + b"\r\n")
        await writer.drain()


HOSTILE: Mapping[str, Handler] = {
    "silent": silent,
    "drips": drips,
    "floods": floods,
    "closes at once": says(),
    "binary": says(bytes(range(256)) * 8),
    "a line without end": says(b"220 " + b"a" * 300_000),
    "tls alert": says(b"\x15\x03\x01\x00\x02\x02\x46"),
    "wrong protocol": says(b"SSH-2.0-OpenSSH_9.2\r\n", b"+OK POP3 ready\r\n"),
    "escape sequences": says(b"554 \x1b[2J\x1b]0;owned\x07 no\r\n"),
    "secrets of ours": says(b"421 " + SECRET.encode() + b"\r\n"),
    **{
        f"http, {n}": says(a.wire() if isinstance(a, Answer) else a)
        for n, a in WRONG_ANSWERS.items()
        if a not in (b"(hang)", b"(drip)")
    },
}
"""What a service that is broken, or is another one, does to whoever looks at it."""


class ProbeSuite(ConfiguredSuite):
    """One dated look: it ends, it raises nothing, it says what it is about,
    and *well* means that it saw that it is well."""

    plugin: ClassVar[ProbePlugin[Any]]
    connects: ClassVar[bool] = True
    """False: it does not open TCP connections to ``self.port`` (it reads files, asks DNS).
    Then only the rest is looked at."""
    ok_too: ClassVar[frozenset[str]] = frozenset()
    """Names in ``HOSTILE`` that are well for this probe,
    by what it promises to look at (``http, html`` is an answer)."""
    timeout: ClassVar[str] = "400ms"

    # -- what an author gives --------------------------------------------------------------------------------------

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A service that is well: answer one connection as it would. Where ``connects``, this is needed."""
        raise NotImplementedError("say in well() how the service answers when all is well")

    def files_well(self) -> None:
        """For a probe that does not connect: make what it reads so that all is well.
        Leave it where it cannot be well."""

    # -- helpers -----------------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        """Nobody listens yet."""
        super().setup_method()
        self.port = 9
        self.clock = FakeClock()

    @property
    def url(self) -> str:
        """The service over HTTP."""
        return f"http://127.0.0.1:{self.port}"

    def model(self, **more: object) -> Any:
        """Validated settings, with a short deadline and its place in the state folder."""
        return self.plugin.placed(super().model(**{"timeout": self.stretched(self.timeout), **more}), Path(self.folder))

    def make(self, **more: object) -> Probe[Any]:
        """The probe of ``settings()``, with a clock that does not move by itself."""
        return self.plugin.create("p", self.model(**more), self.clock)

    @contextlib.asynccontextmanager
    async def at(self, handler: Handler, **more: object) -> AsyncIterator[Probe[Any]]:
        """The probe at a service that behaves so."""
        writers: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.add(writer)
            try:
                await handler(reader, writer)
            except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        probe = self.make(**more)
        try:
            yield probe
        finally:
            await probe.close()
            server.close()
            for writer in writers:
                with contextlib.suppress(AttributeError):  # closed, and flushed since: asyncio forgot its loop already
                    writer.transport.abort()
            await server.wait_closed()

    def said(self, found: object, probe: Probe[Any]) -> str:
        """What is wrong with a signal; empty: nothing."""
        if not isinstance(found, Signal):
            return f"no signal, but {found!r}"
        if wrong := mistyped(found):
            return wrong
        wanted = probe.settings.plane or self.plugin.make.plane
        rules = (
            (found.probe == "p", f"it says it is the probe {found.probe!r}"),
            (found.plane == wanted, f"it speaks of {found.plane!r} and is about {wanted!r}"),
            (isinstance(found.result, Result), f"{found.result!r} is no result"),
            (found.at == self.clock.now(), "it is not dated by the clock it was given"),
            (found.control == probe.settings.control, "it forgets whether it is a control"),
            (len(found.evidence) <= EVIDENCE, f"{len(found.evidence)} characters of evidence"),
            (found.result is Result.OK or bool(found.evidence or found.kind), "it fails and does not say how"),
            (all(isinstance(v, str) for v in found.data.values()), "data holds something else than texts"),
        )
        return "; ".join(text for holds, text in rules if not holds)

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is_before_it_looks(self) -> None:
        """Kind, plane, role and medium; the decision asks for them before there is a signal."""
        probe, kind = self.make(), self.plugin.make
        assert kind.kind == self.plugin.kind, f"the class says {kind.kind}, its settings {self.plugin.kind}"
        assert kind.plane in PLANES, f"no such plane: {kind.plane}"
        assert isinstance(kind.role, Role), f"no role: {kind.role!r}"
        assert kind.Settings is self.plugin.settings, "Settings of the class are not those of PLUGIN"
        watched = probe.watched(60.0)
        assert (watched.probe, watched.way, watched.role, watched.medium) == ("p", kind.kind, kind.role, kind.medium)
        assert watched.every_s >= 60.0
        other = self.make(plane="gateway", every="90s").watched(60.0)
        assert (other.plane, other.every_s) == ("gateway", 90.0), "the operator's plane and interval must count"

    def test_well_is_seen(self) -> None:
        """A service that is well gives *ok*, dated now, about its plane."""

        async def work() -> dict[str, str]:
            out = {}
            for plane in (None, "gateway"):
                async with self.at(self.well, timeout="5s", **({"plane": plane} if plane else {})) as probe:
                    self.files_well()
                    found = await probe.look()
                    out[f"plane {plane or 'as usual'}"] = self.said(found, probe) or (
                        f"{found}" if self.connects and found.result is not Result.OK else ""
                    )
            return out

        self.all_hold(self.run(work()))

    def test_nobody_there_is_no_ok(self) -> None:
        """Nothing listens: it fails or does not know, and says so in time."""

        async def work() -> dict[str, str]:
            probe = self.make()
            try:
                found = await probe.look()
            finally:
                await probe.close()
            wrong = self.said(found, probe)
            return {"nobody": wrong or (str(found) if self.connects and found.result is Result.OK else "")}

        self.all_hold(self.run(work()))

    def test_it_ends_raises_nothing_and_believes_nobody(self) -> None:
        """Whatever the other side does: a signal within its own deadline, and *ok* only for what is well."""
        if not self.connects:
            return

        async def one(name: str, handler: Handler) -> tuple[str, str]:
            async with gate, self.at(handler) as probe:
                loop = asyncio.get_running_loop()
                start, allowed = loop.time(), probe.settings.timeout + SLACK_S * self.patience()
                try:
                    found = await asyncio.wait_for(probe.look(), allowed + 3)
                except TimeoutError:
                    return name, f"no end within {allowed + 3:.1f} s"
                except Exception as error:  # exactly this is what is looked for
                    return name, f"it raised {type(error).__name__}: {str(error)[:80]}"
                took = loop.time() - start
                if took > allowed:
                    return name, f"it took {took:.1f} s, {allowed:.1f} s are allowed"
                if isinstance(found, Signal) and found.result is Result.OK and name not in self.ok_too:
                    return name, f"taken for well: {found.evidence!r}"
                return name, self.said(found, probe)

        async def work() -> dict[str, str]:
            return dict(await asyncio.gather(*(one(n, h) for n, h in HOSTILE.items())))

        gate = asyncio.Semaphore(8)
        self.all_hold(self.run(work()))

    def test_a_look_can_be_cancelled_at_once(self) -> None:
        """The watch ends when it is told to."""
        if not self.connects:
            return

        async def work() -> tuple[float, bool]:
            reached = asyncio.Event()

            async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                reached.set()
                await reader.read()

            async with self.at(hold, timeout="30s") as probe:
                task = asyncio.ensure_future(probe.look())
                await asyncio.wait({task, asyncio.ensure_future(reached.wait())}, return_when=asyncio.FIRST_COMPLETED)
                loop = asyncio.get_running_loop()
                start, over = loop.time(), task.done()  # some need no answer
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                return loop.time() - start, over or task.cancelled()

        took, cancelled = self.run(work())
        assert took < SLACK_S * self.patience(), f"cancelling took {took:.1f} s"
        assert cancelled, "it was cancelled and went on to its end: it swallows CancelledError"

    def test_looks_leave_nothing_open(self) -> None:
        """A watch looks for months: connections, files, threads and tasks do not add up, least of all in an outage,
        when every look fails."""

        async def work() -> dict[str, str]:
            out = {}
            for name, service, times in self._services():
                more = {"timeout": "40ms"} if service is silent else {}
                async with self.at(service, **more) as probe:
                    out[name] = await left_by(probe.look, times)
            return out

        self.all_hold(self.run(work()))

    def _services(self) -> list[tuple[str, Handler, int]]:
        """Services that are looked at so often."""
        if not self.connects:
            return [("looking", silent, 12)]
        return [("well", self.well, 12), ("another answer", says(b"599 no\r\n"), 12), ("silent", silent, 6)]

    def test_each_look_is_a_new_one(self) -> None:
        """What it saw before says nothing of now."""
        if not self.connects:
            return

        async def work() -> None:
            now: list[Handler] = [self.well]

            async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await now[0](reader, writer)

            async with self.at(service, timeout="5s") as probe:
                first = await probe.look()
                now[0] = says()
                second = await probe.look()
                now[0] = self.well
                third = await probe.look()
            odd = [f"no signal, but {s!r}" for s in (first, second, third) if not isinstance(s, Signal)]
            assert not odd, odd[0]
            found = [s.result for s in (first, second, third)]
            assert found[1] is not Result.OK, "well, then it closes at once, and it says that all is still well"
            assert found[2] is Result.OK, f"it is well again, and it says {third}"

        self.run(work())

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the probe, its settings, its signals, what it logs or prints."""

        async def work() -> None:
            for service in (self.well if self.connects else silent, says(b"599 no\r\n"), says()):
                async with self.at(service) as probe:
                    self.hides(probe, insides(probe), probe.settings, await probe.look())

        self.run(work())

    def test_it_can_be_closed_twice_and_before_it_looked(self) -> None:
        """Closing is never what fails."""

        async def work() -> None:
            probe = self.make()
            await probe.close()
            await probe.close()

        self.run(work())
