"""``bcp report`` and ``bcp audit``: what happened, and that nobody changed it since."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import runs, state_folder
from bcp.kernel.errors import Refused


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="report", help="Write the report of a run: report.html and report.json.")(report)
    group = typer.Typer(help="The audit chain: verify.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="verify", help="Prove that no event of a run was changed, removed or added since.")(verify)
    app.add_typer(group, name="audit")


def report(run: Annotated[str, typer.Argument(help="Run id, its start or end, or 'last'.")] = "last") -> None:
    """Report."""
    from bcp.cli.common import app as make_app  # noqa: PLC0415

    app = make_app()
    found = app.running.runs.find(run)
    paths = app.running.reporter().write_now(found)
    render.emit("bcp.written/1", {"run": found, "files": paths}, "\n".join(paths.values()))


def verify(run: Annotated[str, typer.Argument(help="Run id, or 'all'.")] = "all") -> None:
    """Verify."""
    found = runs()
    ids = found.ids() if run == "all" else [found.find(run)]
    anchors, damage = _anchors()
    damage = damage or (_book_damage() if run == "all" else "")
    rows: list[dict[str, Any]] = []
    for run_id in ids:
        record = found.view(run_id, effects=False).record
        wrong = record.damage or _ledger_damage(found, run_id)
        anchored = anchors.get(run_id)
        if not wrong and anchored and anchored not in {e.hash for e in record.events}:
            wrong = (
                "the chain does not contain the head that was written down when the run ended: the file was replaced"
            )
        rows.append(
            {
                "run": run_id,
                "events": len(record.events),
                "head": record.head,
                "anchored": bool(anchored),
                "damage": wrong,
            }
        )
    missing = sorted(set(anchors) - set(found.ids())) if run == "all" else []
    bad = [r for r in rows if r["damage"]]
    text = (
        render.table(
            [
                [
                    render.status_word("fail" if r["damage"] else "ok"),
                    r["run"],
                    r["damage"]
                    or f"{r['events']} events, head {r['head'][:16]}" + ("" if r["anchored"] else ", not over yet"),
                ]
                for r in rows
            ]
        )
        or "No runs yet."
    )
    text += "".join(f"\n{render.status_word('fail')}  the file of {m} is gone" for m in missing) + (
        f"\n{render.status_word('fail')}  {damage}" if damage else ""
    )
    render.emit("bcp.audit/1", {"runs": rows, "missing": missing, "damage": damage}, text)
    if bad or missing or damage:
        raise Refused("the audit chain is broken", rule="audit-chain", hint="Compare with a copy of the state folder.")


def _ledger_damage(found: Any, run_id: str) -> str:
    """Every settlement in the ledger must be one that the chain knows."""
    record = found.view(run_id).record
    known: dict[str, str] = {}
    for event in record.events:
        if "outcome" in event.data and "key" in event.data:
            known[str(event.data["key"])] = str(event.data["outcome"])
    from bcp.kernel.hashing import canonical  # noqa: PLC0415

    for effect in record.effects:
        if effect.state == "settled" and known.get(effect.key) != canonical(effect.outcome)[:2000]:
            return f"the ledger's entry {effect.key} does not agree with the chain"
    return ""


def _book_damage() -> str:
    """The chain of the book of incidents, where `bcp serve` keeps one."""
    from bcp.incident.book import chain_damage  # noqa: PLC0415

    path = state_folder() / "incidents.db"
    found = chain_damage(path) if path.exists() else ""
    return f"the book of incidents: {found}" if found else ""


def _anchors() -> tuple[dict[str, str], str]:
    from bcp.kernel.hashing import GENESIS, link  # noqa: PLC0415

    path = state_folder() / "audit.jsonl"
    out: dict[str, str] = {}
    previous = GENESIS
    if not path.exists():
        return out, ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            claimed = row.pop("hash")
        except (ValueError, KeyError):
            return out, f"audit.jsonl:{number} cannot be read"
        if link(previous, row) != claimed:
            return out, f"audit.jsonl:{number} was changed"
        previous = claimed
        out[row["run"]] = row["head"]
    return out, ""
