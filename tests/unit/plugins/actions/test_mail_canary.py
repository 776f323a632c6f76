"""``mail.canary``: a test mail proves what was asked for, and no more."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.dns import MxHost
from bcp.contracts.services import CanaryResult
from bcp.kernel.errors import Transient
from bcp.plugins.actions.mail_canary import Canary, CanaryArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("canary", "run/canary#1")


class Mailer:
    """A mail that is taken by this host, and arrives or not."""

    def __init__(self, took: str = "relay.test.", arrived: float | None = None, seen: bool | None = None) -> None:
        self.took, self.at, self.seen, self.sent = took, arrived, seen, []

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        self.sent.append((to, tag, timeout_s, expect))
        return CanaryResult(tag, self.took, FakeClock().now() + 2, self.at)

    async def arrived(self, tag: str) -> bool | None:
        assert tag == "bcp-run-canary-1"
        return self.seen


def services(mailer: Mailer) -> Any:
    relay = SimpleNamespace(mx=(MxHost(10, "relay.test."),))
    return SimpleNamespace(clock=FakeClock(), mailer=mailer, relays={"mx-backup": relay})


def perform(mailer: Mailer, **given: Any) -> Any:
    return asyncio.run(Canary().perform(CanaryArgs(**given), services(mailer), STEP))


@pytest.mark.parametrize(("to", "words"), [("", "the canary address"), ("x@corp.test", "x@corp.test")])
def test_a_plan_says_where_it_goes_and_sends_nothing(to, words) -> None:
    mailer = Mailer()
    found = asyncio.run(Canary().plan(CanaryArgs(to=to), services(mailer), STEP))
    assert words in found.notes[0] and mailer.sent == [] and set(found.outputs) == set(Canary.outputs)


@pytest.mark.parametrize(("host", "by_relay"), [("relay.test.", True), ("primary.test.", False)])
def test_whoever_took_it_is_named_and_known_as_ours(host, by_relay) -> None:
    mailer = Mailer(host)
    done = perform(mailer, to="x@corp.test", timeout="9s")
    assert done.outputs == {
        "tag": "bcp-run-canary-1",
        "accepted_by": host,
        "by_relay": by_relay,
        "arrived": False,
        "latency_s": 2,
    }
    assert mailer.sent == [("x@corp.test", "bcp-run-canary-1", 9.0, "accepted")] and "arrived" not in done.summary


def test_one_that_was_taken_and_did_not_arrive_is_no_success_where_arrival_counts() -> None:
    with pytest.raises(Transient, match="did not arrive") as caught:
        perform(Mailer(), expect="delivered")
    assert "queue" in caught.value.hint


def test_one_that_arrived_says_how_long_it_took() -> None:
    done = perform(Mailer(arrived=FakeClock().now() + 7.5), expect="delivered")
    assert (done.outputs["arrived"], done.outputs["latency_s"]) == (True, 7.5)
    assert done.summary.endswith("and it arrived")


@pytest.mark.parametrize(("seen", "happened"), [(True, Happened.YES), (False, Happened.NO), (None, Happened.NO)])
def test_its_tag_tells_whether_it_left(seen, happened) -> None:
    found = asyncio.run(Canary().probe(CanaryArgs(), services(Mailer(seen=seen)), STEP))
    assert found.happened is happened and (found.outcome is not None) is (seen is True)
