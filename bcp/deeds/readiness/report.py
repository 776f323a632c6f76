"""What was seen of readiness, as the doors give it: the last look read back, one playbook of it, plain data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bcp.contracts.readiness import Change, Check, ReadinessStore
from bcp.deeds.readiness.look import Found
from bcp.kernel.clock import iso
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Missing
from bcp.ready.course import trend
from bcp.ready.standing import Standing, standings, whole
from bcp.ready.words import sentence
from bcp.wiring import App

DAY_S = 86_400.0
SPANS = {"week": 7, "month": 30}
"""Over how many days a trend is told."""


def seen_last(app: App) -> Found:
    """What the last look saw, whoever made it. Raises ``Missing`` (``never-looked``), ``StorageError``."""
    last = app.running.readiness.last()
    if last is None:
        raise Missing("nobody has looked at readiness here yet", hint="bcp ready", rule="never-looked")
    titles = {m.playbook: _title(app, m.playbook) for m in last.marks}
    since = {m.playbook: m.since for m in last.marks}
    found = standings(titles, last.checks)
    return Found(last.at, last.checks, tuple(replace(s, since=since.get(s.playbook)) for s in found))


def _title(app: App, playbook: str) -> str:
    try:
        return app.playbooks.load(playbook).book.title
    except BcpError:
        return playbook


def only(found: Found, playbook: str) -> Found:
    """The part of one playbook; all of it for none. Raises ``Missing`` (``no-such-playbook``)."""
    if not playbook:
        return found
    mine = tuple(s for s in found.standings if s.playbook == playbook)
    if not mine:
        hint = did_you_mean(playbook, [s.playbook for s in found.standings])
        raise Missing(f"readiness of {playbook!r} is not looked at here", hint=hint, rule="no-such-playbook")
    checks = tuple(c for c in found.checks if not c.playbooks or playbook in c.playbooks)
    return Found(found.at, checks, mine)


def as_data(found: Found, store: ReadinessStore) -> dict[str, Any]:
    """Plain data; times in UTC."""
    return {
        "at": iso(found.at),
        "level": whole(found.standings),
        "says": sentence(found.standings),
        "playbooks": [_standing_data(s, store, found.at) for s in found.standings],
        "checks": [check_data(c) for c in found.checks],
    }


def _standing_data(s: Standing, store: ReadinessStore, at: float) -> dict[str, Any]:
    course = store.course(s.playbook, at - max(SPANS.values()) * DAY_S)
    spans = {name: trend(course, at, days * DAY_S) for name, days in SPANS.items()}
    return {
        "playbook": s.playbook,
        "title": s.title,
        "level": s.level,
        "percent": s.number,
        "promises": s.promises,
        "since": iso(s.since),
        "trend": {n: {"way": t.way, "before": t.before if t.way != "new" else None} for n, t in spans.items()},
        "reasons": [{"code": c.code, "subject": c.subject, "state": c.state} for c in s.reasons],
    }


def check_data(c: Check) -> dict[str, Any]:
    """One check."""
    return {
        "code": c.code,
        "subject": c.subject,
        "state": c.state,
        "says": c.says,
        "hint": c.hint,
        "since": iso(c.since),
        "playbooks": [p for p in c.playbooks if p],
    }


def change_data(c: Change) -> dict[str, Any]:
    """One change."""
    names = ("code", "subject", "before", "after", "says")
    return {"at": iso(c.at), **{n: getattr(c, n) for n in names}}
