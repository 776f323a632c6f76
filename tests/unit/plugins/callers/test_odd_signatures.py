"""Signatures over odd encodings, computed here as the vendors document them and not by their libraries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac

import pytest

from bcp.contracts.caller import Call, Texted, Unauthentic
from bcp.kernel.secret import Secret
from bcp.plugins.callers import slack, twilio

URL = "https://bcp.example/twilio/sms"
TEXT = {"Body": "Ja, bitte + 1 % für Grüße 🚀", "From": "+12025550101", "MessageSid": "SM1", "NumMedia": "0"}
PLUSES = (
    b"Body=Ja%2C+bitte+%2B+1+%25+f%C3%BCr+Gr%C3%BC%C3%9Fe+%F0%9F%9A%80&From=%2B12025550101&MessageSid=SM1&NumMedia=0"
)
AT = 1_800_000_000.0


def _twilio(url: str = URL, fields: dict[str, str] = TEXT) -> str:
    text = url + "".join(k + fields[k] for k in sorted(fields))
    return base64.b64encode(hmac.new(b"token", text.encode(), hashlib.sha1).digest()).decode()


def _slack(raw: bytes, at: str = str(int(AT))) -> str:
    return "v0=" + hmac.new(b"token", b"v0:" + at.encode() + b":" + raw, hashlib.sha256).hexdigest()


@pytest.fixture
def token(tmp_path, monkeypatch) -> Secret:
    monkeypatch.setenv("ODD_TOKEN", "token")
    return Secret("env:ODD_TOKEN")


def _proven(caller, call: Call) -> bool:
    try:
        asyncio.run(caller.prove(call))
    except Unauthentic:
        return False
    return True


@pytest.mark.parametrize(
    ("raw", "right"),
    [
        (PLUSES, True),
        (PLUSES.replace(b"+", b"%20"), True),
        (PLUSES.replace(b"%C3%BC", b"%c3%bc"), True),
        (PLUSES.replace(b"%C3%BC", "ü".encode()), True),
        (b"&".join(reversed(PLUSES.split(b"&"))), True),
        (PLUSES.replace(b"%2B12025550101", b"+12025550101"), False),  # a blank, no plus
        (PLUSES.replace(b"%C3%BC", b"%FC"), False),  # Latin-1
        (PLUSES.replace(b"%C3%BC", b"u%CC%88"), False),  # the same letter, composed otherwise
        (PLUSES + b"&Body=No", False),
        (PLUSES + b"&More=1", False),
        (PLUSES.replace(b"&NumMedia=0", b""), False),
        (PLUSES.replace(b"&", b";"), False),
        (b"", False),
    ],
)
def test_a_form_is_signed_by_what_it_says_not_by_how_it_is_written(token, raw, right) -> None:
    caller = twilio.TwilioCalls("twilio", twilio.TwilioCallsSettings(auth_token=token))
    call = Call("sms", URL, raw, {"x-twilio-signature": _twilio()}, AT)
    assert _proven(caller, call) is right
    if right:
        heard = caller.heard(call)
        assert isinstance(heard, Texted) and heard.message.text == TEXT["Body"] and heard.message.sender == TEXT["From"]


def test_what_is_heard_of_a_field_that_comes_twice_is_what_was_signed(token) -> None:
    caller = twilio.TwilioCalls("twilio", twilio.TwilioCallsSettings(auth_token=token))
    call = Call("sms", URL, b"Body=forged&" + PLUSES, {"x-twilio-signature": _twilio()}, AT)
    heard = caller.heard(call) if _proven(caller, call) else None
    assert heard is None or heard.message.text == TEXT["Body"]


@pytest.mark.parametrize(
    ("url", "given", "right"),
    [
        (URL, _twilio(), True),
        (URL, _twilio() + " ", False),
        (URL, _twilio().lower(), False),
        (URL, _twilio().rstrip("="), False),
        (URL, "", False),
        (URL, "é" * 28, False),
        (URL + "?a=%20b", _twilio(URL + "?a=%20b"), True),
        (URL + "?a=%20b", _twilio(URL + "?a=+b"), False),
        (URL.replace("https", "http"), _twilio(), False),
        (URL, base64.b64encode(hmac.new(b"", URL.encode(), hashlib.sha1).digest()).decode(), False),
    ],
)
def test_a_signature_is_of_one_address_and_is_not_guessed_at(token, url, given, right) -> None:
    caller = twilio.TwilioCalls("twilio", twilio.TwilioCallsSettings(auth_token=token))
    assert _proven(caller, Call("sms", url, PLUSES, {"x-twilio-signature": given}, AT)) is right


BODY = b"payload=%7B%22type%22%3A+%22block_actions%22%7D"


@pytest.mark.parametrize(
    ("raw", "moment", "given", "right"),
    [
        (BODY, "1800000000", _slack(BODY), True),
        (BODY.replace(b"+", b"%20"), "1800000000", _slack(BODY), False),
        (BODY + b"&payload=x", "1800000000", _slack(BODY), False),
        (b"", "1800000000", _slack(BODY), False),
        (b"", "1800000000", _slack(b""), True),  # proven; heard says that there is no payload
        (BODY, "1800000000", _slack(BODY).upper(), False),
        (BODY, "1800000000", "v0=" + _slack(BODY)[3:].upper(), False),
        (BODY, "1800000000", _slack(BODY) + " ", False),
        (BODY, "1800000000", _slack(BODY)[3:], False),
        (BODY, "1799999000", _slack(BODY, "1799999000"), False),
        (BODY, "²", _slack(BODY, "²"), False),
        (BODY, "nan", _slack(BODY, "nan"), False),
        (BODY, "inf", _slack(BODY, "inf"), False),
        (BODY, "", _slack(BODY, ""), False),
        (BODY, "9" * 400, _slack(BODY, "9" * 400), False),
        (BODY, "1800000000", "é", False),
    ],
)
def test_slack_signs_bytes_and_a_moment(token, raw, moment, given, right) -> None:
    caller = slack.SlackCalls("slack", slack.SlackCallsSettings(signing_secret=token))
    headers = {"x-slack-request-timestamp": moment, "x-slack-signature": given}
    assert _proven(caller, Call("interactive", "u", raw, headers, AT)) is right


def test_who_pressed_is_told_at_slack_alone() -> None:
    """The address came in a payload: its host is compared, not how it begins."""
    assert slack.of_slack("https://hooks.slack.com/actions/T1/2/x")
    assert slack.of_slack("http://127.0.0.1:90/x", "http://127.0.0.1:90")
    for other in (
        "https://hooks.slack.com.evil.example/",
        "https://hooks.slack.com@evil.example/",
        "http://hooks.slack.com/",
        "https://hooks.slack.com:8443/",
        "http://127.0.0.1:9000/x",
        "https://[::1",
        "",
    ):
        assert not slack.of_slack(other, "http://127.0.0.1:90"), other
