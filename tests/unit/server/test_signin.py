"""Strangers cannot shut anybody out."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bcp.kernel.errors import Refused
from bcp.server.signin import device
from bcp.server.signin.accounts import ALL_TRIES, TRIES, Accounts
from bcp.server.signin.challenge import LASTS_S, Challenges
from bcp.server.signin.desk import A_PEER, IN_ALL, Desk
from bcp.testing.clock import FakeClock

KEY = b"k" * 32


def test_a_known_browser_is_recognised_and_nothing_else() -> None:
    """Same person, our key, in time."""
    mark = device.mark(KEY, "anna", 1000.0)
    assert device.known(KEY, "anna", mark, 1000.0 + device.LASTS_S)
    assert not device.known(KEY, "anna", mark, 1001.0 + device.LASTS_S)
    assert not device.known(KEY, "ben", mark, 1000.0) and not device.known(b"x" * 32, "anna", mark, 1000.0)
    for forged in (
        "",
        ".",
        "x.y",
        "99999999999.",
        mark[:-1],
        mark.replace(".", "9.", 1),
        "²²." + mark,
        "9" * 50 + ".x",
    ):
        assert not device.known(KEY, "anna", forged, 1000.0)


@pytest.fixture
def accounts(tmp_path):
    """A file of accounts."""
    made = Accounts(tmp_path / "accounts.db", FakeClock(), KEY, idle_s=60, session_s=600)
    yield made
    made.close()


def locked(accounts, *args, **kwargs) -> bool:
    """Is it?"""
    try:
        accounts.check_lock(*args, **kwargs)
    except Refused as error:
        assert error.rule == "locked"
        return True
    return False


def test_wrong_tries_of_strangers_leave_a_known_browser_open(accounts) -> None:
    """Though every other address is shut."""
    for n in range(ALL_TRIES):
        accounts.was_wrong("anna", f"198.51.100.{n}")
    assert locked(accounts, "anna", "192.0.2.1")
    assert not locked(accounts, "anna", "device:anna", alone=True)
    for _ in range(TRIES):
        assert not locked(accounts, "anna", "device:anna", alone=True)
        accounts.was_wrong("anna", "device:anna")
    assert locked(accounts, "anna", "device:anna", alone=True)
    accounts.clock.wall += 301
    assert not locked(accounts, "anna", "192.0.2.1")


def test_wrong_passkeys_of_one_address_leave_others_open(accounts) -> None:
    """However many."""
    for _ in range(200):
        accounts.was_wrong("passkey", "203.0.113.7")
    assert locked(accounts, "passkey", "203.0.113.7", alone=True) and not locked(
        accounts, "passkey", "198.51.100.9", alone=True
    )


def test_a_code_of_other_digits_is_wrong(accounts) -> None:
    """Never a fault."""
    accounts.add("anna", "anna", "admin", "correct horse battery")
    for code in ("١٢٣٤٥٦", "²²²²²²", "１２３４５６", "", "12345a"):
        assert not accounts.code_is("anna", code)


def test_challenges_cannot_be_crowded_out() -> None:
    """A hundred thousand begun log-ins take nothing from the first."""
    made = Challenges(KEY)
    mark, challenge = made.new(1000.0)
    for _ in range(5000):
        made.new(1000.0)
    assert made.of(mark, 1000.0 + LASTS_S) == challenge and made.of(mark, 1001.0 + LASTS_S) is None
    assert Challenges(KEY).of(mark, 1000.0) == challenge  # after a restart
    assert Challenges(b"x" * 32).of(mark, 1000.0) != challenge
    for forged in ("", "x", "99999999999", "²²²²."):
        assert forged == "99999999999" or made.of(forged, 1000.0) is None
    made.use(mark)
    assert made.of(mark, 1000.0) is None


def test_a_flood_of_passwords_is_turned_away_at_once() -> None:
    """Two an address, a bounded number in all; others have their turn."""
    gate = threading.Event()

    async def work():
        desk = Desk()
        mine = [asyncio.ensure_future(desk.check("a", gate.wait)) for _ in range(A_PEER)]
        await asyncio.sleep(0)
        with pytest.raises(Refused) as caught:
            await desk.check("a", gate.wait)
        assert caught.value.rule == "busy"
        others = [asyncio.ensure_future(desk.check(f"p{n}", gate.wait)) for n in range(IN_ALL - A_PEER)]
        await asyncio.sleep(0)
        with pytest.raises(Refused):
            await desk.check("z", gate.wait)
        gate.set()
        assert all(await asyncio.gather(*mine, *others))
        assert await desk.check("a", lambda: 5) == 5

    asyncio.run(work())
