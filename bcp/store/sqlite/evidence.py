"""What ``bcp audit verify`` says: every chain of the state folder against itself, its anchors and its witnesses.

Witnesses of a run: its own chain, the audit file (begun, stopped, ended), the leases (every number that was ever given)
and the index (the head it saw last). They are in one folder: who may write all of it can make all of it agree, unless
the audit file is sealed with a key that is kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bcp.contracts.store import ENDED, Anchor, RunCard
from bcp.kernel.errors import BcpError
from bcp.kernel.hashing import GENESIS
from bcp.store.chain import genesis_of
from bcp.store.files.audit import BOOK
from bcp.store.sqlite import runfile
from bcp.store.sqlite.book import chain_damage
from bcp.store.sqlite.drills import PREFIX as DRILL
from bcp.store.sqlite.drills import chain_damage as drill_damage
from bcp.store.sqlite.drills import match_drill
from bcp.store.sqlite.heads import brought_home, labs, rows_of
from bcp.store.sqlite.reports import examine_reports
from bcp.store.sqlite.state import SqliteState

NOT_PROVED = (
    "Not proved: the audit file has no key, so whoever may write the state folder could have made all of it agree."
    " Set BCP_AUDIT_KEY_FILE to a key outside of the folder, or keep copies of audit.jsonl elsewhere."
)

DRILL_HEADS = "select drill, max(seq), hash from event group by drill order by drill"
"""SQLite gives the hash of the row with the greatest number (bare columns beside ``max()``, lang_select.html)."""


@dataclass(frozen=True, slots=True)
class RunEvidence:
    """What is proved of one run."""

    run: str
    events: int
    head: str
    anchored: bool
    """Its end is in the audit file."""
    damage: str
    over: bool = False
    """It is over, as its own chain says."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is proved of all."""

    runs: tuple[RunEvidence, ...]
    missing: tuple[str, ...]
    """Runs that were begun and whose files are gone."""
    damage: str
    """Of the audit file, the leases, the book of incidents or the drill book."""
    keyed: bool
    drills: tuple[RunEvidence, ...] = ()
    """The chain of each exercise, and of each run that it played in a lab: ``drill-.../run-...``."""
    reports: tuple[str, ...] = ()
    """What is wrong with files of reports."""
    unsealed: tuple[str, ...] = ()
    """Files of reports of which nobody wrote a digest down."""

    @property
    def broken(self) -> bool:
        """Is anything wrong?"""
        return bool(self.missing or self.damage or self.reports or any(r.damage for r in (*self.runs, *self.drills)))


def examine(room: SqliteState, only: Sequence[str] = (), *, whole: bool = True) -> Evidence:
    """Look at everything, or at these runs. ``whole``: at the files of reports, too, here and in labs."""
    audit = room.audit.read()
    ids = list(only) or room.runs.ids()
    rows = tuple(_run(room, i, audit.anchors.get(i)) for i in ids)
    if only:
        return Evidence(rows, (), audit.damage, audit.keyed, (), *examine_reports(room, only))
    damage, begun = (
        [audit.damage] if audit.damage else [],
        {a for a in audit.anchors if a != BOOK and not a.startswith(DRILL)},
    )
    leased: set[str] = set()
    try:
        leased = {run for _, run in room.leases.history()}
        begun |= leased
    except BcpError as error:
        damage.append(error.message)
    witnessed = [r for r in rows if r.run in leased or _is_of_two(room, r.run)]
    if _unwitnessed(witnessed, audit.anchors.keys()):  # or begun after that file was read
        damage += _unwitnessed(witnessed, room.audit.read().anchors.keys())
    if wrong := chain_damage(room.folder / "incidents.db", audit.anchors.get(BOOK)):
        damage.append(f"the book of incidents: {wrong}")
    damage += [f"{name}: {why}" for name, why in sorted(drill_damage(room.folder / "drills.db", audit.anchors).items())]
    lab_runs, lab_damage = _labs(room)
    damage += lab_damage
    there = {p.stem for p in room.runs.folder.glob(f"*{runfile.SUFFIX}")} if room.runs.folder.is_dir() else set()
    drills = (*_drills(room, audit.anchors), *lab_runs)
    gone = tuple(sorted(begun - there))
    return Evidence(rows, gone, "; ".join(damage), audit.keyed, drills, *(examine_reports(room) if whole else ()))


def examine_drill(room: SqliteState, drill: str) -> Evidence:
    """Look at one exercise: its chain, and the runs that it played in a lab.

    Raises:
        Missing: ``no-such-drill``.
        Invalid: ``ambiguous``.
    """
    audit = room.audit.read()
    known = _drills(room, audit.anchors)
    name = match_drill([d.run for d in known], drill)
    rows, damage = _labs(room, name)
    mine = (*(d for d in known if d.run == name), *rows)
    damage = [*([audit.damage] if audit.damage else []), *damage]
    return Evidence((), (), "; ".join(damage), audit.keyed, mine, *examine_reports(room, [name]))


def _drills(room: SqliteState, anchors: Mapping[str, Anchor]) -> tuple[RunEvidence, ...]:
    """The chain of each exercise. Every event of it is in the audit file."""
    path = room.folder / "drills.db"
    try:
        ends = {str(d): (int(n), str(h)) for d, n, h in rows_of(path, DRILL_HEADS)}
    except BcpError:  # told of by what is wrong with the book
        return ()
    wrong = drill_damage(path, anchors)
    known = {d: a.seq for d, a in anchors.items()}
    return tuple(RunEvidence(d, n, h, known.get(d, 0) >= n, wrong.get(d, ""), True) for d, (n, h) in ends.items())


def _labs(room: SqliteState, only: str = "") -> tuple[list[RunEvidence], list[str]]:
    """Runs in the state folders of lab drills, which stand below this one, and what is wrong with those; and runs that
    an exercise wrote down when its lab was closed, and that are not there as they were then."""
    rows, out = list[RunEvidence](), list[str]()
    there = {drill: folder for drill, folder in labs(room.folder) if only in {"", drill}}
    for drill, folder in there.items():
        found = examine(SqliteState(folder, audit_key=room.audit_key), whole=False)
        rows += [replace(r, run=f"{drill}/{r.run}") for r in found.runs]
        wrong = [f"{r.run}: {r.damage}" for r in found.runs if r.damage]
        wrong += [f"the file of {m} is gone" for m in found.missing]
        out += [f"{drill}: {w}" for w in (*wrong, *([found.damage] if found.damage else []))]
    try:
        home = brought_home(room.folder)
    except (BcpError, ValueError, TypeError):  # a book that cannot be read is told of by itself
        return rows, out
    for name, head in home.items():
        drill, _, run = name.partition("/")
        if only not in {"", drill}:
            continue
        path = there[drill] / "runs" / f"{run}{runfile.SUFFIX}" if drill in there else None
        if path is None or not path.exists():
            out.append(f"{drill}: the file of {run} is gone, which the exercise wrote down")
        elif head not in _hashes(path)[0]:
            out.append(f"{drill}: {run} does not contain the head that the exercise wrote down: it was cut or replaced")
    return rows, list(dict.fromkeys(out))


def _is_of_two(room: SqliteState, run: str) -> bool:
    """Was it begun by a version that writes a line into the audit file first?"""
    try:
        with runfile.RunFile(room.runs.path(run)) as file:
            return file.read(lambda db: genesis_of(runfile.read_texts(db))) != GENESIS
    except BcpError:
        return False


def _unwitnessed(rows: Sequence[RunEvidence], known: Collection[str]) -> list[str]:
    """Runs that did something, and of which the audit file has no line: one is written before a run's first event."""
    lost = [r.run for r in rows if r.run not in known and r.events]
    names = ", ".join(lost[:3])
    said = f"audit.jsonl has no line of {names}, begun and written to ({len(lost)} in all)"
    return [f"{said}: lines of it are gone, or a run was put in"] if lost else []


def _run(room: SqliteState, run_id: str, anchor: Anchor | None) -> RunEvidence:
    path = room.runs.path(run_id)
    card = _seen(room, run_id)  # before the chain is read, which may grow meanwhile
    wrong = runfile.read_damage(path)
    hashes, head = _hashes(path)
    ended = anchor is not None and anchor.status in ENDED
    if not wrong and anchor is not None and anchor.head not in hashes:
        wrong = "the chain does not contain the head that was written down for it: the file was cut or replaced"
    if not wrong and card is not None and card.head and card.head not in hashes:
        wrong = "the chain does not contain the head that the index saw last: the file was cut or replaced"
    return RunEvidence(run_id, max(0, len(hashes) - 1), head, ended, wrong, card is not None and card.over)


def _seen(room: SqliteState, run_id: str) -> RunCard | None:
    """What the index saw; ``None`` when it does not know the run."""
    try:
        return room.runs.card(run_id)
    except BcpError:
        return None


def _hashes(path: Path) -> tuple[set[str], str]:
    """All hashes of a chain with its beginning, and the newest."""
    try:
        with runfile.RunFile(path) as file:
            rows = file.read(lambda db: [str(r[0]) for r in db.execute("select hash from event order by seq")])
            begin = file.read(lambda db: genesis_of(runfile.read_texts(db)))
    except BcpError:
        return set(), ""
    return {begin, *rows}, rows[-1] if rows else begin
