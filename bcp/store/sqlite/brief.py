"""What people look at of a run, read without its bulk: SQLite takes the JSON apart, and others can run meanwhile.

A plan of 10,000 domains is 8 MB, and a step that moved them leaves 4 MB more. Read whole they are a million objects,
which are made, and then looked through by the garbage collector, while the event loop stands still. Here a value of a
step or of its outputs that is large is left out; the plan's list of domains and the playbook's text never are.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.journal import Event, RunRecord
from bcp.kernel.bigjson import loads
from bcp.store.sqlite.runfile import RunFile

LARGE = 20_000
"""Characters from which a value is left out."""
LEFT = 2_000_000
"""The same of the domains that a step did not move: they are what people must not overlook."""
_SIZE = {"large": LARGE, "left": LEFT}
LISTS = ("changes", "forecasts", "notes", "refusals")
"""Parts of a planned step that are lists; one that is large is empty here, and ``planned`` gives it page by page."""
_TOP = """
select e.key, e.type, case when length(e.value) <= :large or e.key in ('domains', 'playbook_text') then e.value end
from meta, json_each(meta.value) e where meta.key = 'plan' and e.key <> 'steps'
"""
_STEPS = """
select s.key, e.key, e.type, case when length(e.value) <= :large then e.value end
from meta, json_each(meta.value, '$.steps') s, json_each(s.value) e where meta.key = 'plan'
"""
_EVENTS = """
select seq, at, kind, step, actor, case when length(data) <= :large then data end, hash from event order by seq
"""
_LARGE_EVENTS = """
select e.seq, 0, d.key, d.type, case when length(d.value) <= :large then d.value end
from event e, json_each(e.data) d where length(e.data) > :large and d.key <> 'outputs'
union all
select e.seq, 1, d.key, d.type,
  case when length(d.value) <= case when d.key = 'left' then :left else :large end then d.value end
from event e, json_each(e.data, '$.outputs') d where length(e.data) > :large
"""
_PLANNED = """
select x.type, x.value from meta, json_each(meta.value, '$.steps') s, json_each(s.value, ?) x
where meta.key = 'plan' order by s.key, x.key limit ? offset ?
"""
_COUNT = """
select sum(json_array_length(s.value, ?)) from meta, json_each(meta.value, '$.steps') s where meta.key = 'plan'
"""


class Briefs:
    """Some of them, as they were read last: one is read again when its run has gone on. Its readers change nothing."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._kept: dict[str, tuple[str, RunRecord]] = {}

    def read(self, path: Path) -> RunRecord:
        """The run in this file. Raises ``StorageError``."""
        with RunFile(path) as file:
            stamp = file.read(_stamp)
            kept = self._kept.pop(path.stem, None)
            if kept is None or kept[0] != stamp:
                kept = (stamp, file.read(lambda db: _record(db, path.stem)))
        self._kept[path.stem] = kept
        while len(self._kept) > self._most:
            self._kept.pop(next(iter(self._kept)), None)
        return kept[1]


def read_planned(path: Path, what: str, first: int, count: int) -> tuple[list[Any], int]:
    """So many of the changes (forecasts, notes, refusals) that a run's plan has, from the ``first``; and how many it
    has."""
    assert what in LISTS

    def work(db: sqlite3.Connection) -> tuple[list[Any], int]:
        rows = db.execute(_PLANNED, (f"$.{what}", count, first)).fetchall()
        return [_value(kind, value) for kind, value in rows], int(db.execute(_COUNT, (f"$.{what}",)).fetchone()[0] or 0)

    with RunFile(path) as file:
        return file.read(work)


def _stamp(db: sqlite3.Connection) -> str:
    """Hashes of the first event, which covers the plan, and of the last; empty while there is none."""
    rows = db.execute(
        "select hash from event where seq in (select min(seq) from event union select max(seq) from event) order by seq"
    )
    return " ".join(str(r[0]) for r in rows)


def _record(db: sqlite3.Connection, run_id: str) -> RunRecord:
    meta = {str(k): loads(v) for k, v in db.execute("select key, value from meta where key <> 'plan'")}
    events = _events(db)
    return RunRecord(run_id, {**meta, "plan": _plan(db)}, events, (), events[-1].hash if events else "", "")


def _plan(db: sqlite3.Connection) -> dict[str, Any]:
    plan = _made((key, kind, value) for key, kind, value in db.execute(_TOP, _SIZE))
    steps: dict[int, list[tuple[str, str, Any]]] = {}
    for number, key, kind, value in db.execute(_STEPS, _SIZE):
        steps.setdefault(number, []).append((key, kind, value))
    empty: Mapping[str, Any] = {name: [] for name in LISTS}
    plan["steps"] = [{**empty, **_made(steps[n])} for n in sorted(steps)]
    return plan


def _events(db: sqlite3.Connection) -> list[Event]:
    large: dict[int, tuple[list[tuple[str, str, Any]], list[tuple[str, str, Any]]]] = {}
    for seq, output, key, kind, value in db.execute(_LARGE_EVENTS, _SIZE):
        large.setdefault(seq, ([], []))[output].append((key, kind, value))
    out = []
    for seq, at, kind, step, actor, text, found in db.execute(_EVENTS, _SIZE):
        if text is not None:
            data = json.loads(text)
        else:
            rest, outputs = large.get(seq, ([], []))
            data = {**_made(rest), **({"outputs": _made(outputs)} if outputs else {})}
        out.append(Event(seq, at, kind, step, actor, data, found))
    return out


def _made(rows: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """Keys and values; what is large is not there."""
    return {key: _value(kind, value) for key, kind, value in rows if value is not None or kind == "null"}


def _value(kind: str, value: Any) -> Any:
    """A value as JSON means it (https://www.sqlite.org/json1.html, section 4.21)."""
    if kind in {"object", "array"}:
        return json.loads(value)
    return bool(value) if kind in {"true", "false"} else value
