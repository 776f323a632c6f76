"""A TCP proxy in front of a DNS server that loses answers to updates after they were made,
or answers SERVFAIL itself."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading

import dns.flags
import dns.message
import dns.opcode
import dns.rcode

UPDATE = 5


class DnsProxy:
    """``lose``: so many answers to updates are thrown away.
    ``fail``: zones (with final dot) whose updates end in SERVFAIL."""

    def __init__(self, port: int) -> None:
        self.upstream, self.lose, self.fail, self.updates = ("127.0.0.1", port), 0, set(), 0
        proxy = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError), socket.create_connection(proxy.upstream, 5) as server:
                    while (wire := _frame(self.request)) is not None:
                        if (answer := proxy.pass_on(server, wire)) is None:
                            return
                        self.request.sendall(len(answer).to_bytes(2, "big") + answer)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def pass_on(self, server: socket.socket, wire: bytes) -> bytes | None:
        """The answer, or ``None`` to break the connection."""
        is_update = (wire[2] >> 3) & 0xF == UPDATE
        self.updates += is_update
        if is_update and _zone(wire) in self.fail:
            return wire[:2] + bytes([0x80 | wire[2], int(dns.rcode.SERVFAIL)]) + b"\0" * 8
        server.sendall(len(wire).to_bytes(2, "big") + wire)
        answer = _frame(server)
        if is_update and self.lose:
            self.lose -= 1
            return None
        return answer

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _zone(wire: bytes) -> str:
    """Name in the zone section, without looking at the signature."""
    labels, at = [], 12
    while size := wire[at]:
        labels.append(wire[at + 1 : at + 1 + size].decode())
        at += 1 + size
    return ".".join(labels) + "."


def _frame(connection: socket.socket) -> bytes | None:
    head = _exactly(connection, 2)
    return _exactly(connection, int.from_bytes(head, "big")) if head else None


def _exactly(connection: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        chunk = connection.recv(size - len(data))
        if not chunk:
            return None
        data += chunk
    return data
