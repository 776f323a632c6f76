"""``bcp incident``: what is known of each outage, who was asked, and answers to what is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.cli.person import ground_of, who_is
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.pages.times import Times

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bcp.incident.model import Event, Incident, Question
    from bcp.store.sqlite.book import Book
    from bcp.wiring import App

MOST_ALERTS = 6
"""Lines in a row of what monitoring says."""
Which = Annotated[str, typer.Argument(metavar="INCIDENT", help="Id, its beginning, or 'last'.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Incidents: list, show, answer, declare, close, verify.", no_args_is_help=True, rich_markup_mode=None
    )
    group.command(name="list", help="The newest first.")(list_)
    group.command(name="show", help="Timeline, what monitoring says, who was asked.")(show)
    group.command(name="answer", help="Answer a question that waits: yes or no.")(answer)
    group.command(name="declare", help="Say that there is an outage; starts nothing.")(declare)
    group.command(name="close", help="Say that an outage is over, with a reason.")(close)
    group.command(name="reopen", help="Open a closed incident again, with a reason.")(reopen)
    group.command(name="verify", help="Prove that nothing in the book of incidents was altered.")(verify)
    app.add_typer(group, name="incident")


def _path(app: App) -> Path:
    return app.configuration.state / "incidents.db"


def _book(app: App) -> Book:
    """The book, to be read: looking never needs a disk that can be written."""
    from bcp.store.sqlite.book import Book

    path = _path(app)
    if not path.exists():
        raise Missing("there are no incidents yet", hint="`bcp serve` writes them down.", rule="no-such-incident")
    return Book(path, app.clock, to_read=True)


def list_() -> None:
    """List. That there is none yet is no error."""
    app = make_app()
    found = _book(app).incidents(limit=100) if _path(app).exists() else []
    data = [
        {
            "id": i.id,
            "state": i.state,
            "opened": iso(i.opened),
            "classes": list(i.classes),
            "title": i.title,
            "mode": i.mode,
            "runs": list(i.runs),
        }
        for i in found
    ]
    times = Times(render.OUT.zone)
    rows = [[i.id, i.state, times.exact(i.opened), "".join(i.classes), i.title] for i in found]
    render.emit(
        "bcp.incidents/1",
        {"incidents": data},
        render.table(rows, ["INCIDENT", "STATE", "OPENED", "CLASS", ""]) if rows else "None yet.",
    )


def show(incident: Which = "last") -> None:
    """Show."""
    from bcp.incident import questions

    book = _book(make_app())
    found = book.incident(incident)
    events, asked = book.events(found.id), questions.questions_of(book, found.id)
    times = Times(render.OUT.zone)
    lines = [f"{found.id}  {render.status_word(found.state)}  {found.title}"]
    for name in ("opened", "declared", "resolved", "closed"):
        if getattr(found, name):
            lines.append(f"  {name:<9} {times.exact(getattr(found, name))}")
    if found.runs:
        lines.append(f"  runs      {', '.join(found.runs)}")
    for q in asked:
        lines.append(
            render.wrap(
                f"{q.state}: {q.run or q.step}, plan {q.checksum[:12]}, "
                f"{q.result or 'until ' + times.exact(q.deadline)}",
                "            ",
                "  question  ",
            )
        )
        for a in questions.how_of(book, q):
            lines.append(f"            {a['by']}: {'yes' if a['yes'] else 'no'} ({a['how']})")
    lines += _timeline(events)
    data: dict[str, Any] = {
        "id": found.id, "state": found.state, "classes": list(found.classes), "title": found.title,
        "runs": list(found.runs),
        "events": [{"at": iso(e.at), "kind": e.kind, "actor": e.actor, "data": dict(e.data)} for e in events],
        "questions": [
            {"id": q.id, "run": q.run, "step": q.step, "state": q.state, "result": q.result, "until": iso(q.deadline)}
            for q in asked
        ],
    }  # fmt: skip
    render.emit("bcp.incident/1", data, "\n".join(lines))


def _timeline(events: Sequence[Event]) -> list[str]:
    """A line an event. A storm of alerts is folded: what was asked and answered must not drown in it."""
    from itertools import groupby

    from bcp.incident.wording import event_kind, event_words

    times, lines = Times(render.OUT.zone), []
    for kind, several in groupby(events, key=lambda e: e.kind):
        row = list(several)
        said = [
            render.wrap(
                f"{times.second(e.at)} {event_kind(e)} {e.actor} {event_words(e)}".rstrip(),
                "           ",
                "  ",
            )
            for e in row
        ]
        if kind.startswith("alert") and len(row) > MOST_ALERTS:
            more = f"  ...      {len(row) - MOST_ALERTS} more of these (all: bcp --output json incident show)"
            said = [*said[: MOST_ALERTS - 1], more, said[-1]]
        lines += said
    return lines


def answer(
    which: Annotated[
        str, typer.Argument(metavar="INCIDENT|QUESTION", help="Incident, or one question of it.")
    ] = "last",
    yes: Annotated[bool | None, typer.Option("--yes/--no", help="Your answer.")] = None,
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who answers; needs their approval code.")] = "",
    checksum: Annotated[
        str, typer.Option("--plan", help="First characters of the checksum you were shown; must agree.")
    ] = "",
) -> None:
    """Answer."""
    from bcp.deeds.answer import Answer
    from bcp.deeds.answer import answer as say

    if yes is None:
        raise Invalid("say what you decide", hint="Add --yes or --no.")
    app = make_app()
    asked = _question(_book(app), which)
    given = Answer(yes, question=asked.id, checksum=checksum)
    done = wait_for(say(ground_of(app), who_is(app, as_), given))
    render.emit(
        "bcp.answer/1",
        {
            "question": done.question,
            "run": done.run,
            "step": done.step,
            "answer": "approve" if yes else "reject",
            "by": done.by,
            "checksum": done.checksum,
        },
        f"{'Yes' if yes else 'No'} from {done.by} to {done.run or done.step}, plan {done.checksum[:12]}.",
    )


def declare(
    title: Annotated[str, typer.Argument(help="What is wrong, in one line.")],
    letters: Annotated[str, typer.Option("--class", help="Classes of the outage, for example BE.")] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Declare. Starts nothing."""
    from bcp.deeds.incident import Declare
    from bcp.deeds.incident import declare as say

    app = make_app()
    found = wait_for(say(ground_of(app), who_is(app, as_), Declare(title, tuple(letters.upper()))))
    _changed(found)


def close(
    incident: Which = "last",
    reason: Annotated[str, typer.Option("--reason", help="Why it is over; it stands in the record.")] = "",
    unaccounted: Annotated[
        str, typer.Option("--unaccounted", help="Why it is over although the fate of some mails is not known.")
    ] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Close by hand."""
    from bcp.deeds.incident import Close
    from bcp.deeds.incident import close as say

    app = make_app()
    _changed(wait_for(say(ground_of(app), who_is(app, as_), Close(incident, reason, unaccounted))))


def reopen(
    incident: Which = "last",
    reason: Annotated[str, typer.Option("--reason", help="Why it is not over; it stands in the record.")] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Open a closed one again."""
    from bcp.deeds.incident import Close
    from bcp.deeds.incident import reopen as say

    app = make_app()
    _changed(wait_for(say(ground_of(app), who_is(app, as_), Close(incident, reason))))


def _changed(found: Incident) -> None:
    data = {"id": found.id, "state": found.state, "classes": list(found.classes), "title": found.title}
    render.emit("bcp.incident-state/1", data, f"{found.id} is {found.state}: {found.title}")


def _question(book: Book, which: str) -> Question:
    """The question, or the only open one of an incident. Raises ``Invalid``."""
    from bcp.incident import questions

    if which.startswith("q-"):
        return questions.question(book, which)
    incident = book.incident(which)
    open_ = questions.waiting_of(book, incident.id)
    if not open_:
        raise Refused(f"nothing of {incident.id} waits for an answer", rule="no-open-gate", hint="bcp incident show")
    if len(open_) > 1:
        names = ", ".join(q.id for q in open_)
        raise Invalid("several questions wait", hint=f"Name one: {names}", rule="several-gates")
    return open_[0]


def verify() -> None:
    """Verify."""
    book = _book(make_app())
    damage, head = book.damage(), book.head()
    render.emit(
        "bcp.incident-verify/1",
        {"ok": not damage, "damage": damage, "head": head},
        f"{'BROKEN: ' + damage if damage else 'Unbroken'}, head {head}",
    )
    if damage:
        raise typer.Exit(1)
