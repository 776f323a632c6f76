"""An outage as a file: what each vantage point saw, minute by minute, and what the detector must make of it.

The model is what ``docs/howto/write-an-outage.md`` describes. Chance is seeded: the same file always plays the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from bcp.contracts.plugin import Duration, Model
from bcp.contracts.probe import PlaneName, Result, Signal, Watched
from bcp.kernel.units import format_duration, parse_duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


@dataclass(frozen=True, slots=True)
class When:
    """A moment: after the start, or at a date."""

    offset: float | None
    at: float | None

    def seconds(self, start: float) -> float:
        """Seconds after the start."""
        return self.offset if self.offset is not None else (self.at or 0.0) - start


def _when(value: Any) -> Any:
    if isinstance(value, When):
        return value
    if not isinstance(value, str):
        raise ValueError("write 90s, 1h40m after the start, or a UTC time such as 2026-01-22T19:37:00Z")
    try:
        return When(parse_duration(value), None)
    except ValueError:
        pass
    try:
        parsed = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"{value!r} is neither a duration (1h40m) nor a UTC time (2026-01-22T19:37:00Z)") from None
    return When(None, parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp())


Moment_ = Annotated[
    When,
    BeforeValidator(_when),
    WithJsonSchema({"type": "string", "description": "1h40m after the start, or a UTC time."}),
]


def _date(value: Any) -> Any:
    return _when(value).at if isinstance(value, str) else value


def _percent(value: Any) -> Any:
    if isinstance(value, str):
        text = value.strip()
        low, dots, high = text.partition("..")
        try:
            ends = [float(p.strip().removesuffix("%")) / 100 for p in ((low, high) if dots else (low, low))]
        except ValueError:
            raise ValueError(f"{value!r} is not a share; write 30%, or 30%..90% for one that grows") from None
        if not all(0 <= e <= 1 for e in ends) or not all(
            p.strip().endswith("%") for p in ((low, high) if dots else (low,))
        ):
            raise ValueError(f"{value!r} is not a share; write 30%, or 30%..90% for one that grows")
        return tuple(ends)
    if isinstance(value, tuple):
        return value
    raise ValueError("write a share with its sign: 30%, or 30%..90% for one that grows")


SharePair = Annotated[
    tuple[float, float],
    BeforeValidator(_percent),
    WithJsonSchema({"type": "string", "description": "30%, or 30%..90%."}),
]


def _signed(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("write +7h or -10m")
    text = value.strip()
    return (-1 if text.startswith("-") else 1) * parse_duration(text.lstrip("+-"))


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[
    list[str],
    BeforeValidator(_names),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class ScenarioProbe(Model):
    """A probe of the scenario. Plane, role and medium are those of its kind."""

    kind: str
    """Kind of probe: `bcp probe --kinds`."""
    plane: PlaneName | None = None
    """Another plane than its kind's: `gateway` for a path through a relay."""
    control: bool = False
    """True: a control probe."""
    every: Duration | None = None
    """Time between looks, where longer than the interval."""
    vantages: list[Name] = Field(default_factory=list)
    """From which vantage points. Empty: from all."""


class Moment(Model):
    """From `at` on (to `until`): what these probes see from these vantage points; or what a person or run does."""

    at: Moment_
    """When it begins."""
    until: Moment_ | None = None
    """When it ends. Empty: until something later in the file says otherwise."""
    probe: Names = Field(default_factory=list)
    """Name or names of probes; `*` for all that are no control."""
    vantage: Names = Field(default_factory=list)
    """Name or names of vantage points. Empty: all."""
    result: Literal["ok", "degraded", "fail", "unknown"] | None = None
    """What a look finds."""
    share: SharePair = (1.0, 1.0)
    """Share of the looks that find it; the others find `otherwise`. `30%..90%` grows from `at` to `until`."""
    otherwise: Literal["ok", "degraded", "fail", "unknown"] = "ok"
    """What the other looks find."""
    kind: str = ""
    """Kind of failure: `rejects` and `throttled` and `own-...` matter to the class; others are for people."""
    evidence: str = ""
    """What is shown."""
    on: Duration | None = None
    """With `off`: it comes and goes, so long on ..."""
    off: Duration | None = None
    """... and so long off."""
    silent: bool = False
    """True: no look arrives."""
    clock: Annotated[float, BeforeValidator(_signed), WithJsonSchema({"type": "string"})] | None = None
    """The clock of these vantage points differs by this: `+7h`, `-10m`."""
    event: Literal["decided", "undecided", "active", "undone", "failback", "draining", "closed"] | None = None
    """What a person or a run does."""

    @model_validator(mode="after")
    def _whole(self) -> Moment:
        said = [self.result is not None, self.silent, self.clock is not None, self.event is not None]
        if sum(said) != 1:
            raise ValueError("say exactly one of result:, silent:, clock: and event:")
        if (self.result is not None or self.silent) and not self.probe:
            raise ValueError("name the probe: that sees it")
        if (self.on is None) != (self.off is None):
            raise ValueError("on: and off: belong together")
        if self.share[0] != self.share[1] and self.until is None:
            raise ValueError("a share that grows needs until:")
        return self


class Expect(Model):
    """What must hold. One of at, by, never, always says when; everything else must be so at the same time."""

    at: Moment_ | None = None
    """At the first round at or after this moment."""
    by: Moment_ | None = None
    """At some round up to this moment ..."""
    not_before: Moment_ | None = None
    """... and at none before this one (with `by`)."""
    never: bool = False
    """True: at no round."""
    always: bool = False
    """True: at every round."""
    from_: Moment_ | None = Field(default=None, alias="from")
    """With never, always: only from here ..."""
    until: Moment_ | None = None
    """... to here."""
    state: Literal["healthy", "suspect", "down", "unknown"] | None = None
    """State of the service."""
    stage: (
        Literal["healthy", "suspect", "confirmed", "decided", "active", "recovering", "failback", "draining", "closed"]
        | None
    ) = None
    """Stage of the incident."""
    class_: Annotated[str, StringConstraints(pattern=r"^[A-H]?$")] | None = Field(default=None, alias="class")
    """The most urgent class; empty text for none."""
    classes: list[Annotated[str, StringConstraints(pattern=r"^[A-H]$")]] | None = None
    """All classes, in any order."""
    planes: list[PlaneName] | None = None
    """All planes that are down, in any order."""
    action: Names | None = None
    """The proposal; one of these."""
    playbook: str | None = None
    """The recommended playbook."""
    flapping: bool | None = None
    """Is it flapping?"""
    partial: bool | None = None
    """Is it partly down?"""
    note: str | None = None
    """Text that a note or the evidence contains."""

    @model_validator(mode="after")
    def _one_time(self) -> Expect:
        if sum([self.at is not None, self.by is not None, self.never, self.always]) != 1:
            raise ValueError("say exactly one of at:, by:, never: true and always: true")
        if self.not_before is not None and self.by is None:
            raise ValueError("not_before: belongs to by:")
        return self


class OutageFile(Model):
    """An outage, version 1."""

    version: Literal[1]
    """Version of the format."""
    name: Name
    """Its name; the file's name without .yaml."""
    title: str
    """One line."""
    shape: str = ""
    """That it is a shape of a real outage, and what was simplified. Empty: made up."""
    sources: list[str] = Field(default_factory=list)
    """Where the times and facts are from."""
    start: Annotated[float, BeforeValidator(_date), WithJsonSchema({"type": "string"})]
    """UTC time of the first round."""
    length: Duration
    """How long it is played, at most 14 days."""
    seed: int = 1
    """For chance."""
    detect: dict[str, Any] = Field(default_factory=dict)
    """Rules that differ from the defaults: the keys of `detect:` in bcp.yaml."""
    vantages: Annotated[list[Name], Field(min_length=1)] = Field(default_factory=lambda: ["local"])
    """Vantage points; the first is this machine."""
    probes: Annotated[dict[Name, ScenarioProbe], Field(min_length=1)]
    """Probes by name. Before anything is said of them they find `ok`; people, alerts and declarations `unknown`."""
    timeline: list[Moment]
    """What is seen, and done. Where two entries speak of the same look, the later one in the file counts."""
    expect: Annotated[list[Expect], Field(min_length=1)]
    """What must hold."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of looks."""

    at: float
    """Seconds after the start."""
    wall: float
    """Wall time of this machine."""
    signals: tuple[Signal, ...]
    events: tuple[str, ...]


class Player:
    """Makes the rounds of a scenario."""

    def __init__(
        self, file: OutageFile, watched: Sequence[Watched], interval_s: float, baseline: dict[str, Result]
    ) -> None:
        self.file, self.watched, self.interval_s, self.baseline = file, watched, interval_s, baseline
        start = file.start
        self._entries = [
            (m, m.at.seconds(start), m.until.seconds(start) if m.until else float("inf")) for m in file.timeline
        ]
        self._by_probe = {
            w.probe: [e for e in self._entries if w.probe in e[0].probe or ("*" in e[0].probe and not w.control)]
            for w in watched
        }
        self._clocks = [e for e in self._entries if e[0].clock is not None]
        self._events = [(at, m.event) for m, at, _ in self._entries if m.event]

    def rounds(self) -> Iterator[Round]:
        """All rounds, in order."""
        count = int(self.file.length / self.interval_s) + 1
        before = -1.0
        for n in range(count):
            t = n * self.interval_s
            here = self.file.start + t + self._skew(self.file.vantages[0], t)
            signals = tuple(s for w in self.watched for s in self._looks(w, n, t))
            yield Round(t, here, signals, tuple(e for at, e in self._events if before < at <= t and e))
            before = t

    def _skew(self, vantage: str, t: float) -> float:
        found = [
            m.clock for m, at, until in self._clocks if at <= t < until and (not m.vantage or vantage in m.vantage)
        ]
        return found[-1] or 0.0 if found else 0.0

    def _looks(self, w: Watched, n: int, t: float) -> Iterator[Signal]:
        every = max(1, round(w.every_s / self.interval_s))
        if n % every:
            return
        for vantage in w.vantages or self.file.vantages:
            entry = next(
                (
                    e
                    for e in reversed(self._by_probe[w.probe])
                    if e[1] <= t < e[2] and (not e[0].vantage or vantage in e[0].vantage)
                ),
                None,
            )
            result, kind, evidence = self._result(w, vantage, n, t, entry)
            if result is not None:
                at = self.file.start + t + self._skew(vantage, t)
                name = vantage if vantage != self.file.vantages[0] else ""
                yield Signal(w.probe, w.plane, result, at, kind, evidence, w.control, {}, name)

    def _result(self, w: Watched, vantage: str, n: int, t: float, entry: Any) -> tuple[Result | None, str, str]:
        calm = self.baseline[w.probe]
        if entry is None:
            return calm, "", ""
        moment, start, end = entry
        if moment.silent:
            return None, "", ""
        if moment.on is not None and (t - start) % (moment.on + moment.off) >= moment.on:
            return Result(moment.otherwise), "", ""
        low, high = moment.share
        share = low + (high - low) * ((t - start) / (end - start) if high != low else 0.0)
        chance = random.Random(f"{self.file.seed}/{w.probe}/{vantage}/{n}").random()
        if share < 1.0 and chance >= share:
            return Result(moment.otherwise), "", ""
        return Result(moment.result), moment.kind, moment.evidence or moment.kind


def offset_text(seconds: float) -> str:
    """``+1h 40m``."""
    return "+" + format_duration(seconds)
