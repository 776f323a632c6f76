"""Play an outage file through the real decision code in virtual time, and check what it expects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bcp import registry
from bcp.contracts.probe import Result, Role, Watched
from bcp.detect.detector import Detector
from bcp.detect.harm import Score, Seen, score
from bcp.detect.moments import When, offset_text
from bcp.detect.play import Player
from bcp.detect.scenario import Expect, OutageFile
from bcp.detect.sense import nonsense
from bcp.detect.truth import stretches
from bcp.detect.verdict import SWITCHES, Decision, switch_helps
from bcp.kernel.document import Document, did_you_mean, explain, read
from bcp.kernel.errors import Invalid, Problem
from bcp.settings import DetectSettings
from bcp.wiring import SHIPPED, recommended, rules_from, shipped_candidates

OUTAGES = SHIPPED / "outages"
"""The shipped ones."""
LONGEST_S = 14 * 86_400.0
MAX_ROUNDS = 50_000
_NOT_THERE = {"probes", "vantages", "vantage", "key", "history", "recheck", "concurrency"}


@dataclass(frozen=True, slots=True)
class Beat:
    """The verdict of one round."""

    at: float
    wall: float
    decision: Decision
    playbook: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one expectation."""

    text: str
    held: bool
    got: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Replay:
    """A played outage."""

    file: OutageFile
    path: str
    changes: tuple[Beat, ...]
    """Rounds at which the verdict changed."""
    findings: tuple[Finding, ...] = field(default=())
    rounds: int = 0
    score: Score | None = None
    """Judged by its truth; ``None`` where the file names none."""
    doubts: tuple[Problem, ...] = ()
    """What is probably not meant so, and is played all the same."""

    @property
    def held(self) -> bool:
        """Did everything hold?"""
        return all(f.held for f in self.findings)


def shipped() -> dict[str, Path]:
    """The shipped outages by name."""
    return {p.stem: p for p in sorted(OUTAGES.glob("*.yaml"))}


def find(name: str) -> Path:
    """An outage file by path or name. Raises ``Invalid``."""
    if "/" in name or name.endswith((".yaml", ".yml")):
        return Path(name)
    files = shipped()
    if name not in files:
        raise Invalid(f"there is no outage {name!r}", hint=did_you_mean(name, files) or "See bcp replay --list")
    return files[name]


def load(path: Path) -> tuple[OutageFile, Document]:
    """Read and validate. Raises ``Invalid`` with every problem at its line."""
    document = read(path)
    if not isinstance(document.data, dict):
        raise Invalid.of(
            [document.problem((), "an outage is a mapping: version, name, start, probes ...", rule="outage.shape")]
        )
    try:
        file = OutageFile.model_validate(document.data)
    except ValidationError as error:
        raise Invalid.of(explain(document, error, (), OutageFile)) from error
    problems = _cross(file, document)
    if problems:
        raise Invalid.of(sorted(problems, key=lambda p: (p.line, p.column)))
    return file, document


def _cross(file: OutageFile, document: Document) -> list[Problem]:
    out = []
    kinds = registry.kinds("probes")
    for name, probe in file.probes.items():
        if probe.kind not in kinds:
            out.append(
                document.problem(
                    ("probes", name, "kind"),
                    f"there is no kind {probe.kind!r} of probes",
                    rule="unknown-kind",
                    hint=did_you_mean(probe.kind, kinds),
                )
            )
    out += [document.problem(x.place, x.says, rule="value", hint=x.hint) for x in nonsense(file) if x.error]
    out += _names_known(file, document)
    out += _parts_known(file, document)
    if file.length > LONGEST_S:
        out.append(document.problem(("length",), "longer than 14 days", rule="value"))
    try:
        detect = DetectSettings.model_validate(file.detect)
    except ValidationError as error:
        return out + explain(document, error, ("detect",), DetectSettings)
    out += [
        document.problem(
            ("detect", k),
            f"{k} means nothing in an outage file",
            rule="unknown-key",
            key=True,
            hint="Only the rules: interval, threshold, need ...",
        )
        for k in file.detect
        if k in _NOT_THERE
    ]
    if detect.interval <= 0 or file.length / detect.interval > MAX_ROUNDS:
        out.append(
            document.problem(
                ("length",),
                f"more than {MAX_ROUNDS} rounds",
                rule="value",
                hint="Make it shorter, or detect: interval: longer.",
            )
        )
    return out


def _names_known(file: OutageFile, document: Document) -> list[Problem]:
    """A moment speaks of probes and of vantage points of this file."""
    out = []
    known = {"*", *file.probes}
    for i, moment in enumerate(file.timeline):
        out += [
            document.problem(
                ("timeline", i, "probe"),
                f"there is no probe {n!r} in this file",
                rule="unknown-reference",
                hint=did_you_mean(n, known),
            )
            for n in moment.probe
            if n not in known
        ]
        out += [
            document.problem(
                ("timeline", i, "vantage"),
                f"there is no vantage point {n!r} in this file",
                rule="unknown-reference",
                hint=did_you_mean(n, file.vantages),
            )
            for n in moment.vantage
            if n not in file.vantages
        ]
    return out


def _parts_known(file: OutageFile, document: Document) -> list[Problem]:
    """A moment speaks of parts that its probes have, and of networks of places that there are."""
    out = []
    for i, moment in enumerate(file.timeline):
        mine = [p for n, p in file.probes.items() if n in moment.probe or "*" in moment.probe]
        for name, value in moment.part.items():
            if not any(str(value) in {str(v) for v in p.parts.get(name, ())} for p in mine):
                text = f"no probe that is named here has a part {name}: {value}"
                place = ("timeline", i, "part")
                out.append(
                    document.problem(place, text, rule="unknown-reference", hint="Name it in parts: of the probe.")
                )
    out += [
        document.problem(
            ("networks", n),
            f"there is no vantage point {n!r}",
            rule="unknown-reference",
            hint=did_you_mean(n, file.vantages),
        )
        for n in file.networks
        if n not in file.vantages
    ]
    return out


def _watched(file: OutageFile, interval_s: float) -> list[Watched]:
    out = []
    for name, p in file.probes.items():
        cls = registry.probe_class(p.kind)
        every = max(interval_s, p.every or 0.0)
        plane, places, domains = p.plane or cls.plane, tuple(p.vantages), tuple(d.lower() for d in p.domains)
        out.append(Watched(name, p.kind, plane, cls.role, cls.medium, p.control, every, places, domains))
    return out


def play(path: Path) -> Replay:
    """Play a file. Raises ``Invalid`` when it is not one."""
    file, document = load(path)
    detect = DetectSettings.model_validate(file.detect)
    rules = rules_from(detect, 3600)
    watched = _watched(file, rules.interval_s)
    baseline = {w.probe: Result.OK if w.role is Role.LOOK else Result.UNKNOWN for w in watched}
    detector = Detector(rules, watched, vantages=file.vantages, here=file.vantages[0], networks=file.networks)
    books = shipped_candidates()
    beats: list[Beat] = []
    player = Player(file, watched, rules.interval_s, baseline)
    for round_ in player.rounds():
        for event in round_.events:
            detector.event(event, round_.at)
        for signal in round_.signals:
            detector.take(signal)
        detector.heed(round_.words)
        decision = detector.settle(round_.at, round_.wall)
        player.asked = frozenset(decision.wants)
        beats.append(Beat(round_.at, round_.wall, decision, recommended(decision, books)))
    findings = [_check(e, beats, file.start, document.place(("expect", i))[0]) for i, e in enumerate(file.expect)]
    findings.append(_safety(beats))
    judged = None
    if file.truth:
        course = [Seen(b.at, b.decision, b.playbook) for b in beats]
        judged = score(course, stretches(file.truth, file.start, file.length), rules)
        findings += [Finding(f"by its truth: {h.say()}", False) for h in (*judged.harms, *judged.misses)]
    doubts = (
        document.problem(x.place, x.says, rule="outage.doubt", hint=x.hint) for x in nonsense(file) if not x.error
    )
    said = tuple(x._replace(severity="warning") for x in doubts)
    return Replay(file, str(path), tuple(_changes(beats)), tuple(findings), len(beats), judged, said)


def _changes(beats: list[Beat]) -> list[Beat]:
    out: list[Beat] = []
    for beat in beats:
        if not out or _gist(out[-1]) != _gist(beat):
            out.append(beat)
    return out


def _gist(beat: Beat) -> tuple[Any, ...]:
    d = beat.decision
    return (d.state, d.stage, d.classes, d.planes, d.action, d.flapping)


_CONDITIONS: Mapping[str, Callable[[Beat], Any]] = {
    "state": lambda b: b.decision.state,
    "stage": lambda b: b.decision.stage,
    "class_": lambda b: b.decision.outage_class,
    "classes": lambda b: sorted(b.decision.classes),
    "planes": lambda b: sorted(b.decision.planes),
    "action": lambda b: b.decision.action,
    "playbook": lambda b: b.playbook,
    "flapping": lambda b: b.decision.flapping,
    "partial": lambda b: b.decision.partial,
    "domains": lambda b: sorted(b.decision.domains),
    "spared": lambda b: sorted(b.decision.spared),
    "note": lambda b: " | ".join((*b.decision.notes, *b.decision.evidence)),
}


def _wrong(expect: Expect, beat: Beat) -> list[str]:
    """What is not as expected, as ``name value``."""
    out = []
    for name, read_ in _CONDITIONS.items():
        wanted = getattr(expect, name)
        if wanted is None:
            continue
        got = read_(beat)
        if name in {"action", "state", "stage", "class_"}:
            fits = got in wanted
        elif name == "note":
            fits = wanted in got
        elif name in {"classes", "planes", "domains", "spared"}:
            fits = got == sorted(wanted)
        else:
            fits = got == wanted
        if not fits:
            out.append(f"{name.rstrip('_')} {got if got not in ('', []) else 'none'}")
    return out


def _words(expect: Expect) -> str:
    parts = []
    for name in _CONDITIONS:
        wanted = getattr(expect, name)
        if wanted is not None:
            text = ", ".join(wanted) if isinstance(wanted, list) else str(wanted)
            parts.append(f"{name.rstrip('_')} {text or 'none'}")
    return "; ".join(parts) or "anything"


def _check(expect: Expect, beats: list[Beat], start: float, line: int) -> Finding:
    words = _words(expect)
    if expect.at is not None:
        t = expect.at.seconds(start)
        beat = next((b for b in beats if b.at >= t), None)
        if beat is None:
            return Finding(f"at {offset_text(t)}: {words}", False, "the replay ends before", line)
        wrong = _wrong(expect, beat)
        return Finding(f"at {offset_text(t)}: {words}", not wrong, ", ".join(wrong), line)
    if expect.by is not None:
        return _check_by(expect, expect.by, beats, start, words, line)
    low = expect.from_.seconds(start) if expect.from_ else 0.0
    high = expect.until.seconds(start) if expect.until else float("inf")
    span = [b for b in beats if low <= b.at <= high]
    text = (
        ("never" if expect.never else "always")
        + (f" from {offset_text(low)}" if low else "")
        + (f" until {offset_text(high)}" if expect.until else "")
    )
    bad = next((b for b in span if bool(_wrong(expect, b)) != expect.never), None)
    got = "" if bad is None else f"at {offset_text(bad.at)}: " + (", ".join(_wrong(expect, bad)) or words)
    return Finding(
        f"{text}: {words}", bad is None and bool(span), got or ("" if span else "there is no round then"), line
    )


def _check_by(expect: Expect, by: When, beats: list[Beat], start: float, words: str, line: int) -> Finding:
    after = expect.after.seconds(start) if expect.after else 0.0
    first = next((b for b in beats if b.at >= after and not _wrong(expect, b)), None)
    limit = by.seconds(start)
    early = expect.not_before.seconds(start) if expect.not_before else 0.0
    since = f"first after {offset_text(after)}, " if expect.after else ""
    text = f"{since}by {offset_text(limit)}{f', not before {offset_text(early)}' if early else ''}: {words}"
    if first is None:
        return Finding(text, False, "never", line)
    return Finding(text, early <= first.at <= limit, f"first at {offset_text(first.at)}", line)


def _safety(beats: list[Beat]) -> Finding:
    """What every replay must hold: MX is never moved for A, C, D, G or H."""
    text = "never: a switch of MX for A, C, D, G or H, or without inbound mail or the MX host being down"
    for b in beats:
        d = b.decision
        if d.action in {"switch", "wait"} and not (
            d.state == "down" and set(d.classes) & SWITCHES and switch_helps(d.classes, d.planes)
        ):
            return Finding(text, False, f"at {offset_text(b.at)}: {d.action} for {', '.join(d.classes)}")
    return Finding(text, True)
