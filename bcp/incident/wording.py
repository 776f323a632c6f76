"""Events of an incident in words and tones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from bcp.incident.model import Event, Incident
from bcp.kernel.units import format_duration
from bcp.pages.palette import look, tone

_TITLES = {
    "opened": "Incident opened", "moved": "What is seen changed", "question": "People are asked",
    "asked": "Asked", "answered": "Answered", "answer_refused": "An answer does not count",
    "wrong_code": "A wrong code came", "question_closed": "The question is closed", "told": "Told",
    "refused": "Refused",
    "run_started": "A run starts", "run_ended": "A run is over", "run_failed": "A run cannot start",
    "run_resumed": "A run goes on", "run_asked_for": "A run is asked for", "abort_asked_for": "A stop is asked for",
    "planned": "A plan is made", "proposed": "A playbook is proposed", "failback_proposed": "The way back is proposed",
    "word": "A person says what it is",
    "lost_run_acknowledged": "A run whose file is gone is said to be over",
    "mail_given_up": "Mail at a relay that is gone is given up",
    "not_closed": "It is not closed: mails are not accounted for",
    "alert": "An alert came", "closed": "Incident closed", "started": "The daemon starts", "stopped": "The daemon ends",
    "nobody_reached": "Nobody is known to have been asked", "nobody_told": "Nobody is known to have been told",
    "disk_again": "Everything can be written down again",
    "unheard": "Answers cannot be heard", "heard_again": "Answers can be heard again",
    "login": "Logged in", "logout": "Logged out", "login_wrong": "A log-in was wrong",
    "login_locked": "A log-in was locked",
}  # fmt: skip
_TONES = {
    "nobody_reached": "bad", "nobody_told": "bad", "unheard": "bad", "heard_again": "ok", "disk_again": "ok",
    "opened": "warn", "question": "warn", "refused": "bad", "run_failed": "bad", "answer_refused": "warn",
    "wrong_code": "warn", "login_wrong": "warn", "login_locked": "bad", "closed": "ok", "run_started": "busy",
    "run_resumed": "busy", "abort_asked_for": "warn", "failback_proposed": "busy", "proposed": "busy",
}  # fmt: skip


_WORDS = {"is-not": "It is no outage", "maintenance": "We are in maintenance", "withdrawn": "Takes it back"}


_NOT_OVER = {
    "stopped": "A run pauses, and goes on later",
    "holding": "A run holds",
    "in_doubt": "A run waits for a person's word",
}
"""A process's work on a run ended, and the run is not over."""


def event_title(kind: str, status: str = "") -> str:
    """What happened, in a few words; the kind itself where there are none. ``status``: of the run that it is about."""
    if kind == "run_ended" and status in _NOT_OVER:
        return _NOT_OVER[status]
    return _TITLES.get(kind, kind.replace("_", " ").capitalize())


def event_kind(e: Event) -> str:
    """Its kind as a line begins with it."""
    if e.kind == "run_ended" and e.data.get("status") in _NOT_OVER:
        return {"stopped": "run pauses", "holding": "run holds"}.get(str(e.data["status"]), "run waits")
    return e.kind.replace("_", " ")


def event_tone(e: Event) -> str:
    """Its tone, as in ``bcp.pages.palette``; empty for what is neither good nor bad."""
    if e.kind == "answered":
        return "ok" if e.data.get("yes") is True else "warn"
    if e.kind in {"moved", "run_ended"}:
        return tone(str(e.data.get("state") or e.data.get("status") or ""))
    return _TONES.get(e.kind, "")


def event_words(e: Event, but: Collection[str] = ()) -> str:
    """What an event says, without ids that nobody reads; ``but`` are fields that are shown elsewhere."""
    d = e.data
    if e.kind == "opened":
        return f"{d.get('title', '')} ({d.get('mode', '')})"
    if e.kind == "moved":
        seen = "; ".join(d.get("evidence", [])) or (str(d.get("why", "")) if d.get("state") == "closed" else "")
        plain = d.get("state") in {"opened", "resolved", "closed"} and not d.get("classes")  # none is missing
        what = "" if plain else f", class {' '.join(d.get('classes', [])) or 'not known'}"
        return f"{look(str(d.get('state'))).word}{what}" + (f": {seen}" if seen or not plain else "")
    if e.kind in {"answered", "answer_refused", "wrong_code"}:
        word = {True: "yes", False: "no"}.get(d.get("yes", ""), "")
        return f"{word} {d.get('how', '')} {d.get('text', '')}".strip()
    if e.kind == "asked":
        person = "everybody" if d.get("person") == "*" else d.get("person")
        return f"{person} by {d.get('channel')}: {d.get('state')}" + (
            f" ({d.get('detail')})" if d.get("state") != "sent" else ""
        )
    if e.kind == "word":
        what = (
            " ".join(("It is class", *d.get("classes", []))) if d.get("classes") else _WORDS.get(str(d.get("word")), "")
        )
        until = "" if d.get("word") == "withdrawn" else f", until {d.get('until')}"
        return f"{what}{until}" + (f": {d.get('text')}" if d.get("text") else "")
    if e.kind == "question":
        return f"{', '.join(d.get('people', []))} about plan {str(d.get('checksum'))[:12]}"
    names = (
        "title", "playbook", "mode", "run", "status", "result", "text", "reason", "why", "unaccounted_reason", "how",
        "peer",
    )  # fmt: skip
    said = "; ".join(str(d[n]) for n in names if d.get(n) and n not in but)[:400]
    return "; ".join([said, *_not_known(d)])[:800] if e.kind == "closed_by_hand" else said


def _not_known(d: Mapping[str, Any]) -> Iterator[str]:
    """What nobody knew when a person closed it all the same (``bcp.deeds.unaccounted``)."""
    people, names = int(d.get("unaccounted") or 0), [str(n) for n in d.get("names") or ()]
    if people:
        more = f" and {people - 3} more" if people > 3 else ""
        yield f"not accounted for: {people} recipient(s): {', '.join(names[:3])}{more}"
    if d.get("silent"):
        yield f"what they took is not known: {', '.join(map(str, d['silent']))}"
    yield from (str(t) for kind in ("unread", "gone") for t in d.get(kind) or ())


def incident_sentence(i: Incident, minute: Callable[[float], str]) -> str:
    """How an incident stands. ``minute`` writes a time."""
    if i.state == "closed":
        return f"Over since {minute(i.closed)}, after {format_duration(max(0.0, i.closed - i.opened))}."
    if i.state == "resolved":
        return (
            f"The service works again since {minute(i.resolved)}; the incident is closed when nothing is left to undo."
        )
    if i.state == "declared":
        return f"Our own look confirmed it at {minute(i.declared)}. It is not over."
    return f"Reported at {minute(i.opened)}. Our own look has not confirmed it."
