"""Was this text taken? Twilio keeps number and time, not always the words: in doubt is not *no*."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bcp.contracts.channel import Delivery, Message
from bcp.kernel.errors import InDoubt
from bcp.plugins.vendors.twilio_channel import LISTED, inbound_among, made_since, text_among

AT = 1_800_000_000.0
BODY = "Corp IT: Mail from outside is late. Mail is safe. Next news 14:30 UTC."
WANTED = Delivery("k", "+12025550101", Message("m", "sms", "en", "", BODY), AT)


def row(body, at=AT + 1, direction="outbound-api"):
    """A row of Twilio's list."""
    made = None if at is None else datetime.fromtimestamp(at, UTC)
    return SimpleNamespace(sid="SM1", body=body, date_created=made, direction=direction, status="sent")


@pytest.mark.parametrize(
    "body",
    [
        BODY,
        "Sent from your Twilio trial account - " + BODY,
        BODY + " Reply STOP to unsubscribe.",
        BODY.replace(" ", "  "),
        BODY.upper(),
    ],
)
def test_it_is_found(body) -> None:
    """With what Twilio adds."""
    assert text_among([row("else"), row(body)], WANTED).id == "SM1"


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("Your parcel arrives")],
        [row(BODY, AT - 60)],
        [row("", AT - 60)],
        [row(BODY, direction="inbound")],
        [row("", direction="inbound")],
    ],
)
def test_it_is_provably_not_there(rows) -> None:
    """Nothing since the claim that could be it."""
    assert text_among(rows, WANTED) is None


@pytest.mark.parametrize(
    "rows",
    [
        [row("")],
        [row(None)],
        [row("***")],
        [row(BODY, None)],
        [row(BODY[:50])],
        [row(BODY.replace("late", "delayed now"))],
    ],
)
def test_what_may_be_it_is_in_doubt(rows) -> None:
    """Redacted, undated, cut, changed: it is not sent again."""
    with pytest.raises(InDoubt):
        text_among(rows, WANTED)


def inbound(**fields):
    """A row of what somebody texted to us."""
    made = datetime.fromtimestamp(AT, UTC)
    whole = {"sid": "SM1", "from_": "+12025550101", "body": "123456", "date_created": made, "direction": "inbound"}
    return SimpleNamespace(**{**whole, **fields})


def test_a_text_to_us_is_heard_with_sender_words_time_and_id() -> None:
    """Our own texts in the same list are none."""
    (found,) = inbound_among([inbound(), inbound(direction="outbound-api"), inbound(direction="outbound-reply")])
    assert (found.sender, found.text, found.at, found.id) == ("+12025550101", "123456", AT, "SM1")


BROKEN = [
    {"sid": None}, {"sid": ""}, {"sid": 7}, {"from_": None}, {"from_": {"a": 1}}, {"body": None}, {"body": {"a": 1}},
    {"body": "\ud800"}, {"sid": "\ud800"}, {"date_created": None}, {"date_created": "yesterday"}, {"date_created": AT},
    {"direction": None, "sid": None},
]  # fmt: skip


@pytest.mark.parametrize("fields", BROKEN, ids=str)
def test_a_row_that_lacks_something_is_left_for_the_next_look(fields) -> None:
    """Taken for heard, it would be lost; where there is nothing else, the list cannot be believed to be silent."""
    assert [t.text for t in inbound_among([inbound(**fields), inbound(body="654321")])] == ["654321"]
    with pytest.raises(InDoubt):
        inbound_among([inbound(**fields)])


def test_no_texts_are_no_texts() -> None:
    """And a picture without words is one."""
    assert inbound_among([]) == [] and inbound_among([inbound(body="")])[0].text == ""


@pytest.mark.parametrize("look", [text_among, lambda rows, d: made_since(rows, d, lambda row: row.sid == "mine")])
def test_what_stands_behind_the_end_of_a_list_is_in_doubt(look) -> None:
    """The newest rows are listed: where all of them are newer than the claim, ours may stand behind them."""
    later = [row("Your parcel arrives", AT + 600 - n) for n in range(LISTED)]
    with pytest.raises(InDoubt):
        look(later, WANTED)
    assert look([*later[:-1], row("before", AT - 60)], WANTED) is None
    assert look(later[:-1], WANTED) is None
