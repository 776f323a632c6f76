"""The controller of a drain, played against an Exchange whose limits are known: pure, in simulated time."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.control import Controller
from bcp.drain.plan import forecast

BUSY = "host x[192.0.2.1] said: 451 4.7.500 Server busy (AS1)"
NO = "host x[192.0.2.1] said: 550 5.7.51 TenantInboundAttribution"
WIDE = {"mailbox": 10**9, "pair": 10**9}


def mail(n: int, to: str = "", sender: str = "s@out.test", *, queue: str = "deferred", reason: str = "") -> QueuedMail:
    return QueuedMail(f"Q{n:06}", sender, (to or f"u{n}@corp.test",), float(n), reason, queue)


@dataclass
class Play:
    """A relay and an Exchange that takes ``allowed`` a second; the rest is throttled."""

    shape: DrainSettings
    mails: dict[str, QueuedMail]
    allowed: float = 1e9
    look_s: float = 2.0
    tick_s: float = 0.5
    lag_s: float = 0.3
    now: float = 0.0
    taken: list[tuple[float, QueuedMail]] = field(default_factory=list)
    tries: list[tuple[float, str]] = field(default_factory=list)
    answer: str = BUSY
    _left: float = 0.0
    _flying: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.controller = Controller(self.shape, 0.0)
        self._left = self.allowed * 0.5

    def run(self, seconds: float, *, until_done: bool = True) -> Play:
        end, next_look = self.now + seconds, self.now
        while self.now < end:
            if self.now >= next_look:
                self.controller.see(self.mails.values(), self.now, self.now)
                next_look = self.now + self.look_s
                if until_done and self.controller.state in {"done", "stopped"}:
                    break
            for ident in self.controller.due(self.now):
                self.tries.append((self.now, ident))
                self._flying.append((self.now + self.lag_s, ident))
                if ident in self.mails:
                    found = self.mails[ident]
                    self.mails[ident] = QueuedMail(
                        ident, found.sender, found.recipients, found.arrived, "", "active"
                    )  # fmt: skip
            self._land()
            self.now += self.tick_s
        return self

    def _land(self) -> None:
        self._left = min(max(5.0, self.allowed) if self.allowed else 0.0, self._left + self.tick_s * self.allowed)
        landed = [f for f in self._flying if f[0] <= self.now]
        self._flying = [f for f in self._flying if f[0] > self.now]
        for _, ident in landed:
            found = self.mails.get(ident)
            if found is None:
                continue
            if self._left >= 1:
                self._left -= 1
                self.taken.append((self.now, self.mails.pop(ident)))
            else:
                self.mails[ident] = QueuedMail(
                    ident, found.sender, found.recipients, found.arrived, self.answer, "deferred"
                )  # fmt: skip


def play(count: int, *, allowed: float = 1e9, **shape: object) -> Play:
    given = {"rate": 100, "first_rate": 5, "step": 10, "canary": 5, **WIDE, **shape}
    mails = [mail(n) for n in range(count)]
    return Play(
        DrainSettings.model_validate(given | {"step": f"{given['step']}s"}), {m.queue_id: m for m in mails}, allowed
    )


def steady(p: Play) -> float:
    """Messages a second where the rate has settled: the end waits for mails that were throttled."""
    times = [t for t, _ in p.taken]
    half = times[len(times) // 2 : -len(times) // 20]
    return (len(half) - 1) / (half[-1] - half[0])


@pytest.mark.parametrize("allowed", [3.0, 12.0, 31.0])
@pytest.mark.parametrize("look_s", [2.0, 6.0])
def test_a_limit_that_nobody_told_is_found_within_five_percent(allowed: float, look_s: float) -> None:
    """And nothing is lost on the way."""
    p = play(int(allowed * 400), allowed=allowed, rate=200, first_rate=1)
    p.look_s = look_s
    p.run(5_000)
    assert not p.mails and p.controller.state == "done"
    assert 0.95 * allowed <= steady(p) <= 1.05 * allowed
    assert p.controller.gone == len(p.taken)


MANY = int(os.environ.get("BCP_DRAIN_PLAY", "3000"))
"""``BCP_DRAIN_PLAY=50000`` plays the large queue, in simulated time."""


def test_a_large_queue_goes_as_fast_as_is_allowed_and_as_long_as_is_forecast() -> None:
    """Into an Exchange that takes so many a second and throttles the rest: no refusal, no mail left or taken twice."""
    allowed = MANY / 300
    p = play(MANY, allowed=allowed, rate=500, first_rate=min(10.0, allowed), step=5)
    began = p.now
    p.run(5_000)
    assert not p.mails and len({m.queue_id for _, m in p.taken}) == len(p.taken) == MANY
    assert not p.controller.refused and p.controller.throttled
    assert 0.95 * allowed <= steady(p) <= 1.05 * allowed
    known = play(MANY, allowed=allowed, rate=allowed * 0.9, first_rate=allowed * 0.9, step=5)
    told = forecast(list(known.mails.values()), known.shape).seconds
    known.run(5_000)
    took = known.taken[-1][0] - began
    assert abs(took - told) <= 0.2 * told
    print(f"{MANY} mails, {allowed:.1f} a second allowed: {steady(p):.2f}; forecast {told:.0f} s, took {took:.0f} s")


@pytest.mark.parametrize("rate", [0.5, 25.0])
def test_a_rate_that_is_set_is_kept(rate: float) -> None:
    """Exchange would take more."""
    p = play(int(rate * 300), rate=rate, first_rate=rate, canary=1).run(5_000)
    assert not p.mails and 0.95 * rate <= steady(p) <= 1.05 * rate


def test_the_canary_goes_alone_until_it_is_through() -> None:
    """Nothing else, however long that takes."""
    p = play(100, canary=7)
    p.lag_s = 50.0
    p.run(45, until_done=False)
    assert len(p.tries) == 7 and p.controller.state == "canary"
    p.run(20, until_done=False)
    assert p.controller.state == "running" and len(p.tries) > 7


def test_a_canary_that_is_throttled_is_tried_again_and_nothing_else() -> None:
    """After a step."""
    p = play(100, canary=3, allowed=0.0)
    p.run(60, until_done=False)
    assert len({i for _, i in p.tries}) == 3 and p.controller.state == "canary"
    p.allowed = 100.0
    p.run(300)
    assert not p.mails


def test_a_canary_that_is_refused_stops_everything() -> None:
    """The words of the refusal are told, and every mail stays."""
    p = play(50, canary=4, allowed=0.0)
    p.answer = NO
    p.run(60)
    assert p.controller.state == "stopped" and "5.7.51" in p.controller.why
    assert len(p.mails) == 50 and len(p.tries) == 4


def test_a_burst_of_refusals_stops_it_and_single_ones_do_not() -> None:
    """A mail that is refused for good is not tried again."""
    p = play(300, canary=0, refusals=3, rate=5, first_rate=5)
    p.run(10, until_done=False)
    p.allowed, p.answer, p._left = 0.0, NO, 0.0
    p.run(30)
    assert p.controller.state == "stopped" and "refusals for good within a minute" in p.controller.why
    ids = Counter(i for _, i in p.tries)
    assert all(ids[i] == 1 for i in p.controller.refused)
    q = play(40, canary=0, refusals=30, rate=5, first_rate=5)
    q.controller.refused["Q000003"] = NO
    q.run(60, until_done=False)
    assert list(q.mails) == ["Q000003"] and q.controller.stuck and q.controller.state == "running"


def test_pause_and_stop_release_nothing() -> None:
    """And going on goes on where it was."""
    p = play(500)
    p.run(30, until_done=False)
    before = len(p.tries)
    for wish, state in (("pause", "paused"), ("stop", "stopped")):
        p.controller.wish = wish
        assert p.controller.state == state and p.controller.due(p.now) == []
    p.controller.wish = ""
    p.run(600)
    assert len(p.tries) > before and not p.mails


def test_important_mail_goes_first_then_the_oldest() -> None:
    """Whatever order the queue is listed in."""
    mails = [mail(n, "boss@corp.test" if n in (7, 3) else "") for n in reversed(range(10))]
    c = Controller(DrainSettings(important=["Boss@corp.test"], canary=4), 0.0)
    c.see(mails, 0.0, 0.0)
    assert c.due(0.0) == ["Q000003", "Q000007", "Q000000", "Q000001"]


def test_a_mailbox_and_a_pair_get_no_more_than_their_share() -> None:
    """Others go past them meanwhile."""
    hot = [mail(n, "desk@corp.test", f"s{n}@out.test") for n in range(400)]
    pair = [mail(1000 + n, "team@corp.test") for n in range(400)]
    rest = [mail(2000 + n) for n in range(200)]
    p = Play(
        DrainSettings(rate=50, first_rate=50, mailbox=600, pair=120, canary=0),
        {m.queue_id: m for m in (*hot, *pair, *rest)},
    )  # fmt: skip
    p.look_s, p.tick_s = 10.0, 1.0
    p.run(600, until_done=False)
    to = Counter(m.recipients[0] for _, m in p.taken)
    assert sum(1 for _, m in p.taken if m.queue_id >= "Q002000") == 200
    assert to["desk@corp.test"] <= 600 / 6 + 10 + 1 and to["desk@corp.test"] >= 95
    assert to["team@corp.test"] <= 120 / 6 + 2 + 1 and to["team@corp.test"] >= 19


@pytest.mark.parametrize(
    ("reason", "seconds"),
    [("host x said: 550 5.2.122 too many messages", 3600), ("host x said: 432 4.3.2 STOREDRV.Deliver; limit", 60)],
)
def test_a_mailbox_that_has_had_enough_rests_and_others_go_on(reason: str, seconds: float) -> None:
    """Its hourly limit is no refusal for good: the relay has kept the mail, and it comes again."""
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=0), 0.0)
    mails = [mail(1, "desk@corp.test"), mail(2, "desk@corp.test"), mail(3)]
    c.see(mails[:1], 0.0, 0.0)
    assert c.due(0.0) == ["Q000001"]
    c.see([mail(1, "desk@corp.test", reason=reason), *mails[1:]], 1.0, 1.0)
    assert c.due(5.0) == ["Q000003"] and not c.refused and c.throttled == 1
    assert c.due(1.0 + seconds - 1) == []
    assert set(c.due(1.0 + seconds + 1)) == {"Q000001", "Q000002"}


def test_a_look_that_began_before_the_release_says_nothing_of_it() -> None:
    """The queue as it was: the old reason of a mail is no answer to this try."""
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=0), 0.0)
    old = [mail(1, reason=NO)]
    c.see(old, 0.0, 0.0)
    assert c.due(1.0) == ["Q000001"]
    c.see(old, 0.9, 1.5)
    assert "Q000001" in c.away and not c.refused
    c.see([mail(1, queue="active", reason="")], 2.0, 2.0)
    assert "Q000001" in c.away
    c.see(old, 3.0, 3.0)
    assert c.refused == {"Q000001": NO}


def test_what_could_not_be_released_is_not_on_its_way() -> None:
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=0), 0.0)
    c.see([mail(1)], 0.0, 0.0)
    ids = c.due(0.0)
    c.give_back(ids)
    assert not c.away and c.due(1.0) == ids


def test_mail_that_comes_meanwhile_goes_too_and_what_a_person_takes_is_no_sign_of_the_rate() -> None:
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=0, step="1s"), 0.0)
    c.see([mail(1), mail(2)], 0.0, 0.0)
    assert c.due(0.0) == ["Q000001"]
    c.see([mail(3)], 2.0, 2.0)
    assert c.gone == 2 and c.state == "running" and [m.queue_id for m in c.waiting] == ["Q000003"]
    c.see([], 4.0, 4.0)
    assert c.state == "done" and c.seconds_left() == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=60),
    st.lists(st.sampled_from(["ok", "busy", "no", "trouble", "wait"]), min_size=5, max_size=200),
    st.integers(0, 8),
)
def test_whatever_exchange_says_nothing_is_lost_or_tried_while_on_its_way(boxes, answers, canary) -> None:
    """Every id is waiting or gone; none is released twice at once; a refused one never again."""
    reasons = {"busy": BUSY, "no": NO, "trouble": "connect to x: Connection refused"}
    mails = {m.queue_id: m for m in (mail(n, f"u{b}@corp.test", f"s{s}@o") for n, (b, s) in enumerate(boxes))}
    c = Controller(DrainSettings(rate=5, first_rate=5, canary=canary, step="1s", refusals=3), 0.0)
    now, gone, total = 0.0, 0, len(mails)
    flying: dict[str, None] = {}
    for answer in answers:
        c.see(mails.values(), now, now)
        assert c.gone == gone and {m.queue_id for m in c.waiting} == set(mails) and gone + len(mails) == total
        for ident in c.due(now + 0.1):
            assert ident not in flying and ident not in c.refused
            flying[ident] = None
        if flying and answer != "wait":
            ident = next(iter(flying))
            del flying[ident]
            found = mails.pop(ident)
            if answer == "ok":
                gone += 1
            else:
                mails[ident] = QueuedMail(
                    ident, found.sender, found.recipients, found.arrived, reasons[answer], "deferred"
                )  # fmt: skip
        for other in flying:
            found = mails[other]
            mails[other] = QueuedMail(other, found.sender, found.recipients, found.arrived, "", "active")
        now += 0.5


def test_a_mail_that_some_of_its_recipients_have_is_no_trouble_and_goes_on_at_once() -> None:
    """An Exchange that takes five recipients at a time: the rest follows, and nothing is slowed down."""
    full = "host x[192.0.2.1] said: 452 4.5.3 Too many recipients"
    many = QueuedMail("Q1", "s@out.test", ("a@corp.test", "b@corp.test", "c@corp.test"), 1.0, "", "deferred")
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=1, step="1s"), 0.0)
    c.see([many], 0.0, 0.0)
    assert c.due(0.0) == ["Q1"]
    for n, people in enumerate((many.recipients[1:], many.recipients[2:]), 1):
        c.see([QueuedMail("Q1", many.sender, people, 1.0, full, "deferred")], float(n), float(n))
        assert c.due(float(n)) == ["Q1"] and c.rate == 10 and not c.throttled
    c.see([QueuedMail("Q1", many.sender, many.recipients[2:], 1.0, full, "deferred")], 3.0, 3.0)
    assert c.due(3.0) == [], "nobody more has it: it rests"


def test_the_forecast_goes_by_what_went_where_exchange_answers_slowly() -> None:
    """Two a second go, whatever the relay is told: the rest takes as long as that, and not what the rate says."""
    c = Controller(DrainSettings(rate=10, first_rate=10, canary=0, step="1s"), 0.0)
    mails = [mail(n) for n in range(100)]
    for second in range(30):
        c.see(mails, float(second), float(second))
        for tick in range(4):
            c.due(second + tick / 4)
        gone = list(c.away)[:2]
        mails = [m for m in mails if m.queue_id not in gone]
    left = len(mails) / 2
    assert len(mails) == 40 and abs(c.seconds_left() - left) <= 0.2 * left and c.rate == 10
