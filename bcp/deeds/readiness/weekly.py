"""The weekly message to whoever owns readiness: what it says, whom it goes to, by what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bcp.contracts.channel import Channel
from bcp.contracts.contact import wants
from bcp.contracts.readiness import ReadinessStore
from bcp.contracts.roles import expand
from bcp.deeds.readiness.look import Found
from bcp.kernel.clock import local
from bcp.pages.words import words
from bcp.ready import german
from bcp.ready.course import trend
from bcp.ready.standing import whole
from bcp.ready.words import LEVELS, going, grouped, reasons, sentence
from bcp.wiring import App

TEMPLATE = "readiness-weekly"
DAY_S = 86_400.0
NAMED = 8
"""So many reasons are told; the page has all of them."""
USUAL = ("email", "chat", "sms")
"""Forms by which it goes where the configuration does not say: the first that there is."""


@dataclass(frozen=True, slots=True)
class To:
    """One address."""

    channel: Channel[Any]
    address: str
    language: str
    who: str


def addresses(app: App) -> Iterator[To]:
    """Where it goes: each owner by each channel, a place once."""
    people = app.people.directory.people(app.settings.readiness.owner)
    if not people:
        return
    for channel in channels(app):
        if channel.broadcast:
            yield To(channel, channel.place(), "", "")
            continue
        for person in people:
            address = channel.address_of(person)
            if address and wants(person, channel.name, channel.form):
                yield To(channel, address, person.language, person.id)


def channels(app: App) -> list[Channel[Any]]:
    """Those of the configuration, else all of the first form that there is."""
    world, named = app.world, app.settings.readiness.channels
    forms = app.world.pack.get(TEMPLATE).forms()
    if named:
        return [
            world.channels[n] for n in expand(named, world.channels, world.roles) if world.channels[n].form in forms
        ]
    for form in USUAL:
        if found := [c for c in world.channels.values() if c.form == form and not c.duty]:
            return found
    return []


def values(app: App, found: Found, store: ReadinessStore) -> dict[str, Any]:
    """What the text may say, as ``ready``; what is language stands in ``ready.de``, too."""
    now, bad = found.at, grouped(reasons(found.checks))
    theirs = german.reasons(reasons(found.checks))
    rows = []
    for s in found.standings:
        course = store.course(s.playbook, now - 31 * DAY_S)
        went = going(trend(course, now, 7 * DAY_S), 7)
        rows.append({"name": s.playbook, "title": s.title, "level": LEVELS[s.level], "percent": s.number, "went": went})
    changes = store.changes(now - 7 * DAY_S)
    zone = app.settings.organisation.timezone
    return {
        "says": sentence(found.standings).rstrip("."),
        "level": LEVELS[whole(found.standings)],
        "day": f"{local(now, zone):%Y-%m-%d}",
        "playbooks": rows,
        "reasons": [{"says": c.says, "hint": c.hint, "state": c.state} for c in bad[:NAMED]],
        "more": max(0, len(bad) - NAMED),
        "de": {
            "says": german.sentence(found.standings),
            "level": german.LEVELS[whole(found.standings)],
            "titles": {s.playbook: words("de").said(s.title, "playbook.") for s in found.standings},
            "levels": {s.playbook: german.LEVELS[s.level] for s in found.standings},
            "reasons": theirs[:NAMED],
            "more": max(0, len(theirs) - NAMED),
        },
        "worse": sum(1 for c in changes if c.after in {"fail", "unknown", "risk"} and c.before == "ok"),
        "mended": sum(1 for c in changes if c.after == "ok" and c.before not in {"", "ok"}),
        "link": f"{app.settings.serve.public_url}/ready" if app.settings.serve.public_url else "",
    }
