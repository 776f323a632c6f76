"""What Exchange's answers mean for a drain, in Postfix's own words."""

from __future__ import annotations

import pytest

from bcp.drain.words import HOUR_S, MINUTE_S, Reading, Told, read

HOST = "host corp-test.mail.protection.outlook.com[192.0.2.1] said: "
GREETS = "host corp-test.mail.protection.outlook.com[192.0.2.1] refused to talk to me: "


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (HOST + "451 4.7.500 Server busy. Please try again later (AS77712251)", Reading(Told.THROTTLED)),
        (HOST + "451-4.7.650 The mail server has been temporarily rate limited", Reading(Told.THROTTLED)),
        (HOST + "421 4.3.2 The maximum number of concurrent connections has exceeded a limit", Reading(Told.THROTTLED)),
        (HOST + "421 too busy", Reading(Told.THROTTLED)),
        (HOST + "450 4.4.318 Connection was closed abruptly (SuspiciousRemoteServerError)", Reading(Told.THROTTLED)),
        (HOST + "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", Reading(Told.MAILBOX, MINUTE_S)),
        (HOST + "550 5.2.122 The recipient has exceeded their limit", Reading(Told.MAILBOX, HOUR_S)),
        (HOST + "550 5.2.121 The recipient has exceeded their limit from this sender", Reading(Told.MAILBOX, HOUR_S)),
        (HOST + "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", Reading(Told.REFUSED)),
        (HOST + "550 no such user", Reading(Told.REFUSED)),
        (HOST + "451 4.3.0 Mail server temporarily rejected message", Reading(Told.TROUBLE)),
        (GREETS + "421 4.3.2 Service not available, too busy", Reading(Told.THROTTLED)),
        (GREETS + "450 too many connections from your IP", Reading(Told.THROTTLED)),
        ("delivery temporarily suspended: " + GREETS + "421 4.7.0 Too many concurrent", Reading(Told.THROTTLED)),
        (GREETS + "554 5.7.1 Service unavailable, client host blocked", Reading(Told.TROUBLE)),
        ("connect to x[192.0.2.1]:25: Connection refused", Reading(Told.TROUBLE)),
        ("deferred transport", Reading(Told.KEPT)),
        ("", Reading(Told.TROUBLE)),
    ],
)
def test_an_answer_means_one_thing(reason, wanted) -> None:
    assert read(reason) == wanted
