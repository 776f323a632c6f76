"""``bcp lab``: the outside world of the drills, to play with by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bcp.cli import render
from bcp.cli.common import wait_for
from bcp.kernel.errors import Invalid
from bcp.kernel.files import write_atomic


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The lab: up, break, heal, count.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="up", help="Start the lab in the foreground and write a bcp.yaml for it.")(up)
    group.command(name="break", help="Break the Exchange stand-in of a running lab.")(break_)
    group.command(name="heal", help="Heal it.")(heal)
    group.command(name="count", help="Every numbered mail of a running lab.")(count)
    app.add_typer(group, name="lab")


Folder = Annotated[Path, typer.Option("--folder", help="The lab's folder.")]
_DEFAULT = Path(".bcp-lab")


def up(
    folder: Folder = _DEFAULT,
    seconds: Annotated[float, typer.Option("--seconds", help="End after this time; 0: Ctrl-C ends it.")] = 0,
) -> None:
    """Up."""
    wait_for(_up(folder.resolve(), seconds))


async def _up(folder: Path, seconds: float) -> None:
    import asyncio
    import contextlib
    import signal

    from bcp.lab.world import World
    from bcp.rehearse import write_configuration

    folder.mkdir(parents=True, exist_ok=True)
    world = World(folder)
    await world.start()
    path = await write_configuration(world)
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    render.say(
        f"The lab is up. In another terminal: export BCP_CONFIG={path}\nBreak it: "
        f"bcp lab break 451 --folder {folder}\nThen: bcp verdict, bcp run exchange-inbound-outage\nCtrl-C ends it."
    )
    orders = folder / "order"
    began = asyncio.get_running_loop().time()
    try:
        while not end.is_set() and (not seconds or asyncio.get_running_loop().time() - began < seconds):
            with contextlib.suppress(FileNotFoundError):
                text = orders.read_text(encoding="utf-8").strip()
                orders.unlink()
                await (world.heal() if text == "heal" else world.break_(text))
                render.say(f"lab: {text}")
            tally = world.tally()
            write_atomic(
                folder / "count.json",
                json.dumps(
                    {
                        "sent": tally.sent,
                        "delivered": tally.delivered,
                        "bounced": list(tally.bounced),
                        "lost": list(tally.lost),
                        "duplicated": list(tally.duplicated),
                        "queued": list(tally.queued),
                        "mx": world.published_mx(),
                        "sms": len(world.vendors.sms),
                        "slack": len(world.vendors.posts),
                    }
                ),
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), 0.3)
    finally:
        await world.stop()


def _order(folder: Path, text: str) -> None:
    if not (folder / "count.json").exists():
        raise Invalid(f"no lab runs in {folder}", hint="Start one: bcp lab up")
    (folder / "order").write_text(text, encoding="utf-8")
    render.emit("bcp.told/1", {"told": text}, f"told the lab: {text}")


def break_(
    how: Annotated[
        str, typer.Argument(help="refuse, hang, 421, 451, 550-valid-recipients, mx-host-unresolvable, slow")
    ],
    folder: Folder = _DEFAULT,
) -> None:
    """Break."""
    from bcp.kernel.document import did_you_mean
    from bcp.lab.world import ALIASES, BREAKS

    if ALIASES.get(how, how) not in BREAKS:
        raise Invalid(f"{how!r} is not a way to break it", hint=did_you_mean(how, BREAKS))
    _order(folder, how)


def heal(folder: Folder = _DEFAULT) -> None:
    """Heal."""
    _order(folder, "heal")


def count(folder: Folder = _DEFAULT) -> None:
    """Count."""
    try:
        data = json.loads((folder / "count.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"no lab runs in {folder}", hint="Start one: bcp lab up") from error
    render.emit(
        "bcp.count/1", data, "\n".join(f"{k}: {v if not isinstance(v, list) else len(v)}" for k, v in data.items())
    )
