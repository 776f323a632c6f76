"""The detector: signals in, one verdict a round out. It reads no clock and does no I/O, so that history can be replayed.

Signals that arrive between two calls of ``settle`` are one round: their order of arrival does not matter, and the
control probes of the same round decide whether the failures among them are believed.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.probe import DISPROVES, OWN, THROTTLED, Result, Role, Signal, Watched
from bcp.detect.counter import NAGIOS_STATES, Stream, flap_percent
from bcp.detect.course import Course, after_event, after_look
from bcp.detect.decide import (
    Decision,
    Setting,
    classes_of,
    clock_of,
    confidence_of,
    decide_at,
    evidence_of,
    propose,
    switch_helps,
)
from bcp.detect.planes import PlaneView, ProbeView, WayView, sick_media, view_plane, view_probe, view_way
from bcp.detect.rules import Rules

HERE = "local"
"""Name of this machine as a vantage point, where nothing else is configured."""
_ORDER = {Result.OK: 0, Result.UNKNOWN: 1, Result.DEGRADED: 2, Result.FAIL: 3}
UNDECIDED = (0.2, 0.8)
"""Share of bad looks, over 21 rounds, between which a plane may flap without ever changing its state."""
HISTORY = 60
"""Rounds kept for the sparkline."""


@dataclass
class _Plane:
    """What is remembered of a plane between rounds."""

    down_since: float | None = None
    confirmed: bool = False
    since: float | None = None
    raw: deque[bool] | None = None
    hard: deque[bool] = field(default_factory=lambda: deque(maxlen=NAGIOS_STATES))
    percent: float = 0.0
    flapping: bool = False
    line: deque[str] | None = None


class Detector:
    """Counters, quorum, planes, classes, stage."""

    def __init__(
        self,
        rules: Rules,
        watched: Iterable[Watched] = (),
        *,
        vantages: Sequence[str] = (HERE,),
        here: str = HERE,
    ) -> None:
        self.rules, self.here = rules, here
        self.vantages = tuple(vantages) or (here,)
        self._watched: dict[str, Watched] = {}
        self._streams: dict[str, dict[str, Stream]] = {}
        self._ways: dict[tuple[str, str], list[str]] = {}
        self._planes: dict[str, _Plane] = defaultdict(_Plane)
        self._pending: list[Signal] = []
        self._own: dict[tuple[str, str], Signal] = {}
        self._skewed: dict[str, float] = {}
        self._declared: dict[tuple[str, str], tuple[float, Signal]] = {}
        self.course = Course()
        self.ignored = 0
        """Signals of probes or vantages that nobody configured."""
        for one in watched:
            self.add(one)
        self._said = Decision("unknown", evidence=("nothing was looked at yet",))

    # -- in ------------------------------------------------------------------------------------------------------

    def add(self, watched: Watched) -> None:
        """A probe to listen to."""
        self._watched[watched.probe] = watched
        self._streams.setdefault(watched.probe, {})
        if not watched.control:
            names = self._ways.setdefault((watched.plane, watched.way), [])
            if watched.probe not in names:
                names.append(watched.probe)

    def take(self, signal: Signal) -> None:
        """One observation, to be settled with the round."""
        self._pending.append(signal)

    def event(self, name: str, now: float) -> None:
        """A person, a sender or a run did something: one of ``bcp.detect.course.EVENTS``."""
        self.course = after_event(self.course, name, now)

    def decision(self) -> Decision:
        """The verdict of the last round."""
        return self._said

    def settle(self, now: float, wall: float, *, beat: bool = True) -> Decision:
        """Take the round in and say what it means. ``now`` is steady time, ``wall`` is for people.

        ``beat``: this round counts for flapping and the sparkline, once an interval.
        """
        pending, self._pending = self._pending, []
        self._believe(sorted(pending, key=_canonical), now, wall)
        return self._say(now, wall, beat=beat)

    def _believe(self, signals: Sequence[Signal], now: float, wall: float) -> None:
        known: list[tuple[str, Signal, Watched]] = []
        for signal in signals:
            vantage = signal.vantage or self.here
            watched = self._watched.get(signal.probe)
            if watched is None or vantage not in (watched.vantages or self.vantages):
                self.ignored += 1
                continue
            if vantage != self.here:
                self._check_clock(vantage, signal, wall)
            known.append((vantage, signal, watched))
        for vantage, signal, watched in known:  # controls first: they judge the others of their round
            if watched.control:
                self._stream(signal.probe, vantage).take(signal, now, self.rules)
        sick = {v: self._sick(v, now) for v in {v for v, _, w in known if not w.control}}
        for vantage, signal, watched in known:
            if not watched.control:
                self._take(vantage, signal, watched, sick[vantage], now)

    def _take(self, vantage: str, signal: Signal, watched: Watched, sick: set[str], now: float) -> None:
        key = (signal.probe, vantage)
        if signal.kind.startswith(OWN):
            self._own[key] = signal
            signal = replace(signal, result=Result.UNKNOWN)
        else:
            self._own.pop(key, None)  # the newest look speaks
        if watched.role is Role.DECLARED:
            self._declared[key] = (now, signal)
        bad = signal.result in {Result.FAIL, Result.DEGRADED}
        alone = len(watched.vantages or self.vantages) == 1
        if signal.kind == THROTTLED and alone:  # nobody else can tell whether it is the service or this address
            self._own[key] = signal
        if bad and (
            vantage in self._skewed
            or (watched.medium and (watched.medium in sick or "*" in sick))
            or (signal.kind == THROTTLED and alone)
        ):
            signal = replace(signal, result=Result.UNKNOWN)
        self._stream(signal.probe, vantage).take(signal, now, self.rules)

    def _check_clock(self, vantage: str, signal: Signal, wall: float) -> None:
        """Another machine's clock against ours. Old news and a wrong clock look the same, and are equally useless."""
        skew = signal.at - wall
        if abs(skew) > self.rules.skew_s:
            self._skewed[vantage] = skew
        else:
            self._skewed.pop(vantage, None)

    def _stream(self, probe: str, vantage: str) -> Stream:
        streams = self._streams[probe]
        if vantage not in streams:
            streams[vantage] = Stream()
        return streams[vantage]

    def _sick(self, vantage: str, now: float) -> set[str]:
        return sick_media(
            (w, s, s is not None and now - s.looked_at <= self._patience(w))
            for w in self._watched.values()
            if w.control and vantage in (w.vantages or self.vantages)
            for s in (self._streams[w.probe].get(vantage),)
        )

    def _patience(self, watched: Watched) -> float:
        return self.rules.stale_after * watched.every_s + self.rules.interval_s

    # -- out -----------------------------------------------------------------------------------------------------

    def _say(self, now: float, wall: float, *, beat: bool) -> Decision:
        probes = {
            n: view_probe(w, self._streams[n], self.vantages, now, self.rules)
            for n, w in self._watched.items()
            if not w.control
        }
        ways: dict[str, list[WayView]] = defaultdict(list)
        for (plane, _), names in self._ways.items():
            ways[plane].append(view_way([probes[n] for n in names], self.rules))
        backing = self._corroboration(now)
        views = self._views(ways, dict.fromkeys(ways, bool(backing)))
        down = {v.name for v in views if v.status == "down"}
        backed = {p: bool(backing) or bool(down - {p}) for p in ways}  # a plane that is down backs a doubtful other one
        if "mailbox" in down:  # the web front end fails with the mailboxes behind it: that is no second outage
            backed["edge"] = False
        if backed != dict.fromkeys(ways, bool(backing)):
            views = self._views(ways, backed)
        for view in views:
            self._remember(view, now, wall, beat=beat)
        self._said = self._verdict(tuple(views), probes, backing, now, wall)
        return self._said

    def _views(self, ways: Mapping[str, Sequence[WayView]], backed: Mapping[str, bool]) -> list[PlaneView]:
        return [view_plane(p, w, corroborated=backed[p], rules=self.rules) for p, w in ways.items() if p != "declared"]

    def _remember(self, view: PlaneView, now: float, wall: float, *, beat: bool) -> None:
        """Since when a plane is down, whether that is confirmed, and how unsteady it is."""
        plane = self._planes[view.name]
        if view.status == "down":
            if plane.down_since is None:
                plane.down_since = now
            held = now - plane.down_since >= self.rules.confirm_for_s - 1e-6
            plane.confirmed = plane.confirmed or view.rejecting or (held and view.failing_now)
        elif view.status != "unknown":  # blindness neither confirms nor clears
            plane.down_since, plane.confirmed = None, False
        if view.status in {"down", "suspect", "partial"}:
            plane.since = view.since if view.since is not None else (plane.since or wall)
        elif view.status == "ok":
            plane.since = None
        if beat:
            if plane.raw is None or plane.line is None:
                plane.raw, plane.line = deque(maxlen=NAGIOS_STATES), deque(maxlen=HISTORY)
            if view.status != "unknown":
                plane.raw.append(_raw(view))
                plane.hard.append(view.status == "down")
            plane.line.append(view.status)
            self._flap(plane)

    def _flap(self, plane: _Plane) -> None:
        """Nagios' percent of two histories: of the plane as decided, and of the bare looks where it is neither up nor down."""
        assert plane.raw is not None
        bare = flap_percent(tuple(plane.raw))
        share = sum(plane.raw) / len(plane.raw) if plane.raw else 0.0
        if not UNDECIDED[0] <= share <= UNDECIDED[1]:  # nine looks of ten fail: that is down, not flapping
            bare = 0.0
        plane.percent = max(bare, flap_percent(tuple(plane.hard)))
        rules = self.rules
        plane.flapping = plane.percent >= rules.flap_high or (plane.flapping and plane.percent > rules.flap_low)

    def _flapping(self, down: Sequence[PlaneView]) -> bool:
        """Does what a proposal would rest on come and go? A steady outage is not excused by another plane that flaps."""
        moved = [v for v in down if v.name in {"inbound", "dns"}]
        if moved:
            return all(self._planes[v.name].flapping for v in moved)
        return any(p.flapping for p in self._planes.values())

    def _corroboration(self, now: float) -> list[str]:
        """What others declare: one that is sure, or two that are weak."""
        strong, weak = [], []
        for (probe, _), (at, signal) in self._declared.items():
            if now - at > self._patience(self._watched[probe]) or signal.kind == DISPROVES:
                continue
            if signal.result is Result.FAIL:
                strong.append(f"{probe}: {signal.evidence}")
            elif signal.result is Result.DEGRADED:
                weak.append(f"{probe}: {signal.evidence}")
        return strong + weak if strong or len({t.split(":")[0] for t in weak}) >= 2 else []

    def _verdict(
        self,
        views: tuple[PlaneView, ...],
        probes: Mapping[str, ProbeView],
        backing: Sequence[str],
        now: float,
        wall: float,
    ) -> Decision:
        down = [v for v in views if self._planes[v.name].confirmed]
        doubtful = [v for v in views if v.status in {"down", "partial", "suspect"} and v not in down]
        if any(v.name == "inbound" for v in doubtful):  # the gateway is to blame only where direct delivery is well
            down = [v for v in down if v.name != "gateway"]
        throttled, own = _throttled(probes), self._own_faults(now)
        shown = [v for v in down if v.status != "unknown"]
        down = shown or down  # a proposal rests on what is seen now
        serious = [v for v in doubtful if v.name not in throttled]
        state = self._state(views, shown, doubtful, own, hidden=bool(down))
        names = any(v.name == "dns" and v.status == "partial" for v in doubtful)
        classes = classes_of(down or serious, names_fail=bool(down) and names)
        if own and not shown:
            classes = ("H", *classes) if state == "unknown" else (*classes, "H")
        elif throttled and not classes:
            classes = ("H",)
        since = min((p.since for v in (down or serious) if (p := self._planes[v.name]).since is not None), default=None)
        partial = any(v.status == "partial" for v in serious) and not down
        clear = not serious and not down and any(v.status == "ok" for v in views)
        self.course = course = after_look(
            self.course, down=bool(shown), suspect=state == "suspect", clear=clear, now=now, rules=self.rules
        )
        flap = max((p.percent for p in self._planes.values()), default=0.0)
        fallen = tuple(v.name for v in down)
        flapping = self._flapping(shown)
        moved = [v for v in shown if v.name in {"inbound", "dns"}]  # the clock of a switch runs from these
        first = min((p.since for v in moved if (p := self._planes[v.name]).since is not None), default=since)
        setting = Setting(
            state,
            course.stage,
            flapping,
            partial,
            wall,
            first,
            wall - (now - course.active_since) if course.active_since is not None else None,
            max((v.share for v in moved), default=1.0),
        )
        action, why, by = propose(classes, fallen, setting, self.rules)
        controls = sum(1 for w in self._watched.values() if w.control)
        sure, good, bad = confidence_of(
            down or serious, len(self.vantages), controls, corroborated=bool(backing), own=bool(own), partial=partial
        )
        evidence = [evidence_of(w) for v in (down or doubtful) for w in v.ways if w.down or w.suspect or w.share]
        notes = [*(f"{v}: {t}" for v, t in own), *self._notes(views, probes, throttled, now)]
        return Decision(
            state,
            classes,
            fallen,
            since,
            tuple(notes if state == "unknown" else evidence or (notes if state != "healthy" else ())),
            course.stage,
            sure if classes else 0,
            (*good, *backing) if classes else (),
            tuple(bad) if classes else (),
            action,
            why,
            by,
            clock_of(classes, first, by) if down and switch_helps(classes, fallen) else (),
            partial,
            flapping,
            flap,
            tuple(notes),
            views,
        )

    def _state(
        self,
        views: Sequence[PlaneView],
        down: Sequence[PlaneView],
        doubtful: Sequence[PlaneView],
        own: Sequence[tuple[str, str]],
        *,
        hidden: bool,
    ) -> str:
        if down:
            return "down"
        if hidden:
            return "unknown"
        if doubtful or self._interrupted(views):
            return "suspect"
        blind = [v for v in views if v.status == "unknown" and any(w.role is Role.LOOK for w in v.ways)]
        if not any(v.status == "ok" for v in views) or (blind and own):
            return "unknown"
        return "healthy"

    def _interrupted(self, views: Sequence[PlaneView]) -> bool:
        """The provider itself speaks of an interruption while we see nothing: people should look."""
        return bool(views) and any(
            s.result is Result.FAIL and s.kind == "interruption" for _, s in self._declared.values()
        )

    def _own_faults(self, now: float) -> list[tuple[str, str]]:
        """What is broken on our side, as (vantage, what)."""
        out: list[tuple[str, str]] = []
        for vantage in self.vantages:
            sick = self._sick(vantage, now)
            if "*" in sick:
                out.append((vantage, "every control probe fails: its own network is down, what it says is unknown"))
            else:
                out += [
                    (vantage, f"control probes over {m} fail: what it says over {m} is unknown") for m in sorted(sick)
                ]
            if vantage in self._skewed:
                out.append((vantage, f"its clock differs by {self._skewed[vantage]:+.0f} s: not believed"))
        out += [(v, f"{p}: {s.evidence or s.kind}") for (p, v), s in sorted(self._own.items())]
        return out

    def _notes(
        self, views: Sequence[PlaneView], probes: Mapping[str, ProbeView], throttled: set[str], now: float
    ) -> list[str]:
        out = []
        for name, view in probes.items():
            if view.alone:
                who = ", ".join(view.alone)
                what = "says that this address is throttled: per IP" if view.throttled else "sees it fail"
                out.append(f"{name}: only {who} {what}; no quorum ({view.split[0]} of {sum(view.split)})")
                if len(out) >= 20:
                    break
        for vantage in self.vantages:
            silent = [
                n
                for n, w in self._watched.items()
                if vantage in (w.vantages or self.vantages)
                and (s := self._streams[n].get(vantage)) is not None
                and now - s.looked_at > self._patience(w)
            ]
            if silent:
                out.append(
                    f"{vantage}: silent: {', '.join(silent[:3])}{' ...' if len(silent) > 3 else ''} (silence is not failure)"
                )
        for (probe, _), (_, signal) in self._declared.items():
            if signal.result in {Result.FAIL, Result.DEGRADED} or signal.kind == DISPROVES:
                out.append(f"{probe}: {signal.evidence}")
        out += [
            f"{v.name}: nothing can be told"
            for v in views
            if v.status == "unknown" and any(w.role is Role.LOOK for w in v.ways)
        ]
        return out

    def lines(self) -> dict[str, tuple[str, ...]]:
        """Status of each plane over the last rounds, oldest first."""
        return {n: tuple(p.line) for n, p in self._planes.items() if p.line}


def _throttled(probes: Mapping[str, ProbeView]) -> set[str]:
    """Planes about which nothing is wrong but that one vantage's own address is refused."""
    bad: dict[str, list[bool]] = defaultdict(list)
    for view in probes.values():
        if view.down or view.suspect or view.share:
            bad[view.watched.plane].append(view.throttled and not view.down)
    return {plane for plane, only in bad.items() if all(only)}


def _raw(view: PlaneView) -> bool:
    """Does it fail now, before any hysteresis? What flaps is this."""
    return any(w.role is Role.LOOK and w.known and w.raw for w in view.ways)


def _canonical(signal: Signal) -> tuple[float, str, str, int, str]:
    return (signal.at, signal.probe, signal.vantage, _ORDER[signal.result], signal.kind)


__all__ = ["HERE", "Decision", "Detector", "decide_at"]
