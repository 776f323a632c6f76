"""What the emulated vendors share: what they were sent, what they are to do wrong, and their data."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

Checker = Callable[[str, str, dict[str, Any]], list[str]]
"""Given method, path and parameters: what is wrong with the request."""


@dataclass
class Fault:
    """What happens to the next requests: ``kind`` 429, 503-after, hang-after, refuse; ``times`` how often."""

    kind: str
    times: int = 1
    retry_after: str = "1"


@dataclass
class VendorLab:
    """What the emulators share. ``log`` holds every request; ``complaints`` what was wrong with them."""

    twilio_sid: str = "AC" + "0" * 32
    twilio_token: str = "lab-token"
    twilio_balance: str = "100.00"
    slack_token: str = "xoxb-lab"
    delay_s: float = 0.0
    checker: Checker | None = None
    invalid_numbers: set[str] = field(default_factory=set)
    opted_out: set[str] = field(default_factory=set)
    users: list[dict[str, Any]] = field(default_factory=list)
    health: str = "serviceOperational"
    issues: list[dict[str, Any]] = field(default_factory=list)
    mailbox_faults: dict[str, int] = field(default_factory=dict)
    """HTTP status by mailbox, or ``*``; 0 hangs."""
    entra: str = "ok"
    """ok, hang, metadata-503, token-503, or a code such as AADSTS7000222."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """What happened to users since the first delta link."""
    tokens: int = 0
    numbers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Numbers of the account, and what they can: sms, voice."""
    scopes: str = ""
    """What Slack says the token may do; empty: it says nothing."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    inbound: list[dict[str, Any]] = field(default_factory=list)
    chaos: random.Random | None = None
    """With it requests are met by bursts of 429, by 503 after acceptance and by hangs, by chance."""
    _burst: int = 0
    mx_record: str = ""
    domains: list[str] = field(default_factory=list)
    """Domains that the tenant accepts mail for."""
    members: dict[str, list[str]] = field(default_factory=dict)
    """Ids of users by group of Entra."""
    page_size: int = 2
    sms: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    log: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    url: str = ""

    def fail_next(self, vendor: str, kind: str, times: int = 1, retry_after: str = "1") -> None:
        """Misbehave on the next requests to ``twilio`` or ``slack``."""
        self.faults.setdefault(vendor, []).append(Fault(kind, times, retry_after))

    def reply(self, sender: str, to: str, text: str) -> None:
        """Somebody texts back."""
        self.inbound.append(
            {
                "sid": "SM" + secrets.token_hex(16), "to": to, "from": sender, "body": text, "status": "received",
                "direction": "inbound",
                "account_sid": self.twilio_sid, "date_created": formatdate(time.time()),
                "date_sent": formatdate(time.time()), "num_segments": "1",
            }
        )  # fmt: skip

    def _trouble(self) -> Fault | None:
        """1 % begin a burst of ten 429, 1 % are taken and answered 503, 0.3 % are taken and never answered."""
        if self.chaos is None:
            return None
        if self._burst > 0:
            self._burst -= 1
            return Fault("429", retry_after="0")
        chance = self.chaos.random()
        if chance < 0.01:
            self._burst = 10
            return Fault("429", retry_after="0")
        return Fault("503-after") if chance < 0.02 else (Fault("hang-after") if chance < 0.023 else None)

    def _fault(self, vendor: str) -> Fault | None:
        if trouble := self._trouble():
            return trouble
        queue = self.faults.get(vendor) or []
        if not queue:
            return None
        fault = queue[0]
        fault.times -= 1
        if fault.times <= 0:
            queue.pop(0)
        return fault

    async def _note(self, request: web.Request, parameters: dict[str, Any]) -> list[str]:
        self.log.append((request.method, request.path, parameters))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        wrong = self.checker(request.method, request.path, parameters) if self.checker else []
        self.complaints += wrong
        return wrong
