"""From looks to planes: vantages agree about a probe, probes of one kind are a way of looking, ways make a plane. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bcp.contracts.probe import THROTTLED, Result, Role, Signal, Watched
from bcp.detect.counter import Stream
from bcp.detect.quorum import agreed
from bcp.detect.rules import Rules


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What all vantages together say of one probe."""

    watched: Watched
    known: bool
    down: bool
    rejecting: bool
    failing_now: bool
    suspect: bool
    alone: tuple[str, ...]
    """Vantages that see it down while the others do not: no quorum."""
    share: float
    since: float | None
    worst: Signal | None
    throttled: bool = False
    split: tuple[int, int, int] = (0, 0, 0)
    """Vantages that see it down, well, or do not know."""
    raw: bool = False
    """The last known looks fail, by quorum."""


@dataclass(frozen=True, slots=True)
class WayView:
    """One way of looking at a plane, over all its targets."""

    way: str
    role: Role
    known: bool
    down: bool
    rejecting: bool
    failing_now: bool
    suspect: bool
    share: float
    """Share of looks that failed lately, the mean over targets that fail at all."""
    down_targets: int
    targets: int
    since: float | None
    worst: Signal | None
    split: tuple[int, int, int] = (0, 0, 0)
    raw: bool = False
    """Its last looks fail, by quorum and on enough targets, before any hysteresis."""


@dataclass(frozen=True, slots=True)
class PlaneView:
    """A plane: ``status`` is ok, partial, suspect, down or unknown."""

    name: str
    status: str
    ways: tuple[WayView, ...]
    rejecting: bool = False
    failing_now: bool = False
    share: float = 0.0
    since: float | None = None
    agree: int = 0
    """Ways that say it is down."""
    against: tuple[str, ...] = ()
    """Ways that look themselves and see it well."""


def view_probe(
    watched: Watched, streams: Mapping[str, Stream], vantages: Sequence[str], now: float, rules: Rules
) -> ProbeView:
    """Vote of the vantages on one probe. ``streams`` is by vantage; those that are missing or silent do not vote."""
    where = watched.vantages or vantages
    patience = rules.stale_after * watched.every_s + rules.interval_s
    down: list[str] = []
    fine: list[str] = []
    rejecting = failing = failing_here = suspect = failing_well = 0
    since: float | None = None
    worst: Signal | None = None
    shares: list[float] = []
    for vantage in where:
        stream = streams.get(vantage)
        if stream is None or not stream.fresh(now, patience):
            continue
        (down if stream.down else fine).append(vantage)
        rejecting += stream.rejecting
        failing += stream.seen is Result.FAIL
        failing_here += stream.seen is Result.FAIL and stream.looked_at == stream.known_at
        failing_well += stream.seen is not Result.FAIL
        suspect += stream.value >= min(rules.suspect, rules.threshold)
        shares.append(stream.share())
        if stream.first_failure is not None and (since is None or stream.first_failure < since):
            since = stream.first_failure
        if stream.last is not None and stream.last.result is not Result.OK and (worst is None or stream.down):
            worst = stream.last
    n = len(where)
    at_once = watched.role in {Role.PEOPLE, Role.TOLD}  # they have counted already
    is_down = failing > 0 if at_once else agreed(n, len(down), len(fine))
    refused = agreed(n, rejecting, len(down) + len(fine) - rejecting)
    lately = sorted(shares)[len(shares) // 2] if len(shares) > 1 else (shares[0] if shares else 0.0)
    return ProbeView(
        watched,
        bool(down or fine),
        is_down or refused,
        refused,
        failing_here > 0 if at_once else agreed(n, failing_here, failing_well),
        suspect > 0,
        tuple(down) if down and not is_down and not refused else (),
        lately,
        since,
        worst,
        worst is not None and worst.kind == THROTTLED,
        (len(down), len(fine), n - len(down) - len(fine)),
        agreed(n, failing, failing_well),
    )


def view_way(probes: Sequence[ProbeView], rules: Rules) -> WayView:
    """Probes of one kind in one plane: down when enough of their targets are."""
    known = [p for p in probes if p.known]
    down = [p for p in known if p.down]
    first = probes[0].watched
    enough = bool(known) and len(down) / len(known) >= rules.target_share
    chosen = down or [p for p in known if p.worst is not None]
    return WayView(
        first.way,
        first.role,
        bool(known),
        enough,
        enough and sum(p.rejecting for p in down) * 2 > len(down),
        enough and any(p.failing_now for p in down),
        any(p.suspect for p in known),
        sum(p.share for p in down) / len(down) if down else max((p.share for p in known), default=0.0),
        len(down),
        len(known),
        min((p.since for p in (down or known) if p.since is not None), default=None),
        chosen[0].worst if chosen else None,
        max((p.split for p in (down or known)), default=(0, 0, 0)),
        bool(known) and sum(p.raw for p in known) / len(known) >= rules.target_share,
    )


def view_plane(name: str, ways: Sequence[WayView], *, corroborated: bool, rules: Rules) -> PlaneView:
    """The rule of the house: two independent ways, or one and something that corroborates it, or the only one there is.

    People's reports and other monitoring count beside a look. People alone are believed only where nothing looks;
    another monitoring system alone never is.
    """
    looks = [w for w in ways if w.role is Role.LOOK and w.known]
    down = [w for w in looks if w.down]
    people = [w for w in ways if w.role is Role.PEOPLE and w.down]
    told = [w for w in ways if w.role is Role.TOLD and w.down]
    rejecting = any(w.rejecting for w in down)
    enough = len(down) >= min(rules.need, len(looks)) > 0
    is_down = bool(down) and (enough or rejecting or bool(people) or bool(told) or corroborated)
    is_down = is_down or (not looks and bool(people))
    agree = [*down, *people, *told]
    against = tuple(w.way for w in looks if not w.down and not w.suspect and not (rejecting and w.share == 0))
    share = max((w.share for w in ways), default=0.0)
    if is_down:
        status = "down"
    elif any((w.share and not w.down) or (w.down_targets and not w.down) for w in looks):
        status = "partial"
    elif down or people or told or any(w.suspect for w in ways):
        status = "suspect"
    else:
        status = "ok" if looks else "unknown"
    return PlaneView(
        name,
        status,
        tuple(ways),
        rejecting,
        is_down and (any(w.failing_now for w in down) or (bool(people) and not down)),
        share,
        min((w.since for w in (agree or ways) if w.since is not None), default=None),
        len(agree),
        against,
    )


def sick_media(controls: Iterable[tuple[Watched, Stream | None, bool]]) -> set[str]:
    """Media of one vantage whose control probes all fail. ``*`` when every control does: this vantage is cut off.

    Each item is a control, its stream, and whether it is fresh. A control that says nothing does not vote.
    """
    by_medium: dict[str, list[bool]] = {}
    for watched, stream, fresh in controls:
        if stream is None or stream.last is None or not fresh:
            continue
        by_medium.setdefault(watched.medium, []).append(stream.last.result in {Result.FAIL, Result.UNKNOWN})
    sick = {medium for medium, bad in by_medium.items() if all(bad)}
    return sick | {"*"} if by_medium and len(sick) == len(by_medium) else sick
