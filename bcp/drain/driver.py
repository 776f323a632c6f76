"""Drains as actions see them: one is driven to its end, and told in the drain book meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.contracts.drain import DrainBook, Gone, Shaped
from bcp.contracts.relay import QueuedMail, Relay
from bcp.contracts.relay_machine import DrainSettings
from bcp.drain.plan import forecast
from bcp.drain.run import ShapedDrain
from bcp.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Driver:
    """``bcp.contracts.drain.Drains``."""

    book: DrainBook
    clock: Clock

    def forecast(self, mails: Sequence[QueuedMail], shape: DrainSettings) -> str:
        """How many these are and how long they will take, in words."""
        return str(forecast(mails, shape))

    async def drain(
        self, relay: Relay, shaped: Shaped, domains: frozenset[str], timeout_s: float, quiet_s: float
    ) -> Gone:
        """To the end. Raises as ``ShapedDrain.run``."""
        drain = ShapedDrain(relay, shaped, domains, self.clock, self.book)
        await drain.run(timeout_s, quiet_s)
        seen = {ident: tuple(people) for ident, people in drain.seen.recipients.items()}
        return Gone(seen, tuple(sorted(drain.seen.arrivals)))
