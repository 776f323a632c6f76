"""Weighing what is seen of inbound mail: each rule at its border, from views that are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.inbound import LATER_S, PARTLY, Around, Weighed, may_be_us, recipient_of, sees_known, weigh
from bcp.detect.planes import ProbeView, view_way
from bcp.detect.rules import Rules

RULES = Rules()
NOBODY = Around()


def lane(name="p", way="smtp", *, down=False, known=True, kind="", role=Role.LOOK, shares=(), **more):
    """What is known of one lane, which began to fail at 100 where it fails."""
    watched = Watched(name, way, "inbound", role, shares=shares)
    worst = Signal(name, "inbound", Result.FAIL, 0.0, kind, kind) if kind else None
    bad = {"raw": down, "began": 100.0 if down else None, "fail_share": float(down), "suspect": down}
    made = ProbeView(watched, known, down, False, down, down, (), 1.0 if down else 0.0, None, worst)
    return replace(made, **{"accepted": known and not down, **bad, **more})


def refused(name="p", **more):
    return lane(name, down=True, kind="rejects", **{"rejecting": True, **more})


def ways(*lanes):
    groups = {}
    for one in lanes:
        groups.setdefault(one.watched.way, []).append(one)
    return [view_way(g, RULES) for g in groups.values()]


def weighed(*lanes, **around):
    return weigh(ways(*lanes), Around(**around), RULES)


def of(found: Weighed, way="smtp"):
    return next(w for w in found.ways if w.way == way)


UNKNOWN, MAIL = "smtp-unknown", "mail"
WELL, LATE = lane(), lane(down=True, kind="4xx-rcpt")
TAKEN, NOT_TAKEN = lane("m", MAIL), lane("m", MAIL, down=True, kind="not-taken")


def test_nothing_is_changed_where_nothing_speaks_against_it() -> None:
    """Looks, people and other monitors alike."""
    lanes = [LATE, lane("q", "queue", down=True), lane("x", "people", down=True, role=Role.PEOPLE)]
    assert weighed(*lanes) == Weighed(tuple(ways(*lanes)))


# -- unknown recipients ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "unknown", "muted", "failing", "ground"),
    [
        (WELL, lane("u", UNKNOWN, down=True), "accepted", False, True),
        (WELL, lane("u", UNKNOWN, share=0.3), "accepted", False, True),
        (WELL, lane("u", UNKNOWN, suspect=True), "accepted", False, True),
        (WELL, lane("u", UNKNOWN), "", False, False),
        (lane(accepted=False), lane("u", UNKNOWN, down=True), "", False, False),
        (LATE, lane("u", UNKNOWN, down=True), "", True, False),
        (LATE, lane("u", UNKNOWN), "unknown-refused", False, True),
        (LATE, lane("u", UNKNOWN, share=0.3), "", False, False),
        (LATE, lane("u", UNKNOWN, suspect=True), "", False, False),
        (LATE, lane("u", UNKNOWN, known=False), "", False, False),
        (lane(known=False), lane("u", UNKNOWN, down=True), "", True, False),
        (lane(known=False), lane("u", UNKNOWN), "", False, False),
    ],
)
def test_unknown_recipients_count_where_nothing_is_known_of_known_ones(known, unknown, muted, failing, ground) -> None:
    """And fail now only while known ones are not taken."""
    found = weighed(known, unknown)
    way = of(found, UNKNOWN)
    assert (way.muted, way.failing_now) == (muted, failing)
    assert found.grounds == ((muted,) if ground else ())
    if not ground:
        assert of(found) == ways(known)[0]


def test_without_known_recipients_unknown_ones_speak() -> None:
    """People and monitors are no looks at known ones."""
    told = lane("t", "told", role=Role.TOLD)
    found = weighed(lane("u", UNKNOWN, down=True), told)
    assert of(found, UNKNOWN).muted == "" and of(found, UNKNOWN).failing_now


# -- whole mails -------------------------------------------------------------------------------------------------------


def test_whole_mails_that_are_not_taken_count_when_enough_were_not() -> None:
    """And fail now only while recipients are not accepted."""
    found = weighed(NOT_TAKEN)
    assert of(found, MAIL).down and of(found, MAIL).muted == "" and of(found, MAIL).failing_now
    found = weighed(NOT_TAKEN, WELL)
    assert of(found, MAIL).down and not of(found, MAIL).failing_now and found.grounds == ("not-taken",)
    assert weighed(NOT_TAKEN, lane(accepted=False)).grounds == ()
    assert of(weighed(NOT_TAKEN, LATE), MAIL).failing_now
    assert of(weighed(NOT_TAKEN, lane(known=False)), MAIL).failing_now
    few = lane("m", MAIL, suspect=True, raw=True)
    assert of(weighed(few), MAIL).muted == "not-taken" and not of(weighed(few), MAIL).down


def test_a_mail_that_is_taken_disproves_what_was_before() -> None:
    """At once."""
    taken = replace(NOT_TAKEN, raw=False)
    way = of(weighed(taken), MAIL)
    assert (way.down, way.suspect, way.share, way.down_targets, way.muted) == (False, False, 0.0, 0, "")
    assert of(weighed(lane("m", MAIL, known=False)), MAIL).muted == ""


def test_a_mail_that_failed_for_the_name_is_no_second_failure() -> None:
    """Nor is one that is not taken for what we do not know."""
    way = of(weighed(NOT_TAKEN, names_fail=True), MAIL)
    assert not way.down and way.muted == "names"


# -- a mail came through -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "halved"), [(None, False), (99.9, False), (100.0, True), (100.1, True)])
def test_a_mail_halves_what_began_no_later_than_it_was_sent(at, halved) -> None:
    """What is sent in the round in which it begins contradicts it too; and then it contradicts what always fails."""
    only = replace(LATE, only_fails=True)
    found = weighed(only, delivered_at=at)
    assert (found.halved, found.through, found.delivered) == (halved,) * 3
    assert found.grounds == (("delivered", "delivered-contradicts") if halved else ())
    assert not weighed(LATE, delivered_at=at).delivered
    assert not weighed(only, replace(NOT_TAKEN, down=False), delivered_at=at).delivered


def test_the_first_failure_of_what_is_down_dates_it() -> None:
    """Of all its probes."""
    other = lane("q", down=True, kind="4xx-rcpt", began=50.0)
    assert weighed(LATE, other, delivered_at=60.0).halved
    assert not weighed(LATE, delivered_at=60.0).halved


def test_a_part_that_fails_is_through_where_mail_came() -> None:
    """It is not halved: it is not down."""
    part = lane(share=0.3, began=100.0)
    found = weighed(part, delivered_at=101.0)
    assert found.through and not found.halved and not found.delivered and found.grounds == ()
    assert not weighed(lane(began=100.0), delivered_at=101.0).through
    assert not weighed(lane("x", "told", role=Role.TOLD, down=True), delivered_at=101.0).through
    muted = weighed(WELL, lane("u", UNKNOWN, down=True), delivered_at=101.0)
    assert not muted.through


@pytest.mark.parametrize("way", ["smtp", UNKNOWN])
def test_limits_of_ours_are_no_outage_while_mail_comes_through(way) -> None:
    """All of what is wrong is one, or may be."""
    bad = lane("p", way, down=True, kind="throttled")
    found = weighed(bad, delivered_at=101.0)
    assert of(found, way).muted == "delivered-throttled" and "delivered-throttled" in found.grounds
    assert of(weighed(replace(bad, worst=replace(bad.worst, kind="5xx")), delivered_at=101.0), way).muted
    assert of(weighed(bad, delivered_at=99.9), way).muted == "" == of(weighed(bad), way).muted
    assert of(weighed(bad, lane("q", way, down=True, kind="4xx-rcpt"), delivered_at=101.0), way).muted == ""
    assert of(weighed(bad, lane("q", way, suspect=True), delivered_at=101.0), way).muted == ""
    assert of(weighed(lane("p", way, share=0.2, kind="throttled", began=1.0), delivered_at=2.0), way).muted
    assert of(weighed(lane("p", way, suspect=True, kind="throttled", began=1.0), delivered_at=2.0), way).muted
    assert may_be_us("throttled") and may_be_us("5xx") and not may_be_us("rejects")


# -- refusals for good -------------------------------------------------------------------------------------------------

ONE, TWO, THREE = refused("p"), refused("q"), refused("r")


@pytest.mark.parametrize(
    ("lanes", "around", "ground"),
    [
        ((ONE,), {}, "rejects-alone"),
        ((ONE, TWO), {}, "two-recipients"),
        ((ONE, replace(TWO, raw=False)), {}, "rejects-contradicted"),
        ((ONE, TWO), {"delivered_at": 101.0}, "rejects-contradicted"),
        ((ONE, TWO, lane("s")), {}, "two-recipients"),
        ((ONE, TWO, lane("s"), lane("t")), {}, "rejects-contradicted"),
        ((ONE, lane("s")), {}, "rejects-contradicted"),
        ((ONE, lane("s", accepted=False)), {}, "rejects-contradicted"),
        ((ONE, lane("s", known=False)), {}, "rejects-alone"),
        ((ONE,), {"delivered_at": 101.0}, "rejects-contradicted"),
        ((ONE,), {"last_delivered": 101.0}, "rejects-contradicted"),
        ((ONE,), {"last_delivered": 100.0}, "rejects-alone"),
        ((ONE,), {"backed": True}, "rejects-alone"),
        ((ONE,), {"vouched": True}, "rejects-backed"),
        ((ONE,), {"vouched": True, "names_fail": True}, "rejects-alone"),
        ((replace(ONE, mixed=True),), {"vouched": True}, "rejects-alone"),
        ((ONE, TWO), {"lost_at": 0.0}, "rejects-lost"),
        ((ONE, TWO), {"lost_at": 0.0, "now": 2 * LATER_S + 1.0}, "two-recipients"),
        ((ONE, TWO, NOT_TAKEN), {"lost_at": 0.0}, "two-recipients"),
        ((ONE, TWO, lane("s")), {"lost_at": 0.0}, "two-recipients"),
        ((ONE,), {"lost_at": 0.0}, "rejects-alone"),
        ((replace(ONE, mixed=True),), {"accepts_unknown": True}, "rejects-backed"),
        ((ONE, NOT_TAKEN), {}, "rejects-backed"),
        ((ONE, replace(NOT_TAKEN, raw=False)), {}, "rejects-alone"),
        ((ONE, replace(NOT_TAKEN, known=False)), {}, "rejects-alone"),
        ((ONE, NOT_TAKEN), {"names_fail": True}, "rejects-alone"),
        ((replace(ONE, alternates=True),), {}, "rejects-alternate"),
        ((replace(ONE, alternates=True), lane("s")), {}, "rejects-contradicted"),
        ((replace(ONE, alternates=True),), {"delivered_at": 101.0}, "rejects-contradicted"),
        ((replace(ONE, alternates=True), TWO, lane("s")), {}, "rejects-alternate"),
        ((replace(ONE, alternates=True), TWO), {"delivered_at": 101.0}, "rejects-alternate"),
        ((ONE, lane("s", down=True, kind="4xx-rcpt", began=100.0 + LATER_S)), {}, "rejects-alone"),
        ((ONE, lane("s", down=True, kind="4xx-rcpt", began=100.1 + LATER_S)), {}, "rejects-contradicted"),
    ],
)
def test_what_proves_a_refusal(lanes, around, ground) -> None:
    """False, or of a recipient that was removed, or nobody can tell."""
    found = weighed(*lanes, **around)
    assert ground in found.grounds
    refusing = tuple(x.watched.probe for x in lanes if x.worst is not None and x.worst.kind == "rejects")
    assert found.removed == (refusing if ground == "rejects-contradicted" else ())


def test_a_recipient_counts_once_however_many_probes_try_it() -> None:
    """By the name that they share."""
    same = {"shares": ("graph:x", "recipient:a@x.test")}
    assert recipient_of(refused(**same)) == "recipient:a@x.test" and recipient_of(refused("p")) == "p"
    assert weighed(refused("p", **same), refused("q", **same)).grounds == ("rejects-alone",)
    assert weighed(refused("p", **same), refused("q")).grounds == ("two-recipients",)


def test_false_refusals_are_an_outage_where_they_are_most() -> None:
    """A part where others are accepted; not yet where as many others fail otherwise."""
    way = of(weighed(ONE, TWO))
    assert way.down and way.rejecting and not weighed(ONE, TWO).refused_partly
    some = weighed(ONE, TWO, lane("s"))
    assert not of(some).down and not of(some).rejecting and some.refused_partly
    assert some.grounds == ("two-recipients", "rejects-some")
    shaky = lane("s", accepted=False)
    assert of(weighed(ONE, TWO, shaky)).rejecting and of(weighed(ONE, TWO, shaky)).down
    half = weighed(replace(ONE, alternates=True), TWO, lane("s", down=True), lane("t", down=True))
    assert half.grounds == ("rejects-alternate",) and half.refused_partly and of(half).down
    backed = weighed(ONE, vouched=True)
    assert of(backed).down and of(backed).rejecting and backed.grounds == ("rejects-backed",)


def test_a_refusal_that_proves_nothing_is_only_suspicious() -> None:
    """It fails, and comes and goes, but makes no failing minutes."""
    way = of(weighed(ONE))
    assert (way.down, way.rejecting, way.suspect, way.raw, way.discounted, way.share) == (
        False,
        False,
        True,
        True,
        True,
        0.0,
    )
    assert [p.raw for p in way.probes] == [False] and weighed(ONE).refused_partly is False


def test_a_removed_recipient_does_not_dilute_what_the_others_see() -> None:
    """They are judged by themselves, where one of them is down."""
    late = lane("s", down=True, kind="4xx-rcpt", began=100.1 + LATER_S)
    found = weighed(ONE, late)
    assert of(found).down and not of(found).discounted and found.removed == ("p",)
    assert of(found).targets == 1 and of(found).suspect
    well = weighed(ONE, lane("s"))
    assert not of(well).down and of(well).targets == 2 and of(well).discounted
    alone = weighed(ONE, lane("s", down=True, kind="4xx-rcpt"))
    assert alone.grounds == ("rejects-alone",) and not of(alone).down and of(alone).targets == 2


@pytest.mark.parametrize(
    ("lanes", "partly", "ground"),
    [
        ((lane(share=0.3, refused_looks=PARTLY, alternates=True),), True, ("rejects-alternate",)),
        ((lane(share=0.3, refused_looks=PARTLY - 1, alternates=True),), False, ()),
        ((lane(share=0.0, refused_looks=PARTLY, alternates=True),), False, ()),
        ((lane(share=0.3, refused_looks=PARTLY, alternates=True, known=False),), False, ()),
        ((lane(share=0.3, refused_looks=PARTLY),), False, ()),
        ((lane(share=0.3, refused_looks=3), lane("q", share=0.3, refused_looks=3)), True, ("two-recipients",)),
        ((lane(share=0.3, refused_looks=3), lane("q", share=0.3, refused_looks=2)), False, ()),
    ],
)
def test_a_part_that_is_refused_for_good(lanes, partly, ground) -> None:
    """Again and again, of a recipient that exists or of two: mail is being lost."""
    found = weighed(*lanes)
    assert (found.refused_partly, found.grounds) == (partly, ground)
    assert of(found) == ways(*lanes)[0]


def test_known_recipients_are_seen_where_any_is() -> None:
    """Or where nothing is set to look at one."""
    assert sees_known(ways(WELL)) and not sees_known(ways(lane(known=False)))
    assert sees_known(ways(lane("u", UNKNOWN), TAKEN)) and sees_known([])
    assert not sees_known(ways(lane(known=False), lane("u", UNKNOWN), TAKEN, lane("t", "told", role=Role.TOLD)))
    assert sees_known(ways(lane(known=False), lane("q", "queue")))
