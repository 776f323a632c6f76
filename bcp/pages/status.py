"""The status page: one self-contained file without a script, and its feeds. Pure: entries in, text out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bcp.kernel.clock import iso
from bcp.pages.palette import page_tone
from bcp.pages.render import page

WORDS = {
    "en": {
        "none": "No incident is reported.", "newest": "Newest first.", "times": "Times are {}.", "feed": "Feed",
        "ok": "Working", "warn": "Being watched", "bad": "Disturbed", "since": "Last news",
        "again": "Load again for news",
        "title": "Service status",
    },
    "de": {
        "none": "Keine Störung gemeldet.", "newest": "Neuestes zuerst.", "times": "Zeiten in {}.", "feed": "Feed",
        "ok": "In Betrieb", "warn": "Wird beobachtet", "bad": "Gestört", "since": "Stand", "again": "Neu laden",
        "title": "Status der Dienste",
    },
}  # fmt: skip
"""What the page itself says, by language; English where there is no other."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``html`` was escaped when it was rendered; ``at`` is epoch seconds; ``phase`` is the message's."""

    key: str
    at: float
    title: str
    html: str
    text: str
    template: str
    language: str
    phase: str = ""


def said_in(entries: Sequence[Entry], language: str) -> str:
    """The language of the page: that of the newest entry, else ``language``."""
    return entries[0].language if entries else language


def title_in(title: str, language: str) -> str:
    """The title of the page; one of ours in this language where it has none."""
    return title or WORDS.get(language[:2], WORDS["en"])["title"]


def status_page(title: str, entries: Sequence[Entry], zone: str = "", language: str = "en") -> str:
    """The page. ``entries`` are in the order in which they were published, the newest first. ``language``: that of the
    page while nothing is reported."""
    language = said_in(entries, language)
    words = WORDS.get(language[:2], WORDS["en"])
    tone = page_tone([e.phase for e in entries])
    rows = []
    for e, phases in zip(entries, _from_here(entries), strict=True):
        body = Markup(e.html)  # noqa: S704 - made by ``entry_body``
        rows.append({"title": e.title, "at": e.at, "language": e.language, "body": body, "tone": page_tone(phases)})
    values = {
        "title": title_in(title, language),
        "language": language,
        "words": words,
        "tone": tone,
        "entries": rows,
        "zone": zone or "UTC",
    }
    return page("status.html", values, zone)


def entry_body(escaped: str, *, drill: bool = False, mark: str = "EXERCISE") -> str:
    """The body of an entry: a paragraph for each part between empty lines of a text that was escaped when it was
    rendered; in a drill after its mark."""
    parts = [Markup(part.strip()) for part in escaped.split("\n\n") if part.strip()]  # noqa: S704
    return page("entry.html", {"parts": parts, "drill": drill, "mark": mark}).strip()


def _from_here(entries: Sequence[Entry]) -> list[list[str]]:
    """For each entry its phase, and the phase of the entry that a correction is about."""
    out: list[list[str]] = []
    below: list[str] = []
    for entry in reversed(entries):
        below = [entry.phase, *below[:1]] if entry.phase != "correction" else below[:1]
        out.append(list(below))
    return out[::-1]


def atom(title: str, url: str, entries: Sequence[Entry]) -> str:
    """The Atom feed (RFC 4287)."""
    updated = max((e.at for e in entries), default=0.0)
    return page("feed.atom", {"title": title, "id": url or "urn:bcp:status", "updated": updated, "entries": entries})


def json_feed(title: str, entries: Sequence[Entry]) -> str:
    """JSON Feed 1.1 (jsonfeed.org)."""
    items = [
        {
            "id": e.key, "title": e.title, "content_html": e.html, "content_text": e.text,
            "date_published": iso(e.at), "language": e.language,
        }
        for e in entries
    ]  # fmt: skip
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": title, "items": items}
    return json.dumps(feed, ensure_ascii=False, indent=1)
