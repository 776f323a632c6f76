"""What binds senders to an MX is found before the day: said, and written beside the domain as a comment."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from unit.deeds.begin.test_write import MX, answered

from bcp.contracts.dns import HostFacts, StsPolicy
from bcp.deeds.begin import found, write
from bcp.deeds.begin.found import Found, remarks
from bcp.kernel.errors import Transient
from bcp.settings import load

RELAY = "mx.relay.test"
OUTLOOK = ("*.mail.protection.outlook.test",)


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (Found("d.test", mx=MX), []),
        (Found("d.test", mx=MX, sts=StsPolicy(True, "none", OUTLOOK)), []),
        (
            Found("d.test", mx=MX, sts=StsPolicy(True, "enforce", OUTLOOK)),
            [
                "MTA-STS (enforce) allows *.mail.protection.outlook.test: add mx.relay.test to the policy before the "
                "day, or senders that honour it stay away"
            ],
        ),
        (
            Found("d.test", mx=MX, sts=StsPolicy(True, "testing", (*OUTLOOK, "*.relay.test"))),
            ["MTA-STS (testing) allows *.mail.protection.outlook.test, *.relay.test"],
        ),
        (
            Found("d.test", mx=MX, sts=StsPolicy(True, problem="the server answers 404")),
            ["announces MTA-STS, and its policy cannot be used: the server answers 404"],
        ),
        (
            Found("d.test", mx=MX, sts=StsPolicy(unasked="nobody answered in time")),
            ["whether it announces MTA-STS is not known: nobody answered in time"],
        ),
        (
            Found("d.test", mx=MX, tlsa=("mail.d.test",)),
            ["TLSA records at mail.d.test: mx.relay.test needs its own where its zone is signed"],
        ),
    ],
)
def test_what_binds_senders_is_said_with_what_to_do(seen, said) -> None:
    assert remarks(seen, RELAY) == said


def test_without_a_relay_nothing_is_asked_of_one() -> None:
    """Whoever only looks and talks has nothing to add to a policy."""
    seen = Found("d.test", mx=MX, sts=StsPolicy(True, "enforce", OUTLOOK), tlsa=("mail.d.test",))
    first, second = remarks(seen, "")
    assert "add" not in first and "bind senders" in second
    assert found.said({"d.test": seen})[1:] == [f"d.test: {first}", f"d.test: {second}"]


class Names:
    """A resolver that knows TLSA of one host and that nothing is announced; or breaks."""

    def __init__(self, error=None) -> None:
        self.error = error

    async def text(self, name):
        if self.error is not None:
            raise self.error
        return ()

    async def look_up(self, host):
        return HostFacts(host)

    async def tlsa(self, host):
        return ("3 1 1 ab",) if host == MX.hosts[0].host else ()


@pytest.mark.parametrize(
    ("error", "sts", "tlsa"),
    [
        (None, StsPolicy(), (MX.hosts[0].host.rstrip("."),)),
        (Transient("no resolver answers"), StsPolicy(unasked="no resolver answers"), (MX.hosts[0].host.rstrip("."),)),
        (TimeoutError(), StsPolicy(unasked="nobody answered in time"), ()),
        (OSError("broken"), StsPolicy(unasked="broken"), ()),
    ],
)
def test_what_cannot_be_found_out_is_not_known_and_ends_nothing(error, sts, tlsa) -> None:
    seen = asyncio.run(found._bound(Found("d.test", mx=MX), Names(error)))
    assert (seen.sts, seen.tlsa) == (sts, tlsa) and seen.mx is MX


def test_a_domain_without_mx_is_asked_nothing_about_its_hosts() -> None:
    seen = asyncio.run(found._bound(Found("d.test"), SimpleNamespace(text=Names().text, look_up=None)))
    assert seen.tlsa == () and not seen.sts.announced


def test_the_comment_cannot_be_left_by_what_the_world_says(tmp_path) -> None:
    """A policy of anybody's with line breaks stays a comment; the configuration is the same as without it."""
    evil = "x\ndns: {main: {kind: manual}}\r\u2028state: /" + "y" * 900
    answers = answered(channels=["status-page"], relay=RELAY, dns="manual")
    texts = []
    for notes in ({}, {"corp.test": [evil], "b.test": ["fine"]}):
        made = write.files(answers, {"corp.test": MX}, "me", lambda: "0123456789ab", notes)
        for path, text in made.items():
            (tmp_path / path).parent.mkdir(exist_ok=True)
            (tmp_path / path).write_text(text)
        texts.append(made["bcp.yaml"])
        load(tmp_path / "bcp.yaml")
    added = [line for line in texts[1].splitlines() if line not in texts[0].splitlines()]
    assert added and all(line.startswith("    # ") and len(line) <= 120 for line in added)
    assert [line for line in texts[1].splitlines() if line not in added] == texts[0].splitlines()
