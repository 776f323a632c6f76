"""What Slack says, and what follows: a refusal, a wait, or doubt. Nothing that is unclear is a yes."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.channel import Choice, NotSent, RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.plugins.vendors.slack import (
    blocks_of,
    buttons_of,
    check_bot,
    key_of,
    messages_of,
    metadata_of,
    translate,
    ts_of,
)


def answered(status: int, error: Any = "", headers: Any = None, data: Any = None) -> SimpleNamespace:
    """An error of slack_sdk."""
    body = {"ok": False, "error": error} if data is None else data
    response = SimpleNamespace(status_code=status, data=body, headers=headers, get=lambda n, d="": body.get(n, d))
    return SimpleNamespace(response=response)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (answered(200, "invalid_auth"), Permanent, "invalid_auth"),
        (answered(403, data="<html>"), Permanent, "403"),
        (answered(500), InDoubt, "500"),
        (answered(503, data=b""), InDoubt, "503"),
        (answered(200, "internal_error"), InDoubt, "internal_error"),
        (answered(200, "request_timeout"), InDoubt, "request_timeout"),
        (answered(429), RateLimited, "slow down"),
        (answered(200, "ratelimited"), RateLimited, "slow down"),
    ],
)
def test_an_error_is_what_can_be_done_about_it(error, kind, words) -> None:
    found = translate(error)
    assert type(found) is kind and words in found.message


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("not_in_channel", "Invite"),
        ("channel_not_found", "channel's id"),
        ("token_revoked", "new token"),
        ("missing_scope", "scope"),
        ("is_archived", "another channel"),
        ("something_new", "list of errors"),
    ],
)
def test_a_refusal_says_what_to_do(name, hint) -> None:
    assert hint in translate(answered(200, name)).hint


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("30", 30.0), ("0", 0.0), ("soon", None), ("-1", 0.0), ("inf", 3600.0), ("1.5", 1.5), (None, None), ("", None)],
)
def test_how_long_to_wait_is_a_number_or_unknown(given, seconds) -> None:
    headers = {} if given is None else {"Retry-After": given}
    assert translate(answered(429, headers=headers)).retry_after_s == seconds
    assert translate(answered(429, headers=None)).retry_after_s is None


@pytest.mark.parametrize("answer", [{}, {"ts": ""}, {"ts": None}, {"ts": 7}, {"ts": ["1"]}])
def test_an_answer_that_names_no_message_is_doubt(answer) -> None:
    with pytest.raises(InDoubt):
        ts_of(answer)


def test_a_message_has_a_name() -> None:
    assert ts_of({"ts": "17.1"}) == "17.1"


@pytest.mark.parametrize("answer", [{}, {"messages": None}, {"messages": {"a": 1}}, {"messages": "none"}])
def test_a_history_that_is_none_does_not_mean_that_nothing_is_there(answer) -> None:
    with pytest.raises(InDoubt):
        messages_of(answer)


def test_strange_rows_of_a_history_are_left_out() -> None:
    assert messages_of({"messages": [{"ts": "1"}, None, "x", 7, [{}]]}) == [{"ts": "1"}]


def test_our_key_comes_back_as_it_went() -> None:
    assert key_of({"metadata": metadata_of("k-1")}) == "k-1"


@pytest.mark.parametrize(
    "message",
    [{}, None, "x", {"metadata": None}, {"metadata": {"event_payload": "x"}}, {"metadata": {"event_payload": {}}}],
)
def test_a_message_without_our_key_has_none(message) -> None:
    assert key_of(message) == ""


def test_a_long_text_is_cut_into_blocks_without_losing_a_letter() -> None:
    text = "x" * 2900 + "y" * 2900 + "z"
    blocks = blocks_of(text)
    assert [len(b["text"]["text"]) for b in blocks] == [2900, 2900, 1]
    assert "".join(b["text"]["text"] for b in blocks) == text


def test_buttons_are_in_one_row_and_none_without_choices() -> None:
    assert buttons_of([]) == []
    (row,) = buttons_of([Choice("v-yes", "Yes"), Choice("v-no", "No", good=False)])
    assert [(e["value"], e["style"]) for e in row["elements"]] == [("v-yes", "primary"), ("v-no", "danger")]
    assert len({e["action_id"] for e in row["elements"]}) == 2


# -- the check -------------------------------------------------------------------------------------------------------


class Bot:
    """A client whose ``auth.test`` ends like this."""

    def __init__(self, end: Any) -> None:
        self.end = end

    async def call(self, method: str, **given: Any) -> Any:
        assert method == "auth_test"
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


class Answer(dict):
    """An answer with headers."""

    headers: Any = None


def checked(end: Any, *needed: str) -> list[Any]:
    return asyncio.run(check_bot(Bot(end), "slack", needed))


@pytest.mark.parametrize("end", [Permanent("no"), NotSent("no"), RateLimited("no"), InDoubt("no", hint="Look.")])
def test_a_bot_that_is_refused_is_a_line_with_a_remedy(end) -> None:
    (found,) = checked(end)
    assert (found.state, found.message) == ("fail", "Slack: no") and found.hint


@pytest.mark.parametrize(
    ("scopes", "lacks"),
    [
        (None, ""),
        ("chat:write, channels:history", ""),
        ("chat:write, groups:history", ""),
        ("channels:history", "chat:write"),
        ("", "chat:write, channels:history|groups:history"),
    ],
)
def test_scopes_are_those_that_slack_names(scopes, lacks) -> None:
    answer = Answer(team="corp", user="bcp")
    answer.headers = None if scopes is None else {"X-OAuth-Scopes": scopes}
    first, *more = checked(answer, "chat:write", "channels:history|groups:history")
    assert first.state == "ok" and [m.message for m in more] == ([f"the bot lacks {lacks}"] if lacks else [])
