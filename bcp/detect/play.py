"""Plays an outage file: which signals arrive in which round. Chance is seeded: the same file always plays the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from bcp.contracts.probe import Part, Result, Signal, Watched
from bcp.detect.scenario import Moment, OutageFile
from bcp.detect.words import Word

Entry = tuple[Moment, float, float]
"""A moment of the timeline, with its begin and end in seconds after the start."""
FOREVER = float("inf")


class _Seen(NamedTuple):
    """What one look saw."""

    result: Result
    kind: str = ""
    evidence: str = ""
    numbers: dict[str, float] = {}  # copied by whoever takes it
    data: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Round:
    """One round of looks."""

    at: float
    """Seconds after the start; steady."""
    wall: float
    """Wall time of this machine."""
    signals: tuple[Signal, ...]
    events: tuple[str, ...]
    words: tuple[Word, ...] = ()
    """All that persons have declared in the whole file."""


class Player:
    """Makes the rounds of a scenario."""

    def __init__(
        self, file: OutageFile, watched: Sequence[Watched], interval_s: float, baseline: Mapping[str, Result]
    ) -> None:
        self.file, self.watched, self.interval_s, self.baseline = file, watched, interval_s, baseline
        self.asked: frozenset[str] = frozenset()
        """Probes that look in the next round although it is not their turn (``Decision.wants``)."""
        start = file.start
        self._entries: list[Entry] = [
            (m, m.at.seconds(start), m.until.seconds(start) if m.until else FOREVER) for m in file.timeline
        ]
        self._by_probe = {
            w.probe: [
                e
                for e in self._entries
                if (e[0].result or e[0].silent) and (w.probe in e[0].probe or ("*" in e[0].probe and not w.control))
            ]
            for w in watched
        }
        self._clocks = [e for e in self._entries if e[0].clock is not None]
        self._events = [(at, m.event) for m, at, _ in self._entries if m.event]
        self._parts = {n: _parts_of(p.parts) for n, p in file.probes.items()}

    def rounds(self) -> Iterator[Round]:
        """All rounds, in order."""
        count = int(self.file.length / self.interval_s) + 1
        before = -1.0
        for n in range(count):
            t = n * self.interval_s
            skew = self._skew(self.file.vantages[0], t)
            signals = tuple(s for w in self.watched for s in self._looks(w, n, t))
            events = tuple(e for at, e in self._events if before < at <= t and e)
            yield Round(t, self.file.start + t + skew, signals, events, self._words(t, skew))
            before = t

    def _words(self, t: float, skew: float) -> tuple[Word, ...]:
        """What was declared by now. A word ends by this machine's clock, as it was set when it was said."""
        return tuple(
            Word(
                m.word,
                m.who,
                self.file.start + at + skew,
                self.file.start + min(until, self.file.length + 1) + skew,
                m.class_,
                m.evidence,
            )
            for m, at, until in self._entries
            if m.word and at <= t < until
        )

    def _skew(self, vantage: str, t: float) -> float:
        found = [
            m.clock for m, at, until in self._clocks if at <= t < until and (not m.vantage or vantage in m.vantage)
        ]
        return found[-1] or 0.0 if found else 0.0

    def _looks(self, w: Watched, n: int, t: float) -> Iterator[Signal]:
        every = max(1, round(w.every_s / self.interval_s))
        if n % every and w.probe not in self.asked:
            return
        for vantage in w.vantages or self.file.vantages:
            mine = [
                e for e in self._by_probe[w.probe] if e[1] <= t < e[2] and (not e[0].vantage or vantage in e[0].vantage)
            ]
            signal = self._look(w, vantage, n, t, mine)
            if signal is not None:
                yield signal

    def _look(self, w: Watched, vantage: str, n: int, t: float, entries: Sequence[Entry]) -> Signal | None:
        """One look; with parts, each of them by the last entry that speaks of it."""
        whole = next((e for e in reversed(entries) if not e[0].part), None)
        if whole is not None and whole[0].silent:
            return None
        at = self.file.start + t + self._skew(vantage, t)
        name = vantage if vantage != self.file.vantages[0] else ""
        if not self._parts[w.probe]:
            one = self._seen(w, vantage, n, t, whole)
            data, numbers = dict(one.data), dict(one.numbers)
            return Signal(
                w.probe, w.plane, one.result, at, one.kind, one.evidence, w.control, data, name, numbers=numbers
            )
        seen = []
        for part in self._parts[w.probe]:
            entry = next((e for e in reversed(entries) if _speaks_of(e[0], part)), None)
            seen.append(_as_seen(part, self._seen(w, vantage, n, t, entry)))
        return _summed(w, seen, at, name)

    def _seen(self, w: Watched, vantage: str, n: int, t: float, entry: Entry | None) -> _Seen:
        if entry is None:
            return _Seen(self.baseline[w.probe])
        moment, start, end = entry
        if moment.on is not None and (t - start) % (moment.on + (moment.off or 0.0)) >= moment.on:
            return _Seen(Result(moment.otherwise))
        low, high = moment.share
        share = low + (high - low) * ((t - start) / (end - start) if high != low else 0.0)
        fate = f"{self.file.seed}/{start}/{n}" if moment.together else f"{self.file.seed}/{w.probe}/{vantage}/{n}"
        if share < 1.0 and random.Random(fate).random() >= share:
            return _Seen(Result(moment.otherwise))
        numbers = {k: v for k, v in (("seconds", moment.seconds), ("queue", moment.queue)) if v is not None}
        data = {"planes": " ".join(moment.planes)} if moment.planes else {}
        return _Seen(Result(moment.result or "unknown"), moment.kind, moment.evidence or moment.kind, numbers, data)


def _parts_of(dimensions: Mapping[Any, Sequence[str | int]]) -> list[Part]:
    """Every combination of what is listed."""
    if not dimensions:
        return []
    names = list(dimensions)
    out = []
    for values in itertools.product(*dimensions.values()):
        given = {n: (int(v) if n == "family" else str(v)) for n, v in zip(names, values, strict=True)}
        out.append(Part(Result.OK, **given))  # type: ignore[arg-type]
    return out


def _as_seen(part: Part, one: _Seen) -> Part:
    """A part that is as it was made is itself: most are, in most rounds."""
    if (one.result, one.kind, one.evidence) == (part.result, part.kind, part.evidence) and not one.numbers:
        return part
    return replace(part, result=one.result, kind=one.kind, evidence=one.evidence, numbers=dict(one.numbers))


def _speaks_of(moment: Moment, part: Part) -> bool:
    return all(str(getattr(part, n)) == str(v) for n, v in moment.part.items())


def _summed(w: Watched, parts: Sequence[Part], at: float, vantage: str) -> Signal:
    """The look as a probe would sum it up."""
    results = {p.result for p in parts}
    bad = next((p for p in parts if p.result is Result.FAIL), None) or next(
        (p for p in parts if p.result is not Result.OK), parts[0]
    )
    result = parts[0].result if len(results) == 1 else Result.DEGRADED
    found = tuple(parts)
    return Signal(w.probe, w.plane, result, at, bad.kind, bad.evidence, w.control, vantage=vantage, parts=found)
