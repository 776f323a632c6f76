"""From looks to planes, step by step: what each view says of exactly these looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.counter import Stream
from bcp.detect.planes import PlaneView, ProbeView, WayView, refuses, sick_media, view_plane, view_probe, view_way
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules()
SMTP = Watched("smtp", "smtp", "inbound", medium="smtp")
LATER, NO, OUT, LIMIT = (FAIL, "4xx-rcpt"), (FAIL, "rejects"), (FAIL, "timeout"), (FAIL, "throttled")


def stream(*looks, first=0.0):
    """The looks of one place, a minute apart, the last one at noon (720 min)."""
    made = Stream()
    for n, look in enumerate(looks):
        result, kind = look if isinstance(look, tuple) else (look, "")
        now = 60.0 * (n - len(looks) + 1) + first
        made.take(Signal("smtp", "inbound", result, 1000.0 + now, kind, kind), now, RULES)
    return made


def probe(where, now=0.0, watched=SMTP, networks=None, rules=RULES):
    """The view of a probe; ``where``: looks (or a stream) by place."""
    streams = {v: s if isinstance(s, Stream) else stream(*s) for v, s in where.items() if s is not None}
    return view_probe(watched, streams, tuple(where), now, rules, networks)


WELL, BAD = [OK] * 12, [OK, *[LATER] * 6]
SIGNAL = Signal("smtp", "inbound", FAIL, 1000.0, "4xx-rcpt", "4xx-rcpt")


def test_a_probe_that_nobody_looks_through_is_not_known() -> None:
    """From everywhere it is silent."""
    assert probe({"a": None, "b": None}) == ProbeView(
        SMTP, False, False, False, False, False, (), 0.0, None, None, split=(0, 0, 2)
    )


def test_a_probe_that_is_well() -> None:
    """As far as it is known; a place that says nothing is counted."""
    right = ProbeView(SMTP, True, False, False, False, False, (), 0.0, None, None, split=(0, 2, 1), accepted=True)
    assert probe({"a": WELL, "b": WELL, "c": None}) == right


def test_a_probe_that_is_down() -> None:
    """Everything that is said of it, from one place that has seen it fail for six looks."""
    right = ProbeView(
        watched=SMTP,
        known=True,
        down=True,
        rejecting=False,
        failing_now=True,
        suspect=True,
        alone=(),
        share=1.0,
        since=700.0,
        worst=SIGNAL,
        throttled=False,
        split=(1, 0, 0),
        raw=True,
        accepted=False,
        fail_share=6 / 7,
        refused_looks=0,
        alternates=False,
        mixed=True,
        began=-300.0,
        now_share=1.0,
        only_fails=True,
        unreachable=False,
        kinds=frozenset({"4xx-rcpt"}),
    )
    assert probe({"a": BAD}) == right
    assert probe({"a": BAD, "b": BAD}) == replace(right, split=(2, 0, 0))


def test_a_probe_that_one_of_three_places_sees_fail_is_not_down() -> None:
    """That place is named. The share is the middle one, the times are the first ones."""
    found = probe({"a": WELL, "b": BAD, "c": WELL})
    assert (found.known, found.down, found.raw, found.failing_now, found.suspect) == (True, False, False, False, True)
    assert (found.alone, found.split, found.share) == (("b",), (1, 2, 0), 0.0)
    assert (found.fail_share, found.now_share) == (pytest.approx(6 / 7 / 3), pytest.approx(1 / 3))
    assert (found.since, found.began, found.worst, found.accepted) == (700.0, -300.0, SIGNAL, False)
    assert found.only_fails and found.mixed and not found.unreachable


def test_a_place_that_is_silent_does_not_vote() -> None:
    """After five looks that are missing, and one interval."""
    old = {"a": BAD}
    assert probe(old, now=360.0).known and not probe(old, now=360.1).known
    slow = replace(SMTP, every_s=120.0)
    assert probe(old, now=660.0, watched=slow).known and not probe(old, now=660.1, watched=slow).known
    assert probe({"a": BAD, "b": stream(*WELL, first=-400.0)}).split == (1, 0, 1)


def test_what_fails_now_was_seen_lately() -> None:
    """In two and a half intervals of the probe, or of the rules."""
    assert probe({"a": BAD}, now=150.0).failing_now and not probe({"a": BAD}, now=150.1).failing_now
    slow = replace(SMTP, every_s=120.0)
    assert probe({"a": BAD}, now=300.0, watched=slow).failing_now
    assert not probe({"a": BAD}, now=300.1, watched=slow).failing_now
    quick = replace(SMTP, every_s=10.0)
    assert probe({"a": BAD}, now=110.0, watched=quick).failing_now
    assert probe({"a": [*BAD, OK]}).down and not probe({"a": [*BAD, OK]}).failing_now
    assert probe({"a": [*BAD, UNKNOWN]}).raw and not probe({"a": [*BAD, UNKNOWN]}).failing_now


def test_two_places_decide_together_and_unknown_votes_for_nothing() -> None:
    """Both must see it; what one does not know is no vote against."""
    assert not probe({"a": BAD, "b": WELL}).down and not probe({"a": BAD, "b": None}).down
    three = probe({"a": BAD, "b": BAD, "c": None})
    assert three.down and three.split == (2, 0, 1) and three.failing_now
    assert not probe({"a": BAD, "b": BAD, "c": WELL}).down  # one that sees it solidly well weighs as much as three
    shaky = [*[LATER] * 2, *[OK] * 4]
    assert probe({"a": BAD, "b": BAD, "c": shaky}).down


def test_places_from_which_only_it_may_be_looked_at() -> None:
    """Others have no vote."""
    only = replace(SMTP, vantages=("b",))
    assert probe({"a": WELL, "b": BAD}, watched=only).down and probe({"a": WELL, "b": BAD}, watched=only).split == (
        1,
        0,
        0,
    )


def test_places_of_one_network_vote_together() -> None:
    """Four of five that fail are one of two."""
    where = {"a": WELL, **dict.fromkeys("bcde", BAD)}
    assert probe(where).down
    assert not probe(where, networks=dict.fromkeys("bcde", "x")).down
    assert not probe(where, networks=dict.fromkeys("bcde", "x")).failing_now


def test_a_place_whose_own_address_is_limited_does_not_speak_for_others() -> None:
    """Where all are, there is nobody else."""
    limited = [LIMIT] * 6
    found = probe({"a": WELL, "b": limited, "c": WELL})
    assert not found.down and found.alone == ("b",) and found.throttled and found.suspect
    assert found.now_share == 0.0 and found.share == 0.0 and found.since is None
    assert probe({"a": limited, "b": limited}).down
    assert probe({"a": BAD, "b": limited}).down is False  # one vote of two
    assert not probe({"a": BAD}).throttled


def test_refusals_for_good_count_sooner() -> None:
    """Three looks; and are told apart from other failures."""
    found = probe({"a": [OK, NO, NO, NO]})
    assert found.down and found.rejecting and found.refused_looks == 3 and not found.mixed
    assert not probe({"a": [OK, NO, NO]}).down
    assert probe({"a": [NO] * 3, "b": [NO] * 3}).refused_looks == 6
    assert not probe({"a": [NO] * 3, "b": WELL}).rejecting
    assert not probe({**dict.fromkeys("abcd", [NO] * 3), "e": WELL, "f": WELL}).rejecting
    assert probe({"a": [NO, OK, NO, OK, NO]}).alternates and not probe({"a": [NO, OK, NO]}).alternates


def test_suspicion_needs_two_failures_at_one_place() -> None:
    """One is a blip."""
    assert probe({"a": [OK, LATER, LATER], "b": WELL}).suspect
    assert not probe({"a": [OK, LATER], "b": [OK, LATER]}).suspect
    low = Rules(threshold=1, suspect=2)
    assert probe({"a": stream(OK, LATER)}, rules=low).suspect


def test_the_worst_look_is_of_a_place_that_sees_it_down() -> None:
    """Before that of one that is only suspicious; a good last look is none."""
    down, shaky = [OK, *[(FAIL, "5xx")] * 6], [OK, LATER, LATER]
    assert probe({"a": shaky, "b": down, "c": WELL}).worst.kind == "5xx"
    assert probe({"a": down, "b": shaky, "c": WELL}).worst.kind == "5xx"
    assert probe({"a": shaky, "b": WELL, "c": WELL}).worst.kind == "4xx-rcpt"
    assert probe({"a": [LATER, LATER, OK], "b": WELL}).worst is None


def test_a_path_that_is_broken_near_some_places() -> None:
    """No conversation from where it fails; solidly well from elsewhere."""
    cut = [OK, *[OUT] * 6]
    assert probe({"a": cut, "b": WELL}).unreachable
    assert not probe({"a": BAD, "b": WELL}).unreachable and not probe({"a": cut, "b": BAD, "c": WELL}).unreachable
    assert not probe({"a": cut}).unreachable and not probe({"a": [LATER, LATER], "b": WELL}).unreachable


@pytest.mark.parametrize("role", [Role.PEOPLE, Role.TOLD])
def test_people_and_other_monitors_have_counted_already(role) -> None:
    """One word is enough, from anywhere; it ends with the next."""
    told = replace(SMTP, role=role)
    found = probe({"a": [FAIL], "b": None}, watched=told)
    assert found.down and found.failing_now and not found.rejecting
    assert not probe({"a": [FAIL, OK], "b": None}, watched=told).down
    assert not probe({"a": [FAIL], "b": None}).down


def test_solid_places_make_it_accepted() -> None:
    """All that can tell."""
    blip = [LATER, *[OK] * 11]
    assert probe({"a": blip, "b": WELL}).accepted and not probe({"a": [LATER, OK, OK], "b": WELL}).accepted
    assert probe({"a": blip, "b": None}).accepted


# -- ways --------------------------------------------------------------------------------------------------------------


def one(*, down=False, known=True, share=0.0, since=None, worst=None, name="smtp", **more):
    """What is known of a target."""
    watched = replace(SMTP, probe=name)
    made = ProbeView(watched, known, down, False, False, down, (), share, since, worst)
    return replace(made, **more)


def test_a_way_is_all_of_its_targets() -> None:
    """Of three of which two are down: the mean of what fails, the first time, the worst look, the clearest vote."""
    first = one(down=True, share=0.5, since=20.0, worst=SIGNAL, split=(1, 0, 0), raw=True)
    second = one(down=True, share=1.0, since=10.0, split=(2, 0, 0), raw=True, rejecting=True, failing_now=True)
    third = one(share=0.9, since=5.0, split=(3, 0, 0))
    assert view_way([first, second, third], RULES) == WayView(
        way="smtp",
        role=Role.LOOK,
        known=True,
        down=True,
        rejecting=False,
        failing_now=True,
        suspect=True,
        share=0.75,
        down_targets=2,
        targets=3,
        since=10.0,
        worst=SIGNAL,
        split=(2, 0, 0),
        raw=True,
        probes=(first, second, third),
    )


def test_a_way_of_which_less_than_most_targets_fail_is_not_down() -> None:
    """Half is not most; where less than a half is asked for, that is enough."""
    bad = one(down=True, share=1.0, since=9.0, failing_now=True, rejecting=True, raw=True, split=(1, 0, 0))
    found = view_way([bad, one(share=0.2, since=3.0)], RULES)
    assert (found.down, found.failing_now, found.rejecting, found.raw, found.down_targets) == (False,) * 4 + (1,)
    assert (found.share, found.since, found.targets, found.split) == (1.0, 9.0, 2, (1, 0, 0))
    assert view_way([bad, one(), one()], Rules(target_share=0.3)).down
    assert not view_way([bad, one(), one()], Rules(target_share=0.34)).down
    assert view_way([bad, bad, one()], RULES).down and not view_way([bad, bad, one()], Rules(target_share=0.7)).down


def test_a_way_that_refuses_does_so_for_most_of_what_is_down() -> None:
    bad, no = one(down=True), one(down=True, rejecting=True)
    assert view_way([no, no, bad], RULES).rejecting and not view_way([no, bad], RULES).rejecting


def test_a_way_of_which_nothing_is_down() -> None:
    """The largest share, the first time, the look of one that has a bad one."""
    found = view_way([one(share=0.1, since=8.0), one(share=0.3, since=4.0, worst=SIGNAL)], RULES)
    assert (found.known, found.down, found.share, found.since, found.worst) == (True, False, 0.3, 4.0, SIGNAL)
    assert not found.suspect and view_way([one(suspect=True), one()], RULES).suspect


def test_targets_that_are_not_known_do_not_count() -> None:
    """Where none is, nothing is known of the way."""
    bad, blind = one(down=True, raw=True), one(known=False, suspect=True, share=1.0, worst=SIGNAL, since=1.0)
    found = view_way([blind, bad], RULES)
    assert (found.down, found.raw, found.targets, found.since) == (True, True, 1, None)
    nothing = view_way([blind], RULES)
    assert nothing == WayView(
        "smtp", Role.LOOK, False, False, False, False, False, 0.0, 0, 0, None, None, probes=(blind,)
    )


def test_the_share_of_whole_failures_is_of_what_is_down_or_of_all() -> None:
    """And a way is accepted when every target that is known is."""
    half, none = one(down=True, fail_share=0.5), one(fail_share=0.1)
    assert view_way([half, none], RULES).fail_share == 0.5
    assert view_way([none, one(fail_share=0.3)], RULES).fail_share == pytest.approx(0.2)
    assert view_way([one(known=False, fail_share=1.0)], RULES).fail_share == 0.0
    good = one(accepted=True)
    assert view_way([good, one(known=False)], RULES).accepted and not view_way([good, one()], RULES).accepted
    assert not view_way([one(known=False, accepted=True)], RULES).accepted


# -- planes ------------------------------------------------------------------------------------------------------------


def way(name="smtp", *, down=False, role=Role.LOOK, known=True, **more):
    """What is known of a way of looking."""
    made = WayView(name, role, known, down, False, down, False, 1.0 if down else 0.0, int(down), 1, None, None)
    return replace(made, **more)


def plane(*ways, corroborated=False, rules=RULES, halved=False):
    return view_plane("inbound", ways, corroborated=corroborated, rules=rules, halved=halved)


DOWN, FINE, BLIND = way("a", down=True, since=5.0), way("b"), way("c", known=False)
PEOPLE, TOLD = way("people", down=True, role=Role.PEOPLE), way("told", down=True, role=Role.TOLD)


def test_a_plane_that_two_ways_see_down() -> None:
    """Everything that is said of it."""
    other = way("d", down=True, since=3.0, share=0.8, failing_now=False)
    ways = (DOWN, other, replace(FINE, since=1.0))
    assert plane(*ways) == PlaneView(
        "inbound", "down", ways, False, True, 1.0, 3.0, agree=2, against=("b",), seen=True
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ways", "more", "status", "seen"),
    [
        ((), {}, "unknown", False),
        ((FINE,), {}, "ok", False),
        ((BLIND,), {}, "unknown", False),
        ((BLIND, FINE), {}, "ok", False),
        ((DOWN,), {}, "down", True),
        ((DOWN, BLIND), {}, "down", True),
        ((DOWN, FINE), {}, "suspect", False),
        ((DOWN, FINE), {"corroborated": True}, "down", True),
        ((DOWN, FINE, PEOPLE), {}, "down", True),
        ((DOWN, FINE, TOLD), {}, "down", True),
        ((replace(DOWN, rejecting=True), FINE), {}, "down", True),
        ((DOWN,), {"halved": True}, "suspect", False),
        ((DOWN, replace(DOWN, way="d")), {"halved": True}, "down", True),
        ((DOWN, FINE), {"rules": Rules(need=1)}, "down", True),
        ((PEOPLE,), {}, "down", False),
        ((PEOPLE, BLIND), {}, "unknown", False),
        ((PEOPLE, FINE), {}, "suspect", False),
        ((TOLD,), {}, "suspect", False),
        ((TOLD, FINE), {}, "suspect", False),
        ((way("told", role=Role.TOLD),), {}, "unknown", False),
        ((FINE,), {"corroborated": True}, "ok", False),
        ((way(suspect=True),), {}, "suspect", False),
        ((way(share=0.3),), {}, "partial", False),
        ((way(down_targets=1),), {}, "partial", False),
        ((way(share=0.3), FINE, way("d", suspect=True)), {}, "partial", False),
        ((replace(DOWN, muted="x"), FINE), {}, "ok", False),
        ((replace(DOWN, muted="x"),), {}, "ok", False),
        ((way(share=0.3, muted="x"),), {}, "ok", False),
        ((way(suspect=True, muted="x"),), {}, "suspect", False),
    ],
)
def test_the_status_of_a_plane(ways, more, status, seen) -> None:
    """Two ways; or one and something that backs it; or the only one there is."""
    found = plane(*ways, **more)
    assert (found.status, found.seen) == (status, seen)
    assert found.status == "down" or not found.failing_now


def test_who_agrees_and_who_is_against() -> None:
    """Whoever says so counts; whoever looks and sees it well is against it. A way without a failing look is not
    against a refusal."""
    found = plane(DOWN, FINE, PEOPLE, TOLD, way("e", suspect=True))
    assert found.agree == 3 and found.against == ("b",)
    assert plane(replace(DOWN, rejecting=True), FINE).against == ()
    assert plane(replace(DOWN, rejecting=True), way("e", share=0.1)).against == ("e",)
    assert plane(DOWN, replace(FINE, muted="x")).against == ()
    assert plane(replace(DOWN, rejecting=True), FINE).rejecting and not plane(DOWN).rejecting


def test_when_it_began_and_how_much_of_it_fails() -> None:
    """Of those that agree, else of all; muted ways have no share."""
    assert plane(DOWN, replace(FINE, since=1.0)).since == 5.0
    assert plane(way("e", since=7.0), way("f", since=6.0)).since == 6.0
    assert plane(DOWN, replace(FINE, share=0.4)).share == 1.0
    assert plane(replace(DOWN, muted="x"), replace(FINE, share=0.4)).share == 0.4
    assert plane(replace(DOWN, muted="x")).share == 0.0


def test_what_fails_now_is_what_is_down_and_fails_now() -> None:
    """By a look; by people where they alone say so."""
    assert plane(DOWN).failing_now and not plane(replace(DOWN, failing_now=False)).failing_now
    assert plane(PEOPLE).failing_now
    assert not plane(replace(DOWN, failing_now=False), PEOPLE).failing_now


def test_a_view_that_refuses() -> None:
    """By its count, or by its last look."""
    no = Signal("smtp", "inbound", FAIL, 0.0, "rejects")
    assert refuses(one(rejecting=True)) and refuses(one(down=True, worst=no))
    assert not refuses(one(worst=no)) and not refuses(one(down=True, worst=SIGNAL)) and not refuses(one(down=True))


def test_controls_that_all_fail_make_their_medium_sick() -> None:
    """Silent ones do not vote; where every control fails this place is cut off."""
    smtp, web = replace(SMTP, control=True), Watched("web", "https", "edge", medium="https", control=True)
    bad, fine, blind = stream(OUT), stream(OK), stream(UNKNOWN)
    assert sick_media([(smtp, bad, True), (web, fine, True)]) == {"smtp"}
    assert sick_media([(smtp, blind, True), (web, fine, True)]) == {"smtp"}
    assert sick_media([(smtp, bad, True), (smtp, fine, True), (web, fine, True)]) == set()
    assert sick_media([(smtp, bad, True), (web, bad, True)]) == {"smtp", "https", "*"}
    assert sick_media([(smtp, bad, True), (web, fine, False)]) == {"smtp", "*"}
    assert sick_media([(smtp, bad, True), (web, None, True)]) == {"smtp", "*"}
    assert sick_media([(smtp, Stream(), True)]) == set() == sick_media([])
    assert sick_media([(smtp, stream(DEGRADED), True)]) == set()
    assert sick_media([(web, None, True), (smtp, bad, False), (smtp, fine, True)]) == set()


SENDER, GREETED = (UNKNOWN, "own-sender"), (UNKNOWN, "own-greeting")


@pytest.mark.parametrize(
    ("newest", "way", "share"),
    [
        (LATER, "smtp", 1.0),
        (SENDER, "smtp", 0.0),  # refused for what we are: it got past the greeting
        ((UNKNOWN, "greylisted"), "smtp", 0.0),
        (LIMIT, "smtp", 1.0),
        ((UNKNOWN, "overran"), "smtp", 1.0),  # it hung, or nobody looked: no good look
        ((UNKNOWN, "timeout"), "smtp", 1.0),  # set aside: the controls of this place fail
        ((UNKNOWN, ""), "smtp", 1.0),
        ((UNKNOWN, ""), "resolve", 0.0),  # another way's look, which would have told
        ((UNKNOWN, ""), "mail", 0.0),
        ((UNKNOWN, "timeout"), "resolve", 1.0),
    ],
)
def test_a_look_that_may_have_got_past_is_no_failing_one(newest, way, share) -> None:
    """Of a way that only tells of failures all looks that are known fail: its share is of all looks."""
    seen = probe({"a": [OK, LATER, LATER, newest]}, watched=replace(SMTP, way=way))
    assert seen.now_share == share
    two = probe({"a": [OK, LATER, LATER, newest], "b": [OK, LATER]}, watched=replace(SMTP, way=way))
    assert two.now_share == (1.0 + share) / 2
