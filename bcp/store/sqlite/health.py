"""Whether the databases of a state folder can be used, and what to do about one that cannot. Reads alone."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bcp.kernel.errors import BcpError
from bcp.store.files.audit import BOOK
from bcp.store.sqlite.book import chain_damage
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.state import SqliteState

KNOWN = {
    "incidents.db": "End the daemon and put a copy back. Without one: move it away, a new book begins.",
    "drills.db": "Put a copy back, and compare it: bcp audit verify. Without one: move it away.",
    "leases.db": "See that no run works (bcp status --all), then move it away: it is made anew from the runs.",
    "accounts.db": "Put a copy back. Without one: move it away, and add the accounts again (bcp user add).",
    "index.db": "Move it away: it is made anew from the runs.",
    "history.db": "Move it away: uptime is counted anew.",
    "readiness.db": "Move it away: the history of readiness begins anew.",
}
"""Every database, and what to do when it is damaged."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One database that cannot be used, or the run that a lost file leaves behind."""

    subject: str
    message: str
    hint: str


def troubles(room: SqliteState) -> list[Trouble]:
    """What is wrong with the state folder; empty: nothing that is known."""
    return [*_databases(room), *_lost(room)]


def _databases(room: SqliteState) -> Iterator[Trouble]:
    for name, hint in KNOWN.items():
        wrong = database_damage(room.folder / name)
        if not wrong and name == "incidents.db":
            wrong = chain_damage(room.folder / name, room.audit.read().anchors.get(BOOK))
            hint = "Compare it with a copy: bcp audit verify, bcp incident verify." if wrong else hint
        if wrong:
            yield Trouble(name, wrong, hint)


def _lost(room: SqliteState) -> Iterator[Trouble]:
    try:
        found = [h for h in room.leases.holders() if h.lost]
    except BcpError:
        return  # the leases themselves are named above
    for h in found:
        names = ", ".join(sorted(h.names)[:3])
        hint = (
            f"Put runs/{h.run}.db back from a copy. If there is none: see where MX points, then bcp acknowledge {h.run}"
        )
        yield Trouble(h.run, f"its file is gone, and it was not over: it keeps {names}", hint)


def database_damage(path: Path) -> str:
    """What is wrong with a file of SQLite; empty: nothing, or it is not there."""
    if not path.exists():
        return ""
    try:
        if not path.stat().st_size:  # to SQLite that is a good file in which nothing ever stood
            return "it is empty: whatever stood in it is lost"
        with contextlib.closing(connect_to_read(path, timeout_s=2.0)) as db:
            said = str(db.execute("pragma quick_check(1)").fetchone()[0])
            return "" if said == "ok" else f"it is damaged: {said[:200]}"
    except (sqlite3.Error, OSError) as error:
        return f"it cannot be read: {error}"
