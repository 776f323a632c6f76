"""Who answers at a terminal: nobody speaks for another without that person's code."""

from __future__ import annotations

import os

import pytest

from bcp.cli.person import prove_person, who_is
from bcp.kernel.errors import Missing, Refused


def test_a_contact_that_is_not_there_cannot_answer(house, monkeypatch) -> None:
    """Not even with a code that is somebody's; the likely name is offered."""
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    with pytest.raises(Missing) as caught:
        who_is(house.app, "alise")
    assert caught.value.rule == "no-such-contact" and "'alice'" in caught.value.hint


def test_a_login_that_is_no_contact_is_none_by_its_name(house, monkeypatch) -> None:
    """``--as`` names people of the contacts, not logins of this machine."""
    monkeypatch.setattr(house.app.people, "whoami", lambda claimed="": "root")
    with pytest.raises(Missing) as caught:
        prove_person(house.app, "root")
    assert caught.value.rule == "no-such-contact"


@pytest.mark.parametrize(
    "given",
    [b"kiwi-tulip-4", b"KIWI-TULIP-42", b"kiwi-tulip-42 ", "kiwi-tülip-42".encode(), b"\xff\xfe"],
    ids=repr,
)
def test_a_wrong_code_proves_nothing(house, monkeypatch, given) -> None:
    """Another, or bytes that are no text at all (PEP 383): it is refused, never a fault."""
    monkeypatch.setitem(os.environb, b"BCP_APPROVAL_CODE", given)
    with pytest.raises(Refused, match="not the approval code of alice") as caught:
        who_is(house.app, "alice")
    assert caught.value.rule == "not-proven" and "kiwi" not in str(caught.value)


@pytest.mark.parametrize("given", [None, ""])
def test_no_code_at_all_is_told_apart_from_a_wrong_one(house, monkeypatch, given) -> None:
    """A script without a terminal learns which variable it forgot."""
    if given is not None:
        monkeypatch.setenv("BCP_APPROVAL_CODE", given)
    with pytest.raises(Refused, match="of alice was not given") as caught:
        who_is(house.app, "alice")
    assert caught.value.rule == "not-proven" and "BCP_APPROVAL_CODE" in caught.value.hint


def test_who_has_no_code_answers_from_their_own_login_alone(house, monkeypatch) -> None:
    """Another's code is no code of theirs."""
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    with pytest.raises(Refused, match="bob has no approval code") as caught:
        who_is(house.app, "bob")
    assert caught.value.rule == "not-proven" and "codes: bob:" in caught.value.hint
    monkeypatch.setattr(house.app.people, "whoami", lambda claimed="": "bob")
    assert who_is(house.app, "bob").contact == "bob" == who_is(house.app).contact


def test_the_right_code_proves_its_person(house, monkeypatch) -> None:
    """From anybody's login: the code is theirs."""
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    assert who_is(house.app, "alice").contact == "alice"
