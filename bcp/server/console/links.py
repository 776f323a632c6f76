"""Signed links in texts: GET shows (link previews of phones must not answer), POST answers, once."""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from bcp.deeds.status import HEADINGS, http_status
from bcp.engine.moves import ANYWAY, GATE
from bcp.incident import questions
from bcp.incident.model import Question
from bcp.kernel.errors import BcpError
from bcp.plan.model import read_plan
from bcp.server.console.page import Site, field, in_thread
from bcp.server.console.views import question_view
from bcp.server.doors.guard import Throttle

WRONG = Throttle(20, 300.0)
MOST = 50
"""Changes that a question shows."""


async def _asked(site: Site, request: Request) -> tuple[Question, str]:
    token, key = str(request.path_params["token"])[:100], site.daemon.key
    return await site.daemon.writer.do(lambda b: questions.by_link(b, token, key))


async def show(request: Request) -> Response:
    """GET /a/TOKEN."""
    return await _answer(request, post=False)


async def take(request: Request) -> Response:
    """POST /a/TOKEN."""
    return await _answer(request, post=True)


async def _answer(request: Request, *, post: bool) -> Response:
    site: Site = request.app.state.site
    peer = site.peer(request)
    if WRONG.closed(peer):
        return site.problem(
            request, None, 429, "Too many", "Too many links that are not genuine came from your address."
        )
    try:
        asked, person = await _asked(site, request)
    except BcpError as error:
        WRONG.count(peer)
        return site.problem(request, None, 404, "This link does not work", error.message, error.hint)
    try:
        if post:
            said = field(await site.form(request), "answer")
            if site.foreign(request) or said not in {"yes", "no"}:
                return site.problem(request, None, 400, "Not answered", "Open the link again and press a button.")
            await site.daemon.hearer.answer(asked, person, yes=said == "yes", how="link")
            return site.page(
                request, "answer.html", None, q=None, done=f"Your {said} is noted, {person}. You can close this page."
            )
        view = await question_view(site, None, asked, person)
        if not view["may"]:
            text = view["why_not"] or f"The question is closed: {asked.result}."
            return site.problem(request, None, 410, "Nothing to answer", text)
        found = site.daemon.seen()
        seen = "; ".join(found.evidence[:3]) or found.why
        changes = await _changes(site, asked)
        return site.page(request, "answer.html", None, q=view, person=person, seen=seen, changes=changes)
    except BcpError as error:
        status = http_status(error)
        return site.problem(request, None, status, HEADINGS.get(status, "Not answered"), error.message, error.hint)


async def _changes(site: Site, asked: Question) -> list[dict[str, str]]:
    if asked.run and asked.step in {GATE, ANYWAY}:
        view = await site.daemon.app.running.runs.glance(asked.run)
        step = view.state.steps.get(asked.step)
        about = str(step.gate.get("about", "")) if step is not None else ""
        return [{"target": "Undo", "before": "", "after": about or "mail goes back"}]
    if asked.run:
        return (await site.daemon.app.running.runs.planned(asked.run, "changes", 0, MOST))[0]
    path = site.daemon.state / "plans" / f"{asked.step.removeprefix('plan:')}.json"
    return [asdict(c) for c in (await in_thread(read_plan, path)).changes()[:MOST]]
