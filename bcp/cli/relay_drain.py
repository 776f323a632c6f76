"""``bcp relay drain``: let the relay deliver what it kept, mail by mail, no faster than Exchange takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import duration, wait_for
from bcp.cli.drain_view import line
from bcp.cli.relay_kit import Relay
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    from bcp.contracts.drain import DrainStatus, Wish

TELL_S = 5.0


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command(
        name="drain",
        help="Let the relay deliver what it kept: a few first, then no faster than Exchange takes it. Goes on where an "
        "earlier one stopped.",
    )(drain)


def drain(
    relay: Relay = "",
    show: Annotated[bool, typer.Option("--show", help="How many, how long, how it stands. Touches nothing.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="The running drain pauses; the relay keeps all.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="A drain that pauses goes on.")] = False,
    stop: Annotated[bool, typer.Option("--stop", help="The running drain ends; the relay keeps all.")] = False,
    timeout: Annotated[str, typer.Option("--timeout", help="Give up after this long; mail stays.")] = "12h",
    quiet: Annotated[str, typer.Option("--quiet-for", help="Empty for so long is empty.")] = "0s",
) -> None:
    """Drain."""
    from bcp.deeds import relay_drain as deed

    if sum((show, pause, resume, stop)) > 1:
        raise Invalid("--show, --pause, --resume and --stop exclude one another", hint="Give one of them.")
    app = make_app()
    if pause or resume or stop:
        wanted: Wish = "pause" if pause else "stop" if stop else ""
        name = deed.wish(app, relay, wanted)
        said = {"pause": "pauses", "stop": "stops", "": "goes on"}[wanted]
        render.emit("bcp.relay-drain-wish/1", {"relay": name, "wish": wanted}, f"the drain of {name} {said}")
        return
    if show:
        _show(wait_for(deed.show(app, relay)))
        return
    last = [0.0]

    def told(status: DrainStatus) -> None:
        if status.at - last[0] >= TELL_S:
            last[0] = status.at
            render.say(line(status, driven=True))

    limit, empty = duration(timeout, "timeout"), duration(quiet, "quiet-for")
    found = wait_for(deed.drive(app, relay, limit, empty, told))
    account = found.account
    data = {
        **asdict(found.status),
        "recipients": len(account.entries),
        "sent": account.sent,
        "bounced": account.bounced,
        "unaccounted": account.unaccounted,
        "by_name": account.by_name()[:1000],
        "unheard": list(found.unheard),
    }
    text = [account.summary(), *_unheard(found.unheard), *account.by_name()[:50]]
    render.emit("bcp.relay-drain/1", data, "\n".join(text))


def _unheard(hosts: Sequence[str]) -> list[str]:
    return [f"{host} does not answer: what it holds is not known" for host in hosts]


def _show(found: Any) -> None:
    text = [f"{found.relay} holds {found.forecast}", *_unheard(found.unheard)]
    if found.status is not None:
        text.append(line(found.status, driven=found.driven))
    f = found.forecast
    data = {
        "relay": found.relay,
        "messages": f.messages,
        "recipients": f.recipients,
        "seconds": round(f.seconds, 1),
        "hot": [{"recipient": a, "messages": n, "seconds": round(s, 1)} for a, n, s in f.hot[:100]],
        "driven": found.driven,
        "status": asdict(found.status) if found.status else None,
        "unheard": list(found.unheard),
    }
    render.emit("bcp.relay-drain-show/1", data, "\n".join(text))
