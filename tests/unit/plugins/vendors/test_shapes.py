"""The same facts in other shapes: numbers as texts, names in other letters, pages that are only counted, dates."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import SentState
from bcp.kernel.json_in import whole_number
from bcp.kit.http import Reply, retry_after
from bcp.mx.host import Host
from bcp.plugins.dns import azure, google
from bcp.plugins.vendors.cloudflare import told
from bcp.plugins.vendors.cloudflare_records import is_called, set_of
from bcp.plugins.vendors.google_token import Account, Tokens
from bcp.plugins.vendors.hosted import Fault, one_sentence
from bcp.testing.clock import FakeClock


@pytest.mark.parametrize(
    ("given", "number"),
    [
        (300, 300), ("300", 300), (" 7 ", 7), (300.0, 300), (0, 0), (-1, -1),
        (True, None), (1.5, None), ("1.5", None), ("", None), ("²", None), (None, None), ([1], None),
        ("9" * 30, None), (float("inf"), None),
    ],
)  # fmt: skip
def test_a_whole_number_however_it_is_written(given, number) -> None:
    found = whole_number(given)
    assert found == number and type(found) is type(number)


@pytest.mark.parametrize("write", [int, str, float])
def test_numbers_of_an_mx_may_be_texts(write) -> None:
    host = "mx.out.test"
    one = set_of([{"priority": write(10), "content": host, "ttl": write(120)}])
    properties = {"TTL": write(120), "MXRecords": [{"preference": write(10), "exchange": host}]}
    two = azure._mx({"properties": properties}, "two.test")
    three = google._mx({"ttl": write(120), "rrdatas": [f"10 {host}."]}, "two.test")
    assert one == two == three and str(one) == "10 mx.out.test. (TTL 120)"


def test_what_is_no_number_is_still_no_mx() -> None:
    with pytest.raises(ValueError, match="ten"):
        set_of([{"priority": "ten", "content": "mx.out.test", "ttl": 120}])
    for properties in ({"TTL": "soon", "MXRecords": [{"preference": 1, "exchange": "a.test"}]}, {"TTL": 1}):
        with pytest.raises(Fault, match="without TTL or without records"):
            azure._mx({"properties": properties}, "two.test")
    with pytest.raises(Fault, match="that is none"):
        azure._mx({"properties": {"TTL": 1, "MXRecords": [{"preference": None, "exchange": "a.test"}]}}, "two.test")


@pytest.mark.parametrize("shown", ["two.test", "two.test.", "TWO.Test"])
def test_a_zone_has_its_name_in_any_letters(shown) -> None:
    assert is_called({"name": shown, "id": "a"}, "two.test")
    assert not is_called({"name": f"x{shown}", "id": "a"}, "two.test") and not is_called({"name": shown}, "two.test")


@pytest.mark.parametrize(
    ("info", "pages"),
    [
        ({"total_pages": 3}, 3), ({"total_pages": "3"}, 3), ({"total_count": 201, "per_page": 100}, 3),
        ({"total_count": 0, "per_page": 100}, 1), ({"total_count": 5, "per_page": 0}, 1), ({"total_pages": 0}, 1),
        (None, 1), ([], 1), ({}, 1),
    ],
)  # fmt: skip
def test_pages_of_cloudflare(info, pages) -> None:
    import json

    assert told(Reply(200, {}, json.dumps({"success": True, "result": [], "result_info": info}))).pages == pages


DATE = "Fri, 27 Nov 2026 23:00:00 GMT"


@pytest.mark.parametrize(
    ("given", "sent", "seconds"),
    [
        ("Fri, 27 Nov 2026 23:00:07 GMT", DATE, 7.0),
        ("Fri, 27 Nov 2026 22:00:00 GMT", DATE, 0.0),
        ("Sat, 28 Nov 2026 23:00:00 GMT", DATE, 3600.0),
        ("Fri, 27 Nov 2026 23:00:07 GMT", "", None),
        ("soon", DATE, None), ("", DATE, None), ("7", "", 7.0), ("nan", DATE, None),
        ("Fri, 99 Nov 2026 23:00:07 GMT", DATE, None),
    ],
)  # fmt: skip
def test_a_pause_may_be_a_date_of_the_senders_own_clock(given, sent, seconds) -> None:
    """RFC 9110 section 10.2.3."""
    assert retry_after({"retry-after": given, "date": sent}) == seconds


class Metadata:
    """A metadata server that answers one thing."""

    def __init__(self, status: int, body: str) -> None:
        self.reply = Reply(status, {}, body)

    async def request(self, *_, **__) -> Reply:
        return self.reply


@pytest.mark.parametrize("lives", ["60", '"60"'])
@pytest.mark.parametrize("status", [200, 201])
def test_a_token_of_the_metadata_server(status, lives) -> None:
    tokens = Tokens(Account(None, "x"), FakeClock(), 1.0)
    body = '{"access_token": "t", "expires_in": %s}' % lives
    assert asyncio.run(tokens.bearer(Metadata(status, body))) == "t"
    assert tokens.ends == tokens._clock.now() + 60


@pytest.mark.parametrize(
    ("status", "body", "state", "words"),
    [
        (200, "<html>log in</html>", "not-sent", "proxy"),
        (302, "", "not-sent", "proxy"),
        (407, "<html></html>", "not-sent", "proxy"),
        (502, "<html></html>", "not-sent", "502"),
        (429, "{}", "not-sent", "429"),
        (404, "<html>", "refused", "service account"),
        (200, "{}", "refused", "service account"),
        (403, '{"access_token": "t", "expires_in": 60}', "refused", "service account"),
    ],
)
def test_what_the_metadata_server_gives_in_place_of_one(status, body, state, words) -> None:
    """A page of somebody in between is no missing account, and what fails may answer in a moment."""
    tokens = Tokens(Account(None, "x"), FakeClock(), 1.0)
    with pytest.raises(Fault) as caught:
        asyncio.run(tokens.bearer(Metadata(status, body)))
    assert caught.value.state is SentState(state) and words in caught.value.message and "?:" not in caught.value.said


# -- one sentence: what it is, and what to do ------------------------------------------------------------------------


def test_a_vendors_full_stop_does_not_stand_in_the_middle() -> None:
    assert one_sentence("The subscription could not be found.", "Check it.") == (
        "The subscription could not be found: check it."
    )
    assert one_sentence("it failed.", "") == "it failed."


@pytest.mark.parametrize("kind", ["route53", "azure", "google", "cloudflare"])
def test_a_secret_that_is_not_there_is_told_as_that(kind, monkeypatch) -> None:
    """It is nobody's wrong answer, and no proxy is in between."""
    from bcp.plugins.dns import cloudflare, route53

    monkeypatch.delenv("NOT_SET", raising=False)
    uuid, secret = "11111111-1111-1111-1111-111111111111", "env:NOT_SET"
    app = {"subscription_id": uuid, "resource_group": "g", "tenant_id": uuid, "client_id": "me"}
    nobody = "http://127.0.0.1:9"
    module, given = {
        "route53": (route53, {"access_key_id": secret, "secret_access_key": secret, "endpoint_url": nobody}),
        "azure": (azure, {**app, "client_secret": secret, "api_url": nobody}),
        "google": (google, {"project": "mail-dns", "credentials": secret, "endpoint": nobody}),
        "cloudflare": (cloudflare, {"token": secret, "api_url": nobody}),
    }[kind]
    made = module.PLUGIN.settings.model_validate({"kind": kind, "timeout": "1s", **given})
    clock = FakeClock()
    host = Host("main", module.PLUGIN.create("main", made, clock, {}), made, clock, {})

    async def work():
        try:
            return (await host.read(["two.test"]))[0]
        finally:
            await host.close()

    problem = asyncio.run(work()).problem
    assert "NOT_SET" in problem and "not set" in problem
    assert not [w for w in ("proxy", "what answers", "sign-in", "network") if w in problem], problem


def test_a_refusal_of_cloudflare_says_in_a_reading_what_to_do() -> None:
    for status, body, word in ((200, "<html>", "proxy"), (403, '{"success": false, "errors": []}', "Zone: DNS: Edit")):
        with pytest.raises(Fault) as caught:
            told(Reply(status, {}, body))
        assert word in caught.value.reading("a.test", "").problem


@pytest.mark.parametrize("code", [10000, 9109, 1, 81044])
def test_an_error_of_the_server_is_lost_whatever_code_it_carries(code) -> None:
    """It may have been done: a code that elsewhere means *no permission* proves nothing beside a 500."""
    import json

    body = json.dumps({"success": False, "errors": [{"code": code, "message": "internal"}], "result": None})
    with pytest.raises(Fault) as caught:
        told(Reply(500, {}, body))
    assert caught.value.state is SentState.LOST


@pytest.mark.parametrize(
    ("status", "code", "message", "state", "ours"),
    [
        (404, 81044, "Record does not exist.", "stale", "stale"),
        (400, 81054, "A CNAME record with that host already exists.", "refused", "cname"),
        (400, 81058, "An identical record already exists.", "stale", "stale"),
        (400, 9021, "Invalid TTL.", "refused", "server"),
        (400, 1, "MX is locked by Email Routing", "refused", "locked"),
        (401, 1000, "Invalid API Token", "refused", "credential"),
        (403, 10000, "Authentication error", "refused", "permission"),
    ],
)
def test_what_cloudflare_refuses_is_named(status, code, message, state, ours) -> None:
    import json

    body = json.dumps({"success": False, "errors": [{"code": code, "message": message}], "result": None})
    with pytest.raises(Fault) as caught:
        told(Reply(status, {}, body))
    assert (caught.value.state, caught.value.code) == (SentState(state), ours)


@pytest.mark.parametrize(
    ("status", "code", "message", "hinted"),
    [
        (401, 1000, "Invalid API Token", True),
        (403, 9109, "This token is not yet valid", True),
        (403, 9109, "The token expired on 2026-11-01", True),
        (403, 10000, "Authentication error", False),
    ],
)
def test_a_token_whose_time_may_be_wrong_is_told_so(status, code, message, hinted) -> None:
    import json

    body = json.dumps({"success": False, "errors": [{"code": code, "message": message}], "result": None})
    with pytest.raises(Fault) as caught:
        told(Reply(status, {}, body))
    assert ("its time has begun" in caught.value.hint) is hinted and "Zone: DNS: Edit" in caught.value.hint
