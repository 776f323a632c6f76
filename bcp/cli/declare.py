"""``bcp declare``: a person's word about what is going on. It weighs in the verdict, is shown, and ends."""

from __future__ import annotations

from typing import Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.cli.common import wait_for
from bcp.kernel.clock import iso


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="declare",
        help="Say what it is, as on call: a class (A to H), `none`, `maintenance`, or `withdraw` to take it back.",
    )(declare)


def declare(
    what: Annotated[str, typer.Argument(help="A to H: it is that. none: it is no outage. maintenance. withdraw.")],
    text: Annotated[str, typer.Argument(help="Why, for the others.")] = "",
    lasts: Annotated[str, typer.Option("--for", metavar="TIME", help="It ends after so long; a day at most.")] = "",
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="It ends at this time of day, as clocks show it here: 14:00.")
    ] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Declare."""
    from bcp.cli.person import ground_of, who_is
    from bcp.deeds import word as saying
    from bcp.detect.words import WITHDRAWN

    saying.letter_of(what)  # before anybody is asked for a code
    app = make_app()
    wanted = saying.Give(what, text, lasts, until, zone=app.settings.organisation.timezone)
    word = wait_for(saying.give(ground_of(app), who_is(app, as_), wanted))
    ends = "" if word.kind == WITHDRAWN else f" It ends at {render.clock(word.until, seconds=False)}."
    render.emit(
        "bcp.word/1",
        {"kind": word.kind, "class": word.outage_class, "who": word.who, "until": iso(word.until), "text": word.text},
        f"Noted: {word.say()}.{ends} The next look takes it in.",
    )
