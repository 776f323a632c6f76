"""Held mails are counted while MX is on a relay: for our domains, over all relays, and what is not known is said."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from bcp.contracts.relay import QueuedMail
from bcp.kernel.errors import Transient
from bcp.server.parts.mails import EVERY_S, MOST, NOTICE_S, Mails
from bcp.testing.clock import FakeClock


class Relay:
    """Holds what it is told to hold."""

    def __init__(self, *recipients: tuple[str, ...], can_count: bool = True, wrong: Exception | None = None) -> None:
        self.mails = [QueuedMail(f"q{i}", "s@x.example", r, 0.0) for i, r in enumerate(recipients)]
        self.can_count, self.wrong = can_count, wrong

    async def queue(self) -> list[QueuedMail]:
        if self.wrong is not None:
            raise self.wrong
        return self.mails


class Bench:
    def __init__(self, **relays: Relay) -> None:
        self.clock, self.relays, self.held, self.told = FakeClock(), relays, True, 0
        self.mails = Mails(
            self.clock, lambda: self.relays, lambda: ["Corp.test", "corp.example"], lambda: self.held, self.tell
        )

    def tell(self) -> None:
        self.told += 1


def test_ours_are_counted_once_each_over_all_relays() -> None:
    bench = Bench(
        one=Relay(("a@corp.test",), ("a@corp.test", "b@corp.example"), ("x@other.example",)),
        two=Relay(("c@CORP.TEST",), ("x@corp.test.evil.example",)),
    )
    asyncio.run(bench.mails.look())
    assert list(bench.mails.series) == [(bench.clock.now(), 3)] and bench.mails.problem == "" and bench.told == 1


@pytest.mark.parametrize(
    ("relay", "said"),
    [
        (Relay(can_count=False), "one cannot say what it holds"),
        (Relay(wrong=Transient("no answer from the relay")), "no answer from the relay"),
        (Relay(wrong=TimeoutError()), "one did not answer in 10 s"),
    ],
)
def test_a_relay_that_cannot_say_is_named_and_no_number_is_made_up(relay, said) -> None:
    bench = Bench(one=relay, two=Relay(("a@corp.test",)))
    asyncio.run(bench.mails.look())
    assert not bench.mails.series and bench.mails.problem == said and bench.told == 1


def test_a_problem_that_passed_is_forgotten() -> None:
    bench = Bench(one=Relay(("a@corp.test",), wrong=Transient("no answer")))
    asyncio.run(bench.mails.look())
    bench.relays["one"].wrong = None
    asyncio.run(bench.mails.look())
    assert bench.mails.problem == "" and [n for _, n in bench.mails.series] == [1]


async def _turns(bench: Bench, turns: list[bool]) -> list[float]:
    """Run the loop for these turns; the times at which it looked whether MX is held."""
    seen: list[float] = []
    left = iter(turns)

    def wanted() -> bool:
        seen.append(bench.clock.now())
        try:
            return next(left)
        except StopIteration:
            raise asyncio.CancelledError from None

    bench.mails._wanted = wanted
    with pytest.raises(asyncio.CancelledError):
        await bench.mails.run()
    return seen


def test_it_counts_only_while_mx_is_held_and_begins_anew_each_time() -> None:
    bench = Bench(one=Relay(("a@corp.test",)))
    seen = asyncio.run(_turns(bench, [False, True, True, False, True]))
    assert [b - a for a, b in pairwise(seen)] == [NOTICE_S, EVERY_S, EVERY_S, NOTICE_S, EVERY_S]
    assert len(bench.mails.series) == 1 and bench.told == 3  # the first outage's curve is gone, the second has begun


def test_what_is_remembered_is_bounded() -> None:
    bench = Bench(one=Relay(("a@corp.test",)))
    asyncio.run(_turns(bench, [True] * (MOST + 5)))
    assert len(bench.mails.series) == MOST
