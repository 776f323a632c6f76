"""``bcp declare``: a person's word about what is going on. It weighs in the verdict, is shown, and ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from bcp.cli import render
from bcp.cli.common import app as make_app
from bcp.kernel.clock import iso
from bcp.kernel.errors import Invalid
from bcp.kernel.units import format_duration, parse_duration

DEFAULT = "1h"


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
        str, typer.Option("--until", metavar="TIME", help="It ends at this time of day (UTC): 14:00.")
    ] = "",
    as_: Annotated[str, typer.Option("--as", metavar="CONTACT", help="Who says so; needs their approval code.")] = "",
) -> None:
    """Declare."""
    from bcp.cli.person import prove_person
    from bcp.detect.words import IS, IS_NOT, LONGEST_S, MAINTENANCE, WITHDRAWN, Word
    from bcp.store.files.words import FILE, Line, add_word

    kinds = {"none": IS_NOT, "maintenance": MAINTENANCE, "withdraw": WITHDRAWN}
    letter = what.upper() if len(what) == 1 and what.upper() in "ABCDEFGH" else ""
    if not letter and what not in kinds:
        raise Invalid(f"{what!r} cannot be declared", hint="A to H, none, maintenance or withdraw.")
    app = make_app()
    now = app.clock.now()
    end = _end(now, lasts, until)
    if end - now > LONGEST_S:
        raise Invalid(f"a word ends after {format_duration(LONGEST_S)} at the latest", hint="Say it again then.")
    word = Word(kinds.get(what, IS), prove_person(app, as_), now, end, letter, " ".join(text.split())[:300])
    line = Line(word.kind, word.who, word.at, word.until, word.outage_class, word.text)
    add_word(app.configuration.state / FILE, line)
    render.emit(
        "bcp.word/1",
        {"kind": word.kind, "class": letter, "who": word.who, "until": iso(end), "text": word.text},
        f"Noted: {word.say()}. It ends at {render.clock(end, seconds=False)}. The next look takes it in.",
    )


def _end(now: float, lasts: str, until: str) -> float:
    """When it ends. Raises ``Invalid``."""
    if lasts and until:
        raise Invalid("--for and --until contradict each other", hint="Give one.")
    if not until:
        try:
            return now + parse_duration(lasts or DEFAULT)
        except ValueError as error:
            raise Invalid(f"--for: {error}", hint="For example --for 2h") from error
    try:
        hour, _, minute = until.partition(":")
        today = datetime.fromtimestamp(now, UTC).replace(hour=int(hour), minute=int(minute), second=0, microsecond=0)
    except ValueError as error:
        raise Invalid(f"--until {until!r} is no time of day", hint="For example --until 14:00 (UTC)") from error
    return (today if today.timestamp() > now else today + timedelta(days=1)).timestamp()
