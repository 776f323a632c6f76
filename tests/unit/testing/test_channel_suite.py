"""The suite of channels bites: each bad channel is caught, by the promise that it breaks,
and a good one passes whole."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import subprocess
import sys
import time
from typing import Any, Literal

import pytest

from bcp.contracts.channel import (
    Channel,
    ChannelPlugin,
    ChannelSettings,
    Check,
    Delivery,
    NotSent,
    RateLimited,
    Receipt,
)
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import InDoubt, Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, Reply, retry_after
from bcp.testing.channel import ChannelSuite
from bcp.testing.suite import failures, overheard
from bcp.testing.vendor import Answer, Asked


class BeeperSettings(ChannelSettings):
    """A beeper."""

    kind: Literal["beeper"] = "beeper"
    """Which plug-in."""
    url: str
    """Where."""
    token: Secret
    """Who we are."""
    timeout: Duration = 5.0
    """For one request."""


class Beeper(Channel[BeeperSettings]):
    """Beeps: a good channel."""

    kind, form, Settings = "beeper", "sms", BeeperSettings

    def address_of(self, contact: Contact) -> str:
        return contact.phone

    async def ask(self, method: str, data: str = "") -> Reply:
        http = Http()
        try:
            return await http.request(
                method,
                self.settings.url,
                data=data or None,
                headers={"Token": self.settings.token.reveal()},
                timeout_s=self.settings.timeout,
            )
        finally:
            await http.close()

    def body(self, delivery: Delivery) -> str:
        return json.dumps({"key": delivery.key, "to": delivery.address, "text": delivery.message.body})

    async def send(self, delivery: Delivery) -> Receipt:
        try:
            reply = await self.ask("POST", self.body(delivery))
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        return self.judged(reply)

    def judged(self, reply: Reply) -> Receipt:
        if reply.status == 429:
            raise RateLimited("slower", retry_after_s=retry_after(reply.headers))
        if 300 <= reply.status < 500:
            raise Permanent(f"no: {reply.status}")
        found = self.read(reply)
        if reply.status != 200 or not isinstance(found, dict) or not isinstance(found.get("id"), str):
            raise InDoubt("no usable answer")
        return Receipt(found["id"])

    def read(self, reply: Reply) -> Any:
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError):
            return None

    async def find(self, delivery: Delivery) -> Receipt | None:
        try:
            reply = await self.ask("GET")
        except Transient as error:
            raise InDoubt("it cannot be asked") from error
        found = self.read(reply)
        if reply.status != 200 or not isinstance(found, dict) or not isinstance(found.get("keys"), list):
            raise InDoubt("it cannot be asked")
        return Receipt("1", "found") if delivery.key in found["keys"] else None

    async def check(self) -> list[Check]:
        return [Check(self.name, "ok", "beeps")]


class Whole(ChannelSuite):
    """The good beeper."""

    plugin = ChannelPlugin(api=1, settings=BeeperSettings, make=Beeper)
    can_find = True

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "token": self.secret("token")}

    def respond(self, asked: Asked) -> Answer:
        return Answer(200, {"id": "1"} if asked.method == "POST" else {"keys": [t.json()["key"] for t in self.taken]})


def test_a_good_channel_keeps_every_promise() -> None:
    """Else nobody could use the suite."""
    assert failures(Whole) == {}


class ShowsItself(Beeper):
    def __repr__(self) -> str:
        return f"Beeper({self.settings.token.reveal()})"


class ShowsInErrors(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        if reply.status >= 300:
            raise Permanent(f"no: {reply.status}", hint=f"curl -H 'Token: {self.settings.token.reveal()}'")
        return super().judged(reply)


class ShowsInLogs(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        logging.getLogger("beeper").warning("asking with %s", self.settings.token.reveal())
        return await super().send(delivery)


class Prints(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        print(self.settings.token.reveal())
        return await super().send(delivery)


class PrintsDigits(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        sys.stderr.write(base64.b64encode(f"beeper:{self.settings.token.reveal()}".encode()).decode())
        return await super().send(delivery)


class ReadsAtOnce(Beeper):
    def __init__(self, name: str, settings: BeeperSettings) -> None:
        super().__init__(name, settings)
        self.size = len(settings.token.reveal())


class HoldsEverybody(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        time.sleep(0.3)
        return await super().send(delivery)


class Repeats(Beeper):
    async def ask(self, method: str, data: str = "") -> Reply:
        reply = await super().ask(method, data)
        return await super().ask(method, data) if reply.status == 503 else reply


class RepeatsBehind(Beeper):
    async def ask(self, method: str, data: str = "") -> Reply:
        reply = await super().ask(method, data)
        if reply.status == 503:
            self.later = asyncio.ensure_future(super().ask(method, data))
        return reply


class ShowsWhenAskedForAnswers(Beeper):
    async def answers(self, since: float) -> list[Any]:
        raise Transient(f"it cannot be asked with {self.settings.token.reveal()}")


class RaisesItsOwn(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        if reply.status >= 300:
            raise RuntimeError("no")
        return super().judged(reply)


class TrustsJson(Beeper):
    def read(self, reply: Reply) -> Any:
        return json.loads(reply.body)


class BelievesAnything(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        if reply.status == 200:
            return Receipt("ok")
        return super().judged(reply)


class NeverEnds(Beeper):
    async def ask(self, method: str, data: str = "") -> Reply:
        return await asyncio.wait_for(self.again(method, data), 6)

    async def again(self, method: str, data: str) -> Reply:
        while True:
            try:
                return await super().ask(method, data)
            except InDoubt:
                await asyncio.sleep(1)


class DoubtIsNo(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        try:
            return await super().send(delivery)
        except InDoubt as error:
            raise NotSent("no answer") from error


class FindsNothing(Beeper):
    async def find(self, delivery: Delivery) -> Receipt | None:
        try:
            return await super().find(delivery)
        except InDoubt:
            return None


class CannotBeCancelled(Beeper):
    async def send(self, delivery: Delivery) -> Receipt:
        task = asyncio.ensure_future(super().send(delivery))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            raise


class WaitsForEver(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        if reply.status == 429:
            raise RateLimited(
                "slower",
                retry_after_s=float(reply.headers.get("retry-after", "1") or 1)
                if reply.headers.get("retry-after") != "soon"
                else None,
            )
        return super().judged(reply)


class BadCheck(Beeper):
    async def check(self) -> list[Check]:
        raise ValueError("no")


class NoReceipt(Beeper):
    def judged(self, reply: Reply) -> Receipt:
        super().judged(reply)
        return Receipt("")


class NoAddress(Beeper):
    def address_of(self, contact: Contact) -> str:
        return f"tel:{contact.phone}"


class OpensAtOnce(Beeper):
    def __init__(self, name: str, settings: BeeperSettings) -> None:
        super().__init__(name, settings)
        asyncio.get_running_loop()


class Halved(Channel[BeeperSettings]):
    kind, form, Settings = "beeper", "sms", BeeperSettings

    def address_of(self, contact: Contact) -> str:
        return contact.phone


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (ShowsItself, "test_a_secret_shows_nowhere", "a secret shows"),
        (ShowsInErrors, "test_a_secret_shows_nowhere", "a secret shows"),
        (ShowsInLogs, "test_a_secret_shows_nowhere", "a secret shows"),
        (Prints, "test_a_secret_shows_nowhere", "a secret shows"),
        (PrintsDigits, "test_a_secret_shows_nowhere", "a secret shows"),
        (PrintsDigits, "test_a_message_is_taken_once_and_has_a_receipt", "a secret shows"),
        (ReadsAtOnce, "test_a_secret_is_read_when_it_is_used", "read when the channel is made"),
        (HoldsEverybody, "test_a_message_is_taken_once_and_has_a_receipt", "holds the event loop for"),
        (Repeats, "test_outcomes_are_typed_and_nothing_is_repeated", "503: 2 requests"),
        (RepeatsBehind, "test_outcomes_are_typed_and_nothing_is_repeated", "503: 2 requests"),
        (ShowsWhenAskedForAnswers, "test_a_secret_shows_nowhere", "a secret shows"),
        (RaisesItsOwn, "test_outcomes_are_typed_and_nothing_is_repeated", "RuntimeError"),
        (RaisesItsOwn, "test_a_wrong_answer_is_an_outcome_and_no_yes", "raised RuntimeError outside of the error tree"),
        (TrustsJson, "test_a_wrong_answer_is_an_outcome_and_no_yes", "html: raised JSONDecodeError"),
        (BelievesAnything, "test_a_wrong_answer_is_an_outcome_and_no_yes", "html: taken for a yes"),
        (WaitsForEver, "test_a_wrong_answer_is_an_outcome_and_no_yes", "it would wait inf s"),
        (NeverEnds, "test_a_silent_vendor_is_waited_for_no_longer_than_the_timeout", "are allowed|TimeoutError"),
        (DoubtIsNo, "test_outcomes_are_typed_and_nothing_is_repeated", "instead of InDoubt"),
        (FindsNothing, "test_a_wrong_answer_never_means_that_nothing_was_sent", "html: None instead of InDoubt"),
        (CannotBeCancelled, "test_a_send_can_be_cancelled_at_once", "cancelling took"),
        (BadCheck, "test_the_check_is_lines_and_never_an_error", "ValueError"),
        (NoReceipt, "test_a_message_is_taken_once_and_has_a_receipt", "has no id"),
        (NoAddress, "test_somebody_without_an_address_has_none", "tel:"),
        (OpensAtOnce, "test_it_says_what_it_is", "no running event loop"),
        (Halved, "test_it_says_what_it_is", "abstract method"),
    ],
)
def test_a_bad_channel_is_caught(bad, promise, says) -> None:
    """By the promise that it breaks, in words that say how."""
    import re

    class Bad(Whole):
        plugin = ChannelPlugin(api=1, settings=BeeperSettings, make=bad)
        holds = 0.2 if bad is HoldsEverybody else Whole.holds

        def patience(self) -> float:
            """Of a quiet machine: some of these are too slow by a little."""
            return 1.0

    found = failures(Bad, promise)
    assert re.search(says, found.get(promise, "it passed")), found


def test_settings_that_hide_nothing_are_caught() -> None:
    """A secret as plain text, a setting without words, keys that are swallowed."""

    class Plain(BeeperSettings):
        """A beeper."""

        model_config = {"extra": "ignore"}
        token: str  # type: ignore[assignment]

    class Bad(Whole):
        plugin = ChannelPlugin(api=1, settings=Plain, make=Beeper)

        def settings(self) -> dict[str, Any]:
            return {"url": self.url, "token": "s3cret-never-shown"}

    assert {
        "test_every_setting_is_described",
        "test_settings_show_no_secret",
        "test_unknown_settings_are_refused",
    } <= set(
        failures(
            Bad, "test_every_setting_is_described", "test_settings_show_no_secret", "test_unknown_settings_are_refused"
        )
    )


def test_a_program_can_be_begun_while_a_promise_is_overheard(capfd) -> None:
    """What a plug-in prints is heard; its output is in all else the real one."""
    with overheard() as heard:
        subprocess.run([sys.executable, "-c", "print('theirs')"], stdout=sys.stdout, check=True)
        sys.stdout.writelines(["o", "urs"])
        sys.stdout.flush()
        assert sys.stdout.encoding
    assert "".join(heard) == "ours"
    assert {"ours", "theirs"} <= set(capfd.readouterr().out.replace("ours", "ours\n").split())
