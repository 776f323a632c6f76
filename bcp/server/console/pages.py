"""The pages: what is now, incidents, runs, plans, messages, drills, history, audit. They only show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from bcp.deeds import announce
from bcp.detect.decide import TITLES
from bcp.detect.history import uptime
from bcp.detect.watch import to_data
from bcp.detect.wording import ACTIONS, BARS
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.book import chain_damage
from bcp.incident.model import Event, Question
from bcp.incident.wording import event_words, tone
from bcp.kernel.clock import clock_text
from bcp.kernel.errors import BcpError, Invalid, Missing
from bcp.kernel.units import format_duration
from bcp.plan.model import read_plan
from bcp.playbook.load import load
from bcp.server.console.page import Site, in_thread
from bcp.server.parts.ask import forecast_of
from bcp.server.signin.accounts import Session

ROUNDS = 24


async def now(site: Site, request: Request, session: Session) -> Response:
    """What is now."""
    daemon = site.daemon
    found = daemon.seen()
    current = await daemon.writer.do(lambda b: b.current(daemon.app.settings.service))
    asked = [await question_view(site, session, q) for q in await daemon.writer.do(questions.open_questions)]
    values = {
        "v": to_data(found),
        "tone": tone(found.state),
        "service": daemon.app.settings.service,
        "what": " and ".join(TITLES[c] for c in found.classes),
        "proposal": ACTIONS.get(found.action, found.action),
        "playbook": daemon.app.playbooks.recommend(found) if found.classes else "",
        "looked": f"at {clock_text(daemon.clock.now())}" if daemon.sight.rounds else "not yet",
        "watching": daemon.sight.alive,
        "vantages": len(daemon.app.watching.watcher.detector.vantages),
        "probes": len(daemon.app.watching.watcher.mine),
        "asked": asked,
        "clock": found.clock,
        "incident": current,
        "runs": [r for r in run_rows(site, 10) if r["status"] not in {"done", "failed", "aborted"}],
        "planes": plane_rows(site),
    }
    return part(site, request, session, "now.html", "_now.html", values)


def part(site: Site, request: Request, session: Session, page: str, inner: str, values: Mapping[str, Any]) -> Response:
    """The page, or, when it asks for news, only what changes."""
    if request.query_params.get("part"):
        text = site.templates.get_template(inner).render({"user": session.user, "csrf": session.csrf, **values})
        return HTMLResponse(text)
    return site.page(request, page, session, **values)


def plane_rows(site: Site) -> list[dict[str, Any]]:
    """One row a plane at which something looks, or somebody reports."""
    found, history = site.daemon.seen(), site.daemon.app.watching.watcher.detector.lines()
    out = []
    for view in found.views:
        past = list(history.get(view.name, ()))[-ROUNDS:]
        if view.status == "unknown" and not any(w.role.value == "look" for w in view.ways):
            continue
        counted = ", ".join(f"{n} {s}" for s, n in Counter(past).most_common()) or "no round yet"
        told = next((e for e in found.evidence if view.name in found.planes), "")
        out.append(
            {
                "name": view.name,
                "status": view.status,
                "tone": tone(view.status),
                "spark": "".join(BARS.get(s, "?") for s in past),
                "words": f"last {len(past)} rounds: {counted}",
                "evidence": told,
            }
        )
    return out


async def question_view(site: Site, session: Session | None, q: Question, person: str = "") -> dict[str, Any]:
    """A question, with whether this person may answer it."""
    try:
        matter = site.daemon.asker.matter(q)
    except BcpError:
        matter = None
    who = person or (session.user.contact if session else "")
    role = session is None or session.user.may("approver")
    given = await site.daemon.writer.do(lambda b: questions.how_of(b, q))
    why = ""
    if not role:
        why = "Your role may look, not answer."
    elif who not in q.people:
        why = f"It asks {', '.join(sorted(q.people))}."
    elif any(a["by"] == who for a in given):
        why = "You have answered."
    return {
        "id": q.id,
        "state": q.state,
        "playbook": matter.playbook if matter else "?",
        "title": f"step {q.step}" if q.run else "before it starts",
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


async def incidents(site: Site, request: Request, session: Session) -> Response:
    """All of them."""
    found = await site.daemon.writer.do(lambda b: b.incidents(limit=100))
    return site.page(request, "incidents.html", session, incidents=found)


async def incident(site: Site, request: Request, session: Session) -> Response:
    """One."""
    do, name = site.daemon.writer.do, str(request.path_params["incident"])
    found = await do(lambda b: b.incident(name))
    events = await do(lambda b: b.events(found.id, limit=500))
    asked = [await question_view(site, session, q) for q in await do(lambda b: questions.questions_of(b, found.id))]
    alerts = await do(lambda b: b.alerts(found.id))
    values = {"i": found, "events": [event_row(e) for e in reversed(events)], "asked": asked, "alerts": alerts}
    return part(site, request, session, "incident.html", "_incident.html", values)


def event_row(e: Event) -> dict[str, Any]:
    """An event for people."""
    return {"at": e.at, "kind": e.kind, "actor": e.actor, "incident": e.incident, "words": event_words(e)}


# -- runs and plans --------------------------------------------------------------------------------------------------


def run_rows(site: Site, limit: int, *, drills: bool | None = None) -> list[dict[str, Any]]:
    """The newest first."""
    out = []
    for run_id in reversed(site.daemon.app.running.runs.ids()):
        try:
            view = site.daemon.app.running.runs.view(run_id, effects=False)
        except BcpError:
            continue
        if drills is None or (view.plan.get("kind") == "drill") == drills:
            out.append(run_row(view))
        if len(out) >= limit:
            break
    return out


def run_row(view: RunView) -> dict[str, Any]:
    """A run for people."""
    status = view.status()
    return {
        "id": view.id,
        "playbook": view.plan["playbook"],
        "kind": view.plan["kind"],
        "status": status,
        "tone": tone(status),
        "initiator": view.plan["initiator"],
        "started": view.state.started,
        "ended": view.state.ended,
        "reason": view.state.reason,
        "checksum": view.plan["checksum"],
        "approvals": ", ".join(str(a["by"]) for a in view.state.approvals),
        "holding": view.state.status == "holding",
        "live": view.live,
        "stoppable": view.state.status not in {"done", "failed", "aborted"},
    }


async def runs(site: Site, request: Request, session: Session) -> Response:
    """All runs."""
    return site.page(
        request, "runs.html", session, heading="Runs", intro="", checks=[], runs=run_rows(site, 100, drills=False)
    )


async def drills(site: Site, request: Request, session: Session) -> Response:
    """Drills, and whether everything is ready."""
    intro = "Practise every quarter: bcp drill run. What is not ready stands here first."
    return site.page(
        request,
        "runs.html",
        session,
        heading="Drills and readiness",
        intro=intro,
        checks=await readiness(site),
        runs=run_rows(site, 100, drills=True),
    )


async def readiness(site: Site) -> list[dict[str, Any]]:
    """Each channel asked whether it works; nothing is sent. Bounded in time."""

    async def one(name: str, channel: Any) -> list[dict[str, Any]]:
        try:
            async with asyncio.timeout(10):
                found = await channel.check()
        except (BcpError, TimeoutError) as error:
            return [
                {
                    "subject": name,
                    "state": "fail",
                    "tone": "bad",
                    "message": getattr(error, "message", "no answer in 10 s"),
                    "hint": "",
                }
            ]
        tones = {"ok": "ok", "warn": "warn", "fail": "bad"}
        return [
            {
                "subject": c.subject,
                "state": c.state,
                "tone": tones.get(c.state, ""),
                "message": c.message,
                "hint": c.hint,
            }
            for c in found
        ]

    groups = await asyncio.gather(*(one(n, c) for n, c in site.daemon.app.world.channels.items()))
    return [c for g in groups for c in g]


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
    steps = [
        {
            "id": s.id,
            "phase": s.phase,
            "status": s.status,
            "tone": tone(s.status),
            "text": s.summary or s.error + (f" {s.hint}" if s.hint else ""),
        }
        for s in view.state.steps.values()
    ]
    report = site.daemon.state / "reports" / view.id / "report.html"
    values = {
        "r": {**run_row(view), "report": report.is_file()},
        "asked": [await question_view(site, session, q) for q in open_ if q.run == view.id],
        "doubts": [s.id for s in view.state.doubtful()],
        "steps": steps,
    }
    return part(site, request, session, "run.html", "_run.html", values)


async def report(site: Site, request: Request, session: Session) -> Response:
    """Its report, which is a page of its own: without script, with its own style."""
    view = view_of(site, request)
    path = site.daemon.state / "reports" / view.id / "report.html"
    if not path.is_file():
        raise Missing(
            f"there is no report of {view.id}", hint="It is written when the run ends.", rule="no-such-report"
        )
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    return HTMLResponse(path.read_text(encoding="utf-8"), headers={"Content-Security-Policy": policy})


async def run_plan(site: Site, request: Request, session: Session) -> Response:
    """The plan of a run."""
    return plan_page(site, request, session, view_of(site, request).plan, start=False)


async def plan(site: Site, request: Request, session: Session) -> Response:
    """A plan that is not run yet."""
    name = str(request.path_params["plan"])
    path = site.daemon.state / "plans" / f"{name}.json"
    if not name.replace("-", "").isalnum() or not path.is_file():
        raise Missing(f"there is no plan {name!r}", hint="Make a new one.", rule="no-such-plan")
    open_ = await site.daemon.writer.do(questions.open_questions)
    waits = any(q.step == f"plan:{name}" for q in open_)
    return plan_page(site, request, session, read_plan(path).to_data(), start=not waits)


def plan_page(site: Site, request: Request, session: Session, data: Mapping[str, Any], *, start: bool) -> Response:
    """Changes with before and after, messages with samples, refusals first."""
    steps = data["steps"]
    refused = [r for s in steps for r in s["refusals"] if r["rule"] not in data["overrides"]]
    values: dict[str, Any] = {
        "p": data,
        "changes": [c for s in steps for c in s["changes"]],
        "sends": [f for s in steps for f in s["forecasts"]],
        "notes": list(dict.fromkeys(n for s in steps if s["would"] == "run" for n in s["notes"])),
        "refusals": refused,
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


# -- messages, history, audit ----------------------------------------------------------------------------------------


async def messages(site: Site, request: Request, session: Session) -> Response:
    """Preview per channel, with segments and forecast."""
    app, query = site.daemon.app, request.query_params
    names = [
        {"name": n, "title": app.world.pack.get(n).file.title}
        for n in app.world.pack.names()
        if not n.startswith(("question", "incident-notice"))
    ]
    chosen, letter = query.get("message", ""), query.get("letter", "") or (site.daemon.seen().outage_class or "B")
    audiences = list(app.people.directory.audiences)
    audience = query.get("audience", "") or ("employees" if "employees" in audiences else next(iter(audiences), ""))
    texts: list[Any] = []
    rows: list[dict[str, Any]] = []
    draft = False
    if chosen:
        draft = app.world.pack.get(chosen).file.draft
        texts = announce.texts(app, chosen, letter, {})
        found = await announce.forecast(app, audience, chosen, None, letter, {})
        fields = ("channel", "people", "messages", "segments", "seconds", "unreachable", "warnings")
        rows = [{**{n: getattr(r, n) for n in fields}, "cost": announce.cost(app, r)} for r in found]
    values: dict[str, Any] = {
        "names": names,
        "chosen": chosen,
        "audiences": audiences,
        "audience": audience,
        "letter": letter,
        "texts": texts,
        "rows": rows,
        "draft": draft,
    }
    return site.page(request, "messages.html", session, **values)


async def history(site: Site, request: Request, session: Session) -> Response:
    """Outages and how fast they were found; uptime."""
    past, since = site.daemon.app.watching.history, site.daemon.clock.now() - 90 * 86_400
    outages = [
        {
            "since": o.since,
            "classes": o.classes,
            "found": format_duration(o.detect_s()),
            "over": o.clear,
            "evidence": o.evidence,
        }
        for o in reversed(past.incidents(since))
    ]
    shares = [(p, f"{100 * good / known:.2f}", known) for p, (known, good) in uptime(past.rows(since)).items() if known]
    return site.page(request, "history.html", session, outages=outages, uptime=shares)


async def audit(site: Site, request: Request, session: Session) -> Response:
    """The chain, checked."""
    before = request.query_params.get("before", "")
    do, start_ = site.daemon.writer.do, int(before) if before.isdigit() and len(before) < 12 else 0
    events = await do(lambda b: b.events(limit=100, before=start_))
    damage, head = await in_thread(chain_damage, site.daemon.state / "incidents.db"), await do(lambda b: b.head())
    older = events[0].seq if events and events[0].seq > 1 else 0
    return site.page(
        request,
        "audit.html",
        session,
        events=[event_row(e) for e in reversed(events)],
        damage=damage,
        head=head,
        older=older,
    )


async def account(site: Site, request: Request, session: Session) -> Response:
    """Passkeys, password, and for admins who else there is."""
    keys = [{**k, "hex": k["id"].hex()} for k in site.accounts.passkeys(session.user.name)]
    admin = session.user.may("admin")
    return site.page(
        request,
        "account.html",
        session,
        keys=keys,
        people=site.accounts.users() if admin else [],
        tokens=site.accounts.tokens() if admin else [],
    )


async def events(site: Site, request: Request, session: Session) -> Response:
    """Server-sent events: that something changed, not what. At most two a second; a session that ended gets none."""
    hub = site.daemon.hub

    async def stream() -> AsyncIterator[str]:
        seen = hub.version
        yield "retry: 2000\n\n"
        while not hub.closing:
            fresh = await hub.wait(seen, 15.0)
            if hub.closing or site.session(request) is None:
                return
            if fresh == seen:
                yield ": still here\n\n"
                continue
            seen = fresh
            yield f"event: changed\ndata: {seen}\n\n"
            await asyncio.sleep(0.5)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
