"""The detector: signals in, one verdict a round out. No clock and no I/O, so that history can be replayed.

Signals that arrive between two calls of ``settle`` are one round: their order of arrival does not matter, and the
control probes of the same round decide whether the failures among them are believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from bcp.contracts.kinds import in_words
from bcp.contracts.probe import DISPROVES, OWN, Result, Role, Signal, Watched
from bcp.detect import own, survey
from bcp.detect.conclude import conclude
from bcp.detect.counter import Stream
from bcp.detect.course import Course, after_event
from bcp.detect.evidence import NO_INCIDENT
from bcp.detect.inbound import Around, is_known_look
from bcp.detect.looks import MAIL, canonical, derived, refined, set_aside, split
from bcp.detect.mails import TAKEN, TRIP, Mails
from bcp.detect.memory import PlaneMemory
from bcp.detect.planes import FRESH_LOOKS, PlaneView, ProbeView, sick_media, view_probe
from bcp.detect.rounds import Round
from bcp.detect.rules import Rules
from bcp.detect.survey import Backing, Survey
from bcp.detect.verdict import MOVED, Decision
from bcp.detect.words import Word, active, backed_by

HERE = "local"
"""Name of this machine as a vantage point, where nothing else is configured."""
_NOTHING: frozenset[str] = frozenset()


class Detector:
    """Counters, quorum, planes, classes, stage."""

    def __init__(
        self,
        rules: Rules,
        watched: Iterable[Watched] = (),
        *,
        vantages: Sequence[str] = (HERE,),
        here: str = HERE,
        networks: Mapping[str, str] | None = None,
    ) -> None:
        self.rules, self.here = rules, here
        self.vantages = tuple(vantages) or (here,)
        self.networks = {v: n for v, n in (networks or {}).items() if n}
        self._watched: dict[str, Watched] = {}
        self._guards: dict[str, Watched] = {}  # the control probes
        self._sick_now: dict[str, set[str]] = {}  # of each place: media over which nothing answers in this round
        self._lanes: dict[str, Watched] = {}
        self._streams: dict[str, dict[str, Stream]] = {}
        self.memory: dict[tuple[str, str], PlaneMemory] = defaultdict(PlaneMemory)
        self._seen: dict[str, ProbeView] = {}  # lanes as the last round saw them
        self._pending: list[Signal] = []
        self._own: dict[tuple[str, str], Signal] = {}
        self._skews: dict[str, float] = {}
        self._skewed: dict[str, float] = {}
        self._declared: dict[tuple[str, str], tuple[float, Signal]] = {}
        self._sublanes: dict[str, set[str]] = defaultdict(set)
        self._divided: set[str] = set()  # probes whose looks go to lanes of their own: of recipients, of domains
        self._mails = Mails()
        self._fresh_until = float("-inf")
        self._looked: frozenset[str] = frozenset()
        self._before: float | None = None
        self._drift: float | None = None
        self._set_by = 0.0  # seconds by which our own clock was set while we ran
        self._words: tuple[Word, ...] = ()
        self.course = Course()
        self.ignored = 0
        """Signals of probes or vantages that nobody configured."""
        for one in watched:
            self.add(one)
        self._said = Decision("unknown", evidence=("nothing was looked at yet",))

    def add(self, watched: Watched) -> None:
        """A probe to listen to."""
        self._watched[watched.probe] = watched
        (self._guards if watched.control else self._lanes)[watched.probe] = watched
        self._streams.setdefault(watched.probe, {})
        self._mails.add(watched)

    def take(self, signal: Signal) -> None:
        """One observation, to be settled with the round."""
        self._pending.append(signal)

    def event(self, name: str, now: float) -> None:
        """A person, a sender or a run did something: one of ``bcp.detect.course.EVENTS``."""
        self.course = after_event(self.course, name, now)

    def heed(self, words: Iterable[Word]) -> None:
        """All that persons have declared; which of it holds is judged each round."""
        self._words = tuple(words)

    def decision(self) -> Decision:
        """The verdict of the last round."""
        return self._said

    def settle(self, now: float, wall: float, *, beat: bool = True) -> Decision:
        """Take the round in and say what it means. ``now`` is steady time, ``wall`` is for people.

        ``beat``: this round counts for flapping and the sparkline, once an interval.
        """
        pending, self._pending = self._pending, []
        self._watch_own_clock(now, wall)
        self._believe(sorted(pending, key=canonical), now, wall)
        return self._say(now, wall, beat=beat)

    def _watch_own_clock(self, now: float, wall: float) -> None:
        """Was our own clock set since the last round? Then it is not the others' clocks that differ."""
        drift = wall - now
        if self._drift is not None and abs(drift - self._drift) > self.rules.skew_s:
            self._set_by += drift - self._drift
        self._drift = drift

    def _believe(self, signals: Sequence[Signal], now: float, wall: float) -> None:
        self._mails.follow(self.course.active_since, self.course.clear_since, now)
        known: list[tuple[str, Signal, Watched]] = []
        for signal in signals:
            vantage = signal.vantage or self.here
            watched = self._watched.get(signal.probe)
            if watched is None or vantage not in (watched.vantages or self.vantages):
                self.ignored += 1
                continue
            if vantage != self.here:
                skew = signal.at - wall
                self._skews[vantage] = min(skew, skew + self._set_by, key=abs)
            known.append((vantage, signal, watched))
        if self._skews:
            self._skewed = own.skewed(self._skews, self.here, self.rules.skew_s)
        for vantage, signal, watched in known:  # controls first: they judge the others of their round
            if watched.control:
                self._stream(signal.probe, vantage).take(signal, now, self.rules)
        sick = self._sick_now = {v: self._sick(v, now) for v in self.vantages}
        for vantage, signal, watched in sorted(known, key=lambda k: k[2].way == TRIP):  # looks tell what mails met
            if not watched.control:
                self._take(vantage, signal, watched, sick.get(vantage, _NOTHING), now)

    def _take(self, vantage: str, signal: Signal, watched: Watched, sick: AbstractSet[str], now: float) -> None:
        """One look of a probe: what is our own fault is set aside, the rest goes to its lanes."""
        if watched.way == TRIP and (said := self._mails.by_relay(signal, now)) is not None:
            if signal.kind != TAKEN:  # it speaks of the way out, and not of the service's door
                self._hear(signal.probe, vantage, said, watched, sick, now)
            return
        if signal.kind == TAKEN:  # no look: what becomes of it is said when it is over
            self._mails.take(vantage, signal, watched, now)
            return
        plain = not signal.kind and not signal.parts and signal.probe not in self._sublanes
        if plain and watched.role is Role.LOOK:
            self._own.pop((signal.probe, vantage), None)  # the newest look speaks
            self._mails.take(vantage, signal, watched, now)  # nothing plain was not taken
            self._hear(signal.probe, vantage, signal, watched, sick, now)
            return
        signal = self._ours(vantage, refined(signal), watched)
        if watched.role is Role.DECLARED:
            self._declared[(signal.probe, vantage)] = (now, signal)
        cut_off, blind = bool({"*", watched.medium} & sick), self._blind(vantage, signal, watched, now)
        self._mails.take(vantage, signal, watched, now, cut_off=cut_off, blind=blind)
        for lane in self._spread(signal, watched):
            self._hear(lane[0], vantage, lane[2], lane[1], sick, now)

    def _blind(self, vantage: str, signal: Signal, watched: Watched, now: float) -> bool:
        """Of a mail that is not taken and does not say why: do all looks at known recipients there say nothing?"""
        if signal.kind != "not-taken":
            return False
        looks = (
            (w, self._streams[n].get(vantage)) for n, w in self._lanes.items() if is_known_look(w, watched.domains)
        )
        fresh = [s.last for w, s in looks if s is not None and now - s.looked_at <= self._patience(w)]
        return bool(fresh) and all(one is None or one.result is Result.UNKNOWN for one in fresh)

    def _ours(self, vantage: str, signal: Signal, watched: Watched) -> Signal:
        """Our own faults, and limits of our own, are unknown and are said."""
        key = (signal.probe, vantage)
        alone = watched.medium != "smtp" or self._only_one(watched)
        limit = survey.is_limit(signal.kind) and alone
        if signal.parts:
            parts = tuple(set_aside(p, alone) for p in signal.parts)
            if any(a is not b for a, b in zip(parts, signal.parts, strict=True)):
                signal = replace(signal, parts=parts)
        if signal.kind.startswith(OWN) and signal.kind != "own-zone":
            self._own[key] = signal
            return replace(signal, result=Result.UNKNOWN)
        if limit:  # nobody else can tell whether it is the service or us
            self._own[key] = signal
            return replace(signal, result=Result.UNKNOWN) if survey.failed(signal.result) else signal
        self._own.pop(key, None)
        return signal

    def _only_one(self, watched: Watched) -> bool:
        return len(watched.vantages or self.vantages) == 1

    def _spread(self, signal: Signal, watched: Watched) -> Iterable[tuple[str, Watched, Signal]]:
        """The lanes of a signal. One without parts of a probe that has had parts speaks for all of its lanes."""
        apart = self._sublanes.get(signal.probe, set())
        lanes = split(signal, watched)
        if len(lanes) == 1 and lanes[0].name == watched.probe and apart:
            lanes = [replace(lanes[0], name=n, watched=self._lanes[n]) for n in sorted(apart) if "#" not in n] or lanes
        for lane in lanes:
            for one in derived(lane, self._lanes):
                if one.name not in self._lanes:
                    self._lanes[one.name] = one.watched
                    self._streams.setdefault(one.name, {})
                if one.name != watched.probe:
                    self._sublanes[signal.probe].add(one.name)
                    if "#" not in one.name:
                        self._divided.add(signal.probe)
                yield one.name, one.watched, one.signal

    def _hear(
        self, lane: str, vantage: str, signal: Signal, watched: Watched, sick: AbstractSet[str], now: float
    ) -> None:
        if survey.failed(signal.result) and (
            (vantage in self._skewed and vantage != self.here)
            or (watched.medium and watched.medium in sick and not self._answered(signal, watched, vantage))
            or ("*" in sick and watched.role is not Role.PEOPLE)
            or ("dns" in sick and signal.kind == "not-taken")  # who finds no names finds no way for a mail
        ):
            signal = replace(signal, result=Result.UNKNOWN)
        if signal.result is not Result.UNKNOWN and watched.plane in MOVED:
            self._fresh_until = max(self._fresh_until, now + FRESH_LOOKS * max(watched.every_s, self.rules.interval_s))
        self._stream(lane, vantage).take(signal, now, self.rules)

    def _stream(self, lane: str, vantage: str) -> Stream:
        return self._streams[lane].get(vantage) or self._streams[lane].setdefault(vantage, Stream())

    def _sick(self, vantage: str, now: float) -> set[str]:
        return sick_media(
            (w, s, s is not None and now - s.looked_at <= self._patience(w))
            for w in self._guards.values()
            if vantage in (w.vantages or self.vantages)
            for s in (self._streams[w.probe].get(vantage),)
        )

    def _answered(self, signal: Signal, watched: Watched, vantage: str) -> bool:
        controls = (n for n, w in self._guards.items() if w.medium == "smtp")
        lasts = [s.last for n in controls if (s := self._streams[n].get(vantage)) is not None]
        return watched.medium == "smtp" and own.came_through(signal, [x for x in lasts if x is not None])

    def _patience(self, watched: Watched) -> float:
        return self.rules.stale_after * watched.every_s + self.rules.interval_s

    # -- out -----------------------------------------------------------------------------------------------------

    def _say(self, now: float, wall: float, *, beat: bool) -> Decision:
        passed = now - self._before if self._before is not None else 0.0
        self._before = now
        lanes = self._views(now)
        self._looked = frozenset(n.split("#")[0] for n, s in self._streams.items() if s)
        words = active(self._words, wall)
        backing = self._backing(now, words)
        whole = survey.survey(lanes.values(), backing, self._around(now), self.rules)
        apart, spared, unseen = self._apart(lanes.values(), backing, now)
        views = [
            survey.merged(v, {d: p for d, s in apart.items() if (p := s.plane(v.name))}, len(apart) + len(spared))
            if apart and v.name in survey.APART
            else v
            for v in whole.views
        ]
        for view in views:
            self._remember(view, "", now, wall, passed, beat=beat)
        self._remember_domains(apart, spared, now, wall, passed, beat=beat)
        sick = list(self._sick_now.values())
        found = Round(
            rules=self.rules,
            now=now,
            wall=wall,
            course=self.course,
            views=tuple(views),
            whole=whole,
            apart=apart,
            spared=spared,
            memory=self.memory,
            lanes=lanes,
            backing=backing,
            own=tuple(self._own_faults(now)),
            looked=self._looked,
            interrupted=self._interrupted(),
            vantages=self.vantages,
            controls=None if any(sick) else sum(1 for w in self._watched.values() if w.control),
            notes=tuple(self._notes(lanes, views, now)),
            fresh=now <= self._fresh_until,
            words=words,
            ours=frozenset(
                p for (p, _), s in self._own.items() if s.kind.startswith(OWN) and own.of_the_sender(s.kind)
            ),
            unseen=unseen,
            relay_unseen=all("smtp" in s for s in sick),
        )
        self.course, self._said = conclude(found)
        self._mails.ask(now, wanted=bool(self._said.wants))
        return self._said

    def _views(self, now: float) -> dict[str, ProbeView]:
        """Every lane. One whose looks all go to lanes of their own says nothing itself."""
        self._seen = {
            n: view_probe(w, self._streams[n], self.vantages, now, self.rules, self.networks, self._seen.get(n))
            for n, w in self._lanes.items()
            if self._streams[n] or n not in self._divided
        }
        return self._seen

    def _around(self, now: float, domain: str = "", *, alike: bool = True) -> Around:
        before = self.memory.get(("inbound", domain))
        found = self._mails.around(now, domain, alike=alike, proven=before is not None and before.refused)
        if before is not None:
            lately = now - before.false_at <= 2 * self.rules.threshold * self.rules.interval_s
            found = replace(found, parted=before.parted, false_lately=lately)
        return replace(found, ours=frozenset(p for (p, _), s in self._own.items() if own.of_the_sender(s.kind)))

    def _apart(
        self, lanes: Iterable[ProbeView], backing: Backing, now: float
    ) -> tuple[dict[str, Survey], tuple[str, ...], frozenset[str]]:
        """Of the domains that are looked at apart: those that do not look well, each surveyed; the others; and those
        of them that nobody sees."""
        named, general = survey.by_domain(lanes)
        if not named:
            return {}, (), _NOTHING
        remembered = {d for (_, d), m in self.memory.items() if d and not m.idle}
        bad = [d for d, mine in named.items() if d in remembered or any(survey.doubtful(x) for x in mine)]
        if any(survey.doubtful(x) for x in general):
            bad = list(named)
        alike = survey.alike(named.values())
        around = {d: self._around(now, d, alike=alike) for d in bad}
        found = {d: survey.survey([*named[d], *general], backing, around[d], self.rules) for d in sorted(bad)}
        spared = tuple(sorted(d for d in named if d not in found))
        return found, spared, frozenset(d for d in spared if survey.unseen(named[d]))

    def _remember(self, view: PlaneView, domain: str, now: float, wall: float, passed: float, *, beat: bool) -> None:
        doubtful = view.name == "inbound" and view.status not in {"ok", "unknown"}
        limited, alone = doubtful and survey.only_limits(view), doubtful and survey.only_mails(view)
        memory = self.memory[(view.name, domain)]
        memory.remember(view, now, wall, passed, self.rules, beat=beat, limited=limited, mails_alone=alone)

    def _remember_domains(
        self, apart: Mapping[str, Survey], spared: Sequence[str], now: float, wall: float, passed: float, *, beat: bool
    ) -> None:
        for domain, seen in apart.items():
            for view in seen.views:
                self._remember(view, domain, now, wall, passed, beat=beat)
        for key in [k for k, m in self.memory.items() if k[1] and k[1] in spared and m.idle]:
            del self.memory[key]

    def _backing(self, now: float, words: Sequence[Word]) -> Backing:
        """What others declare: one that is sure, or two that are weak; and what persons on call have declared."""
        strong: list[tuple[str, Signal]] = []
        weak: list[tuple[str, Signal]] = []
        for (probe, _), (at, signal) in self._declared.items():
            if now - at > self._patience(self._watched[probe]) or signal.kind in NO_INCIDENT:
                continue
            if survey.failed(signal.result):
                (strong if signal.result is Result.FAIL else weak).append((probe, signal))
        people = backed_by(words)
        if not strong and len({p for p, _ in weak}) < 2:
            return Backing(people=people)
        texts = tuple(dict.fromkeys(f"{p}: {in_words(s.evidence)}" for p, s in [*strong, *weak]))
        named = [frozenset(s.data.get("planes", "").split()) for _, s in (strong or weak)]
        return Backing(texts, frozenset().union(*named) if all(named) else None, people)

    def _interrupted(self) -> bool:
        """The provider itself speaks of an interruption while we see nothing: people should look."""
        return any(s.result is Result.FAIL and s.kind == "interruption" for _, s in self._declared.values())

    def _own_faults(self, now: float) -> list[own.Own]:
        """What is broken on our side, as (vantage, what)."""
        out: list[own.Own] = []
        for vantage in self.vantages:
            out += own.cut_off(vantage, self._sick_now.get(vantage, _NOTHING))
            if vantage in self._skewed:
                out.append(own.clock_words(vantage, self._skewed[vantage]))
        return out + [(v, f"{p}: {in_words(s.evidence or s.kind)}") for (p, v), s in sorted(self._own.items())]

    def _notes(self, lanes: Mapping[str, ProbeView], views: Sequence[PlaneView], now: float) -> list[str]:
        out: list[str] = []
        for name, view in lanes.items():
            if view.alone and len(out) < 20:
                who = ", ".join(view.alone)
                what = "says that this address is throttled: per IP" if view.throttled else "sees it fail"
                out.append(f"{name}: only {who} {what}; no quorum ({view.split[0]} of {sum(view.split)})")
        out += [t for v in self.vantages if (t := self._silence(v, now))]
        declared = [(p, s) for (p, _), (_, s) in self._declared.items()]
        out += [f"{p}: {in_words(s.evidence)}" for p, s in declared if survey.failed(s.result) or s.kind == DISPROVES]
        out += [f"{v.name}: nothing can be told" for v in survey.blind(views, self._looked)]
        return list(dict.fromkeys(out))  # several places hear the same declaration

    def _silence(self, vantage: str, now: float) -> str:
        heard = ((n, w, self._streams[n].get(vantage)) for n, w in self._watched.items())
        here = ((n, w, s) for n, w, s in heard if s is not None and vantage in (w.vantages or self.vantages))
        return own.silence_words(vantage, [n for n, w, s in here if now - s.looked_at > self._patience(w)])

    def lines(self) -> dict[str, tuple[str, ...]]:
        """Status of each plane over the last rounds, oldest first."""
        return {n: tuple(m.line) for (n, d), m in self.memory.items() if not d and m.line}


__all__ = ["HERE", "MAIL", "Decision", "Detector"]
