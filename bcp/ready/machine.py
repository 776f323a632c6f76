"""The machine that this runs on: its clock, its disk, its databases and their copies. Facts in, checks out. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.readiness import Check
from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration

DRIFT_S, WRONG_S = 2.0, 60.0
"""From here on a clock is a risk, and wrong: authenticator codes change every 30 s (RFC 6238 section 4.1), a TSIG
signature is refused beyond 300 s (RFC 8945 section 10)."""
AHEAD_S = 120.0
"""The newest thing that was written down may be so much ahead of the clock: two machines may write."""
LITTLE, SOME = 100 * 2**20, 2**30
"""Free bytes below which nothing can be relied upon to be written, and below which it is time to act."""


@dataclass(frozen=True, slots=True)
class TimeAsked:
    """What a time server said. ``offset_s``: how much our clock is ahead of it."""

    server: str
    offset_s: float = 0.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Our clock and who vouches for it."""

    now: float
    kept: bool | None = None
    """Does the kernel say that something keeps it right? ``None``: it cannot be asked."""
    asked: tuple[TimeAsked, ...] = ()
    newest: float = 0.0
    """Time of the newest thing that was written down."""
    newest_what: str = ""
    error_s: float = 0.0
    """By how much it may be wrong at most, as the kernel (or chrony) reckons since it was set last."""
    chrony: str | None = None
    """The server that chrony follows; empty: it follows none. ``None``: no chrony answers here."""
    waits: bool = False
    """systemd-timesyncd runs, and has not set the clock yet."""


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The disk under the state folder. ``problem``: why it cannot be written; empty: it can."""

    folder: str
    free: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """The copies of the state folder."""

    place: str = ""
    """Where they should be; empty: the configuration does not say."""
    newest: float = 0.0
    """When the newest was made; 0: there is none."""
    size: int = 0
    max_age_s: float = 26 * 3600.0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Damage:
    """One database that cannot be used."""

    subject: str
    message: str
    hint: str = ""


def clock(facts: ClockFacts) -> list[Check]:
    """Is it right, as far as anybody says, and has it gone back?"""
    out = [_asked(a, facts) for a in facts.asked]
    if facts.newest > facts.now + AHEAD_S:
        text = (
            f"this machine's clock says {iso(facts.now)}, and {facts.newest_what} was written down at"
            f" {iso(facts.newest)}: the clock was set back"
        )
        out.append(Check("clock", "", "fail", text, "Set it right before anything is done: approvals and proofs rest"
                         " on it."))  # fmt: skip
    elif not any(not a.problem for a in facts.asked):
        out.append(_kept(facts))
    elif facts.newest:
        out.append(Check("clock", "", "ok", _later(facts)))
    return out


def _later(facts: ClockFacts) -> str:
    return f"{iso(facts.now)}, later than everything that was written down"


def _kept(facts: ClockFacts) -> Check:
    """No time server of ours says anything: who else vouches for it?"""
    kept = facts.kept if facts.chrony is None else bool(facts.chrony)
    if kept is None:
        text = "whether anything keeps this machine's clock right is not known: its kernel cannot be asked here"
        return Check("clock", "", "unknown", text, "As in many containers: name a time server, readiness: time:.")
    if not kept:
        return Check("clock", "", "risk", _unkept(facts), "Run chrony or systemd-timesyncd, or name readiness: time:.")
    if facts.error_s >= DRIFT_S:
        text = (
            f"this machine's clock was not set for long: it may be {format_duration(round(facts.error_s))} wrong,"
            f" as {'chrony' if facts.chrony else 'its kernel'} reckons"
        )
        return Check("clock", "", "risk", text, "Does chrony or systemd-timesyncd still run, and reach its servers?")
    return Check("clock", "", "ok", f"{_later(facts)}; {_keeper(facts)}, and no time server of ours was asked")


def _keeper(facts: ClockFacts) -> str:
    return f"chrony keeps it by {facts.chrony}" if facts.chrony else "something keeps it right, as its kernel says"


def _unkept(facts: ClockFacts) -> str:
    if facts.chrony is not None:
        return "chrony runs and follows no time server: nothing keeps this machine's clock right"
    if facts.waits:
        return "systemd-timesyncd runs and has not set this machine's clock yet"
    return "nothing keeps this machine's clock right, as its kernel says"


def _asked(found: TimeAsked, facts: ClockFacts) -> Check:
    if found.problem:
        text = f"the time server {found.server} does not answer: {found.problem}"
        return Check("clock-offset", found.server, "unknown", text, "Is UDP port 123 open? See readiness: time:.")
    size, way = abs(found.offset_s), "ahead of" if found.offset_s > 0 else "behind"
    if size < DRIFT_S:
        return Check("clock-offset", found.server, "ok", f"{size:.1f} s {way} {found.server}")
    text = f"this machine's clock is {format_duration(round(size))} {way} {found.server}"
    hint = "Set it right: codes, signatures and the order of events rest on it."
    if facts.chrony or (facts.chrony is None and facts.kept):
        hint = f"One of them is wrong, though {_keeper(facts)}: codes, signatures and the order of events rest on it."
    return Check("clock-offset", found.server, "fail" if size >= WRONG_S else "risk", text, hint)


def disk(facts: DiskFacts) -> Check:
    """Can a run be written down?"""
    free = f"{facts.free // 2**20} MiB free"
    if facts.problem:
        text = f"{facts.folder} cannot be written: {facts.problem}"
        return Check("disk", facts.folder, "fail", text, "Without it no run can begin: free space, mend permissions.")
    if facts.free < LITTLE:
        return Check("disk", facts.folder, "fail", f"{facts.folder}: {free}", "Free some space: a run would stop.")
    if facts.free < SOME:
        return Check("disk", facts.folder, "risk", f"{facts.folder}: {free}", "Free some space.")
    return Check("disk", facts.folder, "ok", f"{facts.folder} can be written, {free}")


def databases(whole: Sequence[str], damaged: Sequence[Damage]) -> list[Check]:
    """Every database of the state folder."""
    out = [Check("state-database", d.subject, "fail", d.message, d.hint) for d in damaged]
    return [*out, *(Check("state-database", n, "ok", "whole") for n in whole)]


def copies(facts: CopyFacts, now: float) -> Check:
    """Is there a copy of the state folder elsewhere, and is it of today?"""
    if not facts.place:
        text = "nobody said where copies of the state folder are"
        return Check("state-copy", "", "risk", text, "Copy it every night, and say where: readiness: copies:")
    hint = "See to the job that makes them: docs/howto/readiness.md"
    if facts.problem or not facts.newest:
        why = facts.problem or "it is empty"
        text = f"there is no copy of the state folder in {facts.place}: {why}"
        return Check("state-copy", facts.place, "fail", text, hint)
    age = max(0.0, now - facts.newest)
    text = f"the newest copy of the state folder in {facts.place} is {format_duration(age)} old"
    if not facts.size:
        return Check("state-copy", facts.place, "fail", f"{text}, and empty", hint)
    if facts.newest > now + AHEAD_S:
        text = f"the newest copy of the state folder in {facts.place} is dated {iso(facts.newest)}, which is to come"
        return Check("state-copy", facts.place, "risk", f"{text}: how old it is nobody knows", hint)
    late = age > facts.max_age_s
    more = f", and should be {format_duration(facts.max_age_s)} at most" if late else ""
    return Check("state-copy", facts.place, "fail" if late else "ok", text + more, hint if late else "")
