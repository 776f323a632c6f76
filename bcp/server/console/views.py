"""What several pages of the console show alike: questions, runs, events, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bcp.contracts.store import RunQuery
from bcp.deeds import word as saying
from bcp.detect.decide import TITLES
from bcp.engine.state import FINAL
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.model import Event, Question
from bcp.incident.wording import event_title, event_tone, event_words
from bcp.kernel.errors import BcpError, Invalid
from bcp.pages.words import USUAL, words
from bcp.playbook.load import loads
from bcp.server.console.page import Site
from bcp.server.signin.accounts import Session


def part(site: Site, request: Request, session: Session, page: str, inner: str, values: Mapping[str, Any]) -> Response:
    """The page, or, when it asks for news, only what changes."""
    if request.query_params.get("part"):
        return HTMLResponse(site.inner(inner, session, values))
    return site.page(request, page, session, **values)


async def question_view(
    site: Site, session: Session | None, q: Question, person: str = "", language: str = USUAL
) -> dict[str, Any]:
    """A question in this language, with whether this person may answer it. What it does is said in English."""
    w = words(language)
    try:
        matter = await site.daemon.asker.matter(q)
    except BcpError:
        matter = None
    who = person or (session.user.contact if session else "")
    role = session is None or session.user.may("approver")
    given = await site.daemon.writer.do(lambda b: questions.how_of(b, q))
    why = ""
    if not role:
        why = w("link.role")
    elif who not in q.people:
        why = w("link.asks", names=", ".join(sorted(q.people)))
    elif any(a["by"] == who for a in given):
        why = w("link.answered")
    asks = matter.asks if matter else "start"
    title = w.said(title_of(site, matter.playbook), "playbook.") if matter else w("link.unreadable")
    return {
        "id": q.id,
        "state": q.state,
        "yes": w(f"link.yes.{asks}"),
        "no": w(f"link.no.{asks}"),
        "asked": "" if asks == "start" else w(f"link.asked.{asks}"),
        "by_hand": matter is not None and matter.asks == "hand",
        "playbook": matter.playbook if matter else "",
        "title": title,
        "step": f"step {q.step}" if q.run else "before it starts",
        "forecast": matter.forecast if matter else "",
        "count": q.count,
        "people": sorted(q.people),
        "deadline": q.deadline,
        "checksum": q.checksum,
        "plan_url": f"/runs/{q.run}/plan" if q.run else f"/plans/{q.step.removeprefix('plan:')}",
        "answers": given,
        "may": not why and q.state == "open",
        "why_not": why,
    }


def word_form(site: Site) -> dict[str, Any]:
    """What the form for a person's word shows: words that hold now, and the classes that can be said."""
    held = [{"text": w.say(), "until": w.until} for w in saying.words(site.daemon.ground())]
    return {"words": held, "classes": list(TITLES.items())}


def event_row(e: Event, runs: Mapping[str, str] | None = None, *, within: bool = False) -> dict[str, Any]:
    """An event for people. ``runs``: titles by id; ``within``: on the page of its incident, which need not be named."""
    run, known = str(e.data.get("run") or ""), runs or {}
    return {
        "at": e.at,
        "title": event_title(e.kind, str(e.data.get("status", ""))),
        "tone": event_tone(e),
        "actor": e.actor,
        "incident": "" if within else e.incident,
        "run": run if run in known else "",
        "run_title": known.get(run, ""),
        "words": event_words(e, but=("run",) if run in known else ()),
    }


def title_of(site: Site, playbook: str) -> str:
    """The title of a playbook that is there now; its name otherwise."""
    try:
        return site.daemon.app.playbooks.load(playbook).book.title or playbook
    except BcpError:
        return playbook


def plan_title(plan: Mapping[str, Any]) -> str:
    """The title of a plan's playbook, as it was when it was planned."""
    try:
        return loads(plan["playbook_text"]).book.title or str(plan["playbook"])
    except (Invalid, KeyError):
        return str(plan["playbook"])


async def run_rows(site: Site, query: RunQuery) -> list[dict[str, Any]]:
    """The runs of this query, the newest first."""
    return await runs_of(site, [c.id for c in site.daemon.app.running.cards(query)])


async def runs_of(site: Site, ids: Sequence[str]) -> list[dict[str, Any]]:
    """These runs; one that cannot be read is left out."""
    out = []
    for run_id in ids:
        try:
            out.append(run_row(await site.daemon.app.running.runs.glance(run_id)))
        except BcpError:
            continue
    return out


def run_row(view: RunView) -> dict[str, Any]:
    """A run for people."""
    return {
        "id": view.id,
        "playbook": view.plan["playbook"],
        "title": plan_title(view.plan),
        "kind": view.plan["kind"],
        "status": view.status(),
        "initiator": view.plan["initiator"],
        "started": view.state.started,
        "ended": view.state.ended,
        "reason": view.state.reason,
        "checksum": view.plan["checksum"],
        "approvals": ", ".join(str(a["by"]) for a in view.state.approvals),
        "holding": view.state.status == "holding",
        "live": view.live,
        "stoppable": view.state.status not in FINAL,
    }
