"""The four texts of a verdict: each class, each action, and what they are careful not to say."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_every_rule import DEGRADED, LATER, NO, NOT_TAKEN, OK, OUR_LIMIT, OUT, THREE, UNKNOWN, said

from bcp.detect.aloud import TITLES, aloud
from bcp.detect.verdict import ONCE, Decision


def test_a_quiet_night() -> None:
    """Nothing, nothing, nothing; and what would change that."""
    found = aloud(said(smtp=OK, boxes=OK))
    assert found.parts() == tuple(zip(TITLES, (found.broken, found.well, found.do, found.change), strict=True))
    assert (found.broken, found.well) == ("Nothing of the service.", "Everything that is looked at is well.")
    assert found.do == "Nothing." and found.change.startswith("2 looks in a row that fail make it suspect")


@pytest.mark.parametrize(
    ("looks", "broken", "do"),
    [
        (
            {"smtp": LATER, "unknown": LATER},
            "Mail from outside is not taken; its senders keep it",
            "Move MX to the relay",
        ),
        ({"smtp": NO, "smtp_2": NO}, "Mail to people who exist is refused for good", "because valid recipients"),
        ({"smtp": OK, "boxes": OUT}, "Mailboxes cannot be opened.", "Leave MX alone: another MX would not help."),
        ({"smtp": OK, "gate": LATER}, "Mail does not get through the relay or gateway", "Keep MX out of the relay."),
        ({"smtp": OK, "owa": OUT, "imap": OUT}, "The web front door does not answer.", "Leave MX alone"),
        (
            {"smtp": NO},
            "One monitoring recipient is refused for good, and nothing shows",
            "Look whether what is refused",
        ),
        ({"smtp": OUR_LIMIT, "places": THREE}, "Our own probers are limited or refused;", "has nothing to do with us"),
        ({"smtp": OK, "names": (OUT[0], "own-zone")}, "Our own zone does not answer", "Repair our own fault."),
        ({"smtp": UNKNOWN, "boxes": OK}, "We cannot see all of it. The looks say nothing.", "Keep watching"),
        ({"smtp": OK, "smtp_2": NO}, "On our own side: smtp_2: its recipient is refused", "tell IT, and nobody else."),
        ({"smtp": LATER, "rounds": 3}, "It is not sure yet, but it looks as if mail from outside", "Keep watching"),
        ({"smtp": OUT, "control": OUT}, "We cannot see all of it. On our own side: a: ", "Repair our own fault."),
        (
            {"smtp": LATER, "unknown": LATER, "rounds": 8},
            "Mail from outside is not taken",
            "Prepare, and leave MX alone",
        ),
        (
            {"smtp": LATER, "unknown": LATER, "trip": OK},
            "Mail from outside",
            "see whether it arrives, and believe that.",
        ),
        ({"smtp": OK, "people": OUT}, "Others say that mail from outside", "Keep watching"),
    ],
)
def test_each_kind_is_said_in_a_sentence(looks, broken, do) -> None:
    found = aloud(said(**looks))
    assert broken in found.broken, found
    assert do in found.do, found


def test_what_is_well_and_what_is_not_seen_are_said_apart() -> None:
    found = aloud(said(smtp=LATER, unknown=LATER, boxes=OK, trip=NOT_TAKEN))
    assert found.well == "Mailboxes can be opened. Nobody can see whether mail to the outside goes out."
    assert aloud(said(smtp=LATER)).well == "Nothing is seen to be well."


def test_domains_are_named_that_fail_and_those_that_do_not() -> None:
    apart = {"smtp": ("a.test",), "smtp_2": ("b.test",)}
    found = aloud(said(smtp=LATER, smtp_2=OK, domains=apart), "exchange-inbound-outage")
    assert "This is so for a.test." in found.broken and "b.test is well and left alone." in found.well
    assert found.do.startswith("Move MX of a.test to the relay now, because ")
    assert found.do.endswith("The playbook for it: bcp plan exchange-inbound-outage.")
    assert "playbook" not in aloud(said(3, smtp=LATER), "exchange-inbound-outage").do  # it is only watched


def test_a_part_is_not_said_to_be_the_whole() -> None:
    part = aloud(said(60, smtp=lambda n: LATER if n > 20 and n % 4 == 0 else OK, boxes=OK))
    assert part.broken.startswith("A part of the mail from outside is not taken")
    slow = aloud(said(60, smtp=(UNKNOWN.__class__.DEGRADED, "slow")))
    assert slow.broken.startswith("Nothing fails as a whole: mail from outside comes in, but slowly")
    one = aloud(said(20, THREE, smtp={"b": OUT}))
    assert one.broken.endswith("Seen from b only.")
    third = aloud(said(60, smtp=[NO, OK, OK]))
    assert third.broken.startswith("A part of the mail to people who exist is refused for good")


def test_it_comes_and_goes_and_is_over() -> None:
    """Told while it flaps; and when it is clear but not closed."""
    assert "It comes and goes." in aloud(said(60, smtp=lambda n: LATER if n % 10 < 7 else OK)).broken
    over = aloud(said(40, smtp=lambda n: LATER if n < 8 else OK))
    assert over.broken == "Nothing any more, as far as anything looks." and "Keep watching" in over.do


def test_names_that_fail_lose_some_mail() -> None:
    """While waiting nobody is told that all of it waits."""
    found = aloud(said(8, names=(OUT[0], "servfail"), smtp=(UNKNOWN, "unresolved")))
    assert "most senders keep the mail and try again, but not all of them" in found.do
    assert found.broken.startswith("The name of the MX host does not resolve")
    both = aloud(replace(said(8, names=(OUT[0], "servfail"), owa=OUT, imap=OUT)))
    assert "does not resolve" in both.broken and "the web front door does not answer" in both.broken


def test_the_same_fault_at_three_places_is_said_once() -> None:
    found = aloud(said(20, THREE, smtp=OK, boxes=OUR_LIMIT))
    assert found.broken.count("address is limited") == 1 and "a, b and c: boxes: " in found.broken


@pytest.mark.parametrize(
    "action", ["none", "watch", "wait", "switch", "ask", "tell", "direct", "fix-own", "hold", "failback"]
)
def test_every_action_is_a_sentence(action) -> None:
    """Also one that nobody has thought of."""
    found = aloud(Decision("down", ("B",), ("inbound",), action=action, why="it is so")).do
    assert found.endswith(".") and ("Move MX" in found) is (action == "switch")
    assert aloud(Decision("down", action="new", why="it is so")).do == "it is so."


def test_persons_who_have_spoken_are_heard() -> None:
    found = Decision(
        "down", ("B",), ("inbound",), action="watch", why="we are in maintenance", refusals=("not-maintenance",)
    )
    assert aloud(found).do == "Leave MX alone: we are in maintenance."
    assert aloud(replace(found, classes=("A",), action="ask", refusals=())).do.startswith("Leave MX alone. A person")
    assert aloud(found).change == "Nothing that is known; what the probes see is judged each round."


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("do", "Move MX to the relay now."),
        ("do", "Wait and see."),
        ("broken", "Something."),
        ("broken", "mailboxes cannot be opened"),
        ("broken", "Mailboxes cannot be opened: own-mailbox."),
        ("broken", "Mailboxes cannot be opened; 0.25 of the looks fail."),
        ("broken", "Mailboxes cannot be opened.."),
        ("broken", "Nothing of the service."),
        ("well", "Mailboxes can be opened."),
        ("change", ""),
        ("change", f"It{' goes on' * 99}."),
    ],
)
def test_what_is_wrong_in_a_text_is_found(part, text, monkeypatch) -> None:
    """The properties that all shipped outages are held to can fail."""
    import spoken

    found = said(smtp=OK, boxes=OUT)
    assert not list(spoken.wrong_of(found, "exchange-mailbox-access", frozenset({"A"})))
    changed = replace(aloud(found), **{part: text})
    monkeypatch.setattr(spoken, "aloud", lambda d, playbook="": changed)
    assert list(spoken.wrong_of(found, "exchange-mailbox-access", frozenset({"A"})))
    moved = replace(found, action="switch")
    monkeypatch.undo()
    assert any("while" in w for w in spoken.wrong_of(moved, "", frozenset({"A"})))


def test_a_domain_that_bounces_in_part_is_neither_well_nor_what_is_moved() -> None:
    """One is deferred and has time; of the other two of three recipients are refused for good."""
    domains = dict.fromkeys(("smtp", "smtp_2", "smtp_3", "trip"), ("one.test",)) | {"smtp_4": ("two.test",)}
    found = aloud(said(40, smtp=NO, smtp_2=NO, smtp_3=OK, trip=NOT_TAKEN, smtp_4=LATER, domains=domains))
    assert "Mail from outside is not taken" in found.broken and "for two.test. Of another domain" in found.broken
    assert "one.test is not confirmed down, and left alone." in found.well
    domains = {"smtp": ("one.test",), "smtp_4": ("two.test",)}
    well = aloud(said(40, smtp=LATER, smtp_4=OK, domains=domains))
    assert "two.test is well and left alone." in well.well and "another domain" not in well.broken


def test_what_is_everybodys_is_not_said_of_one_domain() -> None:
    """One domain is deferred; mailboxes of all cannot be opened."""
    domains = {"smtp": ("one.test",), "smtp_4": ("two.test",)}
    found = aloud(said(40, smtp=LATER, smtp_4=OK, boxes=OUT, domains=domains))
    assert "This is so for one.test. For everybody, mailboxes cannot be opened." in found.broken
    assert found.broken.startswith("Mail from outside is not taken; its senders keep it and try again. This")


def test_looks_that_a_mail_contradicts_are_not_said_to_be_sure() -> None:
    """Somebody reads aloud that mail is not taken, while one came through a minute ago."""
    found = said(smtp=OUT, unknown=OUT, trip=OK)
    assert found.refusals[:1] == ("not-delivered",)
    assert "as every look of ours finds, and yet a test mail came through" in aloud(found).broken


def test_while_we_are_refused_others_are_heard() -> None:
    """Our sender is on a list, and people say that no mail comes. Nobody is told to tell nobody."""
    found = aloud(said(smtp=(UNKNOWN, "own-sender"), people=OUT, boxes=OK))
    assert "Others speak of an outage: people and other systems report" in found.broken
    assert found.do.startswith("Repair our own fault. Leave MX alone, and send a mail from outside")
    alone = aloud(said(smtp=(UNKNOWN, "own-sender"), boxes=OK))
    assert "Others" not in alone.broken and alone.do.endswith("tell IT, and nobody else.")


def test_a_declaration_is_no_look_that_failed_and_no_fault_of_ours() -> None:
    """Microsoft's feed speaks of an incident for days; a mailbox was removed while an advisory is open."""
    assert said(smtp=OK, graph=(OUT[0], "degradation")).why != ONCE
    advisory = (DEGRADED, "advisory")
    text = aloud(said(smtp=OK, smtp_2=NO, graph=advisory)).broken
    assert "On our own side: smtp_2: its recipient is refused" in text and "graph" not in text


def test_imap_alone_is_not_the_web() -> None:
    assert "mail programs that use IMAP get no answer" in aloud(said(smtp=OK, imap=OUT, owa=OK)).broken


def test_a_dead_relay_is_not_said_to_take_the_mail() -> None:
    """MX is on the relay, and from nowhere does anything answer over SMTP but the service itself."""
    moved = {20: ("decided", "active")}
    found = said(40, smtp=LATER, control=lambda n: OK if n < 25 else OUT, events=moved)
    assert found.action == "hold" and "the relay does not answer" in aloud(found).do
    assert "the relay takes the mail" in aloud(said(40, smtp=LATER, control=OK, events=moved)).do


def test_on_the_relay_nobody_is_told_that_senders_wait() -> None:
    """Mail goes to the relay; what is said is what Exchange Online would do with it, and why mail stays there."""
    moved = {20: ("decided", "active")}
    found = aloud(said(30, smtp=LATER, control=OK, events=moved))
    assert found.broken == "Exchange Online does not take mail from outside; it goes to the relay meanwhile."
    assert found.do == "Leave everything as it is: the relay takes the mail, and Exchange Online does not yet."
    assert found.change.startswith("The way back is proposed when all of this is so: inbound mail and the MX host's")
    blind = aloud(said(60, smtp=lambda n: LATER if n < 25 else (UNKNOWN, "overran"), unknown=OK, events=moved))
    assert blind.broken == "Nothing of the service. Nobody can see inbound mail, though."
    assert "the relay takes the mail, and nothing shows for sure that Exchange Online would" in blind.do
    soon = aloud(said(48, smtp=lambda n: LATER if n < 25 else OK, events=moved))
    assert "the relay takes the mail, and Exchange Online has not been well for long enough" in soon.do
    apart = said(40, smtp=LATER, smtp_2=OK, events=moved, domains={"smtp": ("a.test",), "smtp_2": ("b.test",)})
    assert "its senders keep it" in aloud(apart).broken  # who knows which of them were moved


def test_what_some_places_see_well_is_not_said_to_fail_from_everywhere() -> None:
    """And when it ebbs away in an open incident nobody hears of something that is *no outage yet*."""
    five = ("a", "b", "c", "d", "e")
    out = dict.fromkeys(five[:4], OUT)
    found = said(40, smtp=out, unknown=out, trip=OK, places=five)
    assert found.refusals[:1] == ("not-delivered",)
    assert "as every look of some places finds, and yet a test mail came through" in aloud(found).broken
    ebbs = aloud(said(27, smtp=lambda n: LATER if n < 20 else OK, trip=lambda n: NOT_TAKEN if n < 20 else OK)).broken
    assert ebbs.startswith("It may be ending, as the newest looks are well, but it is not over yet: mail from outside")
    ebbs = aloud(Decision("suspect", stage="confirmed", action="watch")).broken
    assert ebbs == "What failed is well again, but not for long enough to call it over."


def test_a_zone_that_senders_cannot_read_is_repaired_before_mx_is_moved_in_it() -> None:
    """Both are broken: a switch would be written where nobody can read it."""
    dead = said(300, smtp=LATER, unknown=LATER, names=(OUT[0], "own-zone"), places=THREE)
    assert (dead.action, dead.refusals[:1], dead.classes) == ("ask", ("zone-readable",), ("B", "H"))
    found = aloud(dead, "exchange-inbound-outage")
    assert "they could not read a new MX in it either. Let IT repair the zone first" in found.do and not dead.moves
    assert said(300, smtp=LATER, unknown=LATER, places=THREE).action == "switch"


def test_false_rejects_that_end_are_said_to_end() -> None:
    """Two minutes after the last of them nobody is told that mail bounces."""
    refused = {n: lambda n: NO if n < 20 else OK for n in ("smtp", "smtp_2")}
    looks = refused | {"trip": lambda n: NOT_TAKEN if n < 20 else OK}
    assert "is refused for good; it bounces" in aloud(said(20, **looks)).broken
    assert "was refused for good until a few minutes ago, and is taken again" in aloud(said(22, **looks)).broken


def test_what_every_place_sees_now_and_then_is_not_seen_from_one_only() -> None:
    """One place sees it down at this moment; the others saw half of it. Where they see it well, it is named."""
    half = {"a": LATER, "b": [LATER, OK], "c": [OK, LATER]}
    assert "Seen from a only" not in aloud(said(places=THREE, smtp=half)).broken
    assert "Seen from a only." in aloud(said(places=THREE, smtp={"a": LATER})).broken


def test_one_look_that_fails_is_said_though_it_decides_nothing() -> None:
    """Nobody is told that all is well while the only look just failed."""
    found = said(rounds=1, smtp=LATER)
    assert (found.state, found.action, found.why) == ("healthy", "none", ONCE) and "smtp" in found.evidence[0]
    told = aloud(found)
    assert told.broken.startswith("Nothing of the service. A look failed just now")
    assert told.well.startswith("Whatever did not fail just now: smtp")
