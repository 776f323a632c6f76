"""The organisation's own configuration, moved into the lab: its people, texts, playbooks and rules stay as they are;
every address of DNS, mail and vendors becomes one of loopback.

What is not named here is left out: a section that a later version brings cannot reach the world from a lab drill.
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.names import host_name
from bcp.lab.world import World
from bcp.settings import Configuration
from bcp.wiring import App

KEPT = ("version", "organisation", "service", "roles", "audiences", "shell", "plan")
SERVE = ("ask", "oncall", "playbooks", "verdict")
"""Of ``serve:`` what says whom to ask; no address, no hook, no caller."""
VENDORS = frozenset({"twilio-sms", "slack"})
"""Kinds of channels that the lab emulates over HTTP: the real plug-in talks to it."""
PAGES = frozenset({"status-page"})


def world_for(app: App, folder: Path, ttl: int = 5) -> World:
    """A lab that serves this organisation's own domains, MX host and relay, under their own names, on loopback."""
    settings = app.settings
    domains = tuple(d.name for d in settings.domains)
    primary = next((p.host for d in settings.domains for p in d.primary), "")
    exchange = primary or host_name(f"{domains[0].replace('.', '-')}.mail.protection.outlook.com")
    relay = next((h.host for s in app.world.relay_settings.values() for h in s.published()), "")
    return World(folder, ttl, domains=domains, exchange_host=exchange, relay_host=relay or host_name("mx.backup.test"))


def write_own(configuration: Configuration, world: World) -> Path:
    """``bcp.yaml`` for a world that is running, in its folder; returns its path."""
    raw = configuration.document.data
    folder = make_private(world.folder)
    given = {
        "tsig": world.tsig_secret,
        "twilio-sid": world.vendors.twilio_sid,
        "twilio-token": world.vendors.twilio_token,
        "slack": world.vendors.slack_token,
        "unused": secrets.token_hex(16),
    }
    for name, value in given.items():
        write_atomic(folder / "secrets" / name, value)
    made = {k: copy.deepcopy(raw[k]) for k in KEPT if k in raw}
    made |= {
        "state": "state",
        "domains": [_domain(d, world) for d in raw["domains"]],
        "dns": {n: _dns(world) for n in raw.get("dns") or {}},
        "resolvers": {"outside": f"{world.resolver_address}:{world.dns_port}"},
        "relays": {n: _relay(world) for n in raw.get("relays") or {}},
        "channels": {n: _channel(dict(c), world) for n, c in (raw.get("channels") or {}).items()},
        "contacts": _contacts(configuration),
        "canary": _canary(raw, world),
        "detect": _detect(world),
        "serve": {k: copy.deepcopy(v) for k, v in (raw.get("serve") or {}).items() if k in SERVE},
        "playbooks": [str(p) for p in configuration.settings.playbooks],
        "messages": [str(p) for p in configuration.settings.messages],
    }
    path = folder / "bcp.yaml"
    write_atomic(path, yaml.safe_dump(made, allow_unicode=True, sort_keys=False))
    return path


def _domain(given: Mapping[str, Any], world: World) -> dict[str, Any]:
    kept = {k: copy.deepcopy(given[k]) for k in ("name", "dns") if k in given}
    return {**kept, "primary": [{"host": world.exchange_host, "preference": 0}], "primary_ttl": world.ttl}


def _dns(world: World) -> dict[str, Any]:
    return {
        "kind": "rfc2136",
        "server": f"{world.dns_addresses[0]}:{world.dns_port}",
        "key": {"name": "bcp.", "algorithm": "hmac-sha256", "secret": "file:secrets/tsig"},
        "timeout": "2s",
        "authoritative": [f"{a}:{world.dns_port}" for a in world.dns_addresses],
        "resolvers": [f"{world.resolver_address}:{world.dns_port}"],
    }


def _relay(world: World) -> dict[str, Any]:
    return {
        "kind": "smtp",
        "hosts": [{"host": world.relay_host, "preference": 10, "addresses": [world.relay_address]}],
        "port": world.smtp_port,
        "queue": {"url": f"http://127.0.0.1:{world.queue_port}/queue"},
        "log": "relay/maillog",
        "timeout": "3s",
    }


def _channel(given: dict[str, Any], world: World) -> dict[str, Any]:
    """Emulated vendors get the lab's address and secrets; of others no secret is read, as nothing of them is sent."""
    kind = given.get("kind")
    if kind == "twilio-sms":
        given |= {
            "api_url": world.vendors.url, "account_sid": "file:secrets/twilio-sid",
            "auth_token": "file:secrets/twilio-token",
        }  # fmt: skip
    elif kind == "slack":
        given |= {"api_url": world.vendors.url, "token": "file:secrets/slack"}
    elif kind in PAGES:
        given["folder"] = "public"
        given.pop("mirrors", None)  # copies on web servers of the world
    return _without_secrets(given) if kind not in VENDORS else given


def _without_secrets(value: Any) -> Any:
    """Every reference to a secret becomes one that stands in the lab's folder and opens nothing."""
    if isinstance(value, dict):
        return {k: _without_secrets(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_secrets(v) for v in value]
    reference = isinstance(value, str) and value.startswith(("env:", "file:", "keyring:"))
    return "file:secrets/unused" if reference else value


def _contacts(configuration: Configuration) -> dict[str, Any]:
    raw = dict(configuration.document.data.get("contacts") or {})
    found = configuration.settings.contacts
    if found.file is not None:
        raw["file"] = str(found.file)
    if found.snapshot is not None:
        raw["snapshot"] = str(found.snapshot)
    for name in ("key", "signing_key"):
        if str(raw.get(name, "")).startswith("file:"):
            raw[name] = f"file:{(configuration.folder / raw[name].removeprefix('file:')).resolve()}"
    return raw


def _canary(raw: Mapping[str, Any], world: World) -> dict[str, Any]:
    to = str((raw.get("canary") or {}).get("to") or f"canary@{world.domains[0]}")
    if to.rpartition("@")[2] not in world.domains:
        to = f"{to.partition('@')[0]}@{world.domains[0]}"
    resolvers = [f"{world.resolver_address}:{world.dns_port}"]
    return {"to": to, "resolvers": resolvers, "port": world.smtp_port, "arrival": "exchange"}


def _detect(world: World) -> dict[str, Any]:
    """The real rules with seconds for minutes: an outage of the lab is over in two minutes."""
    domain = world.domains[0]
    exchange = {"host": world.exchange_host, "addresses": [world.exchange_address], "port": world.smtp_port}
    relay = {"host": world.relay_host, "addresses": [world.relay_address], "port": world.smtp_port}
    known = [f"canary@{domain}", f"postmaster@{domain}"]
    return {
        "interval": "1s", "threshold": 5, "need": 1, "keep_firing_for": "10s", "dwell": "20s",
        "recheck": {"looks": 2, "apart": "0.3s"},
        "probes": {
            "mx-host": {
                "kind": "dns", "host": world.exchange_host, "timeout": "2s",
                "resolvers": [f"{a}:{world.dns_port}" for a in world.dns_addresses],
            },
            "smtp-rcpt": {"kind": "smtp", **exchange, "recipients": known, "timeout": "2s"},
            "relay-control": {"kind": "smtp", **relay, "recipient": known[0], "timeout": "2s", "control": True},
        },
    }  # fmt: skip
