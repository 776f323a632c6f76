"""The canary mail: look MX up as a sender does, hand a tagged mail over, and watch a Maildir for its arrival."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from bcp.contracts.services import CanaryResult
from bcp.kernel.clock import Clock
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.kit import smtp
from bcp.kit.resolve import addresses_of, mx_of_domain

HEADER = "X-Bcp-Canary"


def canary_message(recipient: str, tag: str, *, sender: str, at: float) -> EmailMessage:
    """A mail that says what it is, to people and to filters, and that nobody needs to answer (RFC 3834)."""
    message = EmailMessage()
    domain = recipient.rpartition("@")[2]
    message["From"] = sender or f"bcp-canary@{domain}"
    message["To"] = recipient
    message["Subject"] = f"bcp test mail {tag}"
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    message["Message-ID"] = f"<{tag}@bcp.invalid>"
    message[HEADER] = tag
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("This is an automatic test of the mail path. Nothing needs to be done.")
    return message


class CanaryMailer:
    """Sends test mails."""

    def __init__(
        self, clock: Clock, *, to: str, sender: str, resolvers: Sequence[str], port: int, arrival: Path | None
    ) -> None:
        self.clock, self.to, self.sender, self.resolvers, self.port, self.arrival_folder = (
            clock,
            to,
            sender,
            tuple(resolvers),
            port,
            arrival,
        )

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        """Deliver to the first MX address that takes it. Raises ``Transient`` when none does."""
        recipient = to if "@" in to else self.to
        if not recipient:
            raise Invalid("there is no canary address", hint="Set canary: to: in bcp.yaml.")
        if expect == "delivered" and self.arrival_folder is None:
            raise Invalid(
                "arrival of the test mail cannot be seen", hint="Set canary: arrival: in bcp.yaml, or expect: accepted."
            )
        host = await self._deliver(recipient, tag, timeout_s)
        accepted = self.clock.now()
        arrived = await self._wait(tag, timeout_s) if expect == "delivered" else None
        return CanaryResult(tag, host, accepted, arrived)

    async def _deliver(self, recipient: str, tag: str, timeout_s: float) -> str:
        hosts = await mx_of_domain(recipient.rpartition("@")[2], self.resolvers, min(5.0, timeout_s))
        if not hosts:
            raise Transient(
                f"the MX of {recipient.rpartition('@')[2]} cannot be looked up",
                hint="Does the zone answer, and the resolver?",
            )
        reasons = []
        for _, host in hosts:
            for address in await addresses_of(host, self.resolvers, min(5.0, timeout_s)):
                try:
                    await smtp.send(
                        address,
                        self.port,
                        canary_message(recipient, tag, sender=self.sender, at=self.clock.now()),
                        sender=self.sender,
                        recipient=recipient,
                        timeout_s=min(timeout_s, 30.0),
                    )
                except (Transient, Permanent, InDoubt) as error:
                    reasons.append(error.message)
                else:
                    return host
        raise Transient(f"no MX took the test mail: {'; '.join(reasons) or 'no address'}", hint="Mail does not flow.")

    async def _wait(self, tag: str, timeout_s: float) -> float | None:
        deadline = self.clock.monotonic() + timeout_s
        while self.clock.monotonic() < deadline:
            if await self.arrived(tag):
                return self.clock.now()
            await self.clock.sleep(0.1)
        return None

    async def arrived(self, tag: str) -> bool | None:
        """Is a mail with this tag in the Maildir? ``None``: there is none to look into."""
        if self.arrival_folder is None:
            return None
        return await asyncio.to_thread(_search, self.arrival_folder, tag)


def _search(folder: Path, tag: str) -> bool:
    wanted = f"{HEADER}: {tag}".encode()
    for part in ("new", "cur"):
        for path in (folder / part).glob("*"):
            try:
                with path.open("rb") as handle:
                    if wanted in handle.read(16_384):
                        return True
            except OSError:
                continue
    return False
