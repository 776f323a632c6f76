"""``octodns``: any provider class of octoDNS, by the configuration of its file. About forty hosts, without a guarantee.

No class has a compare-and-swap that could be used from outside, so: a fresh provider reads the whole zone, the MX is
compared with what the plan saw, one plan with this one change is applied, and everything is read again. A zone that
the provider does not know is never written to, because octoDNS would create it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, field_validator

from bcp.contracts.dns import (
    Capabilities,
    Guard,
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
    Writer,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.contracts.plugin import Around, Flaw
from bcp.kernel.clock import Clock
from bcp.kit.at_once import AtOnce
from bcp.plugins.vendors.hosted import one_sentence
from bcp.plugins.vendors.in_thread import in_thread
from bcp.plugins.vendors.octodns_class import (
    DELETES_FIRST,
    REWRITES_ZONE,
    deletes_first,
    load_class,
    make_provider,
    package_of,
    rewrites_zone,
    with_secrets,
)
from bcp.plugins.vendors.octodns_latch import Latch
from bcp.plugins.vendors.octodns_told import Fault, fault_of
from bcp.plugins.vendors.octodns_zone import candidates, plan_of, reading_of

T = TypeVar("T")
AT_ONCE = 4
CALLS = 4
"""Longest that one piece of work may take, in timeouts of one answer: a whole zone is several pages."""
HAZARDS = {
    "deletes-first": "deletes the MX before it creates the new one: when the second call fails there is no MX at all",
    "rewrites-zone": "writes the whole zone for one change: records that octoDNS cannot represent would be lost",
}


class OctodnsSettings(DnsSettings):
    """A zone at any host for which there is an octoDNS provider."""

    kind: Literal["octodns"] = "octodns"
    """Which plug-in."""
    provider: dict[str, Any]
    """The provider's section of an octoDNS file: `class:` and its arguments. Secrets by reference, env:NAME."""
    accept: list[Literal["deletes-first", "rewrites-zone"]] = Field(default_factory=list)
    """Hazards of this class that you take: without it such a class is refused."""
    min_ttl: Annotated[int, Field(ge=1, le=86_400)] = 120
    """Smallest TTL that the host takes. Many octoDNS classes raise smaller ones silently."""

    @field_validator("provider")
    @classmethod
    def _section(cls, value: dict[str, Any]) -> dict[str, Any]:
        path = value.get("class")
        if not isinstance(path, str) or not all(p.isidentifier() for p in path.split(".")) or "." not in path:
            raise ValueError("provider: needs class:, such as octodns_powerdns.PowerDnsProvider")
        found: dict[str, Any] = with_secrets(value)
        return found

    @property
    def path(self) -> str:
        """The class, with its package."""
        return str(self.provider["class"])

    @property
    def arguments(self) -> dict[str, Any]:
        """What the class is made with."""
        return {k: v for k, v in self.provider.items() if k != "class"}

    def flaws(self, around: Around) -> Sequence[Flaw]:
        """Classes that are known to be dangerous, where nobody has said that it is taken."""
        known = {"deletes-first": DELETES_FIRST, "rewrites-zone": REWRITES_ZONE}
        return [
            Flaw("dns.octodns-hazard", f"{self.path} {HAZARDS[h]}", f"accept: [{h}] if you take that.", ("provider",))
            for h, packages in known.items()
            if package_of(self.path) in packages and h not in self.accept
        ]


class OctoDns(Writer):
    """The back end."""

    def __init__(self, name: str, settings: OctodnsSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        self.name, self.settings, self._zones = name, settings, dict(zones)
        self._at_once = AtOnce(AT_ONCE)

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is guarded, and nothing can be shown without a change."""
        return Capabilities(
            guard=Guard.NONE,
            atomic=False,
            min_ttl_s=self.settings.min_ttl,
            reads_whole_zone=True,
            proves=False,
            calls_a_zone=4,
        )

    @property
    def servers(self) -> tuple[str, ...]:
        """None of its own: those that the zone names."""
        return ()

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """The zone of each domain, and those that cannot be read."""
        readings = await self.read(domains)
        problems = {r.domain: r.problem for r in readings if r.problem}
        return Warmth({r.domain: r.zone for r in readings if r.zone}, None, problems)

    async def _all(self, things: Sequence[T], work: Callable[[T], Awaitable[Any]]) -> list[Any]:
        """``work`` for each, some at once, in order."""

        async def one(thing: T) -> Any:
            async with self._at_once.here:
                return await work(thing)

        return await asyncio.gather(*(one(t) for t in things))

    @property
    def _patience(self) -> float:
        return self.settings.timeout * CALLS

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What the provider has: the whole zone is read, as octoDNS does."""
        return await self._all(domains, self._read)

    async def _read(self, domain: str) -> Reading:
        try:
            zone, found, _ = await in_thread(lambda: self._populated(domain), self._patience)
        except Exception as error:  # a provider of anybody's
            return self._unread(domain, error)
        if found is None:
            text = f"{self.settings.path} knows no zone for {domain}"
            return Reading(domain, "", None, problem=text, trouble=Trouble.NO_ZONE)
        self._zones.setdefault(domain, zone)
        return reading_of(domain, zone, found)

    def _unread(self, domain: str, error: Exception) -> Reading:
        if isinstance(error, TimeoutError):
            text = f"{self.settings.path} gave no answer in {self._patience:g} s"
            return Reading(domain, "", None, problem=text, trouble=Trouble.SILENT)
        told = fault_of(error)
        said = one_sentence(told.message, told.hint)
        return Reading(domain, "", None, problem=said, trouble=told.trouble, retry_after_s=told.wait_s)

    def _populated(self, domain: str) -> tuple[str, Any, Any]:
        """The zone's name, its records (``None``: no such zone) and the provider. Runs in a thread; raises anything."""
        from octodns.zone import Zone

        provider = make_provider(self.settings.path, self.name, self.settings.arguments)
        first: Exception | None = None
        for name in candidates(domain, self._zones.get(domain, "")):
            zone = Zone(f"{name}.", [])
            try:
                known = provider.populate(zone, target=True, lenient=True)
            except Exception as error:
                if fault_of(error).trouble is not Trouble.ERROR:
                    raise
                first = first or error
                continue
            if known is True and zone.records:
                return name, zone, provider
        if first is not None:
            raise first
        return "", None, provider

    # -- writing -------------------------------------------------------------------------------------------------

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Read again, compare, apply a plan with this one change; each order once."""
        return await self._all(orders, self._swap)

    async def _swap(self, order: SwapOrder) -> Sent:
        low = self.settings.min_ttl
        if order.new.ttl_s < low:
            text = f"the smallest TTL here is {low} s, not {order.new.ttl_s}"
            return Sent(order.domain, SentState.REFUSED, "ttl", text, "min_ttl: if this host takes smaller ones.")
        latch = Latch()
        try:
            return await in_thread(lambda: self._apply(order, latch), self._patience)
        except TimeoutError:
            sent = not latch.close()
            text = f"{self.settings.path} gave no answer in {self._patience:g} s"
            return Sent(order.domain, SentState.LOST if sent else SentState.NOT_SENT, "timeout", text)
        except Exception as error:  # a provider of anybody's
            return _told(order.domain, fault_of(error), latch.begun)

    def _apply(self, order: SwapOrder, latch: Latch) -> Sent:
        domain = order.domain
        if hazard := self._hazard():
            return Sent(domain, SentState.REFUSED, hazard[0], *hazard[1:])
        zone, found, provider = self._populated(domain)
        if found is None:
            text = f"{self.settings.path} knows no zone for {domain}"
            return Sent(domain, SentState.REFUSED, "zone", text, "A zone is never created.")
        now = reading_of(domain, zone, found)
        if now.problem or now.cname or not order.old.same(now.mx) or bool(now.wildcard) is not bool(order.wildcard):
            code = "cname" if now.cname else "stale"
            return Sent(domain, SentState.REFUSED if now.cname else SentState.STALE, code, now.problem or now.cname)
        if (least := _least_ttl(provider)) > order.new.ttl_s:
            text = f"{self.settings.path} would raise the TTL of {order.new.ttl_s} s to {least} s"
            return Sent(domain, SentState.REFUSED, "ttl", text)
        plan = plan_of(order, zone, found)
        if not latch.begin():
            return Sent(domain, SentState.NOT_SENT, "timeout")
        if not provider.apply(plan):
            text = "this provider is configured not to change anything (apply_disabled)"
            return Sent(domain, SentState.REFUSED, "disabled", text)
        return Sent(domain, SentState.ACCEPTED)

    def _hazard(self) -> tuple[str, str, str] | None:
        """Code, words and hint of a hazard that nobody has accepted."""
        made = load_class(self.settings.path)
        found = {"deletes-first": deletes_first(made), "rewrites-zone": rewrites_zone(made)}
        for name, is_so in found.items():
            if is_so and name not in self.settings.accept:
                return name, f"{self.settings.path} {HAZARDS[name]}", f"accept: [{name}] if you take that."
        return None

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """octoDNS says nothing of it; the authoritative servers are asked by ours."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """A *no* is sure where the zone cannot be read or the class is refused; a *yes* shows only when it is done."""
        try:
            hazard = await in_thread(self._hazard, self._patience)
        except Exception as error:  # a provider of anybody's
            told = fault_of(error)
            return [Proof(o.domain, Permission.NOT_ALLOWED, told.message, told.hint) for o in orders]
        if hazard:
            return [Proof(o.domain, Permission.NOT_ALLOWED, *hazard[1:]) for o in orders]
        readings = await self.read([o.domain for o in orders])
        return [self._proof(r) for r in readings]

    def _proof(self, reading: Reading) -> Proof:
        sure = reading.trouble in {Trouble.NO_ZONE, Trouble.NOT_ALLOWED}
        text = reading.problem or "octoDNS has no way to show it without a change"
        return Proof(reading.domain, Permission.NOT_ALLOWED if sure else Permission.CANNOT_SAY, text)

    async def close(self) -> None:
        """Nothing is kept open: each piece of work has a provider of its own."""


def _told(domain: str, told: Fault, begun: bool) -> Sent:
    """What an exception means for one order. Before the write began nothing was sent, whatever it was."""
    if not begun and told.state is SentState.LOST:
        return Sent(domain, SentState.NOT_SENT, told.code, told.message, told.hint)
    return Sent(domain, told.state, told.code, told.message, told.hint, retry_after_s=told.wait_s)


def _least_ttl(provider: Any) -> int:
    """The TTL to which the class silently raises smaller ones; 0: not known."""
    found = [getattr(provider, n, 0) for n in ("min_ttl", "MIN_TTL")]
    return max([n for n in found if isinstance(n, int)], default=0)


def policy(settings: OctodnsSettings, zones: Mapping[str, str], /) -> str:
    """What the credential must be able to do. The words are general: the host behind the class is not known here."""
    names = sorted(set(zones.values()))
    return "\n".join(
        [
            f"# {settings.path}",
            "# octoDNS reads the whole zone before it writes. The credential needs to",
            "#   read every record of these zones, and list zones where the provider does",
            "#   change MX records there",
            "# and nothing else. It need not create or delete zones. Where the host can",
            "# limit a credential to zones or to types of records, do so.",
            *(f"zone {name}: read all, change MX" for name in names),
        ]
    )


PLUGIN = DnsPlugin(api=1, settings=OctodnsSettings, make=OctoDns, policy=policy)
