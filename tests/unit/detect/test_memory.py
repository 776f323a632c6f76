"""What is remembered of a plane: failing minutes, certain shares, flapping."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bcp.contracts.probe import Role, Watched
from bcp.detect.memory import PlaneMemory, fails_now, raw_of, share_now
from bcp.detect.planes import PlaneView, ProbeView, WayView
from bcp.detect.rules import Rules

RULES = Rules(confirm_for_s=60.0)
SMTP = Watched("smtp", "smtp", "inbound")


def way(
    *,
    down=False,
    raw=False,
    share=0.0,
    name="smtp",
    muted="",
    discounted=False,
    known=True,
    role=Role.LOOK,
    every_s=60.0,
):
    watched = replace(SMTP, every_s=every_s)
    probe = ProbeView(watched, known, down, False, raw, False, (), share, None, None, now_share=1.0 if raw else 0.0)
    return WayView(
        name,
        role,
        known,
        down,
        False,
        raw,
        down or raw,
        share,
        int(down),
        1,
        None,
        None,
        raw=raw,
        probes=(probe,),
        muted=muted,
        discounted=discounted,
    )


def plane(status, *ways, now=False, since=None, rejecting=False):
    return PlaneView("inbound", status, ways, rejecting, now, 0.0, since)


DOWN = plane("down", way(down=True, raw=True), now=True, since=100.0)
WELL, BLIND = plane("ok", way()), plane("unknown", way(known=False))


def feed(*views, step=60.0):
    memory = PlaneMemory()
    for i, view in enumerate(views):
        memory.remember(view, i * step, 1000.0 + i * step, step if i else 0.0, RULES, beat=True)
    return memory


def test_failing_time_runs_between_failing_rounds_and_a_good_minute_takes_a_quarter() -> None:
    """The first round of a failure adds nothing: it began there. Blindness moves nothing."""
    assert feed(DOWN).failed_s == 0.0
    assert feed(WELL, DOWN, DOWN, DOWN).failed_s == 120.0
    assert feed(DOWN, DOWN, DOWN, WELL).failed_s == 105.0
    assert feed(DOWN, DOWN, DOWN, WELL, DOWN, DOWN).failed_s == 165.0
    assert feed(DOWN, DOWN, BLIND, BLIND, DOWN, DOWN).failed_s == 120.0
    assert feed(DOWN, DOWN, *[WELL] * 5).failed_s == 0.0


def test_relapses_add_up() -> None:
    """110 minutes down, 15 up: ten more are enough for two hours."""
    memory = feed(*[DOWN] * 111, *[WELL] * 15, *[DOWN] * 15)
    assert memory.failed_s == 110 * 60 - 15 * 15 + 14 * 60
    assert memory.failed_s >= 7200


def test_it_is_confirmed_when_it_is_held_and_still_fails() -> None:
    """Rejects at once; blindness neither confirms nor clears; one good round clears."""
    assert not feed(DOWN).confirmed and feed(DOWN, DOWN).confirmed
    assert not feed(DOWN, plane("down", way(down=True), now=False)).confirmed
    assert feed(plane("down", way(down=True, raw=True), now=True, rejecting=True)).confirmed
    assert feed(DOWN, DOWN, BLIND).confirmed and not feed(DOWN, DOWN, WELL).confirmed
    assert not feed(DOWN, BLIND).confirmed


def test_since_is_for_people() -> None:
    """The first failing look, else the round; forgotten when it is well."""
    assert feed(DOWN).since == 100.0 and feed(DOWN, WELL).since is None
    assert feed(WELL, plane("suspect", way(raw=True))).since == 1060.0
    assert feed(plane("suspect", way(raw=True)), plane("partial", way(raw=True))).since == 1000.0


def test_the_share_is_certain_and_recent() -> None:
    """All bad: no doubt. Nine of ten over two hours: sure. What was an hour ago is no reason now."""
    assert feed(*[DOWN] * 7).sure_share() == 1.0 and PlaneMemory().sure_share() == 0.0
    some = plane("down", way(down=True), now=False)
    assert 0.76 < feed(*([some] + [DOWN] * 9) * 12).sure_share() < 0.77
    assert feed(*[DOWN] * 115, some, some, some, DOWN, DOWN).sure_share() == 0.4  # of the newest five
    assert feed(*[DOWN] * 115, some, some, some, DOWN, DOWN).likely_share() == 0.85  # of the last twenty
    old = feed(*[DOWN] * 100, *[some] * 20)
    assert old.sure_share() == 0.0
    assert feed(*([DOWN] * 11 + [some] * 9) * 6).sure_share() < 0.55


def test_lately_is_five_rounds() -> None:
    """Then nobody is asked any more."""
    assert feed(DOWN, *[WELL] * 4).lately() and not feed(DOWN, *[WELL] * 5).lately() and not feed(WELL).lately()


def test_it_is_forgotten_when_all_is_well() -> None:
    """Shares go when no minute is left and the last rounds are good."""
    assert feed(WELL).idle and not feed(DOWN, DOWN).idle
    assert feed(DOWN, DOWN, *[WELL] * 25).idle and not feed(DOWN, DOWN, *[WELL] * 10).idle


def test_coming_and_going_is_flapping() -> None:
    """Every other round; one change is none; nine of ten is down."""
    raw = plane("suspect", way(raw=True))
    assert feed(*[raw, WELL] * 12).flapping and not feed(*[WELL] * 10, *[DOWN] * 10).flapping
    assert not feed(*([DOWN] * 9 + [plane("down", way(down=True))]) * 3).flapping
    assert feed(*[raw, WELL] * 12, *[WELL] * 5).flapping and not feed(*[raw, WELL] * 12, *[WELL] * 40).flapping


@pytest.mark.parametrize(
    ("ways", "raw", "fails"),
    [
        ([way(raw=True)], True, True),
        ([way(raw=True, discounted=True)], True, False),
        ([way(raw=True, muted="accepted")], False, False),
        ([way(raw=True, role=Role.PEOPLE)], False, False),
        ([way(raw=True, known=False)], False, False),
        ([way()], False, False),
    ],
)
def test_what_counts_as_failing_now(ways, raw, fails) -> None:
    """Looks of our own that are believed; what proves nothing comes and goes only."""
    assert (raw_of(plane("down", *ways)), fails_now(plane("down", *ways))) == (raw, fails)


def test_the_share_of_now_is_that_of_known_recipients() -> None:
    """Unknown ones count only where nothing else looks; what is down before what is not."""
    assert share_now(plane("partial", way(), way(raw=True, down=True, name="smtp-unknown")))[0] == 0.0
    assert share_now(plane("down", way(raw=True, down=True, name="smtp-unknown")))[0] == 1.0
    assert share_now(plane("down", way(raw=True, down=True), way(name="queue")))[0] == 1.0
    assert share_now(plane("ok"))[0] == 0.0
    assert share_now(plane("suspect", way(raw=True), way(name="queue")))[0] == 1.0


def test_ten_hours_of_55_percent_are_hardly_ever_certain() -> None:
    """The share is asked about every round: what 95 % of certainty allows by luck, once in ten days, is too much."""
    wrong = sum(_certain(0.55, 600, seed) for seed in range(40))
    assert wrong <= 1
    assert all(_certain(0.85, 160, seed) for seed in range(40))


def test_ten_hours_at_the_configured_share_are_hardly_ever_certain() -> None:
    """Once in a hundred times it is by luck, where it is just what was configured; `bench/certainty.py` plays many."""
    assert sum(_certain(0.5, 600, seed, 0.5) for seed in range(40)) <= 1
    assert not any(_certain(0.45, 600, seed, 0.5) for seed in range(20))


def test_places_that_do_not_fail_together_tell_more() -> None:
    """Four of five places fail, round by round: an hour is enough, and of rounds that share one fate it is not."""
    four = way(raw=True, down=True)
    four = plane("down", replace(four, probes=(replace(four.probes[0], now_share=0.8),)))
    well = plane("down", way(down=True))
    assert feed(*[four] * 60).sure_share() > 0.65
    assert feed(*[DOWN, DOWN, well, DOWN, DOWN] * 12).sure_share() < 0.6


def test_what_a_newer_look_may_have_got_past_makes_no_failing_minutes() -> None:
    """The last known look fails, and the newest says nothing of it (*censored*)."""
    stuck = way(raw=True)
    stuck = plane("suspect", replace(stuck, probes=(replace(stuck.probes[0], now_share=0.0),)))
    assert raw_of(stuck) and not fails_now(stuck)
    assert feed(*[plane("suspect", way(raw=True))] * 5).failed_s == 240.0 and feed(*[stuck] * 5).failed_s == 0.0


def _certain(share: float, rounds: int, seed: int, least: float = 0.6) -> bool:
    """Is ``least`` certain, at some round from the decision time on, where so many rounds fail by chance?"""
    chance, memory = random.Random(seed), PlaneMemory()
    for n in range(rounds):
        memory.shares.append(float(chance.random() < share))
        memory.weights.append(1.0)
        if n >= 119 and memory.shares[-1] and memory.sure_share() >= least:
            return True
    return False


def test_a_mail_that_stands_for_five_rounds_is_one_look() -> None:
    """Its last result is that of every round until the next: looks of every round speak where there are any."""
    looks, mail = way(raw=True, down=True), way(raw=True, down=True, name="mail", every_s=300.0)
    half = replace(looks, probes=(replace(looks.probes[0], now_share=0.5),))
    assert share_now(plane("down", half, mail)) == (0.5, 60.0) and share_now(plane("down", mail, half)) == (0.5, 60.0)
    assert share_now(plane("down", mail)) == (1.0, 300.0) and share_now(plane("ok")) == (0.0, 0.0)
    some = replace(mail, probes=(replace(mail.probes[0], now_share=0.0),))
    often = feed(*([plane("down", half)] * 20), *[plane("down", looks)] * 80)
    seldom = feed(*[plane("down", some)] * 10, *[plane("down", mail)] * 90)
    assert set(often.weights) == {1.0} and set(seldom.weights) == {0.2}
    assert often.sure_share() > 0.79 > seldom.sure_share() > 0.5  # 0.9 of 100 looks, and of 20
    assert seldom.likely_share(0.0) == pytest.approx(0.9)


def test_rounds_may_be_short_and_a_clock_that_runs_back_moves_nothing() -> None:
    """Half a second counts as that."""
    assert feed(DOWN, DOWN, DOWN, step=0.5).failed_s == 1.0
    assert feed(*[DOWN] * 9, WELL, step=0.5).failed_s == 4.0 - 0.125
    back = feed(DOWN, DOWN)
    back.remember(DOWN, 0.0, 0.0, -5.0, RULES, beat=False)
    assert back.failed_s == 60.0
    back.remember(WELL, 0.0, 0.0, -5.0, RULES, beat=False)
    assert back.failed_s == 60.0


def test_the_share_of_now_is_the_mean_over_targets() -> None:
    """Of those that are known; where the way is down, of those that are down."""
    one = way(raw=True, down=True)
    half = replace(one.probes[0], now_share=0.5)
    assert share_now(plane("down", replace(one, probes=(half, one.probes[0]))))[0] == 0.75
    well = replace(half, down=False, now_share=0.0)
    assert share_now(plane("down", replace(one, probes=(half, well))))[0] == 0.5
    assert share_now(plane("partial", replace(one, down=False, share=0.2, probes=(half, well))))[0] == 0.25


def test_a_mail_in_the_last_round_takes_no_weight_from_looks_before_it() -> None:
    """A hundred rounds of looks are a hundred looks, whatever speaks in the newest one; and the other way round."""
    looks, mail = plane("down", way(raw=True, down=True)), plane("down", way(raw=True, down=True, every_s=300.0))
    well = plane("down", way(down=True))
    assert feed(*([looks] * 8 + [well] * 2) * 10, *[looks] * 5, mail).sure_share() > 0.64
    assert feed(*([mail] * 8 + [well] * 2) * 10, looks).sure_share() < 0.6
    assert sum(feed(looks, mail, looks).weights) == 2.2


def test_how_much_of_it_failed_is_forgotten_when_the_incident_would_close() -> None:
    """Its failing minutes leak away more slowly; but the next outage is not a part of one because of the good hours."""
    closed = feed(*[DOWN] * 100, *[WELL] * 29)
    assert closed.failed_s > 0 and closed.likely_share() == 0.0 and len(closed.shares) == 120
    again = feed(*[DOWN] * 100, *[WELL] * 30, *[DOWN] * 7)
    assert again.failed_s > 80 * 60.0 and list(again.shares) == [1.0] * 7 and again.sure_share() == 1.0
    assert feed(*[DOWN] * 100, *[WELL] * 29, *[DOWN] * 7).sure_share() < 0.9
    short = replace(RULES, keep_firing_for_s=60.0)  # the newest twenty say something all the same
    assert _fed_by(short, *[DOWN] * 30, *[WELL] * 19).shares and not _fed_by(short, *[DOWN] * 30, *[WELL] * 20).shares


def _fed_by(rules, *views):
    memory = PlaneMemory()
    for i, view in enumerate(views):
        memory.remember(view, 60.0 * i, 60.0 * i, 60.0 if i else 0.0, rules, beat=True)
    return memory


def test_mails_alone_make_no_failing_minutes() -> None:
    """What is seen of it is remembered; how long it lasted is not known."""
    memory = PlaneMemory()
    for i in range(20):
        memory.remember(DOWN, 60.0 * i, 60.0 * i, 60.0, RULES, beat=True, mails_alone=True)
    assert memory.failed_s == 0.0 and len(memory.shares) == 20 and memory.lately()
    memory.remember(DOWN, 1200.0, 1200.0, 60.0, RULES, beat=True)
    assert memory.failed_s == 0.0
    memory.remember(DOWN, 1260.0, 1260.0, 60.0, RULES, beat=True)
    assert memory.failed_s == 60.0


SLOW = plane("partial", way(share=0.2))
"""Degraded, and no look fails as a whole: a name server that is lame all day, one address of four."""


def test_what_was_degraded_before_does_not_make_a_part_of_what_fails_now() -> None:
    """Two hours lame, half an hour without a name: all of it fails, and no quarter."""
    found = feed(*[SLOW] * 120, *[DOWN] * 30)
    assert found.sure_share() == found.likely_share() == 1.0 and len(found.shares) == 30


def test_once_it_fails_degraded_rounds_count_as_rounds_in_which_it_does_not() -> None:
    """Failing and degraded by turns is a half."""
    found = feed(*[DOWN, SLOW] * 30)
    assert len(found.shares) == 60 and 0.29 < found.sure_share() < 0.3 and found.likely_share(0.0) == 0.5


def test_an_outage_of_the_morning_is_forgotten_although_something_is_degraded_on() -> None:
    """Ten minutes at nine, and for good at noon: the rounds between are of neither."""
    found = feed(*[DOWN] * 10, *[SLOW] * 90, *[DOWN] * 20)
    assert len(found.shares) == 20 and found.sure_share() == 1.0


@pytest.mark.parametrize(
    ("rejecting", "grounds", "refused", "parted"),
    [(True, (), True, False), (False, ("two-recipients", "rejects-some"), False, True), (False, (), False, False)],
)
def test_when_false_rejects_were_proven_is_kept(rejecting, grounds, refused, parted) -> None:
    """Of all recipients or of a part of them; the time of the last proof stays."""
    found = feed(WELL, replace(plane("down", way(down=True, raw=True), rejecting=rejecting), grounds=grounds))
    assert (found.refused, found.parted) == (refused, parted)
    assert (found.false_at > float("-inf")) is (refused or parted)
    before = found.false_at
    found.remember(WELL, 1e6, 1e6, 60.0, RULES, beat=True)
    assert (found.refused, found.parted, found.false_at) == (False, False, before)


def test_one_bad_look_of_a_plane_that_is_well_begins_nothing() -> None:
    """A quarter of an hour later the name fails for good: all of it fails, and no two thirds."""
    blip = plane("ok", way(raw=False))
    one = replace(blip.ways[0], probes=(replace(blip.ways[0].probes[0], now_share=1 / 3),))
    found = feed(replace(blip, ways=(one,)), *[WELL] * 15, *[DOWN] * 30)
    assert len(found.shares) == 30 and found.sure_share() == 1.0


def test_nor_do_degraded_minutes_between_two_outages_while_failing_minutes_are_still_left() -> None:
    """The share begins anew after half an hour; what is degraded then is of neither."""
    found = feed(*[DOWN] * 10, *[SLOW] * 33, *[DOWN] * 20)
    assert found.failed_s > 19 * 60.0 and len(found.shares) == 20
