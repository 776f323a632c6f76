"""Who was told, on the pages: the step, what was not due, what stand-ins took; German names, and marks for the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from support import ROOT
from unit.reports.samples import full
from unit.reports.test_year import DAY, THERE

from bcp.contracts.exercise import DrillRecord
from bcp.contracts.exercise_parts import Receipts
from bcp.drills.outline import components
from bcp.pages.report import report_page
from bcp.pages.words import languages, words
from bcp.pages.year import year_page
from bcp.reports.document import document
from bcp.reports.year import to_data, year_of

BOOKS = sorted((ROOT / "playbooks").glob("*.yaml"))
SHIPPED = {v for k, v in words("en").texts.items() if k.startswith("shipped.")}


def with_rows(*rows: Receipts, **more: object) -> DrillRecord:
    return replace(full(), receipts=rows, **more)  # type: ignore[arg-type]


def page_of(record: DrillRecord, language: str = "en") -> tuple[dict, str]:
    data = document(record, "drill", made="2026-01-22T20:00:00Z", language=language)
    return data, report_page(data)


NEVER = Receipts("slack", "employees", "update", "run-1", planned=1, name="Update", due=False)


@pytest.mark.parametrize(("language", "words_"), [("en", "nothing was due"), ("de", "nichts war fällig")])
def test_what_was_never_due_is_said_and_is_no_figure(language: str, words_: str) -> None:
    data, page = page_of(with_rows(NEVER), language)
    assert words_ in page and "0 (0 %)" not in page
    assert not [f for f in data["figures"] if f["code"].startswith("receipts.")]
    assert not [f for f in data["figures"] if f["value"] == 0.0 and f["unit"] == "percent"]


def test_each_row_names_its_step_in_front_and_in_the_annex() -> None:
    sent = Receipts("sms", "employees", "tell", "run-1", planned=1, sent=1, name="Tell employees")
    data, page = page_of(with_rows(sent))
    assert page.count('<th scope="row">Tell employees</th>') == 1
    assert {f["subject"] for f in data["figures"] if f["code"] == "receipts.sent"} == {"Tell employees, sms, employees"}
    _, unnamed = page_of(with_rows(replace(sent, name="")))
    assert '<th scope="row">tell</th>' in unnamed


def test_what_a_stand_in_took_is_no_real_message() -> None:
    rows = (
        Receipts("sms", "board", "tell", "run-1", planned=1, sent=1),
        Receipts("slack", "employees", "tell", "run-1", planned=1, sent=1, simulated=True),
    )
    record = with_rows(*rows, components=components("live"))
    assert "slack (stand-in)" in page_of(record)[1]
    year = year_of([record], THERE, 0.0, record.started + DAY, words("en"), now=record.started)
    levels = {(c.what, c.name): c.level for c in year.coverage}
    assert (levels["channels", "sms"], levels["channels", "slack"]) == ("real", "simulated")
    assert (levels["audiences", "board"], levels["audiences", "employees"]) == ("real", "simulated")


@pytest.mark.parametrize("path", BOOKS, ids=lambda p: p.stem)
def test_each_shipped_playbook_and_step_has_a_name_in_every_language(path: Path) -> None:
    book = yaml.safe_load(path.read_text())
    steps = [s for phase in ("ready", "activation", "hold", "always") for s in book.get(phase) or ()]
    names = {book["title"], *(s["name"] for s in steps if s.get("name"))}
    assert names <= SHIPPED
    for language in languages():
        assert all((words(language).named(n) == n) is (language == "en") for n in names)


def test_the_german_year_names_playbooks_in_german_and_leaves_own_names() -> None:
    there = replace(THERE, playbooks={"a": "Mail to the outside fails", "b": "Our own plan"})
    page = year_page(to_data(year_of([], there, 0.0, DAY, words("de"), now=DAY)))
    assert "Mail nach außen scheitert" in page and "Mail to the outside fails" not in page
    assert "Our own plan" in page


def test_words_of_others_are_marked_in_another_language_only() -> None:
    record = replace(full(), outcome="aborted", reason="the building is closed")
    _, german = page_of(record, "de")
    assert "„the building is closed“" in german
    assert "In Anführungszeichen steht" in german
    _, english = page_of(record)
    assert "“the building is closed”" not in english and "In quotation marks" not in english
    w = words("de")
    assert w.told_or_quoted("not needed as things are now", "noted.") == "so, wie es steht, nicht nötig"
    assert w.told_or_quoted("mx-backup", "noted.") == "mx-backup", "a name"


def test_an_exercise_without_a_story_is_called_by_its_kind_and_playbook() -> None:
    plain = full()
    book = replace(plain.playbooks[0], title="Inbound mail to Exchange Online fails")
    story = "no story: the playbook is exercised as it is"
    scenario = replace(plain.scenario, name="", title=story)
    record = replace(plain, title=story, scenario=scenario, playbooks=(book,))
    assert "<h1>Live exercise: Inbound mail to Exchange Online fails</h1>" in page_of(record)[1]
    assert "Eingehende Mail an Exchange Online scheitert</h1>" in page_of(record, "de")[1]
    assert "<h1>Spring drill</h1>" in page_of(replace(record, title="Spring drill"))[1]
    assert "<h1>no story" in page_of(replace(record, playbooks=()))[1]


def test_what_was_only_declared_was_not_detected() -> None:
    plain = full()
    for by, known in (("declared by the exercise", False), ("the watch", True)):
        record = replace(plain, detection=replace(plain.detection, by=by))
        (figure,) = [f for f in page_of(record)[0]["figures"] if f["code"] == "detection"]
        assert (figure["value"] is not None) is known
        assert (figure["how"] == "not-measured") is not known


def test_a_tabletop_decides_and_receives_no_mail() -> None:
    """Its milestones are decisions of people: no mail came to a relay, and nobody was told."""
    labels = {m["label"] for m in page_of(replace(full(), kind="tabletop"))[0]["milestones"]}
    assert labels and all(x.startswith("Decided at the table: ") for x in labels)
    assert "First mail on the relay" in {m["label"] for m in page_of(full())[0]["milestones"]}
