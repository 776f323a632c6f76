"""The world: domains, DNS back ends, relays, channels, texts, and the peacetime that was recorded of it.

Each thing is made when it is first asked for; ``close`` ends what was made, and nothing else.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from bcp import registry
from bcp.comms.pack import Pack, load_pack
from bcp.contracts.caller import Caller, CallerPlugin
from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Inbound
from bcp.contracts.directory import DirectoryPlugin, DirectoryService
from bcp.contracts.dns import Accepted, Dns, Domain, MxHost, MxSet
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.contracts.relay import Relay, RelayPlugin, RelaySettings
from bcp.contracts.roles import Carrier, asking, played
from bcp.detect.snapshot import Snapshot, Snapshots
from bcp.kernel.clock import Clock, iso
from bcp.kernel.names import host_name
from bcp.kit.inside import InsideResolvers
from bcp.kit.mailer import CanaryMailer
from bcp.kit.outside import RealOutside
from bcp.mx.host import make_host
from bcp.mx.looking import Looking
from bcp.registry import made
from bcp.settings import Configuration, DomainSettings
from bcp.settings.families import place_of
from bcp.store.files.inbox import read_answers
from bcp.wiring.shipped import SHIPPED

UNMOVED = "none"
"""Name of the back end of domains for which ``bcp.yaml`` names none: it reads, and writes never."""

TOGETHER = "+"
"""Between the names of back ends that serve one zone, in the name of what they are together."""


class Closable(Protocol):
    """Something that holds connections."""

    async def close(self) -> None:
        """Let them go."""


class World:
    """What one configuration reaches. A run has a world of its own, so that its connections end with it."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self.configuration, self.settings, self.clock = configuration, configuration.settings, clock
        self._open: list[Closable] = []

    # -- what we have --------------------------------------------------------------------------------------------

    @cached_property
    def domains(self) -> dict[str, Domain]:
        """Our domains, in order of importance."""
        found = {d.name: (d, TOGETHER.join(d.back_ends) or UNMOVED) for d in self.settings.domains}
        return {
            n: Domain(n, dns, self._peacetime_mx(d), d.zone, managed_by=d.managed_by) for n, (d, dns) in found.items()
        }

    @cached_property
    def dns(self) -> dict[str, Dns]:
        """DNS back ends by name."""
        zones = {d.name: d.zone for d in self.settings.domains if d.zone}
        given = self.configuration.plugins["dns"]
        found: dict[str, Dns] = {}
        for n, s in given.items():
            writer = made(registry.find(DnsPlugin, s.kind).create, n, s, self.clock, zones)
            found[n] = make_host(n, writer, s, self.clock, zones)
        if any(not d.back_ends for d in self.settings.domains):
            look = DnsSettings(kind="none", resolvers=list(self.settings.canary.resolvers))
            found[UNMOVED] = make_host(UNMOVED, Looking(look), look, self.clock, zones)
        self._open += found.values()
        for name, other in [(n, s.second) for n, s in given.items() if isinstance(s, DnsSettings) and s.second]:
            from bcp.mx.second import SecondWay  # for those who have one

            found[name] = SecondWay((name, found[name]), (other, found[other]))
        for several in {d.back_ends for d in self.settings.domains if len(d.back_ends) > 1}:
            from bcp.mx.together import Together  # for the few who have such zones

            found[TOGETHER.join(several)] = Together({n: found[n] for n in several})
        return found

    @cached_property
    def inside(self) -> InsideResolvers | None:
        """Resolvers inside our network, where there are some. They hold no connection."""
        named = self.settings.inside_resolvers
        return InsideResolvers(named) if named else None

    @cached_property
    def outer(self) -> InsideResolvers | None:
        """Public resolvers that tell senders where mail goes, where there are some. They hold no connection."""
        named = self.settings.resolvers
        return InsideResolvers(named) if named else None

    @cached_property
    def relays(self) -> dict[str, Relay]:
        """Relays by name. They hold no connection."""
        return {n: made(registry.find(RelayPlugin, s.kind).create, n, s) for n, s in self.relay_settings.items()}

    @cached_property
    def relay_settings(self) -> dict[str, RelaySettings]:
        """Relays' settings by name: which hosts are theirs, before one is made."""
        found = {n: s for n, s in self.configuration.plugins["relays"].items() if isinstance(s, RelaySettings)}
        canary, known = self.settings.canary, dict[str, str]()
        for address in (*([canary.to] if canary.to else []), *canary.known):
            known.setdefault(address.rpartition("@")[2].lower(), address)
        for settings in found.values():
            settings.knows(known)
        return found

    @cached_property
    def source(self) -> DirectoryService | None:
        """The first directory that is configured: where people and the tenant's own records come from in peacetime."""
        for name, settings in self.configuration.plugins["directories"].items():
            return made(registry.find(DirectoryPlugin, settings.kind).create, name, settings)
        return None

    @cached_property
    def channels(self) -> dict[str, Channel[Any]]:
        """Channels by name."""
        given = self.configuration.plugins["channels"]
        zone = self.settings.organisation.timezone
        local = {n: s.at_home(zone) if isinstance(s, ChannelSettings) else s for n, s in given.items()}
        found = {n: made(registry.find(ChannelPlugin, s.kind).create, n, s) for n, s in local.items()}
        self._open += found.values()
        return found

    @cached_property
    def callers(self) -> dict[str, Caller[Any]]:
        """Vendors that call us, by name. They hold no connection."""
        given = self.configuration.plugins["callers"]
        return {n: made(registry.find(CallerPlugin, s.kind).create, n, s) for n, s in given.items()}

    def reply_url(self, channel: str, link: str) -> str:
        """Where a key pressed in a call of this kind of channel comes back to us; empty: nowhere."""
        base = self.settings.serve.public_url
        for name, caller in self.callers.items():
            if base and channel in caller.voices and caller.takes_calls():
                return f"{base}{place_of('callers', name)}/{caller.answer_path.format(link=link)}"
        return ""

    @cached_property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """Which channels play each role."""
        carriers = {n: Carrier(c.form, c.fate(), c.duty) for n, c in self.channels.items()}
        return played(carriers, self.settings.roles)

    @cached_property
    def askers(self) -> tuple[str, ...]:
        """Channels by which questions go out, as ``serve: ask: channels`` says."""
        forms = {n: c.form for n, c in self.channels.items()}
        return asking(self.settings.serve.ask.channels, forms, self.roles, self.pack.get("question").forms())

    @cached_property
    def pack(self) -> Pack:
        """All messages: the shipped ones, then the organisation's own, which win."""
        return load_pack([SHIPPED / "messages", *self.settings.messages])

    @cached_property
    def outside(self) -> RealOutside:
        """Programs and HTTP."""
        found = RealOutside(self.configuration.folder)
        self._open.append(found)
        return found

    @cached_property
    def mailer(self) -> CanaryMailer:
        """Sends the test mail."""
        c = self.settings.canary
        return CanaryMailer(
            self.clock, to=c.to or "", sender=c.sender, resolvers=c.resolvers, port=c.port, arrival=c.arrival
        )

    async def inbound(self, since: float) -> list[Inbound]:
        """What people sent back since then: asked for at the vendors, and told by them to ``bcp serve``."""
        told = read_answers(self.configuration.state, since)
        return told + [m for c in self.channels.values() for m in await c.answers(since)]

    # -- peacetime -----------------------------------------------------------------------------------------------

    @cached_property
    def snapshots(self) -> Snapshots:
        """Snapshots of peacetime."""
        return Snapshots(self.configuration.state / "snapshots")

    @cached_property
    def peace(self) -> Snapshot | None:
        """The last one."""
        return self.snapshots.latest()

    @cached_property
    def accepted(self) -> Accepted | None:
        """What the tenant accepts mail for: as the file says, else the last snapshot. ``None``: nobody said."""
        if (path := self.settings.accepted_domains) is not None:
            from bcp.wiring.accepted import accepted_in  # a run without such a file needs none of it

            return accepted_in(path)
        if self.peace is None or not self.peace.accepted:
            return None
        from bcp.mx.accepted_list import names

        good, odd = names(self.peace.accepted)
        return Accepted(good, f"snapshot of {iso(self.peace.taken)}", odd)

    def peace_data(self) -> dict[str, Any]:
        """The same, as expressions of playbooks see it."""
        s = self.peace
        if s is None:
            return {"taken": "", "age": 0.0, "domains": {}}
        return {
            "taken": iso(s.taken),
            "age": max(0.0, self.clock.now() - s.taken),
            "domains": {n: dict(f) for n, f in s.domains.items()},
        }

    def _peacetime_mx(self, d: DomainSettings) -> MxSet | None:
        """From the configuration, else from the last snapshot: Graph's own records first, then what DNS served."""
        if d.primary:
            return MxSet(tuple(MxHost(p.preference, p.host) for p in d.primary), d.primary_ttl)
        facts = self.peace.domains.get(d.name, {}) if self.peace is not None else {}
        relays = {h.host for r in self.relay_settings.values() for h in r.published()}
        served = MxSet.from_data(facts["mx"]) if facts.get("mx") else None
        if records := facts.get("graph"):
            hosts = tuple(MxHost(int(r["preference"] or 0), host_name(str(r["host"]))) for r in records)
            return MxSet(hosts, served.ttl_s if served else int(records[0]["ttl_s"] or d.primary_ttl))
        if served is not None and any(h.host in relays for h in served.hosts):
            return None  # that was no peace
        return served

    # -- the end -------------------------------------------------------------------------------------------------

    async def close(self) -> None:
        """Let every connection go. What is asked for afterwards works on: it is opened again."""
        for thing in self._open:
            await thing.close()
