"""The other pages: incidents, messages, history, audit, one's own account. They only show."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from bcp.comms.preview import shown
from bcp.deeds import announce
from bcp.detect.decide import TITLES
from bcp.detect.history import uptime
from bcp.incident import questions
from bcp.incident.wording import incident_sentence
from bcp.kernel.units import format_duration
from bcp.pages.times import Times, listed
from bcp.server.console.page import Site, in_thread
from bcp.server.console.views import event_row, part, question_view, runs_of, word_form
from bcp.server.signin.accounts import Session
from bcp.store.sqlite.book import chain_damage

STREAMS = 16
"""Pages of one person that hear at once that something changed: each holds a connection."""


async def incidents(site: Site, request: Request, session: Session) -> Response:
    """All of them."""
    found = await site.daemon.writer.do(lambda b: b.incidents(limit=100))
    return site.page(request, "incidents.html", session, incidents=found)


async def incident(site: Site, request: Request, session: Session) -> Response:
    """One."""
    do, name = site.daemon.writer.do, str(request.path_params["incident"])
    found = await do(lambda b: b.incident(name))
    events = await do(lambda b: b.events(found.id, limit=500))
    asked = [await question_view(site, session, q) for q in await do(lambda b: questions.waiting_of(b, found.id))]
    alerts = await do(lambda b: b.alerts(found.id))
    runs = await runs_of(site, found.runs)
    titles = {r["id"]: r["title"] for r in runs}
    values = {
        "i": found,
        "sentence": incident_sentence(found, Times(site.zone).minute),
        "what": listed(TITLES[c] for c in found.classes),
        "events": [event_row(e, titles, within=True) for e in reversed(events)],
        "asked": asked,
        "alerts": alerts,
        "runs": runs,
        "mails": "mails" in request.query_params,
        **word_form(site),
    }
    return part(site, request, session, "incident.html", "_incident.html", values)


# -- messages, history, audit ----------------------------------------------------------------------------------------


async def messages(site: Site, request: Request, session: Session) -> Response:
    """Preview per channel, with segments and forecast."""
    app, query = site.daemon.app, request.query_params
    names = [
        {"name": n, "title": app.world.pack.get(n).file.title}
        for n in app.world.pack.names()
        if not n.startswith(("question", "incident-notice", "drill-notice"))
    ]
    chosen, letter = query.get("message", ""), query.get("letter", "") or (site.daemon.seen().outage_class or "B")
    audiences = list(app.people.directory.audiences)
    audience = query.get("audience", "") or ("employees" if "employees" in audiences else next(iter(audiences), ""))
    texts: list[Any] = []
    rows: list[dict[str, Any]] = []
    draft = False
    if chosen:
        draft = app.world.pack.get(chosen).file.draft
        texts = [shown(t) for t in announce.texts(app, chosen, letter, {})]
        found = await announce.forecast(app, audience, chosen, None, letter, {})
        fields = ("channel", "people", "messages", "segments", "seconds", "unreachable", "warnings")
        rows = [{**{n: getattr(r, n) for n in fields}, "cost": announce.cost(app, r)} for r in found]
    values: dict[str, Any] = {
        "names": names,
        "chosen": chosen,
        "audiences": audiences,
        "audience": audience,
        "letter": letter,
        "classes": list(TITLES.items()),
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
    do, start_ = site.daemon.writer.do, int(before) if before.isascii() and before.isdigit() and len(before) < 12 else 0
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
    hub, who = site.daemon.hub, session.user.name
    if site.listening[who] >= STREAMS:
        return PlainTextResponse("too many open pages\n", 429, headers={"Retry-After": "30"})

    async def stream() -> AsyncIterator[str]:
        seen = hub.version
        site.listening[who] += 1
        try:
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
                await asyncio.sleep(0.5)  # noqa: TID251 - a browser's real time
        finally:
            site.listening -= Counter([who])

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
