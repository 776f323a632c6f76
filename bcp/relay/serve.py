"""The agent's answers by HTTP: one path, on loopback, for a main node that comes through SSH or a tunnel."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.kit.triplets import packed
from bcp.relay.agent import Desk
from bcp.relay.batch import Request


def serve(place: str, desk: Desk, clock: Clock) -> ThreadingHTTPServer:
    """Listen there from now on, in a thread. Raises ``Invalid`` (``no-place``)."""
    host, _, port = place.rpartition(":")
    alone = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        timeout = 30
        server_version, sys_version = "bcp-agent", ""

        def do_GET(self) -> None:
            """``/batch``: the batch that comes next."""
            url = urlsplit(self.path)
            asked = {k: v[-1] for k, v in parse_qs(url.query).items()}
            if url.path != "/batch":
                self._reply(404, b"")
                return
            try:
                after = int(asked.get("after", "0")[:15])
                request = Request(asked.get("relay", ""), asked.get("stream", ""), after, asked.get("nonce", "")[:64])
                with alone:
                    desk.check(request, asked.get("seal", ""))
                    self._reply(200, packed(desk.answer(request, clock.now())).encode())
            except Refused as error:
                self._reply(403, error.rule.encode())
            except (BcpError, ValueError):
                self._reply(503, b"")

        def _reply(self, code: int, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: the main node notes what it asked."""

    try:
        server = ThreadingHTTPServer((host.strip("[]") or "127.0.0.1", int(port)), Handler)
    except (OSError, ValueError, OverflowError) as error:
        raise Invalid(f"cannot listen on {place!r}: {error}", hint="--serve 127.0.0.1:8025", rule="no-place") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="serve", daemon=True).start()
    return server
