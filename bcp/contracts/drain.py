"""A drain: mail that a relay kept goes to Exchange, no faster than Exchange takes it. What is told and asked of it.

A drain is a thing of its own: it goes on, pauses and stops while the failback that it belongs to stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from bcp.contracts.relay import QueuedMail, Relay
from bcp.contracts.relay_machine import DrainSettings

DrainState = Literal["canary", "running", "paused", "stopped", "done"]
"""``canary``: the first few are on their way and nothing else is; ``stopped``: nothing goes until a person says so."""
Wish = Literal["", "pause", "stop"]
"""What a person wants of the drain that is running; empty: that it goes on."""


@dataclass(frozen=True, slots=True)
class DrainStatus:
    """How a drain stands."""

    relay: str
    state: DrainState
    waiting: int
    """Messages that the relay still holds for us, those on their way included."""
    gone: int
    """Messages that left the relay since the drain began. What became of each is told by its fates."""
    throttled: int = 0
    """So often Exchange asked to be left alone (4.7.x, 432)."""
    refused: int = 0
    """Messages that Exchange refused for good. The relay keeps them, and this drain does not try them again."""
    rate: float = 0.0
    """Messages a second that it lets go now."""
    seconds_left: float = 0.0
    """Forecast."""
    began: float = 0.0
    at: float = 0.0
    """When this was told: epoch seconds. An old one is of a drain that nobody drives."""
    why: str = ""
    """Why it paused or stopped."""


class DrainBook(Protocol):
    """Where a drain says how it stands, and reads what people want of it."""

    def drive(self, relay: str) -> bool:
        """From now on this process drives the drain of this relay. False: another one does."""

    def leave(self, relay: str) -> None:
        """No longer."""

    def tell(self, status: DrainStatus) -> None:
        """Say how it stands."""

    def wish(self, relay: str) -> Wish:
        """What people want of it."""


class NoBook:
    """Nobody reads it, and nobody wants anything."""

    def drive(self, relay: str) -> bool:
        """Always."""
        return True

    def leave(self, relay: str) -> None:
        """Nothing to do."""

    def tell(self, status: DrainStatus) -> None:
        """To nobody."""

    def wish(self, relay: str) -> Wish:
        """None."""
        return ""


@runtime_checkable
class Shaped(Protocol):
    """A relay that can be drained mail by mail. A relay need not: then it is asked to deliver everything at once."""

    can_release: bool
    """False: as it is configured, it cannot."""
    shape: DrainSettings

    async def keep(self, on: bool) -> None:
        """Keep everything until it is released, or deliver by itself again. Twice does no harm."""
        ...

    async def release(self, queue_ids: Sequence[str]) -> None:
        """Try these now. What Exchange does not take stays. An id that is no longer there does no harm."""
        ...


@dataclass(frozen=True, slots=True)
class Gone:
    """What a drain saw in the queue while it lasted."""

    recipients: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Recipients of ours by queue id."""
    arrivals: tuple[float, ...] = ()
    """When the relay took them, by its own record."""


class Drains(Protocol):
    """Carries drains out, for actions."""

    def forecast(self, mails: Sequence[QueuedMail], shape: DrainSettings) -> str:
        """How many these are and how long they will take, in words."""

    async def drain(
        self, relay: Relay, shaped: Shaped, domains: frozenset[str], timeout_s: float, quiet_s: float
    ) -> Gone:
        """Mail by mail, until the relay holds nothing for these domains, and for ``quiet_s`` after.

        Raises:
            Refused: another process drives it (``drain.driven``), a person stopped it (``drain.stopped``), or Exchange
                refuses mail for good (``drain.refused``). The relay keeps what it has.
            Transient: the time is over (``drain.late``), mail waits at a host that has not answered for long
                (``drain.unheard``), or the relay does not say what it holds.
        """
        ...


class NoDrains:
    """There is nobody to drive a drain: a relay is asked to deliver everything at once."""

    def forecast(self, mails: Sequence[QueuedMail], shape: DrainSettings) -> str:
        """Not known."""
        return f"{len(mails)} message(s)"

    async def drain(
        self, relay: Relay, shaped: Shaped, domains: frozenset[str], timeout_s: float, quiet_s: float
    ) -> Gone:
        """Asked, and not watched."""
        await relay.drain(sorted(domains))
        return Gone()
