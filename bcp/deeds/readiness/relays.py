"""Looks at the relay machines that are ours, as they tell of themselves (``relays: NAME: kit:``)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace

from bcp.contracts.readiness import Check
from bcp.deeds.readiness.scope import Scope
from bcp.deeds.relay_watch import checks
from bcp.relay.sources import hosts_of
from bcp.relay_kit.watch import pulse
from bcp.wiring import App


async def machines(app: App, scope: Scope) -> Sequence[Check]:
    """Queue, disk, certificates, list of recipients, agent: every playbook that moves MX rests on them."""
    mails = await asyncio.to_thread(_mails_an_hour, app)
    found = await checks(app, _heard(app), mails, _troubles(app), getattr(scope, "mtpd", 0.0), _doubts(app))
    seen = {c.subject for c in found if c.code == "relay-agent"}
    left = await asyncio.to_thread(_left, app)
    return [replace(c, playbooks=scope.movers) for c in (*found, *_pulses(app, seen), *left)]


def _left(app: App) -> list[Check]:
    """Mail that waits where nobody asks any more."""
    hint, left = "bcp relay account, bcp relay mails", app.running.books.left_behind()
    return [Check("relay-left-behind", g.place, "risk", g.text(waits), hint) for g, waits in left]


def _pulses(app: App, seen: Set[str]) -> Iterator[Check]:
    """Agents on machines that we do not ask otherwise, each by its host where it has one."""
    books = app.running.books
    known = {s.relay: s for s in books.ledger.sources() if s.heard} if books.agents else {}
    for agent in books.places:
        place = agent.host or agent.relay
        hosts = (agent.host,) if agent.host else hosts_of(app.world.relay_settings[agent.relay])
        if not seen & {*hosts}:
            told = known.get(agent.name)
            said = (told.trouble, told.doubt) if told is not None else ("", "")
            yield pulse(place, told.heard if told is not None else None, app.clock.now(), *said)


def _heard(app: App) -> dict[str, float]:
    """When the agent of each host told something last; without an agent nobody is asked."""
    books = app.running.books
    return books.heard() if books.agents else {}


def _mails_an_hour(app: App) -> dict[str, float]:
    books = app.running.books
    return books.mails_an_hour() if books.agents else {}


def _troubles(app: App) -> dict[str, str]:
    books = app.running.books
    return books.troubles() if books.agents else {}


def _doubts(app: App) -> dict[str, str]:
    books = app.running.books
    return books.second_hand() if books.agents else {}
