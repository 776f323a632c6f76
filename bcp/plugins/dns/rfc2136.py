"""RFC 2136 dynamic update with TSIG (RFC 8945) on dnspython: compare-and-swap of a whole MX RRset.

One UPDATE carries the value-dependent prerequisite (section 2.4.2), *no CNAME here* (2.4.3) and the replacement, so that
it happens entirely or not at all. Answers are not believed: the name is read back, and a lost answer is decided by reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tsig
import dns.update
from pydantic import Field, field_validator

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    DnsPlugin,
    DnsSettings,
    HostFacts,
    MxHost,
    MxSet,
    Proof,
    Reading,
    Swap,
    SwapOrder,
    SwapState,
)
from bcp.contracts.plugin import Duration, Model
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.kit.dnswire import Endpoint, Lost, exchange, parse_endpoint

_ALGORITHMS = {
    n: getattr(dns.tsig, n.replace("-", "_").upper())
    for n in ("hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512")
}


class TsigKey(Model):
    """A shared key."""

    name: str
    """Name of the key, as in the server's configuration."""
    algorithm: Literal["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """Algorithm; the server must have the same."""
    secret: Secret
    """Base64 secret, by reference."""


class Rfc2136Settings(DnsSettings):
    """A DNS primary that takes signed dynamic updates: BIND, Knot, PowerDNS and others."""

    kind: Literal["rfc2136"] = "rfc2136"
    """Which plug-in."""
    server: str
    """Address of the primary that takes updates: `192.0.2.1` or `192.0.2.1:5300`."""
    key: TsigKey
    """Key that may change MX, and best nothing else."""
    authoritative: list[str] = Field(default_factory=list)
    """Addresses of all authoritative servers. Empty: found from the NS records."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for looking up hosts. Empty: the system's."""
    timeout: Duration = 5.0
    """For one answer."""
    window: Annotated[int, Field(ge=1, le=256)] = 64
    """Requests under way at once on one connection."""
    settle: Duration = 4.0
    """How long to keep reading back before a change that was answered with NOERROR counts as not made (inline signing)."""

    @field_validator("server")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parse_endpoint(value)
        return value

    @field_validator("authoritative", "resolvers")
    @classmethod
    def _endpoints(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_endpoint(text)
        return value


class Rfc2136:
    """The back end. Connections live for one batch."""

    Settings = Rfc2136Settings
    capabilities = Capabilities(compare_and_swap=True)

    def __init__(self, name: str, settings: Rfc2136Settings, clock: Clock, zones: Mapping[str, str]) -> None:
        self.name, self.settings, self.clock = name, settings, clock
        self._server = parse_endpoint(settings.server)
        self._zones = dict(zones)
        self._key: dns.tsig.Key | None = None
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._servers: dict[str, tuple[Endpoint, ...]] = {}

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the primary serves; a domain that cannot be read has its ``problem`` set."""
        await self._find_zones(domains)
        replies = await self._ask(self._server, [_query(d, "MX", dnssec=True) for d in domains])
        return [self._reading(d, r) for d, r in zip(domains, replies, strict=True)]

    def _reading(self, domain: str, reply: dns.message.Message | Lost) -> Reading:
        zone = self._zones.get(domain, "")
        if isinstance(reply, Lost):
            return Reading(domain, zone, None, problem=reply.reason)
        if not zone:
            return Reading(
                domain, "", None, problem=f"{self.settings.server} is not authoritative for any zone of {domain}"
            )
        if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return Reading(
                domain, zone, None, problem=f"{self.settings.server} answers {dns.rcode.to_text(reply.rcode())}"
            )
        if not reply.flags & dns.flags.AA:
            return Reading(
                domain, zone, None, problem=f"{self.settings.server} does not answer with authority for {domain}"
            )
        name = dns.name.from_text(domain)
        cname = next((str(r[0].target) for r in reply.answer if r.rdtype == dns.rdatatype.CNAME and r.name == name), "")
        signed = any(r.rdtype == dns.rdatatype.RRSIG for r in reply.answer)
        return Reading(domain, zone, mx_of(reply, domain), cname, signed=signed)

    async def _find_zones(self, domains: Iterable[str]) -> None:
        """The zone that holds each domain: the name itself or the nearest parent with an SOA here."""
        waiting = {d: d for d in domains if d not in self._zones}
        while waiting:
            order = list(waiting)
            replies = await self._ask(self._server, [_query(waiting[d], "SOA") for d in order])
            for domain, reply in zip(order, replies, strict=True):
                candidate = waiting[domain]
                if isinstance(reply, Lost):
                    waiting.pop(domain)
                elif _has_soa(reply, candidate):
                    self._zones[domain] = candidate
                    waiting.pop(domain)
                else:
                    parent = candidate.partition(".")[2]
                    if parent.count(".") < 1:
                        waiting.pop(domain)
                    else:
                        waiting[domain] = parent

    # -- writing -------------------------------------------------------------------------------------------------

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Compare-and-swap every order over one pipelined connection, then read each back."""
        await self._find_zones([o.domain for o in orders])
        replies = await self._ask(self._server, [self._update(o) for o in orders], signed=True)
        readings = await self._settled(orders, replies)
        out = [_judge(o, r, now) for o, r, now in zip(orders, replies, readings, strict=True)]
        again = [
            i
            for i, s in enumerate(out)
            if s.state is SwapState.UNKNOWN and s.found is not None and s.found.same(orders[i].old)
        ]
        if again:  # the old set still stands: the same guarded order once more can do no harm
            replies2 = await self._ask(self._server, [self._update(orders[i]) for i in again], signed=True)
            readings2 = await self._settled([orders[i] for i in again], replies2)
            for i, reply, now in zip(again, replies2, readings2, strict=True):
                out[i] = _judge(orders[i], reply, now)
        return out

    async def _settled(
        self, orders: Sequence[SwapOrder], replies: Sequence[dns.message.Message | Lost]
    ) -> list[Reading]:
        """Read back; where NOERROR was answered and the old set is still served, read again for some seconds."""
        readings = await self.read([o.domain for o in orders])
        deadline = self.clock.monotonic() + self.settings.settle
        while self.clock.monotonic() < deadline:
            late = [
                i
                for i, (o, r, now) in enumerate(zip(orders, replies, readings, strict=True))
                if not (now.mx is not None and _equal(now.mx, o.new))
                and (isinstance(r, Lost) or r.rcode() == dns.rcode.NOERROR)
                and not now.cname
            ]
            if not late:
                break
            await self.clock.sleep(0.05)
            for i, fresh in zip(late, await self.read([orders[i].domain for i in late]), strict=True):
                readings[i] = fresh
        return readings

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """The same UPDATE behind *this zone has no SOA*: YXRRSET shows that key, clock and policy would allow it."""
        await self._find_zones([o.domain for o in orders])
        replies = await self._ask(self._server, [self._update(o, impossible=True) for o in orders], signed=True)
        out = []
        for order, reply in zip(orders, replies, strict=True):
            if isinstance(reply, Lost):
                out.append(Proof(order.domain, False, reply.reason, reply.hint))
            elif reply.rcode() == dns.rcode.YXRRSET:
                out.append(Proof(order.domain, True))
            else:
                message, hint = _explain(dns.rcode.to_text(reply.rcode()))
                out.append(Proof(order.domain, False, message, hint))
        return out

    def _update(self, order: SwapOrder, *, impossible: bool = False) -> dns.update.UpdateMessage:
        if not order.new.hosts:
            raise Permanent(f"refusing to leave {order.domain} without MX", hint="This is a bug; nothing was sent.")
        zone = self._zones.get(order.domain)
        if zone is None:
            raise Permanent(
                f"{self.settings.server} holds no zone for {order.domain}",
                hint="Check dns: and domains: in bcp.yaml. Zones are never created.",
            )
        key = self._tsig()
        message = dns.update.UpdateMessage(zone + ".", keyring=key, keyname=key.name, keyalgorithm=key.algorithm)
        name = dns.name.from_text(order.domain)
        if impossible:
            message.absent(dns.name.from_text(zone), dns.rdatatype.SOA)
        else:
            message.present(name, *[_rdata(h) for h in order.old.hosts])
            message.absent(name, dns.rdatatype.CNAME)
        message.replace(name, order.new.ttl_s, *[_rdata(h) for h in order.new.hosts])
        return message

    def _tsig(self) -> dns.tsig.Key:
        if self._key is None:
            key = self.settings.key
            try:
                self._key = dns.tsig.Key(key.name, key.secret.reveal(), _ALGORITHMS[key.algorithm])
            except (ValueError, dns.exception.DNSException) as error:
                raise Permanent(
                    f"the TSIG secret of {key.name} is not base64", hint=f"Check {key.secret.reference}."
                ) from error
        return self._key

    # -- the authoritative servers -------------------------------------------------------------------------------

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """Every authoritative address asked for every domain, each address over its own connection."""
        await self._find_zones(domains)
        await self._find_servers(domains)
        by_server: dict[Endpoint, list[str]] = {}
        for domain in domains:
            for endpoint in self._servers[self._zones.get(domain, domain)]:
                by_server.setdefault(endpoint, []).append(domain)
        out: list[Answer] = []

        async def one(endpoint: Endpoint, names: list[str]) -> None:
            replies = await self._ask(endpoint, [_query(d, "MX") for d in names])
            out.extend(_answer(d, endpoint, r) for d, r in zip(names, replies, strict=True))

        async with asyncio.TaskGroup() as group:
            for endpoint, names in by_server.items():
                group.create_task(one(endpoint, names))
        return sorted(out, key=lambda a: (a.domain, a.address))

    async def _find_servers(self, domains: Sequence[str]) -> None:
        zones = sorted({self._zones.get(d, d) for d in domains} - self._servers.keys())
        if not zones:
            return
        if self.settings.authoritative:
            fixed = tuple(dict.fromkeys(parse_endpoint(t) for t in self.settings.authoritative))
            self._servers.update((z, fixed) for z in zones)
            return
        replies = await self._ask(self._server, [_query(z, "NS") for z in zones])
        for zone, reply in zip(zones, replies, strict=True):
            hosts = (
                []
                if isinstance(reply, Lost)
                else [str(r.target) for s in reply.answer if s.rdtype == dns.rdatatype.NS for r in s]
            )
            found = {self._server: None}
            for host in hosts:
                found.update((Endpoint(a, 53), None) for a in await self._addresses(host))
            self._servers[zone] = tuple(found)

    async def _addresses(self, host: str) -> tuple[str, ...]:
        if host not in self._hosts:
            self._hosts[host] = (await self.look_up(host)).addresses
        return self._hosts[host]

    # -- as a sender would look -----------------------------------------------------------------------------------

    async def look_up(self, host: str) -> HostFacts:
        """Addresses and CNAME of a host, from the resolvers, else from the primary itself."""
        replies = await self._resolve(host, ("A", "AAAA"))
        known = [r for r in replies if not isinstance(r, Lost)]
        if not known:
            return HostFacts(host, problem="no resolver answers")
        addresses = [
            rd.address for r in known for s in r.answer if s.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA) for rd in s
        ]
        own = dns.name.from_text(host)
        cname = next(
            (str(s[0].target) for r in known for s in r.answer if s.rdtype == dns.rdatatype.CNAME and s.name == own), ""
        )
        rcodes = {dns.rcode.to_text(r.rcode()) for r in known} - {"NOERROR"}
        return HostFacts(
            host,
            tuple(dict.fromkeys(addresses)),
            cname,
            "" if addresses else (", ".join(sorted(rcodes)) or "no address"),
        )

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records; ``Transient`` when nobody answers."""
        return tuple(b"".join(rd.strings).decode("utf-8", "replace") for rd in await self._records(name, "TXT"))

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records for SMTP at this host."""
        return tuple(rd.to_text() for rd in await self._records(f"_25._tcp.{host}", "TLSA"))

    async def _records(self, name: str, kind: str) -> list[Any]:
        reply = (await self._resolve(name, (kind,)))[0]
        if isinstance(reply, Lost):
            raise Transient(f"{kind} of {name} cannot be looked up: {reply.reason}", hint=reply.hint)
        wanted = dns.rdatatype.from_text(kind)
        return [rd for s in reply.answer if s.rdtype == wanted for rd in s]

    async def _resolve(self, name: str, kinds: Sequence[str]) -> list[dns.message.Message | Lost]:
        replies: list[dns.message.Message | Lost] = [Lost("no resolver is configured") for _ in kinds]
        for endpoint in [*self._resolvers(), self._server]:
            replies = await self._ask(endpoint, [_query(name, k, recurse=True) for k in kinds])
            if all(not isinstance(r, Lost) and r.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) for r in replies):
                return replies
        return replies

    def _resolvers(self) -> list[Endpoint]:
        if self.settings.resolvers:
            return [parse_endpoint(t) for t in self.settings.resolvers]
        from dns.resolver import NoResolverConfiguration, Resolver  # noqa: PLC0415 - heavy, and often not needed

        try:
            return [Endpoint(str(a), 53) for a in Resolver().nameservers][:2]
        except (NoResolverConfiguration, OSError):
            return []

    async def _ask(
        self, endpoint: Endpoint, messages: Sequence[dns.message.Message], *, signed: bool = False
    ) -> list[dns.message.Message | Lost]:
        return await exchange(
            endpoint,
            messages,
            keyring=self._tsig() if signed else None,
            timeout_s=self.settings.timeout,
            window=self.settings.window,
        )

    async def close(self) -> None:
        """Nothing is kept open."""


def _query(name: str, kind: str, *, recurse: bool = False, dnssec: bool = False) -> dns.message.QueryMessage:
    message = dns.message.make_query(name if name.endswith(".") else name + ".", kind, want_dnssec=dnssec)
    if not recurse:
        message.flags &= ~dns.flags.RD
    return message


@lru_cache(maxsize=1024)
def _rdata(host: MxHost) -> dns.rdata.Rdata:
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.MX, f"{host.preference} {host.host}")


def mx_of(reply: dns.message.Message, domain: str) -> MxSet | None:
    """The MX RRset of this name in a reply; ``None`` when there is none. Names in lower case."""
    name = dns.name.from_text(domain)
    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.MX and rrset.name == name:
            return MxSet(
                tuple(sorted(MxHost(int(r.preference), str(r.exchange).lower()) for r in rrset)), int(rrset.ttl)
            )
    return None


def _has_soa(reply: dns.message.Message, name: str) -> bool:
    own = dns.name.from_text(name)
    return bool(reply.flags & dns.flags.AA) and any(
        s.rdtype == dns.rdatatype.SOA and s.name == own for s in reply.answer
    )


def _equal(found: MxSet, wanted: MxSet) -> bool:
    return found.same(wanted) and found.ttl_s == wanted.ttl_s


def _answer(domain: str, endpoint: Endpoint, reply: dns.message.Message | Lost) -> Answer:
    if isinstance(reply, Lost):
        return Answer(domain, str(endpoint), None, problem=reply.reason)
    problem = "" if reply.rcode() == dns.rcode.NOERROR else dns.rcode.to_text(reply.rcode())
    authoritative = bool(reply.flags & dns.flags.AA)
    return Answer(
        domain,
        str(endpoint),
        mx_of(reply, domain),
        0,
        authoritative,
        problem or ("" if authoritative else "not authoritative"),
    )


def _judge(order: SwapOrder, reply: dns.message.Message | Lost, now: Reading) -> Swap:
    """What happened, from the answer and from what stands there now. The second counts."""
    if now.problem:
        return Swap(
            order.domain,
            SwapState.UNKNOWN,
            None,
            f"the change was sent, and {now.problem}",
            "Read the MX at the primary, then `bcp settle`.",
        )
    if now.mx is not None and now.mx.same(order.new):
        mine = not isinstance(reply, Lost) and reply.rcode() == dns.rcode.NOERROR
        return Swap(order.domain, SwapState.APPLIED if mine else SwapState.ALREADY, now.mx)
    if isinstance(reply, Lost):
        if reply.definite:
            return Swap(order.domain, SwapState.REFUSED, now.mx, reply.reason, reply.hint)
        return Swap(
            order.domain,
            SwapState.UNKNOWN,
            now.mx,
            f"no answer to the change ({reply.reason}); it may still be applied",
            reply.hint,
        )
    code = dns.rcode.to_text(reply.rcode())
    if code in {"NXRRSET", "NOERROR"}:
        found = str(now.mx) if now.mx else "no MX at all"
        return Swap(
            order.domain,
            SwapState.CONFLICT,
            now.mx,
            f"expected {order.old}, found {found}, wanted {order.new}",
            "Somebody else changed it. Look who, then plan again.",
        )
    if code == "YXRRSET":
        return Swap(
            order.domain,
            SwapState.REFUSED,
            now.mx,
            f"{order.domain} is a CNAME to {now.cname}",
            "An MX cannot stand beside a CNAME (RFC 1034 section 3.6.2).",
        )
    return Swap(order.domain, SwapState.REFUSED, now.mx, *_explain(code))


def _explain(code: str) -> tuple[str, str]:
    """What a response code means to an operator."""
    return {
        "REFUSED": (
            "the server refuses this change",
            "Give the key the right to change MX here (BIND: update-policy, Knot: acl).",
        ),
        "NOTAUTH": (
            "the server is not the primary of this zone, or does not know the key",
            "Check dns.server and the key's name.",
        ),
        "NOTZONE": ("the name is not in the zone", "Check domains: zone in bcp.yaml."),
        "NXDOMAIN": ("the server does not know the zone", "Check domains: zone in bcp.yaml."),
        "FORMERR": ("the server rejects the signature or the message", "Check the key's secret and algorithm."),
        "SERVFAIL": ("the server failed", "Look at its log; Knot needs its journal folder."),
        "NOTIMP": ("the server does not do dynamic updates", "Turn them on (PowerDNS: dnsupdate=yes)."),
    }.get(code, (f"the server answers {code}", "Look at its log."))


PLUGIN = DnsPlugin(api=1, settings=Rfc2136Settings, make=Rfc2136)
