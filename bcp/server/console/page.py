"""What every page shares: templates, the session of a request, refusing what another site sends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bcp.deeds.status import HEADINGS, http_status
from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.log import logger
from bcp.server.daemon import Daemon
from bcp.server.doors.body import TooLarge, TooSlow, read
from bcp.server.doors.guard import peer_of
from bcp.server.signin.accounts import Accounts, Session

LOG = logger(__name__)
NAV = (
    ("/", "Now"), ("/incidents", "Incidents"), ("/runs", "Runs"), ("/messages", "Tell people"), ("/drills", "Drills"), ("/history", "History"),
    ("/audit", "Audit"), ("/account", "Account"),
)  # fmt: skip
MAX_FORM = 200_000
View = Callable[["Site", Request, Session], Awaitable[Response]]


def when(at: float) -> str:
    """``22 Jan 17:45:03``."""
    return datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M:%S") if at else ""


def lines(text: str) -> Markup:
    """Line breaks kept, everything else escaped."""
    return Markup("<br>").join(escape(line) for line in str(text).split("\n"))


def templates() -> Environment:
    """The pages: everything is escaped, a missing value is an error."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    made.filters.update(when=when, iso=iso, lines=lines)
    return made


class Site:
    """The console's side of a request."""

    def __init__(self, daemon: Daemon, accounts: Accounts) -> None:
        self.daemon, self.accounts = daemon, accounts
        self.templates = templates()
        self.secure = daemon.settings.public_url.startswith("https://")
        self.cookie = "__Host-bcp" if self.secure else "bcp_session"

    def page(self, request: Request, name: str, session: Session | None, status: int = 200, **values: Any) -> Response:
        """A page."""
        told = {"done": request.query_params.get("done", "")[:200]} if session is not None else {"done": ""}
        here = "/" + request.url.path.split("/")[1]
        text = self.templates.get_template(name).render(
            {
                "org": self.daemon.app.settings.organisation.name,
                "user": session.user if session else None,
                "csrf": session.csrf if session else "",
                "nav": NAV,
                "here": here,
                "error": "",
                "next": "",
                **told,
                **values,
            }
        )
        return HTMLResponse(text, status)

    def problem(
        self, request: Request, session: Session | None, status: int, heading: str, text: str, hint: str = ""
    ) -> Response:
        """A page that says what is wrong and what to do."""
        return self.page(request, "error.html", session, status, heading=heading, text=text, hint=hint)

    def session(self, request: Request) -> Session | None:
        """Who this is."""
        return self.accounts.session(request.cookies.get(self.cookie, ""))

    def peer(self, request: Request) -> str:
        """From where."""
        return peer_of(request, self.daemon.settings.proxies)

    def sign_in(self, response: Response, value: str) -> Response:
        """Set the cookie: not for scripts, not for other sites' requests, over TLS only where there is TLS."""
        age = int(self.daemon.settings.console.session)
        response.set_cookie(
            self.cookie, value, max_age=age, httponly=True, secure=self.secure, samesite="lax", path="/"
        )
        return response

    def foreign(self, request: Request) -> bool:
        """Does another site send this?"""
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            return True
        origin = request.headers.get("origin", "")
        known = {request.headers.get("host", ""), urlsplit(self.daemon.settings.public_url).netloc}
        return bool(origin) and urlsplit(origin).netloc not in known

    async def form(self, request: Request) -> dict[str, list[str]]:
        """The fields of a form. Raises ``Invalid``."""
        try:
            raw = await read(request, MAX_FORM)
            return parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=500)
        except (TooLarge, TooSlow) as error:
            raise Invalid("the form is too large or came too slowly") from error
        except (ValueError, UnicodeDecodeError) as error:
            raise Invalid("the form cannot be read") from error


def field(form: dict[str, list[str]], name: str) -> str:
    """One field; empty when it is not there."""
    return (form.get(name) or [""])[0]


def to(path: str, done: str = "") -> Response:
    """Go there next, and say what was done."""
    from urllib.parse import quote  # noqa: PLC0415

    return RedirectResponse(path + (f"?done={quote(done)}" if done else ""), 303)


def guarded(role: str, view: View) -> Callable[[Request], Awaitable[Response]]:
    """A view for people of this role or a higher one; what goes wrong becomes a page."""

    @wraps(view)
    async def answer(request: Request) -> Response:
        site: Site = request.app.state.site
        session = site.session(request)
        if session is None:
            if request.method == "GET" and "hx-request" not in request.headers:
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
            LOG.exception("unexpected, at %s", request.url.path)
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
    import hmac  # noqa: PLC0415

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
        return await view(site, request, session, form)

    return guarded(role, checked)


async def in_thread(work: Callable[..., Any], *values: Any) -> Any:
    """Something slow, beside the loop."""
    return await asyncio.to_thread(work, *values)
