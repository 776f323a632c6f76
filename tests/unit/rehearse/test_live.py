"""A live drill tells volunteers alone, and the runs of it are told of an outage that is played."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bcp.contacts.directory import Audience, Directory
from bcp.contracts.contact import Contact
from bcp.rehearse.live import only_volunteers
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
