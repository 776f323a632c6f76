"""What people are told of a question or an incident, in their language: sentences of ours, never half in another one.

In English everything stands in what is written down already. For another language the parts are made anew from what
they are about: the verdict, the plan, the consequence. What vendors and people said is evidence, and stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.incident import Incident, Question
from bcp.deeds.abort import moves_of
from bcp.detect.decide import Decision
from bcp.engine.gate import Answer
from bcp.engine.holds import SAID
from bcp.engine.moves import ANYWAY, Consequence
from bcp.kernel.errors import BcpError, Refused
from bcp.pages.words import USUAL, Words, words
from bcp.pages.words.said import in_language, in_rule
from bcp.plan.model import read_plan
from bcp.server.core import Core
from bcp.server.parts import tongue
from bcp.server.parts.matter import NAMED, SENDS, Matter
from bcp.wiring import App

DOMAINS = 5
"""So many are named in the consequence of an undo."""


def catalogue(language: str) -> Words | None:
    """Of a language other than English; ``None``: the English words that are there are said."""
    found = words(language[:2])
    return found if found.language != USUAL else None


def language_of(core: Core, template: str, form: str, language: str) -> str:
    """In which language this person (or, without a language, a place) gets this message: their own where it has that,
    else the organisation's. What is put into the text has to be in the same one."""
    usual = str(getattr(core.app.settings.organisation, "language", USUAL))
    pack = getattr(core.app.world, "pack", None)
    try:
        return (
            str(pack.get(template).text(form, language or usual, usual)[0]) if pack is not None else language or usual
        )
    except BcpError:
        return language or usual


# -- what is seen ------------------------------------------------------------------------------------------------------


def what(found: Decision, service: str, w: Words) -> str:
    """What is wrong, by its classes."""
    return classes(found.classes, w) or w("ask.service-is", service=service, state=w(f"ask.is.{found.state}"))


def classes(letters: Sequence[str], w: Words) -> str:
    """``Mails von außen (Klasse B)``; empty for none."""
    return w.listed([w("ask.class", title=w(f"ask.title.{c}"), letter=c) for c in letters[:2]])


def seen(found: Decision, w: Words) -> str:
    """What our looks say, plane by plane."""
    bad = [w(f"ask.plane.{v.name}") for v in found.views if v.status in {"down", "partial", "suspect"}]
    if bad:
        return w("ask.disturbed", planes=w.listed(bad))
    return w("ask.seen", state=w(f"ask.is.{found.state}"))


# -- what is asked -----------------------------------------------------------------------------------------------------


async def believed(core: Core, question: Question) -> Decision:
    """What is seen; and where nothing is seen (yet), as after a restart, what the incident was declared for: whoever is
    asked at night whether mail is to move must not read that the service *is unknown*."""
    found = core.seen()
    if found.state != "unknown" or found.classes or not question.incident:
        return found
    known = await core.do(lambda b: b.incident(question.incident))
    return replace(found, classes=known.classes) if known.state == "declared" else found


async def asked_in(core: Core, question: Question, matter: Matter, language: str) -> dict[str, str]:
    """The words of a question in this language, in place of the English ones; empty in English."""
    w = catalogue(language)
    if w is None:
        return {}
    short = although = ""
    if matter.asks == "undo":
        short, although, forecast = await _undo(core, question, w)
    elif matter.asks == "hand":
        forecast = by_hand(matter.forecast, w)
    else:
        short = forecast = await _start(core, question, w)
        forecast = in_language(matter.before, language) + forecast
    found = await believed(core, question)
    said = {"forecast": forecast, "short": short, "although": although, "seen": seen(found, w)}
    return said | {"what": what(found, core.app.settings.service, w)}


async def _undo(core: Core, question: Question, w: Words) -> tuple[str, str, str]:
    """What an undo does, why it should not be done, and both in one."""
    found = await asyncio.to_thread(_consequence, core, question)
    if found is None:
        short = w("ask.undo")
        return short, "", w("ask.undo.look", short=short)
    code = next((c for c in SAID if found.anyway(c) == question.checksum), "")
    short, although = w(f"ask.undo.{found.towards}"), w(f"ask.although.{code}") if code else ""
    rows = [w("ask.undo.row", domain=d, now=now, then=then) for d, (now, then) in list(found.mx.items())[:DOMAINS]]
    if more := len(found.mx) - len(rows):
        rows.append(w.many("ask.undo.more", more))
    text = f"{short}: {'; '.join(rows)}" if rows else short
    return short, although, w("ask.undo.but", text=text, although=although) if although else text


def _consequence(core: Core, question: Question) -> Consequence | None:
    """What the yes is bound to; ``None``: it is another one by now, or the run cannot be read."""
    try:
        found = moves_of(core.app, core.app.running.runs.view(question.run, effects=False))
    except BcpError:
        return None
    if found is None:
        return None
    mine = found[0]
    bound = {mine.anyway(c) for c in SAID} if question.step == ANYWAY else {mine.checksum}
    return mine if question.checksum in bound else None


async def _start(core: Core, question: Question, w: Words) -> str:
    """What a plan changes and sends."""
    if question.run:
        runs = core.app.running.runs
        changes, count = await runs.planned(question.run, "changes", 0, NAMED)
        sends, _ = await runs.planned(question.run, "forecasts", 0, SENDS)
        return forecast([str(c["target"]) for c in changes], count, [int(f["messages"]) for f in sends], w)
    path = core.state / "plans" / f"{question.step.removeprefix('plan:')}.json"
    plan = await asyncio.to_thread(read_plan, path)
    found = plan.changes()
    messages = [f.messages for s in plan.steps for f in s.forecasts]
    return forecast([c.target for c in found[:NAMED]], len(found), messages, w)


def forecast(targets: Sequence[str], changes: int, messages: Sequence[int], w: Words) -> str:
    """What a plan changes and sends, in a line: the changes first."""
    named = ", ".join(targets[:NAMED]) + (" ..." if changes > NAMED else "")
    parts = [f"{w.many('ask.changes', changes)}: {named}" if changes else w("ask.no-change")]
    if messages:
        parts.append(w.many("ask.messages", sum(messages)))
    return "; ".join(parts)


def by_hand(text: str, w: Words) -> str:
    """What is to be entered at a registrar: our sentences around the words of its form."""
    usual = words(USUAL)
    for key in (k for k in usual.texts if k.startswith("ask.hand.")):
        text = text.replace(usual(key), w(key))
    return text


# -- how it ended ------------------------------------------------------------------------------------------------------

ENDS = ("rejected", "no-answer", "clock-set-back", "run-over", "refused", "plan-changed", "unreadable")
"""Rules of closed questions that have words of their own."""


def ended(rule: str, answers: Sequence[Answer], w: Words) -> str:
    """How a question ended without a yes, by the code of its rule."""
    if rule == "rejected" and (who := w.listed([a.by for a in answers if not a.yes])):
        return w("ask.closed.rejected-by", who=who)
    if rule in ENDS:
        return w(f"ask.closed.{rule}")
    return w.known(f"rule.{rule}", w("ask.closed.other", rule=rule))


def closed_in(result: str, language: str) -> str:
    """How a question ended, as it was written down, in this language."""
    w = catalogue(language)
    if w is None:
        return result
    text = result.removeprefix("not approved: ")
    found = w.told(text, "closed.", "reason.", "noted.")
    return found if found != text else w("ask.in-record")


def title(incident: Incident, w: Words) -> str:
    """What an incident is about: by its classes; else as it was called."""
    return classes(incident.classes, w) or incident.title


# -- what is said to whoever answered ---------------------------------------------------------------------------------

NO_COUNT = ("run-over", "closed", "wrong-checksum", "not-an-approver", "initiator", "answered", "too-late",
            "nobody-performs", "locked", "link")  # fmt: skip
"""Rules by which an answer does not count that have words of their own."""


def of_person(app: App, person: str) -> Words | None:
    """The catalogue of this person's language; ``None``: English."""
    return catalogue(tongue.of_person(app, person))


def noted(app: App, by: str, checksum: str, *, yes: bool) -> str:
    """That an answer is on record."""
    w = of_person(app, by) or words()
    return w("ask.noted.yes" if yes else "ask.noted.no", by=by, plan=checksum[:12])


def does_not_count(app: App, error: BcpError, person: str = "") -> str:
    """Why an answer does not count, in this person's language (the organisation's for nobody)."""
    return refused_in(error, tongue.of_person(app, person))


def refused_in(error: BcpError, language: str) -> str:
    """Why an answer does not count: as the error says it, or by its rule in another language."""
    w = catalogue(language)
    if w is None:
        return error.message
    if not isinstance(error, Refused):
        return w("ask.no-count.not-taken")
    if error.rule in NO_COUNT:
        return w(f"ask.no-count.{error.rule}")
    return w("ask.no-count.other", why=in_rule(error.rule, language))
