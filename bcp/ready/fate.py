"""Does what takes over fall with what it takes over from? Names and networks in, checks out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from bcp.contracts.readiness import NO_PLAYBOOK, Check

MAIL = ("outlook.com", "office365.com", "office.com", "onmicrosoft.com", "mx.microsoft")
"""Below these Exchange Online takes mail: what goes there falls with it."""
CLOUD = (
    "azureedge.net", "azurefd.net", "azurestaticapps.net", "azurewebsites.net", "cloudapp.azure.com", "cloudapp.net",
    "microsoft.com", "sharepoint.com", "trafficmanager.net", "windows.net",
)  # fmt: skip
"""Below these Microsoft serves machines and pages of its customers."""
EXCHANGE = tuple(map(ip_network, ("40.92.0.0/15", "40.107.0.0/16", "52.100.0.0/14", "104.47.0.0/17")))
"""Networks from and in which Exchange Online takes mail, as Microsoft publishes them."""


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host by its name, what that is an alias of, and its addresses; empty: not known."""

    name: str
    alias: str = ""
    addresses: tuple[str, ...] = ()


def at_microsoft(name: str) -> str:
    """The zone of Microsoft's below which this name is; empty: none that is known."""
    found = name.rstrip(".").lower()
    return next((z for z in (*MAIL, *CLOUD) if found == z or found.endswith(f".{z}")), "")


def relay(name: str, hosts: Sequence[HostSeen], primary: Sequence[HostSeen], books: tuple[str, ...]) -> Check:
    """Would the relay go down with Exchange Online, or with the network in which our own mail arrives?"""
    why = next((w for h in hosts if (w := _falls(h, primary))), "")
    if not why:
        text = f"{name} has no name and no network in common with where mail goes today"
        return Check("relay-fate", name, "ok", text, "", None, books)
    hint = "Rent a relay at another provider, in another network: then it is there when the first one is not."
    return Check("relay-fate", name, "risk", f"{name} may fall with what it stands in for: {why}", hint, None, books)


def _falls(host: HostSeen, primary: Sequence[HostSeen]) -> str:
    if zone := at_microsoft(host.name) or at_microsoft(host.alias):
        return f"{_shown(host)} is at Microsoft ({zone})"
    for address in host.addresses:
        if any(ip_address(address) in n for n in EXCHANGE if n.version == ip_address(address).version):
            return f"{host.name} has the address {address}, which is Exchange Online's"
    for other in primary:
        if host.name.rstrip(".").lower() == other.name.rstrip(".").lower():
            return f"{host.name} takes our mail today"
        shared = {_network(a): a for a in other.addresses if _network(a)}
        near = next((a for a in host.addresses if _network(a) in shared), "")
        if near:
            return f"{host.name} ({near}) and {other.name} ({shared[_network(near)]}) are in one network"
    return ""


def _network(address: str) -> str:
    """The /24 or /48 of an address of the world; empty for addresses of this machine and of inner networks."""
    found = ip_address(address)
    if not found.is_global:
        return ""
    return str(ip_network(f"{address}/{24 if found.version == 4 else 48}", strict=False))


def page(host: HostSeen) -> Check:
    """Would people still read what we publish? No playbook rests on it: its step does what it can all the same."""
    if zone := at_microsoft(host.name) or at_microsoft(host.alias):
        text = (
            f"the page that people look at, {_shown(host)}, is at Microsoft ({zone}) and may fall with Exchange Online"
        )
        hint = "Serve it elsewhere; docs/howto/tell-people.md says how to keep copies on other machines."
        return Check("page-fate", host.name, "risk", text, hint, None, NO_PLAYBOOK)
    text = f"the page that people look at, {host.name}, is not at Microsoft by its name"
    return Check("page-fate", host.name, "ok", text, "", None, NO_PLAYBOOK)


def _shown(host: HostSeen) -> str:
    return f"{host.name} ({host.alias})" if host.alias else host.name


def page_hosts(urls: Iterable[str]) -> list[str]:
    """The hosts of these addresses, once each."""
    from urllib.parse import urlsplit

    names = (urlsplit(u if "//" in u else f"//{u}").hostname or "" for u in urls if u)
    return list(dict.fromkeys(n for n in names if n and not n.replace(".", "").isdigit()))
