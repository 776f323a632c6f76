"""Every URL in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from bcp import __version__
from bcp.contracts.channel import Page
from bcp.deeds.status import http_status
from bcp.detect.history import prometheus
from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.kernel.log import logger
from bcp.kernel.peers import is_here
from bcp.pages.render import STATIC
from bcp.ready.words import prometheus as readiness_metrics
from bcp.server.console import authenticator, deeds, drills, front, links, login, oidc, pages, readiness, runs
from bcp.server.console.page import Site, deed, guarded
from bcp.server.daemon import Daemon
from bcp.server.doors import api, api_deeds, api_drills
from bcp.server.doors.body import TooLarge, TooSlow, read
from bcp.server.doors.callers import Callers
from bcp.server.doors.guard import Guard, GuardedProtocol, HooksFirst, peer_of, shown
from bcp.server.doors.hooks import Hooks
from bcp.server.doors.relays import Relays
from bcp.server.signin.accounts import Accounts
from bcp.settings.families import alone

LOG = logger(__name__)
STATUS_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def web(daemon: Daemon) -> FastAPI:
    """The application of a daemon."""
    app = FastAPI(
        title="bcp", version=__version__, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None,
        description="Keep mail and people going when Exchange Online fails.",
    )  # fmt: skip
    c = daemon.settings.console
    accounts = Accounts(daemon.state / "accounts.db", daemon.clock, daemon.key, idle_s=c.idle, session_s=c.session)
    app.state.daemon, app.state.accounts, app.state.hooks = daemon, accounts, Hooks(daemon)
    app.state.site = Site(daemon, accounts)
    for door in (api, api_deeds, api_drills):  # as they are: include_router makes all anew, at the first request
        app.router.routes.extend(door.router.routes)
    _vendors(app, daemon)
    _probes(app)
    if c.enabled:
        _console(app)
    _errors(app)
    app.add_middleware(HooksFirst, hooks=app.state.hooks)
    limit = max(2_000_000, daemon.settings.max_body)
    app.add_middleware(Guard, secure=daemon.settings.public_url.startswith("https://"), limit=limit)
    return app


def _vendors(app: FastAPI, daemon: Daemon) -> None:
    app.state.callers = callers = Callers(daemon)
    app.add_route("/callers/{name}/{path:path}", callers.__call__, methods=["POST"])
    for kind in alone("callers"):
        app.add_route(f"/{kind}/{{path:path}}", callers.__call__, methods=["POST"])
    app.add_route("/a/{token}", links.show, methods=["GET"])
    app.add_route("/a/{token}", links.take, methods=["POST"])
    app.add_route("/relays/{name}/batch", Relays(daemon).__call__, methods=["POST"])
    app.add_route("/observations", observed, methods=["POST"])
    app.add_route("/status", status_page, methods=["GET"])
    app.add_route("/status/{name}", status_page, methods=["GET"])


def _probes(app: FastAPI) -> None:
    app.add_route("/healthz", healthz, methods=["GET"])
    app.add_route("/readyz", readyz, methods=["GET"])
    app.add_route("/metrics", metrics, methods=["GET"])


def _console(app: FastAPI) -> None:
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for path, view in (
        ("/", front.now), ("/incidents", pages.incidents), ("/incidents/{incident}", pages.incident),
        ("/runs", runs.runs), ("/runs/{run}", runs.run), ("/runs/{run}/plan", runs.run_plan),
        ("/runs/{run}/report", runs.report), ("/runs/{run}/abort", deeds.ask_abort), ("/plans/{plan}", runs.plan),
        ("/start", runs.start), ("/messages", pages.messages), ("/drills", runs.drills),
        ("/drills/year", drills.year), ("/drills/{drill}", drills.drill), ("/drills/{drill}/report", drills.report),
        ("/incidents/{incident}/report", drills.incident_report),
        ("/history", pages.history), ("/ready", readiness.ready), ("/audit", pages.audit),
        ("/account", pages.account), ("/events", pages.events),
    ):  # fmt: skip
        app.add_route(path, guarded("viewer", view), methods=["GET"])
    for path, role, act in (
        ("/questions/{question}/answer", "approver", deeds.answer), ("/plans", "operator", deeds.make_plan),
        ("/plans/{plan}/run", "operator", deeds.run_plan), ("/runs/{run}/abort", "operator", deeds.abort),
        ("/runs/{run}/failback", "operator", deeds.failback), ("/runs/{run}/rest", "operator", deeds.rest),
        ("/messages/send", "operator", deeds.send),
        ("/messages/stop", "operator", deeds.stop), ("/runs/{run}/settle", "operator", deeds.settle),
        ("/runs/{run}/acknowledge", "operator", deeds.acknowledge), ("/runs/{run}/resume", "operator", deeds.resume),
        ("/incidents", "operator", deeds.declare), ("/words", "operator", deeds.give_word),
        ("/incidents/{incident}/close", "operator", deeds.close),
        ("/account/authenticator", "viewer", authenticator.offer),
        ("/account/authenticator/confirm", "viewer", authenticator.confirm),
        ("/incidents/{incident}/reopen", "operator", deeds.reopen),
        ("/drills", "operator", drills.make), ("/drills/{drill}/notes", "operator", drills.note),
        ("/drills/{drill}/attendance", "operator", drills.attend),
        ("/drills/{drill}/findings", "operator", drills.finding), ("/drills/{drill}/sign", "operator", drills.sign),
        ("/drills/{drill}/close", "operator", drills.close), ("/drills/{drill}/cancel", "operator", drills.cancel),
        ("/drills/{drill}/schedule", "operator", drills.schedule),
        ("/account/password", "viewer", deeds.password), ("/account/passkey/remove", "viewer", deeds.remove_passkey),
        ("/logout", "viewer", login.leave),
    ):  # fmt: skip
        app.add_route(path, deed(role, act), methods=["POST"])
    app.add_route("/login", login.show, methods=["GET"])
    app.add_route("/login", login.enter, methods=["POST"])
    app.add_route("/login/oidc", oidc.begin, methods=["GET"])
    app.add_route("/login/oidc/return", oidc.end, methods=["GET"])
    app.add_route("/login/passkey/begin", login.passkey_login_begin, methods=["POST"])
    app.add_route("/login/passkey/finish", login.passkey_login_finish, methods=["POST"])
    app.add_route("/account/passkey/begin", login.passkey_add_begin, methods=["POST"])
    app.add_route("/account/passkey/finish", login.passkey_add_finish, methods=["POST"])


def _errors(app: FastAPI) -> None:
    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, BcpError)
        body = {"detail": error.message, "hint": error.hint, "rule": error.rule}
        return JSONResponse(body, http_status(error))

    async def unexpected(request: Request, error: Exception) -> Response:
        LOG.error("unexpected, at %s", shown(request.url.path), exc_info=error)
        return JSONResponse({"detail": "it failed here; see the log", "hint": "", "rule": ""}, 500)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        detail = [{"loc": list(e["loc"]), "msg": str(e["msg"]), "type": str(e["type"])} for e in error.errors()[:20]]
        return JSONResponse({"detail": detail}, 422)

    app.add_exception_handler(BcpError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(Exception, unexpected)


async def healthz(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The book can be written and the watch is alive."""
    daemon: Daemon = request.app.state.daemon
    try:
        await daemon.writer.do(lambda b: b.pulse())
    except BcpError as error:
        return PlainTextResponse(f"not ready: {error.message}\n", 503)
    if not daemon.sight.healthy_watch():
        return PlainTextResponse("not ready: the watch has not finished a round lately\n", 503)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    """Prometheus' text format. From this machine, or with a token that may read."""
    daemon: Daemon = request.app.state.daemon
    accounts: Accounts = request.app.state.accounts
    direct = request.client.host if request.client else ""
    local = is_here(direct) and not {"x-forwarded-for", "forwarded"} & set(request.headers)
    token = accounts.token(request.headers.get("authorization", "").removeprefix("Bearer "))
    if not local and (token is None or "read" not in token.scopes):
        return PlainTextResponse("a token with the scope read is needed\n", 401)
    text = prometheus(daemon.seen(), daemon.app.watching.history.totals, daemon.clock.now())
    hooks: Hooks = request.app.state.hooks
    out = ["# HELP bcp_hook_requests_total Requests to hooks by answer.", "# TYPE bcp_hook_requests_total counter"]
    out += [
        f'bcp_hook_requests_total{{source="{s}",status="{code}"}} {n}' for (s, code), n in sorted(hooks.counts.items())
    ]
    incident = await daemon.writer.do(lambda b: b.current(daemon.app.settings.service))
    out += [
        "# HELP bcp_incident_open 1 while an incident is not closed.",
        "# TYPE bcp_incident_open gauge",
        f"bcp_incident_open {int(incident is not None)}",
    ]
    out += [
        "# HELP bcp_questions_unreached Open questions of which nobody is known to have heard.",
        "# TYPE bcp_questions_unreached gauge",
        f"bcp_questions_unreached {len(daemon.asker.unreached)}",
    ]
    out += [
        "# HELP bcp_connections Connections now.",
        "# TYPE bcp_connections gauge",
        f"bcp_connections {GuardedProtocol.alive}",
    ]
    if (seen := daemon.readiness.found) is not None:
        out.append(readiness_metrics(seen.at, seen.checks, seen.standings).rstrip("\n"))
    return PlainTextResponse(text.rstrip("\n") + "\n" + "\n".join(out) + "\n", media_type="text/plain; version=0.0.4")


async def observed(request: Request) -> Response:
    """A sealed batch of another vantage point (`bcp probe --remote-to`). Its seal is its credential."""
    daemon: Daemon = request.app.state.daemon
    hooks: Hooks = request.app.state.hooks
    peer = peer_of(request, daemon.settings.proxies)
    try:
        raw = await read(request, daemon.settings.max_body)
        daemon.app.watching.spool.put(raw.decode())
    except (TooLarge, TooSlow):
        return PlainTextResponse("too large, or too slow\n", 413)
    except (Invalid, Refused, UnicodeDecodeError) as error:
        if hooks.throttle.refuses(peer):  # only what is not genuine: whoever shares the address is still heard
            return PlainTextResponse("too many batches that are not genuine\n", 429)
        status = 401 if isinstance(error, Refused) else 422
        return PlainTextResponse(f"{error.message if isinstance(error, BcpError) else 'not text'}\n", status)
    return PlainTextResponse("taken\n", 202)


_PAGES = {"": "index.html", "index.html": "index.html", "feed.atom": "feed.atom", "feed.json": "feed.json"}
_TYPES = {"index.html": "text/html", "feed.atom": "application/atom+xml", "feed.json": "application/feed+json"}


async def status_page(request: Request) -> Response:
    """The status page's files, as they lie: the same that are published elsewhere and work when we do not."""
    daemon: Daemon = request.app.state.daemon
    folder: Any = daemon.settings.status_page or next(
        (c.folder for c in daemon.app.world.channels.values() if isinstance(c, Page)),
        None,
    )
    name = _PAGES.get(str(request.path_params.get("name") or ""))
    if folder is None or name is None or not (Path(folder) / name).is_file():
        return PlainTextResponse("there is no status page yet\n", 404)
    if request.url.path == "/status":
        return Response(status_code=307, headers={"Location": "/status/index.html"})
    headers = {"Content-Security-Policy": STATUS_POLICY, "Cache-Control": "public, max-age=30"}
    return FileResponse(Path(folder) / name, media_type=_TYPES[name], headers=headers)
