"""Route 53 as a DNS host: zones, readings, one batch an order, and the proof. Its settings are in the plug-in.

No settings model is loaded here: a switch is to begin at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from bcp.contracts.dns import (
    Capabilities,
    Permission,
    Proof,
    Sent,
    SentState,
    Step,
    SwapOrder,
)
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.kit.pace import Pace
from bcp.plugins.vendors.hosted import Fault, Hosted, There, ZoneAt, endless, read_token
from bcp.plugins.vendors.route53 import Access, Route53, not_route53
from bcp.plugins.vendors.route53_records import (
    ALIAS,
    PROOF,
    STALE,
    plain,
    record_set,
    rows,
    set_of,
    there_of,
)
from bcp.plugins.vendors.route53_wire import BATCH

PAGE = "20"
"""Record sets of one answer: a name has a handful."""
FEW = "10"
"""Zones of one page where one name is looked for: a hundred neighbours take longer to read than the answer."""
MAX_PAGES = 50


class Account(Protocol):
    """What must be known of the account. The settings of the plug-in are it, or whoever has no settings file."""

    @property
    def access_key_id(self) -> Secret | None:
        """Access key. Without keys and ``profile``: AWS's chain."""
        ...

    @property
    def secret_access_key(self) -> Secret | None:
        """Its secret."""
        ...

    @property
    def session_token(self) -> Secret | None:
        """Of a temporary key."""
        ...

    @property
    def profile(self) -> str:
        """Of AWS's own files."""
        ...

    @property
    def region(self) -> str:
        """Of the signature."""
        ...

    @property
    def zone_ids(self) -> Mapping[str, str]:
        """Hosted zone id by zone."""
        ...

    @property
    def calls_per_s(self) -> float:
        """Calls a second that the account may make."""
        ...

    @property
    def endpoint_url(self) -> str:
        """Another endpoint; empty: AWS's."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for one answer."""
        ...


class Route53Dns(Hosted):
    """The back end."""

    vendor = "at Route 53"

    def __init__(self, name: str, settings: Account, clock: Clock, zones: Mapping[str, str], /) -> None:
        super().__init__(name, clock, zones)
        self.settings = settings
        access = Access(
            settings.region,
            settings.endpoint_url,
            settings.profile,
            settings.access_key_id,
            settings.secret_access_key,
            settings.session_token,
        )
        self._api = Route53(access, settings.timeout)
        self._pace = Pace(clock, settings.calls_per_s, max(1, int(settings.calls_per_s)))

    @property
    def capabilities(self) -> Capabilities:
        """Strong; the condition covers the TTL. Five calls a second for the account (DNSLimitations)."""
        per_s = self.settings.calls_per_s
        return Capabilities(
            max_ttl_s=self.max_ttl_s,
            compares_ttl=True,
            uses_token=True,
            reports_progress=True,
            calls_a_zone=5,
            calls_per_s=per_s,
            burst=max(1, int(per_s)),
            paces=True,
        )

    async def _call(self, operation: str, **given: Any) -> Mapping[str, Any]:
        await self._pace.turn()
        return await self._api.call(operation, **given)

    async def _ends(self) -> float | None:
        return await self._api.ends()

    # -- reading -------------------------------------------------------------------------------------------------

    async def _zones_called(self, name: str) -> list[ZoneAt]:
        """Public zones of this name. The name given to the listing is where it starts, not a filter."""
        if name in self.settings.zone_ids:
            return [await self._pinned(name, self.settings.zone_ids[name])]
        found: list[ZoneAt] = []
        start: dict[str, str] = {"DNSName": f"{name}.", "MaxItems": FEW}
        seen: list[dict[str, str]] = []
        while start not in seen and len(seen) < MAX_PAGES:
            seen.append(dict(start))
            told = await self._call("list_hosted_zones_by_name", **start)
            zones = told.get("HostedZones")
            if not isinstance(zones, list):
                raise not_route53("no list of zones")
            same = [z for z in rows(zones) if plain(z.get("Name")) == name]
            found += [ZoneAt(_bare(z.get("Id")), name) for z in same if not _private(z)]
            after = told.get("NextDNSName")
            if not told.get("IsTruncated") or plain(after) != name or len(same) < len(zones):
                return found
            start |= {"DNSName": str(after), "HostedZoneId": _bare(told.get("NextHostedZoneId"))}
        raise endless("Route 53's list of zones", 0 if start in seen else MAX_PAGES)

    async def _pinned(self, name: str, ident: str) -> ZoneAt:
        """The zone of an id, compared with what it should be."""
        told = await self._call("get_hosted_zone", Id=ident)
        zone, delegation = told.get("HostedZone"), told.get("DelegationSet")
        if not isinstance(zone, Mapping):
            raise not_route53("no zone")
        if plain(zone.get("Name")) != name or _private(zone):
            what = "private" if _private(zone) else f"the zone {plain(zone.get('Name'))}"
            text = f"the hosted zone {ident} is {what}, not the public zone {name}"
            raise Fault(SentState.REFUSED, "zone", text, "Correct zone_ids: in bcp.yaml.")
        servers = delegation.get("NameServers") if isinstance(delegation, Mapping) else None
        return ZoneAt(ident, name, tuple(map(str, servers)) if isinstance(servers, list) else ())

    async def _at(self, zone: ZoneAt, name: str) -> There:
        """The sets at this name: the listing is in the order of names, and starts here."""
        sets: list[Mapping[str, Any]] = []
        start: dict[str, Any] = {"StartRecordName": f"{name}.", "MaxItems": PAGE}
        seen: list[dict[str, Any]] = []
        while start not in seen and len(seen) < MAX_PAGES:
            seen.append(start)
            told = await self._call("list_resource_record_sets", HostedZoneId=zone.id, **start)
            page = told.get("ResourceRecordSets")
            if not isinstance(page, list):
                raise not_route53("no list of record sets")
            here = [s for s in rows(page) if plain(s.get("Name")) == name]
            sets += here
            if not told.get("IsTruncated") or plain(told.get("NextRecordName")) != name:
                others = [s for s in rows(page) if plain(s.get("Name")) != name]
                below = not sets and bool(others) and plain(others[0].get("Name")).endswith(f".{name}")
                return there_of(sets, name, below=below)
            start = {"StartRecordName": told["NextRecordName"], "MaxItems": PAGE}
            start["StartRecordType"] = told.get("NextRecordType")
            if told.get("NextRecordIdentifier"):
                start["StartRecordIdentifier"] = told["NextRecordIdentifier"]
        raise endless(f"Route 53's list of record sets at {name}", 0 if start in seen else MAX_PAGES)

    # -- writing -------------------------------------------------------------------------------------------------

    async def _send(self, zone: ZoneAt, order: SwapOrder) -> Sent:
        new = {"Action": "CREATE", "ResourceRecordSet": record_set(order.domain, order.new)}
        if order.wildcard:
            return await self._batch(zone, order, [new])
        old = read_token(order.token) if order.token else record_set(order.domain, order.old)
        if old is None or not order.old.same(set_of(old)):
            return Sent(order.domain, SentState.STALE, "stale")
        return await self._batch(zone, order, [{"Action": "DELETE", "ResourceRecordSet": old}, new])

    async def _batch(self, zone: ZoneAt, order: SwapOrder, changes: list[dict[str, Any]]) -> Sent:
        try:
            told = await self._change(zone, changes)
        except Fault as fault:
            if fault.code != BATCH:
                raise
            return await self._refused(zone, order, fault)
        info = told.get("ChangeInfo")
        if not isinstance(info, Mapping) or not isinstance(info.get("Id"), str):
            raise not_route53("no change")
        return Sent(order.domain, SentState.ACCEPTED, change=_bare(info["Id"]))

    async def _change(self, zone: ZoneAt, changes: list[dict[str, Any]]) -> Mapping[str, Any]:
        return await self._call("change_resource_record_sets", HostedZoneId=zone.id, ChangeBatch={"Changes": changes})

    async def _refused(self, zone: ZoneAt, order: SwapOrder, fault: Fault) -> Sent:
        """A batch that was refused whole: a condition that did not hold, or another reason? There is one code for all.

        Where the words are not known, the set is read again: another than was expected there is a condition that did
        not hold.
        """
        if ALIAS.search(fault.message):
            hint = "An MX cannot stand beside a CNAME (RFC 1034 section 3.6.2)."
            return Sent(order.domain, SentState.REFUSED, "cname", fault.message, hint)
        if STALE.search(fault.message):
            return Sent(order.domain, SentState.STALE, "stale", fault.message)
        try:
            now = await self._at(zone, order.domain)
        except Fault:
            return Sent(order.domain, SentState.REFUSED, "server", fault.message)
        moved = now.mx is not None if order.wildcard else not order.old.equal(now.mx)
        state = SentState.STALE if moved else SentState.REFUSED
        return Sent(order.domain, state, "stale" if moved else "server", fault.message)

    async def _step(self, sent: Sent) -> Step:
        """PENDING until all of Route 53's servers have it, then INSYNC."""
        info = (await self._call("get_change", Id=sent.change)).get("ChangeInfo")
        status = info.get("Status") if isinstance(info, Mapping) else None
        return {"INSYNC": Step.DONE, "PENDING": Step.PENDING}.get(str(status), Step.UNKNOWN)

    async def _ask(self, zone: ZoneAt, order: SwapOrder, there: There) -> Proof:
        """DELETE of a record that nobody has, and CREATE of what stands there now.

        The first fails, and with it the batch. A server that looked at no condition would delete the set and make it
        again: nothing would be different.
        """
        now = read_token(there.token)
        never = {**record_set(order.domain, order.old), "ResourceRecords": [{"Value": PROOF}]}
        changes = [{"Action": "DELETE", "ResourceRecordSet": never}]
        changes += [{"Action": "CREATE", "ResourceRecordSet": now}] if now else []
        try:
            await self._change(zone, changes)
        except Fault as fault:
            if fault.code == BATCH and STALE.search(fault.message):
                return Proof(order.domain, Permission.ALLOWED)
            return fault.proof(order.domain)
        text = "what answers takes a change that cannot be made: it checks no condition"
        return Proof(order.domain, Permission.CANNOT_SAY, text, "Is this Route 53? Check endpoint_url:.")

    async def close(self) -> None:
        """Let connections go."""
        self._api.close()


def _bare(ident: Any) -> str:
    """``/hostedzone/Z1`` and ``/change/C1`` become ``Z1`` and ``C1``."""
    return str(ident).rpartition("/")[2]


def _private(zone: Mapping[str, Any]) -> bool:
    config = zone.get("Config")
    return isinstance(config, Mapping) and config.get("PrivateZone") is True
