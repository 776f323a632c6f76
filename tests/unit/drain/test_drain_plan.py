"""How long a drain will take: the climb, the limit, the slowest mailbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.relay import QueuedMail
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.plan import bucket, capacity, climb, forecast, order


def mails(count: int, to: str = "", sender: str = "") -> list[QueuedMail]:
    return [QueuedMail(f"Q{n}", sender or f"s{n}@o.test", (to or f"u{n}@c.test",), float(n)) for n in range(count)]


@pytest.mark.parametrize(
    ("messages", "rate", "top", "step", "seconds"),
    [
        (0, 1, 8, 10, 0), (5, 1, 8, 10, 5), (10, 1, 8, 10, 10), (20, 1, 8, 10, 15), (70, 1, 8, 10, 30),
        (150, 1, 8, 10, 40), (80, 8, 8, 10, 10), (80, 100, 8, 10, 10), (30, 3, 8, 10, 10), (45, 3, 5, 10, 13),
    ],
)  # fmt: skip
def test_the_rate_doubles_with_each_step_up_to_the_top(messages, rate, top, step, seconds) -> None:
    assert climb(messages, rate, top, step) == pytest.approx(seconds)


@given(st.integers(0, 10_000), st.floats(0.1, 50), st.floats(0.1, 50), st.floats(1, 100))
def test_a_climb_is_never_faster_than_the_top_nor_slower_than_the_start(messages, rate, top, step) -> None:
    assert messages / top - 1e-6 <= climb(messages, rate, top, step) <= messages / min(rate, top) + 1e-6


def test_a_bucket_lets_a_minutes_worth_go_at_once() -> None:
    assert capacity(600) == 10 and capacity(6) == 1
    assert bucket(10, 600) == 0 and bucket(70, 600) == pytest.approx(360)


def test_the_slowest_mailbox_and_the_slowest_pair_decide() -> None:
    shape = DrainSettings(rate=100, first_rate=100, mailbox=600, pair=60)
    quick = forecast(mails(1000), shape)
    assert quick.seconds == pytest.approx(13) and not quick.hot and quick.recipients == 1000
    desk = forecast(mails(310, "Desk@c.test"), shape)
    assert desk.seconds == pytest.approx(1800) and desk.hot[0][:2] == ("desk@c.test", 310)
    pair = forecast(mails(31, "desk@c.test", "one@o.test"), shape)
    assert pair.seconds == pytest.approx(1800)
    assert "the last are those to desk@c.test (31 in 30m)" in str(pair) and "31 message(s)" in str(pair)


def test_what_was_reached_and_found_counts_from_then_on() -> None:
    shape = DrainSettings(rate=100, first_rate=1, step="10s", mailbox=10**9, pair=10**9)
    cold, warm = forecast(mails(1000), shape), forecast(mails(1000), shape, rate=50)
    assert cold.seconds > warm.seconds > forecast(mails(1000), shape, rate=100).seconds
    assert forecast(mails(1000), shape, rate=100, ceiling=10).seconds == pytest.approx(100)


def test_important_first_then_the_oldest_and_the_same_order_each_time() -> None:
    some = mails(6)
    assert [m.queue_id for m in order(reversed(some), ["U4@c.test"])] == ["Q4", "Q0", "Q1", "Q2", "Q3", "Q5"]
