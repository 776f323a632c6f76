"""A drain by hand: how it stands, what it would take, driving it, and saying that it should pause, go on or stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bcp.contracts.drain import DrainStatus, Shaped, Wish
from bcp.contracts.relay import Relay, unheard_of
from bcp.drain.plan import Forecast, forecast
from bcp.drain.run import Seen, ShapedDrain
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid, Refused
from bcp.kit.mail_account import Account, account
from bcp.store.files.drains import DrainFiles
from bcp.wiring import App


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended, and what became of each recipient."""

    status: DrainStatus
    account: Account
    unheard: tuple[str, ...] = ()
    """Hosts that did not answer: what they hold is not known."""


@dataclass(frozen=True, slots=True)
class Shown:
    """How things stand, without touching them."""

    relay: str
    forecast: Forecast
    status: DrainStatus | None
    driven: bool
    unheard: tuple[str, ...] = ()
    """Hosts that did not answer: what they hold is not known."""


def _chosen(app: App, name: str) -> tuple[Relay, Shaped]:
    """The relay that is meant.

    Raises:
        Invalid: there is none, several and none is named, or it cannot be drained mail by mail.
    """
    able = {n: r for n, r in app.world.relays.items() if isinstance(r, Shaped) and r.can_release}
    if name and name not in app.world.relays:
        raise Invalid(f"there is no relay {name!r}", hint=did_you_mean(name, app.world.relays), rule="relay.unknown")
    if name and name not in able:
        hint = "Set kit: reach: of the relay. Until then the step relay.drain asks it to deliver everything at once."
        raise Invalid(f"{name} cannot be drained mail by mail", hint=hint, rule="drain.not-shaped")
    if not name and len(able) != 1:
        what = "several relays can be drained" if able else "no relay can be drained mail by mail"
        hint = "Name one: --relay NAME" if able else "Set kit: reach: of the relay."
        raise Invalid(what, hint=hint, rule="drain.which")
    relay = able[name or next(iter(able))]
    assert isinstance(relay, Shaped)
    return relay, relay


async def show(app: App, name: str = "") -> Shown:
    """What it holds and how long it would take; how a drain stands. Touches nothing."""
    relay, shaped = _chosen(app, name)
    book = DrainFiles(app.configuration.state)
    mails = Seen().note(await relay.queue(), frozenset(app.world.domains))
    told = book.status(relay.name), book.driven(relay.name)
    return Shown(relay.name, forecast(mails, shaped.shape), *told, tuple(sorted(unheard_of(relay))))


async def drive(
    app: App, name: str, timeout_s: float, quiet_s: float, on_status: Callable[[DrainStatus], None]
) -> Drained:
    """Drain to the end. Raises what ``ShapedDrain.run`` raises."""
    relay, shaped = _chosen(app, name)
    book = DrainFiles(app.configuration.state)
    drain = ShapedDrain(relay, shaped, frozenset(app.world.domains), app.clock, book, on_status=on_status)
    status = await drain.run(timeout_s, quiet_s)
    seen, dead = drain.seen.recipients, set(unheard_of(relay))
    found = account(seen, await relay.fates(list(seen)))
    return Drained(status, found, tuple(sorted(dead | set(unheard_of(relay)))))


def wish(app: App, name: str, wanted: Wish) -> str:
    """Say what is wanted of the drain that is running; returns the relay's name.

    Raises:
        Refused: nobody drives one (``drain.nobody``).
    """
    relay, _ = _chosen(app, name)
    book = DrainFiles(app.configuration.state)
    if not book.driven(relay.name):
        raise Refused(f"no drain of {relay.name} is running", hint="bcp relay drain begins one.", rule="drain.nobody")
    book.ask(relay.name, wanted)
    return relay.name
