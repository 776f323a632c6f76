"""Our clock against those of vendors: two that agree are believed, one alone is a doubt."""

from __future__ import annotations

import pytest

from bcp.kit.dates import Told
from bcp.ready.german import PROMISES
from bcp.ready.vendor_clocks import APART_S, vendor_clocks


def by(host: str, ahead: float, trip: float = 0.2) -> Told:
    """Our clock is so far ahead of this host's; its answer took so long."""
    return Told(host, ahead - 1.0, ahead + trip)


A, B, C = "api.twilio.com", "slack.com", "graph.microsoft.com"


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        ([by(A, 0.3)], "ok", "this machine's clock is right, as api.twilio.com says"),
        ([by(A, 0.3), by(B, 0)], "ok", "is right, as api.twilio.com and slack.com say"),
        ([by(A, APART_S - 1), by(B, 9)], "ok", "is right"),
        ([by(A, 20), by(B, 20.5)], "risk", "clock is 20s ahead, as api.twilio.com and slack.com say"),
        ([by(A, 3600), by(B, 3601)], "fail", "clock is 1h ahead, as"),
        ([by(A, -7200), by(B, -7200)], "fail", "clock is 2h behind, as"),
        ([by(A, 3600), by(B, 3600), by(C, 0)], "fail", "say; graph.microsoft.com alone says that it is right"),
        ([by(A, 3600), by(B, 0)], "ok", "slack.com says; api.twilio.com alone says that it is 1h ahead"),
        ([by(A, 3600), by(B, 3600), by(C, 0), by("x.test", 0)], "ok", "graph.microsoft.com and x.test say"),
        ([by(A, 3600)], "risk", "may be wrong: it is 1h ahead by api.twilio.com; nobody else gave a date"),
        ([by(A, 3600)] * 5, "risk", "nobody else gave a date"),
        ([by(A, 3600), by(B, -60)], "risk", "1h ahead by api.twilio.com and 1m behind by slack.com; no two of them"),
        ([by(A, 3600), by(B, 4000)], "risk", "no two of them say the same"),
        ([by("a.x.test", 3600), by("b.x.test", 3600)], "risk", "nobody else gave a date"),
        ([by("192.0.2.1", 3600), by("192.0.2.2", 3600)], "fail", "192.0.2.1 and 192.0.2.2 say"),
        ([by("2001:db8::1", 3600), by("2001:db8::2", 3600)], "fail", "2001:db8::1 and 2001:db8::2 say"),
        ([by(A, 90, 200)], None, ""),
        ([by(A, 90, 200), by(B, 90), by(C, 90)], "fail", "graph.microsoft.com and slack.com say"),
        ([by(A, 90, 5), by("x.twilio.com", 0)], "ok", "x.twilio.com says"),
        ([by(f"h{i}.v{i}.test", 90) for i in range(5)], "fail", "h0.v0.test, h1.v1.test, h2.v2.test and 2 more say"),
        ([], None, ""),
    ],
)  # fmt: skip
def test_who_is_believed(told, state, words) -> None:
    found = vendor_clocks(told)
    assert [(c.code, c.subject, c.state) for c in found] == ([("clock-vendors", "", state)] if state else [])
    for check in found:
        assert words in check.says
        assert ("signatures" in check.hint and "expire" in check.hint) is (state != "ok")


def test_the_order_of_answers_decides_nothing() -> None:
    told = [by(A, 3600), by(B, 3601), by(C, 10_000), by("x.test", 0)]
    assert vendor_clocks(told) == vendor_clocks(told[::-1])


def test_the_weekly_message_has_german_words() -> None:
    assert PROMISES["clock-vendors"][0].startswith("Die Uhr dieser Maschine")
