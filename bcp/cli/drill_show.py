"""``bcp drill list``, ``show`` and ``findings``: what was exercised, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.units import format_duration
from bcp.pages.times import date_of

if TYPE_CHECKING:
    from bcp.contracts.exercise import DrillRecord, Note
    from bcp.contracts.exercise_parts import Decision, Receipts

Which = Annotated[str, typer.Argument(metavar="DRILL", help="Id, its beginning or end, or 'last'.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(name="list", help="Drills: the next to come, then the newest; and the scenarios of the lab.")(list_)
    group.command(name="show", help="The record of a drill or an incident; --output json gives all of it.")(show)
    group.command(name="findings", help="What is still to be done, over all drills.")(findings)


def list_() -> None:
    """List. Without a configuration there are only scenarios."""
    from bcp.drills.scenario import SCENARIOS

    scenes = [[s.name, s.expected_class, s.title, s.playbook] for s in SCENARIOS.values()]
    found = _records()
    rows = [
        [r.id, r.kind, render.status_word(r.outcome or r.state), iso(_when(r))[:16].replace("T", " "), r.title]
        for r in found
    ]
    text = render.table(rows, ["DRILL", "KIND", "", "WHEN (UTC)", ""]) + "\n\n" if rows else ""
    data = {
        "drills": [
            {
                "id": r.id, "kind": r.kind, "title": r.title, "state": r.state, "outcome": r.outcome, "met": r.met,
                "planned": iso(r.planned_start or None), "started": iso(r.started or None),
                "ended": iso(r.ended or None), "findings": len(r.findings), "scenario": r.scenario.name,
            }
            for r in found
        ],
        "scenarios": [{"name": r[0], "class": r[1], "title": r[2], "playbook": r[3]} for r in scenes],
    }  # fmt: skip
    render.emit("bcp.drills/1", data, text + render.table(scenes, ["SCENARIO", "CLASS", "", "PLAYBOOK"]))


def _records() -> list[DrillRecord]:
    from bcp.cli.common import config_path
    from bcp.deeds.exercises import exercises

    try:
        config_path()
    except Invalid:
        return []
    return [e.record for e in exercises(make_app())]


def _when(record: DrillRecord) -> float:
    from bcp.deeds.exercises import when

    return when(record)


def show(
    drill: Which = "last",
    incident: Annotated[bool, typer.Option("--incident", help="The argument is an incident, not a drill.")] = False,
) -> None:
    """Show."""
    from bcp.contracts.exercise_plain import to_data
    from bcp.deeds.exercises import record_of, record_of_incident

    app = make_app()
    record = record_of_incident(app, drill) if incident else record_of(app, drill)
    render.emit("bcp.drill-record/1", to_data(record), "\n".join(_lines(record)))


def _lines(record: DrillRecord) -> list[str]:
    """The record for people at a terminal; what is empty is left out."""
    out = [f"{record.id}  {record.kind}  {render.status_word(record.outcome or record.state)}  {record.title}"]
    if record.reason:
        out.append(render.wrap(record.reason, "  "))
    times = (("planned", record.planned_start), ("started", record.started), ("ended", record.ended))
    out += [f"  {name:<9} {render.moment(at, record.created)}" for name, at in times if at]
    out += _texts(record)
    for title, head, rows in _sections(record):
        if rows:
            out += ["", title, render.table(rows, head)]
    return out


def _sections(record: DrillRecord) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, heads of the columns, and rows."""
    goals = objective_rows(record)
    people = [[p.name, p.role, _there(p.attended)] for p in record.participants]
    decided = [[render.clock(d.at), d.by or "-", d.result, _decided(d)] for d in record.decisions]
    found = [[f.id, f.severity, f.state, f.owner, f.due, f.title] for f in record.findings]
    notes = [[render.clock(n.at), n.by, n.kind, n.text] for n in _notes(record)]
    signed = [
        [s.name, s.role, date_of(s.at, record.zone), "" if s.stands else "changed since"] for s in record.signatures
    ]
    proof = [[c.what, f"{c.events} events", c.head[:16], c.damage] for c in record.integrity.chains]
    return [
        ("OBJECTIVES", ["OBJECTIVE", "TARGET", "ACHIEVED", ""], goals),
        ("PEOPLE", [], people),
        ("DECISIONS", [], decided),
        ("MESSAGES", ["STEP", "CHANNEL", "SENT", "", ""], [_receipt(r) for r in record.receipts]),
        ("FINDINGS", [], found),
        ("NOTES", [], notes),
        ("SIGNED", [], signed),
        ("PROOF", [], proof),
    ]


def _texts(record: DrillRecord) -> list[str]:
    rows = (
        ("scenario", record.scenario.title),
        ("in scope", ", ".join(record.scope_in)),
        ("not", ", ".join(record.scope_out)),
        ("real", ", ".join(c.name for c in record.components if c.real)),
        ("played", ", ".join(c.name for c in record.components if not c.real)),
        ("shared", record.shared_fate.state if record.shared_fate.state != "unknown" else ""),
    )
    return [render.wrap(text, "            ", f"  {name:<9} ") for name, text in rows if text]


def _there(attended: bool | None) -> str:
    return {True: "there", False: "absent", None: ""}[attended]


def _receipt(row: Receipts) -> list[str]:
    if not row.due:
        return [row.step, row.channel, "nothing was due", "", ""]
    percent = row.percent(row.sent)
    said = f"{row.sent} of {row.planned + row.unreachable}"
    return [row.step, row.channel, said, f"{percent:g} %" if percent is not None else "", "; ".join(row.reasons[:1])]


def _notes(record: DrillRecord) -> list[Note]:
    notes = [*record.notes, *record.deviations, *record.feedback, *record.conclusions]
    return sorted(notes, key=lambda n: n.at)


def _decided(decision: Decision) -> str:
    """What was decided; and how, where it was not simply noted: by a stand-in, a text message, the console."""
    how = decision.how if decision.how not in {"", "noted"} else ""
    return f"{decision.what} ({how})" if how else decision.what


def objective_rows(record: DrillRecord) -> list[list[str]]:
    """One row for each objective: what, target, achieved, judged."""
    return [
        [
            f"{o.code} {o.audience}".strip(),
            _figure(o.target, o.unit),
            _figure(o.achieved, o.unit) if o.achieved is not None else "-",
            render.status_word(o.judged) + (": reached, does not count" if o.judged == "void" else ""),
        ]
        for o in record.objectives
    ]


def _figure(value: float, unit: str) -> str:
    return f"{value:g}" if unit == "messages" else format_duration(value)


def findings(
    every: Annotated[bool, typer.Option("--all", help="Those that are done, too.")] = False,
) -> None:
    """Findings."""
    from bcp.deeds.exercises import exercises

    rows = [(e.record.id, f) for e in exercises(make_app()) for f in e.record.findings]
    rows = [r for r in rows if every or r[1].state in {"proposed", "open"}]
    rows.sort(key=lambda r: (r[1].due or "9999", r[1].raised_at))
    data = [
        {
            "drill": d, "id": f.id, "state": f.state, "severity": f.severity, "title": f.title, "owner": f.owner,
            "due": f.due, "proposal": f.proposal, "place": f.place, "code": f.code, "urgent": f.urgent,
        }
        for d, f in rows
    ]  # fmt: skip
    lines = []
    for d, f in rows:
        who = ", ".join(x for x in (f.owner, f"due {f.due}" if f.due else "") if x) or "nobody has it yet"
        lines.append(render.wrap(f"{f.title} ({who})", "    ", f"{f.id}  {f.severity:<8} {f.state}  "))
        if f.proposal:
            lines.append(render.wrap(f"proposed: {f.proposal}" + (f" [{f.place}]" if f.place else ""), "    "))
        lines.append(f"    bcp drill finding {d} --id {f.id} --accept|--done|--dismiss")
    render.emit("bcp.findings/1", {"findings": data}, "\n".join(lines) or "Nothing is open.")
