"""What is asked for is found, however much came after it: no list is cut before it is searched."""

from __future__ import annotations

import pytest
from support import ROOT

from bcp.contracts.hook import Alert
from bcp.contracts.incident import Question
from bcp.incident import questions
from bcp.incident.book import Book
from bcp.testing.clock import FakeClock


@pytest.fixture
def book(tmp_path):
    made = Book(tmp_path / "incidents.db", FakeClock())
    yield made
    made.close()


def asked(book: Book, incident: str, number: int, state: str) -> None:
    book.add_question(
        Question(f"q-{number:04}", incident, f"run-{number}", "gate", "c", float(number), 9e9, 1, (("alice",),), state)
    )


def test_an_open_question_is_found_behind_a_hundred_later_ones(book) -> None:
    incident, _ = book.open("exchange-online", "t", "ask", "watch")
    asked(book, incident.id, 1, "open")
    for number in range(2, 102):
        asked(book, incident.id, number, "closed")
    assert [q.id for q in questions.waiting_of(book, incident.id)] == ["q-0001"]
    assert len(questions.questions_of(book, incident.id)) == 101


def test_an_alert_that_fires_is_shown_before_sixty_that_are_over(book) -> None:
    old = Alert("a-0", "old", True, "it fires")
    incident = book.receive("am", "exchange-online", [old], "ask").incident
    for number in range(60):
        fire, over = (Alert(f"{number}-{f}", f"o-{number}", f, "x") for f in (True, False))
        book.receive("am", "exchange-online", [fire, over], "ask")
    assert book.alerts(incident)[0]["title"] == "it fires" and book.firing(incident) == 1


def test_nobody_looks_through_the_newest_of_a_list_of_runs() -> None:
    """A slice of ``ids()`` is a window: the index is asked instead (``RunQuery``)."""
    for path in (ROOT / "bcp").rglob("*.py"):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            window = "ids()" in line and ("[:" in line or "[-" in line or "islice" in line)
            assert not window or path.parts[-2:] == ("memory", "state.py"), f"{path}:{number}: {line.strip()}"
