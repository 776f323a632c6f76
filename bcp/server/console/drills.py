"""Exercises in the console: the record, and forms for what people write. The deeds check everything."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from bcp.contracts.exercise import Objective
from bcp.deeds import drill_calendar as calendar
from bcp.deeds import exercise as writing
from bcp.deeds.drill_calendar import Wish
from bcp.deeds.exercise import NOTES, SEVERITIES, FindingOf, New, NoteOf
from bcp.deeds.exercises import record_of
from bcp.deeds.reports import write_report
from bcp.deeds.year import look_back
from bcp.drills.outline import KINDS
from bcp.drills.play import Play
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.units import parse_duration
from bcp.pages.report_front import TONES
from bcp.pages.words import Words, words
from bcp.pages.year import year_values
from bcp.rehearse.scene import scenario_of
from bcp.reports.answer import amount, answer_of, title_of
from bcp.reports.year import to_data
from bcp.server.console.page import Site, field, in_thread, to
from bcp.server.console.runs import ALONE
from bcp.server.signin.accounts import Session
from bcp.server.signin.who import who_sits

Form = dict[str, list[str]]


async def drill(site: Site, request: Request, session: Session) -> Response:
    """One exercise."""
    record = await in_thread(record_of, site.daemon.app, _name(request))
    english = words("en")
    answer = answer_of(record, english)
    values: dict[str, Any] = {
        "d": record, "notes": NOTES, "severities": SEVERITIES, "answer": answer, "tone": TONES[answer.code],
        "goals": [_goal(o, english) for o in record.objectives],
    }  # fmt: skip
    return cast(Response, await in_thread(partial(site.page, request, "drill.html", session, **values)))


def _goal(o: Objective, english: Words) -> dict[str, str]:
    """An objective as people read it."""
    achieved = "" if o.achieved is None else amount(o.achieved, o.unit, english)
    target = amount(o.target, o.unit, english)
    title = title_of(o, english)
    return {"title": title, "criterion": o.criterion, "target": target, "achieved": achieved, "judged": o.judged}


async def report(site: Site, request: Request, session: Session) -> Response:
    """Its report as it is now, in the language that is asked for: a page of its own, without script."""
    return await _alone(site, request, _name(request), "drill-")


async def incident_report(site: Site, request: Request, session: Session) -> Response:
    """The same of a real incident."""
    return await _alone(site, request, str(request.path_params["incident"])[:100], "inc-")


async def _alone(site: Site, request: Request, what: str, prefix: str) -> Response:
    if not what.startswith(prefix):
        raise Missing(f"there is no report of {what!r}", rule="no-such-report")
    language = request.query_params.get("language", "")[:2]
    _, paths = await in_thread(write_report, site.daemon.app, what, ("html",), language)
    text = await in_thread(Path(paths["html"]).read_text, "utf-8")
    return HTMLResponse(text, headers={"Content-Security-Policy": ALONE})


async def year(site: Site, request: Request, session: Session) -> Response:
    """What was rehearsed in a year, what was not, and what is open."""
    query = request.query_params
    work = partial(look_back, site.daemon.app, query.get("from", "")[:10], query.get("to", "")[:10], "en")
    data = to_data(await in_thread(work))
    values = {"first": query.get("from", "")[:10], "last": query.get("to", "")[:10], **year_values(data, words("en"))}
    return cast(Response, await in_thread(partial(site.page, request, "year.html", session, **values)))


def _name(request: Request) -> str:
    return str(request.path_params["drill"])[:100]


def _plain(text: str) -> str:
    """A name from a form: never a path. Raises ``Invalid``."""
    if text and not text.replace("-", "").isalnum():
        raise Invalid(f"{text[:60]!r} is no name", rule="no-such-scenario")
    return text


async def make(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A new one."""
    kind = next((k for k in KINDS if k == field(form, "kind")), None)
    if kind is None:
        raise Invalid("choose a kind", rule="no-such-kind", hint=", ".join(KINDS))
    scene, answers = await in_thread(scenario_of, kind, _plain(field(form, "scenario")))
    play = Play(
        _plain(field(form, "playbook")) or answers,
        domains=tuple(field(form, "domains").split()),
        outage=scene.name if kind == "lab" else "",
        volunteers=_plain(field(form, "volunteers")),
    )
    wanted = New(kind, scene, play, field(form, "title"), tuple(field(form, "objectives").split()))
    found = await in_thread(writing.make, site.daemon.ground(), who_sits(session), wanted)
    return to(f"/drills/{found}", "The exercise is made.")


async def note(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Something is written down."""
    kind, rating = field(form, "kind") or "observation", field(form, "rating")
    stars = int(rating) if rating.isascii() and rating.isdigit() and kind == "feedback" else None
    wanted = NoteOf(field(form, "text"), kind, field(form, "reaches"), stars)
    found = await in_thread(writing.note, site.daemon.ground(), who_sits(session), _name(request), wanted)
    return _back(site, found, "It is written down.")


async def attend(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Who is there."""
    person, role, absent = field(form, "person"), field(form, "role"), bool(field(form, "absent"))
    work = partial(
        writing.attend, site.daemon.ground(), who_sits(session), _name(request), person, role=role, absent=absent
    )
    return _back(site, await in_thread(work), "It is written down.")


async def finding(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A new one, or what became of one."""

    def given(name: str) -> str | None:
        return field(form, name) or None

    wanted = FindingOf(
        field(form, "id"), given("title"), given("severity"), given("cause"), given("owner"), given("due"),
        given("retest"), bool(field(form, "urgent")) or None, given("state"),
    )  # fmt: skip
    await in_thread(writing.finding, site.daemon.ground(), who_sits(session), _name(request), wanted)
    return _back(site, _name(request), "It is written down.")


async def sign(site: Site, request: Request, session: Session, form: Form) -> Response:
    """A named person's yes."""
    work = partial(writing.sign, site.daemon.ground(), who_sits(session), _name(request), field(form, "role"))
    return _back(site, await in_thread(work), "You have signed it.")


async def close(site: Site, request: Request, session: Session, form: Form) -> Response:
    """Nothing more is written in it."""
    why = field(form, "unsigned")
    work = partial(writing.close, site.daemon.ground(), who_sits(session), _name(request), without=why)
    return _back(site, await in_thread(work), "The record is closed.")


async def cancel(site: Site, request: Request, session: Session, form: Form) -> Response:
    """It will not be played."""
    work = partial(writing.cancel, site.daemon.ground(), who_sits(session), _name(request), field(form, "reason"))
    return _back(site, await in_thread(work), "It will not be played.")


async def schedule(site: Site, request: Request, session: Session, form: Form) -> Response:
    """When it is to happen."""
    try:
        window = parse_duration(field(form, "window") or "1h")
    except ValueError as error:
        raise Invalid("the window is no duration", rule="no-window", hint="For example 2h.") from error
    wish = Wish(field(form, "at"), "", window, field(form, "every"), bool(field(form, "surprise")))
    await in_thread(calendar.schedule, site.daemon.ground(), who_sits(session), _name(request), wish)
    return _back(site, _name(request), "It is in the calendar.")


def _back(site: Site, drill: str, said: str) -> Response:
    site.daemon.hub.changed()
    return to(f"/drills/{drill}", said)
