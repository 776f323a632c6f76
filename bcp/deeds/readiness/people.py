"""Looks at people: the contacts, each audience as playbooks tell it, each person who may approve. Asks nobody."""

from __future__ import annotations

from typing import Any

from bcp.contacts.person import unheard
from bcp.contacts.person import ways_of as written_ways
from bcp.contracts.channel import Channel
from bcp.contracts.contact import Contact, wants
from bcp.contracts.readiness import Check
from bcp.deeds.readiness.scope import Scope
from bcp.ready import people
from bcp.wiring import App


async def contacts(app: App, scope: Scope) -> list[Check]:
    """Are there any, how old is what is known, and is every opt-out one of something?"""
    found = app.people.directory
    names = app.settings.channels
    lost = {c.id: words[0] for c in found.contacts if (words := unheard(c.optout, names))}
    most = app.settings.contacts.max_age
    facts = people.ContactFacts(
        len(found.contacts),
        _source(app),
        found.taken_at,
        most,
        lost,
        written_ways(names),
        found.astray,
        _left(app),
    )
    return people.contacts(facts, app.clock.now())


def _left(app: App) -> dict[str, str]:
    """Persons whom the configuration names and nobody has in the contacts, and where it does."""
    settings = app.settings
    named = {o: "readiness: owner:" for o in settings.readiness.owner if ":" not in o}
    named |= {s.by: "approvals: standing:" for s in settings.approvals.standing}
    named |= dict.fromkeys(settings.approvals.codes, "approvals: codes:")
    return {who: where for who, where in sorted(named.items()) if app.people.directory.person(who) is None}


def _source(app: App) -> str:
    c = app.settings.contacts
    return c.file.name if c.file is not None else (c.snapshot.name if c.snapshot is not None else "")


async def audiences(app: App, scope: Scope) -> list[Check]:
    """Each audience that a playbook tells, by the channels that it names."""
    users: dict[str, dict[str, None]] = {}
    by: dict[str, dict[str, None]] = {}
    for need in scope.needs:
        for audience, channels in need.audiences.items():
            users.setdefault(audience, {})[need.playbook] = None
            by.setdefault(audience, {}).update(dict.fromkeys(channels))
    return [c for a in by for c in people.audience(_audience(app, a, tuple(by[a]), tuple(users[a])))]


def _audience(app: App, name: str, channels: tuple[str, ...], books: tuple[str, ...]) -> people.AudienceFacts:
    directory, known = app.people.directory, [app.world.channels[c] for c in channels if c in app.world.channels]
    single = [c for c in known if not c.broadcast]
    places = tuple(c.name for c in known if c.broadcast and c.place() and not c.duty)
    singles = tuple(c.name for c in single)
    if name not in directory.audiences:
        return people.AudienceFacts(name, singles, places, known=False, playbooks=books)
    members = tuple(
        people.Reached(m.id, frozenset(c.name for c in single if _reaches(c, m))) for m in directory.members(name)
    )
    return people.AudienceFacts(name, singles, places, members, playbooks=books)


def _reaches(channel: Channel[Any], person: Contact) -> bool:
    return bool(channel.address_of(person)) and wants(person, channel.name, channel.form)


async def approvers(app: App, scope: Scope) -> list[Check]:
    """Each person behind a gate, and each gate."""
    ways: dict[str, frozenset[str]] = {}
    books: dict[str, dict[str, None]] = {}
    out = []
    for need in scope.needs:
        for gate in need.gates:
            behind = sorted(app.people.approvers(gate.references))
            for person in behind:
                ways[person] = ways_of(app, person)
                books.setdefault(person, {})[need.playbook] = None
            able = {p: ways[p] or {f"terminal:{p}"} for p in behind if ways[p] or _answers(app, p)}
            count = people.persons_apart(able)
            out.append(people.gate(people.GateFacts(need.playbook, gate.step, gate.references, gate.least, count)))
    asked = [people.Approver(p, w, _answers(app, p), tuple(books[p])) for p, w in sorted(ways.items())]
    return [*map(people.approver, asked), *out]


def _answers(app: App, person: str) -> bool:
    """By an approval code, or the login of their own on a machine that runs ``bcp``."""
    found = app.people.directory.person(person)
    return person in app.settings.approvals.codes or bool(found is not None and found.logins)


def ways_of(app: App, person: str) -> frozenset[str]:
    """The addresses by which a question reaches this person: of each channel that asks, and in a chat room their own
    name there, by which an answer is known to be theirs."""
    found = app.people.directory.person(person)
    if found is None:
        return frozenset()
    out = set()
    for channel in (app.world.channels[n] for n in app.world.askers if n in app.world.channels):
        if not wants(found, channel.name, channel.form):
            continue
        address = found.slack if channel.broadcast else channel.address_of(found)
        if address:
            out.add(address.casefold())
    return frozenset(out)
