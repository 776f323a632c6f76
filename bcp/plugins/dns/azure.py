"""``azure``: Azure DNS. PATCH of the record set with the ETag that was read: a full compare-and-swap.

PATCH leaves the set's metadata alone, where PUT would drop it. Tokens come from Microsoft Entra: when sign-in is what
is down, one that is held works on and a new one is not to be had.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from bcp.contracts.dns import (
    Capabilities,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Sent,
    SentState,
    SwapOrder,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.clock import Clock
from bcp.kernel.json_in import whole_number
from bcp.kernel.names import host_name
from bcp.kernel.secret import Secret
from bcp.kit.pace import Window
from bcp.plugins.vendors.azure import ABSENT, Arm, not_azure
from bcp.plugins.vendors.azure_token import SCOPE, Identity, Tokens
from bcp.plugins.vendors.hosted import SHADOWED, Fault, Hosted, There, ZoneAt, candidates, endless

PROVIDER = "providers/Microsoft.Network"
NOBODY = '"00000000-0000-0000-0000-000000000000"'
"""An ETag that no record set has."""
MAX_PAGES = 100
WRITES_A_MINUTE = 200
"""Record sets that may be created or updated (learn.microsoft.com, Azure DNS limits)."""
CALLS_A_ZONE = 4
_UUID = r"^[0-9A-Fa-f-]{36}$"
_ID = r"(?i)^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/dnsZones/[^/]+$"


class AzureSettings(DnsSettings):
    """A zone in Azure DNS, and an identity that may change its MX and nothing else."""

    kind: Literal["azure"] = "azure"
    """Which plug-in."""
    subscription_id: Annotated[str, Field(pattern=_UUID)]
    """Subscription that the zones are in."""
    resource_group: Annotated[str, Field(pattern=r"^$|^[\w.()-]{1,90}$")] = ""
    """Resource group that the zones are in. Empty: looked for in the whole subscription, which needs more rights."""
    zone_ids: dict[str, Annotated[str, Field(pattern=_ID)]] = Field(default_factory=dict)
    """Resource id by zone, where a name alone does not say which is meant. It saves looking, too."""
    identity: Literal["", "secret", "certificate", "managed", "workload"] = ""
    """Who we are. Empty: by `client_secret` or `client_certificate`; without both, what the environment gives
    (AZURE_* variables), then the machine's managed identity."""
    tenant_id: str = ""
    """Directory (tenant) id."""
    client_id: str = ""
    """Application (client) id; of a managed identity that was assigned by a user, its client id."""
    client_secret: Secret | None = None
    """Client secret, by reference; with a certificate, its password."""
    client_certificate: Path | None = None
    """Certificate and private key (PEM or PKCS12)."""
    token_file: Path | None = None
    """Token of a workload identity (Kubernetes). Empty: as the environment says."""
    authority_url: Annotated[str, Field(pattern=r"^$|^https://\S+$")] = ""
    """Another sign-in, for national clouds and tests. Its names are not looked up elsewhere."""
    scope: str = SCOPE
    """What tokens are asked for; another in national clouds."""
    api_url: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another base URL, for national clouds and tests."""
    api_ca_file: Path | None = None
    """Certificates (PEM) of a private authority that signs `api_url` and `authority_url`, for tests."""

    @model_validator(mode="after")
    def _whole(self) -> AzureSettings:
        kind = self.who
        if kind == "secret" and self.client_secret is None:
            raise ValueError("identity: secret needs client_secret")
        if kind == "certificate" and self.client_certificate is None:
            raise ValueError("identity: certificate needs client_certificate")
        if kind in {"secret", "certificate"} and not (self.tenant_id and self.client_id):
            raise ValueError(f"a {kind} needs tenant_id and client_id")
        return self

    @property
    def who(self) -> str:
        """The kind of identity that is meant."""
        if self.identity:
            return self.identity
        return "certificate" if self.client_certificate else ("secret" if self.client_secret else "")

    def leans(self) -> tuple[str, ...]:
        """Tokens come from Microsoft Entra, and live for about an hour."""
        return () if "microsoft" in self.depends_on else ("microsoft",)


class AzureDns(Hosted):
    """The back end."""

    vendor = "in Azure DNS"

    def __init__(self, name: str, settings: AzureSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        super().__init__(name, clock, zones)
        self.settings = s = settings
        me = Identity(
            s.who,
            s.tenant_id,
            s.client_id,
            s.client_secret,
            s.client_certificate,
            s.token_file,
            s.authority_url,
            s.scope,
            s.api_ca_file,
        )
        self._tokens = Tokens(me, clock, s.timeout)
        self._api = Arm(self._tokens, s.api_url, s.timeout, s.api_ca_file)
        self._pace = Window(clock, WRITES_A_MINUTE, 60.0)
        self._denied: dict[str, Fault] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Strong; the ETag covers the TTL. 200 record sets may be written in a minute, one of four calls writes."""
        return Capabilities(
            min_ttl_s=1,
            max_ttl_s=self.max_ttl_s,
            compares_ttl=True,
            uses_token=True,
            calls_a_zone=CALLS_A_ZONE,
            calls_per_s=WRITES_A_MINUTE / 60 * CALLS_A_ZONE,
            burst=WRITES_A_MINUTE * CALLS_A_ZONE,
            paces=True,
            leans=self.settings.leans(),
        )

    async def _ends(self) -> float | None:
        """Never, as far as is known: the token is fetched here, and renews itself. That this needs Microsoft's sign-in
        is told by ``leans``."""
        await self._tokens.bearer()
        return None

    # -- reading -------------------------------------------------------------------------------------------------

    async def _find(self, domain: str) -> ZoneAt:
        try:
            return await super()._find(domain)
        except Fault as fault:
            denied = [self._denied[c] for c in candidates(domain) if c in self._denied]
            raise (denied[-1] if denied and fault.code == "zone" else fault) from None

    async def _zones_called(self, name: str) -> list[ZoneAt]:
        """The zone where the settings say that it is, else all of this name in the subscription.

        Where a role is assigned on single zones, a name that is no zone of ours is *not allowed*, not *not found*.
        """
        s = self.settings
        group = f"/subscriptions/{s.subscription_id}/resourceGroups/{s.resource_group}"
        pinned = s.zone_ids.get(name) or (f"{group}/{PROVIDER}/dnsZones/{name}" if s.resource_group else "")
        if not pinned:
            return await self._search(name)
        try:
            zone = await self._api.call("GET", pinned)
        except Fault as fault:
            if name in s.zone_ids or fault.code not in {ABSENT, "zone", "permission"}:
                raise
            if fault.code == "permission" or "ResourceNotFound" not in fault.message:
                self._denied[name] = fault  # told where no other name is a zone
            return []
        found = _zone(zone, name)
        if found is None and name in s.zone_ids:
            text = f"{pinned} is not the public zone {name}"
            raise Fault(SentState.REFUSED, "zone", text, "Correct zone_ids: in bcp.yaml.")
        return [found] if found else []

    async def _search(self, name: str) -> list[ZoneAt]:
        """All zones of the subscription that this identity sees, page by page."""
        found: list[ZoneAt] = []
        path, seen = f"/subscriptions/{self.settings.subscription_id}/{PROVIDER}/dnszones", set[str]()
        while path not in seen and len(seen) < MAX_PAGES:
            seen.add(path)
            told = await self._api.call("GET", path)
            value = told.get("value")
            if not isinstance(value, list):
                raise not_azure("no list of zones")
            found += [z for row in value if isinstance(row, Mapping) and (z := _zone(row, name)) is not None]
            path = told.get("nextLink") or ""
            if not isinstance(path, str) or not path:
                return found
        raise endless("Azure's list of zones", 0 if path in seen else MAX_PAGES)

    async def _at(self, zone: ZoneAt, name: str) -> There:
        """The MX; where there is none, whether anything else stands there (an alias, or what ends a wildcard)."""
        mx = await self._set(zone, name, "MX")
        if mx is not None and not name.startswith("*."):
            return There(_mx(mx, name), str(mx["etag"]), kinds=frozenset({"MX"}))
        kinds = {"MX"} if mx is not None else set()
        cname = await self._set(zone, name, "CNAME")
        target = _cname(cname) if cname is not None else ""
        if cname is not None:
            kinds.add("CNAME")
        elif name != zone.name:
            kinds |= {k for k in sorted(SHADOWED) if await self._set(zone, name, k) is not None}
        if mx is None:
            return There(None, "", target, frozenset(kinds))
        return There(_mx(mx, name), str(mx["etag"]), target, frozenset(kinds))

    async def _set(self, zone: ZoneAt, name: str, kind: str) -> Mapping[str, Any] | None:
        try:
            found = await self._api.call("GET", f"{zone.id}/{kind}/{_relative(name, zone.name)}")
        except Fault as fault:
            if fault.code == ABSENT:
                return None
            raise
        if not isinstance(found.get("etag"), str) or not isinstance(found.get("properties"), Mapping):
            raise not_azure("no record set")
        return found

    # -- writing -------------------------------------------------------------------------------------------------

    async def _send(self, zone: ZoneAt, order: SwapOrder) -> Sent:
        """PATCH where the set is there; where it is not, PUT that makes one and overwrites none."""
        if order.wildcard:
            told = await self._write("PUT", zone, order.domain, order.new, {"If-None-Match": "*"})
        elif not order.token:
            return Sent(order.domain, SentState.STALE, "stale", "there is no reading that this could be compared with")
        else:
            told = await self._write("PATCH", zone, order.domain, order.new, {"If-Match": order.token})
        return Sent(order.domain, SentState.ACCEPTED, change=str(told["etag"]))

    async def _write(
        self, method: str, zone: ZoneAt, domain: str, mx: MxSet, condition: Mapping[str, str]
    ) -> Mapping[str, Any]:
        await self._pace.turn()
        records = [{"preference": h.preference, "exchange": h.host} for h in mx.hosts]
        body = {"properties": {"TTL": mx.ttl_s, "MXRecords": records}}
        path = f"{zone.id}/MX/{_relative(domain, zone.name)}"
        told = await self._api.call(method, path, body=body, headers=condition)
        if not isinstance(told.get("etag"), str):
            raise not_azure("no record set")
        return told

    async def _ask(self, zone: ZoneAt, order: SwapOrder, there: There) -> Proof:
        """What stands there now, with an ETag that it does not have.

        It fails (412) when we may. A server that looked at no condition would write what is there already.
        """
        domain = order.domain
        if there.mx is None:
            text = "there is no MX of its own yet with which it could be shown without a change"
            hint = "Make it one in peacetime, the same as the wildcard's: then it can be shown, and moved."
            return Proof(domain, Permission.CANNOT_SAY, text, hint)
        try:
            await self._write("PATCH", zone, domain, there.mx, {"If-Match": NOBODY})
        except Fault as fault:
            if fault.state is SentState.STALE:
                return Proof(domain, Permission.ALLOWED)
            return fault.proof(domain)
        text = "what answers takes a change whose condition does not hold"
        return Proof(domain, Permission.CANNOT_SAY, text, "Is this Azure? Check api_url:.")

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()


def _relative(name: str, zone: str) -> str:
    return "@" if name == zone else name.removesuffix(f".{zone}")


def _zone(row: Mapping[str, Any], name: str) -> ZoneAt | None:
    """A zone as the API shows it, where it is public and of this name."""
    properties = row.get("properties")
    more = properties if isinstance(properties, Mapping) else {}
    ident = row.get("id")
    if str(row.get("name")).lower() != name or not isinstance(ident, str) or not ident.startswith("/"):
        return None
    if str(more.get("zoneType") or "Public").lower() != "public":
        return None
    servers = more.get("nameServers")
    return ZoneAt(ident, name, tuple(map(str, servers)) if isinstance(servers, list) else ())


def _mx(found: Mapping[str, Any], name: str) -> MxSet:
    """A record set of type MX. Raises ``Fault`` for what is none."""
    properties = found["properties"]
    ttl, rows = whole_number(properties.get("TTL")), properties.get("MXRecords")
    hosts = []
    try:
        for row in rows if isinstance(rows, list) else []:
            preference, host = whole_number(row.get("preference")), row.get("exchange")
            if preference is None or not isinstance(host, str):
                raise ValueError(f"{row.get('preference')!r} {host!r}"[:200])
            hosts.append(MxHost(preference, host if host == "." else host_name(host)))
    except (ValueError, AttributeError) as error:
        raise Fault(SentState.REFUSED, "server", f"Azure shows an MX of {name} that is none: {error}") from error
    if ttl is None or not hosts:
        raise Fault(SentState.REFUSED, "server", f"Azure shows an MX of {name} without TTL or without records")
    return MxSet(tuple(hosts), ttl)


def _cname(found: Mapping[str, Any]) -> str:
    record = found["properties"].get("CNAMERecord")
    target = record.get("cname") if isinstance(record, Mapping) else None
    return str(target or "?")


READER, WRITER = "bcp DNS reader", "bcp MX writer"


def policy(settings: AzureSettings, zones: Mapping[str, str], /) -> str:
    """Two roles and where they are assigned, as commands of Azure's CLI. Pure.

    Writing is assigned on the record sets themselves (``.../MX/@``), so that no other set can be touched. Source:
    learn.microsoft.com, dns-protect-zones-recordsets. Without ``resource_group`` it is the whole subscription.
    """
    subscription = f"/subscriptions/{settings.subscription_id}"
    group = f"{subscription}/resourceGroups/{settings.resource_group}" if settings.resource_group else subscription
    zone = "Microsoft.Network/dnsZones"
    reads = [f"{zone}/read", *(f"{zone}/{k}/read" for k in ("MX", "CNAME", *sorted(SHADOWED)))]
    out = [f"# Replace CLIENT_ID, unless it is {settings.client_id}" if not settings.client_id else "# Azure CLI"]
    for name, actions in ((READER, reads), (WRITER, [f"{zone}/MX/read", f"{zone}/MX/write"])):
        role = {"Name": name, "IsCustom": True, "Description": "bcp", "Actions": actions, "NotActions": []}
        text = json.dumps({**role, "AssignableScopes": [subscription]})
        out.append(f"az role definition create --role-definition {shlex.quote(text)}")
    for domain, kept in sorted(zones.items()):
        kept = kept or domain
        at = settings.zone_ids.get(kept) or (f"{group}/{PROVIDER}/dnsZones/{kept}" if settings.resource_group else "")
        out.append(_assign(settings, WRITER, f"{at}/MX/{_relative(domain, kept)}" if at else subscription))
        out.append(_assign(settings, READER, at or subscription))
    return "\n".join(dict.fromkeys(out)) + "\n"


def _assign(settings: AzureSettings, role: str, scope: str) -> str:
    who = settings.client_id or "CLIENT_ID"
    return f"az role assignment create --assignee {who} --role {shlex.quote(role)} --scope {shlex.quote(scope)}"


PLUGIN = DnsPlugin(api=1, settings=AzureSettings, make=AzureDns, policy=policy)
