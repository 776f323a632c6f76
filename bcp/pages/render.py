"""Templates into pages: everything is escaped, a missing value is an error, times are in the organisation's zone."""

from __future__ import annotations

import re
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration
from bcp.pages.palette import Look, look
from bcp.pages.times import Times
from bcp.pages.words import Words, words

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
"""What a browser loads beside a page of the console."""


def machine(at: float | str) -> str:
    """``2026-01-22T16:45:03Z``: for ``datetime`` attributes."""
    return at if isinstance(at, str) else iso(at)


def lines(text: object) -> Markup:
    """Line breaks kept, everything else escaped."""
    return Markup("<br>").join(escape(line) for line in str(text).split("\n"))


_LONG = re.compile(r"[^\s<>]{20,}")
_PLACES = re.compile(r"(?<=[-./@_:,;=])(?=[^\s])")


def breakable(text: object) -> Markup:
    """Long names (hosts, ids) may be broken after a dot, a hyphen and the like, and nowhere else; escaped."""
    said = str(text)
    if _LONG.search(said) is None:  # nearly all, and a page has thousands
        return escape(said)
    parts, at = [], 0
    for match in _LONG.finditer(said):
        parts.append(escape(said[at : match.start()]))
        pieces = (escape(p) for p in _PLACES.split(match.group()))
        parts.append(Markup("<wbr>").join(pieces))
        at = match.end()
    parts.append(escape(said[at:]))
    return Markup("").join(parts)


_CODE, _STRONG = re.compile(r"`([^`\n]+)`"), re.compile(r"\*([^*\n]+)\*")


def chat(text: object) -> Markup:
    """As Slack and its like show it: ``*strong*`` and code between backticks; escaped before that."""
    safe = str(escape(text))
    marked = _STRONG.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", safe))
    return Markup(marked)  # noqa: S704 - escaped before it was marked


def duration(seconds: float | None) -> str:
    """``1h 30m``; empty for none."""
    return "" if seconds is None else format_duration(float(seconds))


def capital(text: object) -> str:
    """The first letter large, the others as they are."""
    said = str(text)
    return said[:1].upper() + said[1:]


def style() -> Markup:
    """The style sheet, for pages that hold their own."""
    return Markup(_style())  # noqa: S704 - a file of ours


@lru_cache(maxsize=1)
def _style() -> str:
    return (STATIC / "style.css").read_text(encoding="utf-8")


@lru_cache(maxsize=16)
def environment(zone: str = "", language: str = "en") -> Environment:
    """The templates, with times in this zone, and states and ``t`` (the catalogue) in this language."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    times, texts = Times(zone, language), words(language)
    made.filters.update(
        when=times.when, minute=times.minute, clock=times.clock, day=times.day, zone=times.name, iso=machine,
        stamp=times.stamp, breakable=breakable, lines=lines, chat=chat, duration=duration, capital=capital,
    )  # fmt: skip
    made.globals.update(look=partial(look_in, texts), style=style, t=texts)
    return made


def look_in(texts: Words, state: str) -> Look:
    """How a state is shown, its word in this language."""
    found = look(state)
    return found if texts.language == "en" else Look(found.tone, texts.known(f"state.{state}", found.word))


def page(name: str, values: dict[str, Any], zone: str = "", language: str = "en") -> str:
    """The page of this template. Raises ``jinja2.UndefinedError`` when a value is missing, which is a fault of ours."""
    return environment(zone, language).get_template(name).render({"language": language, **values})
