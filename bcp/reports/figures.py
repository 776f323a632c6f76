"""Every number of a report with how it was measured; unknown says unknown. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bcp.contracts.exercise import DrillRecord, Objective
from bcp.contracts.exercise_parts import Failback, Receipts
from bcp.pages.words import Words
from bcp.reports.answer import amount, judgement, title_of
from bcp.reports.milestones import DECLARED, caches, first_yes, receive_share, told_resolvers
from bcp.reports.shape import Figure, Unit

UNSEEN = {"not-measured": "not-measured", "not-reached": "end", "open": "open", "not-known": "not-measured"}
"""How it is known that there is no figure, by judgement."""
UNMOVED = frozenset({"tabletop", "dry"})
"""Kinds that move nothing, so that no resolver can tell it."""
MAILS = ("sent", "delivered", "relayed", "bounced", "lost", "duplicated", "left")


def figures_of(record: DrillRecord, words: Words) -> tuple[Figure, ...]:
    """All of them: objectives first."""
    made = [
        *(_objective(o, record, words) for o in record.objectives),
        *_course(record, words),
        *_mails(record, words),
        *(f for r in record.receipts if r.due for f in _receipts(r, record, words)),
        *(f for b in record.failback for f in _back(b, record, words)),
        *_counts(record, words),
    ]
    return tuple(_worded(f, record, words) for f in made)


def _worded(figure: Figure, record: DrillRecord, words: Words) -> Figure:
    alone = figure.how == "relay-account" and record.mails.waiting_only
    how = "relay-waited" if alone else figure.how
    return replace(figure, measured=figure.measured or words(f"how.{how}"))


def _display(value: float | None, unit: Unit, words: Words, *, at_least: bool = False) -> str:
    if value is None:
        return words("not-known")
    said = amount(value, unit, words)
    return words("at-least", amount=said) if at_least else said


def _figure(
    code: str, value: float | None, unit: Unit, how: str, words: Words, *, subject: str = "", at_least: bool = False,
    evidence: Sequence[str] = (),
) -> Figure:  # fmt: skip
    known = None if value is None else round(float(value), 1)
    if unit == "s" and known is not None and known < 0:  # the clock was set back meanwhile
        known, how = None, "not-measured"
    label = words(f"figure.{code}")
    shown = _display(known, unit, words, at_least=at_least and known is not None)
    return Figure(code, label, known, unit, shown, subject, at_least=at_least, how=how, evidence=tuple(evidence))


def _objective(o: Objective, record: DrillRecord, words: Words) -> Figure:
    how = o.how if o.achieved is not None and o.how else UNSEEN.get(o.judged, o.how or "not-measured")
    late = o.unit == "s" and o.achieved is not None and not record.detection.exact and o.how not in {"clock", "drain"}
    known = o.achieved is not None
    shown = _display(o.achieved, o.unit, words, at_least=late) if known else words(f"judged.{o.judged}")
    return Figure(
        o.code, title_of(o, words), o.achieved, o.unit, shown, o.audience, o.target, judgement(record, o), late, how,
        evidence=o.evidence,
    )  # fmt: skip


def _course(record: DrillRecord, words: Words) -> Iterator[Figure]:
    """Detection, decision, switch, caches, and how long all of it took."""
    since, late = record.detection.outage_since, not record.detection.exact
    detected = record.detection.detected - since if since and record.detection.detected else None
    how = "detection" if detected is not None else "not-measured"
    if record.detection.by == DECLARED:  # whoever began the exercise said so, and nothing was looked for
        detected, how = None, "not-measured"
    yield _figure("detection", detected, "s", how, words, at_least=late, evidence=record.detection.evidence[:3])
    decision = first_yes(record)
    if decision is not None:
        took = decision.at - decision.asked if decision.asked else None
        how = "gate" if took is not None else "not-measured"
        subject = decision.by
        yield _figure("decision", took, "s", how, words, subject=subject, evidence=(decision.evidence,))
        if since:
            at = decision.at - since
            yield _figure("decided", at, "s", "gate", words, subject=subject, at_least=late)
    if record.moved and since:
        refs = _ended(record, record.moved)
        yield _figure("switched", record.moved - since, "s", "journal", words, at_least=late, evidence=refs)
    if since and any(o.code == "rto_receive" for o in record.objectives) and record.kind not in UNMOVED:
        at_95 = receive_share(record)
        value = at_95 - since if at_95 is not None else None
        how = "resolvers" if value is not None else "not-measured"
        yield _figure("receive-95", value, "s", how, words, at_least=late)
    at, forecast = caches(record)
    if at and since:
        yield _figure("caches", at - since, "s", "forecast" if forecast else "resolvers", words, at_least=late)
    took = record.duration or None
    how = "events" if record.kind == "incident" else "book"  # of an outage there is no drill book
    yield _figure("duration", took, "s", how if took else "not-measured", words)


def _mails(record: DrillRecord, words: Words) -> Iterator[Figure]:
    how = record.mails.how or "not-measured"
    for name in MAILS:
        value = getattr(record.mails, name)
        yield _figure(f"mails.{name}", value, "mails", how if value is not None else "not-measured", words)


def _ended(record: DrillRecord, at: float, run: str = "") -> tuple[str, ...]:
    """The events of the step that ended then, of this run or of any; of a step that nobody kept its run."""
    found = [s.evidence for s in record.steps if s.ended == at and s.run in {run or s.run} and s.evidence]
    return tuple(found[:1]) or ((run,) if run else ())


def _receipts(row: Receipts, record: DrillRecord, words: Words) -> Iterator[Figure]:
    """Of each channel and audience, in per cent of all its people."""
    refs = [s.evidence for s in record.steps if (s.run, s.id) == (row.run, row.step) and s.evidence] or [row.run]
    subject = ", ".join(x for x in (words.named(row.name) or row.step, row.channel, row.audience) if x)
    for name, count, how in (
        ("sent", row.sent, "channel"),
        ("delivered", row.delivered, "vendor"),
        ("failed", row.failed, "channel"),
        ("in_doubt", row.in_doubt, "channel"),
        ("acknowledged", row.acknowledged, "answers"),
    ):
        value = row.percent(count)
        known = how if value is not None else "not-reported"
        yield _figure(f"receipts.{name}", value, "percent", known, words, subject=subject, evidence=refs)


def _back(back: Failback, record: DrillRecord, words: Words) -> Iterator[Figure]:
    for code, at, since, how in (
        ("back.mx", back.mx_back, back.started, "journal"),
        ("back.drained", back.drained, back.mx_back, "drain"),
        ("back.told", back.told, back.started, "journal"),
    ):
        value = at - since if at and since else None
        evidence = _ended(record, at, back.run) if at else (back.run,)
        yield _figure(code, value, "s", how if value is not None else "not-measured", words, evidence=evidence)


def _counts(record: DrillRecord, words: Words) -> Iterator[Figure]:
    there = [p for p in record.participants if p.attended]
    said = [p for p in record.participants if p.attended is not None]
    present = float(len(there)) if said else None
    yield _figure("participants", float(len(record.participants)), "people", "book", words)
    yield _figure("attended", present, "people", "book" if said else "not-measured", words)
    yield _figure("findings", float(len(record.findings)), "count", "count", words)
    rated = [float(n.rating) for n in record.feedback if n.rating is not None]
    mean = sum(rated) / len(rated) if rated else None
    yield _figure("rating", mean, "count", "book" if rated else "not-measured", words)
    if told := told_resolvers(record):
        last = told[-1]
        share = 100.0 * last.new / last.asked if last.asked else None
        how = "forecast" if last.what == "forecast" else "resolvers"
        yield _figure("propagation", share, "percent", how if share is not None else "not-measured", words)
