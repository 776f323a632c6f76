"""Findings that a record proposes of itself: what was late, missed, refused, undelivered or done by hand. Pure.

Each rule looks at the record alone and names what it rests on, what would mend it, and where that change belongs.
People accept a proposal (it becomes a tracked action) or dismiss it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bcp.contracts.exercise import DrillRecord, Severity
from bcp.kernel.units import format_duration

LATE = 1.5
"""A step that took so many times as long as forecast, and ..."""
LATE_S = 60.0
"""... at least so much longer, is worth a look."""
SLOW_DECISION = 0.5
"""Part of the receive target that one decision may take."""
SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Proposal:
    """A finding that may be made of it."""

    code: str
    subject: str
    """What it is about: a step, a person, a channel. With the code it names a proposal."""
    title: str
    severity: Severity
    proposal: str
    place: str
    evidence: tuple[str, ...] = ()


def proposals(record: DrillRecord) -> list[Proposal]:
    """All of them, the gravest first, each once."""
    order = {"critical": 0, "high": 1, "medium": 2, "low": 3}
    found = {(p.code, p.subject): p for rule in RULES for p in rule(record)}
    return sorted(found.values(), key=lambda p: order[p.severity])


def _objectives(record: DrillRecord) -> Iterator[Proposal]:
    for goal in record.objectives:
        if goal.met is not False:
            continue
        what = f"{goal.code} {goal.audience}".strip()
        unit = (lambda v: f"{v:g} mails") if goal.unit == "messages" else format_duration
        got = f"{unit(goal.achieved)}" if goal.achieved is not None else "not reached"
        title = f"{what}: {got}, the target is {unit(goal.target)}"
        change = _CHANGES.get(goal.code, "Shorten what takes longest, or agree on another target.")
        yield Proposal("objective-missed", what, title, "high", change, f"objectives: {goal.code}", goal.evidence)


_CHANGES = {
    "rto_receive": "Shorten the terms that are ours: TTL of the MX in peacetime, time to detect, time to approve.",
    "rto_communicate": "Send before the switch, by a faster channel, or to fewer people first.",
    "rpo_messages": "Look at every mail that was lost or bounced; lengthen the relay's queue lifetime.",
    "wrt": "Drain in parallel, or agree on a longer time.",
    "mtpd": "Go back earlier, or agree on a longer time with the business.",
}


def _late_steps(record: DrillRecord) -> Iterator[Proposal]:
    """Forecast against achieved; what waits for people is judged as a decision."""
    waited = {(d.run, d.step) for d in record.decisions}
    for step in record.steps:
        planned, took = step.planned_end - step.planned_start, step.ended - step.started
        if not step.executed or step.phase == "hold" or planned <= 0 or (step.run, step.id) in waited:
            continue
        if took > planned * LATE and took - planned > LATE_S:
            said = f"{step.name or step.id} took {format_duration(took)}, forecast were {format_duration(planned)}"
            change = "Find out why; else let the forecast say so."
            yield Proposal("step-late", step.id, said, "medium", change, f"playbook step {step.id}", (step.evidence,))


def _longest(record: DrillRecord) -> Iterator[Proposal]:
    """The step in which most of the time went, where an objective was missed."""
    if not any(o.met is False for o in record.objectives):
        return
    done = [s for s in record.steps if s.executed and s.ended > s.started and s.phase not in {"hold", "always"}]
    longest = max(done, key=lambda s: s.ended - s.started, default=None)
    if longest is not None and longest.ended - longest.started > LATE_S:
        took = format_duration(longest.ended - longest.started)
        said = f"most of the time went into {longest.name or longest.id}: {took}"
        place = f"playbook step {longest.id}"
        yield Proposal("longest-step", longest.id, said, "medium", "Begin here.", place, (longest.evidence,))


def _decisions(record: DrillRecord) -> Iterator[Proposal]:
    target = next((o.target for o in record.objectives if o.code == "rto_receive"), 0.0)
    for found in record.decisions:
        refs = (found.evidence,) if found.evidence else ()
        if found.result == "no-answer":
            change = "Ask more people, by two ways each; ask the next group sooner (serve: ask: after)."
            title = f"nobody answered at {found.what}"
            yield Proposal("nobody-answered", found.step, title, "critical", change, "bcp.yaml: serve.ask.groups", refs)
        elif found.result == "refused":
            title = f"an answer of {found.by} did not count: {found.how}"
            change = "Make clear who approves whose run; name a deputy."
            yield Proposal(
                "approval-refused", found.by, title, "medium", change, "bcp.yaml: audiences, approvals", refs
            )
        elif found.result == "approved" and target and found.asked and found.at - found.asked > SLOW_DECISION * target:
            waited = format_duration(found.at - found.asked)
            title = f"the decision at {found.step} took {waited}"
            change = "Ask more people at once, or give a standing approval for this class."
            yield Proposal("slow-decision", found.step, title, "high", change, "bcp.yaml: approvals.standing", refs)


def _messages(record: DrillRecord) -> Iterator[Proposal]:
    for row in record.receipts:
        where = f"{row.channel} to {row.audience or 'nobody named'}"
        if row.unreachable:
            title = f"{row.unreachable} people of {row.audience} have no address for {row.channel}"
            change = "Complete the contacts, or tell these people by another channel."
            yield Proposal("no-address", where, title, "high", change, "contacts; bcp.yaml: audiences", (row.step,))
        if row.failed:
            title = f"{row.failed} of {row.planned} messages by {where} were not taken: {'; '.join(row.reasons[:2])}"
            severity: Severity = "high" if row.failed > (1 - SHARE) * max(1, row.planned) else "medium"
            yield Proposal("undelivered", where, title, severity, "Correct these addresses.", "contacts", (row.step,))
        if row.in_doubt:
            title = f"of {row.in_doubt} messages by {where} nobody knows whether they were taken"
            change = f"Settle them (bcp settle); look at the vendor of {row.channel}."
            yield Proposal("in-doubt", where, title, "medium", change, f"bcp.yaml: channels.{row.channel}", (row.step,))


def _people(record: DrillRecord) -> Iterator[Proposal]:
    for person in record.participants:
        if person.attended is False:
            role = f" ({person.role})" if person.role else ""
            title = f"{person.name}{role} was not there"
            change = f"Name a deputy for {person.role or person.name}, and exercise with the deputy."
            yield Proposal("absent", person.name, title, "medium", change, "people")


def _by_hand(record: DrillRecord) -> Iterator[Proposal]:
    for note in record.deviations:
        change = "Write it into the playbook, or say why the plan stays as it is."
        title = f"the plan was not followed: {note.text[:160]}"
        yield Proposal("deviation", note.text[:80], title, "medium", change, "playbook", (note.evidence,))
    for step in record.steps:
        if step.result == "in_doubt" or (step.actor and step.result == "undo_failed"):
            title = f"{step.name or step.id} ended {step.result.replace('_', ' ')}: a person had to settle it"
            change = "Give the step a probe, so that it is settled by itself."
            yield Proposal(
                "settled-by-hand", step.id, title, "high", change, f"playbook step {step.id}", (step.evidence,)
            )
    settled = [m for m in record.timeline if m.kind == "doubt_settled"]
    for moment in settled:
        title = f"{moment.actor or 'somebody'} settled {moment.step} by hand"
        change = "Give the step a probe, so that it is settled by itself."
        yield Proposal("manual-work", moment.step, title, "medium", change, f"playbook step {moment.step}")


def _outcome(record: DrillRecord) -> Iterator[Proposal]:
    if record.shared_fate.state == "risk":
        title = f"what is needed falls with what is down: {record.shared_fate.chains[0]}"
        change = "Use a relay, a channel or a host that does not share its fate."
        yield Proposal("shared-fate", "shared-fate", title, "critical", change, "bcp.yaml", record.shared_fate.chains)
    failed = [s for s in record.steps if s.result in {"failed", "undo_failed"}]
    for step in failed:
        title = f"{step.name or step.id} failed: {step.error[:200]}"
        change = "Mend what it needs, and exercise this step again."
        yield Proposal("step-failed", step.id, title, "high", change, f"playbook step {step.id}", (step.evidence,))
    if record.outcome in {"interrupted", "missed", "not-begun"} and record.kind != "incident":
        title = f"the exercise did not come to its end: {record.reason or record.outcome}"
        yield Proposal("not-completed", record.id, title, "medium", "Exercise it again.", "calendar")
    broken = [c for c in record.integrity.chains if c.damage]
    for chain in broken:
        title = f"the record of {chain.what} is damaged: {chain.damage}"
        yield Proposal(
            "damaged", chain.what, title, "critical", "bcp audit verify; look who wrote there.", "state folder"
        )
    if record.mails.duplicated:
        title = f"{record.mails.duplicated} mails were delivered twice"
        change = "Look at the relay's queue: mail must not be drained and delivered at once."
        yield Proposal("doubled", "mails", title, "high", change, "bcp.yaml: relays")


RULES: tuple[Callable[[DrillRecord], Iterator[Proposal]], ...] = (
    _objectives,
    _late_steps,
    _longest,
    _decisions,
    _messages,
    _people,
    _by_hand,
    _outcome,
)
