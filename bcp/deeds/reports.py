"""Reports of whatever has one: a run, a drill, an incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.deeds.exercises import exercise_of, record_of_incident, recorded, views_of, views_of_runs
from bcp.kernel.errors import Invalid
from bcp.pages.words import languages
from bcp.reports.logo import embedded
from bcp.reports.write import Look, ReportWriter
from bcp.wiring import App


def write_report(
    app: App, what: str, formats: Sequence[str] = ("html", "json"), language: str = ""
) -> tuple[str, dict[str, str]]:
    """Write the report; returns what it is of, and the path of each format.

    ``what``: the id of a run, its start or end, or ``last``; a drill's or an incident's id, or ``last-drill``.
    ``language``: other than the organisation's.

    Raises:
        Missing: there is no such run, drill or incident.
        Invalid: ``no-such-language``, ``no-such-format``, ``ambiguous``, ``no-logo``.
    """
    writer = app.running.reporter()
    look = _look(app, writer, language)
    if what.startswith("drill-") or what == "last-drill":
        exercise = exercise_of(app, "last" if what == "last-drill" else what)
        record, views = recorded(app, exercise), views_of(app, exercise)
        return record.id, writer.write_record(record, "drill", views, formats, look)
    if what.startswith("inc-"):
        record = record_of_incident(app, what)
        views = views_of_runs(app, [r for r in record.runs if app.running.room.runs.exists(r)])
        return what, writer.write_record(record, "incident", views, formats, look)
    found = app.running.runs.find(what)
    return found, writer.write_now(found, formats, look)


def _look(app: App, writer: ReportWriter, language: str) -> Look:
    if language and language not in languages():
        hint = f"Known: {', '.join(languages())}"
        raise Invalid(f"there are no reports in {language[:20]!r}", rule="no-such-language", hint=hint)
    logo = app.settings.organisation.logo
    if logo is not None:
        embedded(app.configuration.path(logo))  # whoever asks for a report hears of a logo that is none
    found = writer.look()
    return replace(found, language=language) if language else found
