"""The year of an organisation: what was rehearsed, from its drill book, incidents and configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial

from bcp import registry
from bcp.contracts.exercise import DrillRecord
from bcp.contracts.store import RunQuery
from bcp.contracts.traits import Trait, traits_of
from bcp.deeds.exercises import records, views_of_runs
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.secret import redact, redact_data
from bcp.pages.times import zone_of
from bcp.pages.words import languages, words
from bcp.pages.year import year_page
from bcp.reports.findings import table_csv
from bcp.reports.year import ACTIONS, CLASSES, COLUMNS, Inventory, Year, action_rows, coverage_rows, to_data, year_of
from bcp.store.files.sealed import write_sealed
from bcp.wiring import App

DAYS = 365.0
NAMES = {"html": "year.html", "json": "year.json", "csv": "coverage.csv", "findings": "findings.csv"}


def inventory(app: App) -> Inventory:
    """What there is to rehearse: as the configuration says it now."""
    books, asked = {}, list(app.settings.serve.ask.groups)
    gates = {name for name, action in registry.actions().items() if Trait.GATE in traits_of(action)}
    for name in app.playbooks.files():
        try:
            loaded = app.playbooks.load(name)
        except BcpError:
            books[name] = ""
            continue
        books[name] = loaded.book.title
        asked += [str(g) for s in loaded.steps for g in _names(s.step.with_.get("from")) if s.step.uses in gates]
    approvers = {c.id: c.name for c in app.people.directory.people(dict.fromkeys(asked))}
    return Inventory(
        services={app.settings.service: ""},
        playbooks=books,
        audiences=dict.fromkeys(app.settings.audiences, ""),
        approvers=approvers,
        channels=dict.fromkeys(app.settings.channels, ""),
        classes={c: words("en").known(f"class.{c}", c) for c in CLASSES},
    )


def _names(given: object) -> Sequence[object]:
    """Names of a list; what is computed when the playbook runs names nobody yet."""
    return given if isinstance(given, list) else ()


def period(app: App, since: str = "", until: str = "") -> tuple[float, float]:
    """From the beginning of the first day to the end of the last, in the organisation's zone. Usual: the 365 days that
    end now.

    Raises:
        Invalid: (``no-date``) it is no date, or the end is before the beginning.
    """
    now = app.clock.now()
    end = _day(app, until, 1) if until else now + 1.0
    begin = _day(app, since) if since else end - DAYS * 86_400.0
    if begin >= end:
        raise Invalid("the period ends before it begins", rule="no-date", hint="--from 2026-01-01 --to 2026-12-31")
    return begin, end


def _day(app: App, text: str, later: int = 0) -> float:
    """The beginning of the day that is so many days later; a day may have 23 or 25 hours."""
    try:
        found = date.fromisoformat(text) + timedelta(days=later)
    except (ValueError, OverflowError) as error:
        raise Invalid(f"{text[:30]!r} is no date", rule="no-date", hint="For example 2026-01-31.") from error
    zone = zone_of(app.settings.organisation.timezone)
    return datetime(found.year, found.month, found.day, tzinfo=zone).timestamp()


def look_back(app: App, since: str = "", until: str = "", language: str = "") -> Year:
    """The view of a period. Raises ``Invalid`` (``no-date``, ``no-such-language``)."""
    if language and language not in languages():
        hint = f"Known: {', '.join(languages())}"
        raise Invalid(f"there are no reports in {language[:20]!r}", rule="no-such-language", hint=hint)
    org = app.settings.organisation
    begin, end = period(app, since, until)
    texts = words(language or org.language)
    made = partial(year_of, now=app.clock.now(), organisation=org.name, zone=org.timezone)
    found = records(app)
    return made([*found, *_alone(app, found, begin)], inventory(app), begin, end, texts)


def _alone(app: App, known: Sequence[DrillRecord], since: float) -> Iterator[DrillRecord]:
    """Real runs that belong to no incident and no exercise: where no daemon keeps a book, an outage is these. What
    cannot be read is left out."""
    told = {run for record in known for run in record.runs}
    for card in app.running.room.runs.cards(RunQuery(kind="real", parent="", since=since)):
        if card.id not in told and card.started:
            with suppress(BcpError):
                views = views_of_runs(app, [card.id])
                yield app.running.record_of_run(views[0], views[1:])


def write_year(app: App, year: Year, formats: Sequence[str] = ("html", "json", "csv", "findings")) -> dict[str, str]:
    """Write it into the folder of reports; returns the path of each format.

    Raises:
        Invalid: ``no-such-format``.
    """
    data = redact_data(to_data(year))
    made = {
        "html": lambda: redact(year_page(data, app.running.report_look().logo)),
        "json": lambda: json.dumps(data, indent=1, ensure_ascii=False) + "\n",
        "csv": lambda: redact(table_csv(COLUMNS, coverage_rows(year))),
        "findings": lambda: redact(table_csv(ACTIONS, action_rows(year))),
    }
    texts = {}
    for form in formats:
        if form not in made:
            raise Invalid(f"there is no format {form[:20]!r}", rule="no-such-format", hint=", ".join(NAMES))
        texts[form] = made[form]()
    files = {NAMES[form]: text for form, text in texts.items()}
    folder = app.configuration.state / "reports" / "year"
    paths = write_sealed(app.running.room.audit, app.clock, folder, files) if files else {}
    return {form: paths[NAMES[form]] for form in texts}
