"""Was this text taken? Twilio keeps number and time, not always the words: in doubt is not *no*."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bcp.contracts.channel import Delivery, Message
from bcp.kernel.errors import InDoubt
from bcp.plugins.vendors.twilio_channel import text_among

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
