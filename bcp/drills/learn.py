"""Findings that a record proposes of itself: what was late, missed, refused, undelivered or done by hand. Pure.

Each rule looks at the record alone and names what it rests on, what would mend it, and where that change belongs.
People accept a proposal (it becomes a tracked action) or dismiss it. It is written down in English; a report says it in
its own language (``bcp.pages.words.Words.told``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bcp.contracts.exercise import DrillRecord, Severity
from bcp.kernel.units import format_duration
from bcp.pages.words import words
from bcp.reports.milestones import receive_share

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


def _said(key: str, **values: object) -> str:
    """A sentence of the catalogue, as it is written down."""
    return words()(f"learn.{key}", **values)


def _value(key: str, **values: object) -> str:
    return words()(f"value.{key}", **values)


def _objectives(record: DrillRecord) -> Iterator[Proposal]:
    for goal in record.objectives:
        if goal.met is not False or (goal.achieved is not None and goal.achieved <= goal.target):
            continue  # met; or in time, by something that came to nothing for another reason
        what = f"{goal.code} {goal.audience}".strip()
        unit = _mails if goal.unit == "messages" else format_duration
        got = unit(goal.achieved) if goal.achieved is not None else _value("not-reached")
        title = _said("objective-missed", what=what, got=got, target=unit(goal.target))
        known = goal.code if goal.code in CHANGES else "other"
        change = _said(f"objective-missed.change.{known}")
        yield Proposal("objective-missed", what, title, "high", change, f"objectives: {goal.code}", goal.evidence)


CHANGES = ("rto_receive", "rto_communicate", "rpo_messages", "wrt", "mtpd")
"""Objectives for which there is a piece of advice of their own."""


def _mails(count: float) -> str:
    return _value("mails", count=f"{count:g}")


def _late_resolvers(record: DrillRecord) -> Iterator[Proposal]:
    """Mail came in time, and not from everywhere: resolvers told the old MX for longer than the target."""
    goal = next((o for o in record.objectives if o.code == "rto_receive" and o.judged == "met"), None)
    share = receive_share(record)
    if goal is None or share is None or share - record.detection.outage_since <= goal.target:
        return
    took, target = format_duration(round(share - record.detection.outage_since)), format_duration(goal.target)
    title, change = _said("resolvers-late", took=took, target=target), _said("resolvers-late.change")
    yield Proposal("resolvers-late", "resolvers", title, "medium", change, "DNS: TTL of the MX")


def _late_steps(record: DrillRecord) -> Iterator[Proposal]:
    """Forecast against achieved; what waits for people is judged as a decision."""
    waited = {(d.run, d.step) for d in record.decisions}
    for step in record.steps:
        planned, took = step.planned_end - step.planned_start, step.ended - step.started
        if not step.executed or step.phase == "hold" or planned <= 0 or (step.run, step.id) in waited:
            continue
        if took > planned * LATE and took - planned > LATE_S:
            title = _said(
                "step-late", step=step.name or step.id, took=format_duration(took), planned=format_duration(planned)
            )
            change, place = _said("step-late.change"), f"playbook step {step.id}"
            yield Proposal("step-late", step.id, title, "medium", change, place, (step.evidence,))


def _longest(record: DrillRecord) -> Iterator[Proposal]:
    """The step in which most of the time went, where an objective was missed."""
    if not any(o.met is False for o in record.objectives):
        return
    done = [s for s in record.steps if s.executed and s.ended > s.started and s.phase not in {"hold", "always"}]
    longest = max(done, key=lambda s: s.ended - s.started, default=None)
    if longest is not None and longest.ended - longest.started > LATE_S:
        took = format_duration(longest.ended - longest.started)
        title, change = _said("longest-step", step=longest.name or longest.id, took=took), _said("longest-step.change")
        place = f"playbook step {longest.id}"
        yield Proposal("longest-step", longest.id, title, "medium", change, place, (longest.evidence,))


def _decisions(record: DrillRecord) -> Iterator[Proposal]:
    target = next((o.target for o in record.objectives if o.code == "rto_receive"), 0.0)
    for found in record.decisions:
        refs = (found.evidence,) if found.evidence else ()
        if found.result == "no-answer":
            title, change = _said("nobody-answered", what=found.what), _said("nobody-answered.change")
            yield Proposal("nobody-answered", found.step, title, "critical", change, "bcp.yaml: serve.ask.groups", refs)
        elif found.result == "refused":
            title, change = _said("approval-refused", who=found.by, why=found.how), _said("approval-refused.change")
            place = "bcp.yaml: audiences, approvals"
            yield Proposal("approval-refused", found.by, title, "medium", change, place, refs)
        elif found.result == "approved" and target and found.asked and found.at - found.asked > SLOW_DECISION * target:
            title = _said("slow-decision", step=found.step, took=format_duration(found.at - found.asked))
            change, place = _said("slow-decision.change"), "bcp.yaml: approvals.standing"
            yield Proposal("slow-decision", found.step, title, "high", change, place, refs)


def _messages(record: DrillRecord) -> Iterator[Proposal]:
    for row in record.receipts:
        where = _value("to", channel=row.channel, audience=row.audience) if row.audience else ""
        where = where or _value("to-nobody", channel=row.channel)
        if row.unreachable:
            title = _said("no-address", count=row.unreachable, audience=row.audience or "?", channel=row.channel)
            change, place = _said("no-address.change"), "contacts; bcp.yaml: audiences"
            yield Proposal("no-address", where, title, "high", change, place, (row.step,))
        if row.failed:
            reasons = "; ".join(row.reasons[:2])
            title = _said("undelivered", failed=row.failed, planned=row.planned, where=where, reasons=reasons or "?")
            severity: Severity = "high" if row.failed > (1 - SHARE) * max(1, row.planned) else "medium"
            change = _said("undelivered.change")
            yield Proposal("undelivered", where, title, severity, change, "contacts", (row.step,))
        if row.in_doubt:
            title = _said("in-doubt", count=row.in_doubt, where=where)
            change, place = _said("in-doubt.change", channel=row.channel), f"bcp.yaml: channels.{row.channel}"
            yield Proposal("in-doubt", where, title, "medium", change, place, (row.step,))


def _people(record: DrillRecord) -> Iterator[Proposal]:
    for person in record.participants:
        if person.attended is False:
            role = f" ({person.role})" if person.role else ""
            title = _said("absent", who=f"{person.name}{role}")
            change = _said("absent.change", role=person.role or person.name)
            yield Proposal("absent", person.name, title, "medium", change, "people")


def _by_hand(record: DrillRecord) -> Iterator[Proposal]:
    for note in record.deviations:
        title, change = _said("deviation", text=note.text[:160]), _said("deviation.change")
        yield Proposal("deviation", note.text[:80], title, "medium", change, "playbook", (note.evidence,))
    for step in record.steps:
        if step.result == "in_doubt" or (step.actor and step.result == "undo_failed"):
            title, change = _said(f"settled-by-hand.{step.result}", step=step.name or step.id), _said("probe.change")
            place = f"playbook step {step.id}"
            yield Proposal("settled-by-hand", step.id, title, "high", change, place, (step.evidence,))
    for moment in record.timeline:
        if moment.kind == "doubt_settled":
            title = _said("manual-work", who=moment.actor or _value("somebody"), step=moment.step)
            place = f"playbook step {moment.step}"
            yield Proposal("manual-work", moment.step, title, "medium", _said("probe.change"), place)


def _outcome(record: DrillRecord) -> Iterator[Proposal]:
    if record.shared_fate.state == "risk":
        chains = record.shared_fate.chains
        title, change = _said("shared-fate", chain=chains[0]), _said("shared-fate.change")
        yield Proposal("shared-fate", "shared-fate", title, "critical", change, "bcp.yaml", chains)
    for step in record.steps:
        if step.result in {"failed", "undo_failed"}:
            title = _said("step-failed", step=step.name or step.id, error=step.error[:200] or "?")
            change, place = _said("step-failed.change"), f"playbook step {step.id}"
            yield Proposal("step-failed", step.id, title, "high", change, place, (step.evidence,))
    if record.outcome in {"interrupted", "missed", "not-begun"} and record.kind != "incident":
        title, change = _said("not-completed", reason=record.reason or record.outcome), _said("not-completed.change")
        yield Proposal("not-completed", record.id, title, "medium", change, "calendar")
    for chain in record.integrity.chains:
        if chain.damage:
            title, change = _said("damaged", what=chain.what, damage=chain.damage), _said("damaged.change")
            yield Proposal("damaged", chain.what, title, "critical", change, "state folder")
    if record.mails.duplicated:
        title, change = _said("doubled", count=record.mails.duplicated), _said("doubled.change")
        yield Proposal("doubled", "mails", title, "high", change, "bcp.yaml: relays")


RULES: tuple[Callable[[DrillRecord], Iterator[Proposal]], ...] = (
    _objectives,
    _late_resolvers,
    _late_steps,
    _longest,
    _decisions,
    _messages,
    _people,
    _by_hand,
    _outcome,
)
