"""``POST /relays/NAME/batch``: the agent of a relay brings what is new. Without a seal it counts as a wrong proof.

200 taken, and what is wanted next · 403 not sealed with our key · 404 no such agent · 409 it does not follow ·
413 too large · 429 not sealed, from where too many came so · 503 not durable. What is sealed is taken from everywhere.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bcp.kernel.errors import BcpError, Refused
from bcp.kernel.log import logger
from bcp.server.daemon import Daemon
from bcp.server.doors.body import read_or_refuse
from bcp.server.doors.guard import Throttle, peer_of

LOG = logger(__name__)
LARGEST = 2_000_000
FORGED = frozenset({"batch-forged", "batch-unreadable", "other-relay"})
UNPROVEN = FORGED | {"reply-replayed"}
"""Nothing shows that our agent brought it now. One that answers what nobody asked is not even looked into."""


class Relays:
    """All agents that come by themselves."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon, self.throttle = daemon, Throttle(60, 60.0)

    async def __call__(self, request: Request) -> Response:
        """One batch."""
        peer = peer_of(request, self.daemon.settings.proxies)
        raw = await read_or_refuse(request, LARGEST)
        if isinstance(raw, Response):
            return raw
        name = str(request.path_params["name"])
        try:
            wanted = await self.daemon.app.running.books.receive(name, raw)
        except Refused as error:
            if error.rule in UNPROVEN and self.throttle.refuses(peer):
                return _often()
            LOG.warning("agent of %s: %s", name, error.message, extra={"facts": {"peer": peer, "rule": error.rule}})
            words = error.message if error.rule == "agent-name" else error.rule  # it has our key: it may know
            return _no(403 if error.rule in FORGED else 409, words)
        except BcpError as error:
            LOG.error("agent of %s: %s", name, error.message)
            return _no(503, "it cannot be taken now; come again", {"Retry-After": "30"})
        if wanted is None:
            return _often() if self.throttle.refuses(peer) else _no(404, "there is no such agent")
        return JSONResponse(wanted)


def _often() -> Response:
    return _no(429, "too many wrong proofs", {"Retry-After": "60"})


def _no(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers=headers)
