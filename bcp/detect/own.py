"""What is broken on our side: places that are cut off, clocks that are wrong, credentials that are refused. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import OWN, Signal
from bcp.detect.verdict import Silent
from bcp.kernel.units import format_duration

Own = tuple[str, str]
"""(vantage point, what is wrong there)."""


def skewed(skews: Mapping[str, float], here: str, limit_s: float) -> dict[str, float]:
    """Which clocks differ too much from what most of them say, and by how much. Our own is among them, at 0.

    With two clocks nobody can tell which one is wrong: ours is believed. With more, the time that most agree on is.
    """
    clocks = {here: 0.0, **{v: s for v, s in skews.items() if v != here}}
    best = min(clocks.values(), key=lambda c: (sum(abs(c - o) > limit_s for o in clocks.values()), abs(c)))
    return {v: c - best for v, c in clocks.items() if abs(c - best) > limit_s}


def cut_off(vantage: str, sick: Iterable[str]) -> list[Own]:
    """What the control probes of one place say."""
    media = sorted(sick)
    if "*" in media:
        return [(vantage, "every control probe fails: its own network is down, what it says is unknown")]
    return [(vantage, f"control probes over {m} fail: what it says over {m} is unknown") for m in media]


OF_THE_MAILBOX = frozenset({OWN + "recipient", OWN + "mailbox"})
"""Faults of ours that speak of a mailbox and not of who sends."""


def of_the_sender(kind: str) -> bool:
    """Does this fault, or limit, of ours speak of who sends, so that whatever we send meets it?"""
    return kind not in OF_THE_MAILBOX and meaning_of(kind) in {Meaning.OWN, Meaning.LIMIT}


ANSWERS = frozenset({Meaning.DEFERRED, Meaning.LOST, Meaning.LIMIT, Meaning.BROKEN})
"""What a server has to answer to be said: a conversation came about."""


def came_through(signal: Signal, controls: Iterable[Signal]) -> bool:
    """Did the service itself answer, while what we check our way with (the relay) does not answer at all?

    An answer came through our network, whoever else is dead. Something in between that answers for everybody, a
    filter at our own provider, would have answered the control probes too.
    """
    answered = meaning_of(signal.kind) in ANSWERS
    return answered and not any(meaning_of(c.kind) in ANSWERS for c in controls)


HOURS_S = 7_200.0
"""From here on a difference of clocks is told in hours, too: a zone that was set wrongly."""


def clock_words(vantage: str, off_s: float) -> Own:
    """A clock that is wrong."""
    hours = f", {format_duration(abs(off_s))} {'ahead' if off_s > 0 else 'behind'}" if abs(off_s) >= HOURS_S else ""
    return (vantage, f"its clock differs by {off_s:+.0f} s{hours}: not believed")


def silence_words(vantage: str, probes: Sequence[str]) -> str:
    """Probes that have not looked for long; empty where there is none."""
    more = " ..." * (len(probes) > 3)
    return Silent(f"{vantage}: silent: {', '.join(probes[:3])}{more} (silence is not failure)") if probes else ""


def removed_words(probes: Sequence[str]) -> list[Own]:
    """Monitoring recipients that are refused while others are taken."""
    return [
        (p, "its recipient is refused while others are taken: was the mailbox removed or its licence?") for p in probes
    ]
