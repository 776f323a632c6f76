"""``bcp lab``: the outside world of the drills, to play with by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import wait_for
from bcp.kernel.errors import Invalid
from bcp.kernel.files import write_atomic

if TYPE_CHECKING:
    from bcp.lab.world import World
    from bcp.rehearse.stand import Stand


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The lab: up, break, heal, enter, count.", no_args_is_help=True, rich_markup_mode=None)
    group.command(name="up", help="Start the lab in the foreground and write a bcp.yaml for it.")(up)
    group.command(name="break", help="Break the Exchange stand-in of a running lab.")(break_)
    group.command(name="heal", help="Heal it.")(heal)
    group.command(name="enter", help="Enter an MX at the registrar of a lab with --dns manual, as a person does.")(
        enter
    )
    group.command(name="count", help="Every numbered mail of a running lab.")(count)
    app.add_typer(group, name="lab")


Folder = Annotated[Path, typer.Option("--folder", help="The lab's folder.")]
_DEFAULT = Path(".bcp-lab")


def up(
    folder: Folder = _DEFAULT,
    seconds: Annotated[float, typer.Option("--seconds", help="End after this time; 0: Ctrl-C ends it.")] = 0,
    dns: Annotated[
        str,
        typer.Option(
            "--dns",
            metavar="KIND",
            help="Where the zone is kept: rfc2136, cloudflare, route53, azure, google, manual (you enter records).",
        ),
    ] = "rfc2136",
    every: Annotated[float, typer.Option("--every", min=0.05, help="Seconds between two mails from outside.")] = 0.5,
) -> None:
    """Up."""
    from bcp.rehearse.stand import stand

    wait_for(_up(folder.resolve(), seconds, stand(dns), every))


async def _up(folder: Path, seconds: float, host: Stand, every_s: float) -> None:
    import asyncio
    import contextlib
    import signal

    from bcp.lab.world import World
    from bcp.rehearse.lab import write_configuration

    folder.mkdir(parents=True, exist_ok=True)
    world = World(folder, every_s=every_s)
    world.ttl = max(world.ttl, host.min_ttl_s)
    await world.start()
    await host.start(world)
    path = await write_configuration(world, host)
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
                await _obey(world, text)
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
        await host.stop()
        await world.stop()


async def _obey(world: World, order: str) -> None:
    """Do what a command of another terminal says; see ``_order``."""
    from bcp.rehearse.stand import save

    word, *rest = order.split()
    if word == "enter":
        preference, host, ttl = rest
        save(world, [(int(preference), host, int(ttl))])
    elif word == "heal":
        await world.heal()
    else:
        await world.break_(order)


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


def enter(
    host: Annotated[str, typer.Argument(metavar="HOST", help="The mail host, such as mx.backup.test.")],
    preference: Annotated[int, typer.Option("--preference", help="Its priority.", min=0, max=65535)] = 10,
    ttl: Annotated[int, typer.Option("--ttl", help="Its TTL in seconds.", min=1, max=86400)] = 300,
    folder: Folder = _DEFAULT,
) -> None:
    """Enter."""
    from bcp.kernel.names import domain_name

    try:
        name = domain_name(host)
    except ValueError as error:
        raise Invalid(f"not entered: {error}", hint="For example: bcp lab enter mx.backup.test") from error
    _order(folder, f"enter {preference} {name} {ttl}")


def count(folder: Folder = _DEFAULT) -> None:
    """Count."""
    try:
        data = json.loads((folder / "count.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Invalid(f"no lab runs in {folder}", hint="Start one: bcp lab up") from error
    render.emit(
        "bcp.count/1", data, "\n".join(f"{k}: {v if not isinstance(v, list) else len(v)}" for k, v in data.items())
    )
