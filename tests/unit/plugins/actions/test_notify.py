"""``notify`` over roles: who plays them hears, and a step that tells nobody says so."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from bcp.comms.courier import Courier
from bcp.comms.pack import load_pack
from bcp.contacts.directory import Audience, Directory
from bcp.contracts.action import StepInfo
from bcp.contracts.channel import Channel, ChannelSettings, Receipt
from bcp.contracts.contact import Contact
from bcp.kernel.clock import SystemClock
from bcp.plugins.actions.notify import Notify, NotifyArgs
from bcp.wiring.shipped import SHIPPED


class Board(Channel[ChannelSettings]):
    """Takes everything, for everybody."""

    kind, form, broadcast = "board", "chat", True

    def __init__(self, name: str, form: str) -> None:
        super().__init__(name, ChannelSettings.model_validate({"kind": "board"}))
        self.form, self.sent = form, []  # type: ignore[misc]

    def address_of(self, contact: Contact) -> str:
        return self.name

    async def send(self, delivery) -> Receipt:
        self.sent.append(delivery.message)
        return Receipt("1")


def courier(channels, roles) -> Courier:
    people = Directory((Contact("a", "A"),), {"employees": Audience("employees", (), ("a",))}, "", 0.0)
    values = {"org": {"name": "X", "signature": "IT"}, "next_update": "10:30 UTC", "now": "10:00 UTC"}
    pack = load_pack([SHIPPED / "messages"])
    return Courier(people, pack, channels, None, SystemClock(), lambda extra: {**values, **extra}, roles=roles)


def plan(channels, roles, names):
    services = SimpleNamespace(courier=courier(channels, roles))
    args = NotifyArgs(audience="employees", template="access-down", channels=names)
    return asyncio.run(Notify().plan(args, services, StepInfo("tell", "key")))  # type: ignore[arg-type]


def test_roles_become_the_channels_that_play_them_once_each() -> None:
    have = {"teams": Board("teams", "chat"), "mail": Board("mail", "email"), "call": Board("call", "voice")}
    roles = {"urgent": ("mail", "call"), "chat": ("teams", "mail"), "page": ()}
    found = plan(have, roles, ["urgent", "chat", "page"])
    assert [f.channel for f in found.forecasts] == ["mail", "teams"], "a role leaves out what has no form for it"
    assert found.notes == ()
    assert "Mail to us is accepted and waits" in found.forecasts[0].sample, "a page's text goes by e-mail, too"


def test_a_step_whose_roles_nobody_plays_says_that_nobody_is_told() -> None:
    """It is no failure, and no success either."""
    found = plan({}, {"urgent": ()}, ["urgent"])
    assert found.notes == ("tell: no channel here plays urgent: nobody is told",) and not found.forecasts

    class Silent:
        async def deliver(self, order, key):
            return []

    args = NotifyArgs(audience="employees", template="access-down", channels=["urgent"])
    services = SimpleNamespace(courier=Silent())
    done = asyncio.run(Notify().perform(args, services, StepInfo("tell", "key")))  # type: ignore[arg-type]
    assert (done.changed, done.outputs["sent"]) == (False, 0) and "nobody is told" in done.summary
