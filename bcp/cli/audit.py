"""``bcp report`` and ``bcp audit``: what happened, and that nobody changed it since."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import runs, state_folder
from bcp.kernel.errors import Refused

if TYPE_CHECKING:
    from bcp.store.sqlite.evidence import RunEvidence


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="report", help="Write the report of a run, a drill or an incident.")(report)
    group = typer.Typer(help="The audit chain: verify.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="verify", help="Prove that no event of a run was changed, removed or added since.")(verify)
    app.add_typer(group, name="audit")


UNWITNESSED = (
    "A run is over in its own chain, and audit.jsonl does not say so: its process ended between the two, or could not"
    " write. `bcp acknowledge RUN` writes it down."
)


def _end(found: RunEvidence) -> str:
    """How the end of a run is proved."""
    if found.anchored:
        return ""
    return ", over; its end is not in audit.jsonl" if found.over else ", not over yet"


def report(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|DRILL|INCIDENT",
            help="Id of a run, its start or end, or 'last'; of a drill, or 'last-drill'; of an incident.",
        ),
    ] = "last",
    formats: Annotated[
        list[str] | None, typer.Option("--format", help="html, json or csv (findings); repeat it. Usual: html, json.")
    ] = None,
    language: Annotated[str, typer.Option("--language", help="en or de; else the organisation's.")] = "",
) -> None:
    """Write the report of a run, a drill or an incident."""
    from bcp.cli.common import app as make_app
    from bcp.deeds.reports import write_report

    found, paths = write_report(make_app(), what, formats or ("html", "json"), language)
    render.emit("bcp.written/1", {"run": found, "files": paths}, "\n".join(paths.values()))


def verify(run: Annotated[str, typer.Argument(help="Run id, or 'all'.")] = "all") -> None:
    """Check the hash chains of runs and of the audit file."""
    from bcp.store.sqlite.evidence import NOT_PROVED, examine
    from bcp.store.sqlite.state import SqliteState

    room = SqliteState(state_folder())
    found = examine(room, () if run == "all" else [runs().find(run)])
    table = [
        [
            render.status_word("fail" if r.damage else "ok"),
            r.run,
            r.damage or f"{r.events} events, head {r.head[:16]}{_end(r)}",
        ]
        for r in found.runs
    ]
    bad = render.status_word("fail")
    lines = [render.table(table) or "No runs yet."]
    lines += [f"{bad}  the file of {m} is gone" for m in found.missing]
    if any(r.over and not r.anchored for r in found.runs):
        lines.append(render.wrap(UNWITNESSED))
    lines += [f"{bad}  {found.damage}"] if found.damage else []
    lines += [] if found.keyed else [render.wrap(NOT_PROVED)]
    data = {
        "runs": [asdict(r) for r in found.runs],
        "missing": list(found.missing),
        "damage": found.damage,
        "keyed": found.keyed,
    }
    render.emit("bcp.audit/1", data, "\n".join(lines))
    if found.broken:
        raise Refused("the audit chain is broken", rule="audit-chain", hint="Compare with a copy of the state folder.")
