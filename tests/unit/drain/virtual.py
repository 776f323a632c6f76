"""A relay that takes time, an Exchange that throttles, and an event loop whose time is simulated."""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bcp.contracts.drain import NoBook
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.run import ShapedDrain

BUSY = "host x said: 451 4.7.500 Server busy"
KEPT = "deferred transport"


class _Jumping(selectors.DefaultSelector):
    """Nobody waits: where the loop would, its time moves on."""

    loop: Loop

    def select(self, timeout: float | None = None):
        self.loop.at += max(0.0, timeout or 0.0)
        return super().select(0)


class Loop(asyncio.SelectorEventLoop):
    """Simulated time."""

    def __init__(self) -> None:
        self.at = 0.0
        jumping = _Jumping()
        super().__init__(jumping)
        jumping.loop = self

    def time(self) -> float:
        return self.at


async def pass_by(seconds: float) -> None:
    """Of simulated time."""
    await asyncio.sleep(seconds)


@dataclass
class SlowClock:
    """Of this loop. ``stall_s``: now and then the machine does something else for up to so long."""

    loop: Loop
    chance: random.Random
    stall_s: float = 0.0

    def now(self) -> float:
        return 1_800_000_000.0 + self.loop.at

    def monotonic(self) -> float:
        return self.loop.at

    async def sleep(self, seconds: float) -> None:
        late = self.chance.random() * self.stall_s if self.chance.random() < 0.05 else 0.0
        await asyncio.sleep(max(0.0, seconds) + late)


@dataclass
class Tokens:
    """Takes ``per_s``, and ``size`` at once."""

    per_s: float
    size: float
    left: float = 0.0
    at: float = 0.0

    def __call__(self, now: float) -> bool:
        self.left, self.at = min(self.size, self.left + (now - self.at) * self.per_s), now
        self.left -= (taken := self.left >= 1)
        return taken


@dataclass
class Quota:
    """Takes so many in each ``window_s``, and nothing then."""

    per_s: float
    window_s: float
    number: int = -1
    count: int = 0

    def __call__(self, now: float) -> bool:
        if (number := int(now / self.window_s)) != self.number:
            self.number, self.count = number, 0
        self.count += 1
        return self.count <= self.per_s * self.window_s


@dataclass
class SlowRelay:
    """Postfix: a look and a release take their time; until it is released, a mail says what it said before."""

    loop: Loop
    chance: random.Random
    shape: DrainSettings
    takes: Callable[[float], bool]
    mails: dict[str, QueuedMail]
    release_s: float = 0.004
    look_s: float = 0.5
    name: str = "r"
    can_release: bool = True
    taken: list[float] = field(default_factory=list)
    busy: int = 0

    async def keep(self, on: bool) -> None:
        pass

    async def queue(self) -> list[QueuedMail]:
        await asyncio.sleep(self.look_s * self.chance.random())
        seen = list(self.mails.values())
        await asyncio.sleep(self.look_s * self.chance.random())
        return seen

    async def release(self, queue_ids: Sequence[str]) -> None:
        for ident in queue_ids:
            await asyncio.sleep(self.release_s * 2 * self.chance.random())
            if ident in self.mails:
                self._now(ident, "", "active")
                self.loop.call_later(0.05 + self.chance.expovariate(5), self._deliver, ident)

    def _now(self, ident: str, reason: str, queue: str) -> None:
        m = self.mails[ident]
        self.mails[ident] = QueuedMail(ident, m.sender, m.recipients, m.arrived, reason, queue)

    def _deliver(self, ident: str) -> None:
        if ident not in self.mails:
            return
        if self.takes(self.loop.at):
            self.taken.append(self.loop.at)
            del self.mails[ident]
        else:
            self.busy += 1
            self._now(ident, BUSY, "deferred")


def drained(count: int, takes: Callable[[float], bool], *, stall_s: float = 0.0, seed: int = 1, **shape: object):
    """All of it, played: the relay afterwards."""
    loop, chance = Loop(), random.Random(seed)
    given = {"rate": 500, "first_rate": 10, "step": "2s", "canary": 5, "mailbox": 10**7, "pair": 10**7, **shape}
    mails = [QueuedMail(f"Q{n}", f"s{n % 97}@o", (f"u{n % 50}@corp.test",), n, KEPT, "deferred") for n in range(count)]
    relay = SlowRelay(loop, chance, DrainSettings.model_validate(given), takes, {m.queue_id: m for m in mails})
    try:
        clock = SlowClock(loop, chance, stall_s)
        drain = ShapedDrain(relay, relay, frozenset({"corp.test"}), clock, NoBook())
        status = loop.run_until_complete(drain.run(20_000, 0.0))
    finally:
        loop.close()
    assert status.state == "done" and not relay.mails and len(relay.taken) == count
    return relay
