"""``bcp relay recipients``: whom the relay takes mail for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.relay_kit import Relay
from bcp.kernel.clock import iso
from bcp.kernel.text import plural

if TYPE_CHECKING:
    from bcp.deeds.relay_recipients import HostList, Recipients

Full = Annotated[bool, typer.Option("--full", help="Ask the directory for everybody, not for changes.")]


def register(group: typer.Typer) -> None:
    """Add the group."""
    inner = typer.Typer(
        help="Whom the relay takes mail for: show, check, sync.", no_args_is_help=True, rich_markup_mode=None
    )
    inner.command(name="show", help="Who would be on the list now. Asks the directory, not the relay.")(show)
    inner.command(name="check", help="What a sync would change on each relay. Sends nothing.")(check)
    inner.command(
        name="sync",
        help="Sign the list and send it to the relay. An empty list is never sent; one that loses more than a tenth "
        "only with --accept-drop.",
    )(sync)
    group.add_typer(inner, name="recipients")


def show(relay: Relay = "", full: Full = False) -> None:
    """Show."""
    from bcp.deeds import relay_kit, relay_recipients

    app = make_app()
    found, _ = wait_for(relay_recipients.found_now(app, relay_kit.relay_of(app, relay), full=full))
    rows = sorted(found.addresses)
    data = {"recipients": rows, "foreign": found.foreign, "odd": list(found.odd), "sources": list(found.sources)}
    odd = [f"left out, no address: {o}" for o in found.odd[:20]]
    render.emit("bcp.relay-recipients/1", data, "\n".join([*rows, "", plural(len(rows), "recipient"), *odd]))


def check(relay: Relay = "", full: Full = False) -> None:
    """Check."""
    from bcp.deeds import relay_recipients

    found = wait_for(relay_recipients.check(make_app(), relay, full=full))
    _emit(found)
    if any(h.trouble for h in found.hosts):
        raise typer.Exit(1)


def sync(
    relay: Relay = "",
    full: Full = False,
    accept_drop: Annotated[bool, typer.Option("--accept-drop", help="More than a tenth may vanish.")] = False,
) -> None:
    """Sync."""
    from bcp.deeds import relay_recipients

    _emit(wait_for(relay_recipients.sync(make_app(), relay, accept_drop=accept_drop, full=full)))


def _emit(found: Recipients) -> None:
    rows = [
        {
            "host": h.host,
            "made": iso(float(h.listing.made)) if h.listing else "",
            "added": list(h.change.added) if h.change else [],
            "removed": list(h.change.removed) if h.change else [],
            "sent": h.sent,
            "trouble": h.trouble,
        }
        for h in found.hosts
    ]
    data = {"relay": found.relay, "count": len(found.found.addresses), "odd": list(found.found.odd), "hosts": rows}
    lines = [_line(h) for h in found.hosts] + [f"left out, no address: {o}" for o in found.found.odd[:20]]
    render.emit("bcp.relay-recipients-check/1", data, "\n".join(lines))


def _line(host: HostList) -> str:
    if host.trouble:
        return f"{render.status_word('fail')}  {host.host}: {host.trouble}"
    age = f"has a list of {iso(float(host.listing.made))}" if host.listing else "has no list yet"
    said = "sent" if host.sent else age
    return f"{render.status_word('ok')}  {host.host}: {said}; {host.change}"
