"""Refused for good: false, or of a recipient that was removed? Each border, and each way in which it can be wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_weigh import MAIL, NOT_TAKEN, ONE, RULES, TWO, lane, of, refused, ways, weighed

from bcp.detect.planes import refuses
from bcp.detect.refusals import LATER_S, refused_since

NOW = 220.0
"""They began to be refused at 100, two intervals ago."""
SET = {"now": NOW, "mails": True}
SINCE = {"raw": True, "refused_now": True}
BOTH = (replace(ONE, **SINCE), replace(TWO, **SINCE))


@pytest.mark.parametrize(
    ("around", "ground", "wants"),
    [
        ({}, "two-recipients", False),  # nothing sends mails
        (SET, "rejects-untried", True),
        (SET | {"tried_at": 99.0}, "rejects-untried", True),
        (SET | {"tried_at": 100.0, "now": 190.0}, "two-recipients", True),
        (SET | {"tried_at": 160.0}, "two-recipients", True),
        (SET | {"tried_at": 129.0}, "rejects-untried", True),
        (SET | {"asked_at": 40.1}, "rejects-untried", True),
        (SET | {"asked_at": 40.0}, "two-recipients", True),
        (SET | {"proven": True}, "two-recipients", True),
        (SET | {"tried_at": 160.0, "delivered_at": 160.0}, "rejects-contradicted", False),
        (SET | {"last_delivered": 160.0, "proven": True}, "rejects-contradicted", True),
        (SET | {"last_delivered": 159.9, "proven": True}, "two-recipients", True),
    ],
)
def test_a_whole_mail_is_asked_for_and_waited_for(around, ground, wants) -> None:
    """For three intervals; one that was tried since is enough, and one that was taken speaks against it for ever."""
    found = weighed(*BOTH, **around)
    assert found.grounds[0] == ground and found.wants_mail is wants
    assert of(found).rejecting is (ground == "two-recipients")


def test_they_are_not_always_refused_where_a_part_of_all_mail_is() -> None:
    """Then an old mail says nothing of now; where other things fail too, one of the last minutes does."""
    old = SET | {"last_delivered": 165.0, "proven": True}
    part = [replace(p, share=0.9) for p in BOTH]
    assert weighed(*[replace(p, split=(2, 1, 0)) for p in BOTH], **old).grounds[0] == "two-recipients"
    assert weighed(*[replace(p, split=(2, 0, 1)) for p in BOTH], **old).grounds[0] == "rejects-contradicted"
    assert weighed(*part, **old).grounds[0] == "two-recipients"
    mixed = [replace(p, mixed=True) for p in part]
    assert weighed(*mixed, **old).grounds == ("rejects-contradicted",)
    assert weighed(*part, names_fail=True, **old).grounds == ("rejects-contradicted",)
    late = old | {"now": 165.1 + LATER_S}
    assert weighed(*mixed, **late).grounds[0] == "two-recipients"
    assert weighed(*mixed, **(old | {"last_delivered": 159.0})).grounds[0] == "two-recipients"


VOUCHED = {"backed": True, "vouched": True}


def test_one_that_is_backed_waits_as_well() -> None:
    """Who vouches may speak of something else; a mail tells, and is not waited for long."""
    one = BOTH[0]
    assert weighed(one, **VOUCHED, **SET).grounds == ("rejects-untried",)
    assert weighed(one, **VOUCHED, **SET, tried_at=170.0).grounds == ("rejects-backed",)
    stale = weighed(one, NOT_TAKEN, **SET, tried_at=110.0)
    assert stale.grounds == ("rejects-untried",) and stale.wants_mail
    assert weighed(one, NOT_TAKEN, **SET, tried_at=170.0).grounds == ("rejects-backed",)


@pytest.mark.parametrize(
    ("lanes", "around", "now"),
    [
        (BOTH, {}, True),
        (BOTH, SET | {"delivered_at": 50.0, "now": 139.0, "proven": True}, False),
        (BOTH, SET | {"delivered_at": 50.0, "now": 141.0, "proven": True}, True),
        ((BOTH[0],), {"accepts_unknown": True}, True),
        ((BOTH[0], NOT_TAKEN), SET | {"tried_at": 130.0, "proven": True}, True),
        ((BOTH[0], NOT_TAKEN), SET | {"tried_at": 129.0, "proven": True}, False),
        ((BOTH[0], NOT_TAKEN), {}, True),  # nothing sends mails any more
        ((BOTH[0], NOT_TAKEN), SET | {"tried_at": 129.0, "proven": True, "backed": True}, True),
    ],
)
def test_the_newest_looks_must_prove_it_as_well(lanes, around, now) -> None:
    """Else MX is not moved at this moment: the one that goes on refusing may have been removed."""
    found = weighed(*lanes, **around)
    assert of(found).rejecting and of(found).failing_now is now
    assert ("rejects-now" in found.grounds) is not now


def test_who_is_refused_now_must_be_more_than_who_is_taken() -> None:
    """One of two, by turns: it is not proven at this moment."""
    one = replace(BOTH[0], alternates=True)
    found = weighed(one, replace(BOTH[1], raw=False))
    assert found.grounds == ("rejects-alternate", "rejects-now") and not of(found).failing_now
    assert of(weighed(one, BOTH[1])).failing_now


def test_a_mailbox_that_is_not_there() -> None:
    """All that are refused have none; where mail is not taken or people say so, that is no excuse."""
    one = refused("p", shares=("recipient:a@x.test",), **SINCE)
    two = refused("q", shares=("recipient:b@x.test",), **SINCE)
    assert weighed(one, gone=frozenset({"a@x.test"})).grounds == ("rejects-gone",)
    assert weighed(one, gone=frozenset({"a@x.test"})).removed == ("p",)
    assert weighed(one, two, gone=frozenset({"a@x.test"})).grounds == ("two-recipients",)
    assert weighed(one, two, gone=frozenset({"a@x.test", "b@x.test"})).removed == ("p", "q")
    assert weighed(one, NOT_TAKEN, gone=frozenset({"a@x.test"})).grounds == ("rejects-backed",)
    assert weighed(one, **VOUCHED, gone=frozenset({"a@x.test"})).grounds == ("rejects-backed",)
    assert weighed(one, backed=True, gone=frozenset({"a@x.test"})).grounds == ("rejects-alone",)


def test_one_refusal_after_hours_of_something_else_is_no_refusal_yet() -> None:
    """Three at each place are."""
    late = lane(down=True, kind="rejects", split=(2, 0, 0), refused_looks=5)
    assert not refuses(late) and refuses(replace(late, refused_looks=6)) and refuses(replace(late, rejecting=True))
    assert not refuses(replace(late, refused_looks=6, down=False))
    assert not refuses(replace(late, refused_looks=6, worst=replace(late.worst, kind="4xx-rcpt")))


def test_who_never_was_taken_while_mail_came_is_removed_whatever_it_says_now() -> None:
    """A time-out on top of the refusals makes no outage of it."""
    shut = [lane(n, down=True, kind="closed", refused_looks=9, share=1.0, mixed=True) for n in "pq"]
    around = SET | {"last_delivered": 170.0}
    found = weighed(*shut, **around)
    assert found.removed == ("p", "q") and not of(found).down
    assert weighed(*[replace(p, share=0.9) for p in shut], **around).refused_partly
    assert weighed(*shut, **SET).refused_partly


def test_one_round_at_three_places_is_no_part() -> None:
    """What failed in another way until a moment ago lends it no haste: three refusals at each place do."""
    both = [lane(n, down=True, kind="rejects", split=(3, 0, 2), refused_looks=8, mixed=True) for n in "pq"]
    assert not weighed(*both).refused_partly and weighed(*both).grounds == ()
    assert weighed(*[replace(p, refused_looks=9, worst=NOT_TAKEN.worst) for p in both]).refused_partly


def test_a_mail_of_before_says_nothing_of_a_refusal_that_came_after() -> None:
    """It was not taken for what was so before."""
    late = [replace(p, refused_at=200.0) for p in BOTH]
    assert refused_since(ways(*late)) == 200.0 and refused_since(ways(lane())) is None
    assert of(weighed(late[0], NOT_TAKEN, tried_at=199.0), MAIL).failing_now is False
    assert of(weighed(late[0], NOT_TAKEN, tried_at=200.0), MAIL).failing_now is True
    assert weighed(*late, **SET, tried_at=199.0).grounds == ("rejects-untried",)


def test_rules_are_those_of_the_house() -> None:
    """An interval of a minute, three looks."""
    assert RULES.interval_s == 60.0 and RULES.reject_threshold == 3


THREE = (*BOTH, lane("smtp-3", accepted=True, split=(0, 1, 0)))


def test_a_part_that_was_proven_stays_proven_while_no_mail_is_fresh() -> None:
    """Two of three are refused: a mail every five minutes must not turn F into B in the rounds between."""
    stale = SET | {"tried_at": 129.0}
    assert "rejects-untried" in weighed(*THREE, **stale).grounds
    proven = weighed(*THREE, **stale, parted=True)
    assert proven.grounds[:2] == ("two-recipients", "rejects-some") and proven.refused_partly
    assert "rejects-untried" in weighed(*BOTH, **stale, parted=True).grounds  # nobody is taken now: another thing
    gone = weighed(*THREE, **SET, tried_at=160.0, delivered_at=160.0, parted=True)
    assert gone.grounds[0] == "rejects-contradicted" and gone.removed


def test_who_is_taken_now_was_not_removed() -> None:
    """False rejects end: the counters drain, and a mail comes through."""
    taken = [replace(p, raw=False, refused_now=False) for p in BOTH]
    late = SET | {"tried_at": 215.0, "delivered_at": 215.0}
    before = weighed(*taken, **late)
    assert before.grounds[0] == "rejects-contradicted" and before.removed
    found = weighed(*taken, **late, false_lately=True)
    assert found.grounds[0] == "rejects-over" and not found.removed and found.refused_partly
    assert not of(found).down and of(found).suspect
    still = weighed(*BOTH, **late, false_lately=True)  # refused at this moment: removed meanwhile
    assert still.grounds[0] == "rejects-contradicted" and still.removed


def test_who_is_refused_by_turns_is_not_over_when_the_newest_look_is_good() -> None:
    """It was taken before, and refused again: that is what goes on."""
    turns = [replace(p, alternates=True, raw=False, refused_now=False) for p in BOTH]
    found = weighed(*turns, **SET, tried_at=160.0, false_lately=True)
    assert found.grounds[0] == "rejects-alternate" and "rejects-over" not in found.grounds
