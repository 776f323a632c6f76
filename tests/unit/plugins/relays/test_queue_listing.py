"""What ``postqueue -j`` prints, and what else may stand where it should: never a smaller queue than there is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.errors import Transient
from bcp.plugins.relays.smtp import parse_queue

ROW = {
    "queue_id": "4X1", "queue_name": "deferred", "arrival_time": 1_790_000_000, "sender": "a@x.example",
    "recipients": [{"address": "b@corp.test", "delay_reason": "held"}, {"address": "c@corp.test"}],
}  # fmt: skip


def test_a_line_is_a_mail() -> None:
    """Id, sender, recipients, arrival and the first reason."""
    (mail,) = parse_queue(json.dumps(ROW) + "\n\n")
    assert (mail.queue_id, mail.sender, mail.recipients) == ("4X1", "a@x.example", ("b@corp.test", "c@corp.test"))
    assert (mail.arrived, mail.reason) == (1_790_000_000.0, "held")


def test_a_mail_that_moves_while_it_is_listed_is_one() -> None:
    """Postfix lists queue after queue, and this one was deferred meanwhile."""
    rows = [{**ROW, "queue_name": "active"}, {**ROW, "queue_id": "4X2"}, ROW]
    found = parse_queue("".join(json.dumps(r) + "\n" for r in rows))
    assert sorted((m.queue_id, m.queue) for m in found) == [("4X1", "deferred"), ("4X2", "deferred")]


def test_nothing_is_an_empty_queue() -> None:
    """Blank lines, too."""
    assert parse_queue("") == [] and parse_queue("\n  \n") == []


def test_a_mail_whose_recipients_have_all_left_is_still_one() -> None:
    """Postfix lists it for an instant."""
    assert parse_queue(json.dumps({**ROW, "recipients": []}))[0].recipients == ()


@pytest.mark.parametrize(
    "change",
    [
        {"recipients": None}, {"recipients": {"address": "b@x"}}, {"recipients": ["b@corp.test"]},
        {"recipients": [{"address": 7}]}, {"recipients": [{}]}, {"recipients": [{"address": "b@x"}, None]},
        {"queue_id": None}, {"queue_id": ""}, {"queue_id": ["4X1"]}, {"queue_id": 4},
        {"queue_id": "4X1\n4X2"}, {"queue_id": "4X1\x1b[2J"}, {"sender": None}, {"sender": {}},
        {"arrival_time": "now"}, {"arrival_time": None}, {"arrival_time": True}, {"arrival_time": -1},
        {"arrival_time": 10**400}, {"arrival_time": float("nan")}, {"arrival_time": float("inf")},
    ],
    ids=str,
)  # fmt: skip
def test_a_line_of_other_types_is_no_listing(change) -> None:
    """To skip it would make the queue smaller than it is; to take it would count a mail that nobody can follow."""
    with pytest.raises(Transient, match="postqueue -j"):
        parse_queue(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}))


@pytest.mark.parametrize(
    "text", ["<html>", "null", "[]", "7", '"x"', "{", "{}", "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "NaN"]
)
def test_another_text_is_no_listing(text) -> None:
    """A page of a proxy, half a line, nesting without end."""
    with pytest.raises(Transient):
        parse_queue(text)


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_is_a_listing_or_is_refused(text) -> None:
    """Nothing else is raised."""
    try:
        parse_queue(text)
    except Transient:
        pass


def test_half_a_character_does_no_harm() -> None:
    """It is marked, and can be written down."""
    (mail,) = parse_queue('{"queue_id": "4X1", "sender": "\\ud800@x", "recipients": []}')
    assert mail.sender == "\ufffd@x"
