"""Templates into pages: everything is escaped, a missing value is an error, times are in the organisation's zone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration
from bcp.pages.palette import look

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"
"""What a browser loads beside a page of the console."""


def zone_of(name: str) -> tzinfo:
    """The time zone of this name (IANA); UTC for one that is empty or not known here."""
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def known_zone(name: str) -> str:
    """The name itself, for settings. Raises ``ValueError`` when this machine knows no such zone."""
    if name and name != "UTC" and zone_of(name) is UTC:
        raise ValueError(f"there is no time zone {name!r}")
    return name


def seconds_of(at: float | str) -> float | None:
    """Epoch seconds of a time that is given as such, or as ISO 8601; ``None`` when it is neither."""
    if not isinstance(at, str):
        return float(at)
    try:
        return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


class Times:
    """Filters for times in one zone. Each gives an empty text for no time."""

    def __init__(self, zone: str) -> None:
        self.zone = zone_of(zone)

    def _local(self, at: float | str) -> datetime | None:
        seconds = seconds_of(at) if at else None
        return datetime.fromtimestamp(seconds, self.zone) if seconds is not None else None

    def when(self, at: float | str) -> str:
        """``22 Jan 17:45:03``, or the text itself when it is no time."""
        local = self._local(at)
        return local.strftime("%d %b %H:%M:%S") if local else str(at or "")

    def minute(self, at: float | str) -> str:
        """``17:45 CET``: for sentences."""
        local = self._local(at)
        return local.strftime("%H:%M %Z") if local else ""

    def clock(self, at: float | str) -> str:
        """``17:45``: for large numbers, whose zone stands beside them."""
        local = self._local(at)
        return local.strftime("%H:%M") if local else ""

    def day(self, at: float | str) -> str:
        """``Thursday 22 January 2026``."""
        local = self._local(at)
        return f"{local:%A} {local.day} {local:%B %Y}" if local else ""

    def name(self, at: float | str) -> str:
        """``CET``, or ``UTC``: what the zone is called at that time."""
        local = self._local(at)
        return local.strftime("%Z") if local else ""


def machine(at: float | str) -> str:
    """``2026-01-22T16:45:03Z``: for ``datetime`` attributes."""
    return at if isinstance(at, str) else iso(at)


def lines(text: object) -> Markup:
    """Line breaks kept, everything else escaped."""
    return Markup("<br>").join(escape(line) for line in str(text).split("\n"))


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


@lru_cache(maxsize=8)
def environment(zone: str = "") -> Environment:
    """The templates, with times in this zone."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    times = Times(zone)
    made.filters.update(
        when=times.when, minute=times.minute, clock=times.clock, day=times.day, zone=times.name, iso=machine,
        lines=lines, chat=chat, duration=duration, capital=capital,
    )  # fmt: skip
    made.globals.update(look=look, style=style)
    return made


def page(name: str, values: dict[str, Any], zone: str = "") -> str:
    """The page of this template. Raises ``jinja2.UndefinedError`` when a value is missing, which is a fault of ours."""
    return environment(zone).get_template(name).render(values)


def plural(count: int, one: str, many: str = "") -> str:
    """``1 mail``, ``2 mails``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(names: Iterable[str]) -> str:
    """``a, b and c``."""
    first = list(names)
    last = first.pop() if first else ""
    return f"{', '.join(first)} and {last}" if first else last
