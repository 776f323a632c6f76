"""A relay whose listing passes mails over, mails that cannot go, canaries that tell of themselves alone."""

from __future__ import annotations

import gc
import random

import pytest
from unit.drain.virtual import BUSY, KEPT, Loop, SlowClock, SlowRelay, pass_by

from bcp.contracts.drain import NoBook
from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.control import NOT_TRIED_S, Controller
from bcp.drain.run import ShapedDrain
from bcp.kernel.errors import Permanent, Refused, Transient

NO = "host x said: 550 5.7.51 no"
HOUR = "host x said: 550 5.2.122 too many"
LOST = "lost connection with x"
WIDE = {"mailbox": 10**7, "pair": 10**7}


def mail(n: int, reason: str = KEPT, queue: str = "deferred", *, to: str = "u@corp.test") -> QueuedMail:
    return QueuedMail(f"Q{n}", f"s{n}@o", (to,), float(n), reason, queue)


def control(mails: list[QueuedMail], **shape: object) -> Controller:
    given = {"rate": 10, "first_rate": 10, "canary": 0, "step": "10s", **WIDE, **shape}
    made = Controller(DrainSettings.model_validate(given), 0.0)
    made.see(mails, 0.0, 0.0)
    return made


def play(
    relay_kind: type[SlowRelay], count: int, *, quiet: float = 0.0, timeout: float = 5_000, **shape: object
) -> tuple[SlowRelay, object]:
    """Played to its end: the relay, and how the drain stood then or what it raised."""
    loop, chance = Loop(), random.Random(1)
    given = {"rate": 100, "first_rate": 50, "canary": 3, "step": "5s", **WIDE, **shape}
    mails = {f"Q{n}": mail(n) for n in range(count)}
    relay = relay_kind(loop, chance, DrainSettings.model_validate(given), lambda _now: True, mails)
    drain = ShapedDrain(relay, relay, frozenset({"corp.test"}), SlowClock(loop, chance), NoBook())
    try:
        return relay, loop.run_until_complete(drain.run(timeout, quiet))
    except (Refused, Permanent, Transient) as error:
        return relay, error
    finally:
        loop.close()


def test_a_mail_that_a_look_passed_over_is_not_counted_and_was_released_when_it_was() -> None:
    c = control([mail(1), mail(2)])
    assert "Q1" in c.due(1.0)
    c.see([mail(2)], 2.0, 2.0)
    assert c.gone == 1
    c.see([mail(1, BUSY), mail(2)], 4.0, 4.0)
    assert c.gone == 0 and c.throttled == 1 and "Q1" not in c.due(5.0)
    c.see([mail(2)], 20.0, 20.0)
    c.see([QueuedMail("Q1", "s@o", ("u@corp.test",), 19.0, KEPT, "deferred"), mail(2)], 22.0, 22.0)
    assert c.gone == 1  # another mail under an id that was free again


def test_a_mail_that_was_refused_and_was_passed_over_is_still_refused() -> None:
    c = control([mail(1), mail(2)], refusals=9)
    c.due(1.0)
    for look, mails in ((2.0, [mail(1, NO), mail(2)]), (4.0, [mail(2)]), (6.0, [mail(1, NO), mail(2)])):
        c.see(mails, look, look)
    assert c.refused == {"Q1": NO} and c.gone == 0 and c.due(60.0) == ["Q2"]


def test_a_canary_that_was_passed_over_is_not_through() -> None:
    c = control([mail(n) for n in range(5)], canary=1)
    assert c.due(0.0) == ["Q0"]
    c.see([mail(n) for n in range(1, 5)], 2.0, 2.0)
    assert c.state == "running"
    c.see([mail(0, "", "active"), *(mail(n) for n in range(1, 5))], 4.0, 4.0)
    assert c.state == "canary" and c.due(9.0) == []


def test_a_canary_that_alone_does_not_get_through_keeps_nothing_back() -> None:
    """Twice, while another is through. Where none is, it may be the way."""
    c, rest = control([mail(n) for n in range(9)], canary=2), [mail(n) for n in range(2, 9)]
    both, now = [mail(0, LOST), mail(1, LOST)], 0.0
    for _ in range(3):
        assert c.due(now) == ["Q0", "Q1"]
        c.see([*both, *rest], now + 1, now + 1)
        assert c.state == "canary"
        now += 20.0
    c.due(now)
    c.see([both[0], *rest], now + 1, now + 1)
    assert c.state == "running" and c.due(now + 3)


def test_canaries_whose_mailbox_has_had_enough_for_an_hour_make_way_for_others() -> None:
    desk = [mail(n, to="desk@corp.test") for n in range(3)]
    c = control([*desk, mail(7), mail(8)], canary=2)
    assert c.due(0.0) == ["Q0", "Q1"]
    full, flying = mail(0, HOUR, to="desk@corp.test"), mail(1, "", "active", to="desk@corp.test")
    c.see([full, flying, desk[2], mail(7), mail(8)], 2.0, 2.0)
    c.see([full, mail(1, HOUR, to="desk@corp.test"), desk[2], mail(7), mail(8)], 4.0, 4.0)
    assert c.due(5.0) == ["Q7", "Q8"] and c.state == "canary" and c.throttled == 2


def test_what_is_on_hold_is_not_released_and_keeps_nothing_back() -> None:
    held = [mail(n, "", "hold") for n in range(30)]
    c = control([*held, mail(50)], canary=5)
    assert c.due(0.0) == ["Q50"] and c.on_hold == 30 and not c.stuck
    c.see(held, 2.0, 2.0)
    assert c.stuck and c.due(9.0) == [] and c.seconds_left() == 0
    c.see([mail(0)], 20.0, 20.0)  # a person let it go (postsuper -H)
    assert c.due(21.0) == ["Q0"]
    c.see([mail(0, "", "hold")], 22.0, 22.0)  # and put it aside again while it was on its way
    assert not c.away and c.stuck


def test_a_mail_that_lies_there_without_a_word_was_not_tried_and_goes_once_more() -> None:
    c = control([mail(1)])
    assert c.due(0.0) == ["Q1"]
    c.see([mail(1, "")], NOT_TRIED_S - 1, NOT_TRIED_S - 1)
    assert c.away
    c.see([mail(1, "", "active")], NOT_TRIED_S + 1, NOT_TRIED_S + 1)
    assert c.away  # on its way, as slow as that is
    c.see([mail(1, "")], NOT_TRIED_S + 3, NOT_TRIED_S + 3)
    assert not c.away and c.due(NOT_TRIED_S + 5) == [] and c.due(NOT_TRIED_S + 30) == ["Q1"]


class Held(SlowRelay):
    """Its first three were put on hold."""

    async def queue(self) -> list[QueuedMail]:
        for ident in ("Q0", "Q1", "Q2"):
            self._now(ident, "", "hold")
        return await super().queue()


def test_a_drain_ends_where_only_mails_on_hold_are_left_and_says_so() -> None:
    relay, error = play(Held, 60)
    assert isinstance(error, Refused) and error.rule == "drain.on-hold" and "3 message(s) are on hold" in error.message
    assert sorted(relay.mails) == ["Q0", "Q1", "Q2"]


class Flickering(SlowRelay):
    """Each second look shows nothing once half is gone."""

    looks: int = 0

    async def queue(self) -> list[QueuedMail]:
        seen = await super().queue()
        self.looks += 1
        return [] if self.looks % 2 == 0 and len(self.taken) > 20 else seen


def test_one_look_that_shows_nothing_is_not_the_end() -> None:
    relay, status = play(Flickering, 60, rate=5, first_rate=5)
    assert not relay.mails and status.state == "done" and status.gone == 60


class Tired(SlowRelay):
    """Its looks take a minute once it is empty; a mail comes late."""

    late: bool = False

    async def queue(self) -> list[QueuedMail]:
        if len(self.taken) >= 20 and not self.late:
            self.late = True
            self.loop.call_later(100.0, lambda: self.mails.update(Q99=mail(99)))
        await pass_by(60.0 if self.late else 0.0)
        return await super().queue()


def test_the_quiet_time_is_one_in_which_somebody_looked() -> None:
    relay, status = play(Tired, 20, quiet=90.0)
    assert status.gone == 21 and not relay.mails


class Deaf(SlowRelay):
    """Cannot be told for an hour."""

    calls: int = 0

    async def release(self, queue_ids) -> None:
        self.calls += 1
        if self.loop.at < 3600:
            raise Transient("ssh: connection refused")
        await super().release(queue_ids)


def test_a_machine_that_cannot_be_told_is_not_called_without_end() -> None:
    relay, status = play(Deaf, 20)
    assert status.state == "done" and not relay.mails and relay.calls < 90
    relay, error = play(Deaf, 20, timeout=600.0)
    assert error.rule == "drain.late" and "20 message(s) are still at" in error.message
    assert "the last request failed: ssh: connection refused" in error.message and relay.calls < 20


class Sulking(SlowRelay):
    """No command ends well."""

    async def release(self, queue_ids) -> None:
        await pass_by(1.0)
        raise Permanent("there is no ssh")


def test_several_refusals_of_the_machine_at_once_are_one_and_leave_no_traceback(caplog) -> None:
    _, error = play(Sulking, 60, canary=0)
    gc.collect()
    assert isinstance(error, Permanent) and not caplog.records


@pytest.mark.parametrize("count", [0, 1])
def test_the_forecast_of_a_look_is_worked_out_once(count, monkeypatch) -> None:
    """Four times a second over 100,000 mails is a processor's time."""
    c, calls = control([mail(n) for n in range(count)]), []
    real = c.seconds_left()
    monkeypatch.setattr("bcp.drain.control.forecast", lambda *a, **k: calls.append(a))
    assert c.seconds_left() == real and not calls
