"""The front page: what is now, gathered from the parts; what its words are is thought out in ``bcp.pages.front``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bcp import registry
from bcp.contracts.store import RunQuery
from bcp.detect.decide import TITLES, Decision
from bcp.detect.watch import to_data
from bcp.detect.wording import ACTIONS
from bcp.engine.left import kept_domains, left_of
from bcp.engine.store import RunView
from bcp.incident import questions
from bcp.incident.standing import stuck
from bcp.kernel.errors import BcpError, Invalid
from bcp.pages import front
from bcp.pages.plots import curve, strip
from bcp.pages.times import Times
from bcp.playbook.load import Placed, loads
from bcp.server.console.page import Site
from bcp.server.console.views import part, question_view, run_rows, title_of, word_form
from bcp.server.signin.accounts import Session
from bcp.store.files.inbox import read_answers

ROUNDS = 24
"""Rounds that a strip shows."""


async def now(site: Site, request: Request, session: Session) -> Response:
    """What is now."""
    daemon = site.daemon
    found = daemon.seen()
    asked = [await question_view(site, session, q) for q in await daemon.writer.do(questions.open_questions)]
    s = await situation(site, found, [q for q in asked if q["state"] == "open"])
    playbook = daemon.app.playbook_for(found) if found.action != "hold" else ""
    values = {
        "v": to_data(found),
        "tone": front.page_tone(s),
        "sentence": front.sentence(s),
        "next_step": front.next_step(s),
        "numbers": front.numbers(s),
        "clock": front.if_nothing(s, found.clock),
        "mails": mail_plot(site),
        "mx": s.mx,
        "way_back": s.mx.relay and found.state == "healthy",
        "playbook": playbook if not s.mx.relay else "",
        "playbook_title": title_of(site, playbook) if playbook else "",
        "watching": s.watching,
        "looked": daemon.sight.looked_at(),
        "vantages": len(daemon.app.watching.watcher.detector.vantages),
        "probes": len(daemon.app.watching.watcher.mine),
        "asked": asked,
        "incident": await daemon.writer.do(lambda b: b.current(daemon.app.settings.service)),
        "runs": await run_rows(site, RunQuery(unfinished=True)),
        "planes": plane_rows(site),
        **word_form(site),
    }
    return part(site, request, session, "now.html", "_now.html", values)


async def situation(site: Site, found: Decision, asked: list[dict[str, Any]]) -> front.Situation:
    """All that the words rest on."""
    daemon, running = site.daemon, site.daemon.app.running
    holding = await daemon.conductor.holding()
    mx = await where_mx_is_now(site)
    told, failed = _told(holding)
    first = min(asked, key=lambda q: q["deadline"], default=None)
    return front.Situation(
        service=daemon.app.settings.service,
        state=found.state,
        stage=found.stage,
        what=" and ".join(TITLES[c] for c in found.classes),
        since=found.since,
        now=daemon.clock.now(),
        looked=bool(daemon.sight.rounds),
        watching=daemon.sight.alive and daemon.sight.healthy_watch(),
        proposal=ACTIONS.get(found.action, found.action),
        why=found.why,
        mx=mx,
        mails=_mails(site),
        decide_at=found.decide_at,
        asked_until=first["deadline"] if first else 0.0,
        asked_people=tuple(first["people"]) if first else (),
        asked_deed=bool(first and first.get("by_hand")),
        told=told,
        failed=failed,
        answered=_answered(site, holding) if told is not None else None,
        news_at=_news(holding),
        zone=site.zone,
        looked_at=daemon.sight.looked_at(),
        hindered=daemon.hindered(),
        stuck=stuck(running.cards(RunQuery(unfinished=True, moves_mx=True)), running.runs.status_of),
    )


def where_mx_is(views: Iterable[RunView]) -> front.Mx:
    """Where our runs left MX: the newest one whose switch stands decides, whatever became of it. The newest first."""
    doubt = ""
    for view in views:
        found, doubt = _left_by(view), doubt or _in_doubt(view)
        if found is not None:
            return replace(found, doubt=doubt)
    return front.Mx(False, doubt=doubt)


async def where_mx_is_now(site: Site) -> front.Mx:
    """The same of all real runs that move MX; they are read one after the other, as far as the answer lies."""
    running, doubt = site.daemon.app.running, ""
    for card in running.cards(RunQuery(kind="real", moves_mx=True)):
        try:
            view = await running.runs.glance(card.id)
        except BcpError:
            continue
        found, doubt = _left_by(view), doubt or _in_doubt(view)
        if found is not None:
            return replace(found, doubt=doubt)
    return front.Mx(False, doubt=doubt)


def _in_doubt(view: RunView) -> str:
    """The run, where a step of it that moves MX is in doubt: whether it did decides over what older ones left."""
    steps = (view.state.steps.get(p.id) for p in _switches(view))
    return view.id if any(s is not None and s.status == "in_doubt" for s in steps) else ""


def _left_by(view: RunView) -> front.Mx | None:
    """Where this run left MX; ``None``: none of its switches stands."""
    for placed in reversed(_switches(view)):
        state = view.state.steps.get(placed.id)
        if state is None or state.status not in {"ok", "unchanged", "undo_failed"}:
            continue
        there = registry.actions()[placed.step.uses].to_relay(placed.step.with_)
        if state.status == "undo_failed":
            if there:  # where it points now, whoever stopped the undo knows
                return front.Mx(False, left_by=view.id, left_at=state.ended)
            continue
        if not there:
            return front.Mx(False)
        lost = {x.domain for x in left_of(view) if not x.known}  # of these nobody knows where their mail goes
        domains = tuple(d for d in kept_domains(view) if d not in lost)
        return front.Mx(True, state.ended, domains, view.id, str(view.plan["playbook"]))
    return None


def _switches(view: RunView) -> list[Placed]:
    try:
        known = registry.actions()
        steps = loads(view.plan["playbook_text"]).steps
        return [p for p in steps if p.step.uses in known and known[p.step.uses].moves_mx]
    except (Invalid, KeyError):
        return []


def _told(holding: list[RunView]) -> tuple[int | None, int]:
    """Messages taken, and people who were not reached, by the runs that hold; ``None`` when none has told anybody."""
    steps = [s for v in holding for s in v.state.steps.values() if "sent" in s.outputs]
    if not steps:
        return None, 0
    return sum(int(s.outputs["sent"]) for s in steps), sum(int(s.outputs.get("failed", 0)) for s in steps)


def _news(holding: list[RunView]) -> float:
    """When the runs that hold tell people next; 0 when none does."""
    times = []
    for view in holding:
        for step in loads(view.plan["playbook_text"]).book.hold:
            state = view.state.steps.get(step.id or "")
            if step.every and state is not None:
                times.append((state.ended or view.state.hold_since) + step.every)
    return min(times, default=0.0)


def _answered(site: Site, holding: list[RunView]) -> int:
    """Different people who sent something back since the first of these runs began."""
    since = min((v.state.started for v in holding), default=site.daemon.clock.now())
    return len({a.sender for a in read_answers(site.daemon.state, since)})


def _mails(site: Site) -> front.Mails:
    mails = site.daemon.mails
    if mails.problem or not mails.series:
        return front.Mails(problem=mails.problem)
    at, count = mails.series[-1]
    return front.Mails(count, at)


def mail_plot(site: Site) -> Any:
    """The mails that the relay holds over time; ``None`` while there is no line to draw."""
    series = list(site.daemon.mails.series)
    if len(series) < 2:
        return None
    times = Times(site.zone)
    return curve(series, "Mails that the relay holds", times.minute(series[0][0]), times.minute(series[-1][0]))


def plane_rows(site: Site) -> list[dict[str, Any]]:
    """One row a plane at which something looks, or somebody reports."""
    found, history = site.daemon.seen(), site.daemon.app.watching.watcher.detector.lines()
    out = []
    for view in found.views:
        if view.status == "unknown" and not any(w.role.value == "look" for w in view.ways):
            continue
        told = next((e for e in found.evidence if view.name in found.planes), "")
        past = strip(history.get(view.name, ()), ROUNDS)
        out.append({"name": view.name, "status": view.status, "plot": past, "evidence": told})
    return out
