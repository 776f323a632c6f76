"""The dates of answers that were asked for anyway: by every way in which HTTP is spoken, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import BcpError
from bcp.kernel.secret import Secret
from bcp.kit.capped import capped_client
from bcp.kit.dates import Told, listening, seconds_of
from bcp.kit.http import Http
from bcp.plugins.vendors.hosted import Fault
from bcp.plugins.vendors.route53 import Access, Route53
from bcp.plugins.vendors.slack import SlackClient
from bcp.plugins.vendors.twilio import transport

from .dated import Dated

THERE = "127.0.25.31"


async def by_http(url: str) -> None:
    http = Http()
    await http.request("GET", url)
    await http.close()


async def by_graph(url: str) -> None:
    client = capped_client()
    await client.get(url)
    await client.aclose()


async def by_slack(url: str) -> None:
    client = SlackClient(Secret("env:KEY"), api_url=url, timeout_s=5.0)
    with contextlib.suppress(BcpError):
        await client.call("auth_test")
    await client.close()


async def by_twilio(url: str) -> None:
    client = transport(5.0, 2)
    await client.request("GET", url)
    await client.close()


async def by_route53(url: str) -> None:
    key = Secret("env:KEY")
    account = Route53(Access(endpoint_url=url, key_id=key, key=key), 5.0)
    with contextlib.suppress(Fault):
        await account.call("get_hosted_zone", Id="Z1")
    account.close()


async def by_aws_client(url: str) -> None:
    key = Secret("env:KEY")
    account = Route53(Access(endpoint_url=url, key_id=key, key=key, profile="x"), 5.0)
    with contextlib.suppress(Fault):
        await account.call("get_hosted_zone", Id="Z1")
    account.close()


WAYS = [by_http, by_graph, by_slack, by_twilio, by_route53, by_aws_client]


def heard(way, **server) -> tuple[list[Told], int]:
    async def work() -> tuple[list[Told], int]:
        async with Dated(server.pop("address", THERE), **server) as there:
            with listening(SystemClock()) as told:
                await way(there.url)
            return told, there.asked

    return asyncio.run(work())


@pytest.fixture
def keys(monkeypatch, tmp_path) -> None:
    """A key, and a profile of AWS's tools, which makes us use their client."""
    monkeypatch.setenv("KEY", "x")
    (tmp_path / "config").write_text("[profile x]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


@pytest.mark.parametrize("way", WAYS, ids=lambda w: w.__name__)
@pytest.mark.parametrize(("shift", "status"), [(-3600.0, 200), (0.0, 200), (3600.0, 403)])
def test_every_wire_notes_the_clock_of_who_answers(keys, way, shift, status) -> None:
    told, asked = heard(way, shift=shift, status=status)
    assert asked == len(told) == 1, "and nobody is asked for it"
    assert told[0].host == THERE
    assert told[0].least <= -shift <= told[0].most + 0.01, "the truth lies between the two"
    assert told[0].most - told[0].least >= 1.0, "a date is in whole seconds"


@pytest.mark.parametrize(
    "server",
    [
        {"address": "127.0.0.1"},
        {"more": "Age: 3600\r\n"},
        {"more": "age: unknown\r\n"},
    ],
    ids=["it is this machine", "kept on the way", "kept, nobody knows how long"],
)
def test_what_is_no_clock_of_somebody_else_is_left_out(server) -> None:
    assert heard(by_http, **server) == ([], 1)
    assert len(heard(by_http, more="Age: 0\r\n")[0]) == 1


def test_nobody_listens_anywhere_else() -> None:
    async def work() -> list[Told]:
        async with Dated(THERE) as there:
            with listening(SystemClock()) as told:
                pass
            await by_http(there.url)
            return told

    assert asyncio.run(work()) == []


class Stepped(SystemClock):
    """It is set back while an answer is on its way."""

    def __init__(self) -> None:
        self.times = [1000.0, 900.0]

    def now(self) -> float:
        return self.times.pop(0)


def test_a_clock_that_is_set_back_meanwhile_is_compared_with_nothing() -> None:
    async def work() -> list[Told]:
        async with Dated(THERE) as there:
            with listening(Stepped()) as told:
                await by_http(there.url)
            return told

    assert asyncio.run(work()) == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784111777.0),
        ("Sun Nov  6 08:49:37 1994", 784111777.0),
        ("Sun, 06 Nov 1994 08:49:37 -0000", 784111777.0),
        ("", None),
        ("soon", None),
        ("Sun, 06 Nov 99999 08:49:37 GMT", None),
    ],
)
def test_a_date_without_a_zone_is_in_utc(monkeypatch, text, wanted) -> None:
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert seconds_of(text) == wanted
    finally:
        monkeypatch.undo()
        time.tzset()
