"""Who could be reached and who could say yes: nobody is a failure, never a count of nought."""

from __future__ import annotations

import pytest

from bcp.ready.people import (
    Approver,
    AudienceFacts,
    ContactFacts,
    GateFacts,
    Reached,
    approver,
    audience,
    contacts,
    gate,
    persons_apart,
)

DAY = 86_400.0


def reached(*channels: str, who: str = "ann") -> Reached:
    return Reached(who, frozenset(channels))


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (ContactFacts(0), {"contacts": "fail"}),
        (ContactFacts(3, "contacts.csv"), {"contacts": "ok"}),
        (ContactFacts(3, "s", 100 * DAY - 7 * DAY), {"contacts": "ok", "contacts-age": "ok"}),
        (ContactFacts(3, "s", 100 * DAY - 7 * DAY - 1), {"contacts": "ok", "contacts-age": "risk"}),
        (ContactFacts(3, "s", 101 * DAY), {"contacts": "ok", "contacts-age": "ok"}),
        (ContactFacts(3, "s", unheard={"ann": "emial"}), {"contacts": "ok", "contacts-optout": "risk"}),
        (ContactFacts(3, "s", astray={"ann": "pigeon"}), {"contacts": "ok", "contacts-channels": "risk"}),
        (ContactFacts(3, "s", left={"ann": "readiness: owner:"}), {"contacts": "ok", "contacts-left": "risk"}),
    ],
    ids=["nobody", "a file", "young", "old", "from the future", "a no to nothing", "a wish for nothing", "who left"],
)
def test_contacts(facts: ContactFacts, wanted: dict[str, str]) -> None:
    found = contacts(facts, 100 * DAY)
    assert {c.code: c.state for c in found} == wanted
    assert all(bool(c.hint) == (c.state != "ok") for c in found)


@pytest.mark.parametrize(
    ("people", "places", "wanted"),
    [
        ((reached("sms"), reached("sms", who="bob")), (), {"audience-reach": "ok", "audience-channel": "ok"}),
        ((reached("sms"), reached(who="bob")), (), {"audience-reach": "risk", "audience-channel": "risk"}),
        ((reached(), reached(who="bob")), (), {"audience-reach": "fail", "audience-channel": "fail"}),
        ((reached(), reached(who="bob")), ("slack",), {"audience-reach": "ok", "audience-channel": "fail"}),
        ((reached("sms"), reached(who="bob")), ("slack",), {"audience-reach": "ok", "audience-channel": "risk"}),
        ((), ("slack",), {"audience-reach": "fail"}),
    ],
    ids=["all", "one not", "nobody", "a room, and no phone", "a room, and one phone", "an empty group"],
)
def test_an_audience_by_phone(people: tuple[Reached, ...], places: tuple[str, ...], wanted: dict[str, str]) -> None:
    found = audience(AudienceFacts("staff", ("sms",), places, people, playbooks=("p",)))
    assert {c.code: c.state for c in found} == wanted
    assert all(c.playbooks == ("p",) and "staff" in c.subject for c in found)


def test_people_who_cannot_be_reached_are_named_five_of_them() -> None:
    lost = tuple(reached(who=f"p{i}") for i in range(7))
    (reach, channel) = audience(AudienceFacts("staff", ("sms",), people=(reached("sms"), *lost)))
    assert "7 of 8" in reach.says and "p0, p1, p2, p3, p4 and 2 more" in reach.says and "p5" not in reach.says
    assert "does not reach 7 of 8" in channel.says


def test_an_audience_that_is_not_there_and_one_that_nothing_reaches() -> None:
    (gone,) = audience(AudienceFacts("staff", ("sms",), known=False))
    assert gone.state == "fail" and "no audience staff" in gone.says
    (mute,) = audience(AudienceFacts("staff", (), people=(reached(),)))
    assert mute.state == "fail" and "no channel" in mute.says


@pytest.mark.parametrize(
    ("ways", "answers", "state"),
    [((), False, "fail"), ((), True, "risk"), (("+1",), True, "risk"), (("+1", "U1"), False, "ok")],
)
def test_two_ways_each(ways: tuple[str, ...], answers: bool, state: str) -> None:
    found = approver(Approver("ann", frozenset(ways), answers, ("p",)))
    assert (found.code, found.subject, found.state, found.playbooks) == ("approver-ways", "ann", state, ("p",))
    assert ("terminal" in found.says) is (not ways and answers)
    assert bool(found.hint) == (state != "ok")


@pytest.mark.parametrize(("persons", "least", "state"), [(0, 1, "fail"), (1, 2, "fail"), (1, 1, "risk"), (2, 1, "ok")])
def test_enough_people_behind_a_gate_and_one_to_spare(persons: int, least: int, state: str) -> None:
    found = gate(GateFacts("book", "approve", ("group:oncall",), least, persons))
    assert (found.state, found.subject, found.playbooks) == (state, "book/approve", ("book",))
    assert f"{persons} of group:oncall" in found.says


@pytest.mark.parametrize(
    ("ways", "count"),
    [
        ({}, 0),
        ({"a": {"1"}, "b": {"2"}}, 2),
        ({"a": {"1"}, "b": {"1"}}, 1),
        ({"a": {"1"}, "b": {"2"}, "c": {"1", "2"}}, 1),
        ({"a": {"1"}, "b": {"2"}, "c": {"2"}, "d": {"3"}}, 3),
    ],
    ids=["nobody", "two", "one phone", "a chain", "two of four"],
)
def test_who_shares_an_address_is_one_person(ways: dict[str, set[str]], count: int) -> None:
    assert persons_apart(ways) == count
