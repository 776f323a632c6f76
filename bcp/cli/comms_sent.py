"""``bcp comms`` status, receipts, answers: what became of a send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.contracts.traits import Trait, has
from bcp.kernel.errors import Invalid, StorageError

if TYPE_CHECKING:
    from bcp.wiring import App

NOBODY = "It has told nobody anything."


def status(run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Status."""
    app = make_app()
    view = app.running.runs.view(app.running.runs.find(run_id))
    steps = {s["id"]: s for s in view.plan["steps"] if has(s, Trait.TELLS)}
    data = []
    for step_id, step in steps.items():
        state = view.state.steps[step_id]
        for channel, tally in (state.outputs or {}).get("channels", {}).items():
            data.append(
                {
                    "step": step_id,
                    "state": state.status,
                    "channel": channel,
                    **{k: tally[k] for k in ("people", "sent", "failed", "unknown", "unreachable", "segments")},
                }
            )
        if not (state.outputs or {}).get("channels"):
            data.append(
                {
                    "step": step_id,
                    "state": state.status,
                    "channel": "",
                    "people": 0,
                    "sent": _settled(view, step),
                    "failed": 0,
                    "unknown": 0,
                    "unreachable": 0,
                    "segments": 0,
                }
            )
    rows = [
        [
            str(d["step"]),
            render.status_word(str(d["state"])),
            str(d["channel"]),
            f"{d['sent']} sent",
            f"{d['failed']} failed",
            f"{d['unknown']} in doubt",
            f"{d['unreachable']} without address",
        ]
        for d in data
    ]
    render.emit(
        "bcp.comms-status/1",
        {"run": view.id, "status": view.status(), "deliveries": data},
        f"{view.id} {view.status()}\n" + (render.table(rows) or NOBODY),
    )


def _settled(view: Any, step: dict[str, Any]) -> int:
    """Deliveries of a step that is still under way, from the ledger."""
    return sum(1 for e in view.record.effects if e.step == step["id"] and (e.outcome or {}).get("state") == "sent")


def receipts(run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Receipts."""
    from collections import Counter

    from bcp.incident.receipts import RANKS, note_receipt
    from bcp.reports.model import receipts_of
    from bcp.store.sqlite.book import opened

    app = make_app()
    view = app.running.runs.view(app.running.runs.find(run_id))
    given = receipts_of(view)
    asked = wait_for(_reports(app, view.state.started, {c for _, c in given}))
    wanted = {r for rows in given.values() for r in rows}
    fresh = {mark: report for mark, report in asked.items() if mark in wanted}
    try:
        if fresh:
            with opened(app.configuration.state / "incidents.db", app.clock) as book, book:
                for mark, (state, error) in fresh.items():
                    note_receipt(book, mark, state, error)
    except StorageError as error:  # looking needs no room on a disk
        render.warn(f"{error.message}: what vendors say now is shown and not kept")
    data: list[dict[str, Any]] = []
    for (step, channel), rows in given.items():
        known = app.running.reported(rows)
        for mark in (r for r in rows if r in fresh):
            known[mark] = max(known.get(mark, ""), fresh[mark][0], key=lambda status: RANKS.get(status, -1))
        known = {mark: status for mark, status in known.items() if status in RANKS}
        counted = dict(sorted(Counter(known.get(r, "no report") for r in rows).items()))
        data.append({"step": step, "channel": channel, "taken": len(rows), "reported": counted})
    table = [
        [d["step"], d["channel"], f"{d['taken']} taken", ", ".join(f"{n} {s}" for s, n in d["reported"].items())]
        for d in data
    ]
    render.emit("bcp.receipts/1", {"run": view.id, "messages": data}, f"{view.id}\n" + (render.table(table) or NOBODY))


async def _reports(app: App, since: float, names: set[str]) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    try:
        for name in names & set(app.world.channels):
            out.update(await app.world.channels[name].reports(since))
    finally:
        await app.close()
    return out


def answers(
    run_id: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last",
    silent: Annotated[bool, typer.Option("--silent", help="Name everybody who is silent.")] = False,
) -> None:
    """Answers."""
    from bcp.comms.answers import tally
    from bcp.kernel.clock import iso

    app = make_app()
    view = app.running.runs.view(app.running.runs.find(run_id), effects=False)
    steps = [s for s in view.plan["steps"] if has(s, Trait.TELLS)]
    if not steps:
        raise Invalid(f"{view.id} told nobody anything", hint="Name a run that has a notify step.")
    loaded = _told(app, view)
    audiences = list(dict.fromkeys(a for a, _ in loaded))
    people = list({c.id: c for a in audiences for c in app.people.directory.members(a)}.values())
    allowed = {
        d: t for _, name in loaded if name in app.world.pack for d, t in app.world.pack.get(name).file.answers.items()
    }
    inbound = wait_for(_inbound(app, view.state.started))
    found = tally(people, inbound, view.state.started, allowed)
    by_digit = {d: [a.contact for a in found.answered if a.digit == d] for d in sorted({*allowed, *found.counts()})}
    lines = [
        f"{view.id}: {len(people)} people, {len(found.answered)} answered, {len(found.unclear)} unclear, "
        f"{len(found.silent)} silent"
    ]
    lines += [f"  {d} {allowed.get(d, '')}: {len(who)}" for d, who in by_digit.items()]
    lines += [render.wrap(f"  unclear: {a.contact}: {a.text}", "    ", "") for a in found.unclear[:20]]
    if silent:
        lines += [render.wrap("silent: " + ", ".join(found.silent), "    ", "  ")]
    data = {
        "run": view.id,
        "people": len(people),
        "answers": {d: {"means": allowed.get(d, ""), "people": w} for d, w in by_digit.items()},
        "unclear": [{"who": a.contact, "text": a.text} for a in found.unclear],
        "silent": list(found.silent),
    }
    app.running.reporter().keep_answers(view.id, {**data, "at": iso(app.clock.now())})
    render.emit("bcp.answers/1", data, "\n".join(lines))


def _told(app: App, view: Any) -> list[tuple[str, str]]:
    """(audience, message) of each notify step of a run."""
    from bcp.playbook.load import loads

    loaded = loads(view.plan["playbook_text"], view.plan["playbook_file"])
    told = {str(s["id"]) for s in view.plan["steps"] if has(s, Trait.TELLS)}
    return [
        (str(s.step.with_["audience"]), str(s.step.with_["template"]))
        for s in loaded.steps
        if s.id in told and s.step.with_.get("audience") in app.people.directory.audiences
    ]


async def _inbound(app: App, since: float) -> list[Any]:
    try:
        return await app.world.inbound(since)
    finally:
        await app.close()
