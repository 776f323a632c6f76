"""Writes ``report.html`` and ``report.json`` of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bcp.engine.store import Runs, RunView
from bcp.kernel.files import write_atomic
from bcp.kernel.secret import redact, redact_data
from bcp.mx.forecast import Forecast
from bcp.reports.model import report_data
from bcp.reports.page import page

Foretell = Callable[[Mapping[str, Any]], Forecast | None]
"""The forecast for a plan (its data); ``None`` where it moves no MX to the relay."""
Reported = Callable[[Sequence[str]], Mapping[str, str]]
"""Given receipts: what vendors reported of each."""

MailOf = Callable[[RunView, Sequence[RunView]], Mapping[str, Any] | None]
"""The account of mail of a run and of those that went back from it."""


class ReportWriter:
    """Reports go to one folder per run. ``zone`` is the time zone (IANA) of the page; the data are in UTC.
    ``internal``: audiences of the people on call, whom to tell is no objective."""

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
        mail: MailOf | None = None,
    ) -> None:
        self.runs, self.folder, self.organisation, self.extra = runs, folder, organisation, extra
        self.zone, self.internal = zone, frozenset(internal)
        self.reported, self.forecast, self.mail = reported, forecast, mail

    def keep_answers(self, run_id: str, answers: Mapping[str, Any]) -> dict[str, str]:
        """What people answered so far becomes part of the report, which is written anew."""
        write_atomic(self.folder / run_id / "answers.json", json.dumps(answers, ensure_ascii=False), mode=0o640)
        return self.write_now(run_id)

    def _answers(self, run_id: str) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / run_id / "answers.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def write(self, run_id: str, formats: Sequence[str]) -> dict[str, str]:
        """Write; returns the path of each format."""
        return self.write_now(run_id, formats)

    def write_now(self, run_id: str, formats: Sequence[str] = ("html", "json")) -> dict[str, str]:
        """The same, without waiting."""
        view = self.runs.view(run_id)
        children = [self.runs.view(c.id, effects=False) for c in reversed(self.runs.children(run_id))]
        data = redact_data(
            report_data(
                view,
                organisation=self.organisation,
                extra=self.extra,
                children=children,
                reported=self.reported,
                internal=self.internal,
                forecast=self.forecast(view.plan) if self.forecast is not None else None,
                mail=self.mail(view, children) if self.mail is not None else None,
            )
        )
        data["answers"] = self._answers(run_id)
        paths = {}
        for name in formats:
            text = (
                redact(page(data, self.zone))
                if name == "html"
                else json.dumps(data, indent=1, ensure_ascii=False) + "\n"
            )
            path = self.folder / run_id / f"report.{name}"
            write_atomic(path, text, mode=0o640)
            paths[name] = str(path)
        return paths
