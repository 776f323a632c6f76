"""Who answers by the same phone or the same mailbox is one person at a gate, however the address is written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bcp.wiring.people import People


def people_with(*emails: str, phone: str = "") -> People:
    """One person for each address."""
    found = {f"p{n}": SimpleNamespace(phone=phone, slack="", email=e, id=f"p{n}") for n, e in enumerate(emails)}
    anyone: Any = SimpleNamespace(settings=None)
    house = People(anyone)
    directory: Any = SimpleNamespace(person=found.get, people=lambda _: list(found.values()))
    house.use(directory)
    return house


@pytest.mark.parametrize(
    "emails",
    [
        ("ann@home.test", "Ann+oncall@home.test"),
        ("ann+1@home.test", "ann+2@home.test"),
        ("ann.weber@gmail.com", "a.n.n.weber+x@googlemail.com"),
    ],
)
def test_two_names_of_one_mailbox_are_one_person(emails) -> None:
    assert people_with(*emails).apart(["group:oncall"]) == 1


@pytest.mark.parametrize(
    "emails",
    [
        ("ann@home.test", "ann@work.test"),
        ("ann.weber@home.test", "annweber@home.test"),  # dots are passed over by Google alone
        ("+ann@home.test", "+bob@home.test"),
        ("", ""),
    ],
)
def test_two_mailboxes_are_two_people(emails) -> None:
    """Whoever has no address at all shares none."""
    assert people_with(*emails).apart(["group:oncall"]) == 2


def test_one_phone_is_one_person() -> None:
    assert people_with("ann@home.test", "bob@work.test", phone="+491701234567").apart(["group:oncall"]) == 1
