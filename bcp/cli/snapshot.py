"""``bcp snapshot``: what peace looks like, kept for the day when nobody can be asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural
from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.detect.snapshot import Snapshot
    from bcp.wiring import App


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="snapshot",
        help="Write down what peace looks like: "
        "MX and TTL, Graph's records, NS, SPF, DMARC, MTA-STS, TLSA, the relay's certificate.",
    )(snapshot)


def snapshot(
    show: Annotated[bool, typer.Option("--show", help="Show the last one; read nothing new.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what changed between the last two; read nothing new.")
    ] = False,
) -> None:
    """Snapshot."""
    from bcp.detect.snapshot import differences

    app = make_app()
    store = app.world.snapshots
    if show or diff:
        files = store.files()
        if not files or (diff and len(files) < 2):
            raise Invalid(
                "there is no snapshot yet" if not files else "there is only one snapshot", hint="Make one: bcp snapshot"
            )
        last = store.read(files[-1])
        if diff:
            _changes(differences(store.read(files[-2]), last), last)
            return
        render.emit("bcp.snapshot/1", last.to_data(), _text(last, app))
        return
    before = store.latest()
    taken = wait_for(_take(app))
    path = store.write(taken)
    changed = differences(before, taken) if before is not None else []
    text = [f"{path.name}: {plural(len(taken.domains), 'domain')}, {plural(len(taken.relays), 'relay')}"]
    text += [f"  could not be read: {u}" for u in taken.unreadable[:20]]
    text += _change_lines(changed) if before is not None else ["  the first one; later ones are compared with it"]
    data = {
        **taken.to_data(),
        "file": str(path),
        "changes": [{"what": w, "before": a, "after": b} for w, a, b in changed],
    }
    render.emit("bcp.snapshot/1", data, "\n".join(text))
    if taken.unreadable:
        raise typer.Exit(1)


async def _take(app: App) -> Snapshot:
    from bcp.deeds.peacetime import take

    try:
        return await take(app)
    finally:
        await app.close()


def _changes(changed: list[tuple[str, Any, Any]], last: Snapshot) -> None:
    data = {"taken": iso(last.taken), "changes": [{"what": w, "before": a, "after": b} for w, a, b in changed]}
    render.emit("bcp.snapshot-diff/1", data, "\n".join(_change_lines(changed)))


def _change_lines(changed: list[tuple[str, Any, Any]]) -> list[str]:
    if not changed:
        return ["  nothing changed since the last one"]
    return [render.wrap(f"{w}: {_short(a)} -> {_short(b)}", "      ", "  ~ ") for w, a, b in changed]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= 160 else text[:157] + "..."


def _text(s: Snapshot, app: App) -> str:
    out = [f"Taken {iso(s.taken)}, {format_duration(app.clock.now() - s.taken)} ago"]
    for name, facts in s.domains.items():
        mx = facts.get("mx")
        hosts = ", ".join(f"{preference} {host}" for preference, host in mx["hosts"]) if mx else ""
        where = f"{hosts} (TTL {mx['ttl_s']})" if mx else "unknown"
        out.append(f"{name}: MX {where}")
        out += [render.wrap(f"{k}: {_short(v)}", "      ", "    ") for k, v in facts.items() if k != "mx" and v]
    out += [f"relay {n}: {_short(f)}" for n, f in s.relays.items()]
    out += [f"could not be read: {u}" for u in s.unreadable]
    return "\n".join(out)
