"""Where the drill's zone is kept: each kind of DNS host, played by an emulator or a person over the lab's own zone."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import dns.name
import dns.rdataset
import dns.rdatatype

from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid
from bcp.lab.net import free_port
from bcp.lab.world import DOMAIN, World


class Server(Protocol):
    """An emulator's HTTP server."""

    async def stop(self) -> None:
        """Listen no more."""


@dataclass
class Stand:
    """The DNS host of a drill. ``settings`` and ``secrets`` are those of ``bcp.yaml`` once it was started."""

    kind: str
    min_ttl_s: int = 1
    settings: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    server: Server | None = None
    enters: Callable[[str], None] | None = None
    """Where a person enters records: does what a request says."""

    async def start(self, world: World) -> None:
        """Begin to serve the world's zone by this host's interface."""
        self.settings = {"kind": self.kind, "timeout": "5s"}
        await STANDS[self.kind](self, world)

    async def stop(self) -> None:
        """End what was begun."""
        if self.server is not None:
            await self.server.stop()

    def text(self) -> str:
        """The settings as the lines of a section."""
        return "\n".join(f"    {k}: {v}" for k, v in self.settings.items())


def stand(kind: str) -> Stand:
    """The DNS host of this kind.

    Raises:
        Invalid: a drill cannot be played on it.
    """
    if kind not in STANDS:
        raise Invalid(f"no drill is played on {kind!r}", hint=did_you_mean(kind, STANDS) or ", ".join(STANDS))
    return Stand(kind, SMALLEST.get(kind, 1))


async def _rfc2136(at: Stand, world: World) -> None:
    at.secrets = {"tsig": world.tsig_secret}
    at.settings |= {
        "server": f'"{world.dns_addresses[0]}:{world.dns_port}"',
        "key": '{name: bcp., algorithm: hmac-sha256, secret: "file:secrets/tsig"}',
        "timeout": "2s",
    }


async def _cloudflare(at: Stand, world: World) -> None:
    from bcp.lab.cloudflare import EDIT, CloudflareLab

    token = secrets.token_urlsafe(30)
    lab = CloudflareLab(tokens={token: EDIT})
    lab.add(world.names.zones[0])
    await lab.start("127.0.0.1", free_port("127.0.0.1"))
    at.server, at.secrets = lab, {"cloudflare": token}
    at.settings |= {"token": '"file:secrets/cloudflare"', "api_url": f'"{lab.url}"'}


async def _route53(at: Stand, world: World) -> None:
    from bcp.lab.route53 import Key, Route53Lab

    name, secret = "AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
    lab = Route53Lab(keys={name: Key(secret)}, pending=1)
    lab.add(world.names.zones[0])
    await lab.start("127.0.0.1", free_port("127.0.0.1"))
    at.server, at.secrets = lab, {"aws-id": name, "aws-secret": secret}
    at.settings |= {
        "access_key_id": '"file:secrets/aws-id"',
        "secret_access_key": '"file:secrets/aws-secret"',
        "endpoint_url": f'"{lab.url}"',
    }


async def _azure(at: Stand, world: World) -> None:
    from bcp.lab.azure import GROUP, SUBSCRIPTION, TENANT, AzureLab, Principal

    secret, pem = secrets.token_urlsafe(30), await asyncio.to_thread(_certificate)
    path = world.folder / "secrets" / "azure.pem"
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(pem)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(path)
    lab = AzureLab(principals={"bcp": Principal(secret)})
    lab.add(world.names.zones[0])
    await lab.start("127.0.0.1", free_port("127.0.0.1"), tls)
    at.server, at.secrets = lab, {"azure": secret}
    at.settings |= {
        "subscription_id": f'"{SUBSCRIPTION}"',
        "resource_group": GROUP,
        "tenant_id": f'"{TENANT}"',
        "client_id": "bcp",
        "client_secret": '"file:secrets/azure"',
        "authority_url": f'"{lab.url}"',
        "api_url": f'"{lab.url}"',
        "api_ca_file": "secrets/azure.pem",
    }


async def _google(at: Stand, world: World) -> None:
    import json

    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from bcp.lab.google import PROJECT, GoogleLab, Robot

    key = await asyncio.to_thread(rsa.generate_private_key, public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()
    name = f"bcp@{PROJECT}.test"
    lab = GoogleLab(robots={name: Robot(key.public_key())}, pending=1)
    lab.add(world.names.zones[0])
    await lab.start("127.0.0.1", free_port("127.0.0.1"))
    account = {
        "type": "service_account",
        "client_email": name,
        "private_key_id": "k1",
        "private_key": text,
        "token_uri": f"{lab.url}/token",
        "project_id": PROJECT,
    }
    at.server, at.secrets = lab, {"google": json.dumps(account)}
    at.settings |= {"project": PROJECT, "credentials": '"file:secrets/google"', "endpoint": f'"{lab.url}"'}


async def _manual(at: Stand, world: World) -> None:
    at.settings |= {"who": "[alice]", "registrar": "Registrar of the lab", "remind": "60s", "timeout": "2s"}
    at.enters = lambda words: enter(world, words)


def asked_for(words: str) -> list[tuple[int, str, int]]:
    """The records that a request to a person asks for: preference, host and TTL of each."""
    rows = [r.rsplit("| ", 3)[-3:] for r in words.splitlines() if r.strip().startswith("Type: MX |")]
    return [(int(_after(p)), _after(host), int(_after(ttl).split()[0])) for host, p, ttl in rows]


def _after(field_: str) -> str:
    return field_.partition(": ")[2].strip()


def enter(world: World, words: str) -> None:
    """What a person does at the registrar's form: save exactly the records that were asked for."""
    if rows := asked_for(words):
        save(world, rows)


def save(world: World, rows: list[tuple[int, str, int]]) -> None:
    """The MX of the lab's domain is these records from now on: preference, host and TTL of each."""
    zone = world.names.zones[0]
    texts = [f"{preference} {host.rstrip('.')}." for preference, host, _ in rows]
    zone.sets[dns.name.from_text(DOMAIN), dns.rdatatype.MX] = dns.rdataset.from_text("IN", "MX", rows[0][2], *texts)
    zone.serial += 1


def _certificate() -> bytes:
    """Key and certificate of 127.0.0.1 for a day, signed by itself."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
    made = made.not_valid_after(now + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(names, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return text + made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


STANDS: dict[str, Callable[[Stand, World], Any]] = {
    "rfc2136": _rfc2136,
    "cloudflare": _cloudflare,
    "route53": _route53,
    "azure": _azure,
    "google": _google,
    "manual": _manual,
}
SMALLEST = {"cloudflare": 60}
"""Smallest TTL, where the drill's usual 5 s are too little."""
