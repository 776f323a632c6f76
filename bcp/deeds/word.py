"""A person's word about what is going on: "it is B", "it is no outage", "we are in maintenance until 14:00".

It weighs in the verdict, is shown beside it, and ends by itself. Whoever gave it can take it back;
nobody gives or takes back another's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bcp.deeds.who import RUN, Ground, Who
from bcp.detect.words import IS, IS_NOT, LONGEST_S, MAINTENANCE, PLANES_OF, WITHDRAWN, Word, active
from bcp.kernel.clock import iso, local
from bcp.kernel.errors import Invalid, Refused
from bcp.kernel.units import format_duration, parse_duration
from bcp.store.files.words import FILE, Line, add_word, read_words
from bcp.store.sqlite.book import Book

KINDS = {"none": IS_NOT, "maintenance": MAINTENANCE, "withdraw": WITHDRAWN}
"""What can be said besides the letter of a class."""
USUAL = "1h"
"""How long a word lasts when nothing else is said."""


@dataclass(frozen=True, slots=True)
class Give:
    """What somebody says. It has no name in it: whose word it is, the door has proven."""

    what: str
    """A class (A to H), ``none``, ``maintenance`` or ``withdraw``."""
    text: str = ""
    """Why, for the others."""
    lasts: str = ""
    """It ends after so long (``2h``) ..."""
    until: str = ""
    """... or at this time of day (``14:00``). Neither: after an hour."""
    zone: str = "UTC"
    """Time zone (IANA) of that time of day: a person's own; machines say UTC."""


async def give(ground: Ground, who: Who, wanted: Give) -> Word:
    """Write a person's word into the record of the incident that is open, and let the next look take it in.

    Raises:
        Refused: ``not-allowed``, ``no-person``; ``nothing-said`` (no word of this person
            holds that could be taken back).
        Invalid: ``no-such-word``; ``no-such-time``; ``word-too-long`` (a day at most).
        StorageError: nothing was said.
    """
    who.must(RUN)
    who.must_be_a_person()
    now, path = ground.app.clock.now(), ground.app.configuration.state / FILE
    letter = letter_of(wanted.what)
    kind = KINDS.get(wanted.what, IS)
    end = now if kind == WITHDRAWN else end_of(now, wanted.lasts, wanted.until, wanted.zone)
    if kind == WITHDRAWN and not any(w.who == who.person for w in words(ground)):
        raise Refused(
            f"no word of {who.person} holds now", hint="bcp watch --once shows what holds.", rule="nothing-said"
        )
    word = Word(kind, who.person, now, end, letter, " ".join(wanted.text.split())[:300])
    service = ground.app.settings.service

    def work(book: Book) -> None:
        """The record first: a word that cannot be kept is taken out of it again, with the transaction."""
        with book:
            current = book.current(service)
            said = {"word": kind, "classes": [letter] if letter else [], "until": iso(end), "text": word.text}
            book.note("word", current.id if current else "", who.person, how=who.how, **said)
            add_word(path, Line(word.kind, word.who, word.at, word.until, word.outage_class, word.text))

    await ground.do(work)
    return word


def letter_of(what: str) -> str:
    """The class that is said; empty where it is another word.

    Raises:
        Invalid: ``no-such-word``.
    """
    letter = what.upper() if what.upper() in PLANES_OF else ""
    if not letter and what not in KINDS:
        hint = f"{', '.join(PLANES_OF)}, {', '.join(KINDS)}."
        raise Invalid(f"{what[:40]!r} cannot be declared", hint=hint, rule="no-such-word")
    return letter


def words(ground: Ground) -> tuple[Word, ...]:
    """Those that hold now, the oldest first."""
    lines = read_words(ground.app.configuration.state / FILE)
    found = active((Word(x.kind, x.who, x.at, x.until, x.outage_class, x.text) for x in lines), ground.app.clock.now())
    return tuple(sorted(found, key=lambda w: w.at))


def end_of(now: float, lasts: str, until: str, zone: str = "UTC") -> float:
    """When a word ends. ``until`` is the next time at which a clock in this zone (IANA) shows it.

    Raises:
        Invalid: ``no-such-time``, ``word-too-long``.
    """
    if lasts and until:
        raise Invalid("how long and until when contradict each other", hint="Give one.", rule="no-such-time")
    end = _at(now, until, zone) if until else now + _seconds(lasts or USUAL)
    if end - now > LONGEST_S:
        longest = format_duration(LONGEST_S)
        raise Invalid(f"a word ends after {longest} at the latest", hint="Say it again then.", rule="word-too-long")
    return end


def _seconds(lasts: str) -> float:
    try:
        found = parse_duration(lasts)
    except ValueError as error:
        raise Invalid(f"how long: {error}", hint="For example 2h", rule="no-such-time") from error
    if found <= 0:
        raise Invalid("it would end at once", hint="For example 2h", rule="no-such-time")
    return found


def _at(now: float, until: str, zone: str) -> float:
    try:
        time = datetime.strptime(until, "%H:%M")
    except ValueError as error:
        hint = f"For example 14:00 ({local(now, zone):%Z})"
        raise Invalid(f"{until[:20]!r} is no time of day", hint=hint, rule="no-such-time") from error
    today = local(now, zone).replace(hour=time.hour, minute=time.minute, second=0, microsecond=0)
    # an hour that comes twice, when the clock is set back, is meant as the next of both
    shown = (today.replace(fold=0), today.replace(fold=1), today.replace(fold=0) + timedelta(days=1))
    return min(at for at in (s.timestamp() for s in shown) if at > now)
