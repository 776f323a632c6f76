"""Signed links in texts: GET shows (link previews of phones must not answer), POST answers, once.

Whoever has a link that holds is a person of the contacts, and reads the page in their language; anybody else reads why
it does not work in the one that their browser asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bcp.deeds.status import HEADINGS, http_status
from bcp.engine.moves import ANYWAY, GATE
from bcp.incident import questions
from bcp.incident.model import Question
from bcp.kernel.errors import BcpError
from bcp.pages.words import Words, words
from bcp.plan.model import read_plan
from bcp.server.console.page import Site, field, in_thread
from bcp.server.console.views import question_view
from bcp.server.doors.guard import Throttle
from bcp.server.parts import tongue
from bcp.server.parts.spoken import asked_in, catalogue, closed_in, refused_in, seen

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
    stranger = tongue.of_stranger(site.daemon.app, request.headers.get("accept-language", ""))
    try:
        asked, person = await _asked(site, request)
    except BcpError as error:
        if WRONG.refuses(peer):  # a right link works from everywhere: phones share addresses with strangers
            return _problem(site, request, 429, "many", stranger)
        if catalogue(stranger) is not None:
            return _problem(site, request, 404, "unknown", stranger)
        return site.problem(request, None, 404, words()("link.unknown"), error.message, error.hint)
    language = tongue.of_person(site.daemon.app, person)
    try:
        if post:
            return await _take(site, request, asked, person, language)
        return await _show(site, request, asked, person, language)
    except BcpError as error:
        return _refused(site, request, error, language)


async def _take(site: Site, request: Request, asked: Question, person: str, language: str) -> Response:
    said = field(await site.form(request), "answer")
    if site.foreign(request) or said not in {"yes", "no"}:
        return _problem(site, request, 400, "unanswered", language)
    await site.daemon.hearer.answer(asked, person, yes=said == "yes", how="link")
    done = words(language)(f"link.done.{said}", who=person)
    return site.page(request, "answer.html", None, language=language, q=None, done=done)


async def _show(site: Site, request: Request, asked: Question, person: str, language: str) -> Response:
    w, daemon = words(language), site.daemon
    view = await question_view(site, None, asked, person, language)
    if not view["may"]:
        text = view["why_not"] or w("link.closed", why=closed_in(asked.result, language))
        return site.problem(request, None, 410, w("link.nothing"), text, language=language)
    found = daemon.seen()
    looks = seen(found, w) if catalogue(language) is not None else "; ".join(found.evidence[:3]) or found.why
    if view["playbook"]:
        matter = await daemon.asker.matter(asked)
        view["forecast"] = (await asked_in(daemon.core, asked, matter, language)).get("forecast", view["forecast"])
    changes = _told(await _changes(site, asked), w)
    if asked.run and asked.step in {GATE, ANYWAY}:
        changes = [{"target": w("link.undo"), "before": "", "after": view["forecast"]}]
    return site.page(
        request, "answer.html", None, language=language, q=view, person=person, seen=looks, changes=changes
    )


def _problem(site: Site, request: Request, status: int, what: str, language: str) -> Response:
    """Why there is nothing to answer here, by the name of its words."""
    w = words(language)
    return site.problem(request, None, status, w(f"link.{what}"), w(f"link.{what}.text"), language=language)


def _refused(site: Site, request: Request, error: BcpError, language: str) -> Response:
    """An answer that does not count, or a page that cannot be made now."""
    status, w = http_status(error), catalogue(language)
    if w is None:
        heading = HEADINGS.get(status, words()("link.unanswered"))
        return site.problem(request, None, status, heading, error.message, error.hint)
    return site.problem(request, None, status, w("link.unanswered"), refused_in(error, language), language=language)


def _told(changes: Sequence[dict[str, Any]], w: Words) -> list[dict[str, Any]]:
    """What is changed: names as they are, our words about them in this language."""
    return [{**c, **{k: w.told(str(c[k]), "change.") for k in ("target", "before", "after")}} for c in changes]


async def _changes(site: Site, asked: Question) -> list[dict[str, Any]]:
    if asked.run:
        found, _ = await site.daemon.app.running.runs.planned(asked.run, "changes", 0, MOST)
        return list(found)
    path = site.daemon.state / "plans" / f"{asked.step.removeprefix('plan:')}.json"
    return [asdict(c) for c in (await in_thread(read_plan, path)).changes()[:MOST]]
