"""What `bcp doctor` says of a set of probes is what the detector makes of it:
with the remedy the sentence goes away."""

from __future__ import annotations

import pytest

from bcp.contracts.probe import Reach, Role, Watched
from bcp.detect.coverage import Told, assess, play, told_apart
from bcp.detect.rules import Rules
from bcp.detect.small_outages import SMALL, Looking

ONE, TWO = "one@corp.example", "two@corp.example"
BY_NAME = {o.name: o for o in SMALL}
PLACES = ("office", "cloud-a", "cloud-b")


def probe(
    way: str, plane: str, medium: str = "", *, recipients=(), resolvers=0, whole=False, control=False, name=""
) -> Looking:
    shares = tuple(f"recipient:{r}" for r in recipients)
    watched = Watched(
        name or way + ("-control" if control else ""), way, plane, medium=medium, control=control, shares=shares
    )
    return Looking(watched, Reach(tuple(recipients), resolvers, resolvers > 0, whole))


def smtp(*recipients: str, whole=False) -> Looking:
    return probe("smtp", "inbound", "smtp", recipients=recipients, resolvers=2, whole=whole)


UNKNOWN_RECIPIENT = probe("smtp-unknown", "inbound", "smtp")
DNS, OWN_MX = probe("dns", "dns", "dns", resolvers=2), probe("own-mx", "dns", "dns", resolvers=2)
CONTROLS = [probe("smtp", "inbound", "smtp", control=True), probe("dns", "dns", "dns", control=True)]
USUAL = [smtp(ONE, TWO), UNKNOWN_RECIPIENT, DNS, OWN_MX, *CONTROLS]
TRIP = probe("round-trip", "outbound", "smtp", recipients=("rt@corp.example",), resolvers=2, whole=True)
FULL = [
    smtp(ONE, TWO, whole=True), UNKNOWN_RECIPIENT, DNS, OWN_MX, *CONTROLS,
    TRIP,
    probe("https", "edge", "https"), probe("https", "edge", "https", control=True),
    probe("graph-mailbox", "mailbox", "https"), probe("entra", "auth", "https"), probe("queue", "gateway", name="gw"),
]  # fmt: skip


def sentences(probes, places=("here",)) -> dict[str, str]:
    return {t.outage.name: t.sentence for t in assess(probes, Rules(), places) if t.sentence}


def sentence(outage: str, probes) -> str:
    """Of one outage, that is played alone."""
    return play(BY_NAME[outage], probes, Rules(), ("here",)).sentence


def test_the_complete_set_judges_every_small_outage_as_what_it_is() -> None:
    """From three places: nothing is missed, nothing is harmful."""
    told = assess(FULL, Rules(), PLACES)
    assert [t.sentence for t in told if t.sentence] == []
    assert told_apart(told) == "ABCDEFGH"


def test_the_usual_set_says_what_it_cannot_see() -> None:
    """What it misses has no probe in it; and no mail tells it that all its mailboxes were cleared away."""
    unseen = {"deferred-after-data", "mailboxes", "outbound", "sign-in", "gateway"}
    assert set(sentences(USUAL)) == {*unseen, "all-deleted"}
    assert told_apart(assess(USUAL, Rules())) == "EF"


@pytest.mark.parametrize(
    ("poor", "richer", "outage", "says"),
    [
        ([smtp(ONE), UNKNOWN_RECIPIENT, DNS, *CONTROLS], [smtp(ONE, TWO), UNKNOWN_RECIPIENT, DNS, *CONTROLS], "deleted",
        "looks like class B and F"),
        ([smtp(ONE), UNKNOWN_RECIPIENT, DNS, *CONTROLS], [smtp(ONE, TWO), UNKNOWN_RECIPIENT, DNS, *CONTROLS],
        "rejected", "only suspected"),
        ([smtp(ONE, TWO), DNS], [smtp(ONE, TWO), DNS, *CONTROLS], "own-network", "MX would be moved for nothing"),
        ([smtp(ONE, TWO), DNS], [smtp(ONE, TWO), DNS, *CONTROLS], "own-port-25", "MX would be moved for nothing"),
        ([smtp(ONE, TWO), DNS, *CONTROLS], [smtp(ONE, TWO), DNS, OWN_MX, *CONTROLS], "own-zone", "class H is missed"),
        ([smtp(ONE, TWO), *CONTROLS], [smtp(ONE, TWO, whole=True), *CONTROLS], "deferred-after-data",
        "class B is missed"),
        ([DNS, *CONTROLS], [DNS, smtp(ONE, TWO), UNKNOWN_RECIPIENT, *CONTROLS], "deferred", "class B is missed"),
        (USUAL, [*USUAL, TRIP], "all-deleted", "looks like class B and F, and MX would be moved for nothing"),
        ([*USUAL, probe("round-trip", "outbound", "smtp", recipients=(TWO,))], [*USUAL, TRIP], "all-deleted",
        "looks like class B and F, and MX would be moved for nothing"),
        (USUAL, [*USUAL, probe("graph-mailbox", "mailbox", "https")], "mailboxes", "class A is missed"),
        (USUAL, [*USUAL, probe("entra", "auth", "https")], "sign-in", "class D is missed"),
        (USUAL, [*USUAL, probe("queue", "gateway", name="gw")], "gateway", "class G is missed"),
        (USUAL, [*USUAL, probe("round-trip", "outbound", "smtp", recipients=("rt@x",), whole=True)], "outbound",
        "class C is missed"),
    ],
)  # fmt: skip
def test_a_sentence_is_true_and_its_hint_helps(poor, richer, outage, says) -> None:
    """Without the probe the detector is wrong or blind; with it, it is not."""
    assert says in sentence(outage, poor)
    assert sentence(outage, richer) == ""


def test_one_resolver_alone_looks_like_an_outage_of_names() -> None:
    """Two of them, or the zone's own servers beside it, do not."""
    alone = Looking(Watched("dns", "dns", "dns", medium="dns"), Reach(resolvers=1))
    one = Looking(smtp(ONE, TWO).watched, Reach((ONE, TWO), 1))
    assert "class E" in sentence("one-resolver", [alone, one, *CONTROLS])
    assert sentence("one-resolver", [DNS, smtp(ONE, TWO), *CONTROLS]) == ""


def test_a_limit_of_one_place_is_never_an_outage() -> None:
    """From one place, and from one of three."""
    assert not play(BY_NAME["throttled"], USUAL, Rules()).harmful
    assert not play(BY_NAME["throttled"], USUAL, Rules(), PLACES).harmful
    assert play(BY_NAME["throttled"], USUAL, Rules()).seen


def test_people_and_declarations_are_no_looks() -> None:
    """They are there in every set, and say nothing by themselves."""
    people = Looking(Watched("people-inbound", "people", "inbound", Role.PEOPLE))
    assert sentences([*USUAL, people]) == sentences(USUAL)


def told(name: str, classes: str, states: str, actions: str) -> Told:
    return Told(BY_NAME[name], frozenset(classes), frozenset(states.split()), frozenset(actions.split()))


def test_the_words() -> None:
    """Harm first; what need not be seen is silent unless somebody is alarmed."""
    assert told("deleted", "H", "suspect", "fix-own").sentence == ""
    assert told("deleted", "", "healthy", "none").sentence == ""
    assert "mail flows" in told("deleted", "F", "suspect", "ask").sentence
    assert "moved for nothing" in told("deleted", "F", "down", "switch").sentence
    assert told("rejected", "F", "down", "switch").sentence == ""
    assert "only suspected" in told("rejected", "F", "suspect", "ask").sentence
    assert "looks like B" in told("mailboxes", "B", "down", "wait").sentence
    assert told("own-zone", "", "healthy", "none").sentence.endswith("class H is missed")
    assert told("mailboxes", "A", "down", "tell").sentence == ""
