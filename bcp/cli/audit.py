"""``bcp report`` and ``bcp audit``: what happened, and that nobody changed it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import runs, state_folder, wait_for
from bcp.kernel.errors import BcpError, InDoubt, Refused
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.evidence.prove import Proved
    from bcp.store.sqlite.evidence import Evidence, RunEvidence
    from bcp.store.sqlite.state import SqliteState


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="report", help="Write the report of a run, a drill or an incident.")(report)
    group = typer.Typer(help="The audit chain: verify.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="verify", help="Prove that no event was changed, removed or added since.")(verify)
    app.add_typer(group, name="audit")


UNWITNESSED = (
    "A run is over in its own chain, and audit.jsonl does not say so: its process ended between the two, or could not"
    " write. `bcp acknowledge RUN` writes it down."
)


UNANCHORED = ", and audit.jsonl does not know the newest: its writer was killed there, or it was put in"


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


def verify(
    run: Annotated[str, typer.Argument(help="Id of a run or a drill, or 'all'.")] = "all",
    witness: Annotated[
        list[Path] | None, typer.Option("--witness", metavar="FOLDER", help="A folder that a witness keeps.")
    ] = None,
    head: Annotated[
        list[str] | None, typer.Option("--head", metavar="LINE", help="A head that was sent: 'BCP-HEAD 7 ...'.")
    ] = None,
) -> None:
    """Check the hash chains of runs and of the audit file, and what others witnessed of them."""
    from bcp.deeds.evidence.prove import Proved, prove
    from bcp.store.sqlite.evidence import NOT_PROVED
    from bcp.store.sqlite.state import SqliteState

    room = SqliteState(state_folder())
    found = _examined(room, run)
    folders, named = _witnesses(witness or ())
    proved = wait_for(prove(room, folders, head or (), **named)) if run == "all" else Proved()
    bad = render.status_word("fail")
    places = _places(found, proved)
    lines = [] if proved.unasked and not places else [render.wrap(_verdict(places, found, proved, whole=run == "all"))]
    lines += [render.wrap(text, "      ", f"{bad}  ") for text in _silent(proved)]
    lines += [render.table([_row(r) for r in (*found.runs, *found.drills)]) or "No runs and no drills yet."]
    lines += [f"{bad}  the file of {m} is gone" for m in found.missing]
    if any(r.over and not r.anchored for r in found.runs):
        lines.append(render.wrap(UNWITNESSED))
    lines += [f"{bad}  {found.damage}"] if found.damage else []
    lines += [render.wrap(text, "      ", f"{bad}  ") for text in (*found.reports, *proved.findings)]
    lines += [render.wrap(text, "      ", f"{render.status_word('warn')}  ") for text in proved.remarks]
    lines += _not_sealed(found)
    lines += _outside(proved)
    lines += [] if found.keyed or proved.stamped or proved.witnesses else [render.wrap(NOT_PROVED)]
    data = {
        "runs": [asdict(r) for r in found.runs],
        "drills": [asdict(r) for r in found.drills],
        "missing": list(found.missing),
        "damage": found.damage,
        "reports": {"altered": list(found.reports), "not_sealed": list(found.unsealed)},
        "keyed": found.keyed,
        "witnessed": asdict(proved),
    }
    render.emit("bcp.audit/1", data, "\n".join(lines))
    if places:
        raise _refused(places)
    if proved.unasked:
        names = ", ".join(sorted(proved.unasked))
        hint = "Mount the share, or give the folder another way: bcp audit verify --witness FOLDER"
        raise InDoubt(f"not everything could be checked: {names} could not be asked", rule="witness-silent", hint=hint)


def _refused(places: Sequence[str]) -> Refused:
    """How the command ends where something does not agree: surely altered, or stamped by nobody knows whom."""
    if _other_only(places):
        hint = "Put the old certificate behind the new one in the file of ca:, and look again: bcp audit verify"
        return Refused(f"it is not proved: {places[0]}", rule="audit-authority", hint=hint)
    hint = "Compare with a copy of the state folder, and with what witnesses keep."
    return Refused(f"the audit chain is broken: {places[0]}", rule="audit-chain", hint=hint)


def _places(found: Evidence, proved: Proved) -> list[str]:
    """Everything that was altered, each once, with its place; empty: nothing was. Of a chain in which something was
    changed that place comes first: a head that others keep counts its events, and calls one that was taken out of the
    middle the newest."""
    broken = {r.run for r in (*found.runs, *found.drills) if "was changed" in r.damage}
    broken |= {"the audit file"} if found.damage.startswith("audit.jsonl:") else set()
    counted = [f for f in proved.findings if f.startswith(tuple(f"{b} " for b in broken))]
    others = [f for f in proved.findings if f not in counted]
    rows = [f"{r.run}: {r.damage}" for r in (*found.runs, *found.drills) if r.damage]
    known = [*rows, *(f"the file of {m} is gone" for m in found.missing), *found.reports]
    damage = [found.damage] if found.damage and found.damage not in known else []
    first = damage if "the audit file" in broken else []
    rest = dict.fromkeys([*first, *others, *known, *counted, *damage])
    return sorted(rest, key=lambda place: _other_only([place]))  # what was surely altered comes first


def _other_only(places: Sequence[str]) -> bool:
    """Is all that was found a stamp of another authority than the one that is named now?"""
    from bcp.deeds.evidence.prove import OTHER

    return all(OTHER in place for place in places)


def _verdict(places: Sequence[str], found: Evidence, proved: Proved, *, whole: bool) -> str:
    """The answer, in one sentence that stands first."""
    from bcp.deeds.evidence.prove import LET_GO
    from bcp.store.standalone_reports import answer, not_sealed

    if not places:
        new = next((d for d in found.drills if _unanchored(d)), None)
        if new is not None:
            return f"Nothing was found altered; of {new.run} event {new.events} is not proved{UNANCHORED}."
        if found.unsealed:
            return f"{answer(map(not_sealed, found.unsealed))} See below."
        if any(LET_GO in r for r in proved.remarks):
            return "Nothing was found altered, but somebody who keeps heads was not asked. See below."
        return f"Unaltered: {'everything' if whole else 'it'} agrees."
    more = f" (and {len(places) - 1} more, below)" if len(places) > 1 else ""
    if _other_only(places):
        return f"NOT PROVED: {places[0]}{more}."
    return f"ALTERED: {places[0]}{more}."


SHOWN = 5
"""Files that are named; of more their number is said."""


def _not_sealed(found: Evidence) -> list[str]:
    """Files of reports that nobody sealed: nothing says that they were altered, and nothing that they were not."""
    if not found.unsealed:
        return []
    more = f" and {len(found.unsealed) - SHOWN} more" if len(found.unsealed) > SHOWN else ""
    text = (
        f"not sealed: {', '.join(found.unsealed[:SHOWN])}{more}. An older version wrote them, or somebody put them in."
        " `bcp report` writes a report anew, `bcp drill year` the year, and seals it."
    )
    return [render.wrap(text, "      ", f"{render.status_word('warn')}  ")]


def _examined(room: SqliteState, what: str) -> Evidence:
    """Everything, or one run, or one exercise. Raises ``Missing``."""
    from bcp.store.sqlite.evidence import examine, examine_drill

    if what.startswith("drill-"):
        return examine_drill(room, what)
    return examine(room, () if what == "all" else [runs().find(what)])


def _silent(proved: Proved) -> list[str]:
    """Witnesses that could not be asked: what they alone could show is not known, and that comes first."""
    left = "events that were cut off or written anew since its heads would not be found"
    return [f"the witness {name} could not be asked: {why}; {left}" for name, why in proved.unasked.items()]


def _unanchored(r: RunEvidence) -> bool:
    """Is it an exercise whose newest event nobody wrote into the audit file?"""
    return r.run.startswith("drill-") and "/" not in r.run and not r.anchored


def _row(r: RunEvidence) -> list[str]:
    end = UNANCHORED if _unanchored(r) else _end(r)
    text = r.damage or f"{r.events} events, head {r.head[:16]}{end}"
    return [render.status_word("fail" if r.damage else "ok"), r.run, text]


def _outside(proved: Proved) -> list[str]:
    """What others vouch for."""
    if not proved.statements:
        return []
    lines = [f"{plural(proved.statements, 'head')} signed with {proved.key[:16]}"]
    if proved.stamped is not None:
        first, last = (render.moment(t, 0.0) for t in proved.stamped)
        lines.append(f"{render.status_word('ok')}  stamped by others since {first}, last {last}")
    lines += [f"{render.status_word('ok')}  {name} keeps {count} of them" for name, count in proved.witnesses.items()]
    return lines


def _witnesses(given: Sequence[Path]) -> tuple[dict[str, Path], dict[str, Any]]:
    """Folders of witnesses: those that are named, and those of the configuration where that can be read. And what that
    says besides, as ``prove`` takes it."""
    from bcp.cli.common import config_path
    from bcp.settings import load

    found = {str(p): p for p in given}
    try:
        evidence = load(config_path()).settings.evidence
    except BcpError:  # a chain is checked whatever became of the configuration
        return found, {}
    theirs = {n: w.folder for n, w in evidence.witnesses.items() if w.folder is not None}
    stamps = {n: t.ca for n, t in evidence.timestamps.items() if t.ca.is_file()}
    return found | theirs, {"own_key": evidence.key is None, "authorities": stamps, "known": list(evidence.witnesses)}
