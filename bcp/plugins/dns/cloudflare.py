"""``cloudflare``: one batch replaces the whole set, deletes before posts in one transaction.

There is no compare-and-swap: the records are read, deleted by their ids (an id that vanished fails the whole batch,
81044), and read again. An edit in place keeps its id; it is seen in what the batch says that it deleted, and told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxSet,
    Permission,
    Proof,
    Sent,
    SentState,
    SwapOrder,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.kit.pace import Window
from bcp.plugins.vendors.cloudflare import Cloudflare, not_cloudflare
from bcp.plugins.vendors.cloudflare_records import (
    accepted,
    cname_of,
    ends,
    is_at,
    is_called,
    lenient,
    posts_of,
    remarks,
    rows,
    set_of,
    zone_of,
)
from bcp.plugins.vendors.hosted import Fault, Hosted, There, ZoneAt, endless

NOBODY = "0" * 32
"""An id that no record has."""
PAGE, ZONES_PAGE = "100", "50"
MAX_PAGES = 100
CALLS, CALLS_S = 1_150, 300.0
"""A user has 1,200 calls in five minutes, and is shut out for five more after that. The rest is for the dashboard and
whatever else the token's owner runs."""


class CloudflareSettings(DnsSettings):
    """A zone at Cloudflare, and an API token that may edit its DNS and nothing else."""

    kind: Literal["cloudflare"] = "cloudflare"
    """Which plug-in."""
    token: Secret
    """API token (not the global key), by reference. Permission: Zone, DNS, Edit; resources: these zones."""
    zone_ids: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]] = Field(default_factory=dict)
    """Zone id by zone, where a name alone does not say which is meant. It saves a call, too."""
    min_ttl: Annotated[int, Field(ge=30, le=3600)] = 60
    """Smallest TTL: 60 s; 30 s on Enterprise zones."""
    api_url: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another base URL, for tests."""


class CloudflareDns(Hosted):
    """The back end."""

    vendor = "at Cloudflare"
    max_ttl_s = 86_400

    def __init__(self, name: str, settings: CloudflareSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        super().__init__(name, clock, zones)
        self.settings = settings
        self._api = Cloudflare(
            settings.token, pace=Window(clock, CALLS, CALLS_S), api_url=settings.api_url, timeout_s=settings.timeout
        )

    @property
    def capabilities(self) -> Capabilities:
        """Weak, and not atomic in DNS; 1,200 calls in five minutes (developers.cloudflare.com, API rate limits)."""
        return Capabilities(
            guard=Guard.WEAK,
            atomic=False,
            min_ttl_s=self.settings.min_ttl,
            max_ttl_s=self.max_ttl_s,
            uses_token=True,
            proves=False,
            calls_a_zone=5,
            calls_per_s=CALLS / CALLS_S,
            burst=CALLS,
            paces=True,
        )

    async def _ends(self) -> float | None:
        """When the token ends. A token that cannot be asked about itself may do its work all the same."""
        try:
            return ends((await self._api.get("/user/tokens/verify")).result)
        except Fault:
            return None

    # -- reading -------------------------------------------------------------------------------------------------

    async def _zones_called(self, name: str) -> list[ZoneAt]:
        """Zones of this name, however many pages; or the one that the settings name."""
        if name in self.settings.zone_ids:
            return [await self._pinned(name, self.settings.zone_ids[name])]
        found = await self._list("/zones", {"name": name, "per_page": ZONES_PAGE})
        same = [z for z in found if is_called(z, name) and z.get("type") != "internal"]  # that is a private one
        return [zone_of(name, same[0])] if len(same) == 1 else [ZoneAt(str(z["id"]), name) for z in same]

    async def _pinned(self, name: str, ident: str) -> ZoneAt:
        """The zone of an id, compared with what it should be; as it is where the token may not look at zones."""
        try:
            zone = (await self._api.get(f"/zones/{ident}")).result
        except Fault as fault:
            if fault.code == "permission":
                return ZoneAt(ident, name)
            raise
        if not isinstance(zone, Mapping):
            raise not_cloudflare("no zone")
        if not is_called(zone, name):
            text = f"the zone {ident} at Cloudflare is {str(zone.get('name'))[:100]}, not {name}"
            raise Fault(SentState.REFUSED, "zone", text, "Correct zone_ids: in bcp.yaml.")
        return zone_of(name, zone)

    async def _at(self, zone: ZoneAt, name: str) -> There:
        """Every record of exactly this name."""
        records = [r for r in await self._records(zone, name) if is_at(r, name)]
        mx = [r for r in records if r["type"] == "MX"]
        cname = "" if name == zone.name else cname_of(records)  # at the top of a zone it is flattened to addresses
        kinds = frozenset(str(r["type"]) for r in records)
        return There(_whole(mx, name), _token(mx), cname, kinds, remarks=remarks(mx))

    async def _records(self, zone: ZoneAt, name: str) -> list[dict[str, Any]]:
        return await self._list(f"/zones/{zone.id}/dns_records", {"name": name, "per_page": PAGE})

    async def _list(self, path: str, asked: Mapping[str, str]) -> list[dict[str, Any]]:
        """Every row of a listing, each id once: pages overlap where somebody adds meanwhile. Filters are not trusted:
        whoever asks looks at the rows."""
        found, seen = list[dict[str, Any]](), set[str]()
        for page in range(1, MAX_PAGES + 1):
            told = await self._api.get(path, {**asked, "page": str(page)})
            if not isinstance(told.result, list):
                raise not_cloudflare("no listing")
            fresh = [r for r in rows(told.result) if str(r.get("id")) not in seen]
            seen |= {str(r["id"]) for r in fresh if r.get("id") is not None}
            found += fresh
            if page >= told.pages and (told.counted or not fresh):  # where none are counted: when no more rows come
                return found
            if told.result and not fresh:
                raise endless("Cloudflare's listing")
        raise endless("Cloudflare's listing", MAX_PAGES)

    # -- writing -------------------------------------------------------------------------------------------------

    async def _send(self, zone: ZoneAt, order: SwapOrder) -> Sent:
        """Read, compare with what the token knows, and send one batch."""
        domain = order.domain
        try:
            records = [r for r in await self._records(zone, domain) if is_at(r, domain) and r["type"] == "MX"]
        except Fault as fault:
            return fault.before(domain)
        if _token(records) != order.token or bool(records) is bool(order.wildcard):
            return Sent(domain, SentState.STALE, "stale")
        if records and not order.old.same(lenient(records)):
            return Sent(domain, SentState.STALE, "stale")
        whole, plain = posts_of(domain, order.new, records), posts_of(domain, order.new, records, bare=True)
        try:
            return accepted(order, await self._batch(zone, records, whole))
        except Fault as fault:  # refused for a reason that we do not know: it may be the comment, or a tag
            if fault.state is not SentState.REFUSED or fault.code != "server" or whole == plain:
                raise
        return accepted(order, await self._batch(zone, records, plain))

    async def _batch(self, zone: ZoneAt, gone: Sequence[Mapping[str, Any]], posts: Sequence[Mapping[str, Any]]) -> Any:
        body = {"deletes": [{"id": r["id"]} for r in gone], "posts": posts}
        return (await self._api.post(f"/zones/{zone.id}/dns_records/batch", body)).result

    async def _prove(self, order: SwapOrder) -> Proof:
        """The MX itself need not be read for it, which saves a call."""
        try:
            return await self._ask(await self._zone(order.domain), order, There())
        except Fault as fault:
            return fault.proof(order.domain)

    async def _ask(self, zone: ZoneAt, order: SwapOrder, there: There) -> Proof:
        """A delete of an id that nobody has: a *no* is sure; that the record is missing is no proof of a *yes*."""
        domain = order.domain
        if proxied := await self._proxied(order, zone):
            hint = "Turn the proxy (orange cloud) off for this name: mail does not pass it."
            return Proof(domain, Permission.NOT_ALLOWED, f"{proxied} is proxied by Cloudflare", hint)
        try:
            await self._api.post(f"/zones/{zone.id}/dns_records/batch", {"deletes": [{"id": NOBODY}]})
        except Fault as fault:
            if fault.state is not SentState.STALE:
                return fault.proof(domain)
        return Proof(domain, Permission.CANNOT_SAY, "Cloudflare has no way to show it without a change")

    async def _proxied(self, order: SwapOrder, zone: ZoneAt) -> str:
        """A host of the new set that is in this zone and behind the proxy; empty: none."""
        for host in order.new.hosts:
            name = host.host.rstrip(".")
            if name.endswith("." + zone.name):
                there = await self._records(zone, name)
                if any(r.get("proxied") is True and is_at(r, name) for r in there):
                    return name
        return ""

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()


def _token(records: Sequence[Mapping[str, Any]]) -> str:
    """The ids of these records: whoever adds or replaces one changes it, whoever edits in place does not."""
    return json.dumps(sorted(str(r["id"]) for r in records))


def _whole(records: Sequence[Mapping[str, Any]], name: str) -> MxSet | None:
    try:
        return set_of(records)
    except ValueError as error:
        text = f"Cloudflare shows an MX of {name} that is none: {error}"
        raise Fault(SentState.REFUSED, "server", text) from error


def policy(settings: CloudflareSettings, zones: Mapping[str, str], /) -> str:
    """The token, in the words of Cloudflare's form (My Profile, API Tokens, Create Custom Token). Pure.

    Cloudflare has no permission for one type of records or one name: DNS, Edit of the zone is the least.
    """
    lines = ["Permissions:     Zone | DNS | Edit"]
    for n, zone in enumerate(sorted({zone or domain for domain, zone in zones.items()})):
        ident = f" ({settings.zone_ids[zone]})" if zone in settings.zone_ids else ""
        lines.append(f"{'Zone Resources:' if n == 0 else '':<17}Include | Specific zone | {zone}{ident}")
    lines.append("IP filtering:    Is in | the addresses from which bcp calls")
    lines.append("TTL:             an end date; bcp says when it is near")
    return "\n".join(lines) + "\n"


PLUGIN = DnsPlugin(api=1, settings=CloudflareSettings, make=CloudflareDns, policy=policy)
