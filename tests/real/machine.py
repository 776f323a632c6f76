"""A fresh Debian machine in a root and a network of its own, and the world outside it: names, Exchange, senders.

The machine's root is an overlay over this one (nothing it writes stays), its network a namespace with one wire to the
world's. Servers of the world run in this process, on sockets that were made inside the world's namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import secrets
import shutil
import smtplib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
from aiosmtpd.smtp import SMTP, Envelope, Session

RELAY, EXCHANGE, SENDER, DNS, AUTHORITY = (f"198.51.100.{n}" for n in (20, 10, 30, 53, 14))
NAMES = {"relay.out.test": RELAY, "exchange.out.test": EXCHANGE, "acme.out.test": AUTHORITY}
NEWNET = 0x40000000
LOWER = Path(os.environ.get("BCP_RELAY_ROOT", "/"))
"""What the machine's root begins as: this machine's own, or a fresh tree that debootstrap(8) made, with the packages
that the kit names."""
NEEDED = ("/usr/sbin/postfix", "/usr/sbin/nft", "/usr/bin/sudo", "/usr/bin/openssl")


def able() -> str:
    """Empty, or why such a machine cannot be made here."""
    if os.getuid() != 0:
        return "a machine of its own needs root"
    if not (LOWER / "etc/debian_version").exists():
        return "the kit is for Debian"
    missing = [p for p in NEEDED if not (LOWER / p[1:]).exists()]
    if missing:
        return f"not installed: {', '.join(missing)}"
    if LOWER == Path("/") and Path("/etc/postfix/main.cf").exists():
        return "Postfix is configured here: this Debian is not fresh"
    made = subprocess.run(["ip", "netns", "add", f"try{os.getpid()}"], capture_output=True, check=False).returncode == 0
    subprocess.run(["ip", "netns", "del", f"try{os.getpid()}"], capture_output=True, check=False)
    return "" if made else "network namespaces are not allowed here"


@contextlib.contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Sockets that this thread makes meanwhile belong to that network (setns(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        if libc.setns(there.fileno(), NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(home.fileno(), NEWNET)


def run(*words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, check=check, capture_output=True, text=True, **more)


@dataclass
class Exchange:
    """A stand-in: what it answers is told by ``rcpt`` and ``data``; what it took is kept."""

    rcpt: Callable[[str], str] = lambda _address: "250 2.1.5 ok"
    data: Callable[[], str] = lambda: "250 2.6.0 Queued mail for delivery"
    taken: list[tuple[float, str, tuple[str, ...], bytes]] = field(default_factory=list)
    up: bool = True
    refused: int = 0

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        answer = self.rcpt(address)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        else:
            self.refused += 1
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        answer = self.data()
        if answer.startswith("2"):
            body = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
            self.taken.append((time.monotonic(), envelope.mail_from or "", tuple(envelope.rcpt_tos), body))
        else:
            self.refused += 1
        return answer

    def connection(self) -> asyncio.BaseProtocol:
        return SMTP(self, hostname="exchange.out.test") if self.up else _Closed()

    def subjects(self) -> list[str]:
        """Subjects of what it took, in order."""
        rows = (r.decode().splitlines() for _, _, _, r in self.taken)
        return [line.partition(": ")[2] for lines in rows for line in lines if line.startswith("Subject: ")]


class _Closed(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.abort()  # type: ignore[attr-defined]


class _Names(asyncio.DatagramProtocol):
    """A name server for the world: addresses of ``NAMES``, and nothing else exists."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        if question.rdtype == dns.rdatatype.A and name in NAMES:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", "A", NAMES[name]))
        elif name not in NAMES:
            answer.set_rcode(3)
        self.transport.sendto(answer.to_wire(), address)  # type: ignore[attr-defined]


@dataclass
class Machine:
    """Start it, install the kit, speak SMTP with it, end it."""

    folder: Path
    tag: str = field(default_factory=lambda: secrets.token_hex(2))
    exchange: Exchange = field(default_factory=Exchange)
    _mounts: list[Path] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def world(self) -> str:
        return f"w{self.tag}"

    @property
    def here(self) -> str:
        return f"r{self.tag}"

    @property
    def root(self) -> Path:
        return self.folder / "root"

    def start(self) -> Machine:
        self._wires()
        self._root()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(self._servers(), self._loop).result(10)
        return self

    def _wires(self) -> None:
        for name in (self.world, self.here):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        wire = ("type", "veth", "peer", "name", "eth0", "netns", self.world)
        run("ip", "link", "add", "eth0", "netns", self.here, *wire)
        for name, addresses in ((self.here, [RELAY]), (self.world, [EXCHANGE, SENDER, DNS, AUTHORITY])):
            for address in addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")

    def _root(self) -> None:
        layers = self.folder / "layers"
        layers.mkdir(parents=True)
        self.root.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=600m", "tmpfs", layers)
        for part in ("upper", "work"):
            (layers / part).mkdir()
        self.mount(
            "-t",
            "overlay",
            "-o",
            f"lowerdir={LOWER},upperdir={layers}/upper,workdir={layers}/work",
            "overlay",
            self.root,
        )
        self.mount("-t", "proc", "proc", self.root / "proc")
        self.mount("--bind", "/dev", self.root / "dev")
        (self.root / "etc/resolv.conf").unlink(missing_ok=True)
        (self.root / "etc/resolv.conf").write_text(f"nameserver {DNS}\noptions timeout:1 attempts:1\n")
        shutil.rmtree(self.root / "etc/letsencrypt", ignore_errors=True)

    def mount(self, *words: str | Path) -> None:
        """Until the machine ends."""
        run("mount", *map(str, words))
        self._mounts.append(Path(words[-1]))

    async def _servers(self) -> None:
        with inside(self.world):
            names, exchange = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        names.bind((DNS, 53))
        exchange.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        exchange.bind((EXCHANGE, 25))
        await self._loop.create_datagram_endpoint(_Names, sock=names)
        await self._loop.create_server(self.exchange.connection, sock=exchange, backlog=500)

    def argv(self, *words: str) -> list[str]:
        """A command on the machine."""
        return ["ip", "netns", "exec", self.here, "chroot", str(self.root), *words]

    def do(self, *words: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
        done = run(*self.argv(*words), check=False, **more)
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def start_outside(self, *words: str, log: Path, **more: Any) -> subprocess.Popen[bytes]:
        """A program of the world."""
        with log.open("ab") as out:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.world, *words], stdout=out, stderr=out, stdin=subprocess.DEVNULL, **more
            )
        self._processes.append(process)
        return process

    def talk(self, source: str = SENDER) -> smtplib.SMTP:
        """A conversation from outside."""
        with inside(self.world):
            return smtplib.SMTP(
                RELAY, 25, local_hostname="sender.outside.test", timeout=120, source_address=(source, 0)
            )

    def send(self, subject: str, *to: str, sender: str = "someone@outside.test", size: int = 0) -> None:
        with self.talk() as client:
            body = "x" * 70 + "\r\n"
            client.sendmail(
                sender,
                list(to or ("alice@corp.test",)),
                f"From: {sender}\r\nTo: {to[0] if to else 'alice@corp.test'}\r\nSubject: {subject}\r\n"
                f"Message-ID: <{subject.replace(' ', '-')}@outside.test>\r\n\r\n{body * (1 + size // len(body))}",
            )

    def await_(self, what: Callable[[], object], seconds: float = 180.0) -> None:
        """Until it holds."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, self.log()[-3000:]
            time.sleep(0.05)

    def log(self) -> str:
        path = self.root / "var/log/bcp-relay/mail.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def pids(self) -> list[int]:
        return [int(p) for p in run("ip", "netns", "pids", self.here, check=False).stdout.split()]

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait(120)
        run(*self.argv("postfix", "stop"), check=False)
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        deadline = time.monotonic() + 60
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._loop.call_soon_threadsafe(self._loop.stop)
        for path in reversed(self._mounts):
            run("umount", "-l", str(path), check=False)
        for name in (self.world, self.here):
            run("ip", "netns", "del", name, check=False)
