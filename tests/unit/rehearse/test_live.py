"""A live drill tells volunteers alone, and the runs of it are told of an outage that is played."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bcp.contacts.directory import Audience, Directory
from bcp.contracts.contact import Contact
from bcp.kernel.errors import Refused
from bcp.playbook.load import loads
from bcp.rehearse.live import must_wait, only_volunteers
from bcp.rehearse.played import PlayedLooker


def person(name: str, *groups: str) -> Contact:
    return Contact(name, name, "", "+1202555", "", "en", groups)


WHOLE = Directory(
    (person("ann", "staff", "oncall"), person("bob", "staff"), person("vic", "staff", "helpers")),
    {
        "employees": Audience("employees", ("staff",)),
        "customers": Audience("customers", (), ("bob",)),
        "volunteers": Audience("volunteers", ("helpers",)),
    },
)


@pytest.mark.parametrize("audience", ["employees", "customers", "volunteers"])
def test_every_audience_is_the_volunteers(audience: str) -> None:
    assert [c.id for c in only_volunteers(WHOLE, "volunteers").members(audience)] == ["vic"]


def test_gates_ask_the_people_whom_they_always_ask() -> None:
    found = only_volunteers(WHOLE, "volunteers")
    assert [c.id for c in found.people(["group:oncall"])] == ["ann"]


def seen(looker: PlayedLooker) -> dict[str, Any]:
    return dict(asyncio.run(looker.fresh()))


def test_the_outage_is_played_until_it_is_over() -> None:
    looker = PlayedLooker("E", lambda: 7.0)
    assert (seen(looker)["state"], looker.decision().state) == ("healthy", "healthy")
    looker.break_()
    told = seen(looker)
    assert (told["state"], told["class"], told["planes"], told["since"]) == ("down", "E", ["dns"], 7.0)
    assert "exercise" in told["evidence"][0]
    assert looker.decision().outage_class == "E"


def test_once_it_is_aborted_the_truth_is_told() -> None:
    looker = PlayedLooker("B", lambda: 7.0)
    looker.break_()

    async def truth() -> dict[str, Any]:
        return {"state": "suspect"}

    looker.real = truth
    assert seen(looker) == {"state": "suspect"}


MOVES = """\
version: 1
name: out
title: Out
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}, undo: automatic}
"""
WAITS = """\
hold:
  - {id: update, uses: notify, every: 30m, with: {audience: employees, template: inbound-update, channels: [sms]}}
"""


def test_what_moves_mail_and_is_done_then_is_not_begun() -> None:
    """Such a drill was *completed*, and its domain stayed at the relay."""
    with pytest.raises(Refused) as caught:
        must_wait(loads(MOVES).book, ["mx-backup"])
    assert caught.value.rule == "no-hold"
    assert caught.value.message == "out points MX at mx-backup and does not wait for the way back"
    must_wait(loads(MOVES + WAITS).book, ["mx-backup"])
    must_wait(loads(MOVES).book, [])
