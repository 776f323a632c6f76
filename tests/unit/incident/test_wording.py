"""Events and states of an incident in words: each says what happened, and no id that nobody reads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.incident.model import Event, Incident
from bcp.incident.wording import _TITLES, event_kind, event_title, event_tone, event_words, incident_sentence

INCIDENT = Incident("inc-1", "exchange-online", "opened", 10.0)


def event(kind: str, **data) -> Event:
    return Event(1, 0.0, "inc-1", kind, "alice", data, "")


@pytest.mark.parametrize("kind", sorted(_TITLES))
def test_every_kind_has_a_title(kind) -> None:
    assert event_title(kind) and "_" not in event_title(kind)


@pytest.mark.parametrize(
    ("status", "title", "kind"),
    [
        ("done", "A run is over", "run ended"),
        ("aborted", "A run is over", "run ended"),
        ("stopped", "A run pauses, and goes on later", "run pauses"),
        ("holding", "A run holds", "run holds"),
        ("in_doubt", "A run waits for a person's word", "run waits"),
    ],
)
def test_a_run_that_is_not_over_is_not_said_to_be(status, title, kind) -> None:
    assert event_title("run_ended", status) == title and event_kind(event("run_ended", status=status)) == kind


def test_a_kind_that_is_new_is_shown_as_it_is() -> None:
    assert event_title("some_new_thing") == "Some new thing"


@pytest.mark.parametrize(
    ("found", "tone"),
    [
        (event("answered", yes=True), "ok"),
        (event("answered", yes=False), "warn"),
        (event("answered", yes="yes"), "warn"),
        (event("moved", state="down"), "bad"),
        (event("run_ended", status="done"), "ok"),
        (event("run_ended", status="failed"), "bad"),
        (event("moved"), ""),
        (event("refused"), "bad"),
        (event("closed"), "ok"),
        (event("login"), ""),
    ],
)
def test_its_tone(found, tone) -> None:
    assert event_tone(found) == tone


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (event("opened", title="no mail", mode="auto"), "no mail (auto)"),
        (event("answered", yes=True, how="text"), "yes text"),
        (event("answer_refused", yes=False, how="link", text="too late"), "no link too late"),
        (event("wrong_code", how="text"), "text"),
        (event("asked", person="*", channel="slack", state="sent"), "everybody by slack: sent"),
        (event("asked", person="bob", channel="sms", state="failed", detail="30003"), "bob by sms: failed (30003)"),
        (event("question", people=["alice", "bob"], checksum="c" * 64), "alice, bob about plan cccccccccccc"),
        (event("run_ended", run="run-1", status="done", id="q-1"), "run-1; done"),
        (event("note"), ""),
    ],
)
def test_what_it_says(found, words) -> None:
    assert event_words(found) == words


def test_what_is_seen_is_told_with_its_class_and_evidence() -> None:
    told = event_words(event("moved", state="down", classes=["B", "E"], evidence=["421", "timeout"]))
    assert told.endswith(", class B E: 421; timeout")
    assert "class not known: " in event_words(event("moved", state="down"))
    assert event_words(event("moved", state="resolved", classes=[], why="the relay takes the mail")) == "resolved"
    assert event_words(event("moved", state="opened", why="mail is on its way back")) == "opened"
    assert event_words(event("moved", state="closed", why="all is well")) == "closed: all is well"


def test_fields_that_are_shown_elsewhere_are_left_out_and_long_texts_are_cut() -> None:
    found = event("run_asked_for", run="run-1", reason="x" * 900)
    assert "run-1" not in event_words(found, {"run"}) and len(event_words(found)) == 400


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"state": "opened"}, "Reported at 10. Our own look has not confirmed it."),
        ({"state": "declared", "declared": 20.0}, "Our own look confirmed it at 20. It is not over."),
        ({"state": "resolved", "resolved": 30.0}, "works again since 30"),
        ({"state": "closed", "closed": 70.0}, "Over since 70, after 1m."),
        ({"state": "closed", "closed": 5.0}, "Over since 5, after 0s."),
    ],
)
def test_how_it_stands(changed, words) -> None:
    one = replace(INCIDENT, **changed)
    assert words in incident_sentence(one, lambda at: f"{at:.0f}")
