"""A token is held, renewed once for all who wait, and used until it ends where no new one is to be had."""

from __future__ import annotations

import asyncio

import pytest

from bcp.contracts.dns import SentState
from bcp.plugins.vendors.held_token import HeldToken
from bcp.plugins.vendors.hosted import Fault
from bcp.testing.clock import FakeClock


class Signin:
    """Gives tokens that live for an hour, or fails."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.asked, self.down = clock, 0, False

    async def __call__(self) -> tuple[str, float]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.down:
            raise Fault(SentState.NOT_SENT, "unreachable", "down")
        return f"t{self.asked}", self.clock.now() + 3_600


@pytest.fixture
def held() -> tuple[HeldToken, Signin]:
    clock = FakeClock()
    return HeldToken(clock, 600.0), Signin(clock)


def test_it_is_asked_for_once_however_many_want_it(held) -> None:
    token, signin = held

    async def many() -> list[str]:
        return await asyncio.gather(*(token.get(signin) for _ in range(10)))

    assert asyncio.run(many()) == ["t1"] * 10 and signin.asked == 1 and token.ends == signin.clock.now() + 3_600


def test_it_is_renewed_in_good_time(held) -> None:
    token, signin = held
    asyncio.run(token.get(signin))
    signin.clock.wall += 3_000  # 600 s are left
    assert asyncio.run(token.get(signin)) == "t1"
    signin.clock.wall += 1
    assert asyncio.run(token.get(signin)) == "t2"


def test_an_old_one_is_used_until_it_ends_while_sign_in_is_down(held) -> None:
    token, signin = held
    asyncio.run(token.get(signin))
    signin.down = True
    signin.clock.wall += 3_599
    assert asyncio.run(token.get(signin)) == "t1"
    signin.clock.wall += 1
    with pytest.raises(Fault):
        asyncio.run(token.get(signin))


def test_one_that_was_refused_is_not_used_again(held) -> None:
    token, signin = held
    asyncio.run(token.get(signin))
    token.forget()
    assert token.ends == 0.0
    signin.down = True
    with pytest.raises(Fault):
        asyncio.run(token.get(signin))
