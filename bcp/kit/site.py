"""The status page as static files: HTML that needs no script, an Atom feed, a JSON feed. Written whole, atomically."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from bcp.kernel.clock import iso
from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.store.files.locks import alone

STYLE = """
:root{color-scheme:light dark;--ink:#1a1a1a;--soft:#5a5a5a;--back:#fff;--card:#f4f5f7;--line:#d0d4da;--mark:#b3261e;--good:#17692f}
@media(prefers-color-scheme:dark){:root{--ink:#eceff4;--soft:#aab2c0;--back:#14171c;--card:#1f242c;--line:#39414d;--mark:#ff8a80;--good:#7bd88f}}
*{box-sizing:border-box}body{margin:0 auto;max-width:46rem;padding:1rem;font:1rem/1.55 system-ui,sans-serif;color:var(--ink);background:var(--back);overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.15rem;margin:0 0 .3rem}.now{border-left:.4rem solid var(--mark);background:var(--card);padding:.8rem 1rem;margin:1rem 0}
.now.good{border-color:var(--good)}article{border-top:1px solid var(--line);padding:1rem 0}time,.soft{color:var(--soft);font-size:.9rem}p{margin:.4rem 0}
a{color:inherit}@media print{.now{border:2px solid #000}a{text-decoration:none}}
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. ``html`` was escaped when it was rendered; ``at`` is epoch seconds."""

    key: str
    at: float
    title: str
    html: str
    text: str
    template: str
    language: str
    phase: str = ""


class Site:
    """A folder with ``index.html``, ``feed.atom``, ``feed.json``; ``entries.json`` is what they are made from."""

    def __init__(self, folder: Path, title: str, url: str) -> None:
        self.folder, self.title, self.url = folder, title, url.rstrip("/")

    def entries(self) -> list[Entry]:
        """All entries, newest first."""
        try:
            data = json.loads((self.folder / "entries.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            raise StorageError(
                f"{self.folder}/entries.json cannot be read", hint="Restore it, or remove it to begin anew."
            ) from error
        return [Entry(**e) for e in data]

    def has(self, key: str) -> bool:
        """Is there an entry with this key?"""
        return any(e.key == key for e in self.entries())

    def put(self, entry: Entry) -> None:
        """Add or replace an entry."""
        with self._alone():
            kept = [e for e in self.entries() if e.key != entry.key]
            self._write(sorted([entry, *kept], key=lambda e: -e.at)[:200])

    def remove(self, key: str) -> None:
        """Take an entry back."""
        with self._alone():
            self._write([e for e in self.entries() if e.key != key])

    def write(self) -> None:
        """Write all files anew."""
        with self._alone():
            self._write(self.entries())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as handle, alone(handle.fileno()):
                yield
        except OSError as error:
            raise StorageError(
                f"the status page folder {self.folder} cannot be written: {error.strerror or error}",
                hint="Free space or fix permissions.",
            ) from error

    def _write(self, entries: list[Entry]) -> None:
        for name, text in (
            ("index.html", self.page(entries)),
            ("feed.atom", self.atom(entries)),
            ("feed.json", self.feed(entries)),
            ("entries.json", json.dumps([asdict(e) for e in entries], ensure_ascii=False, indent=1)),
        ):
            write_atomic(self.folder / name, text, mode=0o644)

    def page(self, entries: list[Entry]) -> str:
        """The page. No script, nothing loaded from elsewhere, works at 360 px."""
        title = escape(self.title)
        newest = entries[0] if entries else None
        good = newest is None or "restored" in newest.template
        banner = escape(newest.title) if newest else "No incident is reported."
        articles = "\n".join(
            f'<article id="e{i}" lang="{escape(e.language)}"><h2>{escape(e.title)}</h2><time datetime="{iso(e.at)}">{iso(e.at).replace("T", " ").replace("Z", " UTC")}</time>{e.html}</article>'
            for i, e in enumerate(entries)
        )
        return (
            f'<!doctype html>\n<html lang="{escape(newest.language) if newest else "en"}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
            f'<meta http-equiv="refresh" content="120"><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; style-src \'unsafe-inline\'">'
            f'<title>{title}</title><link rel="alternate" type="application/atom+xml" href="feed.atom"><style>{STYLE}</style></head><body>\n'
            f'<header><h1>{title}</h1></header>\n<main><p class="now{" good" if good else ""}" role="status"><strong>{banner}</strong></p>\n{articles}\n</main>\n'
            f'<footer class="soft"><p>Newest first. Times are UTC. <a href="feed.atom">Feed</a></p></footer>\n</body></html>\n'
        )

    def atom(self, entries: list[Entry]) -> str:
        """Atom (RFC 4287)."""
        base = escape(self.url or "urn:bcp:status")
        items = "".join(
            f"<entry><id>urn:bcp:{escape(e.key)}</id><title>{escape(e.title)}</title><updated>{iso(e.at)}</updated>"
            f'<content type="html">{escape(e.html)}</content></entry>'
            for e in entries
        )
        updated = iso(entries[0].at) if entries else "1970-01-01T00:00:00Z"
        return (
            f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><id>{base}</id><title>{escape(self.title)}</title>'
            f"<author><name>{escape(self.title)}</name></author><updated>{updated}</updated>{items}</feed>\n"
        )

    def feed(self, entries: list[Entry]) -> str:
        """JSON Feed 1.1."""
        items = [
            {
                "id": e.key,
                "title": e.title,
                "content_html": e.html,
                "content_text": e.text,
                "date_published": iso(e.at),
                "language": e.language,
            }
            for e in entries
        ]
        return json.dumps(
            {"version": "https://jsonfeed.org/version/1.1", "title": self.title, "items": items},
            ensure_ascii=False,
            indent=1,
        )
