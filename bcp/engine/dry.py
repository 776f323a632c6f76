"""Services that read through and write not. The actions above them are the same code as in a real run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Delegation,
    Dns,
    HostFacts,
    Permission,
    Proof,
    Reading,
    Serial,
    Signed,
    StsPolicy,
    Swap,
    SwapOrder,
    SwapState,
    Warmth,
)
from bcp.contracts.drain import Shaped
from bcp.contracts.relay import MailFate, OnItsWord, QueuedMail, Relay, RelayProbe, unheard_of
from bcp.contracts.services import (
    CanaryResult,
    Courier,
    HttpResult,
    Mailer,
    Order,
    Outside,
    Pages,
    ProcessResult,
    SendForecast,
    Tally,
)


class DryDns:
    """Reads for real, proves on the wire that the change would be allowed, and changes nothing."""

    def __init__(self, real: Dns) -> None:
        self.real = real

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the real host."""
        return self.real.capabilities

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """Read the records for real."""
        return await self.real.read(domains)

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Prove only. What was not shown to be forbidden would be tried."""
        proofs = await self.real.prove(orders)
        return [_would(o, p) for o, p in zip(orders, proofs, strict=True)]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """Prove on the wire that a change would be allowed, without making it."""
        return await self.real.prove(orders)

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """Ask for real."""
        return await self.real.answers(domains)

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        """Ask for real."""
        return await self.real.serials(domains)

    async def look_up(self, host: str) -> HostFacts:
        """Look up."""
        return await self.real.look_up(host)

    async def text(self, name: str) -> tuple[str, ...]:
        """Look up."""
        return await self.real.text(name)

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """Look up."""
        return await self.real.tlsa(host)

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        """Look up."""
        return await self.real.signed(domains)

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        """Look up."""
        return await self.real.delegations(domains)

    async def mta_sts(self, domain: str) -> StsPolicy:
        """Look up."""
        return await self.real.mta_sts(domain)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Fetch."""
        return await self.real.warm(domains)

    async def close(self) -> None:
        """Close."""
        await self.real.close()


def _would(order: SwapOrder, proof: Proof) -> Swap:
    no = proof.permission is Permission.NOT_ALLOWED
    return Swap(order.domain, SwapState.REFUSED if no else SwapState.APPLIED, order.old, proof.message, proof.hint)


class DryRelay:
    """Probes and reads the queue for real; asks for no delivery."""

    def __init__(self, real: Relay) -> None:
        self.real, self.name, self.mx, self.can_count = real, real.name, real.mx, real.can_count
        if isinstance(real, OnItsWord):
            self.on_its_word = real.on_its_word
        self.unheard: Mapping[str, str] = {}
        if isinstance(real, Shaped):  # a plan forecasts its drain
            self.shape, self.can_release = real.shape, real.can_release

    async def keep(self, on: bool) -> None:
        """Nothing is told to the relay."""

    async def release(self, queue_ids: Sequence[str]) -> None:
        """Nothing goes."""

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        """Probe the relay for real."""
        return await self.real.probe(domain, recipient)

    async def queue(self) -> list[QueuedMail]:
        """What it really holds: a plan says how much is waiting. Nothing that writes runs dry, so nothing waits for
        its end."""
        found = await self.real.queue()
        self.unheard = unheard_of(self.real)
        return found

    async def drain(self, domains: Sequence[str]) -> str:
        """Ask for no delivery; say that it would be asked for."""
        return "would be asked to deliver"

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        """No fates: nothing was drained."""
        return []


class DryCourier:
    """Renders and counts everything, sends nothing."""

    def __init__(self, real: Courier) -> None:
        self.real = real

    async def forecast(self, order: Order) -> list[SendForecast]:
        """Count people and messages for real."""
        return await self.real.forecast(order)

    async def deliver(self, order: Order, key: str) -> list[Tally]:
        """What a delivery would come to, if every vendor took everything."""
        return [
            Tally(f.channel, f.people, f.messages, 0, 0, f.unreachable, 0, f.segments)
            for f in await self.real.forecast(order)
        ]

    async def arm(self, order: Order, key: str, at: float, prefix: str) -> tuple[int, int]:
        """Leave nothing with the vendor; count the messages that would be left."""
        return sum(f.messages for f in await self.real.forecast(order)), 0

    async def disarm(self, prefix: str) -> int:
        """Take nothing back."""
        return 0

    def can_arm(self, order: Order) -> str:
        """What stands against it, as the real courier says."""
        return self.real.can_arm(order)


class DryMailer:
    """Sends no test mail."""

    def __init__(self, real: Mailer) -> None:
        self.real = real

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        """Send nothing; a result as if the test mail had arrived where that is expected."""
        return CanaryResult(tag, "(not sent)", 0.0, 0.0 if expect == "delivered" else None)

    async def arrived(self, tag: str) -> bool | None:
        """Look for the test mail for real."""
        return await self.real.arrived(tag)


class DryOutside:
    """GET and HEAD for real; nothing else, and no programs."""

    def __init__(self, real: Outside) -> None:
        self.real = real

    async def process(
        self, arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
    ) -> ProcessResult:
        """Not run."""
        return ProcessResult(0, "", "")

    async def http(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str, timeout_s: float, cap: int
    ) -> HttpResult:
        """Only what is harmless."""
        if method in {"GET", "HEAD"}:
            return await self.real.http(method, url, headers=headers, body=body, timeout_s=timeout_s, cap=cap)
        return HttpResult(200, "")

    def reveal(self, reference: str) -> str:
        """Proves that the secret is there."""
        return self.real.reveal(reference)


class DryPages:
    """Renders, publishes nothing."""

    def __init__(self, real: Pages) -> None:
        self.real = real

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        """Not published."""
        return "(not published)"

    async def has(self, key: str) -> bool:
        """Look."""
        return await self.real.has(key)

    async def withdraw(self, key: str) -> None:
        """Not withdrawn."""

    def render_order(self, order: Order) -> Mapping[str, Any]:
        """Render."""
        return self.real.render_order(order)


class DryReports:
    """Writes no report."""

    async def write(self, run_id: str, formats: Sequence[str]) -> Mapping[str, str]:
        """Not written."""
        return {}
