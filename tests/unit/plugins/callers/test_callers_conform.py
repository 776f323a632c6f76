"""Each of our callers keeps what ``bcp.testing.caller`` asks of every caller; forms as the vendors document them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from bcp import registry
from bcp.contracts.caller import Answered, Keyed, Pressed, Reported, Said, Texted
from bcp.contracts.channel import Inbound
from bcp.contracts.plugin import Around
from bcp.kernel.errors import Missing
from bcp.plugins.callers import slack, twilio
from bcp.testing.caller import KEY, CallerSuite
from bcp.testing.slack_socket import SlackSocket

FORM = {"content-type": "application/x-www-form-urlencoded"}


class TestTwilio(CallerSuite):
    """Signed over the address and the sorted parameters."""

    plugin = twilio.PLUGIN
    says = (Texted, Keyed, Answered, Reported)
    signs_url = True

    def settings(self) -> dict[str, object]:
        return {"auth_token": self.secret("key")}

    def request(self, said: Said) -> tuple[str, bytes, Mapping[str, str]]:
        path, fields = _twilio(said)
        return path, urlencode(fields).encode(), FORM

    def proof(self, raw: bytes, url: str, key: str, at: float) -> Mapping[str, str]:
        fields = twilio._form(raw)
        return {"x-twilio-signature": RequestValidator(key).compute_signature(url, fields)}

    def test_a_stop_that_twilio_names_is_one(self) -> None:
        """OptOutType, whatever the words were; a number of WhatsApp is the number."""
        fields = {"From": "whatsapp:+12025550101", "Body": "arrêt", "MessageSid": "SM1", "OptOutType": "STOP"}
        path, _, headers = self.request(Texted(Inbound("+1", "", 0.0)))
        call = twilio.Call(path, "u", urlencode(fields).encode(), headers, 5.0)
        assert self.make().heard(call) == Texted(Inbound("+12025550101", "arrêt", 5.0, "SM1"), "stop")

    def test_where_it_has_nothing_to_say_it_is_missing(self) -> None:
        """The door answers 404."""
        for path in ("", "nowhere", "sms/more", "gather/"):
            with pytest.raises(Missing) as caught:
                self.make().heard(twilio.Call(path, "u", b"", FORM, 0.0))
            assert caught.value.rule == "no-such-path"

    def test_it_needs_an_address_of_ours(self) -> None:
        """Twilio signs the address that it calls."""
        (flaw,) = self.model().flaws(Around("twilio"))
        assert "public_url" in flaw.message and not self.model().flaws(Around("twilio", (), "https://b.example"))


def _twilio(said: Said) -> tuple[str, dict[str, str]]:
    match said:
        case Texted(m):
            return "sms", {"From": m.sender, "To": "+15005550006", "Body": m.text, "MessageSid": m.id}
        case Keyed(m):
            return "keys", {"To": m.sender, "Digits": m.text, "CallSid": m.id}
        case Answered(link, yes):
            return f"gather/{link}", {"Digits": {True: "1", False: "2", None: "7"}[yes], "CallSid": "CA1"}
        case Reported(receipt, status, error):
            return "status", {"MessageSid": receipt, "MessageStatus": status, "ErrorCode": error}
    raise AssertionError(said)


class TestSlack(CallerSuite):
    """Signed over time and body."""

    plugin = slack.PLUGIN
    says = (Pressed,)
    signs_time = True

    def settings(self) -> dict[str, object]:
        return {"signing_secret": self.secret("key")}

    def request(self, said: Said) -> tuple[str, bytes, Mapping[str, str]]:
        assert isinstance(said, Pressed)
        payload = {"type": "block_actions", "user": {"id": said.sender}, "actions": [{"value": said.value}]}
        return "interactive", urlencode({"payload": json.dumps(payload)}).encode(), FORM

    def proof(self, raw: bytes, url: str, key: str, at: float) -> Mapping[str, str]:
        mark = hmac.new(key.encode(), b"v0:%d:" % at + raw, hashlib.sha256).hexdigest()
        return {"x-slack-request-timestamp": str(int(at)), "x-slack-signature": f"v0={mark}"}

    def test_without_a_signing_secret_nobody_is_believed(self) -> None:
        """Socket Mode alone has no address, and an empty key signs nothing."""
        made = slack.SlackCalls("slack", self.plugin.settings(app_token=self.model().signing_secret))
        assert made.listens() and not made.takes_calls()
        raw = self.request(Pressed("U", "q:yes"))[1]
        forged = slack.Call("interactive", "u", raw, self.proof(raw, "u", "", 1_800_000_000.0), 1_800_000_000.0)
        with pytest.raises(slack.Unauthentic):
            self.run(made.prove(forged))

    def test_a_payload_that_is_no_button_is_none_of_ours(self) -> None:
        for payload in ({}, [], None, {"type": "view_submission"}, {"type": "block_actions", "actions": []}):
            raw = urlencode({"payload": json.dumps(payload)}).encode()
            assert self.make().heard(slack.Call("interactive", "u", raw, FORM, 0.0)) == Pressed("", "")


def test_slack_listens_over_a_connection_of_its_own(tmp_path) -> None:
    """Each envelope is acknowledged and heard; the words go to the one who pressed, at Slack's address alone."""
    heard: list[Said] = []
    secret = tmp_path / "xapp"
    secret.touch(mode=0o600)
    secret.write_text("xapp-lab")

    async def story() -> list[Any]:
        lab, came = SlackSocket(), asyncio.Event()
        await lab.start()
        given = {"kind": "slack", "app_token": f"file:{secret}", "api_url": lab.url}
        made = slack.SlackCalls("slack", slack.SlackCallsSettings.model_validate(given))

        async def hear(said: Said) -> str:
            heard.append(said)
            came.set()
            return "noted"

        listening = asyncio.ensure_future(made.listen(hear))
        async with asyncio.timeout(120):
            while not lab.sockets:
                await asyncio.sleep(0)
            await lab.press("UALICE", "q-1:yes")
            await came.wait()
            while not lab.said:
                await asyncio.sleep(0)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await lab.stop()
        return [lab.said[0]["text"], len(lab.acknowledged)]

    assert asyncio.run(story()) == ["noted", 1] and heard == [Pressed("UALICE", "q-1:yes")]


def test_every_caller_of_ours_is_here() -> None:
    """A new one joins."""
    assert set(registry.own("callers")) == {"twilio", "slack"} and KEY
