"""What people are asked is what a yes means: a start, an undo that moves mail back, records to be entered by hand."""

from __future__ import annotations

import itertools
import re

import pytest

from bcp.comms.lint import LONG
from bcp.comms.pack import load_pack
from bcp.comms.render import render
from bcp.wiring.shipped import SHIPPED

PACK = load_pack([SHIPPED / "messages"])
FORMS, LANGUAGES = ("sms", "chat", "voice"), ("en", "de")
UNDO = "mail goes back to the primary: corp.test: mx.backup.test. -> mail.test., although our own look says down"
STARTS = re.compile(r"\bstart|\bStart exchange", re.IGNORECASE)
WELL = re.compile(r"works again|geht wieder", re.IGNORECASE)


def text(form: str, language: str, **ask: object) -> str:
    """The question as it is heard or read."""
    values = {**LONG, "outage_class": "B", "ask": {**LONG["ask"], **ask}}
    made = render(PACK.get("question"), form, language, language, values, drill=False)
    return f"{made.subject} {made.body}"


@pytest.mark.parametrize(("form", "language"), itertools.product(FORMS, LANGUAGES))
def test_the_question_of_an_undo_says_that_mail_moves_back(form, language) -> None:
    """It never asks whether a playbook is to start, nor says that Exchange works: it may be what is dead."""
    said = text(form, language, asks="undo", forecast=UNDO, although="our own look says down", back=False)
    assert not STARTS.search(said) and not WELL.search(said), said
    assert {"en": "back", "de": "zurück"}[language] in said
    assert "our own look says down" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_says_what_speaks_against_an_undo(language) -> None:
    """Who hears a call sees nothing else."""
    assert "our own look says down" in text("voice", language, asks="undo", although="our own look says down")


@pytest.mark.parametrize(("form", "language"), itertools.product(FORMS, LANGUAGES))
def test_records_to_enter_are_asked_about_as_such(form, language) -> None:
    """A yes says that they are there."""
    said = text(form, language, asks="hand", forecast="corp.test. MX 10 mx.backup.test.")
    assert not STARTS.search(said), said
    assert {"en": "enter", "de": "einzutragen"}[language] in said
    assert form == "voice" or "mx.backup.test" in said


@pytest.mark.parametrize(("form", "language"), itertools.product(FORMS, LANGUAGES))
@pytest.mark.parametrize("back", [True, False])
def test_a_start_names_its_playbook_and_says_that_exchange_works_only_where_it_does(form, language, back) -> None:
    """On the way back it is what people decide on."""
    said = text(form, language, back=back)
    assert "exchange-inbound-outage" in said or form == "voice"
    assert bool(WELL.search(said)) is back


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("asks", ["undo", "hand"])
def test_a_thousand_domains_still_fit_into_a_text(language, asks) -> None:
    """It is cut, never refused: a question that cannot be sent asks nobody."""
    assert "483920" in text("sms", language, asks=asks, forecast="x.example -> y.example; " * 400)


@pytest.mark.parametrize("name", ["question", "question-closed", "incident-notice"])
@pytest.mark.parametrize("form", FORMS)
def test_every_way_of_asking_can_also_say_how_it_ended(name, form) -> None:
    """Whoever was called hears the end, too."""
    assert set(getattr(PACK.get(name).file, form)) >= set(LANGUAGES)
