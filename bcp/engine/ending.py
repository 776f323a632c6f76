"""How a process's work on a run ends: the status, the exit code, and the words for whoever started it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bcp.engine.holds import SAID
from bcp.engine.state import RunState


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process's work on a run ended. ``code`` is the exit code of DESIGN section 10."""

    status: str
    code: int
    reason: str = ""
    hint: str = ""
    rule: str = ""
    """Code of the rule that ended it; empty: none did."""


def in_doubt(state: RunState, run_id: str) -> Ending:
    """A person must find out what became of an effect."""
    names = ", ".join(s.id for s in state.doubtful())
    return Ending(
        "in_doubt",
        4,
        f"in doubt: {names}",
        f"Find out what happened, then: bcp settle {run_id} {names.split(',')[0]} --happened (or "
        f"--not-happened), then bcp resume {run_id}",
    )


def left_holding(state: RunState, run_id: str) -> Ending:
    """Mail is on the relay, and this process does not wait for the way back."""
    hint = f"Back again: bcp failback {run_id}"
    if state.withheld:
        why = f"{state.held_after or 'abort'}: mail was left where it is, because {SAID[state.withheld]}"
        return Ending("holding", 5, why, hint, state.withheld)
    return Ending("holding", 0, "activation is done; the run holds", hint)


def finished(state: RunState, run_id: str, *, goes_back: bool) -> Ending:
    """The run is over. ``goes_back``: it is one that brings mail back to Exchange (``Moves.goes_back``)."""
    status, code, reason, hint = _verdict(state, run_id, goes_back=goes_back)
    return Ending(status, code, reason, hint, state.rule if status != "done" else "")


def _verdict(state: RunState, run_id: str, *, goes_back: bool) -> tuple[str, int, str, str]:
    if state.withheld and not state.failing() and state.held_after and goes_back:
        step = state.steps[state.held_after]
        why = f"{step.id}: {step.error}; MX was left where it points, because {SAID[state.withheld]}"
        return "failed", 1, why, step.hint
    if state.aborting:
        return "aborted", 5, f"aborted by {state.aborting}" + (f": {state.reason}" if state.reason else ""), ""
    if state.failed_step:
        step = state.steps[state.failed_step]
        why = f"{step.id}: {state.reason.removeprefix(f'{step.id}: ')}"  # a gate's word names its step already
        return "failed", step.exit_code, why, step.hint
    doubts = [s.id for s in state.doubtful()]
    if doubts:
        return (
            "done",
            4,
            f"done, but in doubt: {', '.join(doubts)}",
            f"bcp settle {run_id} {doubts[0]} ...",
        )
    return "done", 0, "", ""
