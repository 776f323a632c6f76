"""What a decision rests on: what is known of each domain, what else is so at the moment of deciding, and what a
condition of it is. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bcp.detect.rules import Rules


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of one domain, or of all of them (``domain`` empty), at this moment."""

    domain: str = ""
    state: str = "healthy"
    classes: tuple[str, ...] = ()
    planes: tuple[str, ...] = ()
    seen: bool = False
    """A look of ours sees inbound mail or the MX host's name fail; it is not only told so."""
    failing_now: bool = False
    """The newest looks fail, by quorum."""
    lately: bool = True
    """Something of it failed in the last few rounds."""
    failed_s: float = 0.0
    """Seconds of failure, over relapses."""
    sure_share: float = 0.0
    """Share of failing looks that is certain."""
    likely_share: float = 0.0
    """The same, less surely (95 %): enough to wait for the decision time, not to move."""
    share: float = 0.0
    """Share of failing looks, for people."""
    refused: bool = False
    """What fails now are permanent refusals of valid recipients, and of no mere part of them."""
    flapping: bool = False
    zone_down: bool = False
    """Our own zone, in which its MX stands, is confirmed to fail for senders."""
    limited: bool = False
    """All that fails are limits that the addresses of our probers run into."""
    mails_alone: bool = False
    """Whole mails alone are not taken, and no look at a known recipient says anything."""
    bounced: bool = False
    """Looks are refused for good, by replies that say nothing of the recipient: others may be refused as well."""
    delivered: bool = False
    """A mail came through that was sent after inbound mail began to fail, while every look of some place fails."""
    gateway_spared: bool = False
    """Of several domains the way through the relay is looked at for some, and its own is not confirmed down."""
    unseen: bool = False
    """Something is set to look at its inbound mail, or at the MX host's name, and nobody sees it."""
    well: bool = False
    """Inbound mail and the MX host's name are seen to be well, as far as they are looked at, and something looks."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What else is so now. ``None`` is: not asked."""

    stage: str = "healthy"
    relay_ready: bool | None = None
    maintenance: str = ""
    """Who declared that we work on it ourselves; empty: nobody."""
    denied: str = ""
    """Who says that it is no outage; empty: nobody."""
    declared: str = ""
    """Who says that it is an outage for which MX is moved; empty: nobody."""
    on_relay_s: float | None = None
    """Seconds since mail was moved to the relay."""
    gateway_down: bool = False
    """The path through the relay or gateway fails while direct delivery is not confirmed down."""
    fresh: bool = True
    """Is there a look of now that this rests on?"""
    flapping: bool = False
    """Something is flapping."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a deed."""

    id: str
    says: str
    """What must be so."""
    holds: Callable[[Case, Moment, Rules], bool]
    otherwise: str
    """The action that is proposed where it is not so."""
    why: str
    """For people, where it is not so."""
    change: str = ""
    """What would change it; empty: nothing that one could wait for."""
