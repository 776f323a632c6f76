"""What Exchange takes is found within 5 %, whatever way it counts; a busy machine of ours costs little."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from unit.drain.virtual import BUSY, KEPT, Loop, Quota, SlowClock, SlowRelay, Tokens, drained, pass_by

from bcp.contracts.drain import NoBook
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.control import Controller
from bcp.drain.run import ShapedDrain
from bcp.kernel.errors import Refused, Transient


def share(times: list[float], allowed: float) -> float:
    """Of what is allowed, between the climb and the end, which waits for mails that were throttled."""
    middle = times[len(times) // 4 : -len(times) // 10]
    return (len(middle) - 1) / (middle[-1] - middle[0]) / allowed


@pytest.mark.parametrize("step", ["2s", "10s"])
@pytest.mark.parametrize("size", [0.5, 1.0])
def test_by_tokens(step, size) -> None:
    relay = drained(2500, Tokens(50, 50 * size), step=step)
    assert 0.95 <= share(relay.taken, 50) <= 1.05 and relay.busy < 600


@pytest.mark.parametrize("seed", [1, 2])
def test_by_the_second(seed) -> None:
    assert 0.93 <= share(drained(2500, Quota(50, 1.0), seed=seed).taken, 50) <= 1.05


@pytest.mark.parametrize(("window_s", "least"), [(10.0, 0.6), (60.0, 0.6)])
def test_by_ten_seconds_and_by_the_minute_it_does_not_starve(window_s, least) -> None:
    """All, then nothing: an hour for what takes a minute and a half is no drain."""
    relay = drained(3000, Quota(30, window_s))
    assert relay.taken[-1] <= 3000 / 30 / least + window_s


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_machine_that_does_other_things_meanwhile(seed) -> None:
    assert share(drained(2500, Tokens(50, 25), stall_s=1.0, seed=seed).taken, 50) >= 0.85


def test_a_machine_that_is_slow_to_be_told_holds_nothing_up() -> None:
    """Two seconds a release: they go side by side."""
    loop = Loop()
    shape = DrainSettings(rate=40, first_rate=40, canary=0, step="2s", mailbox=10**7, pair=10**7)
    mails = {f"Q{n}": QueuedMail(f"Q{n}", "s@o", ("u@corp.test",), n, KEPT, "deferred") for n in range(1200)}

    class Far(SlowRelay):
        async def release(self, queue_ids) -> None:
            await pass_by(1.5)
            await super().release(queue_ids)

    relay = Far(loop, random.Random(1), shape, lambda _now: True, mails)
    drain = ShapedDrain(
        relay, relay, frozenset({"corp.test"}), SlowClock(loop, random.Random(1)), NoBook()
    )  # fmt: skip
    loop.run_until_complete(drain.run(1000, 0.0))
    assert share(relay.taken, 40) >= 0.95


def test_what_a_mail_said_before_it_was_released_says_nothing() -> None:
    """A look while the relay is being told sees the last try, or that it is kept."""
    mail = QueuedMail("Q", "s@o", ("u@corp.test",), 1.0, BUSY, "deferred")
    control = Controller(DrainSettings(rate=10, first_rate=10, canary=0), 0.0)
    control.see([mail], 0.0, 0.0)
    assert control.due(1.0) == ["Q"]
    control.set_out(["Q"], float("inf"))
    control.see([mail], 5.0, 5.0)
    assert "Q" in control.away and not control.throttled
    control.set_out(["Q"], 6.0)
    control.see([mail], 7.0, 7.0)
    assert control.throttled == 1
    control.set_out(["Q"], 8.0)
    assert "Q" not in control.away  # it is back, and does not set out again by that


def test_a_mail_that_is_kept_after_all_is_released_once_more_and_is_no_sign() -> None:
    kept = QueuedMail("Q", "s@o", ("u@corp.test",), 1.0, KEPT, "deferred")
    control = Controller(DrainSettings(rate=10, first_rate=10, canary=0, step="10s"), 0.0)
    control.see([kept], 0.0, 0.0)
    assert control.due(1.0) == ["Q"]
    control.see([kept], 2.0, 2.0)
    assert not control.throttled and control.due(3.0) == [] and control.due(13.0) == ["Q"]


def test_a_refusal_of_the_machine_ends_it_and_what_is_under_way_is_waited_for() -> None:
    loop, ended = Loop(), []
    mails = {f"Q{n}": QueuedMail(f"Q{n}", "s@o", ("u@corp.test",), n, KEPT, "deferred") for n in range(200)}

    class Sulking(SlowRelay):
        calls = 0

        async def release(self, queue_ids) -> None:
            self.calls += 1
            if self.calls == 3:
                raise Refused("no", rule="relay.refuses")
            await pass_by(5.0)
            ended.append(self.calls)

    shape = DrainSettings(rate=40, first_rate=40, canary=0, mailbox=10**7, pair=10**7)
    relay = Sulking(loop, random.Random(1), shape, lambda _now: True, mails)
    drain = ShapedDrain(relay, relay, frozenset({"corp.test"}), SlowClock(loop, random.Random(1)), NoBook())
    with pytest.raises(Refused) as no:
        loop.run_until_complete(drain.run(1000, 0.0))
    assert no.value.rule == "relay.refuses" and len(ended) == relay.calls - 1


def test_a_machine_that_cannot_be_told_gives_its_mails_back() -> None:
    loop = Loop()
    mails = {f"Q{n}": QueuedMail(f"Q{n}", "s@o", ("u@corp.test",), n, KEPT, "deferred") for n in range(100)}

    class Shy(SlowRelay):
        calls = 0

        async def release(self, queue_ids) -> None:
            self.calls += 1
            if self.calls < 4:
                raise Transient("ssh")
            await super().release(queue_ids)

    shape = DrainSettings(rate=40, first_rate=40, canary=2, mailbox=10**7, pair=10**7)
    relay = Shy(loop, random.Random(1), shape, lambda _now: True, mails)
    drain = ShapedDrain(relay, relay, frozenset({"corp.test"}), SlowClock(loop, random.Random(1)), NoBook())
    assert loop.run_until_complete(drain.run(1000, 0.0)).state == "done" and len(relay.taken) == 100


def test_what_a_dead_host_holds_is_not_gone_and_comes_back_with_it() -> None:
    """Two machines, of which one dies in the middle: nobody may read that its mail is delivered."""
    mails = [QueuedMail(f"Q{n}@relay{n % 2}", "s@o", ("u@corp.test",), n, KEPT, "deferred") for n in range(10)]
    control = Controller(DrainSettings(rate=10, first_rate=10, canary=0), 0.0)
    control.see(mails, 0.0, 0.0)
    living = [m for m in mails if m.queue_id.endswith("@relay0")]
    control.see(living, 2.0, 2.0, ["relay1"])
    assert control.gone == 0 and control.waiting == living
    control.see(living[1:], 4.0, 4.0, ["relay1"])
    assert control.gone == 1
    control.see([m for m in mails if m is not living[0]], 6.0, 6.0)
    assert control.gone == 1 and len(control.waiting) == 9


def passed_over() -> tuple[Controller, QueuedMail]:
    """A drain of one mail; a look that was made while it was being released did not show it."""
    mail = QueuedMail("Q1", "s@o", ("u@corp.test",), 1.0, "", "deferred")
    control = Controller(DrainSettings(rate=10, first_rate=10, canary=0, step="2s"), 0.0)
    control.see([mail], 0.0, 0.0)
    assert control.due(1.0) == ["Q1"]
    control.set_out(["Q1"], math.inf)
    control.see([], 2.0, 2.0)
    return control, mail


def test_a_mail_that_a_look_passed_over_while_it_was_released_goes_again() -> None:
    """The relay is slow to be told; a look meanwhile shows neither queue's half of a move; it comes back throttled."""
    control, mail = passed_over()
    assert control.gone == 1
    control.set_out(["Q1"], 3.0)  # it was told at last
    back = replace(mail, reason="host x[1] said: 451 4.7.500 Server busy")
    control.see([back], 4.0, 4.0)
    assert control.gone == 0
    control.see([back], 6.0, 6.0)
    assert control.due(60.0) == ["Q1"]


def test_a_mail_that_was_passed_over_and_could_not_be_released_goes_again() -> None:
    control, mail = passed_over()
    control.give_back(["Q1"])
    control.see([mail], 4.0, 4.0)
    assert control.gone == 0 and control.due(60.0) == ["Q1"]
