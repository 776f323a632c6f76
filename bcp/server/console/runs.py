"""Runs, drills and plans. They only show."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bcp.contracts.channel import Channel, Check
from bcp.contracts.store import RunQuery
from bcp.deeds.plan import kept
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.kernel.errors import BcpError, Invalid, Missing
from bcp.pages.front import Mx
from bcp.pages.report import sentence
from bcp.playbook.load import load
from bcp.server.console.front import where_mx_is
from bcp.server.console.page import Site
from bcp.server.console.views import part, plan_title, question_view, run_row, run_rows
from bcp.server.parts.ask import forecast_of
from bcp.server.signin.accounts import Session

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
    found = run_rows(site, RunQuery(kind="real", newest=SHOWN))
    return site.page(request, "runs.html", session, heading="Runs", drills=False, checks=[], runs=found)


async def drills(site: Site, request: Request, session: Session) -> Response:
    """Drills, and whether everything is ready."""
    found, checks = run_rows(site, RunQuery(kind="drill", newest=SHOWN)), await readiness(site)
    return site.page(
        request, "runs.html", session, heading="Drills and readiness", drills=True, checks=checks, runs=found
    )


async def readiness(site: Site) -> list[dict[str, Any]]:
    """Each channel asked whether it works; nothing is sent. Bounded in time. What is not ready stands first."""

    async def one(name: str, channel: Channel[Any]) -> list[Check]:
        try:
            async with asyncio.timeout(READY_S):
                return await channel.check()
        except (BcpError, TimeoutError) as error:
            return [Check(name, "fail", getattr(error, "message", "") or f"no answer in {READY_S:g} s")]

    groups = await asyncio.gather(*(one(n, c) for n, c in site.daemon.app.world.channels.items()))
    order = ("fail", "warn", "ok")
    found = sorted((c for g in groups for c in g), key=lambda c: order.index(c.state) if c.state in order else 0)
    return [{"subject": c.subject, "state": c.state, "message": c.message, "hint": c.hint} for c in found]


def view_of(site: Site, request: Request, *, effects: bool = False) -> RunView:
    """The run of this URL. Raises ``Invalid``."""
    all_ = site.daemon.app.running.runs
    name = str(request.path_params["run"])
    if name not in all_.ids():
        raise Missing(f"there is no run {name!r}", hint="See the list of runs.", rule="no-such-run")
    return all_.view(name, effects=effects)


async def run(site: Site, request: Request, session: Session) -> Response:
    """One run, live."""
    view = view_of(site, request)
    open_ = await site.daemon.writer.do(questions.open_questions)
    steps, row = step_rows(view), run_row(view)
    values = {
        "r": {**row, "report": _report(site, view).is_file()},
        "sentence": sentence({**row, "steps": steps}),
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
            "text": s.error or s.summary,
            "hint": s.hint if s.error else "",
        }
        for s in view.state.steps.values()
    ]


def would_undo(view: RunView) -> list[dict[str, Any]]:
    """Changes that this run has made, as its plan told them."""
    return [c for s in view.plan["steps"] if _made(view, s["id"]) for c in s["changes"]]


def _made(view: RunView, step: str) -> bool:
    state = view.state.steps.get(step)
    return state is not None and state.status in {"ok", "in_doubt"}


def _report(site: Site, view: RunView) -> Path:
    return site.daemon.state / "reports" / view.id / "report.html"


async def report(site: Site, request: Request, session: Session) -> Response:
    """Its report, which is a page of its own: without script, with its own style."""
    view = view_of(site, request)
    path = _report(site, view)
    if not path.is_file():
        raise Missing(
            f"there is no report of {view.id}", hint="It is written when the run ends.", rule="no-such-report"
        )
    return HTMLResponse(path.read_text(encoding="utf-8"), headers={"Content-Security-Policy": ALONE})


async def run_plan(site: Site, request: Request, session: Session) -> Response:
    """The plan of a run."""
    return plan_page(site, request, session, view_of(site, request).plan, start=False)


async def plan(site: Site, request: Request, session: Session) -> Response:
    """A plan that is not run yet."""
    name = str(request.path_params["plan"])
    data = kept(site.daemon.app, name).to_data()
    open_ = await site.daemon.writer.do(questions.open_questions)
    waits = any(q.step == f"plan:{name}" for q in open_)
    return plan_page(site, request, session, data, start=not waits)


def plan_page(site: Site, request: Request, session: Session, data: Mapping[str, Any], *, start: bool) -> Response:
    """Changes with before and after, messages with samples, refusals first."""
    steps = data["steps"]
    values: dict[str, Any] = {
        "p": data,
        "title": plan_title(data),
        "changes": [c for s in steps for c in s["changes"]],
        "sends": [f for s in steps for f in s["forecasts"]],
        "notes": list(dict.fromkeys(n for s in steps if s["would"] == "run" for n in s["notes"])),
        "refusals": [r for s in steps for r in s["refusals"] if r["rule"] not in data["overrides"]],
        "start": start,
        "forecast": forecast_of(data),
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
