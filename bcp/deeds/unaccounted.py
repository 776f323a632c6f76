"""Mails whose fate is not known: an incident with such mails is not over, unless a named person says so."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bcp.contracts.relay_ledger import MAIL, UNSEEN, WAITING, Fate, Source, Wanted
from bcp.engine.store import RunView
from bcp.incident.model import Incident
from bcp.kernel.errors import BcpError
from bcp.relay.books import parts_of
from bcp.relay.gone import Gone
from bcp.relay.sums import LOST
from bcp.wiring import App
from bcp.wiring.relay_books import RelayBooks

BEFORE_S = 3600.0
"""Mail that the relay accepted so long before the incident was opened belongs to it: an outage is noticed late."""
NAMED = 100
"""Recipients that are named in the record."""
SILENT_S, PUSH_S = 900.0, 360.0
"""An agent that was not heard for so long is silent; one that comes by itself does so every five minutes at the
least."""


@dataclass(frozen=True, slots=True)
class Unaccounted:
    """``people`` recipients, the first of them ``names``; ``silent``: relays that could not be asked, that is
    their agents; ``dead``: hosts that did not answer the last drain."""

    people: int = 0
    names: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    dead: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    """Where some of them wait although it is not in ``bcp.yaml`` any more, and what to do: a sentence each."""
    unread: tuple[str, ...] = ()
    """Agents that do not read the relay's log, or lost a part of it, and why: a sentence each."""

    @property
    def any(self) -> bool:
        """Is there something that nobody knows?"""
        return bool(self.people or self.silent or self.dead or self.unread)

    def text(self) -> str:
        """One sentence."""
        parts = []
        if self.people:
            more = f" and {self.people - 3} more" if self.people > 3 else ""
            parts.append(f"the fate of {self.people} recipient(s) is not known: {', '.join(self.names[:3])}{more}")
        parts += [f"the agent of {name} was not heard: what it took is not known" for name in self.silent]
        parts += [f"{name} did not answer the drain: what it holds is not known" for name in self.dead]
        parts += [*self.unread, *self.gone]
        return "; ".join(parts)

    def data(self) -> dict[str, Any]:
        """For the chain."""
        found = {"unaccounted": self.people, "names": list(self.names[:NAMED]), "silent": [*self.silent, *self.dead]}
        more = {"gone": list(self.gone), "unread": list(self.unread)}
        return {**found, **{name: texts for name, texts in more.items() if texts}}


async def ask_and_count(app: App, found: Incident) -> Unaccounted:
    """Ask the agents, then count. Raises ``StorageError``."""
    books = app.running.books
    if books.agents:
        await books.pull()
    return await asyncio.to_thread(count, app, found)


def count(app: App, found: Incident) -> Unaccounted:
    """From what is here: the ledger of relays with agents, and what drains of its runs counted on the others."""
    books, since = app.running.books, max(0.0, found.opened - BEFORE_S)
    names, people, silent, dead = list[str](), 0, list[str](), list[str]()
    unread = tuple[str, ...]()
    gone: Sequence[Gone] = getattr(books, "gone", tuple)()
    if books.agents or gone:
        people, names = _in_ledger(books, since, gone)
    if books.agents and _moved(app, found):
        silent = list(_silent(books, app.clock.now()))
        unread = tuple(_unread(books, since, silent))
    if books.without:
        for left, some, unheard in _drained(app, found):
            people, names, dead = people + left, [*names, *some], [*dead, *unheard]
    behind = tuple(g.text(waits) for g, waits in books.left_behind()) if gone else ()
    return Unaccounted(people, tuple(names), tuple(silent), tuple(dict.fromkeys(dead)), behind, unread)


def _silent(books: RelayBooks, now: float) -> Iterator[str]:
    """Agents that were not heard for long, or did not answer when they were asked last, however short that is ago: what
    their hosts took since is not known."""
    known = {s.relay: s for s in books.ledger.sources()}
    for name, way in books.agents.items():
        source = known.get(name, Source(name))
        asked_in_vain = bool(source.problem) and not source.blind
        if asked_in_vain or now - source.heard > (PUSH_S if way.push else SILENT_S):
            yield name


def _unread(books: RelayBooks, since: float, silent: Sequence[str]) -> Iterator[str]:
    """What a relay said in its log since then, and its agent did not read, or cannot any more."""
    for s in books.ledger.sources():
        if s.relay in books.agents and s.relay not in silent and s.blind:
            yield f"the agent of {s.relay} cannot read its log, what it took is not known: {s.trouble}"
    for remark in books.ledger.remarks(tuple(books.agents), since):
        if remark.code in LOST:
            yield f"{remark.relay}: {remark.text} [{remark.code}]"


def _in_ledger(books: RelayBooks, since: float, gone: Sequence[Gone]) -> tuple[int, list[str]]:
    """What relays still have for us, whenever it came, and what vanished since; also those that left ``bcp.yaml``."""
    domains, relays = tuple(d.name for d in books.world.settings.domains), tuple(books.agents)
    former: tuple[tuple[str, float], ...] = getattr(books, "former", tuple)()
    people, names = 0, list[str]()
    for statuses, begin in ((WAITING, 0.0), (("unknown",), since)):
        asked = Wanted(relays, domains, begin, statuses=statuses, kinds=(MAIL, UNSEEN), former=former)
        for wanted in parts_of(asked, gone):
            people += books.ledger.count(wanted)
            names += [_name(f) for f in books.ledger.fates(wanted, limit=NAMED)]
    return people, names


def _name(f: Fate) -> str:
    return f"{f.recipient or f'{f.people} recipient(s) without a name'} ({f.status}, {f.relay} {f.queue_id})"


def _views(app: App, found: Incident) -> Iterator[RunView]:
    """The incident's runs, and those that went back from them; one that cannot be read tells nothing."""
    runs = app.running.runs
    for name in found.runs:
        try:
            yield runs.view(name, effects=False)
            for child in runs.children(name):
                yield runs.view(child.id, effects=False)
        except BcpError:
            continue


def _moved(app: App, found: Incident) -> bool:
    """Did a run of it move MX to the relay? One that cannot be read is taken for one that did."""
    for name in found.runs:
        try:
            if app.running.runs.card(name).moved_at > 0:
                return True
        except BcpError:
            return True
    return False


def _drained(app: App, found: Incident) -> Iterator[tuple[int, list[str], list[str]]]:
    """What drains could not account for, by a relay's own log, and hosts that did not answer them. Of one step the
    newest drain knows best."""
    newest: dict[str, tuple[float, dict[str, Any]]] = {}
    for view in _views(app, found):
        for step in view.state.steps.values():
            if "unaccounted" in step.outputs and step.ended >= newest.get(step.id, (0.0, {}))[0]:
                newest[step.id] = (step.ended, dict(step.outputs))
    for _, outputs in newest.values():
        missing = int(outputs.get("unaccounted") or 0) + int(outputs.get("left") or 0)
        unheard = [str(h) for h in outputs.get("unheard") or ()]
        if missing or unheard:
            yield missing, [str(n) for n in outputs.get("by_name") or ()] if missing else [], unheard
