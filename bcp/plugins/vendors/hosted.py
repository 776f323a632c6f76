"""What DNS back ends of cloud providers share: zones by name, readings with their wildcard, how a call failed.

A back end subclasses ``Hosted`` and says how zones of a name are listed, what stands at one name, and how one order is
sent and proved. Whatever goes wrong in a call is a ``Fault``; here it becomes a reading, an answer or a proof.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bcp.contracts.dns import (
    MxSet,
    Permission,
    Progress,
    Proof,
    Reading,
    Sent,
    SentState,
    Step,
    SwapOrder,
    Trouble,
    Warmth,
    Wildcard,
    Writer,
)
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.kernel.secret import Secret
from bcp.kit.at_once import AtOnce
from bcp.kit.wire_words import BETWEEN, OPENED, UNTRUSTED, plain

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 4
"""Domains worked on side by side."""
SHADOWED = frozenset({"A", "AAAA", "TXT"})
SURE = frozenset({"permission", "credential", "clock", "zone", "two-zones", "locked", "policy", "cname", "state"})
"""Codes with which a host certainly says no."""
_TROUBLE = {
    "permission": Trouble.NOT_ALLOWED,
    "credential": Trouble.NOT_ALLOWED,
    "clock": Trouble.NOT_ALLOWED,
    "zone": Trouble.NO_ZONE,
    "two-zones": Trouble.TWO_ZONES,
}


def one_sentence(message: str, hint: str) -> str:
    """What it is, and what to do. A vendor's own full stop does not stand in its middle."""
    return f"{message.rstrip(' .?!')}: {hint[:1].lower()}{hint[1:]}" if hint else message


def in_words(text: str, most: int = 300) -> str:
    """What a library tells of an answer, on one line. A whole web page in it is called that, and is not shown."""
    told = " ".join(text.split())
    if found := plain(told):
        return found
    if re.search(r"<(?:!doctype )?html", told, re.IGNORECASE):
        return "a web page came in place of an answer; is a proxy or a log-in page in between"
    return told[:most]


def not_of(whose: str, what: object, setting: str) -> Fault:
    """An answer that is none of the host, by its status or what was looked for in it. A write may have been done."""
    if isinstance(what, int) and what >= 500:  # an outage of the host, or of what stands before it: no page of somebody
        text = f"{whose} failed ({what}), or a proxy in between did"
        return Fault(SentState.LOST, "server", text, "Try again in a moment.", redo=True)
    text, hint = f"what answers ({what}) is not {whose}", f"Is a proxy or a log-in page in between? Check {setting}"
    return Fault(SentState.LOST, "server", text, hint)


def failed_well(whose: str, status: int, message: str) -> Fault:
    """An answer that is well by its status and speaks of a failure: a write may have been done."""
    return Fault(SentState.LOST, "server", f"{whose} answers {status}, and that it failed: {message}")


def endless(what: str, pages: int = 0) -> Fault:
    """A listing whose pages come again, or do not end: what is missing in it, nobody knows. ``pages``: so many
    different ones were read."""
    why = f"{pages} pages came, and there are more" if pages else "the same page comes again and again"
    return Fault(SentState.REFUSED, "server", f"{what} does not end: {why}")


def hint_of_sign_in(why: str, otherwise: str) -> str:
    """What to do where no token was had; ``why`` is of ``in_words``. ``otherwise``: where nothing special is known."""
    if untrusted(why):
        return OPENED
    return "Nothing was sent." if BETWEEN in why else otherwise


def untrusted(text: str) -> bool:
    """Was TLS refused for the certificate? ``text`` is of ``in_words``."""
    return UNTRUSTED in text


def key_of(secret: Secret, what: str) -> str:
    """A key or token as it is sent. Raises ``Fault`` where it cannot be one; what it is, is not said."""
    try:
        value = secret.reveal().strip()
    except BcpError as error:
        raise of_ours(error) or error from error
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        kind = what.rpartition(" ")[2]
        text = f"{what} is empty or holds characters that no {kind} has"
        hint = f"Check {secret.reference}: the {kind} alone, without quotes."
        raise Fault(SentState.REFUSED, "credential", text, hint)
    return value


def of_ours(error: Exception) -> Fault | None:
    """A secret that cannot be read, or another error of our own tree: it says itself what it is. ``None``: none."""
    if not isinstance(error, BcpError):
        return None
    return Fault(SentState.REFUSED, "credential", error.message, error.hint)


class Fault(Exception):  # caught here and in the back ends: it never leaves them
    """One call that did not do what was asked. ``state`` is what it would mean for a write."""

    def __init__(
        self, state: SentState, code: str, message: str, hint: str = "", wait_s: float = 0.0, *, redo: bool = False
    ) -> None:
        super().__init__(message)
        self.state, self.code, self.message, self.hint, self.wait_s = state, code, message, hint, wait_s
        self.redo = redo
        """The hint asks for nothing but doing it again: no advice for a write that may have been done."""

    @property
    def said(self) -> str:
        """One sentence: what it is, and what to do."""
        return one_sentence(self.message, self.hint)

    @property
    def trouble(self) -> Trouble:
        """The same for programs, of a reading."""
        if self.state is SentState.NOT_SENT:
            return Trouble.UNREACHABLE
        if self.state in {SentState.LOST, SentState.THROTTLED}:
            return Trouble.SILENT
        return _TROUBLE.get(self.code, Trouble.ERROR)

    def after(self, domain: str, change: str = "") -> Sent:
        """What it means when the write itself ended so."""
        code = "zone" if self.code == "two-zones" else self.code
        hint = "" if self.redo and self.state is SentState.LOST else self.hint
        return Sent(domain, self.state, code, self.message, hint, change, self.wait_s)

    def before(self, domain: str) -> Sent:
        """What it means when something that the write needs ended so: nothing was sent."""
        if self.state is SentState.LOST:
            return Sent(domain, SentState.NOT_SENT, self.code, self.message, self.hint)
        return self.after(domain)

    def reading(self, domain: str, zone: str) -> Reading:
        """What it means for a reading."""
        return Reading(domain, zone, None, problem=self.said, trouble=self.trouble, retry_after_s=self.wait_s)

    def proof(self, domain: str) -> Proof:
        """What it says about permission."""
        no = self.state is SentState.REFUSED and self.code in SURE
        hint = "" if self.redo else self.hint  # whoever judges it says so in its own words
        return Proof(domain, Permission.NOT_ALLOWED if no else Permission.CANNOT_SAY, self.message, hint)


@dataclass(frozen=True, slots=True)
class ZoneAt:
    """One zone at a host."""

    id: str
    name: str
    name_servers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class There:
    """What stands at one name."""

    mx: MxSet | None = None
    token: str = ""
    cname: str = ""
    kinds: frozenset[str] = frozenset()
    """Types of records at this name. Empty: the name has nothing of its own."""
    below: bool = False
    """It has nothing of its own, but names below it exist: no wildcard answers for it (RFC 4592 section 2.2.2)."""
    remarks: tuple[str, ...] = ()
    """What the host keeps beside the MX (comments, tags)."""


class Hosted(Writer):
    """A back end whose zones are found by name. ``zones``: by domain, the zone that the configuration names."""

    vendor = ""
    """What people call it, with its preposition: *at Route 53*, *in Azure DNS*."""
    max_ttl_s = 604_800

    def __init__(self, name: str, clock: Clock, zones: Mapping[str, str]) -> None:
        self.name, self._clock, self._named = name, clock, dict(zones)
        self._zones: dict[str, ZoneAt] = {}
        self._listed: dict[str, list[ZoneAt]] = {}
        self._at_once = AtOnce(AT_ONCE)

    # -- what a back end gives -----------------------------------------------------------------------------------

    async def _zones_called(self, name: str) -> list[ZoneAt]:
        """Public zones of exactly this name. Raises ``Fault``."""
        raise NotImplementedError

    async def _at(self, zone: ZoneAt, name: str) -> There:
        """What stands at exactly this name. Raises ``Fault``, with code ``policy`` for a set that may not be
        touched."""
        raise NotImplementedError

    async def _send(self, zone: ZoneAt, order: SwapOrder) -> Sent:
        """Send one order, once. Raises ``Fault``."""
        raise NotImplementedError

    async def _ask(self, zone: ZoneAt, order: SwapOrder, there: There) -> Proof:
        """Prove one order, given what stands there. Raises ``Fault``."""
        raise NotImplementedError

    async def _ends(self) -> float | None:
        """When the credential ends. Raises ``Fault``."""
        return None

    async def _step(self, sent: Sent) -> Step:
        """How far a change has got, by its id. Raises ``Fault``."""
        raise NotImplementedError

    # -- zones ---------------------------------------------------------------------------------------------------

    @property
    def servers(self) -> tuple[str, ...]:
        """None: they stand in the NS records."""
        return ()

    async def _zone(self, domain: str) -> ZoneAt:
        """The zone of a domain. What was found stays known; what was not is asked again. Raises ``Fault``."""
        if domain not in self._zones:
            self._zones[domain] = await self._find(domain)
        return self._zones[domain]

    async def _find(self, domain: str) -> ZoneAt:
        named = self._named.get(domain, "")
        for candidate in [named] if named else candidates(domain):
            told = self._listed.get(candidate) or await self._zones_called(candidate)
            found = list({z.id: z for z in told}.values())  # pages that overlap name one twice
            if found:
                self._listed[candidate] = found
            if len(found) > 1:
                text = f"there are {len(found)} public zones {candidate} {self.vendor}"
                ids = ", ".join(sorted(z.id for z in found)[:4])
                raise Fault(SentState.REFUSED, "two-zones", text, f"Say which one is meant: zone_ids: ({ids}).")
            if found:
                return found[0]
        hint = "Check the account, what the credential may see, and whose name servers it has; no zone is ever made."
        raise Fault(SentState.REFUSED, "zone", f"this credential sees no public zone for it {self.vendor}", hint)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Zone ids, and when the credential ends."""
        found = await self._all(domains, self._zone_or_fault)
        zones = {d: z.id for d, z in zip(domains, found, strict=True) if isinstance(z, ZoneAt)}
        problems = {d: z.said for d, z in zip(domains, found, strict=True) if isinstance(z, Fault)}
        try:
            ends = await self._ends()
        except Fault as fault:
            return Warmth(zones, None, {d: problems.get(d, fault.said) for d in domains})
        return Warmth(zones, ends, problems)

    async def _zone_or_fault(self, domain: str) -> ZoneAt | Fault:
        try:
            return await self._zone(domain)
        except Fault as fault:
            return fault

    async def _all(self, things: Sequence[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
        """``work`` for each, some at once, results in order."""

        async def one(thing: T) -> R:
            async with self._at_once.here:
                return await work(thing)

        return list(await asyncio.gather(*(one(t) for t in things)))

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the host has at each name: MX, CNAME, and a wildcard where the name itself has nothing."""
        return await self._all(domains, self._read)

    async def _read(self, domain: str) -> Reading:
        zone = ""
        try:
            at = await self._zone(domain)
            zone = at.name
            there = await self._at(at, domain)
            if there.kinds or there.below or domain == zone:
                return Reading(
                    domain,
                    zone,
                    there.mx,
                    there.cname,
                    token=there.token,
                    name_servers=at.name_servers,
                    remarks=there.remarks,
                )
            return await self._wildcard(at, domain, there.token)
        except Fault as fault:
            return fault.reading(domain, zone)

    async def _wildcard(self, zone: ZoneAt, domain: str, token: str) -> Reading:
        """The name has nothing of its own: what the nearest wildcard above it gives (RFC 4592)."""
        for owner in wildcards(domain, zone.name):
            there = await self._at(zone, owner)
            if there.mx is not None:
                shadows = tuple(sorted(there.kinds & SHADOWED))
                return Reading(domain, zone.name, there.mx, token=token, wildcard=Wildcard(owner, shadows))
            if there.kinds:
                break
        return Reading(domain, zone.name, None, token=token, name_servers=zone.name_servers)

    # -- writing -------------------------------------------------------------------------------------------------

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Each order once, some side by side, begun in the order given."""
        return await self._all(orders, self._swap)

    async def _swap(self, order: SwapOrder) -> Sent:
        low, high = self.capabilities.min_ttl_s, self.capabilities.max_ttl_s
        if not low <= order.new.ttl_s <= high:
            text = f"TTLs {self.vendor} go from {low} to {high} s, not {order.new.ttl_s}"
            return Sent(order.domain, SentState.REFUSED, "ttl", text)
        try:
            zone = await self._zone(order.domain)
        except Fault as fault:
            return fault.before(order.domain)
        try:
            return await self._send(zone, order)
        except Fault as fault:
            return fault.after(order.domain)

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """How far each change has got. A host with nothing to wait for has it with its answer."""
        return await self._all(sent, self._progress)

    async def _progress(self, sent: Sent) -> Progress:
        if not self.capabilities.reports_progress:
            return Progress(sent.domain, Step.DONE)
        if not sent.change:
            return Progress(sent.domain, Step.UNKNOWN, f"there is no id of this change {self.vendor}")
        try:
            return Progress(sent.domain, await self._step(sent))
        except Fault as fault:
            return Progress(sent.domain, Step.UNKNOWN, fault.said)

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """May we? What is sent would leave everything as it is even if the server ignored every condition."""
        return await self._all(orders, self._prove)

    async def _prove(self, order: SwapOrder) -> Proof:
        try:
            zone = await self._zone(order.domain)
            return await self._ask(zone, order, await self._at(zone, order.domain))
        except Fault as fault:
            return fault.proof(order.domain)


def read_token(token: str) -> dict[str, Any] | None:
    """The set of a token; ``None``: there was none, or it is not a token of ours."""
    try:
        found = json.loads(token)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def candidates(domain: str) -> Iterator[str]:
    """Zones that a domain may be in, the nearest first; a zone has two labels at least."""
    labels = domain.split(".")
    for i in range(len(labels) - 1):
        yield ".".join(labels[i:])


def wildcards(domain: str, zone: str) -> Iterator[str]:
    """Owners of wildcards that may answer for a name, the nearest first."""
    labels = domain.split(".")
    for k in range(1, len(labels) - zone.count(".")):
        yield "*." + ".".join(labels[k:])
