"""What back ends of providers share: the meaning of a fault, candidates for zones, wildcards, tokens."""

from __future__ import annotations

import pytest

from bcp.contracts.dns import Permission, SentState, Trouble
from bcp.plugins.vendors.hosted import Fault, candidates, in_words, not_of, read_token, wildcards


@pytest.mark.parametrize(
    ("state", "code", "trouble", "before", "permission"),
    [
        (SentState.REFUSED, "permission", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "credential", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "clock", Trouble.NOT_ALLOWED, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "zone", Trouble.NO_ZONE, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "two-zones", Trouble.TWO_ZONES, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "policy", Trouble.ERROR, SentState.REFUSED, Permission.NOT_ALLOWED),
        (SentState.REFUSED, "server", Trouble.ERROR, SentState.REFUSED, Permission.CANNOT_SAY),
        (SentState.THROTTLED, "throttled", Trouble.SILENT, SentState.THROTTLED, Permission.CANNOT_SAY),
        (SentState.LOST, "silent", Trouble.SILENT, SentState.NOT_SENT, Permission.CANNOT_SAY),
        (SentState.NOT_SENT, "unreachable", Trouble.UNREACHABLE, SentState.NOT_SENT, Permission.CANNOT_SAY),
    ],
)
def test_a_fault_means_the_same_everywhere(state, code, trouble, before, permission) -> None:
    """A read that was lost before a write: nothing was sent. The write itself: it is not known."""
    fault = Fault(state, code, "it is so", "Do this.", 3.0)
    assert fault.trouble is trouble and fault.reading("a.test", "z").trouble is trouble
    assert fault.before("a.test").state is before
    after = fault.after("a.test")
    assert (after.state, after.retry_after_s, after.hint) == (state, 3.0, "Do this.")
    assert after.code == ("zone" if code == "two-zones" else code)
    assert fault.proof("a.test").permission is permission
    assert fault.reading("a.test", "z").problem == fault.said == "it is so: do this."
    assert Fault(state, code, "it is so").said == "it is so"


def test_zones_and_wildcards_are_tried_from_the_nearest() -> None:
    assert list(candidates("a.b.corp.test")) == ["a.b.corp.test", "b.corp.test", "corp.test"]
    assert list(wildcards("a.b.corp.test", "corp.test")) == ["*.b.corp.test", "*.corp.test"]
    assert list(wildcards("corp.test", "corp.test")) == []


@pytest.mark.parametrize(("token", "found"), [('{"ttl": 5}', {"ttl": 5}), ("null", None), ("", None), ("[1]", None)])
def test_a_token_that_is_none_of_ours_is_none(token, found) -> None:
    assert read_token(token) == found


@pytest.mark.parametrize("page", ["<!DOCTYPE html>\n<title>502</title>", "failed: <HTML><body>log in</body></HTML>"])
def test_a_web_page_is_told_and_not_shown(page) -> None:
    assert in_words(page) == "a web page came in place of an answer; is a proxy or a log-in page in between"


def test_other_words_stand_on_one_line_and_end() -> None:
    assert in_words("so\n  it is " + "x" * 400, 9) == "so it is " and in_words("") == ""


@pytest.mark.parametrize(
    ("what", "words", "hint"),
    [
        (500, "Cloud X failed (500), or a proxy in between did", "Try again"),
        (503, "Cloud X failed (503)", "Try again"),
        (200, "what answers (200) is not Cloud X", "Is a proxy"),
        (302, "what answers (302) is not Cloud X", "Is a proxy"),
        ("no list of zones", "what answers (no list of zones) is not Cloud X", "Is a proxy"),
    ],
)
def test_a_host_that_fails_is_not_called_somebody_else(what, words, hint) -> None:
    """An outage of the host without a body of its own is no log-in page; whether the change was made is not known."""
    fault = not_of("Cloud X", what, "api_url:.")
    assert fault.message.startswith(words) and fault.hint.startswith(hint)
    assert (fault.state, fault.trouble.passing) == (SentState.LOST, True)
    assert fault.before("d").hint.startswith(hint), "nothing was sent: it may be done again"
    assert fault.after("d").hint == ("" if hint == "Try again" else fault.hint), "a write in doubt never is"
