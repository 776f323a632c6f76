"""Runs, drills and plans. They only show."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bcp.contracts.channel import Channel, Check
from bcp.contracts.store import RunQuery
from bcp.deeds.exercises import exercises
from bcp.deeds.forecast import readiness as readiness_of
from bcp.deeds.left import left_now
from bcp.deeds.plan import kept
from bcp.drills.outline import KINDS
from bcp.engine.left import headline, lines, to_try, unknown_hint
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.kernel.calm import still
from bcp.kernel.errors import BcpError, Invalid, Missing
from bcp.kernel.text import one_or_many
from bcp.pages.front import Mx
from bcp.pages.report import sentence
from bcp.plan.model import Plan
from bcp.playbook.load import load
from bcp.server.console.front import where_mx_is
from bcp.server.console.page import Site, in_thread
from bcp.server.console.readiness import in_a_line, seen
from bcp.server.console.views import part, plan_title, question_view, run_row, run_rows
from bcp.server.parts.matter import forecast_of
from bcp.server.signin.accounts import Session
from bcp.wiring import App

PAGED = ("changes", "forecasts", "notes", "refusals")
"""What a page of a plan shows part by part."""
PAGE = 100
"""How many of each it shows at once."""
Pages = tuple[list[Any], int]
"""Some rows, and how many there are."""
SHOWN = 100
"""How many runs a list shows."""
READY_S = 10.0
"""How long a channel may take to say that it works."""
ALONE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'none'"
)
"""What a page that holds its own style may do (Content-Security-Policy)."""


async def runs(site: Site, request: Request, session: Session) -> Response:
    """All runs."""
    found = await run_rows(site, RunQuery(kind="real", newest=SHOWN))
    return site.page(request, "runs.html", session, heading="Runs", drills=False, checks=[], runs=found)


async def drills(site: Site, request: Request, session: Session) -> Response:
    """Drills, and whether everything is ready."""
    found, checks = await run_rows(site, RunQuery(kind="drill", newest=SHOWN)), await readiness(site)
    written = [e.record for e in await in_thread(exercises, site.daemon.app)][:SHOWN]
    return site.page(
        request, "runs.html", session, heading="Drills and readiness", drills=True, checks=checks, runs=found,
        exercises=written, kinds=list(KINDS.items()), ready=in_a_line(seen(site)),
    )  # fmt: skip


async def readiness(site: Site) -> list[dict[str, Any]]:
    """Each channel asked whether it works; nothing is sent. Bounded in time. What is not ready stands first."""

    async def one(name: str, channel: Channel[Any]) -> list[Check]:
        try:
            async with asyncio.timeout(READY_S):
                return await channel.check()
        except (BcpError, TimeoutError) as error:
            return [Check(name, "fail", getattr(error, "message", "") or f"no answer in {READY_S:g} s")]

    app = site.daemon.app
    groups = await asyncio.gather(*(one(n, c) for n, c in app.world.channels.items()))
    with contextlib.suppress(BcpError):  # a host that cannot be made is said by the check of dns
        groups.append([c for c in [await readiness_of(app, READY_S)] if c is not None])
    order = ("fail", "warn", "ok")
    found = sorted((c for g in groups for c in g), key=lambda c: order.index(c.state) if c.state in order else 0)
    return [{"subject": c.subject, "state": c.state, "message": c.message, "hint": c.hint} for c in found]


def run_id_of(site: Site, request: Request) -> str:
    """The run of this URL. Raises ``Missing``."""
    name = str(request.path_params["run"])
    if name not in site.daemon.app.running.runs.ids():
        raise Missing(f"there is no run {name!r}", hint="See the list of runs.", rule="no-such-run")
    return name


async def view_of(site: Site, request: Request) -> RunView:
    """How it stands, without what is large in it. Raises ``Missing``."""
    return await site.daemon.app.running.runs.glance(run_id_of(site, request))


async def run(site: Site, request: Request, session: Session) -> Response:
    """One run, live."""
    view = await view_of(site, request)
    open_ = await site.daemon.writer.do(questions.open_questions)
    steps, row = step_rows(view), run_row(view)
    left = await asyncio.to_thread(left_now, site.daemon.app.running.runs, view)
    values = {
        "left": {
            "headline": headline(left, len(view.plan["domains"])),
            "lines": lines(left),
            "again": bool(to_try(left)),
            "hint": unknown_hint(view, left),
        },
        "r": {**row, "report": _report(site, view.id).is_file()},
        "sentence": sentence({**row, "steps": steps, "left": left}),
        "mx": where_mx_is([view]) if row["holding"] else Mx(False),
        "service": site.daemon.app.settings.service,
        "seen": site.daemon.seen(),
        "asked": [await question_view(site, session, q) for q in open_ if q.run == view.id],
        "doubts": [s for s in steps if s["status"] == "in_doubt"],
        "steps": steps,
    }
    return part(site, request, session, "run.html", "_run.html", values)


def step_rows(view: RunView) -> list[dict[str, Any]]:
    """The steps of a run, each with its name."""
    names = {s["id"]: s["name"] or s["id"] for s in view.plan["steps"]}
    return [
        {
            "id": s.id,
            "name": names.get(s.id, s.id),
            "phase": s.phase,
            "status": s.status,
            "text": one_or_many(s.error or s.summary),
            "hint": s.hint if s.error else "",
        }
        for s in view.state.steps.values()
    ]


def would_undo(view: RunView) -> list[dict[str, Any]]:
    """Changes that this run has made, as its plan told them; those of a step that has very many are not among them."""
    return [c for s in view.plan["steps"] if _made(view, s["id"]) for c in s["changes"]]


def _made(view: RunView, step: str) -> bool:
    state = view.state.steps.get(step)
    return state is not None and state.status in {"ok", "in_doubt"}


def _report(site: Site, run_id: str) -> Path:
    return site.daemon.state / "reports" / run_id / "report.html"


async def report(site: Site, request: Request, session: Session) -> Response:
    """Its report, which is a page of its own: without script, with its own style."""
    name = run_id_of(site, request)
    path = _report(site, name)
    if not path.is_file():
        raise Missing(f"there is no report of {name}", hint="It is written when the run ends.", rule="no-such-report")
    return HTMLResponse(await in_thread(path.read_text, "utf-8"), headers={"Content-Security-Policy": ALONE})


async def run_plan(site: Site, request: Request, session: Session) -> Response:
    """The plan of a run."""
    view, first = await view_of(site, request), first_of(request)
    pages = [await site.daemon.app.running.runs.planned(view.id, what, first, PAGE) for what in PAGED]
    return plan_page(site, request, session, view.plan, dict(zip(PAGED, pages, strict=True)), start=False)


async def plan(site: Site, request: Request, session: Session) -> Response:
    """A plan that is not run yet."""
    name = str(request.path_params["plan"])
    data, pages = await in_thread(paged, site.daemon.app, name, first_of(request))
    open_ = await site.daemon.writer.do(questions.open_questions)
    waits = any(q.step == f"plan:{name}" for q in open_)
    return plan_page(site, request, session, data, pages, start=not waits)


def paged(app: App, name: str, first: int) -> tuple[dict[str, Any], dict[str, Pages]]:
    """A plan that is kept, without what is large in it, and a page of that. For a thread: the whole of it is read.

    Raises:
        Missing: there is none.
        Refused: it was changed after it was made.
    """
    with still():
        return _paged(kept(app, name), first)


def _paged(found: Plan, first: int) -> tuple[dict[str, Any], dict[str, Pages]]:
    pages = {}
    for what in PAGED:
        rows = [row for step in found.steps for row in getattr(step, what)]
        shown = rows[first : first + PAGE]
        pages[what] = ([r if isinstance(r, str) else asdict(r) for r in shown], len(rows))
    bare = replace(found, steps=tuple(replace(s, changes=(), notes=(), facts={}, outputs={}) for s in found.steps))
    return bare.to_data(), pages


def first_of(request: Request) -> int:
    """From which row a page of a plan begins."""
    given = request.query_params.get("from", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0


def plan_page(
    site: Site, request: Request, session: Session, data: Mapping[str, Any], pages: Mapping[str, Pages], *, start: bool
) -> Response:
    """Changes with before and after, messages with samples, refusals first. Of very many, one page."""
    first, longest = first_of(request), max(total for _, total in pages.values())
    (changes, count), domains = pages["changes"], data["domains"]
    values: dict[str, Any] = {
        "p": data,
        "title": plan_title(data),
        "changes": changes,
        "count": count,
        "first": first,
        "next_from": first + PAGE if longest > first + PAGE else 0,
        "back_from": max(0, first - PAGE),
        "sends": pages["forecasts"][0],
        "notes": list(dict.fromkeys(map(one_or_many, pages["notes"][0]))),
        "refusals": [r for r in pages["refusals"][0] if r["rule"] not in data["overrides"]],
        "domains": ", ".join(domains[:PAGE]) + (f" and {len(domains) - PAGE} more" if len(domains) > PAGE else ""),
        "start": start,
        "forecast": forecast_of([c["target"] for c in changes], count, [f["messages"] for f in pages["forecasts"][0]]),
    }
    return site.page(request, "plan.html", session, **values)


async def start(site: Site, request: Request, session: Session) -> Response:
    """Choose a playbook."""
    books = []
    for path in site.daemon.app.playbooks.files().values():
        try:
            book = load(path).book
        except Invalid:
            continue
        books.append({"name": book.name, "title": book.title, "covers": list(book.covers)})
    chosen = request.query_params.get("playbook", "")
    return site.page(request, "start.html", session, books=sorted(books, key=lambda b: str(b["title"])), chosen=chosen)
