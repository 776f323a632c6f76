"""``manual``: no interface at all. A named person enters the records in a registrar's form; we ask, and verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from bcp.contracts.dns import (
    ByHand,
    Capabilities,
    Guard,
    MxSet,
    Permission,
    Proof,
    Sent,
    SentState,
    SwapOrder,
    Warmth,
    Writer,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.contracts.plugin import Duration
from bcp.kernel.clock import Clock
from bcp.kit.served import Served


@dataclass(frozen=True, slots=True)
class Form:
    """How one registrar's form names things."""

    where: str
    host: str = "Host"
    value: str = "Value"
    priority: str = "Priority"
    ttl: str = "TTL"


FORMS = {
    "godaddy": Form("Domain Portfolio, the domain, DNS, DNS Records", "Name"),
    "namecheap": Form("Domain List, Manage, Advanced DNS, Mail Settings: Custom MX", "Host"),
    "ionos": Form("Domains & SSL, the domain, DNS", "Host name", "Points to"),
    "strato": Form("Domains, Domainverwaltung, DNS, MX-Record", "Subdomain", "Server", "Priorität"),
    "ovh": Form("Web Cloud, Domain names, the domain, DNS zone", "Sub-domain", "Target"),
    "hetzner": Form("DNS Console, the zone, Records", "Name", "Mail server", "Priority"),
    "gandi": Form("Domain, the domain, DNS Records", "Name", "Hostname", "Priority"),
    "digitalocean": Form("Networking, Domains, the domain, MX", "Hostname", "Mail providers mail server"),
    "oracle": Form("DNS Management, Zones, the zone, Records", "Name", "Exchange", "Preference"),
}
"""Words of common forms (the registrars' help pages, 2026). Every other form: ``GENERIC``."""
GENERIC = Form("the domain's DNS records")


class ManualSettings(DnsSettings):
    """A registrar's web page, and who uses it."""

    kind: Literal["manual"] = "manual"
    """Which plug-in."""
    who: Annotated[list[str], Field(min_length=1)] = ["group:oncall"]
    """Who enters records: ids of contacts, `group:NAME`. They are asked first."""
    escalate: Annotated[list[str], Field(min_length=1)] = ["group:oncall"]
    """Who is asked when nothing changes."""
    registrar: str = ""
    """Whose form it is: the request then speaks in its words (`bcp doctor` shows them). Any other name is just said."""
    url: str = ""
    """Where to log in."""
    account: str = ""
    """Which account, and where its password and second factor lie. Never the password itself."""
    remind: Duration = 600.0
    """So long nothing may change before others are asked."""
    give_up: Duration = 3300.0
    """So long altogether. The time of the step is that much longer."""
    appear: Duration = 120.0
    """So long the servers may take to serve what was saved."""


class Manual(Served, Writer):
    """The back end. It reads what the world is served, and writes nothing."""

    def __init__(self, name: str, settings: ManualSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        super().__init__(settings, zones)
        self.name, self.settings = name, settings

    @property
    def capabilities(self) -> Capabilities:
        """Nothing is guarded, nothing proven."""
        s = self.settings
        hands = ByHand(tuple(s.who), tuple(s.escalate), self._words, s.remind, s.give_up, s.appear)
        return Capabilities(guard=Guard.NONE, atomic=False, proves=False, by_hand=hands)

    def _words(self, orders: Sequence[SwapOrder]) -> str:
        return words(orders, self.settings, self._zones)

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Zones that are found, and those that are not."""
        readings = await self.read(domains)
        problems = {r.domain: r.problem for r in readings if r.problem}
        return Warmth({r.domain: r.zone for r in readings if r.zone}, None, problems)

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """Nothing can be sent: a person is asked (``Capabilities.by_hand``)."""
        text, hint = "a person has to enter this", "Use a run: it asks the person and waits."
        return [Sent(o.domain, SentState.REFUSED, "by-hand", text, hint) for o in orders]

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """Whether the person can log in shows only when they do: try it in a drill."""
        text = f"{', '.join(self.settings.who)} must be able to log in{_at(self.settings)}"
        return [Proof(o.domain, Permission.CANNOT_SAY, text, "Let them try it in a drill.") for o in orders]


def words(orders: Sequence[SwapOrder], settings: ManualSettings, zones: Mapping[str, str]) -> str:
    """What to enter, and where. One line a deed, so that it can be read from a phone. Pure."""
    form = FORMS.get(settings.registrar.lower(), GENERIC)
    lines = [f"Log in{_at(settings)}; go to: {form.where}."]
    for order in orders:
        host = _relative(order.domain, zones.get(order.domain, order.domain))
        lines.append(f"{order.domain}: add first, and save:")
        lines += [f"  {_row(form, host, order.new, i)}" for i in range(len(order.new.hosts))]
        old = [h for h in order.old.hosts if h not in order.new.hosts and not order.wildcard]
        if old:
            lines.append("  then delete: " + "; ".join(f"MX {h.preference} {h.host.rstrip('.')}" for h in old))
    return "\n".join([*lines, "Say yes when it is saved. It counts when every name server serves it."])


def _at(settings: ManualSettings) -> str:
    place = settings.registrar + (f" ({settings.url})" if settings.url and settings.registrar else settings.url)
    return (f" at {place}" if place else "") + (f", account: {settings.account}" if settings.account else "")


def _relative(domain: str, zone: str) -> str:
    """The name as forms want it: @ for the zone itself, else what stands before the zone."""
    return "@" if domain == zone else domain.removesuffix(f".{zone}")


def _row(form: Form, host: str, new: MxSet, index: int) -> str:
    one = new.hosts[index]
    return (
        f"Type: MX | {form.host}: {host} | {form.value}: {one.host.rstrip('.')} | "
        f"{form.priority}: {one.preference} | {form.ttl}: {new.ttl_s} seconds"
    )


def policy(settings: ManualSettings, zones: Mapping[str, str], /) -> str:
    """What the persons' account at the registrar should be allowed: in words, because each form has its own. Pure."""
    place = settings.registrar or "the registrar"
    kept = sorted({zone or domain for domain, zone in zones.items()})
    lines = [
        f"An account at {place} for each person who enters records ({', '.join(settings.who)}), not one for all:",
        f"- it may edit DNS records of {', '.join(kept)}",
        "- it may not transfer or delete a domain, change its name servers or pay, where the form can tell these apart",
        "- a second factor that works while Exchange Online and the sign-in of Microsoft do not: no code by e-mail",
        "- its password and second factor lie where these persons find them without a mailbox",
    ]
    return "\n".join(lines) + "\n"


PLUGIN = DnsPlugin(api=1, settings=ManualSettings, make=Manual, policy=policy)
