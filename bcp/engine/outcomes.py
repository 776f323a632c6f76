"""What steps leave behind: outcomes as records of the ledger, why an attempt is repeated, and when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from bcp.contracts.action import Outcome
from bcp.engine.state import RunState
from bcp.kernel.errors import BcpError, GateClosed, InDoubt, Refused, Transient
from bcp.kernel.secret import redact, redact_data
from bcp.playbook import saying
from bcp.playbook.model import Retry

VOID = frozenset({"failed", "void"})
"""States of a settled claim whose effect did not happen."""


class Stopped(Exception):
    """A step that only waits was interrupted, because the run stops. It is not over."""


class Steps(Mapping[str, Any]):
    """``steps`` in expressions: made only for the steps that are asked for."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def __getitem__(self, name: str) -> dict[str, Any]:
        step = self._state.steps[name]
        outputs = dict(step.outputs)
        return {"outputs": outputs, "state": step.status, "summary": step.summary, "attempts": step.attempts}

    def __iter__(self) -> Iterator[str]:
        return iter(self._state.steps)

    def __len__(self) -> int:
        return len(self._state.steps)


class VoidAttempt(Exception):
    """This attempt was settled as failed in an earlier process: go on with the next number."""


class Unexpected(Transient):
    """``expect`` is false: repeated while ``within`` or ``retry`` allow, else a failure."""


def pause_before(retry: Retry, failures: int, error: BcpError, waiting: bool) -> float:
    """Seconds until the next attempt, 300 at most: what the other side asked for, else what ``retry`` says.

    ``waiting``: attempts go on because ``within`` allows it; they then come quickly where ``retry`` says nothing.
    """
    told = getattr(error, "retry_after_s", None)
    if told is not None:
        return float(min(told, 300.0))
    if waiting and retry.count == 0:
        return float(min(5.0, 0.25 * 2 ** min(failures, 5)))
    return float(min(300.0, retry.delay * retry.backoff ** (failures - 1)))


def to_record(outcome: Outcome) -> dict[str, Any]:
    """An outcome as the ledger keeps it, without secrets."""
    return {
        "state": "done",
        "summary": redact(outcome.summary),
        "outputs": redact_data(dict(outcome.outputs)),
        "changed": outcome.changed,
    }


def from_record(record: Mapping[str, Any], planned: Mapping[str, Any] = MappingProxyType({})) -> Outcome:
    """The outcome that the ledger kept. Raises ``VoidAttempt`` for an effect that did not happen.

    ``planned``: what the plan says that comes of it. Where a person said that it happened, that is what happened: a way
    back rests on it.
    """
    if record.get("state") in VOID:
        raise VoidAttempt
    outputs = record.get("outputs") or (planned if record.get("by") else {})
    return Outcome(str(record.get("summary", "")), outputs, bool(record.get("changed", True)))


def teller(note: Callable[..., Awaitable[None]], step: str) -> Callable[[str], Awaitable[None]]:
    """What a step is given to say how far it is."""

    async def say(text: str) -> None:
        await note("step_progress", step=step, summary=redact(text))

    return say


def failure(error: Exception, items: Mapping[int, Any] | None) -> dict[str, Any]:
    """How a step ended that failed: what is noted of it. ``items``: results of a ``for_each``; those can be undone."""
    code = error.exit_code if isinstance(error, (InDoubt, GateClosed)) else (5 if isinstance(error, Refused) else 1)
    outputs = redact_data(dict(getattr(error, "outputs", None) or {}))
    if items is not None:
        outputs = {"items": [items[i] for i in sorted(items)]} if items else {}
    return {
        "status": "in_doubt" if isinstance(error, InDoubt) else "failed",
        "error": redact(str(error)),
        "hint": getattr(error, "hint", ""),
        "outputs": outputs,
        "exit_code": code,
        "rule": getattr(error, "rule", ""),
    }


_PLAINLY = {
    "by relay": "that it comes by the relay",
    "not by relay": "that it comes directly, not by the relay",
}
"""Expectations of playbooks that we ship, as a sentence has them."""


def unexpected(expectation: str, outcome: Outcome) -> Unexpected:
    """The end of a step whose ``expect:`` does not hold, in words."""
    there = outcome.summary or saying.seen(expectation, outcome.outputs)
    wanted = saying.wanted(expectation)
    text, hint = f"{there}; expected: {_PLAINLY.get(wanted, wanted)}", "The world is not as this playbook needs it."
    return Unexpected(text, hint=hint, outputs=outcome.outputs)
