"""Approval gates: who may open one, and what closes it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
            return Standing(tuple(approved), closed=f"rejected by {answer.by}", rejected=tuple(refused))
        else:
            approved[answer.by] = None
    if now < gate.opened - CLOCK_TOLERANCE_S:
        return Standing(
            tuple(approved), closed="this machine's clock was set back while the gate was open", rejected=tuple(refused)
        )
    if len(approved) >= gate.count:
        return Standing(tuple(approved), open=True, rejected=tuple(refused))
    if now >= gate.deadline:
        return Standing(
            tuple(approved),
            closed=f"no answer in time: {len(approved)} of {gate.count} approvals",
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
    if answer.yes and gate.exclude_initiator and answer.by == gate.initiator:
        return "who started the run may not approve it"
    return ""


def hopeless(approvers: frozenset[str], count: int, initiator: str, *, exclude_initiator: bool) -> str:
    """Empty, or why this gate could never open."""
    able = approvers - {initiator} if exclude_initiator else approvers
    if len(able) >= count:
        return ""
    who = (
        f" ({initiator} starts the run and may not approve it)" if exclude_initiator and initiator in approvers else ""
    )
    return f"{count} approval(s) are needed and {len(able)} person(s) could give one{who}"
