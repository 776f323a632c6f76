"""Whose name servers these are, and which back end speaks to that host. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

SERVERS = {
    ".ns.cloudflare.com": "cloudflare",
    ".awsdns-": "route53",
    ".azure-dns.": "azure",
    ".googledomains.com": "google",
    "ns-cloud-": "google",
    ".domaincontrol.com": "godaddy",
    ".registrar-servers.com": "namecheap",
    ".ui-dns.": "ionos",
    ".rzone.de": "strato",
    ".ovh.net": "ovh",
    ".gandi.net": "gandi",
    ".hetzner.com": "hetzner",
    ".your-server.de": "hetzner",
    ".digitalocean.com": "digitalocean",
}
"""Parts of name servers' names, and whose they are."""


def hosts_of(name_servers: Iterable[str]) -> tuple[str, ...]:
    """The hosts of a zone with these name servers, in alphabetical order; empty: one of them is none that we know."""
    names = [f".{n.lower().rstrip('.')}" for n in name_servers]
    found = {next((h for part, h in SERVERS.items() if part in n), "") for n in names}
    return () if "" in found else tuple(sorted(found))


def host_of(name_servers: Iterable[str]) -> str:
    """The one host of a zone with these name servers; empty: not one that we know, or several."""
    found = hosts_of(name_servers)
    return found[0] if len(found) == 1 else ""


def back_ends_of(hosts: Iterable[str], kinds: Collection[str]) -> tuple[str, ...]:
    """The kinds of back ends for a zone that these hosts serve together. All of them are changed, or none: where one
    has no interface of ours, a person enters the records at each."""
    found = tuple(dict.fromkeys(back_end_of(h, kinds) for h in hosts))
    return ("manual",) if "manual" in found else found


def back_end_of(host: str, kinds: Collection[str]) -> str:
    """The kind of back end for a host: its own where there is one, else a person who enters the records."""
    return host if host in kinds else "manual"
