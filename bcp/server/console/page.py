"""What every page shares: templates, the session of a request, refusing what another site sends."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bcp.deeds.status import HEADINGS, http_status
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.log import logger
from bcp.pages.render import page
from bcp.pages.words import USUAL, known_language
from bcp.server.daemon import Daemon
from bcp.server.doors.body import TooLarge, TooSlow, read
from bcp.server.doors.guard import Throttle, peer_of, shown
from bcp.server.signin import device
from bcp.server.signin.accounts import Accounts, Session
from bcp.server.signin.challenge import Challenges
from bcp.server.signin.desk import Desk

LOG = logger(__name__)
NAV = (
    ("/", "Now"), ("/incidents", "Incidents"), ("/runs", "Runs"), ("/messages", "Tell people"), ("/drills", "Drills"),
    ("/ready", "Ready"), ("/history", "History"), ("/audit", "Audit"), ("/account", "Account"),
)  # fmt: skip
MAX_FORM = 200_000
View = Callable[["Site", Request, Session], Awaitable[Response]]


class Site:
    """The console's side of a request."""

    def __init__(self, daemon: Daemon, accounts: Accounts) -> None:
        self.daemon, self.accounts = daemon, accounts
        self.zone = daemon.app.settings.organisation.timezone
        self.secure = daemon.settings.public_url.startswith("https://")
        self.cookie = "__Host-bcp" if self.secure else "bcp_session"
        self.device_cookie = "__Host-bcp-device" if self.secure else "bcp_device"
        self.challenges, self.desk = Challenges(accounts.key), Desk()
        self.noise = Throttle(20, 300.0)
        self.listening: Counter[str] = Counter()
        """How many pages of a person listen for news."""
        self._provider: tuple[float, str, dict[str, Any] | None] = (0.0, "", None)

    def page(
        self, request: Request, name: str, session: Session | None, status: int = 200, language: str = USUAL,
        **values: Any,
    ) -> Response:  # fmt: skip
        """A page. Those of the console are in English; ``language`` is for pages that anybody may get."""
        here = "/" + request.url.path.split("/")[1]
        text = page(
            f"console/{name}",
            {
                "org": self.daemon.app.settings.organisation.name,
                "zone": self.zone,
                "now": self.daemon.clock.now(),
                "nav": NAV,
                "here": here,
                "error": "",
                "next": "",
                **self._who(session),
                "done": self._done(request, session),
                **values,
            },
            self.zone,
            known_language(language),
        )
        return HTMLResponse(text, status)

    def _done(self, request: Request, session: Session | None) -> str:
        """What was done: words of ours to this session, never what a link from elsewhere holds."""
        text, seal = (request.query_params.get(name, "") for name in ("done", "seal"))
        known = session is not None and hmac.compare_digest(self.mark(session, text).encode(), seal.encode())
        return text if known else ""

    def mark(self, session: Session, text: str) -> str:
        """What shows that words are ours, and for this session."""
        said = f"done\x1f{session.csrf}\x1f{text}".encode("utf-8", "replace")
        return hmac.new(self.accounts.key, said, hashlib.sha256).hexdigest()[:32]

    def inner(self, name: str, session: Session, values: Mapping[str, Any]) -> str:
        """Only what changes of a page."""
        return page(f"console/{name}", {**self._who(session), **values}, self.zone)

    def _who(self, session: Session | None) -> dict[str, Any]:
        return {"user": session.user if session else None, "csrf": session.csrf if session else ""}

    def problem(
        self, request: Request, session: Session | None, status: int, heading: str, text: str, hint: str = "",
        language: str = USUAL,
    ) -> Response:  # fmt: skip
        """A page that says what is wrong and what to do."""
        return self.page(request, "error.html", session, status, language, heading=heading, text=text, hint=hint)

    def session(self, request: Request) -> Session | None:
        """Who this is."""
        return self.accounts.session(request.cookies.get(self.cookie, ""))

    def peer(self, request: Request) -> str:
        """From where."""
        return peer_of(request, self.daemon.settings.proxies)

    def sign_in(self, response: Response, value: str, name: str) -> Response:
        """Set the cookies: not for scripts, not for other sites' requests, over TLS only where there is TLS."""
        now = time.time()  # noqa: TID251 - a browser's real time
        ages = {
            self.device_cookie: (device.mark(self.accounts.key, name, now), int(device.LASTS_S)),
            self.cookie: (value, int(self.daemon.settings.console.session)),
        }
        for cookie, (text, age) in ages.items():
            response.set_cookie(cookie, text, max_age=age, httponly=True, secure=self.secure, samesite="lax", path="/")
        return response

    async def provider(
        self, issuer: str, fetch: Callable[[str], Awaitable[dict[str, Any] | None]]
    ) -> dict[str, Any] | None:
        """What the identity provider says of itself, asked at most twice a minute however many begin a log-in."""
        at, who, found = self._provider
        if who != issuer or time.monotonic() - at > (300.0 if found else 30.0):  # noqa: TID251 - age of a cache
            found = await fetch(issuer)
            self._provider = (time.monotonic(), issuer, found)  # noqa: TID251 - age of a cache
        return found

    def seal(self, text: str) -> str:
        """Text that a browser keeps for us and can neither read nor change."""
        return bytes(self._fernet().encrypt(text.encode())).decode()

    def unseal(self, text: str, lasts_s: float) -> str:
        """The same text; empty when it is not ours or too old."""
        from cryptography.fernet import InvalidToken

        try:
            return bytes(self._fernet().decrypt(text.encode(), ttl=int(lasts_s))).decode()
        except (InvalidToken, ValueError):
            return ""

    def _fernet(self) -> Any:
        from cryptography.fernet import Fernet

        key = hashlib.sha256(b"sign-in\x1f" + self.accounts.key).digest()
        return Fernet(base64.urlsafe_b64encode(key))

    def foreign(self, request: Request) -> bool:
        """Does another site send this?"""
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return True
        origin = request.headers.get("origin", "")
        # A frame in a sandbox and a file say `null`, which names no host; nor does a public URL that is not set.
        known = {request.headers.get("host", ""), urlsplit(self.daemon.settings.public_url).netloc} - {""}
        parts = split(origin)
        return bool(origin) and (parts is None or parts.netloc not in known)

    async def form(self, request: Request) -> dict[str, list[str]]:
        """The fields of a form. Raises ``Invalid``."""
        try:
            raw = await read(request, MAX_FORM)
            return parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=500)
        except (TooLarge, TooSlow) as error:
            raise Invalid("the form is too large or came too slowly") from error
        except (ValueError, UnicodeDecodeError) as error:
            raise Invalid("the form cannot be read") from error


def split(address: str) -> SplitResult | None:
    """The parts of an address that somebody sent; ``None`` when it is none, such as `http://[`."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def field(form: dict[str, list[str]], name: str) -> str:
    """One field; empty when it is not there."""
    return (form.get(name) or [""])[0]


class Onward(RedirectResponse):
    """Go there next. ``done``: what was done, which the next page says."""

    def __init__(self, path: str, done: str = "") -> None:
        super().__init__(path, 303)
        self.path, self.done = path, done[:300]

    def sealed(self, site: Site, session: Session) -> Response:
        """With the words, in a form that only we can make."""
        if not self.done:
            return self
        sign, said = "&" if "?" in self.path else "?", {"done": self.done, "seal": site.mark(session, self.done)}
        return RedirectResponse(f"{self.path}{sign}{urlencode(said, quote_via=quote, errors='replace')}", 303)


def to(path: str, done: str = "") -> Onward:
    """Go there next, and say what was done."""
    return Onward(path, done)


def guarded(role: str, view: View) -> Callable[[Request], Awaitable[Response]]:
    """A view for people of this role or a higher one; what goes wrong becomes a page."""

    @wraps(view)
    async def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        session = site.session(request)
        if session is None:
            if request.method == "GET" and "part" not in request.query_params:
                return RedirectResponse(f"/login?next={request.url.path}", 303)
            return site.problem(request, None, 401, "Log in", "Your session is over.", "Log in again.")
        if not session.user.may(role):
            return site.problem(
                request, session, 403, "Not for you", f"This needs the role {role}; yours is {session.user.role}."
            )
        try:
            return await view(site, request, session)
        except BcpError as error:
            status = http_status(error)
            first = error.problems[0] if isinstance(error, Invalid) and error.problems else error
            return site.problem(request, session, status, HEADINGS.get(status, "It failed"), first.message, first.hint)
        except Exception:
            LOG.exception("unexpected, at %s", shown(request.url.path))
            return site.problem(
                request,
                session,
                500,
                "It failed here",
                "The log says why. What was written down is safe.",
                "bcp status",
            )

    return answer


def deed(
    role: str, view: Callable[[Site, Request, Session, dict[str, list[str]]], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """The same for what changes something: from our own page only, with the session's token."""

    async def checked(site: Site, request: Request, session: Session) -> Response:
        form = await site.form(request)
        if site.foreign(request) or not hmac.compare_digest(field(form, "csrf").encode(), session.csrf.encode()):
            return site.problem(
                request,
                session,
                403,
                "Not from our own page",
                "Nothing was done.",
                "Load the page again and repeat it.",
            )
        answer = await view(site, request, session, form)
        return answer.sealed(site, session) if isinstance(answer, Onward) else answer

    return guarded(role, checked)


async def in_thread(work: Callable[..., Any], *values: Any) -> Any:
    """Something slow, beside the loop."""
    return await asyncio.to_thread(work, *values)
