"""One DNS host as actions see it: a ``Writer`` (the plug-in) with what is the same for all hosts around it.

A swap is sent, read back and judged (``outcome``). After a lost answer everything is read first: the new set found
means that
it was applied; the old set found means that the same guarded order may be sent once more, where the host guards it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from bcp.contracts.dns_writer import (
    Capabilities,
    Guard,
    Reading,
    Sent,
    SentState,
    Swap,
    SwapOrder,
    SwapState,
    Writer,
)
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Invalid, Permanent, Refused, Transient
from bcp.kit.pace import Pace
from bcp.mx.outcome import (
    CARRYING,
    UNREAD,
    after_lost,
    awaited,
    check_order,
    check_reading,
    decide,
    may_resend,
    mixture,
    put_back,
)
from bcp.mx.pace import paced
from bcp.mx.patience import SILENT, appeared_late, fault_of, read_patiently, seen_at_the_servers

if TYPE_CHECKING:
    from pathlib import Path

    from bcp.contracts.dns import Answer, Delegation, HostFacts, Serial, Signed, StsPolicy
    from bcp.contracts.dns_proof import Proof, Warmth
    from bcp.contracts.plugin import PluginSettings
    from bcp.kit.authority import Authority
    from bcp.kit.resolver import Resolver

T = TypeVar("T")
READ_AGAIN_S = 0.05
"""First pause between two reads back; it doubles up to a second."""
PROVE_AGAIN_S = (1.0, 2.0)
"""Pauses before a proof is asked for again of a host that could not say it, though it can: it was busy."""
PENDING_S = 60.0
"""So long an accepted change may take to show, while the host says that it is still carrying it out."""
THROTTLE_S = 60.0
"""Longest that one swap waits for a host that says *not now*, over all its tries."""
THROTTLE_TRIES = 4


class HostSettings(Protocol):
    """What a host must know beside its writer: ``DnsSettings``, or whoever has no settings file."""

    @property
    def authoritative(self) -> Sequence[str]:
        """Addresses of all authoritative servers. Empty: found from the NS records."""
        ...

    @property
    def resolvers(self) -> Sequence[str]:
        """Resolvers for looking up hosts. Empty: the system's."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for one answer."""
        ...

    @property
    def settle(self) -> float:
        """Seconds to keep reading back before a change that was accepted counts as not visible."""
        ...

    @property
    def ca_file(self) -> Path | None:
        """Certificates (PEM) of a private authority for the MTA-STS policy host."""
        ...


class Host:
    """The host of these settings (``bcp.contracts.dns.Dns``)."""

    def __init__(
        self, name: str, writer: Writer, settings: HostSettings, clock: Clock, zones: Mapping[str, str]
    ) -> None:
        self.name, self.writer, self.settings, self.clock = name, writer, settings, clock
        self._zones = dict(zones)

    @cached_property
    def _resolver(self) -> Resolver:
        """Made when the first name is looked up: a swap alone needs none, and is to begin at once."""
        from bcp.kit.resolver import Resolver

        return Resolver(self.settings.resolvers, self.writer.servers, timeout_s=self.settings.timeout)

    @cached_property
    def _authority(self) -> Authority:
        from bcp.kit.authority import Authority

        s = self.settings
        return Authority(s.authoritative, self.writer.servers, self._resolver, timeout_s=s.timeout)

    @cached_property
    def _pace(self) -> Pace:
        can = self.capabilities  # two brakes in a row would leave a part of the limit unused
        return Pace(self.clock, 0.0 if can.paces else can.calls_per_s, can.burst)

    @property
    def capabilities(self) -> Capabilities:
        """What the host can promise."""
        return self.writer.capabilities

    # -- the host ------------------------------------------------------------------------------------------------

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What stands where it is written, in order. A fault of the back end is a reading's problem."""
        if not domains:
            return []
        found = await read_patiently(lambda some: paced(self._pace, some, 1, self._read), domains, self.clock)
        self._zones.update({r.domain: r.zone for r in found if r.zone})
        if self.capabilities.reads_back:
            return found
        return await self._as_served(found)

    async def _read(self, domains: Sequence[str]) -> list[Reading]:
        found = await self._safely(self.writer.read(domains), len(domains), Reading)
        if isinstance(found, BaseException):
            problem, trouble = fault_of(found)
            return [Reading(d, self._zones.get(d, ""), None, problem=problem, trouble=trouble) for d in domains]
        return found

    async def _as_served(self, readings: Sequence[Reading]) -> list[Reading]:
        """For a host that cannot show what it has: what its authoritative servers serve, once they agree."""
        answers = await self.answers([r.domain for r in readings])
        out = []
        for reading in readings:
            sets = [a.mx for a in answers if a.domain == reading.domain and not a.problem]
            agreed = bool(sets) and all(m == sets[0] or (m is not None and m.same(sets[0])) for m in sets)
            out.append(replace(reading, mx=sets[0]) if agreed else reading)
        return out

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        """May we? Whatever goes wrong is *cannot say*, unless the host said no."""
        found = await paced(self._pace, orders, 1, self._prove) if orders else []
        for pause in PROVE_AGAIN_S if self.capabilities.proves else ():
            unsaid = [i for i, p in enumerate(found) if not p.allowed and p.permission == "cannot-say"]
            if not unsaid:
                break
            await self.clock.sleep(pause)  # a host that is busy for a moment refuses no plan
            fresh = await paced(self._pace, [orders[i] for i in unsaid], 1, self._prove)
            for i, again in zip(unsaid, fresh, strict=True):
                found[i] = again
        return found

    async def _prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        from bcp.contracts.dns_proof import Permission, Proof

        found = await self._safely(self.writer.prove(orders), len(orders), Proof)
        if not isinstance(found, BaseException):
            return found
        no = isinstance(found, (Invalid, Permanent, Refused))  # also a secret that is not set
        permission = Permission.NOT_ALLOWED if no else Permission.CANNOT_SAY
        hint = found.hint if isinstance(found, BcpError) else ""
        return [Proof(o.domain, permission, fault_of(found)[0], hint) for o in orders]

    async def warm(self, domains: Sequence[str]) -> Warmth:
        """Zone ids, tokens, and when the credential ends."""
        try:
            return await self.writer.warm(domains)
        except Exception as error:  # a plug-in of anybody's
            from bcp.contracts.dns_proof import Warmth

            return Warmth(problems=dict.fromkeys(domains, fault_of(error)[0]))

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        """Carry out every order, each atomic by itself, and read each back."""
        done = {i: s for i, o in enumerate(orders) if (s := check_order(o, self.capabilities)) is not None}
        todo = {i: o for i, o in enumerate(orders) if i not in done}
        if todo and _reads_first(self.capabilities):
            todo = await self._with_tokens(todo, done)
        waited, again, lost = 0.0, 0, set[int]()
        while todo:
            swaps, retry, pause = await self._round(todo)
            done.update({i: after_lost(todo[i], s) if i in lost else s for i, s in swaps.items()})
            lost |= {i for i in retry if swaps[i].state is SwapState.UNKNOWN}
            again += 1
            waited += pause
            if not retry or again >= THROTTLE_TRIES or waited > THROTTLE_S or (pause == 0.0 and again > 1):
                break
            await self.clock.sleep(pause)
            todo = retry
        silent = {i: o for i, o in enumerate(orders) if done[i].state is SwapState.UNKNOWN and done[i].code in SILENT}
        await appeared_late(self.read, silent, done, self.clock)
        if self.capabilities.guard is not Guard.STRONG:
            await self._look_again(orders, done)
        if any(end.code == UNREAD for end in done.values()):
            await seen_at_the_servers(self.answers, orders, done, self.settings.settle, self.clock)
        return await self._with_progress([done[i] for i in range(len(orders))])

    async def _with_tokens(self, todo: Mapping[int, SwapOrder], done: dict[int, Swap]) -> dict[int, SwapOrder]:
        """Read again, so that the condition is about what stands there now, after comparing it with what the plan
        saw."""
        out = {}
        for (i, order), fresh in zip(todo.items(), await self.read([o.domain for o in todo.values()]), strict=True):
            found = check_reading(order, fresh)
            if found is not None:
                done[i] = found
            else:
                out[i] = replace(order, token=fresh.token, old=fresh.mx or order.old)
        return out

    async def _round(self, todo: Mapping[int, SwapOrder]) -> tuple[dict[int, Swap], dict[int, SwapOrder], float]:
        """Send once and read back: how each ended, which may be sent again, and after how many seconds."""
        orders = list(todo.values())
        sent = await self._send(orders)
        readings = await self._settled(orders, sent)
        swaps, retry, pause = {}, {}, 0.0
        for (i, order), said, now in zip(todo.items(), sent, readings, strict=True):
            swaps[i] = decide(order, said, now)
            if may_resend(order, swaps[i], said, now, self.capabilities.guard):
                retry[i] = replace(order, token=now.token, old=now.mx or order.old)
                pause = max(pause, said.retry_after_s or (1.0 if said.state is SentState.THROTTLED else 0.0))
        return swaps, retry, pause

    async def _send(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        """What the host said. A fault of the back end may have come after the change: lost, unless it says
        otherwise."""
        reads = 3  # before, back, and once more: taken where they are made
        return await paced(self._pace, orders, max(1, self.capabilities.calls_a_zone - reads), self._send_some)

    async def _send_some(self, orders: Sequence[SwapOrder]) -> list[Sent]:
        found = await self._safely(self.writer.swap(orders), len(orders), Sent)
        if not isinstance(found, BaseException):
            return found
        message, _ = fault_of(found)
        hint = found.hint if isinstance(found, BcpError) else ""
        if isinstance(found, Transient):
            return [Sent(o.domain, SentState.NOT_SENT, "unreachable", message, hint) for o in orders]
        state = SentState.REFUSED if isinstance(found, (Permanent, Refused)) else SentState.LOST
        return [Sent(o.domain, state, "fault", message, hint) for o in orders]

    async def _settled(self, orders: Sequence[SwapOrder], sent: Sequence[Sent]) -> list[Reading]:
        """Read back; where a change was accepted or lost and does not show, read again for some seconds, and longer
        while the host says that it is still carrying it out."""
        readings = await self.read([o.domain for o in orders])
        began, pause = self.clock.monotonic(), READ_AGAIN_S
        while late := [i for i, o in enumerate(orders) if awaited(o, sent[i], readings[i])]:
            waited = self.clock.monotonic() - began
            if waited >= self.settings.settle and not (
                waited < PENDING_S and await self._pending([sent[i] for i in late])
            ):
                break
            await self.clock.sleep(pause)
            pause = min(1.0, pause * 2)
            for i, fresh in zip(late, await self.read([orders[i].domain for i in late]), strict=True):
                readings[i] = fresh
        return readings

    async def _pending(self, sent: Sequence[Sent]) -> set[str]:
        """Domains whose accepted change the host is still carrying out, as it says."""
        asked = [s for s in sent if s.change]
        if not self.capabilities.reports_progress or not asked:
            return set()
        from bcp.contracts.dns_proof import Progress, Step

        found = await self._safely(self.writer.progress(asked), len(asked), Progress)
        told = [] if isinstance(found, BaseException) else found
        return {p.domain for p in told if p.step is Step.PENDING}

    async def _look_again(self, orders: Sequence[SwapOrder], done: dict[int, Swap]) -> None:
        """Without a compare-and-swap another writer may have come a moment later: whoever was overwritten is told, and
        a mixture of both sets is taken apart again."""
        mine = [i for i, s in done.items() if s.state is SwapState.APPLIED]
        if mine:
            await self.clock.sleep(self.settings.settle)
            for i, now in zip(mine, await self.read([orders[i].domain for i in mine]), strict=True):
                sent = Sent(orders[i].domain, SentState.ACCEPTED, message=done[i].message, change=done[i].change)
                done[i] = decide(orders[i], sent, now)
        mixed = {i: o for i, s in done.items() if (o := mixture(orders[i], s)) is not None}
        if mixed:
            await self._unmix(mixed, done)

    async def _unmix(self, mixed: Mapping[int, SwapOrder], done: dict[int, Swap]) -> None:
        """Leave the other party's whole set: ours is what came between."""
        readings = await self.read([o.domain for o in mixed.values()])
        still = {
            i: replace(o, token=r.token)
            for (i, o), r in zip(mixed.items(), readings, strict=True)
            if o.old.same(r.mx) and not r.problem
        }
        if still:
            await self._send(list(still.values()))
        after = await self.read([o.domain for o in mixed.values()])
        for (i, order), now in zip(mixed.items(), after, strict=True):
            done[i] = put_back(done[i], order, now)

    async def _with_progress(self, swaps: list[Swap]) -> list[Swap]:
        """Where the host says that a change is not yet at all its servers, the swap says so too.

        Nothing waits for it: the authoritative servers are asked anyway, and what they serve is what counts.
        """
        late = await self._pending([Sent(s.domain, SentState.ACCEPTED, change=s.change) for s in swaps if s.change])
        return [s._replace(message=CARRYING) if s.domain in late and not s.message else s for s in swaps]

    async def _safely(self, work: Awaitable[Sequence[T]], count: int, kind: type[T]) -> list[T] | BaseException:
        """Results of a back end, or what it raised. Too few, too many or other things are a fault of its too."""
        try:
            found = list(await work)
        except Exception as error:  # a plug-in of anybody's
            return error
        if len(found) != count or not all(isinstance(f, kind) for f in found):
            return TypeError(f"{len(found)} result(s) for {count}, or of another type than {kind.__name__}")
        return found

    # -- the same for all hosts ----------------------------------------------------------------------------------

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        """Every authoritative address asked for every domain."""
        zones = await self._zones_of(domains)
        return await self._authority.answers({d: zones.get(d, d) for d in domains})

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        """The serial of each domain's zone at every authoritative address that says one."""
        zones = await self._zones_of(domains)
        return await self._authority.serials(sorted({zones.get(d, d) for d in domains}))

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        """Who serves each domain's zone, as the world is told and as the host says."""
        zones = await self._zones_of(domains)
        return await self._authority.delegations([zones.get(d, d) for d in domains])

    async def _zones_of(self, domains: Sequence[str]) -> dict[str, str]:
        missing = [d for d in domains if d not in self._zones]
        if missing:
            self._zones.update(await self._authority.zones(missing))
        return self._zones

    async def look_up(self, host: str) -> HostFacts:
        """Addresses of a host, as a sender would find them."""
        return await self._resolver.look_up(host)

    async def text(self, name: str) -> tuple[str, ...]:
        """TXT records."""
        return await self._resolver.text(name)

    async def tlsa(self, host: str) -> tuple[str, ...]:
        """TLSA records for SMTP."""
        return await self._resolver.tlsa(host)

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        """DNSSEC of each domain's MX."""
        return await self._resolver.signed(domains)

    async def mta_sts(self, domain: str) -> StsPolicy:
        """The policy that senders find now."""
        from bcp.mx.sts_fetch import fetch_policy

        look_up: Callable[[str], Coroutine[Any, Any, HostFacts]] = self.look_up
        return await fetch_policy(
            domain, self.text, look_up, ca_file=self.settings.ca_file, timeout_s=max(2.0, self.settings.timeout)
        )

    async def close(self) -> None:
        """Let connections go."""
        await self.writer.close()


def _reads_first(host: Capabilities) -> bool:
    """Must the set be read just before the write: for its token, for its TTL, or because nothing else guards it?"""
    return host.uses_token or host.compares_ttl or host.guard is not Guard.STRONG


def make_host(name: str, writer: Writer, settings: PluginSettings, clock: Clock, zones: Mapping[str, str]) -> Host:
    """What actions get of a back end.

    Raises:
        Invalid: the back end's settings lack what every host needs (``DnsSettings``).
    """
    from bcp.contracts.dns_settings import DnsSettings  # a settings model: only for whoever read settings

    if not isinstance(settings, DnsSettings):
        raise Invalid(f"the settings of the DNS back end {settings.kind!r} must be a subclass of DnsSettings")
    return Host(name, writer, settings, clock, zones)
