"""RFC 2136 dynamic update with TSIG (RFC 8945) on dnspython: compare-and-swap of a whole MX RRset.

One UPDATE carries the value-dependent prerequisite (section 2.4.2), *no CNAME here* (2.4.3) and the replacement, so
that it happens entirely or not at all. Retrying and reading back are not done here: see ``bcp.mx.host``. No settings
model is loaded here either: a switch is to begin at once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.update

from bcp.contracts.dns_writer import (
    Capabilities,
    Guard,
    Reading,
    Sent,
    SentState,
    SwapOrder,
    Trouble,
    Writer,
)
from bcp.kernel.clock import Clock
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.errors import Permanent
from bcp.kernel.secret import Secret
from bcp.kit.dns_read import Reply, ZoneFound, cname_of, find_zones, mx_of, query, say_trouble, trouble_of
from bcp.kit.dns_swap import ZoneSwap, rdata
from bcp.kit.dnswire import InTurn, Lost, Messages, exchange

if TYPE_CHECKING:
    from bcp.contracts.dns_proof import Progress, Proof, Warmth

_ALGORITHMS = {
    n: getattr(dns.tsig, n.replace("-", "_").upper())
    for n in ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
}
SHADOWED = ("A", "AAAA", "TXT")
"""Types that a name may get from a wildcard beside its MX, and that matter for mail and web."""


class _Key(dns.tsig.Key):
    """A key that keeps its secret to itself where it is printed: dnspython's own shows it."""

    def __repr__(self) -> str:
        return f"<TSIG key {self.name}>"


class Key(Protocol):
    """A shared key (TSIG)."""

    @property
    def name(self) -> str:
        """Name of the key, as in the server's configuration."""
        ...

    @property
    def algorithm(self) -> str:
        """Such as ``hmac-sha256``; the server must have the same."""
        ...

    @property
    def secret(self) -> Secret:
        """Base64, by reference."""
        ...


class Primary(Protocol):
    """The server that takes updates. What the settings of a plug-in say of it, or whoever has no settings file."""

    @property
    def server(self) -> str:
        """Its address: ``192.0.2.1`` or ``192.0.2.1:5300``."""
        ...

    @property
    def key(self) -> Key:
        """The key that may change MX."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for one answer."""
        ...

    @property
    def window(self) -> int:
        """Requests under way at once on one connection."""
        ...


class Rfc2136(Writer):
    """The back end. Connections live for one batch."""

    def __init__(self, name: str, settings: Primary, clock: Clock, zones: Mapping[str, str], /) -> None:
        self.name, self.settings = name, settings
        self._server = parse_endpoint(settings.server)
        self._zones: dict[str, ZoneFound] = {d: ZoneFound(z) for d, z in zones.items()}
        self._key: dns.tsig.Key | None = None

    @property
    def capabilities(self) -> Capabilities:
        """Strong and atomic; the TTL is not part of the condition (RFC 2136 section 1.1.1)."""
        return Capabilities(guard=Guard.STRONG)

    @property
    def servers(self) -> tuple[str, ...]:
        """The primary, which may be hidden."""
        return (self.settings.server,)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """The zone of each domain. A TSIG key does not end by itself."""
        from bcp.contracts.dns_proof import Warmth

        await self._find_zones(domains)
        problems = {d: z.problem for d in domains if (z := self._zone(d)).problem}
        return Warmth({d: z.zone for d in domains if (z := self._zone(d)).zone}, None, problems)

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the primary serves; a domain that cannot be read has its ``problem`` set."""
        await self._find_zones(domains)
        replies = await self._ask(InTurn(len(domains), lambda i: query(domains[i], "MX", dnssec=True)))
        found = [self._reading(d, r) for d, r in zip(domains, replies, strict=True)]
        below = [i for i, r in enumerate(found) if r.mx is not None and r.domain != r.zone]
        for i, reading in zip(below, await self._own_or_wildcard([found[i] for i in below]), strict=True):
            found[i] = reading
        return found

    def _reading(self, domain: str, reply: Reply) -> Reading:
        zone = self._zone(domain)
        if isinstance(reply, Lost):
            return Reading(domain, zone.zone, None, problem=reply.reason, trouble=trouble_of(reply, authority=True))
        if not zone.zone:
            return Reading(domain, "", None, problem=zone.problem, trouble=zone.trouble)
        if problem := say_trouble(reply, self.settings.server, domain, authority=True):
            trouble = trouble_of(reply, authority=True)
            return Reading(domain, zone.zone, None, problem=problem, trouble=trouble)
        signed = any(r.rdtype == dns.rdatatype.RRSIG for r in reply.answer)
        return Reading(domain, zone.zone, mx_of(reply, domain), cname_of(reply, domain), signed=signed)

    async def _own_or_wildcard(self, readings: Sequence[Reading]) -> list[Reading]:
        """Tell records of the name's own from those made up from a wildcard (RFC 4592), which look the same.

        Only where a wildcard above says the same, the server is asked with an UPDATE that changes nothing: its
        prerequisite *this name has an MX* (RFC 2136 section 2.4.1) looks at real records only.
        """
        out = list(readings)
        for i, owners in (await self._wildcards_above(readings)).items():
            names = [readings[i].domain, *owners]
            replies = await self._ask([self._has_own(n, readings[i].zone) for n in names], signed=True)
            own = [_own(r) for r in replies]
            real = [o for o, has in zip(owners, own[1:], strict=True) if has]
            if None in own or not (own[0] or real):
                out[i] = self._unclear(
                    readings[i], next((r for r, o in zip(replies, own, strict=True) if o is None), None)
                )
            elif not own[0]:
                out[i] = await self._made_up(readings[i], real[0])
        return out

    def _unclear(self, reading: Reading, reply: Reply | None) -> Reading:
        why = "no record is the source"
        if reply is not None:
            why = reply.reason if isinstance(reply, Lost) else f"the server answers {dns.rcode.to_text(reply.rcode())}"
        problem = f"a wildcard gives the same MX, and whether {reading.domain} has its own is unclear: {why}"
        trouble = (trouble_of(reply, authority=False) if reply is not None else None) or Trouble.NOT_ALLOWED
        return Reading(reading.domain, reading.zone, None, problem=problem, trouble=trouble)

    async def _wildcards_above(self, readings: Sequence[Reading]) -> dict[int, list[str]]:
        """For each reading, the wildcards between it and its zone that answer with the same MX, nearest first.

        Not all of them need be real: ``*.b.shops`` is itself made up from ``*.shops``.
        """
        owners = [
            (i, "*." + ".".join(labels[k:]))
            for i, r in enumerate(readings)
            for labels in [r.domain.split(".")]
            for k in range(1, len(labels) - r.zone.count("."))
        ]
        replies = await self._ask([query(o, "MX") for _, o in owners]) if owners else []
        found: dict[int, list[str]] = {}
        for (i, owner), reply in zip(owners, replies, strict=True):
            there = None if isinstance(reply, Lost) else mx_of(reply, owner)
            if there is not None and there.same(readings[i].mx):
                found.setdefault(i, []).append(owner)
        return found

    def _has_own(self, name: str, zone: str) -> dns.update.UpdateMessage:
        message = self._message(zone)
        message.present(dns.name.from_text(name), "MX")
        message.absent(dns.name.from_text(zone), "SOA")  # cannot hold: whatever it says, nothing is changed
        return message

    async def _made_up(self, reading: Reading, owner: str) -> Reading:
        from bcp.contracts.dns_proof import Wildcard

        replies = await self._ask([query(reading.domain, k) for k in SHADOWED])
        shadows = tuple(
            kind
            for kind, reply in zip(SHADOWED, replies, strict=True)
            if not isinstance(reply, Lost) and any(s.rdtype == dns.rdatatype.from_text(kind) for s in reply.answer)
        )
        return Reading(
            reading.domain, reading.zone, reading.mx, signed=reading.signed, wildcard=Wildcard(owner, shadows)
        )

    def _zone(self, domain: str) -> ZoneFound:
        return self._zones.get(domain) or ZoneFound("", Trouble.ERROR, f"the zone of {domain} is not known")

    async def _find_zones(self, domains: Iterable[str]) -> None:
        """What was found stays known; what was not is asked again."""
        waiting = [d for d in dict.fromkeys(domains) if not self._zone(d).zone]
        if waiting:
            self._zones.update(await find_zones(self._ask, self.settings.server, waiting))

    # -- writing -------------------------------------------------------------------------------------------------

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """One guarded UPDATE an order, over one pipelined connection."""
        await self._find_zones([o.domain for o in orders])
        there = [o for o in orders if self._zone(o.domain).zone]
        replies = await self._ask(InTurn(len(there), lambda i: self._swap(there[i])), signed=True) if there else []
        said = {o.domain: _sent(o, r) for o, r in zip(there, replies, strict=True)}
        return [said.get(o.domain) or self._no_zone(o.domain) for o in orders]

    def _no_zone(self, domain: str) -> Sent:
        zone = self._zone(domain)
        if zone.trouble.passing:
            return Sent(domain, SentState.NOT_SENT, str(zone.trouble), zone.problem)
        hint = "Check dns: and domains: in bcp.yaml. Zones are never created."
        return Sent(domain, SentState.REFUSED, "zone", f"{self.settings.server} holds no zone for {domain}", hint)

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """The primary has a change or has it not; the other servers are asked by ours."""
        from bcp.contracts.dns_proof import Progress, Step

        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """The same UPDATE behind *this zone has no SOA*: YXRRSET shows that key, clock and policy would allow it."""
        await self._find_zones([o.domain for o in orders])
        there = [o for o in orders if self._zone(o.domain).zone]
        replies = await self._ask([self._update(o, impossible=True) for o in there], signed=True) if there else []
        said = {o.domain: _proof(o.domain, r) for o, r in zip(there, replies, strict=True)}
        return [said.get(o.domain) or _unproved(self._no_zone(o.domain)) for o in orders]

    def _swap(self, order: SwapOrder) -> dns.update.UpdateMessage:
        zone = self._zone(order.domain).zone
        if order.wildcard or order.domain != zone:
            return self._update(order)
        return ZoneSwap(zone, order.old, order.new, self._tsig(), lambda: self._update(order))

    def _update(self, order: SwapOrder, *, impossible: bool = False) -> dns.update.UpdateMessage:
        zone = self._zone(order.domain).zone
        message = self._message(zone)
        name = dns.name.from_text(order.domain)
        if impossible:
            message.absent(dns.name.from_text(zone), dns.rdatatype.SOA)
        elif order.wildcard:
            message.absent(name, dns.rdatatype.MX)
            message.present(dns.name.from_text(order.wildcard), *[rdata(h) for h in order.old.hosts])
            message.absent(name, dns.rdatatype.CNAME)
        else:
            message.present(name, *[rdata(h) for h in order.old.hosts])
            message.absent(name, dns.rdatatype.CNAME)
        message.replace(name, order.new.ttl_s, *[rdata(h) for h in order.new.hosts])
        return message

    def _message(self, zone: str) -> dns.update.UpdateMessage:
        key = self._tsig()
        return dns.update.UpdateMessage(zone + ".", keyring=key, keyname=key.name, keyalgorithm=key.algorithm)

    def _tsig(self) -> dns.tsig.Key:
        if self._key is None:
            key = self.settings.key
            try:
                raw = base64.b64decode("".join(key.secret.reveal().split()), validate=True)
                self._key = _Key(key.name, raw, _ALGORITHMS[key.algorithm])
            except (ValueError, dns.exception.DNSException) as error:
                raise Permanent(
                    f"the TSIG secret of {key.name} is not base64", hint=f"Check {key.secret.reference}."
                ) from error
        return self._key

    async def _ask(self, messages: Messages, *, signed: bool = False) -> list[Reply]:
        return await exchange(
            self._server,
            messages,
            keyring=self._tsig() if signed else None,
            timeout_s=self.settings.timeout,
            window=self.settings.window,
        )

    async def close(self) -> None:
        """Nothing is kept open."""


def _own(reply: Reply) -> bool | None:
    """Has the name a record of its own? ``None``: the server did not say."""
    if isinstance(reply, Lost):
        return None
    return {dns.rcode.YXRRSET: True, dns.rcode.NXRRSET: False}.get(reply.rcode())


def _sent(order: SwapOrder, reply: Reply) -> Sent:
    """What the primary said, before it is read back."""
    domain = order.domain
    if isinstance(reply, Lost):
        if not reply.definite:
            return Sent(domain, SentState.LOST, reply.code, reply.reason, reply.hint)
        state = SentState.NOT_SENT if reply.code == "unreachable" else SentState.REFUSED
        return Sent(domain, state, reply.code, reply.reason, reply.hint)
    code = dns.rcode.to_text(reply.rcode())
    if code == "NOERROR":
        return Sent(domain, SentState.ACCEPTED)
    if code in {"NXRRSET", "YXRRSET"}:  # something else stands there, or a CNAME; reading back tells which
        return Sent(domain, SentState.STALE, code.lower())
    return Sent(domain, SentState.REFUSED, *_explain(code))


def _proof(domain: str, reply: Reply) -> Proof:
    from bcp.contracts.dns_proof import Permission, Proof

    if isinstance(reply, Lost):
        certain = reply.definite and reply.code != "unreachable"
        permission = Permission.NOT_ALLOWED if certain else Permission.CANNOT_SAY
        return Proof(domain, permission, reply.reason, reply.hint)
    if reply.rcode() == dns.rcode.YXRRSET:
        return Proof(domain, Permission.ALLOWED)
    _, message, hint = _explain(dns.rcode.to_text(reply.rcode()))
    return Proof(domain, Permission.NOT_ALLOWED, message, hint)


def _unproved(sent: Sent) -> Proof:
    from bcp.contracts.dns_proof import Permission, Proof

    passing = sent.state is SentState.NOT_SENT
    permission = Permission.CANNOT_SAY if passing else Permission.NOT_ALLOWED
    return Proof(sent.domain, permission, sent.message, sent.hint)


def _explain(code: str) -> tuple[str, str, str]:
    """What a response code means: a code of ours, a sentence, what to do."""
    return {
        "REFUSED": (
            "permission",
            "the server refuses this change",
            "Give the key the right to change MX here (BIND: update-policy, Knot: acl).",
        ),
        "NOTAUTH": (
            "key",
            "the server is not the primary of this zone, or does not know the key",
            "Check dns.server and the key's name.",
        ),
        "NOTZONE": ("zone", "the name is not in the zone", "Check domains: zone in bcp.yaml."),
        "NXDOMAIN": ("zone", "the server does not know the zone", "Check domains: zone in bcp.yaml."),
        "FORMERR": ("key", "the server rejects the signature or the message", "Check the key's secret and algorithm."),
        "SERVFAIL": ("server", "the server failed", "Look at its log; Knot needs its journal folder."),
        "NOTIMP": ("server", "the server does not do dynamic updates", "Turn them on (PowerDNS: dnsupdate=yes)."),
    }.get(code, ("server", f"the server answers {code}", "Look at its log."))
