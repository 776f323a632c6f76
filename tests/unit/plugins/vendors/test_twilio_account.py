"""What Twilio says of an account before the day: each thing is a line, and a balance that is used up is one."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.plugins.vendors.twilio import check_account


def vendor(balance: Any, status: str = "active") -> Any:
    async def account() -> Any:
        return SimpleNamespace(status=status, type="Full")

    async def left() -> Any:
        if isinstance(balance, Exception):
            raise balance
        return SimpleNamespace(balance=balance, currency="USD")

    found = SimpleNamespace(fetch_async=account, balance=SimpleNamespace(fetch_async=left))
    client = SimpleNamespace(api=SimpleNamespace(accounts=lambda sid: found))
    return SimpleNamespace(open=lambda: client)


@pytest.mark.parametrize(
    ("balance", "told"),
    [("0.00", True), ("-3.20", True), ("12.5", False), ("much", False), (None, False), (RuntimeError("404"), False)],
)
def test_a_balance_that_is_used_up_is_a_risk_and_one_that_cannot_be_asked_is_none(balance: Any, told: bool) -> None:
    said = asyncio.run(check_account(vendor(balance), "sms", "AC1", None, "sms"))
    assert [c.state for c in said] == (["ok", "warn"] if told else ["ok"])
    assert (f"{balance} USD" in said[-1].message) is told


def test_a_suspended_account_fails() -> None:
    said = asyncio.run(check_account(vendor("5", "suspended"), "sms", "AC1", None, "sms"))
    assert [(c.state, c.message) for c in said] == [("fail", "Twilio account is suspended")]
