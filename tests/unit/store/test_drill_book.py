"""The drill book, in a file and in memory: append-only, a chain for each exercise, anchored outside of the file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bcp.contracts.exercise_book import DrillBook
from bcp.kernel.errors import Invalid, Missing, Refused, StorageError
from bcp.store.chain import link_book
from bcp.store.files.audit import AuditLog
from bcp.store.memory.drills import MemoryDrillBook
from bcp.store.memory.state import MemoryAudit
from bcp.store.sqlite import drills
from bcp.store.sqlite.evidence import examine
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock

ONE, TWO = "drill-20261128-020000-abcd", "drill-20261128-030000-efgh"


def in_file(folder: Path, clock: FakeClock) -> DrillBook:
    return drills.DrillBook(folder / "drills.db", clock, AuditLog(folder / "audit.jsonl", b""))


def in_memory(folder: Path, clock: FakeClock) -> DrillBook:
    return MemoryDrillBook(clock, MemoryAudit())


@pytest.mark.parametrize("make", [in_file, in_memory])
class TestBook:
    """What both promise."""

    def test_events_come_back_in_order_and_linked(self, make, tmp_path: Path) -> None:
        clock = FakeClock()
        book = make(tmp_path, clock)
        for number in range(3):
            clock.set(clock.now() + 1)
            book.append(ONE, "note", "ann", {"text": f"é {number}"})
        book.append(TWO, "created", "bob", {})
        found = book.events(ONE)
        assert [(e.seq, e.data["text"], e.actor, e.kind) for e in found] == [
            (1, "é 0", "ann", "note"), (2, "é 1", "ann", "note"), (3, "é 2", "ann", "note"),
        ]  # fmt: skip
        last = found[-1]
        assert link_book(found[1].hash, 3, last.at, ONE, "note", "ann", last.data) == last.hash
        assert [e.seq for e in book.events(TWO)] == [1]
        assert book.events("drill-none") == []
        assert book.drills() == [TWO, ONE]
        assert book.damage() == {}

    def test_a_writer_that_saw_less_is_refused(self, make, tmp_path: Path) -> None:
        book = make(tmp_path, FakeClock())
        book.append(ONE, "created", "ann", {}, after=0)
        with pytest.raises(Refused, match="changed meanwhile") as told:
            book.append(ONE, "created", "ann", {}, after=0)
        assert told.value.rule == "drill-moved"
        book.append(ONE, "note", "ann", {}, after=1)
        assert len(book.events(ONE)) == 2

    def test_what_cannot_be_written_leaves_nothing(self, make, tmp_path: Path) -> None:
        book = make(tmp_path, FakeClock())
        with pytest.raises(ValueError, match="JSON"):
            book.append(ONE, "note", "ann", {"x": float("nan")})
        assert book.drills() == []

    @pytest.mark.parametrize(("text", "found"), [("last", TWO), ("", TWO), (ONE, ONE), ("abcd", ONE)])
    def test_one_is_found_by_any_end_of_its_name(self, make, tmp_path: Path, text: str, found: str) -> None:
        book = make(tmp_path, FakeClock())
        book.append(ONE, "created", "ann", {})
        book.append(TWO, "created", "ann", {})
        assert book.find(text) == found

    def test_the_last_one_is_the_one_that_was_written_in_last(self, make, tmp_path: Path) -> None:
        """When a drill begins its next turn is planned: ``last`` is the one that is played all the same."""
        clock = FakeClock()
        book = make(tmp_path, clock)
        for drill, kind in ((ONE, "created"), (TWO, "created"), (ONE, "ended"), (TWO, "reminded")):
            clock.set(clock.now() + 1)
            book.append(drill, kind, "ann", {})
        assert book.drills() == [ONE, TWO]
        assert book.find("last") == ONE

    def test_what_is_not_there_is_said(self, make, tmp_path: Path) -> None:
        book = make(tmp_path, FakeClock())
        with pytest.raises(Missing):
            book.find("last")
        book.append(ONE, "created", "ann", {})
        book.append(TWO, "created", "ann", {})
        with pytest.raises(Missing):
            book.find("zzzz")
        with pytest.raises(Invalid):
            book.find("drill-")


def filled(folder: Path) -> DrillBook:
    book = in_file(folder, FakeClock())
    book.append(ONE, "created", "ann", {})
    book.append(ONE, "finding", "ann", {"id": "f1", "title": "Nobody answered"})
    book.append(ONE, "signed", "bob", {"name": "Bob"})
    book.append(TWO, "created", "ann", {})
    book.close()
    return book


def execute(folder: Path, *queries: str) -> None:
    with sqlite3.connect(folder / "drills.db") as db:
        for query in queries:
            db.execute(query)
    db.close()


TAMPERED = {
    "a finding changed after the sign-off": (
        "update event set data = replace(data, 'Nobody', 'Anybody') where kind = 'finding'",
        ONE,
        "event 2 (finding) was changed",
    ),
    "the last event dropped": ("delete from event where kind = 'signed'", ONE, "event 3 is not the one"),
    "one taken out of the middle": ("delete from event where kind = 'finding'", ONE, "event 3 (signed) was changed"),
    "a drill removed": (f"delete from event where drill = '{TWO}'", TWO, "it is gone"),
    "somebody else's word": ("update event set actor = 'eve' where kind = 'signed'", ONE, "event 3 (signed)"),
    "another time": ("update event set at = at + 1 where seq = 1", ONE, "event 1 (created)"),
    "no JSON": ("update event set data = '{' where kind = 'signed'", ONE, "event 3 (signed)"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampering_is_found(tmp_path: Path, how: str) -> None:
    query, drill, said = TAMPERED[how]
    assert filled(tmp_path).damage() == {}
    execute(tmp_path, query)
    assert said in in_file(tmp_path, FakeClock()).damage()[drill]
    evidence = examine(SqliteState(tmp_path, audit_key=b""))
    assert evidence.broken
    assert f"{drill}: " in evidence.damage
    assert said in evidence.damage


def test_fresh_hashes_do_not_help_who_rewrites_a_chain(tmp_path: Path) -> None:
    book = filled(tmp_path)
    events = book.events(ONE)
    book.close()
    head = "0" * 64
    queries = []
    for e in events:
        data = {**e.data, "title": "All was well"} if e.kind == "finding" else dict(e.data)
        head = link_book(head, e.seq, e.at, ONE, e.kind, e.actor, data)
        queries.append((str(data).replace("'", '"'), head, e.seq))
    with sqlite3.connect(tmp_path / "drills.db") as db:
        db.executemany(f"update event set data = ?, hash = ? where seq = ? and drill = '{ONE}'", queries)
    db.close()
    assert "not the one that the audit file knows" in book.damage()[ONE]


def test_a_book_that_is_gone_is_missed(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "drills.db").unlink()
    assert examine(SqliteState(tmp_path, audit_key=b"")).damage.count("the drill book is gone") == 2
    assert examine(SqliteState(tmp_path, audit_key=b"")).missing == ()


def test_whole_evidence_of_drills_is_no_missing_run(tmp_path: Path) -> None:
    filled(tmp_path)
    found = examine(SqliteState(tmp_path, audit_key=b""))
    assert (found.broken, found.missing) == (False, ())


def test_lines_taken_out_of_the_audit_file_are_missed(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "audit.jsonl").unlink()
    damage = in_file(tmp_path, FakeClock()).damage()
    assert "lines of that were taken out" in damage[ONE]
    assert TWO not in damage, "killed between its first event and the anchor: nothing is known to be wrong"


def test_reading_makes_no_file(tmp_path: Path) -> None:
    book = in_file(tmp_path, FakeClock())
    assert (book.drills(), book.events(ONE), book.damage()) == ([], [], {})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "drills.db").write_text("this is not a database, whatever it says" * 50)
    with pytest.raises(StorageError, match="drill book"):
        in_file(tmp_path, FakeClock()).append(ONE, "created", "ann", {})
    assert "cannot be read" in next(iter(in_file(tmp_path, FakeClock()).damage().values()))


def test_the_suite_for_who_writes_a_book_knows_every_kind() -> None:
    with pytest.raises(AssertionError):
        MemoryDrillBook(FakeClock(), MemoryAudit()).append(ONE, "colour", "ann", {})
