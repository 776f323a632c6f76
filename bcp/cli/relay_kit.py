"""``bcp relay kit``: what a fresh Debian machine needs to be the backup MX, and what differs on a living one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.errors import Invalid
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.relay_kit import Compared

Relay = Annotated[str, typer.Option("--relay", help="Which relay; needed where there are several.")]


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(
        name="kit",
        help="Write everything that a fresh Debian machine needs to be the backup MX, or name what differs on a "
        "living one (--check).",
    )(kit)


def kit(
    folder: Annotated[Path | None, typer.Argument(help="Folder to write to.")] = None,
    relay: Relay = "",
    check: Annotated[bool, typer.Option("--check", help="Compare the living relay with the kit.")] = False,
    root: Annotated[
        Path | None, typer.Option("--root", help="With --check: the relay's files lie below this folder.")
    ] = None,
) -> None:
    """Kit."""
    from bcp.deeds import relay_kit as deed

    app = make_app()
    if check:
        _show(wait_for(deed.check_kit(app, relay, root)))
        return
    if folder is None:
        raise Invalid("where to?", hint="bcp relay kit FOLDER, or bcp relay kit --check")
    written = deed.write_kit(app, folder, relay)
    text = "\n".join(f"{place}: see README.txt there" for place in written)
    for key in deed.broken_keys(app, relay):
        render.warn(f"ssh_keys: {key!r} is no public key, so nobody gets in with it; put the line of a .pub file there")
    render.emit("bcp.relay-kit/1", {"folders": [str(p) for p in written]}, text)


def _show(found: list[Compared]) -> None:
    """A line for each difference; exit 1 where there is one, or where a relay could not be looked at."""
    rows = [
        {"host": c.host, "file": f"/{d.file}", "setting": d.setting, "wanted": d.wanted, "found": d.found}
        for c in found
        for d in c.drifts
    ]
    lines = []
    for c in found:
        state = "fail" if c.drifts or c.trouble else "ok"
        said = c.trouble or (plural(len(c.drifts), "difference") if c.drifts else "as the kit has it")
        lines.append(f"{render.status_word(state)}  {c.host}: {said}")
        lines += [f"  {d}" for d in c.drifts]
    data = {"hosts": [{"host": c.host, "trouble": c.trouble} for c in found], "differences": rows}
    render.emit("bcp.relay-kit-check/1", data, "\n".join(lines))
    if any(c.drifts or c.trouble for c in found):
        raise typer.Exit(1)
