"""Did we meet our objectives? One word and one sentence, as strict as the record. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.exercise import VOID, DrillRecord, Objective
from bcp.kernel.units import format_duration
from bcp.pages.words import Words
from bcp.reports.shape import Answer, AnswerCode, Said

BROKEN = frozenset({"aborted", "rejected", "interrupted", "failed"})
"""Outcomes by which nothing counts as met, whatever was reached on the way, but for ``failed``, which counts it."""
NOT_PLAYED = frozenset({"missed", "cancelled"})


def counts_as_met(record: DrillRecord, objective: Objective) -> bool:
    """Was it reached, by an exercise that took place and was neither aborted, rejected nor interrupted?"""
    return objective.judged == "met" and record.outcome not in VOID


def judgement(record: DrillRecord, objective: Objective) -> Said:
    """How it is shown: what was reached and does not count is ``void``."""
    return "void" if objective.judged == "met" and not counts_as_met(record, objective) else objective.judged


def answer_of(record: DrillRecord, words: Words) -> Answer:
    """The answer on the first page."""
    met = sum(counts_as_met(record, o) for o in record.objectives)
    code, sentence = _answer(record, words, met)
    yes = {"yes": True, "no": False}.get(code)
    return Answer(code, yes, words(f"answer.{code}"), sentence, len(record.objectives), met)


def _answer(record: DrillRecord, words: Words, met: int) -> tuple[AnswerCode, str]:
    count = len(record.objectives)
    if record.state in NOT_PLAYED:
        return "no", words(f"answer.{record.state}", reason=_because(record, words))
    if record.state == "planned" and not record.started:
        return "not-yet", words("answer.planned")
    bad = [o for o in record.objectives if o.judged in {"missed", "not-reached"}]
    if record.outcome in BROKEN:
        how = words(f"outcome.{record.outcome}")
        text = words("answer.broken", outcome=how, reason=_because(record, words), met=met, count=count)
        return "no", text
    if not count:
        return "no-objective", words("answer.nothing-set")
    if bad:
        return "no", words("answer.missed-some", bad=len(bad), count=count, names=_named(bad, words))
    if any(o.judged == "open" for o in record.objectives):
        return "not-yet", words("answer.under-way", met=met, count=count)
    unknown = [o for o in record.objectives if o.judged != "met"]
    if unknown:
        key = "answer.dry" if record.kind == "dry" else "answer.some-unknown"
        return "not-known", words(key, met=met, count=count, names=_named(unknown, words))
    if record.outcome != "completed":
        return "not-yet", words("answer.under-way", met=met, count=count)
    return "yes", words.many("answer.all", count)


def _because(record: DrillRecord, words: Words) -> str:
    if not record.reason:
        return ""
    return words("answer.because", reason=words.told_or_quoted(record.reason.rstrip("."), "reason."))


def _named(objectives: Sequence[Objective], words: Words) -> str:
    """Each with what was achieved and what was wanted."""
    return words.listed([f"{title_of(o, words)} ({_short(o, words)})" for o in objectives])


def _short(objective: Objective, words: Words) -> str:
    target = amount(objective.target, objective.unit, words)
    if objective.achieved is None:
        return words(f"judged.{objective.judged}")
    achieved = amount(objective.achieved, objective.unit, words)
    if objective.judged == "not-known" and objective.unit == "s":  # it began then or earlier
        achieved = words("at-least", amount=achieved)
    return words("answer.against", achieved=achieved, target=target)


def title_of(objective: Objective, words: Words) -> str:
    """What the objective is, for people."""
    if objective.code == "rto_communicate":
        name = objective.audience or words("everybody")
        return words("objective.rto_communicate", audience=name)
    return words.known(f"objective.{objective.code}", objective.code)


def amount(value: float, unit: str, words: Words) -> str:
    """``7m 12s``, ``3 mails``, ``97.5 %``."""
    if unit == "s":
        return format_duration(round(value, 1))
    if unit == "percent":
        return words.percent(value)
    return words.number(value)
