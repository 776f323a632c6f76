"""Counters and shares of one place."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.probe import Result, Signal
from bcp.detect.counter import Stream, flap_percent, independent, leak, wilson_low
from bcp.detect.rules import Rules

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules()


def feed(*looks):
    stream = Stream()
    for i, look in enumerate(looks):
        result, kind = look if isinstance(look, tuple) else (look, "4xx" if look is FAIL else "")
        stream.take(Signal("p", "inbound", result, 1000.0 + i, kind), float(i), RULES)
    return stream


def test_degraded_drains_as_good_looks_do() -> None:
    """A part fails, so the whole does not."""
    assert leak(3, DEGRADED, 5) == leak(3, OK, 5) == 2
    assert leak(3, UNKNOWN, 5) == 3 and leak(10, FAIL, 5) == 10 and leak(0, OK, 5) == 0
    assert not feed(*[FAIL] * 5, *[DEGRADED] * 5).down


def test_degraded_all_the_time_is_partial_and_never_a_share_of_failures() -> None:
    """It is noticed; it is no reason to move anything."""
    stream = feed(*[DEGRADED] * 8)
    assert stream.partial and not stream.down and stream.fail_share() == 0.0 and stream.share() == 1.0
    assert not feed(*[DEGRADED] * 4).partial


def test_a_refusal_between_acceptances_proves_that_a_recipient_exists() -> None:
    """Three returns; other failures between are no acceptance."""
    no = (FAIL, "rejects")
    assert not feed(no, no, OK, no, OK).alternates
    assert feed(no, OK, no, OK, no).alternates
    assert not feed(no, FAIL, no, FAIL, no, FAIL, no).alternates
    assert not feed(*[no] * 20).alternates
    assert feed(no, OK, no, OK, no, *[OK] * 7).alternates
    assert not feed(no, OK, no, OK, no, *[OK] * 8, no).alternates  # that is another episode: was it removed?
    assert feed(no, FAIL).mixed and not feed(no, OK).mixed
    assert feed(no, OK, no).refused_looks() == 2


def test_refusals_of_an_outage_that_is_over_are_none_of_the_next() -> None:
    """In the window they are all there; since the counter left zero only those of now."""
    no, late = (FAIL, "rejects"), (FAIL, "timeout")
    over = [no, no, no, OK, OK, OK]
    assert feed(*over, late, late).refused_looks() == 3
    assert feed(*over, late, late).refused_looks(of_this_failure=True) == 0
    assert feed(*over, late, no, late).refused_looks(of_this_failure=True) == 1
    assert feed(*over).refused_looks(of_this_failure=True) == 3  # nothing has begun since
    assert feed(*[no] * 30).refused_looks(of_this_failure=True) == 20  # as far as the window goes


@pytest.mark.parametrize(("others", "refused"), [(5, 4), (6, 0), (9, 0)])
def test_refusals_are_over_when_it_has_failed_in_another_way_for_six_looks(others, refused) -> None:
    """Valid recipients were refused, and now all mail is put off: that is another outage, with another clock."""
    s = feed(*[(FAIL, "rejects")] * 4, *[(FAIL, "4xx-rcpt")] * others)
    assert s.down and s.refused_looks() == refused == s.refused_looks(of_this_failure=True)


@pytest.mark.parametrize("between", [(OK, ""), (DEGRADED, "slow"), (FAIL, "rejects")])
def test_refusals_among_other_looks_are_not_over(between) -> None:
    s = feed(*[(FAIL, "rejects")] * 4, *[(FAIL, "4xx-rcpt")] * 3, between, *[(FAIL, "4xx-rcpt")] * 3)
    assert s.refused_looks() >= 4


def test_solid_is_well_for_half_a_window() -> None:
    """One failure ten looks ago is forgotten, one of nine looks ago is not."""
    assert feed(FAIL, *[OK] * 10).solid
    assert not feed(FAIL, *[OK] * 9).solid
    assert not feed(*[OK] * 12, DEGRADED).solid and not feed(UNKNOWN).solid


def test_failing_is_the_newest_look_and_nothing_else() -> None:
    """Unknown after a failure says nothing of now."""
    assert feed(OK, FAIL).failing() and not feed(FAIL, OK).failing() and not feed(FAIL, UNKNOWN).failing()
    assert feed(OK, (FAIL, "timeout"), OK).bad_kind == "timeout"


def test_when_it_began_is_forgotten_with_the_counter() -> None:
    """In wall and in steady time."""
    stream = feed(OK, FAIL, FAIL)
    assert (stream.first_failure, stream.began) == (1001.0, 1.0)
    stream = feed(OK, FAIL, OK)
    assert (stream.first_failure, stream.began) == (None, None)
    assert feed(FAIL, OK, FAIL).began == 2.0


def test_calm_is_all_well() -> None:
    """As far as the window goes."""
    assert feed(OK, OK).calm and not feed(FAIL, OK).calm and not feed(DEGRADED).calm
    assert feed(FAIL, *[OK] * 20).calm


def test_share_since_it_is_down() -> None:
    """Of the looks since it began, 20 at most."""
    stream = feed(*[OK] * 10, *[FAIL] * 6)
    assert stream.down and stream.share() == 1.0 and stream.counts() == (6, 6)
    assert feed(*[OK] * 10, *[FAIL] * 6, OK).share() == pytest.approx(6 / 7)
    assert feed(*[OK] * 5).share() == 0.0


@pytest.mark.parametrize(
    ("bad", "looks", "low"),
    [(0, 10, 0.0), (5, 10, 0.2693), (54, 60, 0.8181), (18, 20, 0.7386), (7, 7, 1.0), (3, 0, 0.0)],
)
def test_wilson(bad, looks, low) -> None:
    """Vectors computed by hand from the formula, z = 1.645; without a good look there is no doubt."""
    assert wilson_low(bad, looks) == pytest.approx(low, abs=0.0005)


def test_wilson_grows_with_looks_and_with_the_share() -> None:
    """More of the same is surer."""
    assert wilson_low(8, 10) < wilson_low(16, 20) < wilson_low(80, 100) < 0.8
    assert wilson_low(70, 100) < wilson_low(80, 100)


@pytest.mark.parametrize(
    ("shares", "weights", "share", "looks"),
    [
        ([], [], 0.0, 0.0),
        ([1.0] * 7, [1.0] * 7, 1.0, 7.0),
        ([0.0] * 7, [1.0] * 7, 0.0, 7.0),
        ([1.0, 0.0] * 30, [1.0] * 60, 0.5, 60.0),  # one fate a round: a round is a look
        ([1.0, 0.0] * 30, [0.2] * 60, 0.5, 12.0),  # a mail that stands for five rounds
        ([0.8] * 60, [1.0] * 60, 0.8, 180.0),  # rounds that do not differ: 60 * (60 + 30) / 30
        ([0.75, 0.25] * 15, [1.0] * 30, 0.5, 48.0),  # half as far apart: 30 * 0.25 * 60 / (30 / 16 + 30 / 4)
    ],
)
def test_of_how_many_looks_a_share_is(shares, weights, share, looks) -> None:
    """Computed by hand: how far rounds differ says how far the looks of a round share one fate."""
    assert independent(shares, weights) == pytest.approx((share, looks))


def test_rounds_count_as_a_look_each_at_least() -> None:
    """However they are spread, and however many of them there are; and as no more than the prior allows."""
    for shares in ([1.0, 0.0, 0.5], [0.1] * 100, [1.0] * 50 + [0.0] * 70):
        _, looks = independent(shares, [1.0] * len(shares))
        assert len(shares) - 1e-6 <= looks <= len(shares) * (len(shares) + 30) / 30 + 1e-6


def test_the_borders_of_partial() -> None:
    """A fifth of the looks in two stretches or more, one of them lately; it ends below half of that."""
    assert not feed(FAIL, OK, FAIL, OK).partial and feed(FAIL, OK, FAIL, OK, OK).partial
    assert not feed(*[OK] * 16, *[FAIL] * 4).partial  # one stretch is a blip
    assert feed(*[OK] * 14, FAIL, OK, FAIL, OK, FAIL, FAIL).partial
    assert not feed(*[OK] * 15, FAIL, OK, FAIL, FAIL, OK).partial  # three of twenty
    assert feed(FAIL, OK, FAIL, OK, OK, *[OK] * 15).partial  # two of twenty: half
    assert not feed(FAIL, OK, FAIL, OK, OK, *[OK] * 16).partial


def test_fresh_is_up_to_its_patience() -> None:
    """Seen at 0: fresh at 5, not after."""
    stream = feed(OK)
    assert stream.fresh(5.0, 5.0) and not stream.fresh(5.1, 5.0)
    assert not Stream().fresh(0.0, 1e9)


# -- against a model in plain lists ------------------------------------------------------------------------------------


class Model:
    """What a stream should say, from the whole list of its looks."""

    def __init__(self, looks) -> None:
        self.value = self.rejects = 0
        self.down = self.rejecting = self.partial = False
        self.began = self.seen = None
        self.known, self.run = [], 0
        took, self.returned = True, []
        for n, (result, kind) in enumerate(looks):
            if result is UNKNOWN:
                continue
            no = result is FAIL and kind == "rejects"
            before = self.value
            self.value = max(0, min(10, self.value + (1 if result is FAIL else -1)))
            self.rejects = max(0, min(6, self.rejects + (1 if no else -1)))
            self.down = self.value >= 5 or (self.down and self.value > 0)
            self.rejecting = self.rejects >= 3 or (self.rejecting and self.rejects > 0)
            self.seen, self.known = result, [*self.known, (result, no)][-20:]
            self.returned = [*self.returned, no and took][-20:]
            if all(r is OK for r, _ in self.known[-8:]):
                self.returned = []
            took = not no if no or result is OK else took
            self.run = self.run + 1 if self.value else 0
            self.began = None if not self.value else n if not before else self.began
            self.partial = self._partial()

    def _partial(self):
        bad = [r is not OK for r, _ in self.known]
        share = sum(bad) / len(bad)
        if self.partial:
            return share >= 0.1
        bursts = sum(b and not before for b, before in zip(bad, [False, *bad], strict=False))
        lasting = self.seen is DEGRADED and sum(bad) >= 5
        return len(bad) >= 5 and share >= 0.2 and any(bad[-10:]) and (bursts >= 2 or lasting)

    def says(self):
        fails = [r is FAIL for r, _ in self.known]
        bad = [r is not OK for r, _ in self.known]
        looks = min(self.run, 20) if self.down and self.run else len(fails)
        failed = sum(fails[len(fails) - looks :])
        share = failed / looks if self.down else sum(bad) / len(bad) if self.partial else 0.0
        over = len(fails) >= 6 and all(fails[-6:]) and not any(no for _, no in self.known[-6:])
        return {
            "value": self.value,
            "rejects": self.rejects,
            "down": self.down,
            "rejecting": self.rejecting,
            "partial": self.partial,
            "began": None if self.began is None else float(self.began),
            "first_failure": None if self.began is None else 1000.0 + self.began,
            "calm": not any(bad) and not self.value,
            "solid": self.seen is OK and not any(fails[-10:]),
            "alternates": sum(self.returned) >= 3,
            "mixed": any(r is FAIL and not no for r, no in self.known),
            "refused_looks": 0 if over else sum(no for _, no in self.known),
            "counts": (failed, looks),
            "share": share,
            "fail_share": sum(fails) / len(fails) if fails else 0.0,
        }


LOOKS = st.sampled_from([(OK, ""), (OK, ""), (FAIL, "4xx"), (FAIL, "rejects"), (DEGRADED, "slow"), (UNKNOWN, "")])


def runs(draws):
    """Looks in stretches, as outages have them."""
    return [look for look, times in draws for _ in range(times)]


@given(st.lists(st.tuples(LOOKS, st.integers(1, 8)), max_size=10).map(runs))
def test_a_stream_says_what_a_list_of_its_looks_says(looks) -> None:
    """Whatever comes in."""
    stream, model = feed(*looks), Model(looks).says()
    found = {k: getattr(stream, k) for k in model}
    assert {k: v() if callable(v) else v for k, v in found.items()} == model


def test_streams_of_many_kinds_say_what_their_lists_say() -> None:
    """The same by chance that is always the same, long enough for windows to turn over."""
    chance = random.Random(11)
    kinds = [(OK, ""), (FAIL, "4xx"), (FAIL, "rejects"), (DEGRADED, "slow"), (UNKNOWN, "")]
    for _ in range(120):
        weights = [chance.random() ** 2 + 0.01 for _ in kinds]
        looks = chance.choices(kinds, weights, k=chance.randrange(1, 60))
        stream, model = feed(*looks), Model(looks).says()
        found = {k: getattr(stream, k) for k in model}
        assert {k: v() if callable(v) else v for k, v in found.items()} == model


def nagios(states):
    """The percent as Nagios computes it (base/flapping.c): changes, weighed from 0.75 for the oldest to 1.25."""
    low, high, last = 0.75, 1.25, 20
    changes = sum((x - 1) * (high - low) / (last - 1) + low for x in range(1, last + 1) if states[x] != states[x - 1])
    return changes * 100.0 / last


@given(st.lists(st.booleans(), max_size=40))
def test_flapping_is_what_nagios_says(states) -> None:
    """Of the last 21 states; what was before the first is as the first."""
    padded = ([states[0]] * 21 + states)[-21:] if states else [False] * 21
    assert flap_percent(states) == pytest.approx(nagios(padded))


def test_a_window_of_good_looks_is_full_with_twenty() -> None:
    """What was well counts, look by look."""
    assert feed(*[OK] * 20, FAIL).fail_share() == 1 / 20 and feed(*[OK] * 5, FAIL).fail_share() == 1 / 6
    assert feed(*[OK] * 20, FAIL).counts() == (1, 20)
