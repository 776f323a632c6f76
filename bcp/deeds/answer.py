"""Answer: yes or no to exactly one plan or consequence, by somebody who was asked, while it counts.

Every way of answering ends here: command line, console, API, links, texts, calls and buttons. The checks stand here
once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bcp.deeds.who import APPROVE, Ground, Who
from bcp.engine.gate import CLOCK_TOLERANCE_S
from bcp.engine.state import FINAL, StepState
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.model import Question
from bcp.kernel.errors import Invalid, Missing, Refused


@dataclass(frozen=True, slots=True)
class Answer:
    """A yes or no. Of a ``question`` of the book, or of a gate (``step``) of a ``run``."""

    yes: bool
    question: str = ""
    run: str = ""
    step: str = ""
    checksum: str = ""
    """The beginning of what was shown; empty: the door proved it another way (a code or a link is bound to it)."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that is on record, and that somebody acts on."""

    question: str
    run: str
    step: str
    by: str
    yes: bool
    checksum: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, from wherever it is known."""

    checksum: str
    deadline: float
    people: Collection[str]
    starters: Collection[str] = ()
    """Who may not say yes, because they had a hand in the start."""
    answered: Collection[str] = ()
    closed: str = ""
    """How it ended; empty: it is open."""
    run: str = ""
    over: str = ""
    """The state of a run that is over."""
    performed: bool = True
    """Does anybody act on an answer: a process that works on the run, or a daemon that will?"""
    opened: float = 0.0
    """Since when it is asked; an answer of before does not count at the gate."""


def why_not(asked: Asked, by: str, *, yes: bool, checksum: str, now: float) -> Refused | None:
    """Why this answer does not count, or nothing. Pure."""
    run = asked.run
    if asked.over:
        return Refused(f"run {run} is over ({asked.over})", rule="run-over", hint=f"bcp status {run}")
    if asked.closed:
        return Refused(f"this question is closed: {asked.closed}", rule="closed", hint="bcp incident show")
    if checksum and not asked.checksum.startswith(checksum):
        what = f"the question is about {asked.checksum[:12]}, not {checksum[:12]}"
        return Refused(what, rule="wrong-checksum", hint="Look at it again: bcp status, or bcp incident show")
    if by not in asked.people:
        hint = f"It asks: {', '.join(sorted(asked.people))}. Answer as one of them (at a terminal: --as NAME)."
        return Refused(f"{by} may not answer this", rule="not-an-approver", hint=hint)
    if yes and by in asked.starters:
        hint = "Somebody else has to. To stop it: say no, or bcp abort."
        return Refused(f"{by} had a hand in the start and may not approve it", rule="initiator", hint=hint)
    if by in asked.answered:
        hint = "An answer is used once. To stop a run: bcp abort"
        return Refused(f"{by} has answered already", rule="answered", hint=hint)
    if now < asked.opened - CLOCK_TOLERANCE_S:
        what = "this machine's clock was set back: it shows a time before this was asked"
        return Refused(
            what, rule="clock-set-back", hint="Set the clock, then answer again; or make a new plan: bcp plan"
        )
    if now > asked.deadline:
        return Refused("it came too late", rule="too-late", hint="Make a new plan: bcp plan")
    if not asked.performed:
        what = f"nobody works on {run}, and no daemon will: an answer would lead to nothing"
        return Refused(what, rule="nobody-performs", hint=f"bcp resume {run}, then answer.")
    return None


async def answer(ground: Ground, who: Who, given: Answer) -> Answered:
    """Take an answer: prove that it counts, tell the run, write it into the book.

    Raises:
        Refused: with the rule that says why it does not count (``why_not``), or ``not-allowed``, ``no-person``.
        Invalid: several gates are open.
        Missing: there is no such question, run or gate.
    """
    who.must(APPROVE)
    who.must_be_a_person()
    question = await _question(ground, given)
    view = _view(ground, question.run if question is not None else given.run)
    step = _gate(view, question.step if question is not None else given.step) if view is not None else None
    asked = await _asked(ground, question, view, step)
    refused = why_not(asked, who.contact, yes=given.yes, checksum=given.checksum, now=ground.app.clock.now())
    if refused is not None:
        await _note_refused(ground, question, who, refused)
        raise refused
    done = Answered(
        question.id if question is not None else "",
        view.id if view is not None else "",
        step.id if step is not None else (question.step if question is not None else ""),
        who.contact,
        given.yes,
        asked.checksum,
    )
    if done.run:  # first: what is written down twice does no harm, what is not told would
        kind = "approve" if given.yes else "reject"
        data = {"checksum": done.checksum, "step": done.step, "how": who.how, "reason": given.reason}
        ground.app.running.runs.tell(done.run, kind, who.contact, **data)
    if question is not None:
        asked_about = question
        await ground.do(lambda b: questions.record(b, asked_about, who.contact, yes=given.yes, how=who.how))
    if done.run:
        ground.wake(done.run)
    return done


async def _question(ground: Ground, given: Answer) -> Question | None:
    if given.question:
        return await ground.do(lambda b: questions.question(b, given.question))
    return None


def _view(ground: Ground, run: str) -> RunView | None:
    if not run:
        return None
    runs = ground.app.running.runs
    return runs.view(runs.find(run), effects=False)


def _gate(view: RunView, step: str) -> StepState | None:
    """The gate that is meant; ``None`` when it is not open (any more)."""
    gates = [s for s in view.state.steps.values() if s.gate and (not step or s.id == step)]
    if len(gates) > 1:
        raise Invalid("several gates are open", hint=f"Say which: --step {gates[0].id}", rule="several-gates")
    return gates[0] if gates else None


async def _asked(ground: Ground, question: Question | None, view: RunView | None, step: StepState | None) -> Asked:
    if view is None:
        if question is None:
            raise Missing("nothing is asked", rule="no-open-gate", hint="bcp incident show")
        given = await ground.do(lambda b: questions.answers_of(b, question))
        people = {a.by for a in given}
        closed = "" if question.state == "open" else question.result
        return Asked(question.checksum, question.deadline, question.people, ("bcp-serve",), people, closed)
    over = view.state.status if view.state.status in FINAL else ""
    if step is None:
        if question is None and not over:
            raise Refused(f"no gate of {view.id} is open", rule="no-open-gate", hint=f"bcp status {view.id}")
        closed = (question.result if question is not None else "") or "the gate is closed"
        return Asked("", 0.0, (), closed=closed, run=view.id, over="" if question is not None else over)
    gate = step.gate
    deadline, closed = float(gate["deadline"]), ""
    if question is not None:  # what was sent speaks of this question: the sooner end counts, and exactly this plan
        deadline = min(deadline, question.deadline)
        other = question.checksum != str(gate["checksum"])
        closed = "it is about another plan" if other else "" if question.state == "open" else question.result
    return Asked(
        str(gate["checksum"]),
        deadline,
        frozenset(gate["approvers"]),
        _starters(view, gate),
        _answered(view, step.id, gate),
        closed,
        run=view.id,
        performed=view.live or (ground.adopted and goes_on(view)),
        opened=float(gate["opened"]),
    )


def _starters(view: RunView, gate: Mapping[str, Any]) -> Collection[str]:
    return [str(s) for s in gate.get("starters", ())]


def _answered(view: RunView, step: str, gate: Mapping[str, Any]) -> set[str]:
    """Who has said something at this gate since it was opened."""
    rows: Sequence[Mapping[str, Any]] = view.state.answers
    about = [a for a in rows if a["step"] in {"", step} and a["checksum"] == gate["checksum"]]
    return {str(a["by"]) for a in about if float(a["at"]) >= float(gate["opened"]) - 2.0}


def goes_on(view: RunView) -> bool:
    """Does a daemon go on with this run when nobody works on it? What a person stopped, a person resumes."""
    state = view.state
    if state.doubtful() or state.status in FINAL:
        return False
    status = view.status()
    if status in {"interrupted", "holding"}:
        return True
    return status == "stopped" and (view.plan.get("initiator") == "bcp-serve" or state.stopped_by == "daemon")


async def _note_refused(ground: Ground, question: Question | None, who: Who, refused: Refused) -> None:
    if question is not None and refused.rule == "not-an-approver":
        data = {"question": question.id, "how": who.how, "rule": refused.rule}
        await ground.do(lambda b: b.note("answer_refused", question.incident, who.person, **data))
