"""The report of a run, a drill or an incident as one document (``bcp.report/2``). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from bcp.contracts.exercise import DrillRecord
from bcp.pages.words import words as words_of
from bcp.reports.answer import answer_of
from bcp.reports.figures import figures_of
from bcp.reports.milestones import milestones_of
from bcp.reports.shape import SCHEMA, Front, Subject


@cache
def _adapter() -> TypeAdapter[Front]:
    return TypeAdapter(Front)


def document(
    record: DrillRecord,
    subject: Subject,
    *,
    made: str,
    language: str = "en",
    runs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The whole document as plain data. ``made``: now, ISO 8601. ``runs``: the detail of each run
    (``bcp.reports.model.report_data``); the report of a single run has its fields beside the others, too, as
    ``bcp.report/1`` had."""
    words = words_of(language)
    achieved = runs[0].get("achieved") if runs else None
    front = Front(
        subject,
        record.id,
        record.title or record.id,
        words.language,
        record.zone,
        record.organisation,
        made,
        answer_of(record, words),
        figures_of(record, words),
        tuple(milestones_of(record, words, achieved)),
        record,
    )
    found: dict[str, Any] = _adapter().dump_python(front, mode="json")
    beside = dict(runs[0]) if subject == "run" and runs else {}
    return {**beside, "schema": SCHEMA, **found, "runs": [dict(r) for r in runs]}
