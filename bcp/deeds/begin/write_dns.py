"""Answers about the DNS host into the section ``dns:``. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bcp.deeds.begin.questions import back_ends


def quoted(value: str) -> str:
    """Text as YAML reads it back, whatever is in it: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def dns_lines(a: Mapping[str, Any]) -> list[str]:
    """One back end, ``main``, for all domains; where there are several, each is called as its kind is."""
    out = ["dns:"]
    for name, kind in names(a).items():
        out += [f"  {name}:", f"    kind: {kind}"]
        out += _OF[kind](a) if kind in _OF else []
        for key in ("authoritative", "resolvers"):
            out += [f"    {key}: {json.dumps(a[key])}"] if a.get(key) else []
    return out


def names(a: Mapping[str, Any]) -> dict[str, str]:
    """The back ends by name, each with its kind."""
    kinds = back_ends(a)
    return {"main": kinds[0]} if len(kinds) == 1 else {k: k for k in kinds}


def back_end_line(a: Mapping[str, Any], domain: str) -> str:
    """The back end of one domain; a list where several providers serve its zone, because all of them are changed."""
    named = list(names(a))
    if len(named) == 1:
        return f"    dns: {named[0]}"
    found = [k for k in (a.get("found_of") or {}).get(domain, ()) if k in named]
    mine = found or [k for k in named if k != "manual"]
    return f"    dns: {mine[0]}" if len(mine) == 1 else f"    dns: [{', '.join(mine)}]"


def _given(a: Mapping[str, Any], **keys: str) -> list[str]:
    """A line for each setting whose question was answered."""
    return [f"    {setting}: {quoted(a[question])}" for setting, question in keys.items() if a.get(question)]


def _rfc2136(a: Mapping[str, Any]) -> list[str]:
    key = f"{{name: {a['tsig_key']}, algorithm: hmac-sha256, secret: {quoted(a['tsig_secret'])}}}"
    return [f"    server: {quoted(a['dns_server'])}", f"    key: {key}"]


def _cloudflare(a: Mapping[str, Any]) -> list[str]:
    token = f"    token: {quoted(a['cloudflare_token'])}   # Zone: DNS: Edit, for these zones only"
    return [token, *_given(a, api_url="cloudflare_api")]


def _route53(a: Mapping[str, Any]) -> list[str]:
    out = _given(a, access_key_id="aws_key_id", secret_access_key="aws_key", profile="aws_profile")  # noqa: S106
    return [*out, *_given(a, endpoint_url="aws_api")]


def _azure(a: Mapping[str, Any]) -> list[str]:
    out = _given(a, subscription_id="azure_subscription", resource_group="azure_group", tenant_id="azure_tenant")
    out += _given(a, client_id="azure_client", client_secret="azure_secret")  # noqa: S106
    out += _given(a, client_certificate="azure_certificate", api_url="azure_api", authority_url="azure_signin")
    own = [f"    identity: {a['azure_by']}"] if a["azure_by"] in {"managed", "workload"} else []
    return [*out, *own, *_given(a, api_ca_file="azure_ca")]


def _google(a: Mapping[str, Any]) -> list[str]:
    out = _given(a, project="google_project", credentials="google_key", endpoint="google_api")
    return [*out, *_given(a, metadata_host="google_metadata")]


def _octodns(a: Mapping[str, Any]) -> list[str]:
    """Numbers stand there as numbers: providers take what octoDNS' own files would give them."""
    given = (a.get("octodns_arguments") or {}).items()
    rows = [f"      {name}: {value if value.isdecimal() else quoted(value)}" for name, value in given]
    return ["    provider:", f"      class: {a['octodns_class']}", *rows]


def _manual(a: Mapping[str, Any]) -> list[str]:
    return _given(a, registrar="registrar", url="registrar_url")


_OF: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "rfc2136": _rfc2136,
    "cloudflare": _cloudflare,
    "route53": _route53,
    "azure": _azure,
    "google": _google,
    "manual": _manual,
    "octodns": _octodns,
}
