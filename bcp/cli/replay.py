"""``bcp replay``: play an outage, a real one's shape or your own, through the decision code in virtual time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid, Problem

if TYPE_CHECKING:
    from bcp.replay import Beat, Replay


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="replay",
        help="Play an outage file in virtual time and check what it expects. Exit code 1: something does not hold.",
    )(replay)


def replay(
    files: Annotated[list[str] | None, typer.Argument(help="Files, or names of shipped outages.")] = None,
    everything: Annotated[bool, typer.Option("--all", "-a", help="All shipped outages.")] = False,
    listing: Annotated[bool, typer.Option("--list", "-l", help="List the shipped outages.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only what was expected, no timeline.")] = False,
    scores: Annotated[
        str,
        typer.Option("--score", metavar="FOLDER", help="Table of all outage files of a folder, judged by their truth."),
    ] = "",
    worlds: Annotated[
        int, typer.Option("--worlds", metavar="N", help="Make up N outages and judge the verdicts by their truth.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="With --worlds: the number of the first one.")] = 1,
    schema: Annotated[bool, typer.Option("--schema", help="JSON Schema of the format, for editors.")] = False,
) -> None:
    """Replay."""
    from bcp.replay import find, load, play, shipped

    if schema:
        import json

        from bcp.detect.scenario import OutageFile

        render.raw(json.dumps(OutageFile.model_json_schema(by_alias=True), indent=2))
        return
    if listing:
        found = {n: load(p)[0].title for n, p in shipped().items()}
        render.emit("bcp.outages/1", {"outages": found}, render.table([[n, t] for n, t in found.items()]))
        return
    if worlds:
        _worlds(worlds, seed)
        return
    if scores:
        _score(scores)
        return
    names = list(shipped()) if everything else list(files or [])
    if not names:
        raise Invalid("which outage?", hint="A file, a name from bcp replay --list, or --all.")
    played = [play(find(n)) for n in names]
    text = "\n".join(_text(p, timeline=not check and not everything) for p in played)
    render.emit("bcp.replay/1", {"replays": [_data(p) for p in played], "held": all(p.held for p in played)}, text)
    if not all(p.held for p in played):
        raise typer.Exit(1)


def _worlds(count: int, seed: int) -> None:
    """Made-up outages: those that went against their truth, by seed."""
    from bcp.detect.worlds import make, play

    bad: dict[str, list[str]] = {}
    for n in range(seed, seed + count):
        course = play(make(n))
        if course.harms or course.misses:
            bad[str(n)] = [*course.harms[:3], *course.misses[:3]]
    lines = [f"seed {n}: {'; '.join(texts)}" for n, texts in bad.items()]
    good = f"{count - len(bad)} of {count} made-up outages went as their truth demands"
    render.emit("bcp.worlds/1", {"played": count, "bad": bad}, "\n".join([*lines, good]))
    if bad:
        raise typer.Exit(1)


def _score(folder: str) -> None:
    """The table of a folder: right, harm, miss; and whether the file's own expectations hold."""
    from pathlib import Path

    from bcp.replay import load, play

    files = sorted(f for f in Path(folder).glob("*.y*ml"))
    if not files:
        raise Invalid(f"there is no outage file in {folder}", hint="Outage files end in .yaml.")
    wrong: list[Problem] = []
    fit: list[Path] = []
    for file in files:  # all are read before the first is played, and one that is wrong spoils no other
        try:
            load(file)
        except Invalid as error:
            wrong += error.problems or [Problem(error.message, str(file), hint=error.hint, rule=error.rule)]
        else:
            fit.append(file)
    played = [play(f) for f in fit]
    rows = [_score_row(p) for p in played]
    counts = {w: sum(r["verdict"] == w for r in rows) for w in ("right", "harm", "miss", "unjudged")}
    held = sum(r["held"] for r in rows)
    total = ", ".join(f"{n} {w}" for w, n in counts.items()) + f"; {held} of {len(rows)} hold what they expect"
    lines = [
        [
            render.status_word(
                "ok" if r["verdict"] == "right" else "failed" if r["verdict"] != "unjudged" else "unknown"
            ),
            r["name"],
            r["truth"],
            r["verdict"],
            r["took"],
            r["why"],
        ]
        for r in rows
    ]
    doubts = [str(d) for p in played for d in p.doubts]
    unread = len(files) - len(fit)
    total += f"; {unread} could not be read" if unread else ""
    text = "\n".join([*([render.table(lines)] if lines else []), *doubts, total])
    render.emit("bcp.score/1", {"files": rows, **counts, "held": held, "unread": unread}, text)
    if wrong:
        raise Invalid.of(wrong)
    if counts["harm"] or counts["miss"] or held < len(rows):
        raise typer.Exit(1)


def _score_row(p: Replay) -> dict[str, Any]:
    from bcp.kernel.units import format_duration

    s = p.score
    broken = next((f.text for f in p.findings if not f.held), "")
    if s is None:
        verdict, why, took = "unjudged", broken or "it names no truth", ""
    else:
        verdict = "harm" if s.harms else ("miss" if s.misses else "right")
        why = "; ".join(h.say() for h in (*s.harms, *s.misses)) or broken
        took = format_duration(s.verdict_s) if s.verdict_s is not None else ""
    truth = "+".join(s.truth) or "none" if s else "?"
    return {"name": p.file.name, "truth": truth, "verdict": verdict, "took": took, "why": why, "held": p.held}


def _text(p: Replay, *, timeline: bool) -> str:
    bad = sum(not f.held for f in p.findings)
    what = render.status_word("ok") if p.held else render.status_word("failed")
    size = f"({p.rounds} rounds, {len(p.findings)} expectations{f', {bad} not met' if bad else ''})"
    out = [render.wrap(f"{what} {p.file.name}: {p.file.title} {size}", "   ", "")]
    if timeline:
        if p.file.shape:
            out.append(render.wrap(p.file.shape, "  ", "  "))
        out += [_line(b) for b in p.changes]
    out += [
        render.wrap(
            f"{f.text}{f' ({f.got})' if f.got else ''}{f'  [{p.path}:{f.line}]' if not f.held and f.line else ''}",
            "         ",
            f"  {'held' if f.held else 'FAILED':<7}",
        )
        for f in p.findings
        if timeline or not f.held
    ]
    return "\n".join([*out, *map(str, p.doubts)])


def _line(b: Beat) -> str:
    from bcp.detect.moments import offset_text

    d = b.decision
    what = f" class {'+'.join(d.classes)} {d.confidence} %" if d.classes else ""
    named = b.playbook and d.action in {"switch", "wait", "tell", "direct", "failback"}
    book = f" ({b.playbook})" if named else ""
    rest = f"{d.state}{what} [{d.stage}] {d.action}{' flapping' if d.flapping else ''}{book}"
    return render.wrap(rest, " " * 26, f"  {iso(b.wall)[5:16].replace('T', ' ')} {offset_text(b.at):<10} ")


def _data(p: Replay) -> dict[str, Any]:
    return {
        "name": p.file.name,
        "title": p.file.title,
        "held": p.held,
        "rounds": p.rounds,
        "timeline": [
            {
                "at": b.at,
                "wall": iso(b.wall),
                "state": b.decision.state,
                "stage": b.decision.stage,
                "classes": list(b.decision.classes),
                "planes": list(b.decision.planes),
                "action": b.decision.action,
                "confidence": b.decision.confidence,
                "flapping": b.decision.flapping,
                "partial": b.decision.partial,
                "playbook": b.playbook,
                "decide_at": iso(b.decision.decide_at),
                "notes": list(b.decision.notes),
            }
            for b in p.changes
        ],
        "expectations": [{"text": f.text, "held": f.held, "got": f.got, "line": f.line} for f in p.findings],
    }
