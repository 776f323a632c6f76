"""A shaped drain, carried out: looks at the queue and releases mails side by side, until all is gone or it stops."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from bcp.contracts.drain import DrainBook, DrainStatus, Shaped
from bcp.contracts.relay import QueuedMail, Relay, unheard_of
from bcp.drain.control import Controller
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, InDoubt, Refused, Transient
from bcp.kernel.text import plural
from bcp.kernel.units import format_duration

TICK_S = 0.25
LOOK_S = 2.0
BESIDE = 8
"""So many releases at a time: each is a command on the relay's machine."""
REST_S = 60.0
"""Where the machine cannot be told: after a second once more, then after two, four, and so on, up to so many."""
LOOKS = 2
"""So many looks that show nothing, one after the other, are an empty queue."""
BUSY = 4
"""A look that took so long is repeated after so many times its length: the relay has other things to do. One that
waited for a host which did not answer says nothing of how busy the others are."""


SILENT_S = 300.0
"""A host at which mail waits, and that did not answer for so long, is not waited for when all else has gone."""
IDLE_S = 10.0
"""But after so long it looks again when there is nothing else to do."""


@dataclass(slots=True)
class Seen:
    """What was in the queue at any time of the drain."""

    recipients: dict[str, dict[str, None]] = field(default_factory=dict)
    """Recipients of ours by queue id: the queue shows only those that are left."""
    arrivals: set[float] = field(default_factory=set)
    trouble: str = ""
    """Why the last look saw nothing; empty: it saw."""
    untold: str = ""
    """Why the relay could not be told the last time which mails go."""

    def note(self, mails: Sequence[QueuedMail], domains: frozenset[str]) -> list[QueuedMail]:
        """Remember them; returns those that are ours."""
        ours = []
        for mail in mails:
            if not (mine := [r for r in mail.recipients if domain_of(r) in domains]):
                continue
            ours.append(mail)
            self.recipients.setdefault(mail.queue_id, {}).update(dict.fromkeys(mine))
            if mail.arrived > 0:
                self.arrivals.add(mail.arrived)
        return ours


def domain_of(address: str) -> str:
    """In lower case."""
    return address.rpartition("@")[2].lower()


@dataclass(slots=True)
class ShapedDrain:
    """One drain of one relay."""

    relay: Relay
    shaped: Shaped
    domains: frozenset[str]
    clock: Clock
    book: DrainBook
    seen: Seen = field(default_factory=Seen)
    on_status: Callable[[DrainStatus], None] = lambda _status: None
    _releases: set[asyncio.Task[None]] = field(default_factory=set)
    """Under way: a machine that is slow to be told must not hold up the next mails."""
    _failed: int = 0
    """So often, one after the other, the machine could not be told."""
    _rests_until: float = 0.0
    _began: float = 0.0
    _dead_since: float | None = None
    """Since when a host does not answer at which mail waits."""
    _empty_since: float | None = None
    """When the first of the looks began that showed nothing, one after the other."""

    async def run(self, timeout_s: float, quiet_s: float) -> DrainStatus:
        """To the end: empty for ``quiet_s``. Then the relay delivers by itself again.

        Raises:
            Refused: another process drives it (``drain.driven``), a person stopped it (``drain.stopped``), or Exchange
                refuses mail for good (``drain.refused``). The relay keeps what it has.
            Transient: the time is over (``drain.late``), all has gone but what lies at a dead host (``drain.unheard``),
                or the relay does not say what it holds.
        """
        name = self.relay.name
        if not self.book.drive(name):
            text = f"the drain of {name} is driven by another process"
            raise Refused(text, hint="bcp relay drain --show", rule="drain.driven")
        self._began = self.clock.now()
        controller = Controller(self.shaped.shape, self.clock.monotonic())
        try:
            await self.shaped.keep(True)
            async with self._looking(controller) as looks, self._releasing():
                status = await self._drive(looks, controller, self.clock.monotonic() + timeout_s, quiet_s)
            await self.shaped.keep(False)
            return status
        finally:
            self.book.leave(name)

    @contextlib.asynccontextmanager
    async def _looking(self, controller: Controller) -> AsyncIterator[asyncio.Task[None]]:
        """Looks at the queue meanwhile: a long queue takes seconds to list, and the mails must not wait for it."""
        task = asyncio.get_running_loop().create_task(self._look_on(controller))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _look_on(self, controller: Controller) -> None:
        while True:
            began, silent = self.clock.monotonic(), set(unheard_of(self.relay))
            try:
                mails = self.seen.note(await self.relay.queue(), self.domains)
                controller.see(mails, began, self.clock.monotonic(), unheard_of(self.relay))
                self.seen.trouble = ""
                left = controller.waiting or controller.silent
                self._empty_since = None if left else self._empty_since or began
                self._dead_since = (self._dead_since or began) if controller.silent else None
                if silent - set(unheard_of(self.relay)):  # it is back, and may not know that it has to keep mail
                    await self.shaped.keep(True)
            except (Transient, InDoubt) as error:
                self.seen.trouble, self._empty_since = error.message, None
            waited = bool(set(unheard_of(self.relay)) - silent)
            await self._rest_of_looks(controller, 0.0 if waited else BUSY * (self.clock.monotonic() - began))

    async def _rest_of_looks(self, controller: Controller, seconds: float) -> None:
        """Between two looks: so long, but no longer than there is something to do by what the last one saw."""
        await self.clock.sleep(min(IDLE_S, max(LOOK_S, seconds)))
        until = self.clock.monotonic() + seconds - IDLE_S
        while self.clock.monotonic() < until and not controller.idle:
            await self.clock.sleep(LOOK_S)

    async def _drive(
        self, looks: asyncio.Task[None], controller: Controller, deadline: float, quiet_s: float
    ) -> DrainStatus:
        while True:
            if looks.done():
                looks.result()  # what ended it
            now = self.clock.monotonic()
            controller.wish = self.book.wish(self.relay.name)
            self._release(controller, now)
            status = self._tell(controller)
            if self._over(controller, quiet_s):
                return status
            _raise_if_stuck(status, controller)
            if self._nothing_but_silence(controller):
                await self.shaped.keep(False)
                raise self._unheard(controller)
            if now >= deadline:
                raise self._late(status, controller, quiet_s)
            await self.clock.sleep(TICK_S)

    @contextlib.asynccontextmanager
    async def _releasing(self) -> AsyncIterator[None]:
        """What is under way at the end is waited for: a mail that was told to go and one that was not are not alike."""
        try:
            yield
        finally:
            await asyncio.gather(*self._releases, return_exceptions=True)

    def _release(self, controller: Controller, now: float) -> None:
        """Tell the relay which mails go now, beside what it is told already."""
        for ended in [t for t in self._releases if t.done()]:
            self._releases.discard(ended)
            ended.result()  # a fault, or a machine that refuses
        if now >= self._rests_until and len(self._releases) < BESIDE and (ids := controller.due(now)):
            self._releases.add(asyncio.get_running_loop().create_task(self._told(controller, ids)))

    async def _told(self, controller: Controller, ids: Sequence[str]) -> None:
        controller.set_out(ids, math.inf)
        try:
            await self.shaped.release(ids)
            controller.set_out(ids, self.clock.monotonic())
            self.seen.untold, self._failed, self._rests_until = "", 0, 0.0
        except (Transient, InDoubt) as error:
            controller.give_back(ids)
            self.seen.untold = error.message
            self._rest()

    def _rest(self) -> None:
        """A machine that cannot be told is not called four times a second. Those that fail side by side fail once."""
        now = self.clock.monotonic()
        if now >= self._rests_until:
            self._rests_until = now + min(REST_S, 2.0**self._failed)
            self._failed += 1

    def _over(self, controller: Controller, quiet_s: float) -> bool:
        """Was it empty at each look of the quiet time? One look may pass over a mail that moves meanwhile: what was
        released must be missing twice."""
        if controller.state != "done" or self.seen.trouble or self._empty_since is None:
            return False
        sure = controller.empty_looks >= LOOKS or not controller.gone
        return sure and controller.looked_at - self._empty_since >= quiet_s

    def _nothing_but_silence(self, controller: Controller) -> bool:
        """Has all gone but what lies at hosts that have been silent for long?"""
        if controller.waiting or self._dead_since is None:
            return False
        return controller.looked_at - self._dead_since >= SILENT_S

    def _unheard(self, controller: Controller) -> Transient:
        hint = "bcp relay drain goes on when it answers. What lies there is kept."
        text = f"all else has left {self.relay.name}, and {_at_the_silent(controller)}"
        return Transient(text, hint=hint, rule="drain.unheard")

    def _tell(self, controller: Controller) -> DrainStatus:
        status = DrainStatus(
            self.relay.name,
            controller.state,
            len(controller.waiting) + len(controller.silent),
            controller.gone,
            controller.throttled,
            len(controller.refused),
            round(controller.rate, 3),
            round(controller.seconds_left(), 1),
            self._began,
            self.clock.now(),
            controller.why or self.seen.trouble or self.seen.untold or _at_the_silent(controller),
        )
        if not controller.looked:
            return status
        with contextlib.suppress(BcpError):  # a full disk loses the line, and delivers all the same
            self.book.tell(status)
        self.on_status(status)
        return status

    def _late(self, status: DrainStatus, controller: Controller, quiet_s: float) -> Transient:
        name = self.relay.name
        if self.seen.trouble:
            text = f"{name} does not say what it holds: {self.seen.trouble}"
        elif not status.waiting:
            text = f"the queue of {name} is empty, but not yet for {format_duration(quiet_s)} (quiet:)"
        else:
            text = (
                f"{status.waiting} message(s) are still at {name}, {status.gone} have left it; "
                f"about {format_duration(status.seconds_left)} more"
            )
            text += f"; the last request failed: {self.seen.untold}" if self.seen.untold else ""
            text += f"; {_at_the_silent(controller)}" if controller.silent else ""
        hint = "The relay keeps its mail. `bcp relay drain` goes on, and so does `bcp resume`."
        return Transient(text, hint=hint, rule="drain.late")


def _at_the_silent(controller: Controller) -> str:
    """How many wait at which hosts that do not answer; empty: none."""
    hosts = Counter(ident.rpartition("@")[2] for ident in controller.silent)
    return "; ".join(
        f"{host} does not answer: {plural(n, 'message waits', 'messages wait')} there" for host, n in hosts.items()
    )


def _raise_if_stuck(status: DrainStatus, controller: Controller) -> None:
    """Stopped by a person, by refusals, or nothing is left that could go."""
    if controller.why or controller.stuck:
        first = next(iter(controller.refused.values()), "")
        why = (
            controller.why
            or f"{plural(len(controller.refused), 'message is', 'messages are')} refused for good: {first}"
        )
        if not controller.why and (on_hold := controller.on_hold):
            raise _on_hold(status.relay, on_hold, why if controller.refused else "")
        raise Refused(
            f"the drain of {status.relay} stopped: {why}",
            hint="The relay keeps them. Where Exchange is right, `bcp-relay bounce on` on the relay lets them bounce.",
            rule="drain.refused",
        )
    if controller.wish == "stop":
        left = plural(status.waiting, "message stays", "messages stay")
        text = f"the drain of {status.relay} was stopped: {left} with the relay"
        raise Refused(text, hint="bcp relay drain goes on.", rule="drain.stopped")


def _on_hold(relay: str, count: int, beside: str) -> Refused:
    """A person at the relay put them aside: only a person lets them go."""
    rest = f"; {beside}" if beside else ""
    return Refused(
        f"the drain of {relay} stopped: {count} message(s) are on hold there{rest}",
        hint="`postsuper -H` with their queue ids on the relay lets them go, `postsuper -d` removes them.",
        rule="drain.on-hold",
    )
