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
from bcp.store.sqlite.connect import connect, connect_to_read
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
MADE_ANEW = frozenset({"index.db"})
"""Made from the runs by whoever asks first: while it is empty nothing is lost, and it may be in the making."""


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
        if name in MADE_ANEW and _is_empty(room.folder / name):
            continue
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
        if _is_empty(path) and _stays_empty(path):  # to SQLite that is a good file in which nothing ever stood
            return "it is empty: whatever stood in it is lost"
        with contextlib.closing(connect_to_read(path, timeout_s=2.0)) as db:
            said = str(db.execute("pragma quick_check(1)").fetchone()[0])
            return "" if said == "ok" else f"it is damaged: {said[:200]}"
    except (sqlite3.Error, OSError) as error:
        return f"it cannot be read: {error}"


def _is_empty(path: Path) -> bool:
    """Does nothing stand in it, nor in its write-ahead log?"""
    log = path.with_name(f"{path.name}-wal")
    return path.exists() and not path.stat().st_size and not (log.exists() and log.stat().st_size)


def _stays_empty(path: Path) -> bool:
    """Is it empty also when whoever is writing to it has ended? A file that is being made is empty at first."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(connect(path, "rw", timeout_s=2.0)) as db:
        db.execute("begin immediate")
        db.execute("rollback")
    return _is_empty(path)
