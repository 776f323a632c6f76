"""A lab whose parts can be broken one by one, and looks at readiness in it: everything over real sockets and files."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bcp.contracts.readiness import Check
from bcp.deeds.readiness.look import Found, kept, look
from bcp.kernel.clock import SystemClock
from bcp.lab.nameserver import Zone
from bcp.lab.net import free_port
from bcp.lab.world import World
from bcp.rehearse.lab import write_configuration
from bcp.settings import load
from bcp.testing.world import Loop
from bcp.wiring import make_app

MX = "mx.tls.test"
"""A second relay, which offers TLS."""
BOOK = """version: 1
name: own
title: Our own answer
covers: [B]
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: gate, uses: approval, with: {from: [group:oncall], min: 1, timeout: 10m}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, relay: tls-backup}, needs: [gate],
     undo: automatic}
  - {id: tell, uses: notify, with: {audience: employees, template: inbound-on-backup, channels: [sms]}, needs: [mx]}
  - {id: call, uses: notify, with: {audience: oncall, template: inbound-failing, channels: [sms, slack]}, needs: []}
"""


class ShiftedClock(SystemClock):
    """The machine's clock, set wrong by so many seconds."""

    shift = 0.0

    def now(self) -> float:
        """Wall time."""
        return super().now() + self.shift


def certificate(path: Path, name: str, *, days: float) -> ssl.SSLContext:
    """A server's context with a certificate of its own that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=400))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


class TlsRelay:
    """A relay with STARTTLS. ``days``: how long its certificate is valid; ``strangers``: it takes mail for anybody;
    ``known``: who exists."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        self.folder, self.address, self.port = folder, address, port
        self.strangers, self.known, self.refuses = False, {"alice"}, ""
        self._server: asyncio.AbstractServer | None = None

    async def start(self, days: float = 300) -> None:
        """Listen, with a certificate of so many days."""
        context = certificate(self.folder / "relay.pem", MX, days=days)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: SMTP(self, tls_context=context, hostname=MX), self.address, self.port, reuse_address=True
        )

    async def stop(self) -> None:
        """Nobody listens."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """aiosmtpd's hook."""
        user, _, domain = address.partition("@")
        if self.refuses:
            return self.refuses
        if domain != "corp.test" and not self.strangers:
            return "554 5.7.1 Relay access denied"
        if domain == "corp.test" and user not in self.known:
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"


class TimeServer(asyncio.DatagramProtocol):
    """SNTP, wrong by ``shift`` seconds."""

    shift = 0.0

    def connection_made(self, transport: Any) -> None:
        """Listening."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """RFC 4330: mode 4, stratum 2, the client's time stamp back."""
        at = SystemClock().now() + self.shift + 2_208_988_800
        stamp = struct.pack("!II", int(at), int(at % 1 * 2**32))
        self.transport.sendto(bytes([0x24, 2, 6, 0xEC]) + bytes(20) + data[40:48] + stamp + stamp, addr)


class Stage:
    """The lab, the configuration, looks. Everything runs in one loop beside the test."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.loop, self.clock = folder, Loop(), ShiftedClock()
        self.world = World(folder, every_s=3600)
        self.store: Any = None
        self.loop.do(self._start())

    async def _start(self) -> None:
        await self.world.start()
        self.path = await write_configuration(self.world)
        self.tls_address = "127.0.25.9"
        self.relay = TlsRelay(self.folder, self.tls_address, self.world.smtp_port)
        await self.relay.start()
        self.world.names.zones.append(Zone("tls.test", [("mx", 1, "A", [self.tls_address])]))
        self.time_port = free_port("127.0.0.1")
        _, self.time = await asyncio.get_running_loop().create_datagram_endpoint(
            TimeServer, local_addr=("127.0.0.1", self.time_port)
        )
        self.site_port = free_port("127.0.0.1")
        self.site = await self._site(300)
        self._write()

    async def _site(self, days: float) -> asyncio.AbstractServer:
        context = certificate(self.folder / "site.pem", "localhost", days=days)
        return await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", self.site_port, ssl=context)

    async def renew_site(self, days: float) -> None:
        """The site shows a certificate that ends in so many days."""
        self.site.close()
        self.site = await self._site(days)

    def _write(self) -> None:
        data = yaml.safe_load(self.path.read_text())
        copies = self.folder / "copies"
        (self.folder / "secrets" / "spare").write_text("not a token")
        copies.mkdir()
        (copies / "state.tar").write_bytes(b"x" * 100)
        (self.folder / "playbooks").mkdir()
        (self.folder / "playbooks" / "own.yaml").write_text(BOOK)
        rows = (self.folder / "contacts.csv").read_text().replace(",,en,staff;oncall,", ",U1,en,staff;oncall,")
        (self.folder / "contacts.csv").write_text(rows.replace(",,de,staff;oncall,", ",U2,de,staff;oncall,"))
        data["playbooks"] = ["playbooks"]
        data["dns"]["main"]["timeout"] = "1s"
        data["relays"]["tls-backup"] = {
            "kind": "smtp",
            "hosts": [{"host": MX, "preference": 10, "addresses": [self.tls_address]}],
            "port": self.world.smtp_port,
            "queue": {"url": f"http://127.0.0.1:{self.world.queue_port}/queue"},
            "timeout": "2s",
        }
        data["serve"]["public_url"] = f"https://localhost:{self.site_port}"
        data["approvals"]["codes"]["carol"] = "file:secrets/spare"
        data["readiness"] = {
            "playbooks": ["own"],
            "time": [f"127.0.0.1:{self.time_port}"],
            "copies": {"folder": "copies", "max_age": "1d"},
        }
        self.data = data
        self.write()

    def write(self, **changes: Any) -> None:
        """The configuration."""
        self.data |= changes
        self.path.write_text(yaml.safe_dump(self.data))

    # -- looking -------------------------------------------------------------------------------------------------

    async def look(self) -> Found:
        """One round, as the daemon makes it: a fresh app, and what was seen is kept."""
        app = make_app(load(self.path), self.clock)
        self.store = self.store or app.running.readiness
        try:
            return kept(self.store, await look(app, limit_s=10))
        finally:
            await app.close()

    def forget(self) -> None:
        """The resolver asks the name server anew."""
        self.world.resolver._cache.clear()

    def seen(self) -> Mapping[tuple[str, str], Check]:
        """The checks of one round, by code and subject."""
        return {c.key: c for c in self.loop.do(self.look()).checks}

    def stop(self) -> None:
        """Everything."""
        self.loop.do(self._stop())
        self.loop.stop()

    async def _stop(self) -> None:
        self.site.close()
        self.time.transport.close()
        await self.relay.stop()
        await self.world.stop()
        self.store.close()
