"""Which story an exercise tells: an outage file for a table, something to break for the lab, words for the rest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bcp.contracts.exercise import Kind, Scenario
from bcp.drills.scenario import SCENARIOS
from bcp.drills.scenario import scenario as lab_scenario
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import digest_text
from bcp.kernel.units import format_duration
from bcp.replay import Beat, Replay, find, load, play

MOST = 60
"""Injects of one story."""


@dataclass(frozen=True, slots=True)
class Inject:
    """Something that is brought in, so many seconds after the story began."""

    number: int
    at_s: float
    text: str


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
    """What is brought in and when, from a replay of an outage; and at which second the outage begins."""
    played = play(path)
    onset = onset_in(played)
    out = [Inject(1, 0.0, _opening(played))]
    for beat in played.changes[:MOST]:
        if beat.at > 0 and (text := _words(beat)):
            out.append(Inject(len(out) + 1, beat.at, text))
    return out, onset


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
    parts = [f"The watch says {found.state}" + (f", class {found.outage_class}" if found.outage_class else "")]
    if found.evidence:
        parts.append("; ".join(found.evidence[:3]))
    if found.why:
        parts.append(found.why[:1].upper() + found.why[1:])
    if found.action not in {"", "none"}:
        parts.append(f"It proposes: {found.action}" + (f", playbook {beat.playbook}" if beat.playbook else ""))
    said = " ".join(p if p.endswith(("?", "!")) else f"{p}." for p in parts)
    return f"[{format_duration(beat.at)}] {said}"


__all__ = ["SCENARIOS", "Inject", "onset_in", "path_of", "scenario_of", "story_of"]
