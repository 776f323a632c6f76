"""The report: every status has its sentence, every number its place, hostile text stays text."""

from __future__ import annotations

import copy
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.engine.state import FINAL
from bcp.pages.palette import look
from bcp.pages.report import numbers, report_page, run_values, sentence

HOSTILE = """<script>alert(1)</script>"'&</style><img src=x onerror=alert(1)>{{ 7*7 }}"""
RUNS = sorted({"new", "running", "waiting", "holding", "undoing", "stopped", "in_doubt", "interrupted", *FINAL})


def step(status: str = "ok", name: str = "Point MX at the backup relay", **more: Any) -> dict[str, Any]:
    return {
        "id": "mx",
        "name": name,
        "phase": "activation",
        "status": status,
        "summary": "1 of 1 domain(s) switched",
        "error": "",
        "hint": "",
        "attempts": 1,
        "rounds": 0,
        "from_s": 1.0,
        "to_s": 3.5,
        "outputs": {},
        **more,
    }


def data(**more: Any) -> dict[str, Any]:
    return {
        "schema": "bcp.report/1", "organisation": "Corp", "run": "run-1", "playbook": "exchange-inbound-outage",
        "title": "Inbound mail to Exchange Online fails", "kind": "real", "initiator": "alice", "automatic": False,
        "plan": "plan-1",
        "checksum": "f" * 64, "status": "done", "reason": "", "started": "2026-01-22T17:45:00Z",
        "ended": "2026-01-22T18:45:00Z",
        "domains": ["corp.test"], "overrides": {},
        "approvals": [{"by": "bob", "at": "2026-01-22T17:46:00Z", "step": "approve", "how": "sms"}],
        "objectives": [{"objective": "rto_receive", "target_s": 1800.0, "achieved_s": 420.0, "met": True},
        {"objective": "rto_communicate", "target_s": 900.0, "achieved_s": None, "met": None}],
        "achieved": {"outage_since": "2026-01-22T17:44:00Z", "exact": True,
        "counted_from": "the first failure that the watch saw", "switched_s": 400.0,
        "rto_receive_s": 420.0},
        "steps": [step()],
        "changes": [{"target": "MX corp.test.", "before": "0 old.", "after": "10 new.", "undo": "swap back",
        "felt_after_s": 0, "note": ""}],
        "messages": [{"step": "mx", "channel": "sms", "sent": 3, "failed": 1, "in_doubt": 0, "scheduled": 2,
        "segments": 3, "receipts": [], "reasons": ["+49: no route"], "reported": {"delivered": 2}}],
        "texts": [{"at": "2026-01-22T17:46:30Z", "step": "mx", "taken": 3, "template": "t", "form": "sms",
        "language": "de", "subject": "Betreff", "body": "Erste Zeile\nZweite"}],
        "mails": [("2026-01-22T17:50:00Z", 0), ("2026-01-22T18:00:00Z", 12)],
        "timeline": [
            {"at": "2026-01-22T17:45:00Z", "t_s": 0.0, "kind": "run_started", "step": "", "actor": "", "status": "",
            "text": ""},
            {"at": "2026-01-22T17:45:01Z", "t_s": 1.0, "kind": "phase_started", "step": "", "actor": "", "status": "",
            "text": "activation"},
            {"at": "2026-01-22T17:45:03Z", "t_s": 3.0, "kind": "step_finished", "step": "mx", "actor": "",
            "status": "failed", "text": "no answer"},
            {"at": "2026-01-22T17:46:00Z", "t_s": 60.0, "kind": "approved", "step": "mx", "actor": "bob", "status": "",
            "text": ""},
            {"at": "2026-01-22T18:45:00Z", "t_s": 3600.0, "kind": "run_finished", "step": "", "actor": "",
            "status": "done", "text": ""},
        ],
        "in_doubt": [], "doubts_settled": [], "audit": {"events": 5, "head": "a" * 64, "damage": ""}, "follows": [],
        "extra": {},
        "answers": {"people": 5, "at": "2026-01-22T18:00:00Z",
        "answers": {"1": {"means": "safe", "people": ["a", "b"]}}, "unclear": ["c"], "silent": ["d", "e"]},
        **more,
    }  # fmt: skip


@pytest.mark.parametrize("status", RUNS)
def test_each_status_has_a_sentence_and_a_page(status) -> None:
    said = sentence(data(status=status, reason="the relay is full"))
    assert said.endswith(".") and ".." not in said and "_" not in said
    assert said in unescape(report_page(data(status=status, reason="the relay is full")))


@pytest.mark.parametrize(
    ("status", "steps", "reason", "said"),
    [
        ("done", [step()], "", "Everything that was planned is done."),
        (
            "done",
            [step("failed", "Tell employees")],
            "",
            "Everything that was planned is done, but Tell employees failed.",
        ),
        ("holding", [step()], "", "Everything that was planned is done; it holds until somebody goes back."),
        (
            "holding",
            [step("failed", "Tell all")],
            "",
            "Everything that was planned is done, but Tell all failed; it holds until somebody goes back.",
        ),
        ("failed", [step("failed")], "no answer.", "It failed at Point MX at the backup relay: no answer."),
        ("failed", [], "", "It failed."),
        (
            "aborted",
            [step("undone")],
            "console as alice",
            "It was stopped, and what it had done was undone: console as alice.",
        ),
        ("in_doubt", [step("in_doubt")], "", "A person must say what became of mx: it was begun and not finished."),
        ("waiting", [step("waiting")], "", "It waits for somebody's answer."),
        ("interrupted", [], "", "It was interrupted: nobody goes on with it now."),
        ("running", [], "", "It is running."),
    ],
)
def test_what_became_of_it(status, steps, reason, said) -> None:
    assert sentence(data(status=status, steps=steps, reason=reason)) == said


def test_titles_and_names_come_before_ids() -> None:
    text = report_page(data())
    assert "<h1>Inbound mail to Exchange Online fails</h1>" in text
    assert text.index("Point MX at the backup relay") < text.index("exchange-inbound-outage")
    assert "Point MX at the backup relay: failed" in text and "Approved: Point MX at the backup relay" in text


def test_a_report_of_the_first_release_still_renders() -> None:
    """It knew neither titles nor names nor mails."""
    old = data()
    for gone in ("title", "mails", "answers", "texts"):
        del old[gone]
    del old["steps"][0]["name"]
    assert "<h1>exchange-inbound-outage</h1>" in report_page(old)


def test_the_numbers() -> None:
    found = {n["label"]: n["big"] for n in numbers(data())}
    assert found == {
        "Outage since": "17:44",
        "MX moved after": "6m 40s",
        "First mail on the relay after": "7m",
        "Messages": "3",
        "Answered": "3 of 5",
        "Objectives met": "1 of 1",
    }
    assert next(n for n in numbers(data()) if n["label"] == "Objectives met")["small"] == "1 not measured"


def test_without_a_look_before_it_the_outage_is_not_said_to_have_begun() -> None:
    found = numbers(data(achieved={"outage_since": "2026-01-22T17:45:00Z", "counted_from": "the start of the run"}))
    assert found[0]["label"] == "Started" and not any("after" in n["label"] for n in found)


def test_times_are_the_readers_own_and_say_so() -> None:
    text = report_page(data(), "Europe/Berlin")
    assert (
        "18:44" in text
        and "CET" in text
        and 'datetime="2026-01-22T17:45:00Z"' in text
        and "Times are Europe/Berlin." in text
    )


def test_what_became_of_the_messages() -> None:
    assert "2 left with the vendor; 2 delivered; 1 without a report; +49: no route" in report_page(data())


def test_an_objective_that_was_not_measured_is_not_met() -> None:
    text = report_page(data())
    assert "not measured" in text and text.count("✓") >= 1
    assert "missed" in report_page(
        data(objectives=[{"objective": "rto_receive", "target_s": 1.0, "achieved_s": 2.0, "met": False}])
    )


@pytest.mark.parametrize(("got", "met", "word"), [
    (2.0, False, "missed"), (0.5, True, "met"), (None, False, "missed"),
    (0.5, False, "reached, does not count"), (0.5, None, "unknown"),
])  # fmt: skip
def test_an_objective_that_was_reached_by_a_run_that_came_to_nothing_was_not_missed(got, met, word: str) -> None:
    rows = [{"objective": "rto_receive", "target_s": 1.0, "achieved_s": got, "met": met}]
    (shown,) = run_values(data(objectives=rows), "UTC")["objectives"]
    assert look(shown["state"]).word == word


@pytest.mark.parametrize("damage", ["", "event 3 was changed"])
def test_the_chain_is_shown_as_it_is(damage) -> None:
    text = report_page(data(audit={"events": 5, "head": "a" * 64, "damage": damage}))
    assert (damage or "unbroken") in text and ("unbroken" in text) is not bool(damage)


def test_doubts_are_listed_and_their_absence_is_said() -> None:
    assert "Nothing." in report_page(data())
    doubt = data(
        in_doubt=[{"key": "run/mx/0", "state": "in_doubt", "claimed": "2026-01-22T17:50:00Z"}],
        doubts_settled=[{"step": "mx", "by": "bob", "happened": True, "at": "2026-01-22T17:55:00Z"}],
    )
    text = report_page(doubt)
    assert "run/mx/0" in text and "bob said of Point MX at the backup relay" in text and "Nothing." not in text


def test_every_mail_of_a_drill_is_counted() -> None:
    text = report_page(
        data(
            kind="drill",
            extra={"sent": 90, "delivered": 88, "bounced": 2, "lost": 0, "duplicated": 0, "bounced_numbers": [3, 4]},
        )
    )
    assert (
        "EXERCISE" in text and "Every mail counted" in text and "3, 4" in text and "EXERCISE" not in report_page(data())
    )


def test_many_silent_people_are_counted_not_all_listed() -> None:
    answers = {
        "people": 300,
        "at": "2026-01-22T18:00:00Z",
        "answers": {},
        "unclear": [],
        "silent": [f"p{i}" for i in range(250)],
    }
    text = report_page(data(answers=answers))
    assert "Silent: 250" in text and "and 50 more" in text and "p200" not in text


def poisoned(value: Any) -> Any:
    """The same data with every text made hostile but those that steer."""
    if isinstance(value, dict):
        steer = {
            "status",
            "kind",
            "at",
            "started",
            "ended",
            "phase",
            "counted_from",
            "outage_since",
            "form",
            "schema",
            "state",
            "claimed",
        }
        return {k: v if k in steer else poisoned(v) for k, v in value.items()}
    if isinstance(value, list):
        return [poisoned(v) for v in value]
    return HOSTILE if isinstance(value, str) and value else value


def test_hostile_text_stays_text_in_every_place() -> None:
    raw = copy.deepcopy(
        data(
            reason="x",
            overrides={"rule": "why"},
            in_doubt=[{"key": "k", "state": "in_doubt", "claimed": "2026-01-22T17:50:00Z"}],
        )
    )
    raw["mails"] = []
    text = report_page(poisoned(raw))
    assert "<script" not in text and "<img" not in text and text.count("</style>") == 1 and "&lt;script&gt;" in text
    assert "{{ 7*7 }}" in text  # nothing is a template but the templates


def test_the_page_asks_for_nothing() -> None:
    text = report_page(data())
    assert "default-src 'none'" in text and "src=" not in text and "url(" not in text and "href=" not in text


@given(
    st.sampled_from(RUNS),
    st.lists(
        st.tuples(st.sampled_from(["ok", "failed", "pending", "in_doubt"]), st.none() | st.floats(0, 1e5)), max_size=8
    ),
)
def test_any_mixture_of_steps_renders(status, steps) -> None:
    rows = [
        step(s, id=f"s{i}", from_s=at, to_s=None if at is None or i % 2 else at + 1) for i, (s, at) in enumerate(steps)
    ]
    text = report_page(data(status=status, steps=rows, timeline=[]))
    assert text.startswith("<!doctype html>") and text.count("s-none") == 0
