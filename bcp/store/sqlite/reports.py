"""The files of reports in a state folder, and in those of lab drills, against what the audit file says of them."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection
from pathlib import Path

from bcp.kernel.errors import BcpError
from bcp.store.files.sealed import report_files
from bcp.store.sqlite.heads import BOOK_QUERY, DRILL_QUERY, audit_lines, labs, rows_of
from bcp.store.sqlite.state import SqliteState
from bcp.store.standalone_reports import REPORTS, reports_damage, seals_of


def examine_reports(room: SqliteState, only: Collection[str] = ()) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is wrong, and the files that nobody sealed. ``only``: of these runs, exercises or incidents; empty: all.
    An audit file that cannot be read is told of by itself."""
    wrong, loose = _one(room, only)
    for drill, folder in labs(room.folder):
        if not only or drill in only:
            more, others = _one(SqliteState(folder, audit_key=room.audit_key), ())
            wrong += [f"{drill}/{w}" for w in more]
            loose += [f"{drill}/{n}" for n in others]
    return tuple(wrong), tuple(loose)


def _one(room: SqliteState, only: Collection[str]) -> tuple[list[str], list[str]]:
    try:
        seals = seals_of(audit_lines(room.folder))
    except BcpError:
        return [], []
    known = {*room.runs.ids(), *room.audit.read().anchors}
    for name, query in (("incidents.db", BOOK_QUERY), ("drills.db", DRILL_QUERY)):
        with contextlib.suppress(BcpError):  # told of by itself
            known.update(str(row[2]) for row in rows_of(room.folder / name, query))
    there = {name: _digest(path) for name, path in report_files(room.folder).items()}
    mine = tuple(f"{REPORTS}{name}/" for name in only)
    if mine:
        seals = {n: s for n, s in seals.items() if n.startswith(mine)}
        there = {n: d for n, d in there.items() if n.startswith(mine)}
    return reports_damage(seals, there, known)


def _digest(path: Path) -> str:
    """Of a file that cannot be read: of none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "cannot be read"
