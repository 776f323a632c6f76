"""``google``: Google Cloud DNS. One change with the exact deletion of what was read and the addition of the new set.

All or nothing, and refused (412) when anything else stands there, its TTL included: a full compare-and-swap.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.dns import (
    Capabilities,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Sent,
    SentState,
    Step,
    SwapOrder,
)
from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.kernel.clock import Clock
from bcp.kernel.json_in import whole_number
from bcp.kernel.names import host_name
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.google import CloudDns, not_google
from bcp.plugins.vendors.google_token import Account, Tokens
from bcp.plugins.vendors.hosted import Fault, Hosted, There, ZoneAt, endless, read_token

MAX_PAGES = 100
PROOF = "65535 bcp-proof-of-permission.invalid."
"""A record that nobody has: ``.invalid`` names no host (RFC 2606)."""

NAMES, BINDINGS = 13, 20
"""What IAM takes: 12 operators in a condition, and 20 conditions of one role for one account."""


class GoogleSettings(DnsSettings):
    """A managed zone in Google Cloud DNS, and an account that may change its MX and nothing else."""

    kind: Literal["google"] = "google"
    """Which plug-in."""
    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9.:-]{1,62}$")]
    """Project that the zones are in, by its id."""
    credentials: Secret | None = None
    """JSON, by reference: key of a service account, or configuration of workload identity federation. Empty: Google's
    chain (GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, this machine's service account)."""
    zone_ids: dict[str, Annotated[str, Field(pattern=r"^[a-z0-9-]{1,63}$")]] = Field(default_factory=dict)
    """Name of the managed zone by DNS zone, where the DNS name alone does not say which is meant."""
    metadata_host: Annotated[str, Field(pattern=r"^[\w.:\[\]-]*$")] = ""
    """Metadata server that gives tokens, with its port, for tests."""
    endpoint: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another endpoint, for tests."""


class GoogleDns(Hosted):
    """The back end."""

    vendor = "in Google Cloud DNS"

    def __init__(self, name: str, settings: GoogleSettings, clock: Clock, zones: Mapping[str, str], /) -> None:
        super().__init__(name, clock, zones)
        self.settings = settings
        account = Account(settings.credentials, settings.metadata_host)
        self._tokens = Tokens(account, clock, settings.timeout)
        self._api = CloudDns(self._tokens, settings.endpoint, settings.timeout)
        self._project = f"/projects/{settings.project}"

    @property
    def capabilities(self) -> Capabilities:
        """Strong; the condition covers the TTL. No limit is known that a switch could reach."""
        return Capabilities(
            max_ttl_s=self.max_ttl_s, compares_ttl=True, uses_token=True, reports_progress=True, calls_a_zone=5
        )

    async def _ends(self) -> float | None:
        """Never, as far as we know: a token is fetched here in good time, and whoever gave it gives the next one."""
        await self._api.bearer()
        return None

    # -- reading -------------------------------------------------------------------------------------------------

    async def _zones_called(self, name: str) -> list[ZoneAt]:
        if name in self.settings.zone_ids:
            ident = self.settings.zone_ids[name]
            found = _zone(await self._api.call("GET", f"{self._project}/managedZones/{ident}"), name)
            if found is None:
                text = f"the managed zone {ident} is not the public zone {name}"
                raise Fault(SentState.REFUSED, "zone", text, "Correct zone_ids: in bcp.yaml.")
            return [found]
        rows = await self._list("managedZones", "/managedZones", {"dnsName": f"{name}."})
        return [z for row in rows if (z := _zone(row, name)) is not None]

    async def _at(self, zone: ZoneAt, name: str) -> There:
        """All sets at this name."""
        path = f"/managedZones/{zone.id}/rrsets"
        rows = await self._list("rrsets", path, {"name": f"{name}.", "maxResults": "100"})
        sets = [r for r in rows if str(r.get("name", "")).rstrip(".").lower() == name]
        kinds = frozenset(str(s.get("type")) for s in sets)
        mx = next((s for s in sets if s.get("type") == "MX"), None)
        if mx is not None and mx.get("routingPolicy"):
            text = f"the MX of {name} in Google Cloud DNS has a routing policy"
            raise Fault(SentState.REFUSED, "policy", text, "Make it one plain record set; bcp changes no other.")
        cname = next((_first(s) for s in sets if s.get("type") == "CNAME"), "")
        return There(_mx(mx, name) if mx is not None else None, _token(mx), cname, kinds)

    async def _list(self, key: str, path: str, asked: Mapping[str, str]) -> list[Mapping[str, Any]]:
        """Every row of a listing. A listing of nothing may lack the key."""
        rows: list[Mapping[str, Any]] = []
        params, seen = dict(asked), set[str]()
        while len(seen) < MAX_PAGES:
            told = await self._api.call("GET", self._project + path, params=params)
            found = told.get(key, [] if "kind" in told else None)
            if not isinstance(found, list):
                raise not_google("no listing")
            rows += [r for r in found if isinstance(r, Mapping)]
            token = told.get("nextPageToken")
            if not isinstance(token, str) or not token:
                return rows
            if token in seen:
                raise endless(f"Google's list of {key}")
            seen.add(token)
            params = {**asked, "pageToken": token}
        raise endless(f"Google's list of {key}", MAX_PAGES)

    # -- writing -------------------------------------------------------------------------------------------------

    async def _send(self, zone: ZoneAt, order: SwapOrder) -> Sent:
        body: dict[str, Any] = {"additions": [_set(order.domain, order.new)]}
        if not order.wildcard:
            old = read_token(order.token) if order.token else _set(order.domain, order.old)
            if old is None or not order.old.same(_mx(old, order.domain)):
                return Sent(order.domain, SentState.STALE, "stale")
            body["deletions"] = [old]
        told = await self._change(zone, body)
        return Sent(order.domain, SentState.ACCEPTED, change=str(told["id"]))

    async def _change(self, zone: ZoneAt, body: Mapping[str, Any]) -> Mapping[str, Any]:
        told = await self._api.call("POST", f"{self._project}/managedZones/{zone.id}/changes", body=body)
        if not isinstance(told.get("id"), (str, int)) or told.get("status") not in {"pending", "done"}:
            raise not_google("no change")
        return told

    async def _step(self, sent: Sent) -> Step:
        """``pending`` until Google's servers have it, then ``done``."""
        zone = await self._zone(sent.domain)
        told = await self._api.call("GET", f"{self._project}/managedZones/{zone.id}/changes/{sent.change}")
        return {"done": Step.DONE, "pending": Step.PENDING}.get(str(told.get("status")), Step.UNKNOWN)

    async def _ask(self, zone: ZoneAt, order: SwapOrder, there: There) -> Proof:
        """Deletion of a record that nobody has, and addition of what stands there now.

        The first fails, and with it the change. A server that looked at no condition would delete the set and make it
        again: nothing would be different.
        """
        now = read_token(there.token)
        body: dict[str, Any] = {"deletions": [{**_set(order.domain, order.old), "rrdatas": [PROOF]}]}
        if now is not None:
            body["additions"] = [now]
        try:
            await self._change(zone, body)
        except Fault as fault:
            if fault.state is SentState.STALE:
                return Proof(order.domain, Permission.ALLOWED)
            return fault.proof(order.domain)
        text = "what answers takes a change that cannot be made: it checks no condition"
        return Proof(order.domain, Permission.CANNOT_SAY, text, "Is this Cloud DNS? Check endpoint:.")

    async def close(self) -> None:
        """Let connections go."""
        await self._api.close()


def _zone(row: Mapping[str, Any], name: str) -> ZoneAt | None:
    """A managed zone, where it is public and of this name."""
    ident = row.get("name")
    if str(row.get("dnsName", "")).rstrip(".").lower() != name or not isinstance(ident, str):
        return None
    if str(row.get("visibility") or "public").lower() != "public":
        return None
    servers = row.get("nameServers")
    return ZoneAt(ident, name, tuple(map(str, servers)) if isinstance(servers, list) else ())


def _first(one: Mapping[str, Any]) -> str:
    data = one.get("rrdatas")
    return str(data[0]) if isinstance(data, list) and data else "?"


def _mx(one: Mapping[str, Any], name: str) -> MxSet:
    """A record set of type MX. Raises ``Fault`` for what is none."""
    ttl, rows, hosts = whole_number(one.get("ttl")), one.get("rrdatas"), []
    try:
        for row in rows if isinstance(rows, list) else []:
            preference, host = str(row).split()
            hosts.append(MxHost(int(preference), host if host == "." else host_name(host)))
    except ValueError as error:
        raise Fault(SentState.REFUSED, "server", f"Google shows an MX of {name} that is none: {error}") from error
    if ttl is None or not hosts:
        raise Fault(SentState.REFUSED, "server", f"Google shows an MX of {name} without TTL or without records")
    return MxSet(tuple(hosts), ttl)


def _set(domain: str, mx: MxSet) -> dict[str, Any]:
    """A set as Google takes it."""
    return {"name": f"{domain}.", "type": "MX", "ttl": mx.ttl_s, "rrdatas": [str(h) for h in mx.hosts]}


def _token(one: Mapping[str, Any] | None) -> str:
    """The set exactly as read: a deletion must give the same values and the same TTL."""
    if one is None:
        return json.dumps(None)
    return json.dumps({**{k: one.get(k) for k in ("name", "type", "rrdatas")}, "ttl": whole_number(one.get("ttl"))})


def policy(settings: GoogleSettings, zones: Mapping[str, str], /) -> str:
    """Two custom roles and their bindings, as commands of gcloud. Pure.

    Reading and handing in changes is allowed for the project; which record sets a change may touch, by conditions on
    their names and type, some names in each. More names than IAM takes: MX of every zone in the project. Source:
    cloud.google.com, dns/docs/access-control, iam/quotas, and the codelab cloud-dns-per-rrset-iam.
    """
    p, member = settings.project, "serviceAccount:SERVICE_ACCOUNT"
    rrsets = "dns.resourceRecordSets"
    reads = ["dns.changes.create", "dns.changes.get", "dns.managedZones.get", "dns.managedZones.list", f"{rrsets}.list"]
    writes = [f"{rrsets}.{verb}" for verb in ("create", "delete", "get", "update")]
    ends = [f"/rrsets/{domain}./MX" for domain in sorted(zones)]
    ends = ends if len(ends) <= NAMES * BINDINGS else ["/MX"]
    parts = [ends[i : i + NAMES] for i in range(0, len(ends), NAMES)]
    out = ["# Replace SERVICE_ACCOUNT by the account's address."]
    for role, permissions in (("bcpDnsReader", reads), ("bcpMxWriter", writes)):
        given = f"--title={role} --stage=GA --permissions={','.join(permissions)}"
        out.append(f"gcloud iam roles create {role} --project={p} {given}")
    given_by = [("bcpDnsReader", "None"), *(("bcpMxWriter", _condition(n, part)) for n, part in enumerate(parts))]
    for role, condition in given_by:
        bound = f"--member={member} --role=projects/{p}/roles/{role} --condition={shlex.quote(condition)}"
        out.append(f"gcloud projects add-iam-policy-binding {p} {bound}")
    return "\n".join(out) + "\n"


def _condition(number: int, ends: list[str]) -> str:
    title = f"bcp-mx-{number + 1}" if number else "bcp-mx"
    expression = " || ".join(f'resource.name.endsWith("{e}")' for e in ends)
    return f"title={title},expression={expression}"


PLUGIN = DnsPlugin(api=1, settings=GoogleSettings, make=GoogleDns, policy=policy)
