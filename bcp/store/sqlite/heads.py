"""Every chain of the state folder as it is now: of runs, of the book of incidents, of exercises, of the audit file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.contracts.store import RunQuery
from bcp.kernel.errors import BcpError, StorageError
from bcp.store.files.audit import BOOK
from bcp.store.sqlite import runfile
from bcp.store.sqlite.connect import connect_to_read
from bcp.store.sqlite.state import SqliteState
from bcp.store.standalone import Chain, audit_chain, lines_in

BOOK_QUERY = "select seq, at, incident, kind, actor, data, hash from event order by seq"
DRILL_QUERY = "select seq, at, drill, kind, actor, data, hash from event order by drill, seq"
EVENT_QUERY = "select seq, at, kind, step, actor, data, hash from event order by seq"
LAB_QUERY = "select drill, data from event where kind = 'measured' order by drill, seq"
LABS = "drills"
"""The folder of lab drills in the state folder."""
AUDIT = "audit"
"""What the audit file of a lab drill is called as a chain."""
BOOKS = {"incidents.db": BOOK_QUERY, "drills.db": DRILL_QUERY}
"""Files of chains beside the runs, with how their events are read."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The newest event of each chain: its number and its hash."""

    audit: tuple[int, str]
    chains: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def heads(room: SqliteState) -> Heads:
    """Of everything. Raises ``StorageError``."""
    found = _heads(room)
    for drill, folder in labs(room.folder):
        lab = SqliteState(folder, audit_key=room.audit_key)
        lines, _, _ = audit_of(lab)
        found |= {f"{drill}/{n}": h for n, h in _heads(lab).items()}
        found |= {f"{drill}/{AUDIT}": (len(lines), lines[-1][1])} if lines else {}
    audit, _, _ = audit_of(room)
    return Heads((len(audit), audit[-1][1]) if audit else (0, ""), found)


def _heads(room: SqliteState) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for card in room.runs.cards(RunQuery()):
        if card.seq:
            found[card.id] = (card.seq, card.head)
    for name, query in BOOKS.items():
        for row in rows_of(room.folder / name, query):
            found[_name(name, row)] = (int(row[0]), str(row[-1]))
    return found


def labs(state: Path) -> list[tuple[str, Path]]:
    """State folders of lab drills, which stand below the organisation's, by exercise."""
    return [(p.parent.name, p) for p in sorted((state / LABS).glob("*/state")) if p.is_dir()]


def brought_home(state: Path) -> dict[str, str]:
    """Heads of the runs of lab drills as each exercise wrote them down when its lab was closed."""
    out: dict[str, str] = {}
    for row in rows_of(state / "drills.db", LAB_QUERY):
        data = json.loads(row[1])
        if isinstance(data, dict) and data.get("what") == "lab":
            out.update({f"{row[0]}/{run}": str(head) for run, head in dict(data.get("heads") or {}).items()})
    return out


def audit_of(room: SqliteState) -> tuple[Chain, dict[str, tuple[int, str, str]], str]:
    """The chain of the audit file, its anchors, and what is wrong."""
    return audit_chain(audit_lines(room.folder))


def audit_lines(folder: Path) -> list[str]:
    """The lines of the audit file. Raises ``StorageError``."""
    try:
        return lines_in((folder / "audit.jsonl").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"the audit file cannot be read: {error}", hint="Put a copy back.") from error


def chains(room: SqliteState) -> dict[str, Chain]:
    """Time and hash of every event, by chain. What cannot be read is left out: it is told as missing."""
    found = _chains(room)
    for drill, folder in labs(room.folder):
        lab = SqliteState(folder, audit_key=room.audit_key)
        found |= {f"{drill}/{n}": c for n, c in _chains(lab).items()}
        with contextlib.suppress(BcpError):
            lines, _, _ = audit_of(lab)
            found |= {f"{drill}/{AUDIT}": lines} if lines else {}
    return found


def _chains(room: SqliteState) -> dict[str, Chain]:
    found: dict[str, Chain] = {}
    for run in room.runs.ids():
        with contextlib.suppress(BcpError):
            found[run] = [(float(r[1]), str(r[-1])) for r in run_rows(room.runs.path(run))]
    for name, query in BOOKS.items():
        with contextlib.suppress(BcpError):
            for row in rows_of(room.folder / name, query):
                found.setdefault(_name(name, row), []).append((float(row[1]), str(row[-1])))
    return found


def run_rows(path: Path) -> list[tuple[Any, ...]]:
    """The events of one run. Raises ``StorageError``."""
    with runfile.RunFile(path) as file:
        return file.read(lambda db: db.execute(EVENT_QUERY).fetchall())


def rows_of(path: Path, query: str) -> Iterator[tuple[Any, ...]]:
    """Rows of a database, beside its writer; none where there is no file. Raises ``StorageError``."""
    if not path.exists():
        return
    try:
        with contextlib.closing(connect_to_read(path, timeout_s=5.0)) as db:
            yield from db.execute(query).fetchall()
    except sqlite3.Error as error:
        raise StorageError(f"{path.name} cannot be read: {error}", hint="bcp doctor") from error


def _name(file: str, row: tuple[Any, ...]) -> str:
    return BOOK if file == "incidents.db" else str(row[2])
