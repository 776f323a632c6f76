"""The agent comes by itself: batch after batch by HTTP, for relays that nobody can connect to. Python's own library.

It says hello, and the main node answers how far it has come, under a seal; then it is as with an agent that is asked.
What was not taken stays here, however long the main node is silent, and is told again.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Invalid, Refused, Transient
from bcp.relay.agent import Desk
from bcp.relay.batch import HELLO, Request, request_of, seal
from bcp.relay.clear import in_the_clear

EVERY_S, LONGEST_S, TIMEOUT_S = 10.0, 300.0, 60.0
"""How often it comes; how long it waits at most after it failed; how long it waits for an answer, in seconds."""
BATCH_MAILS = 300
"""Messages in a batch: with 30 recipients each they stay below what the main node reads."""
MOST = 10_000
"""Batches in one go."""
ANSWER = 100_000
"""Bytes of an answer that are read."""
Post = Callable[[str, bytes], bytes]


@dataclass(slots=True)
class Pusher:
    """``url``: where ``bcp serve`` answers, such as ``https://bcp.example.net``. ``post``: sends one body there."""

    url: str
    relay: str
    key: bytes
    desk: Desk
    clock: Clock
    post: Post
    wait_s: float = EVERY_S
    problem: str = ""
    """Why the last time ended early; empty: everything is there."""

    def come(self) -> int:
        """Tell all that is new; how many batches were taken. Nothing is raised: ``problem`` says what was wrong."""
        self.problem, taken = "", 0
        try:
            request = self._say(seal(self.key, HELLO, {"relay": self.relay, "now": self.clock.now()}))
            for _ in range(MOST):
                raw = self.desk.answer(request, self.clock.now())
                last = not _has_batch(raw)
                request = self._say(raw)
                if last:
                    break
                taken += 1
        except BcpError as error:
            self.problem = error.message
        self.wait_s = min(LONGEST_S, self.wait_s * 2) if self.problem else EVERY_S
        return taken

    def _say(self, body: bytes) -> Request:
        answer = self.post(f"{self.url.rstrip('/')}/relays/{self.relay}/batch", body)
        try:
            request, seal_ = request_of(json.loads(answer))
        except (ValueError, RecursionError) as error:
            raise Transient(f"{self.url} answers something else than bcp serve") from error
        self.desk.check(request, seal_)
        return request


def _has_batch(raw: bytes) -> bool:
    size, _, rest = raw.partition(b"\n")
    return len(rest) > int(size)


class _NoWayOn(urllib.request.HTTPRedirectHandler):
    """Nobody is followed to another place with what was meant for this one."""

    def redirect_request(self, *given: object, **more: object) -> None:
        """None: the answer is an error."""
        return


def by_http(url: str, body: bytes) -> bytes:
    """One POST. Raises ``Refused`` where the main node will not, else ``Transient``."""
    asked = urllib.request.Request(url, body, {"Content-Type": "application/octet-stream"})  # noqa: S310 - checked
    try:
        with urllib.request.build_opener(_NoWayOn).open(asked, timeout=TIMEOUT_S) as answer:
            return bytes(answer.read(ANSWER))
    except urllib.error.HTTPError as error:
        said = error.read(300).decode("utf-8", "replace")
        kind = Refused if error.code in {403, 404, 409} else Transient
        raise kind(f"the main node answers {error.code}: {said}", rule="agent-silent") from error
    except urllib.error.URLError as error:
        raise Transient(_why(url, error.reason), rule="agent-silent") from error
    except (OSError, http.client.HTTPException, ssl.SSLError, ValueError) as error:
        raise Transient(_why(url, error), rule="agent-silent") from error


def _why(url: str, reason: object) -> str:
    """Why there was no answer, in one sentence."""
    if isinstance(reason, ssl.SSLCertVerificationError):
        host = urlsplit(url).hostname
        return f"the certificate of {host} cannot be trusted, and nothing was sent: {reason.verify_message}"
    if isinstance(reason, ssl.SSLError) and reason.reason in {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL"}:
        return f"the main node cannot be reached: {urlsplit(url).netloc} speaks no TLS: is it https there?"
    if isinstance(reason, ssl.SSLError):
        return f"the main node cannot be reached: TLS broke off: {reason.reason or reason.strerror or reason}"
    return f"the main node cannot be reached: {getattr(reason, 'strerror', None) or reason}"


def plain_words(url: str) -> str:
    """What is to be said of an address to which batches go without TLS; empty: nothing. They are sealed, so that nobody
    can alter them, and not hidden."""
    if not in_the_clear(url):
        return ""
    return f"batches go to {url} without TLS: everybody on the way reads who wrote to whom; use https://, or a tunnel"


def checked_url(url: str) -> str:
    """Raises ``Invalid`` (``no-push-url``) for what is no http or https address."""
    if not url.startswith(("https://", "http://")):
        raise Invalid(f"{url!r} is no address to push to", hint="push = https://bcp.example.net", rule="no-push-url")
    return url
