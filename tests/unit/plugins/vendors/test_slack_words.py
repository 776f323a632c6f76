"""Slack's no is a no only where it says so; what is neither is in doubt."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.contracts.channel import RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.plugins.vendors.slack import translate


def said(data, status=200, **headers):
    """What an error of slack_sdk means."""
    return translate(SimpleNamespace(response=SimpleNamespace(status_code=status, data=data, headers=headers)))


def test_a_no_with_a_reason() -> None:
    """It was not taken, and the reason is named."""
    found = said({"ok": False, "error": "not_in_channel"})
    assert (
        type(found) is Permanent
        and "not_in_channel" in found.message
        and found.hint == "Invite the bot to the channel."
    )
    assert type(said({"ok": False, "error": "x"}, 400)) is Permanent and type(said("<html>", 403)) is Permanent


@pytest.mark.parametrize(
    "data",
    [
        {}, None, [], "<html>", {"ok": None}, {"ok": None, "error": None}, {"ok": False}, {"ok": False, "error": None},
        {"ok": False, "error": ["x"]}, {"ok": False, "error": {"a": 1}}, {"ok": 0, "error": "x"},
        {"error": "x"}, {"ok": False, "error": 7}, {"ok": False, "error": ""},
    ],
    ids=str,
)  # fmt: skip
def test_neither_yes_nor_no(data) -> None:
    """Wrong types and missing fields after 200: it may have been posted."""
    assert type(said(data)) is InDoubt


@pytest.mark.parametrize("name", ["internal_error", "fatal_error", "request_timeout", "service_unavailable"])
def test_a_fault_of_theirs_is_in_doubt(name) -> None:
    """As Slack's documents have it; so is a 5xx."""
    assert type(said({"ok": False, "error": name})) is InDoubt
    assert type(said({"ok": False, "error": "x"}, 503)) is InDoubt


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1e12", 3600.0),
        ("inf", 3600.0),
        ("soon", None),
        ("nan", None),
        ("\xb2", None),
    ],
)
def test_slow_down(wait, seconds) -> None:
    """By the header where it is a number, an hour at most."""
    found = said({"ok": False, "error": "ratelimited"}, 429, **{"Retry-After": wait})
    assert type(found) is RateLimited and found.retry_after_s == seconds


def test_slow_down_without_a_header() -> None:
    """Then we choose the pause."""
    assert said({"ok": False, "error": "ratelimited"}).retry_after_s is None
    assert said("<html>", 429).retry_after_s is None
