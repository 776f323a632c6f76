"""Answers about the DNS host into the section ``dns:``. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def quoted(value: str) -> str:
    """Text as YAML reads it back, whatever is in it: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def dns_lines(a: Mapping[str, Any]) -> list[str]:
    """One back end, ``main``, for all domains."""
    kind = a["dns"]
    out = ["dns:", "  main:", f"    kind: {kind}"]
    out += _OF[kind](a) if kind in _OF else []
    for key in ("authoritative", "resolvers"):
        out += [f"    {key}: {json.dumps(a[key])}"] if a.get(key) else []
    return out


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
    return _given(a, project="google_project", credentials="google_key", endpoint="google_api")


def _manual(a: Mapping[str, Any]) -> list[str]:
    return _given(a, registrar="registrar", url="registrar_url")


_OF: Mapping[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "rfc2136": _rfc2136,
    "cloudflare": _cloudflare,
    "route53": _route53,
    "azure": _azure,
    "google": _google,
    "manual": _manual,
}
