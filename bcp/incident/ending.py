"""A person ends an incident, or opens it again. The same rules for every door."""

from __future__ import annotations

from bcp.detect.course import OPEN, Course, refusal
from bcp.incident.book import Book
from bcp.incident.model import Incident
from bcp.kernel.errors import Invalid, Refused

WORDS = {
    "no-incident": ("the incident {id} is over already", "To open it again: bcp incident reopen {id} --reason TEXT"),
    "run-stands": (
        "mail of this incident is still on its way by the relay, or a run is under way",
        "Go back first (bcp failback), or end the run (bcp abort); then close the incident.",
    ),
    "incident-open": ("the incident {id} is open", "bcp incident show {id}"),
    "other-open": ("another incident of {service} is open: {other}", "Work on that one; one outage has one incident."),
}


def end(book: Book, name: str, actor: str, reason: str, *, standing: str) -> Incident:
    """Close an incident. ``standing``: what our runs leave (``bcp.incident.standing``).

    Raises:
        Refused: (``no-incident``, ``run-stands``).
        Invalid: no such incident, no reason.
    """
    with book:
        found = book.incident(name)
        _check(found, Course(record=found.state, standing=standing), "ended", reason)
        fields = {"state": "closed", "closed": book.clock.now()}
        book.change(found.id, "closed", actor, fields=fields, state="closed", reason=reason.strip()[:300])
        return book.incident(found.id)


def reopen(book: Book, name: str, actor: str, reason: str) -> Incident:
    """Open a closed incident again: the outage was not over.

    Raises:
        Refused: (``incident-open``, ``other-open``).
        Invalid: no such incident, no reason.
    """
    with book:
        found = book.incident(name)
        _check(found, Course(record=found.state), "reopened", reason)
        other = book.current(found.service)
        if other is not None:
            raise _no("other-open", found, other=other.id)
        fields = {"state": "opened", "closed": 0.0, "resolved": 0.0}
        book.change(found.id, "reopened", actor, fields=fields, state="opened", reason=reason.strip()[:300])
        return book.incident(found.id)


def _check(found: Incident, course: Course, event: str, reason: str) -> None:
    if rule := refusal(course, event):
        raise _no(rule, found)
    if not reason.strip():
        raise Invalid("say why: it is kept with the incident", hint='--reason "false alarm: our own firewall"')
    assert event == "reopened" or found.state in OPEN


def _no(rule: str, found: Incident, other: str = "") -> Refused:
    message, hint = WORDS[rule]
    values = {"id": found.id, "service": found.service, "other": other}
    return Refused(message.format(**values), rule=rule, hint=hint.format(**values))
