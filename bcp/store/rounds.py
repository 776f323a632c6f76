"""What is kept of rounds of readiness: since when each thing is so, what changed, which points are news. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bcp.contracts.readiness import Change, Check, Mark, Point, Round

DAY_S = 86_400.0


def dated(last: Round | None, at: float, checks: Sequence[Check], marks: Sequence[Mark]) -> tuple[Round, list[Change]]:
    """A round with *since* filled in from the one before, and what changed between the two.

    A check that was not known before has been so since now, and is a change only where it does not hold. A clock that
    was set back makes nothing older than it is: *since* is kept as it was written down.
    """
    before: Mapping[tuple[str, str], Check] = {c.key: c for c in last.checks} if last is not None else {}
    stood = {m.playbook: m for m in last.marks} if last is not None else {}
    changes, seen = [], []
    for check in checks:
        old = before.get(check.key)
        same = old is not None and old.state == check.state
        since = check.since if check.since is not None else (old.since if same and old is not None else at)
        seen.append(replace(check, since=since if since is not None else at))
        if not same and (old is not None or check.state != "ok"):
            said = old.state if old is not None else ""
            changes.append(Change(at, check.code, check.subject, said, check.state, check.says))
    now = []
    for mark in marks:
        earlier = stood.get(mark.playbook)
        kept = earlier.since if earlier is not None and earlier.level == mark.level else None
        now.append(replace(mark, since=kept if kept is not None else at))
    return Round(at, tuple(seen), tuple(now)), changes


def worth_keeping(point: Point, last: Point | None) -> bool:
    """Is this point of a course news: another number or level, or a day since the last one?"""
    if last is None:
        return True
    return (point.level, point.number) != (last.level, last.number) or point.at - last.at >= DAY_S


def held_at(points: Sequence[Point], since: float) -> list[Point]:
    """The points since then, and the one before, which held when that time began."""
    earlier = [p for p in points if p.at < since]
    return [*earlier[-1:], *(p for p in points if p.at >= since)]
