"""What a registry says, over a server that says anything: an outcome, never an error."""

from __future__ import annotations

import asyncio
import json

import pytest

from bcp.kit.http import Http
from bcp.kit.rdap import Registration, read, registration
from bcp.testing.vendor import WRONG_ANSWERS, Answer, FakeVendor

GOOD = {
    "objectClassName": "domain",
    "status": ["active", "client transfer prohibited"],
    "events": [
        {"eventAction": "registration", "eventDate": "2001-01-01T00:00:00Z"},
        {"eventAction": "expiration", "eventDate": "2030-01-01T00:00:00Z"},
    ],
}


def ask(domain: str, respond, path: str = "/domain/{domain}", timeout_s: float = 1.0) -> tuple[Registration, list[str]]:
    async def work():
        vendor, http = FakeVendor(respond), Http()
        await vendor.start()
        try:
            found = await registration(http, domain, vendor.url + path, timeout_s)
            return found, [a.path for a in vendor.asked]
        finally:
            await http.close()
            await vendor.stop()

    return asyncio.run(work())


def test_states_and_the_end_are_read() -> None:
    found, asked = ask("corp.test", lambda a: Answer(200, GOOD))
    assert found == Registration("corp.test", ("active", "client transfer prohibited"), 1893456000.0)
    assert asked == ["/domain/corp.test"]


def test_a_name_below_is_asked_for_further_up() -> None:
    def respond(asked):
        return Answer(200, GOOD) if asked.path == "/domain/corp.test" else Answer(404, {"errorCode": 404})

    found, asked = ask("a.b.corp.test", respond)
    assert found.domain == "corp.test" and len(asked) == 3
    found, asked = ask("a.corp.test", lambda a: Answer(404, {}))
    assert "404" in found.problem and len(asked) == 2


def test_the_question_is_sent_on_but_not_for_ever() -> None:
    def once(asked):
        return Answer(200, GOOD) if "there" in asked.path else Answer(302, "", {"Location": "/there/corp.test"})

    assert ask("corp.test", once)[0].status
    found, asked = ask("corp.test", lambda a: Answer(302, "", {"Location": "/again"}))
    assert "on and on" in found.problem and len(asked) == 4


@pytest.mark.parametrize("wrong", sorted(WRONG_ANSWERS))
def test_whatever_answers_is_an_outcome(wrong) -> None:
    found, _ = ask("corp.test", lambda a: WRONG_ANSWERS[wrong], timeout_s=0.3)
    assert isinstance(found, Registration) and (found.problem or not found.status)


def test_nobody_there_is_an_outcome() -> None:
    async def work():
        http = Http()
        try:
            return await registration(http, "corp.test", "http://127.0.0.1:1/{domain}", 0.5)
        finally:
            await http.close()

    assert "cannot be reached" in asyncio.run(work()).problem


@pytest.mark.parametrize(
    ("events", "right"),
    [
        ("odd", None),
        ([{"eventAction": "expiration", "eventDate": "soon"}, 7, {}], None),
        ([{"eventAction": "expiration", "eventDate": "2030-01-01T00:00:00+00:00"}], 1893456000.0),
        ([{"eventAction": "expiration"}], None),
    ],
)
def test_odd_events_are_left_out(events, right) -> None:
    assert read("x.test", json.dumps({"status": [], "events": events})).expires == right


@pytest.mark.parametrize("body", ["", "[]", "7", '{"status": "active"}', "<html>"])
def test_what_is_no_rdap_is_said(body) -> None:
    assert read("x.test", body).problem == "what answers is no RDAP"
