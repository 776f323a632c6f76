"""An outage as a file: what each vantage point saw, minute by minute, and what the detector must make of it.

The model is what ``docs/howto/write-an-outage.md`` describes. Chance is seeded: the same file always plays the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, model_validator

from bcp.contracts.plugin import Duration, Model
from bcp.contracts.probe import PlaneName
from bcp.detect.moments import Moment_, when
from bcp.detect.truth import TruthEntry
from bcp.detect.wording import ACTIONS
from bcp.kernel.units import parse_duration

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


def _date(value: Any) -> Any:
    return when(value).at if isinstance(value, str) else value


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


def _word(value: Any) -> Any:
    """YAML reads 429 as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Word_ = Annotated[str, BeforeValidator(_word), WithJsonSchema({"type": ["string", "integer"]})]
PartKey = Literal["recipient", "address", "family", "host", "resolver", "domain"]
Letter = Annotated[str, StringConstraints(pattern=r"^[A-H]?$")]


def _texts(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


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
    domains: list[str] = Field(default_factory=list)
    """Which of our domains it speaks of. Empty: all of them. Domains that are named are judged apart."""
    parts: dict[PartKey, list[str | int]] = Field(default_factory=dict)
    """What one look consists of: `{recipient: [a, b], family: [4, 6]}` is four parts.
    A moment may speak of some of them."""


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
    kind: Word_ = ""
    """What was seen, as a word of docs/reference/kinds.md."""
    part: dict[PartKey, str | int] = Field(default_factory=dict)
    """Only the parts of the look that are so: `{recipient: canary-1@example.org}`. Empty: the whole look."""
    together: bool = False
    """With `share`: the looks of one round share one fate, whatever probe and place; without it each has its own."""
    seconds: Annotated[float, Field(ge=0)] | None = None
    """Latency of the look, in seconds."""
    queue: Annotated[float, Field(ge=0)] | None = None
    """Length of the queue."""
    planes: list[PlaneName] = Field(default_factory=list)
    """Of a declaration: the planes that it names. Empty: the service as a whole."""
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
    word: Literal["is", "is-not", "maintenance"] | None = None
    """What a person on call declares, from `at` to `until`:
    that it is an outage (`class`), that it is none, maintenance."""
    class_: Letter = Field(default="", alias="class")
    """With `word: is`: the class."""
    who: str = "on-call"
    """With `word`: who says so."""

    @model_validator(mode="after")
    def _whole(self) -> Moment:
        said = [self.result is not None, self.silent, self.clock is not None, self.event is not None, bool(self.word)]
        if sum(said) != 1:
            raise ValueError("say exactly one of result:, silent:, clock:, event: and word:")
        if self.word == "is" and not self.class_:
            raise ValueError("word: is needs class:")
        if (self.result is not None or self.silent) and not self.probe:
            raise ValueError("name the probe: that sees it")
        if (self.on is None) != (self.off is None):
            raise ValueError("on: and off: belong together")
        if self.share[0] != self.share[1] and self.until is None:
            raise ValueError("a share that grows needs until:")
        return self


STATES = ("healthy", "suspect", "down", "unknown")
STAGES = ("healthy", "suspect", "confirmed", "decided", "active", "recovering", "failback", "draining", "closed")
LETTERS = ("", *"ABCDEFGH")


def _allowed(names: Sequence[str]) -> tuple[BeforeValidator, WithJsonSchema]:
    """One of these names, or a list of some of them."""

    def check(value: Any) -> Any:
        given = _texts(value)
        wrong = [v for v in given if v not in names] if isinstance(given, list) else [given]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not one of {', '.join(n or repr(n) for n in names)}")
        return given

    one = {"type": "string", "enum": list(names)}
    return BeforeValidator(check), WithJsonSchema({"anyOf": [one, {"type": "array", "items": one}]})


States = Annotated[list[str], *_allowed(STATES)]
Stages = Annotated[list[str], *_allowed(STAGES)]
Letters = Annotated[list[str], *_allowed(LETTERS)]
Actions = Annotated[list[str], *_allowed(tuple(ACTIONS))]


class Expect(Model):
    """What must hold. One of at, by, never, always says when; everything else must be so at the same time."""

    at: Moment_ | None = None
    """At the first round at or after this moment."""
    by: Moment_ | None = None
    """At some round up to this moment ..."""
    after: Moment_ | None = None
    """... the first one at or after this moment (with `by`): rounds before do not count ..."""
    not_before: Moment_ | None = None
    """... and at none before this one (with `by`)."""
    never: bool = False
    """True: at no round."""
    always: bool = False
    """True: at every round."""
    from_: Moment_ | None = Field(default=None, alias="from")
    """With never, always: only from here ..."""
    until: Moment_ | None = None
    """... to here, the round of this moment among them (an entry of the timeline ends before it)."""
    state: States | None = None
    """State of the service; one of these."""
    stage: Stages | None = None
    """Stage of the incident; one of these."""
    class_: Letters | None = Field(default=None, alias="class")
    """The most urgent class; one of these; empty text for none."""
    classes: list[Annotated[str, StringConstraints(pattern=r"^[A-H]$")]] | None = None
    """All classes, in any order."""
    planes: list[PlaneName] | None = None
    """All planes that are down, in any order."""
    action: Actions | None = None
    """The proposal; one of these."""
    playbook: str | None = None
    """The recommended playbook."""
    domains: list[str] | None = None
    """Exactly the domains that are down, where domains are judged apart; empty for all or none."""
    spared: list[str] | None = None
    """Exactly the domains that a plan leaves alone."""
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
        if (self.not_before is not None or self.after is not None) and self.by is None:
            raise ValueError("not_before: and after: belong to by:")
        return self


class Told(Model):
    """What is read aloud at the table of an exercise. What the watch says then is added by itself."""

    at: Moment_
    """When it is read."""
    says: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
    """What people are told: a call, a mail, a question."""


TRUTH_SCHEMA = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}],
    "description": "A, none, or a list of {from, until, class, domain, part}.",
}


def _truth(value: Any) -> Any:
    """One class for the whole length, or a list of entries."""
    if isinstance(value, str):
        return [{"class": value}]
    return value


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
    networks: dict[Name, str] = Field(default_factory=dict)
    """Network (provider) by vantage point; those of one network have one vote together."""
    truth: Annotated[list[TruthEntry], BeforeValidator(_truth), WithJsonSchema(TRUTH_SCHEMA)] = Field(
        default_factory=list
    )
    """What is really broken, whatever is seen: `A`, or a list of `{from, until, class, domain}`.
    Harm and misses are judged by it."""
    probes: Annotated[dict[Name, ScenarioProbe], Field(min_length=1)]
    """Probes by name. Before anything is said of them they find `ok`; people, alerts and declarations `unknown`."""
    timeline: list[Moment]
    """What is seen, and done. Where two entries speak of the same look, the later one in the file counts."""
    expect: Annotated[list[Expect], Field(min_length=1)]
    """What must hold."""
    table: list[Told] = Field(default_factory=list)
    """What is read aloud at a table (`bcp drill new tabletop`), in the order of its times. Empty: the changes of the
    verdict that matter most, twelve at most."""
