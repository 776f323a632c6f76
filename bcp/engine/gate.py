"""Approval gates: who may open one, and what closes it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gate:
    """An open gate. ``deadline`` is wall-clock time, so that it holds over a restart."""

    step: str
    checksum: str
    opened: float
    deadline: float
    approvers: frozenset[str]
    count: int
    initiator: str
    exclude_initiator: bool
    also_initiators: frozenset[str] = frozenset()
    """Whoever else had a hand in the start: who made the plan, when another one started it."""
    same: Mapping[str, str] = field(default_factory=dict)
    """Of people who share a number or an address: one name for all of them. They count as one person."""

    def starters(self) -> frozenset[str]:
        """Everybody who had a hand in the start."""
        return self.also_initiators | {self.initiator}


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody said. ``checksum`` is of the plan they saw."""

    by: str
    at: float
    yes: bool
    checksum: str
    step: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a gate stands: who said yes, why it is closed (empty: it is not), and answers that do not count."""

    approved_by: tuple[str, ...] = ()
    open: bool = False
    closed: str = ""
    rejected: tuple[tuple[str, str], ...] = ()
    rule: str = ""
    """Why it is closed, as a code: ``rejected``, ``no-answer``, ``clock-set-back``."""


CLOCK_TOLERANCE_S = 2.0


def judge(gate: Gate, answers: Sequence[Answer], now: float) -> Standing:
    """Fails closed: an answer counts only when everything about it is right."""
    approved: dict[str, None] = {}
    refused: list[tuple[str, str]] = []
    for answer in answers:
        why = _why_not(gate, answer, now)
        if why:
            refused.append((answer.by, why))
        elif not answer.yes:
            return Standing(
                tuple(approved), closed=f"rejected by {answer.by}", rejected=tuple(refused), rule="rejected"
            )
        else:
            approved[answer.by] = None
    if now < gate.opened - CLOCK_TOLERANCE_S:
        return Standing(
            tuple(approved),
            closed="this machine's clock was set back while the gate was open",
            rejected=tuple(refused),
            rule="clock-set-back",
        )
    if apart(approved, gate.same) >= gate.count:
        return Standing(tuple(approved), open=True, rejected=tuple(refused))
    if now >= gate.deadline:
        return Standing(
            tuple(approved),
            closed=f"no answer in time: {apart(approved, gate.same)} of {gate.count} approvals",
            rule="no-answer",
            rejected=tuple(refused),
        )
    return Standing(tuple(approved), rejected=tuple(refused))


def _why_not(gate: Gate, answer: Answer, now: float) -> str:
    if answer.checksum != gate.checksum:
        return "it is for another plan"
    if answer.step and answer.step != gate.step:
        return "it is for another gate"
    if answer.at < gate.opened - CLOCK_TOLERANCE_S:
        return "it was given before the gate was open"
    if answer.at > now + CLOCK_TOLERANCE_S:
        return "it is dated in the future"
    if answer.at > gate.deadline:
        return "it came too late"
    if answer.by not in gate.approvers:
        return "this person may not approve"
    if answer.yes and gate.exclude_initiator and answer.by in gate.starters():
        return "who started the run may not approve it"
    return ""


def apart(people: Collection[str], same: Mapping[str, str]) -> int:
    """How many persons these are, when those who share a number or an address count as one."""
    return len({same.get(p, p) for p in people})


def shared(ways: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Of people who share a way to be reached: one name (the first) for all who hang together by it.

    ``ways``: of each person the numbers and addresses by which they can answer. Whoever shares none is left out.
    """
    parent = {p: p for p in ways}

    def top(person: str) -> str:
        while parent[person] != person:
            person = parent[person]
        return person

    owner: dict[str, str] = {}
    for person in sorted(ways):
        for way in ways[person]:
            first = owner.setdefault(way, person)
            a, b = sorted((top(first), top(person)))
            parent[b] = a
    tops = {p: top(p) for p in ways}
    many = {t for t in tops.values() if sum(1 for x in tops.values() if x == t) > 1}
    return {p: t for p, t in tops.items() if t in many}


def hopeless(
    approvers: frozenset[str],
    count: int,
    starters: Collection[str],
    *,
    exclude_initiator: bool,
    same: Mapping[str, str] | None = None,
) -> str:
    """Empty, or why this gate could never open."""
    able = approvers - set(starters) if exclude_initiator else approvers
    number = apart(able, same or {})
    if number >= count:
        return ""
    out = sorted(approvers & set(starters)) if exclude_initiator else []
    who = f" ({', '.join(out)} starts the run and may not approve it)" if out else ""
    one = sorted(p for p in able if p in (same or {}))
    if number < len(able):
        who += f" ({', '.join(one)} share a number or an address and count as one)"
    return f"{count} approval(s) are needed and {number} person(s) could give one{who}"
