"""The page of readiness: how each playbook stands, what does not hold and what to do, how it went."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bcp.contracts.readiness import Check
from bcp.deeds.readiness.look import Found
from bcp.deeds.readiness.report import seen_last
from bcp.kernel.errors import BcpError
from bcp.pages.plots import curve
from bcp.pages.times import Times
from bcp.ready.course import trend
from bcp.ready.standing import Standing, whole
from bcp.ready.words import going, grouped, reasons, sentence
from bcp.server.console.page import Site
from bcp.server.signin.accounts import Session

DAY_S = 86_400.0
SHOWN_S, OVER = 90 * DAY_S, 7
"""How much of a course is drawn; over how many days a trend is told."""


async def ready(site: Site, request: Request, session: Session) -> Response:
    """What the last round saw."""
    found = seen(site)
    if found is None:
        return site.page(request, "ready.html", session, found=None)
    values: dict[str, Any] = {
        "found": found,
        "level": whole(found.standings),
        "says": sentence(found.standings),
        "rows": [_row(site, s, found.at) for s in found.standings],
        "bad": [_reason(c) for c in grouped(reasons(found.checks))],
        "good": sorted({c.code for c in found.checks if c.state == "ok"}),
        "counts": {s: sum(1 for c in found.checks if c.state == s) for s in ("ok", "risk", "fail", "unknown")},
        "changes": site.daemon.readiness.store.changes(found.at - 30 * DAY_S, 50),
    }
    return site.page(request, "ready.html", session, **values)


def seen(site: Site) -> Found | None:
    """What the last round saw, of this process or the one before; ``None``: there was none."""
    if site.daemon.readiness.found is not None:
        return site.daemon.readiness.found
    try:
        return seen_last(site.daemon.app)
    except BcpError:
        return None


def in_a_line(found: Found | None) -> dict[str, str]:
    """How all of it stands, for another page; empty: nobody has looked."""
    return {} if found is None else {"level": whole(found.standings), "says": sentence(found.standings)}


def _row(site: Site, s: Standing, at: float) -> dict[str, Any]:
    course = site.daemon.readiness.store.course(s.playbook, at - SHOWN_S)
    times = Times(site.zone)
    points = [(p.at, float(p.number)) for p in course] + [(at, float(s.number))]
    caption = f"Promises of {s.playbook} that hold, in per cent"
    plot = curve(points, caption, times.minute(points[0][0]), "now") if len(course) > 1 else None
    return {"s": s, "plot": plot, "going": going(trend(course, at, OVER * DAY_S), OVER)}


def _reason(c: Check) -> dict[str, Any]:
    books = [p for p in c.playbooks if p]
    shown = ", ".join(books[:3]) + (f" and {len(books) - 3} more" if len(books) > 3 else "")
    return {"c": c, "books": shown or ("no playbook" if c.playbooks else "all playbooks")}
