"""In which order kept mail goes, and how long it will take. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.kernel.units import format_duration

SHOWN = 5
HOUR_S = 3600.0
CANARY_S = 3.0
"""Until the first few are seen to be through."""


def order(mails: Iterable[QueuedMail], important: Sequence[str]) -> list[QueuedMail]:
    """Mail to important recipients first, then the oldest."""
    oldest = sorted(mails, key=lambda m: (m.arrived, m.queue_id))
    first = {a.lower() for a in important}
    return sorted(oldest, key=lambda m: first.isdisjoint(map(str.lower, m.recipients))) if first else oldest


@dataclass(frozen=True, slots=True)
class Forecast:
    """How many, and how long."""

    messages: int
    recipients: int
    seconds: float
    hot: tuple[tuple[str, int, float], ...] = ()
    """Mailboxes whose mail takes longer than all the rest: address, messages, seconds."""

    def __str__(self) -> str:
        text = f"{self.messages} message(s) to {self.recipients} recipient(s), about {format_duration(self.seconds)}"
        slow = ", ".join(f"{a} ({n} in {format_duration(s)})" for a, n, s in self.hot[:SHOWN])
        return f"{text}; the last are those to {slow}" if slow else text


def forecast(mails: Sequence[QueuedMail], shape: DrainSettings, *, rate: float = 0.0, ceiling: float = 0.0) -> Forecast:
    """How long it takes from here. ``rate``: what it has reached; 0: it has not begun. ``ceiling``: the most that
    Exchange was found to take; 0: not known."""
    top = min(shape.rate, ceiling) if ceiling else shape.rate
    all_of_it = climb(len(mails), rate or min(shape.first_rate, top), top, shape.step)
    if mails and not rate and shape.canary:
        all_of_it += CANARY_S
    boxes = Counter(r.lower() for m in mails for r in m.recipients)
    pairs = Counter((m.sender.lower(), r.lower()) for m in mails for r in m.recipients)
    slow = {a: bucket(n, shape.mailbox) for a, n in boxes.items()}
    for (_, address), n in pairs.items():
        slow[address] = max(slow[address], bucket(n, shape.pair))
    hot = sorted(((a, boxes[a], s) for a, s in slow.items() if s > all_of_it), key=lambda h: -h[2])
    longest = max([all_of_it, *(s for _, _, s in hot)])
    return Forecast(len(mails), sum(len(m.recipients) for m in mails), longest, tuple(hot))


def climb(messages: int, rate: float, top: float, step_s: float) -> float:
    """Seconds until so many have gone at a rate that doubles with each step up to the top."""
    left, seconds, now = float(messages), 0.0, min(rate, top)
    while left > 0 and now < top:
        if left <= now * step_s:
            return seconds + left / now
        left -= now * step_s
        seconds += step_s
        now = min(now * 2, top)
    return seconds + left / top


def bucket(messages: int, an_hour: int) -> float:
    """Seconds until so many have gone through a bucket that holds a minute's worth and fills again."""
    return max(0.0, messages - capacity(an_hour)) / (an_hour / HOUR_S)


def capacity(an_hour: int) -> float:
    """A minute's worth, and one at least."""
    return max(1.0, an_hour / 60)
