"""Writes reports of runs, drills and incidents: ``report.html``, ``report.json``, ``findings.csv``."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from bcp.contracts.exercise import DrillRecord
from bcp.engine.store import Runs, RunView
from bcp.kernel.clock import Clock, SystemClock, iso
from bcp.kernel.errors import Invalid
from bcp.kernel.secret import redact, redact_data
from bcp.mx.forecast import Forecast
from bcp.reports.document import document
from bcp.reports.findings import findings_csv
from bcp.reports.model import report_data
from bcp.reports.page import page
from bcp.reports.shape import Subject
from bcp.store.files.sealed import write_sealed

Foretell = Callable[[Mapping[str, Any]], Forecast | None]
"""The forecast for a plan (its data); ``None`` where it moves no MX to the relay."""
Reported = Callable[[Sequence[str]], Mapping[str, str]]
"""Given receipts: what vendors reported of each."""
RecordOf = Callable[[RunView, Sequence[RunView]], DrillRecord]
"""The record of a run and of those that went back from it."""
NAMES = {"html": "report.html", "json": "report.json", "csv": "findings.csv"}
"""The file of each format."""
ANSWERS = "answers.json"
"""What people answered: it becomes part of the report each time that it is written."""


@dataclass(frozen=True, slots=True)
class Look:
    """Language of a report, and the picture at its head as a ``data:`` URL (empty: none)."""

    language: str = "en"
    logo: str = ""


MailOf = Callable[[RunView, Sequence[RunView]], Mapping[str, Any] | None]
"""The account of mail of a run and of those that went back from it."""


class ReportWriter:
    """Reports go to one folder per run, drill or incident. ``zone`` is the time zone (IANA) of the page; the data are
    in UTC. ``internal``: audiences of the people on call, whom to tell is no objective. ``record``: makes the record of
    a run; without it the report has the fields of ``bcp.report/1`` alone. ``look``: asked when one is written."""

    def __init__(
        self,
        runs: Runs,
        folder: Path,
        organisation: str,
        extra: Mapping[str, Any] | None = None,
        reported: Reported | None = None,
        zone: str = "",
        internal: Collection[str] = (),
        forecast: Foretell | None = None,
        record: RecordOf | None = None,
        look: Callable[[], Look] = Look,
        clock: Clock | None = None,
        mail: MailOf | None = None,
    ) -> None:
        self.runs, self.folder, self.organisation, self.extra = runs, folder, organisation, extra
        self.zone, self.internal = zone, frozenset(internal)
        self.reported, self.forecast, self.mail = reported, forecast, mail
        self.record, self.look, self.clock = record, look, clock or SystemClock()

    def keep_answers(self, run_id: str, answers: Mapping[str, Any]) -> dict[str, str]:
        """What people answered so far becomes part of the report, which is written anew."""
        texts = {ANSWERS: json.dumps(answers, ensure_ascii=False)}
        write_sealed(self.runs.room.audit, self.clock, self.folder / run_id, texts)
        return self.write_now(run_id)

    def _answers(self, run_id: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / run_id / ANSWERS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if _is_count(found) else {}

    async def write(self, run_id: str, formats: Sequence[str]) -> dict[str, str]:
        """Write; returns the path of each format."""
        return self.write_now(run_id, formats)

    def write_now(
        self, run_id: str, formats: Sequence[str] = ("html", "json"), look: Look | None = None
    ) -> dict[str, str]:
        """The same, without waiting."""
        view = self.runs.view(run_id)
        detail = self.detail(view)
        if self.record is None:
            return self._write(run_id, {**detail, "answers": self._answers(run_id)}, None, formats, look)
        children = [self.runs.view(c.id) for c in reversed(self.runs.children(run_id))]
        record = self.record(view, children)
        return self.write_record(record, "run", [view], formats, look)

    def detail(self, view: RunView) -> dict[str, Any]:
        """Everything that the journal of one run tells, and what people answered."""
        children = [self.runs.view(c.id, effects=False) for c in reversed(self.runs.children(view.id))]
        data = report_data(
            view,
            organisation=self.organisation,
            extra=self.extra,
            children=children,
            reported=self.reported,
            internal=self.internal,
            forecast=self.forecast(view.plan) if self.forecast is not None else None,
            mail=self.mail(view, children) if self.mail is not None else None,
        )
        return {**data, "answers": self._answers(view.id)}

    def write_record(
        self,
        record: DrillRecord,
        subject: Subject,
        views: Sequence[RunView],
        formats: Sequence[str] = ("html", "json"),
        look: Look | None = None,
    ) -> dict[str, str]:
        """The report of a record with the detail of these runs; returns the path of each format.

        Raises:
            Invalid: (``no-such-format``) there is no such format.
        """
        runs = [self.detail(v) for v in views]
        seen = look or self.look()
        found = document(record, subject, made=iso(self.clock.now()), language=seen.language, runs=runs)
        return self._write(record.id, found, record, formats, look)

    def _write(
        self, name: str, found: Mapping[str, Any], record: DrillRecord | None, formats: Sequence[str], look: Look | None
    ) -> dict[str, str]:
        answers = found.get("answers")
        data = redact_data(dict(found))
        if answers is not None:
            data["answers"] = answers
        texts = {}
        for form in formats:
            if form not in NAMES:
                raise Invalid(f"there is no format {form[:20]!r}", rule="no-such-format", hint=", ".join(NAMES))
            if form == "html":
                text = redact(page(data, self.zone, (look or self.look()).logo))
            elif form == "json":
                text = _json(data)
            else:
                text = redact(findings_csv([record] if record is not None else []))
            texts[form] = text
        return self._sealed(name, texts)

    def _sealed(self, name: str, texts: Mapping[str, str]) -> dict[str, str]:
        """Written, with their digests in the audit file; returns the path of each format."""
        files = {NAMES[form]: text for form, text in texts.items()}
        paths = write_sealed(self.runs.room.audit, self.clock, self.folder / name, files) if files else {}
        return {form: paths[NAMES[form]] for form in texts}


def _is_count(found: Any) -> bool:
    """Is it a count of answers? Whoever may write the folder may write anything; the audit file tells that."""
    wanted = {"people": int, "answers": dict, "unclear": list, "silent": list, "at": str}
    if not isinstance(found, dict) or not all(isinstance(found.get(n), t) for n, t in wanted.items()):
        return False
    rows = found["answers"].values()
    return all(isinstance(r, dict) and isinstance(r.get("people"), list) and "means" in r for r in rows)


def _json(data: Mapping[str, Any]) -> str:
    """For people and programs. Python's own encoder takes ten times as long as soon as lines are indented."""
    try:
        return to_json(data, indent=1).decode() + "\n"
    except PydanticSerializationError:  # halves of characters, which are mended where the file is written
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"
