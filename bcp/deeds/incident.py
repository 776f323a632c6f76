"""Incidents, as people open, declare and close them. What monitoring and looks do to them is the daemon's part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bcp.deeds.told import told
from bcp.deeds.unaccounted import ask_and_count
from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.state import FINAL
from bcp.incident.model import Incident
from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.store.sqlite.book import Book

CLASSES = frozenset("ABCDEFGH")


@dataclass(frozen=True, slots=True)
class Declare:
    """A person says that there is an outage."""

    title: str
    classes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Close:
    """A person says that an outage is over."""

    incident: str
    reason: str
    unaccounted: str = ""
    """Why it is closed although the fate of some mails is not known; empty: it is not, then."""


async def declare(ground: Ground, who: Who, wanted: Declare) -> Incident:
    """Open an incident, or declare the one that is open. Starts nothing.

    Raises:
        Refused: ``not-allowed``, ``no-person``.
        Invalid: no title, an unknown class.
    """
    who.must(RUN)
    who.must_be_a_person()
    if not wanted.title.strip():
        raise Invalid("say what is wrong", hint="One line, for people.", rule="no-title")
    title = told(wanted.title)
    unknown = [c for c in wanted.classes if c not in CLASSES]
    if unknown:
        raise Invalid(f"{unknown[0]!r} is no class of outage", hint=", ".join(sorted(CLASSES)), rule="no-such-class")
    service, mode, now = ground.app.settings.service, ground.app.settings.serve.verdict, ground.app.clock.now()

    def work(book: Book) -> Incident:
        found, _ = book.open(service, title, mode, who.person, how=who.how)
        fields: dict[str, Any] = {"title": title[:200]}
        if wanted.classes:
            fields["classes"] = wanted.classes
        if found.state in {"opened", "resolved"}:
            fields |= {"state": "declared", "declared": found.declared or now}
        data = {"state": fields.get("state", found.state), "how": who.how}
        book.change(found.id, "declared_by_hand", who.person, fields=fields, **data)
        return book.incident(found.id)

    return await ground.do(work)


async def close(ground: Ground, who: Who, wanted: Close) -> Incident:
    """Close an incident by hand, with a reason that stands in its record.

    Raises:
        Refused: ``not-allowed``, ``no-person``; ``closed`` already; ``still-holding`` (a run of it is not over: mail is
            still on its way by the relay, or people are still being asked); ``mail-unaccounted`` (nobody knows what
            became of a mail that a relay took, and ``unaccounted`` gives no reason).
        Missing: there is no such incident.
        Invalid: no reason.
    """
    who.must(RUN)
    who.must_be_a_person()
    if not wanted.reason.strip():
        raise Invalid("closing by hand needs a reason", hint="It stands in the record: --reason", rule="no-reason")
    for text in (wanted.reason, wanted.unaccounted):
        told(text, empty=True, lines=True)
    found = await ground.do(lambda b: b.incident(wanted.incident))
    if found.state == "closed":
        raise Refused(f"{found.id} is closed already", rule="closed", hint=f"bcp incident show {found.id}")
    standing = [r for r in found.runs if _stands(ground, r)]
    if standing:
        hint = f"First: bcp failback {standing[0]}, or bcp abort {standing[0]}"
        raise Refused(f"{standing[0]} of {found.id} is not over", rule="still-holding", hint=hint)
    mails = await ask_and_count(ground.app, found)
    if mails.any and not wanted.unaccounted.strip():
        hint = "bcp relay account tells more. Closed all the same, with a reason that stays: --unaccounted"
        raise Refused(mails.text(), rule="mail-unaccounted", hint=hint)
    now = ground.app.clock.now()
    said = {**mails.data(), "unaccounted_reason": wanted.unaccounted[:500]} if mails.any else {}

    def work(book: Book) -> Incident:
        fields = {"state": "closed", "closed": now, "resolved": found.resolved or now}
        data = {"reason": wanted.reason[:500], "how": who.how, **said}
        book.change(found.id, "closed_by_hand", who.person, fields=fields, **data)
        return book.incident(found.id)

    return await ground.do(work)


async def reopen(ground: Ground, who: Who, wanted: Close) -> Incident:
    """Open a closed incident again, with a reason: it was not over.

    Raises:
        Refused: ``not-allowed``, ``no-person``; ``incident-open`` (this one); ``other-open`` (one outage has one
            incident).
        Missing: there is no such incident.
        Invalid: no reason.
    """
    who.must(RUN)
    who.must_be_a_person()
    if not wanted.reason.strip():
        raise Invalid("opening again needs a reason", hint="It stands in the record: --reason", rule="no-reason")
    told(wanted.reason, lines=True)

    def work(book: Book) -> Incident:
        found = book.incident(wanted.incident)
        other = book.current(found.service)
        if other is not None:
            rule = "incident-open" if other.id == found.id else "other-open"
            raise Refused(f"{other.id} is open", rule=rule, hint=f"bcp incident show {other.id}")
        fields = {"state": "opened", "closed": 0.0, "resolved": 0.0}
        book.change(found.id, "reopened", who.person, fields=fields, reason=wanted.reason[:500], how=who.how)
        return book.incident(found.id)

    return await ground.do(work)


def _stands(ground: Ground, run: str) -> bool:
    """Is this run not over? One that cannot be read is taken for one that is not."""
    try:
        return ground.app.running.runs.view(run, effects=False).state.status not in FINAL
    except BcpError:
        return True
