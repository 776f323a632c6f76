"""``http.call``: what a status means, where secrets are, and when a request may be sent a second time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.services import HttpResult
from bcp.kernel.errors import Permanent, Transient
from bcp.plugins.actions.http_call import HttpArgs, HttpCall

STEP = StepInfo("tell", "run/tell#0")
URL = "https://hooks.corp.test/in?token=secret"


class Outside:
    """Another system that answers this."""

    def __init__(self, status: int = 200, body: str = "") -> None:
        self.answer, self.asked = HttpResult(status, body), []

    async def http(self, method: str, url: str, **given: Any) -> HttpResult:
        self.asked.append({"method": method, "url": url, **given})
        return self.answer

    def reveal(self, reference: str) -> str:
        return f"<{reference}>"


def perform(outside: Outside, **given: Any) -> Any:
    args = HttpArgs(url=URL, **given)
    return asyncio.run(HttpCall().perform(args, SimpleNamespace(outside=outside), STEP))


def test_a_plan_shows_the_request_and_sends_nothing() -> None:
    found = asyncio.run(HttpCall().plan(HttpArgs(url=URL), SimpleNamespace(), STEP))
    assert [(c.target, c.after) for c in found.changes] == [("https://hooks.corp.test/in", "POST request")]
    assert set(found.outputs) == set(HttpCall.outputs)


def test_an_expected_status_is_a_success_with_its_body_cut() -> None:
    done = perform(Outside(202, "x" * 9000))
    assert done.outputs["status"] == 202 and len(done.outputs["body"]) == 4000


@pytest.mark.parametrize(
    ("method", "status", "kind"),
    [
        ("POST", 429, Transient),
        ("GET", 429, Transient),
        ("GET", 500, Transient),
        ("HEAD", 503, Transient),
        ("GET", 404, Permanent),
        ("POST", 500, Permanent),
        ("POST", 400, Permanent),
        ("POST", 302, Permanent),
    ],
)
def test_another_status_passes_only_where_repeating_does_no_harm(method, status, kind) -> None:
    with pytest.raises((Permanent, Transient)) as caught:
        perform(Outside(status, "because"), method=method)
    assert type(caught.value) is kind
    assert f"answers {status}: because" in caught.value.message and "token" not in caught.value.message


def test_the_step_says_which_statuses_are_good() -> None:
    assert perform(Outside(409), expect_status=[409]).outputs["status"] == 409
    with pytest.raises(Permanent):
        perform(Outside(200), expect_status=[409])


def test_secrets_are_revealed_at_the_last_moment_and_only_references() -> None:
    outside = Outside()
    given = {"Authorization": "Bearer env:TOKEN", "X-Key": "file:key", "X-Plain": "env", "X-Text": "see env:TOKEN now"}
    perform(outside, headers=given)
    (asked,) = outside.asked
    assert asked["headers"] == {
        "Authorization": "Bearer <env:TOKEN>",
        "X-Key": "<file:key>",
        "X-Plain": "env",
        "X-Text": "see env:TOKEN now",
    }


def test_the_receiver_gets_our_key_where_it_takes_one() -> None:
    outside = Outside()
    perform(outside, idempotency_header="Idempotency-Key", body="hello", timeout="3s")
    (asked,) = outside.asked
    assert asked["headers"] == {"Idempotency-Key": "run/tell#0"}
    assert (asked["body"], asked["timeout_s"]) == ("hello", 3.0)


@pytest.mark.parametrize(
    ("given", "happened"),
    [
        ({"method": "GET"}, Happened.NO),
        ({"method": "HEAD"}, Happened.NO),
        ({"method": "POST", "idempotency_header": "Idempotency-Key"}, Happened.NO),
        ({"method": "POST"}, Happened.UNKNOWN),
        ({"method": "DELETE"}, Happened.UNKNOWN),
    ],
)
def test_after_a_crash_a_request_is_sent_again_only_where_that_does_no_harm(given, happened) -> None:
    found = asyncio.run(HttpCall().probe(HttpArgs(url=URL, **given), SimpleNamespace(), STEP))
    assert found.happened is happened and "token" not in found.detail
