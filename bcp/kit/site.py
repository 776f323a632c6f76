"""The folder of the status page: its entries, and the files that are made of them. Written whole, atomically."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.pages.status import Entry, atom, json_feed, said_in, status_page, title_in
from bcp.store.files.locks import alone

__all__ = ["Entry", "Site"]
MOST = 200
"""How many entries are kept."""


class Site:
    """A folder with ``index.html``, ``feed.atom``, ``feed.json``; ``entries.json`` is what they are made from.

    ``zone`` is the time zone (IANA) in which people read the page; the feeds are in UTC. ``language`` is that of the
    page while nothing is reported; afterwards it is that of the newest entry.
    """

    def __init__(self, folder: Path, title: str, url: str, zone: str = "", language: str = "en") -> None:
        self.folder, self.title, self.url, self.zone = folder, title, url.rstrip("/"), zone
        self.language = language

    def entries(self) -> list[Entry]:
        """All entries, the one that was published last first."""
        path = self.folder / "entries.json"
        try:
            return [_entry(e) for e in json.loads(path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise StorageError(f"{path} cannot be read", hint="Restore it, or remove it to begin anew.") from error

    def has(self, key: str) -> bool:
        """Is there an entry with this key?"""
        return any(e.key == key for e in self.entries())

    def put(self, entry: Entry) -> None:
        """Add an entry, or replace the one with its key, which keeps its place.

        What was published last stands first, whatever the clock says: one that was set back must not put the newest
        word below an older one that it corrects.
        """
        with self._alone():
            there = self.entries()
            known = any(e.key == entry.key for e in there)
            now = [entry if e.key == entry.key else e for e in there] if known else [entry, *there]
            self._write(now[:MOST])

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
            # Ours alone: whoever may read it could hold it; and never through a link that somebody put there.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(self.folder / ".lock", flags, 0o600), "r+b") as handle, alone(handle.fileno()):
                os.fchmod(handle.fileno(), 0o600)
                yield
        except OSError as error:
            raise StorageError(
                f"the status page folder {self.folder} cannot be written: {error.strerror or error}",
                hint="Free space or fix permissions.",
            ) from error

    def _write(self, entries: list[Entry]) -> None:
        title = title_in(self.title, said_in(entries, self.language))
        for name, text in (
            ("index.html", status_page(self.title, entries, self.zone, self.language)),
            ("feed.atom", atom(title, self.url, entries)),
            ("feed.json", json_feed(title, entries)),
            ("entries.json", json.dumps([asdict(e) for e in entries], ensure_ascii=False, indent=1)),
        ):
            write_atomic(self.folder / name, text, mode=0o644)


def _entry(data: dict[str, str | float]) -> Entry:
    """An entry of the file. Those of 0.1.0 came without a phase: shipped all-clears were known by their names."""
    entry = Entry(**data)  # type: ignore[arg-type]
    words = (entry.key, entry.title, entry.html, entry.text, entry.template, entry.language, entry.phase)
    dated = isinstance(entry.at, (int, float)) and not isinstance(entry.at, bool) and 0 <= entry.at < 1e11
    if not dated or not all(isinstance(w, str) for w in words):
        raise ValueError("a field of another type")
    return replace(entry, phase="restored") if not entry.phase and "restored" in entry.template else entry
