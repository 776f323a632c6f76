"""When an outage began: one answer for texts, reports, recovery times and the decision clock. Pure.

A command that looks for two seconds sees the first failure of those two seconds. The outage is older: the watch that
has looked all the time knows since when, or the incident, or a person. Where none of them says so, what is known is
only *at least since*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, time
from typing import Any

from bcp.detect.due import clock_of, decide_after
from bcp.detect.history import Incident
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision
from bcp.kernel.errors import Invalid
from bcp.kernel.units import parse_duration

LONGEST_S = 30 * 86_400.0
"""No outage is believed to be older than this."""
AHEAD_S = 60.0
"""A beginning that is so little in the future is a clock that differs from ours, and means now."""


@dataclass(frozen=True, slots=True)
class Onset:
    """When it began."""

    at: float = 0.0
    """Epoch seconds; 0: not known."""
    exact: bool = False
    """Is it the beginning? Else the outage has lasted *at least* since then."""
    source: str = ""
    """``person``, ``parent`` (the run that is gone back from), ``watch``, ``incident``, ``look`` (our own look of the
    moment) or ``start`` (of the run)."""

    def to_data(self) -> dict[str, Any]:
        """Plain data, as a plan keeps it."""
        return asdict(self)


UNKNOWN = Onset()


def from_data(data: Mapping[str, Any] | None) -> Onset:
    """The onset that a plan keeps; unknown for a plan that was made before plans kept it, and for what is no onset."""
    if not data:
        return UNKNOWN
    at = data.get("at")
    if isinstance(at, bool) or not isinstance(at, int | float) or at <= 0:
        return UNKNOWN
    return Onset(float(at), data.get("exact") is True, str(data.get("source", "")))


def choose(
    now: float, *, said: float = 0.0, parent: Onset = UNKNOWN, watch: Onset = UNKNOWN, incident: float = 0.0
) -> Onset:
    """The best that is known before anything is looked at; ``UNKNOWN`` where nobody says anything.

    A person's word first, then that of the run that is gone back from. Of the watch and the incident the earlier one:
    a monitoring system may have seen it before us, and we before it. Times are epoch seconds, 0 for none; what lies in
    the future or too long ago is no beginning.
    """
    if said:
        return Onset(said, True, "person")
    if parent.at:
        return Onset(parent.at, parent.exact, "parent")
    known = [o for o in (watch, Onset(incident, True, "incident")) if now - LONGEST_S <= o.at <= now]
    return min(known, key=lambda o: o.at, default=UNKNOWN)


def looked(known: Onset, seen: float, began: float) -> Onset:
    """``known``, or where nothing is known what our own look saw: it has failed at least since ``seen`` (0: it saw
    nothing fail), else at least since the run ``began``."""
    if known.at:
        return known
    return Onset(seen, False, "look") if 0 < seen <= began else Onset(began, False, "start")


def read_since(text: str, now: float) -> float:
    """What a person says of the beginning, in epoch seconds.

    ``45m`` is as long ago; ``2026-01-22T09:45Z`` a moment (UTC unless it says otherwise); ``09:45`` the last time when
    it was that time in UTC. Raises ``Invalid``: it is none of these, in the future, or more than 30 days ago.
    """
    at = _moment(text.strip(), now)
    if at is None:
        raise Invalid(
            f"--since {text!r} is no time",
            hint="For example 45m (ago), 09:45 (UTC), or 2026-01-22T09:45Z.",
            rule="since",
        )
    if at > now + AHEAD_S:
        raise Invalid(f"--since {text!r} is in the future", hint="When did it begin?", rule="since")
    if at < now - LONGEST_S:
        raise Invalid(f"--since {text!r} is more than 30 days ago", hint="When did this outage begin?", rule="since")
    return min(at, now)


def _moment(text: str, now: float) -> float | None:
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        if len(text) <= 8 and ":" in text:
            clock = time.fromisoformat(text.zfill(5))
            found = datetime.combine(datetime.fromtimestamp(now, UTC).date(), clock, UTC).timestamp()
            return found if found <= now + AHEAD_S else found - 86_400.0
        found_at = datetime.fromisoformat(text)
        return (found_at if found_at.tzinfo else found_at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def one_outage(outages: Sequence[Incident], gap_s: float) -> float:
    """Since when the outage goes on that is the last of ``outages`` (oldest first) and not over; 0: there is none.

    What is broken again within ``gap_s`` of a pause is the same outage: the service was not back, or the watch was
    started anew and had to find it again.
    """
    if not outages or outages[-1].closed:
        return 0.0
    since = outages[-1].since
    for before in reversed(outages[:-1]):
        if since - (before.clear or before.closed) > gap_s:
            break
        since = before.since
    return since


def since_onset(seen: Decision, onset: Onset, rules: Rules, now: float) -> Decision:
    """What looks of the moment say, counted from when the outage began and not from when they began to look.

    The decision clock goes on where it was. Whether MX should move is not raised to a proposal by that: a few looks
    are a few looks, and a person decides.
    """
    if not onset.at or seen.since is None or onset.at >= seen.since or seen.state not in {"down", "suspect"}:
        return seen
    need = decide_after(seen.classes, seen.planes, rules)
    by = seen.decide_at if seen.decide_at is None or need is None else onset.at + need
    clock = clock_of(seen.classes, onset.at, by) if seen.clock else ()
    found = replace(seen, since=onset.at, decide_at=by, clock=clock)
    if seen.action == "wait" and seen.failing_now and by is not None and by <= now:
        why = "it has failed for longer than the decision time of its class"
        return replace(found, action="ask", why=why)
    return found
