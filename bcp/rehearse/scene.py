"""Which story an exercise tells: an outage file for a table, something to break for the lab, words for the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bcp.contracts.exercise import Kind, Scenario
from bcp.drills.scenario import SCENARIOS
from bcp.drills.scenario import scenario as lab_scenario
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import digest_text
from bcp.kernel.units import format_duration
from bcp.replay import Beat, Replay, find, load, play

MOST = 12
"""Injects of one story that nobody wrote for a table: people talk for some minutes about each."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Something that is brought in, so many seconds after the story began."""

    number: int
    at_s: float
    text: str
    seen: dict[str, Any] = field(default_factory=dict)
    """Of the one that tells that the watch says *down* for the first time: what a record says of the detection."""


def scenario_of(kind: Kind, name: str) -> tuple[Scenario, str]:
    """The scenario of this name for this kind of exercise, and the playbook that answers it (empty: none is named).

    Raises:
        Invalid: there is none.
    """
    if kind == "lab":
        found = lab_scenario(name or "refuse")
        behind = found.like or "invented"
        scene = Scenario(found.name, found.title, behind, found.expected_class, "lab", found.digest)
        return scene, found.playbook
    if not name:
        if kind == "tabletop":
            raise Invalid(
                "a tabletop needs an outage", rule="no-scenario", hint="bcp replay --list, or a file of yours"
            )
        words = "it was real" if kind == "incident" else "no story: the playbook is exercised as it is"
        return Scenario("", words), ""
    path = find(name)
    file, document = load(path)
    classes = next((c for t in file.truth for c in t.class_ if c != "none"), "")
    incident = "; ".join([file.title, *file.sources])
    shipped = Path(file.name).name == name
    scenario = Scenario(
        file.name, file.title, incident, classes[:1], "shipped" if shipped else str(path), digest_text(document.text)
    )
    return scenario, ""


def path_of(scenario: Scenario) -> Path:
    """The outage file of a tabletop. Raises ``Invalid`` when it is gone, or (``scenario-changed``) is another now."""
    path = find(scenario.name if scenario.source == "shipped" else scenario.source)
    _, document = load(path)
    if scenario.digest and digest_text(document.text) != scenario.digest:
        hint = "Put the file back as it was, or make a new drill of it."
        raise Invalid(f"{path} is not what this drill was made of", rule="scenario-changed", hint=hint)
    return path


def story_of(path: Path) -> tuple[list[Inject], float]:
    """What is brought in and when, from a replay of an outage; and at which second the outage begins. Words that the
    file has for a table are told, each with what the watch says then; else the changes of the verdict that matter
    most."""
    played = play(path)
    told = _written(played) if played.file.table else _watched(played)
    out = [Inject(n, at, text) for n, (at, text) in enumerate([(0.0, _opening(played)), *told], 1)]
    return _with_detection(out, played), onset_in(played)


def _written(played: Replay) -> list[tuple[float, str]]:
    """The words of the file, each with the watch's."""
    out = []
    for row in played.file.table:
        at = row.at.seconds(played.file.start)
        beat = next((b for b in reversed(played.changes) if b.at <= at), played.changes[0])
        out.append((at, f"[{format_duration(at)}] {row.says} {_watch(beat)}"))
    return out


def _watched(played: Replay) -> list[tuple[float, str]]:
    beats = [b for b in essence(played.changes, played.file.length) if b.at > 0]
    return [(b.at, _words(b)) for b in beats]


def _key(beat: Beat) -> tuple[str, str, str]:
    """What people would talk about: state, class and proposal."""
    return beat.decision.state, beat.decision.outage_class, beat.decision.action


FIRSTS: tuple[Callable[[Beat], object], ...] = (
    lambda b: b.decision.state,
    lambda b: (b.decision.outage_class, b.decision.action),
)
"""What is told when it is so for the first time, the most important first."""


def essence(changes: Sequence[Beat], length: float, most: int = MOST) -> list[Beat]:
    """The changes that matter most, ``most`` with the first one: what lasted for the shortest time is left out first,
    and what is new for the last time."""
    kept = _apart(changes)
    firsts = [_first_ones(kept, what) for what in FIRSTS]
    while len(kept) > most:
        ends = [b.at for b in kept[1:]] + [length]
        inner = range(1, len(kept) - 1)  # how it began and how it ended is always told
        rank = {i: (sum(kept[i].at in f for f in firsts), ends[i] - kept[i].at) for i in inner}
        weakest = min(inner, key=lambda i: rank[i])
        kept = _apart([b for i, b in enumerate(kept) if i != weakest])
    return kept


def _apart(beats: Sequence[Beat]) -> list[Beat]:
    return [b for i, b in enumerate(beats) if not i or _key(b) != _key(beats[i - 1])]


def _first_ones(beats: Sequence[Beat], what: Callable[[Beat], object]) -> set[float]:
    found: dict[object, float] = {}
    for beat in beats:
        found.setdefault(what(beat), beat.at)
    return set(found.values())


def _with_detection(injects: list[Inject], played: Replay) -> list[Inject]:
    """The same; the one by which people learn that the watch says *down* knows since when it does."""
    down = next((b for b in played.changes if b.decision.state == "down"), None)
    told = next((i for i in injects if down is not None and i.at_s >= down.at), None)
    if down is None or told is None:
        return injects
    seen = {
        "start": played.file.start, "story_s": down.at, "class": down.decision.outage_class,
        "evidence": list(down.decision.evidence[:3]),
    }  # fmt: skip
    return [replace(i, seen=seen) if i is told else i for i in injects]


def onset_in(played: Replay) -> float:
    """When the outage of a file begins, in seconds after its start."""
    file = played.file
    starts = [
        t.from_.seconds(file.start) if t.from_ is not None else 0.0
        for t in file.truth
        if t.class_ and "none" not in t.class_
    ]
    if starts:
        return min(starts)
    return min((b.at for b in played.changes if b.decision.state in {"suspect", "down"}), default=0.0)


def _opening(played: Replay) -> str:
    return (
        f"{played.file.title}. The watch: {played.changes[0].decision.state}." if played.changes else played.file.title
    )


def _words(beat: Beat) -> str:
    """What people at the table see of a change of the verdict."""
    found = beat.decision
    why = found.why[:1].upper() + found.why[1:]
    return f"[{format_duration(beat.at)}] {_watch(beat, '; '.join(found.evidence[:3]), why)}"


def _watch(beat: Beat, *more: str) -> str:
    """What the watch says, and proposes; between them what else there is to tell."""
    found = beat.decision
    parts = [f"The watch says {found.state}" + (f", class {found.outage_class}" if found.outage_class else "")]
    parts += [m for m in more if m]
    if found.action not in {"", "none"}:
        parts.append(f"It proposes: {found.action}" + (f", playbook {beat.playbook}" if beat.playbook else ""))
    return " ".join(p if p.endswith(("?", "!")) else f"{p}." for p in parts)


__all__ = ["SCENARIOS", "Inject", "onset_in", "path_of", "scenario_of", "story_of"]
