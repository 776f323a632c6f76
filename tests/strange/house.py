"""What the strange providers share: an HTTP server in threads, faults that are used up, and a name server that serves
what the API holds."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

PAGE = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>cloud edge</body></html>"


@dataclass
class Set:
    """A record set: its TTL, its values as text, its version."""

    ttl: int
    values: list[str]
    etag: int = 1
    ids: list[str] = field(default_factory=list)


@dataclass
class Zone:
    """A zone as a provider holds it."""

    name: str
    id: str
    servers: tuple[str, ...]
    private: bool = False
    sets: dict[tuple[str, str], Set] = field(default_factory=dict)

    def replace(self, fresh: dict[tuple[str, str], Set]) -> None:
        """All sets at once; who shares them sees it."""
        self.sets.clear()
        self.sets.update(fresh)

    def mx(self) -> list[str]:
        """What stands at the apex."""
        found = self.sets.get((self.name, "MX"))
        return sorted(v.rstrip(".") for v in found.values) if found else []


@dataclass
class Answer:
    """What a provider answers."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


@dataclass
class Asked:
    """One request."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    raw_query: str = ""

    @property
    def write(self) -> bool:
        """May it change something?"""
        return self.method not in {"GET", "HEAD"}

    def data(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")


@dataclass
class Fault:
    """Something that goes wrong at so many requests.

    ``what``: ``busy``, ``broken`` (before it was done), ``broken-after``, ``lost`` (done, no answer), ``cut`` (neither,
    no answer), ``page`` (of a proxy), ``edit``, ``edit-after``, ``edit-instead`` (what ``House.edit`` does comes before
    it, after it, or in its place). ``when``: ``read``, ``write``, ``any``, or ``change``: a write that names what
    ``House.towards`` says, which a mere proof does not.
    """

    what: str
    when: str = "change"
    count: int = 1
    skip: int = 0


class House:
    """One provider. A subclass answers; ``faults`` are used up in order."""

    tls: ssl.SSLContext | None = None

    def __init__(self) -> None:
        self.zones: list[Zone] = []
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str, int]] = []
        self.edit: Callable[[], None] = lambda: None
        self.lock = threading.RLock()
        self.changes = 0
        self.towards = "mx.backup.test"
        self._servers: list[Any] = []

    # -- of a subclass -------------------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        """What it does."""
        raise NotImplementedError

    def busy(self) -> Answer:
        """*Not now.*"""
        raise NotImplementedError

    def broken(self) -> Answer:
        """*We failed.*"""
        raise NotImplementedError

    def is_write(self, asked: Asked) -> bool:
        """Does it change records?"""
        return asked.write

    # -- the server ----------------------------------------------------------------------------------------------

    def take(self, asked: Asked) -> Answer | None:
        """``None``: the connection is cut."""
        with self.lock:
            what = self._fault(asked)
            if what == "busy":
                return self.busy()
            if what == "broken":
                return self.broken()
            if what == "page":
                return Answer(502, PAGE, kind="text/html")
            if what == "cut":
                return None
            if what in {"edit", "edit-instead"}:
                self.edit()
            if what == "edit-instead":
                return None
            found = self.answer(asked)
            if what == "edit-after":
                self.edit()
            if what in {"lost", "edit-after"}:
                return None
            if what == "broken-after":
                return self.broken()
            return found

    def _fault(self, asked: Asked) -> str:
        write = self.is_write(asked)
        kinds = {"any", "write" if write else "read", "change" if write and self.towards.encode() in asked.body else ""}
        for fault in self.faults:
            if fault.count > 0 and fault.when in kinds:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.count -= 1
                return fault.what
        return ""

    def start(self, forward: tuple[str, int] | None = None) -> House:
        """Listen on loopback, API and DNS. ``forward``: a resolver for names of others."""
        house = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # who was killed hangs up
                    super().handle()

            def handle_any(self) -> None:
                path, _, raw = self.path.partition("?")
                size = int(self.headers.get("Content-Length") or 0)
                asked = Asked(
                    self.command, path, _query(raw), {k.lower(): v for k, v in self.headers.items()},
                    self.rfile.read(size), raw,
                )  # fmt: skip
                found = house.take(asked)
                house.log.append((self.command, self.path, found.status if found else 0))
                if found is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                body = found.body if isinstance(found.body, str) else json.dumps(found.body)
                raw_body = b"" if found.body is None else body.encode()
                self.send_response(found.status)
                for k, v in {"Content-Type": found.kind, **found.headers}.items():
                    self.send_header(k, v)
                self.send_header("Content-Length", str(len(raw_body)))
                self.end_headers()
                self.wfile.write(raw_body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *args: Any) -> None:
                """Not to standard error."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if self.tls is not None:
            server.socket = self.tls.wrap_socket(server.socket, server_side=True)
        self.port = server.server_address[1]
        self.url = f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"
        names = _names(self, forward)
        self.at = f"127.0.0.1:{names[0].server_address[1]}"
        self._servers = [server, *names]
        for one in self._servers:
            threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End."""
        for one in self._servers:
            one.shutdown()
            one.server_close()

    def served(self, query: dns.message.Message) -> dns.message.Message | None:
        """What the zones answer with authority; ``None``: the name is none of theirs."""
        asked = query.question[0]
        name = asked.name.to_text().rstrip(".").lower()
        zone = next((z for z in self.zones if not z.private and (name == z.name or name.endswith("." + z.name))), None)
        if zone is None:
            return None
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        kind = dns.rdatatype.to_text(asked.rdtype)
        with self.lock:
            rows = {
                "SOA": (5, [f"{zone.servers[0]} host.{zone.name}. {self.changes + 1} 3600 600 86400 5"]),
                "NS": (300, list(zone.servers)),
            }
            found = zone.sets.get((name, kind))
            ttl, values = (
                (found.ttl, found.values) if found else rows.get(kind, (0, [])) if name == zone.name else (0, [])
            )
        if values:
            reply.answer.append(dns.rrset.from_text(asked.name, ttl, "IN", kind, *[_absolute(kind, v) for v in values]))
        elif name != zone.name and not any(n == name for n, _ in zone.sets):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


def _absolute(kind: str, value: str) -> str:
    return value if kind not in {"MX", "NS", "CNAME"} or value.endswith(".") else value + "."


def _query(raw: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(raw, keep_blank_values=True))


def _names(house: House, forward: tuple[str, int] | None) -> tuple[Any, Any]:
    """UDP and TCP on one port."""

    def reply_to(wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        found = house.served(query)
        if found is None and forward is not None:
            found = dns.query.udp(query, forward[0], port=forward[1], timeout=60)
        if found is None:
            found = dns.message.make_response(query)
            found.set_rcode(dns.rcode.REFUSED)
        return found.to_wire()

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, sock = self.request
            sock.sendto(reply_to(wire), self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(2)) == 2:
                wire = reply_to(self.rfile.read(int.from_bytes(head, "big")))
                self.wfile.write(len(wire).to_bytes(2, "big") + wire)

    class Tcp(socketserver.ThreadingTCPServer):
        daemon_threads = allow_reuse_address = True

    class Udp(socketserver.ThreadingUDPServer):
        daemon_threads = True

    tcp = Tcp(("127.0.0.1", 0), Stream)
    return tcp, Udp(("127.0.0.1", tcp.server_address[1]), Datagram)
