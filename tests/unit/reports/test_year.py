"""The year: what counts as covered, by what, for real or simulated; what is open; how recovery times went."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import jsonschema
import pytest
from unit.reports.samples import T, full

from bcp.contracts.exercise import DrillRecord, Finding, Judged, Outcome, Participant, Scenario
from bcp.contracts.exercise_parts import Decision, Receipts
from bcp.drills.outline import components
from bcp.pages.annexes import finding_said
from bcp.pages.words import words
from bcp.pages.year import year_page, year_values
from bcp.reports.findings import findings_csv, table_csv
from bcp.reports.year import (
    COLUMNS,
    Inventory,
    Year,
    action_rows,
    counts,
    coverage_rows,
    json_schema,
    to_data,
    used,
    year_of,
)

DAY = 86_400.0
THERE = Inventory(
    {"exchange-online": ""}, {"exchange-inbound-outage": "Inbound mail fails", "other": ""},
    {"employees": "", "board": ""}, {"ben.ortega": "Ben Ortega", "xenia": "Xenia"}, {"sms": "", "slack": ""},
    dict.fromkeys("ABCDEFGH", ""),
)  # fmt: skip


def look(*records: DrillRecord, since: float = T - 300 * DAY, until: float = T + DAY) -> Year:
    return year_of(records, THERE, since, until, words("en"), now=T + 60 * DAY, organisation="Corp")


def level(year: Year, what: str, name: str) -> str:
    return next(c.level for c in year.coverage if (c.what, c.name) == (what, name))


def test_nothing_was_rehearsed() -> None:
    found = look()
    assert {c.level for c in found.coverage} == {"never"}
    assert len(found.never) == len(found.coverage) == 17
    assert "channels: slack" in found.never
    assert "There was neither an exercise nor an outage." in year_page(to_data(found))


def test_a_live_exercise_covers_for_real_what_it_used() -> None:
    live = replace(full(), components=components("live"))
    found = look(live)
    assert level(found, "playbooks", "exchange-inbound-outage") == "real"
    assert level(found, "channels", "sms") == level(found, "audiences", "employees") == "real"
    assert level(found, "approvers", "ben.ortega") == "real"
    assert level(found, "services", "exchange-online") == "real"
    assert level(found, "classes", "B") == "simulated", "nobody saw a real outage"
    assert level(found, "channels", "slack") == level(found, "approvers", "xenia") == "never"


@pytest.mark.parametrize("kind", ["lab", "tabletop", "dry"])
def test_the_others_simulate(kind: str) -> None:
    found = look(replace(full(), kind=kind, components=components(kind)))  # type: ignore[arg-type]
    assert level(found, "channels", "sms") == "simulated"
    people = level(found, "approvers", "ben.ortega")
    assert people == ("real" if kind == "tabletop" else "simulated")
    assert "channels: sms" in found.simulated


@pytest.mark.parametrize("outcome", ["aborted", "rejected", "interrupted", "failed", "not-begun", ""])
def test_only_a_completed_exercise_counts(outcome: str) -> None:
    record = replace(full(), outcome=outcome)  # type: ignore[arg-type]
    assert not counts(record)
    assert {c.level for c in look(record).coverage} == {"never"}


def test_a_real_outage_always_counts() -> None:
    record = replace(full(), kind="incident", outcome="aborted", components=())
    found = look(record)
    assert level(found, "classes", "B") == level(found, "channels", "sms") == "real"
    sms = next(c for c in found.coverage if c.name == "sms")
    assert (sms.incidents, sms.drills, sms.last) == ((record.id,), (), record.started)


def test_outside_of_the_period_nothing_counts_but_open_findings_do() -> None:
    found = look(full(), since=T + 10 * DAY, until=T + 20 * DAY)
    assert found.held == found.trend == ()
    assert {c.level for c in found.coverage} == {"never"}
    assert [a.id for a in found.actions] == ["f-k2m4", "f-9xqp"]


def test_findings_that_are_open_with_owner_and_due_date() -> None:
    done = replace(full(), findings=(*full().findings, Finding("f-done", "Old", state="done"),
                                     Finding("f-no", "No", state="dismissed")))  # fmt: skip
    first, second = look(done).actions
    assert (first.owner, first.due, first.overdue) == ("Dan Weiss", "2026-03-01", True)
    assert (second.owner, second.due, second.overdue) == ("", "", False)
    page = year_page(to_data(look(done)))
    assert "overdue" in page
    assert "nobody yet" in page


@pytest.mark.parametrize(("zone", "late"), [("America/Los_Angeles", False), ("UTC", True), ("Europe/Berlin", True)])
def test_a_day_that_something_is_due_on_ends_at_midnight_of_the_organisation(zone: str, late: bool) -> None:
    """02:00 UTC on the second of March is the evening of the first at the Pacific."""
    now = datetime(2026, 3, 2, 2, 0, tzinfo=UTC).timestamp()
    year = year_of([full()], THERE, T - 300 * DAY, T + DAY, words("en"), now=now, zone=zone)
    assert [a.overdue for a in year.actions if a.due == "2026-03-01"] == [late]


def test_the_trend_counts_nothing_of_an_aborted_exercise() -> None:
    good, bad = full(), replace(full(), id="drill-b", outcome="aborted", started=T + 60)
    points = [p for p in look(good, bad).trend if p.code == "rto_receive"]
    assert [(p.achieved, p.counts) for p in points] == [(972.0, True), (972.0, False)]
    assert all(p.how for p in points)


def test_who_is_known_to_have_decided() -> None:
    record = DrillRecord(
        "d", "tabletop", scenario=Scenario("x", outage_class="AE"),
        decisions=(Decision(1.0, "ann", "x", "approved"), Decision(2.0, "late", "x", "refused")),
        participants=(Participant("Eva", contact="eva", attended=True), Participant("Gone", attended=False)),
        receipts=(Receipts("sms", "all", sent=0), Receipts("mail", "all", sent=2)),
    )  # fmt: skip
    assert used(record, "approvers") == {"ann", "Eva", "eva"}
    assert used(record, "channels") == {"mail"}
    assert used(record, "classes") == {"A", "E"}


def test_tables_for_a_spreadsheet() -> None:
    found = look(full())
    rows = list(csv.DictReader(io.StringIO(table_csv(COLUMNS, coverage_rows(found)))))
    assert len(rows) == len(found.coverage)
    assert {r["level"] for r in rows} <= {"real", "simulated", "never"}
    assert len(action_rows(found)) == 2
    text = findings_csv([replace(full(), findings=(Finding("f", "=HYPERLINK(1)", "low", owner="-x"),))])
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["title"], row["owner"], row["urgent"]) == ("'=HYPERLINK(1)", "'-x", "no")


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_and_its_schema(language: str) -> None:
    found = year_of([full()], THERE, T - DAY, T + DAY, words(language), now=T, organisation="<b>Corp</b>")
    data = to_data(found)
    jsonschema.validate(data, json_schema())
    text = year_page(data)
    assert f'lang="{language}"' in text
    assert "<b>Corp" not in text
    assert "src=" not in text
    assert year_values(data, words(language))["headline"].startswith(str(len(found.never)))


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_exercise_that_plays_no_story_is_called_by_its_playbook(language: str) -> None:
    text = words("en")("noted.no-story")
    book = replace(full().playbooks[0], title=words("en")("shipped.inbound-outage"))
    dry = replace(full(), kind="dry", title=text, scenario=Scenario("", text), playbooks=(book,))
    year = year_of([dry], THERE, T - 300 * DAY, T + DAY, words(language), now=T, organisation="Corp")
    (held,) = year_values(to_data(year), words(language))["held"]
    assert held["title"] == words(language)("shipped.inbound-outage")
    assert text not in year_page(to_data(year))


def test_the_year_names_outages_of_the_past_in_the_readers_language() -> None:
    title = words("en")("scenario.mar-2026-mailbox")
    table = replace(full(), title=title, scenario=Scenario("mar-2026-mailbox", title))
    year = year_of([table], THERE, T - 300 * DAY, T + DAY, words("de"), now=T, organisation="Corp")
    assert year_values(to_data(year), words("de"))["held"][0]["title"] == words("de")("scenario.mar-2026-mailbox")


def test_a_target_that_is_too_far_away_to_be_drawn_is_said() -> None:
    """A bar of nine seconds fills its line; that the target was 15 minutes stands beside it."""
    quick = tuple(replace(o, achieved=9.0, target=900.0) for o in full().objectives if o.code == "rto_receive")
    shown = year_values(to_data(look(replace(full(), objectives=quick))), words("en"))
    (row,) = shown["trends"][0]["rows"]
    assert row["target"] is None and row["kind"].endswith(", target 15m")


def test_a_time_that_is_not_known_or_does_not_count_says_so_beside_its_bar() -> None:
    """Nine seconds in red beside a target of 15 minutes, and no word why."""

    def shown(judged: Judged, outcome: Outcome = "completed") -> tuple[str, str, bool]:
        goals = tuple(replace(o, achieved=9.0, judged=judged) for o in full().objectives if o.code == "rto_receive")
        year = look(replace(full(), objectives=goals, outcome=outcome))
        (row,) = year_values(to_data(year), words("en"))["trends"][0]["rows"]
        return row["tone"], row["said"], row["kind"].endswith(", reached, does not count")

    assert shown("not-known") == ("warn", "at least 9s", False)
    assert shown("met") == ("ok", "9s", False)
    assert shown("void", "aborted") == shown("met", "aborted") == ("bad", "9s", True)
    assert shown("missed") == ("bad", "9s", False)


def test_playbooks_with_one_title_are_told_apart() -> None:
    there = replace(THERE, playbooks={"out": "Mail fails", "ours-out": "Mail fails", "other": "Other"})
    year = year_of([], there, T - DAY, T + DAY, words("en"), now=T)
    never = dict(year_values(to_data(year), words("en"))["never"])
    assert never["Playbooks"] == "Mail fails (out); Mail fails (ours-out); Other"


@pytest.mark.parametrize(("text", "wanted"), [
    ("rto_receive: 8h 15m, the target is 30m", "Receive mail again: 8h 15m, the target is 30m"),
    ("rto_communicate: not reached, the target is 15m", "Tell everybody: not reached, the target is 15m"),
    ("rto_communicate staff: 20m, the target is 15m", "Tell staff: 20m, the target is 15m"),
    ("mtpd: 2d, the target is 1d", "Back to normal: 2d, the target is 1d"),
    ("rto_receive: nobody knew it", "rto_receive: nobody knew it"),
    ("The phone tree is old", "The phone tree is old"),
])  # fmt: skip
def test_a_finding_of_an_objective_names_it_as_the_page_does(text: str, wanted: str) -> None:
    assert finding_said(text, words("en")) == wanted
