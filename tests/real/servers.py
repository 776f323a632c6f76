"""BIND, Knot, Unbound and Postfix from Debian's packages,
on loopback ports or in network namespaces of the test's own."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

NAMED, KNOTD, UNBOUND, POSTFIX = "/usr/sbin/named", "/usr/sbin/knotd", "/usr/sbin/unbound", "/usr/sbin/postfix"


def have(*programs: str) -> str:
    """Empty, or which program is missing."""
    missing = [p for p in programs if not shutil.which(p)]
    return f"not installed: {', '.join(missing)}" if missing else ""


def free_port() -> int:
    """A free port on 127.0.0.1 for TCP and UDP."""
    for _ in range(100):
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port
    raise OSError("no free port")


@dataclass
class Processes:
    """Everything a test started, ended by id."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, log: Path, prefix: list[str] | None = None) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*(prefix or []), *arguments],
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        self.started.append(process)
        return process

    def stop(self) -> None:
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=120)


def wait_port(address: str, port: int, seconds: float = 180, prefix: list[str] | None = None) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if prefix:
            if (
                subprocess.run(
                    [*prefix, "bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"], capture_output=True, check=False
                ).returncode
                == 0
            ):
                return
        else:
            with contextlib.suppress(OSError), socket.create_connection((address, port), 0.5):
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on {address}:{port}")


ZONE = """$TTL 60
@ IN SOA ns1 hostmaster 1 3600 600 86400 5
@ IN NS ns1
@ {ttl} IN MX 0 primary.out.test.
ns1 IN A 127.0.0.1
alias IN CNAME www
www IN A 127.0.0.1
sub {ttl} IN MX 0 primary.out.test.
"""
OUT = """$TTL 60
@ IN SOA ns1 hostmaster 1 3600 600 86400 5
@ IN NS ns1
ns1 IN A 127.0.0.1
primary IN A 127.0.0.1
relay IN A 127.0.0.1
relaycname IN CNAME relay
"""


@dataclass
class DnsServer:
    """A primary that takes TSIG updates. ``mx_key`` may change MX only."""

    kind: str
    folder: Path
    port: int = 0
    secret: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    zones: tuple[str, ...] = ("corp.test",)
    ttl: int = 60
    more: str = ""
    """More records for every zone."""
    processes: Processes = field(default_factory=Processes)

    def start(self) -> DnsServer:
        self.port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        for zone in self.zones:
            (self.folder / f"{zone}.zone").write_text(ZONE.format(ttl=self.ttl) + self.more)
        (self.folder / "out.test.zone").write_text(OUT)
        (self._bind if self.kind == "bind" else self._knot)()
        wait_port("127.0.0.1", self.port)
        return self

    def _bind(self) -> None:
        zones = "".join(
            f'zone "{z}" '
            f'{{ type master; file "{self.folder}/{z}.zone"; update-policy {{ grant bcp. subdomain {z}. MX; }}; }};\n'
            for z in self.zones
        )
        (self.folder / "named.conf").write_text(
            f'options {{ directory "{self.folder}"; listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ '
            f'none; }}; recursion no; pid-file "{self.folder}/named.pid";'
            f' session-keyfile "{self.folder}/session.key"; notify no; dnssec-validation no; '
            f'managed-keys-directory "{self.folder}"; }};\n'
            f'controls {{ }};\nkey "bcp." {{ algorithm hmac-sha256; secret "{self.secret}"; }};\n'
            f'key "reader." {{ algorithm hmac-sha256; secret "{self.secret}"; }};\n'
            f'{zones}zone "out.test" {{ type master; file "{self.folder}/out.test.zone"; }};\n'
        )
        self.processes.start(
            NAMED, "-g", "-c", str(self.folder / "named.conf"), "-n", "1", log=self.folder / "named.log"
        )

    def _knot(self) -> None:
        (self.folder / "db").mkdir(exist_ok=True)
        zones = "".join(
            f'  - domain: {z}\n    file: "{self.folder}/{z}.zone"\n    acl: bcp\n    journal-content: all\n'
            "    zonefile-load: difference-no-serial\n"
            for z in self.zones
        )
        (self.folder / "knot.conf").write_text(
            f'server:\n  rundir: "{self.folder}"\n  listen: 127.0.0.1@{self.port}\nlog:\n  - target: stderr\n'
            f'    any: info\ndatabase:\n  storage: "{self.folder}/db"\n'
            f"key:\n  - id: bcp.\n    algorithm: hmac-sha256\n    secret: {self.secret}\n  - id: reader.\n"
            f"    algorithm: hmac-sha256\n    secret: {self.secret}\nacl:\n  - id: bcp\n    key: bcp.\n"
            "    action: update\n    update-type: [MX]\n"
            f'zone:\n{zones}  - domain: out.test\n    file: "{self.folder}/out.test.zone"\n'
        )
        self.processes.start(KNOTD, "-c", str(self.folder / "knot.conf"), log=self.folder / "knot.log")

    def stop(self) -> None:
        self.processes.stop()
