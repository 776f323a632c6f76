"""State folders made by 0.1.0 and by the last version before schema numbers are opened, migrated and gone on with."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from bcp.contracts.store import RunQuery
from bcp.detect.history import History
from bcp.incident.questions import answers_of
from bcp.kernel.errors import Refused
from bcp.kernel.hashing import GENESIS
from bcp.server.signin.accounts import Accounts
from bcp.store.chain import link_book
from bcp.store.files.audit import AuditLog
from bcp.store.sqlite import runfile
from bcp.store.sqlite.book import SCHEMA as BOOK
from bcp.store.sqlite.book import Book, chain_damage
from bcp.store.sqlite.evidence import examine
from bcp.store.sqlite.migrations import backup_path, open_database, version_of
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock

STORES = Path(__file__).parents[2] / "fixtures" / "stores"
VERSIONS = ["0.1.0", "2802363"]


@pytest.fixture(params=VERSIONS)
def old(request, tmp_path) -> SqliteState:
    """A copy of an old state folder."""
    shutil.copytree(STORES / request.param, tmp_path / "state")
    return SqliteState(tmp_path / "state")


def test_old_runs_are_found_by_how_they_stand(old) -> None:
    """One holds, one is done, one was killed; the index is made from files that carry no card."""
    cards = old.runs.cards(RunQuery())
    assert [(c.playbook, c.status) for c in reversed(cards)] == [
        ("held", "holding"),
        ("done", "done"),
        ("killed", "running"),
    ]
    assert [c.playbook for c in old.runs.cards(RunQuery(unfinished=True))] == ["killed", "held"]
    assert cards[0].targets == ("playbook:killed",) and all(c.fence == 0 for c in cards)


def test_reading_an_old_run_changes_nothing_in_its_file(old) -> None:
    """Status and audit are for looking only: a file is migrated by whoever writes to it."""
    paths = sorted(old.runs.folder.glob("*.db"))
    before = [p.read_bytes() for p in paths]
    assert not examine(old).broken
    assert [old.runs.view(p.stem).damage for p in paths] == ["", "", ""]
    assert [p.read_bytes() for p in paths] == before


def test_an_old_run_is_migrated_when_it_is_written_to_and_a_copy_is_kept(old) -> None:
    """The claims that are in it still count, and the chain goes on from where it was."""
    killed = old.runs.cards(RunQuery(playbook="killed"))[0]
    lease = old.leases.take(killed.id, killed.targets)
    path, before = old.runs.path(killed.id), old.runs.view(killed.id)

    async def work():
        journal = old.runs.open(killed.id, FakeClock(), lease)
        claims = [await journal.claim(e.key, e.step, e.request) for e in before.effects]
        new = await journal.claim(f"{killed.id}/two#0", "two", {"run": ["touch"]})
        await journal.settle(f"{killed.id}/two#0", {"state": "done"})
        journal.close()
        return claims, new

    claims, new = asyncio.run(work())
    assert {c.state for c in claims} == {"done"} and new.state == "go"
    assert old.runs.damage(killed.id) == "" and old.runs.view(killed.id).events[-1].seq > before.events[-1].seq
    with sqlite3.connect(path) as db:
        assert version_of(db) == runfile.SCHEMA.version
    copy = backup_path(path, 1)
    assert runfile.read_record(copy).head == before.head and copy.stat().st_mode & 0o077 == 0


def test_a_run_of_an_old_version_keeps_its_target(old) -> None:
    """The old cards in ``targets/`` are not asked any more: the run says what it has."""
    (held,) = old.runs.cards(RunQuery(status={"holding"}))
    with pytest.raises(Refused, match="not over") as caught:
        old.leases.take("run-new", held.targets)
    assert caught.value.rule == "one-run-per-target"


def test_a_plan_that_an_old_version_used_is_used(old) -> None:
    """By its checksum."""
    for card in old.runs.cards(RunQuery()):
        assert old.plans.used_by(card.checksum) == card.id


def book_of(tmp_path) -> Path:
    """A copy of the old book."""
    return Path(shutil.copy(STORES / "2802363" / "incidents.db", tmp_path / "incidents.db"))


def test_the_old_book_is_migrated_with_all_that_is_in_it(tmp_path) -> None:
    """Incidents, alerts, questions, answers and receipts; from now on a witness knows its end."""
    path = book_of(tmp_path)
    book = Book(path, FakeClock())
    (incident,) = book.incidents()
    assert incident.title == "MX is down" and book.firing(incident.id) == 1
    (question,) = book.questions(incident=incident.id)
    assert [a.by for a in answers_of(book, question)] == ["alice"] and book.proofs(question.id, "alice")
    assert not book.note_receipt("SM1", "sent", 2, "")
    assert book.damage() == "" and book.witness.seq == len(book.events())
    book.close()
    assert backup_path(path, 1).exists()


def test_the_old_accounts_still_open(tmp_path) -> None:
    """The password, and the role."""
    path = Path(shutil.copy(STORES / "2802363" / "accounts.db", tmp_path / "accounts.db"))
    accounts = Accounts(path, FakeClock(), b"k" * 32, idle_s=1800.0, session_s=36000.0)
    assert accounts.password_is("alice", "correct horse battery") and accounts.user("alice").role == "admin"
    accounts.close()


def test_the_old_history_is_read_and_added_to(tmp_path) -> None:
    """Its verdicts are there, before and after it was migrated."""
    path = Path(shutil.copy(STORES / "2802363" / "history.db", tmp_path / "history.db"))
    assert [v["state"] for v in History(path).verdicts(0.0)] == ["down"]
    history = History(path)
    history.round(_Healthy(), 2e9, {"state": "healthy"})
    history.close()
    assert history.problem == "" and [v["state"] for v in history.verdicts(0.0)][-1] == "healthy"


class _Healthy:
    state, stage, classes, planes, action, confidence, since, evidence = "healthy", "healthy", (), (), "", 0, None, ()


@pytest.mark.parametrize("what", ["run", "book"])
def test_a_file_of_a_newer_version_is_refused_in_words(what, tmp_path) -> None:
    """And left as it is."""
    if what == "book":
        path = book_of(tmp_path)
    else:
        path = tmp_path / "run-1.db"
        runfile.create(path, {"plan": {}, "nodes": []})
    with sqlite3.connect(path) as db:
        db.execute("pragma user_version=99")
    before = path.read_bytes()
    with pytest.raises(Refused, match="newer bcp") as caught:
        open_database(path, BOOK) if what == "book" else runfile.read_record(path)
    assert caught.value.rule == "store-newer" and path.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_file(tmp_path) -> None:
    """Nothing of a half step is kept."""
    from bcp.store.sqlite.migrations import Schema

    path = tmp_path / "x.db"
    open_database(path, Schema("x", ("create table a(b);",))).close()
    with pytest.raises(sqlite3.Error):
        open_database(path, Schema("x", ("create table a(b);", "create table c(d); create table a(b);")))
    with sqlite3.connect(path) as db:
        assert version_of(db) == 1
        assert [r[0] for r in db.execute("select name from sqlite_master")] == ["a"]


def test_the_end_of_a_book_that_was_cut_is_noticed(tmp_path) -> None:
    """By the witness beside it; and a book that is gone, too."""
    path = book_of(tmp_path)
    book = Book(path, FakeClock())
    book.note("one")
    book.note("two")
    book.close()
    with sqlite3.connect(path) as db:
        db.execute("delete from event where kind = 'two'")
    assert "newest events are gone" in chain_damage(path)
    path.with_suffix(".head").unlink()
    anchor = AuditLog(tmp_path / "audit.jsonl").read().anchors["book"]
    assert chain_damage(path) == "" and "audit file" in chain_damage(path, anchor)
    path.unlink()
    assert "gone" in chain_damage(path, anchor) and chain_damage(path) == ""


def test_a_book_that_was_written_anew_is_noticed(tmp_path) -> None:
    """Every name in it changed, every hash made to fit."""
    path = book_of(tmp_path)
    book = Book(path, FakeClock())
    book.note("one", "", "alice")
    book.close()
    with sqlite3.connect(path) as db:
        head = GENESIS
        for seq, at, incident, kind, _, data, _ in db.execute("select * from event order by seq").fetchall():
            head = link_book(head, seq, at, incident, kind, "mallory", json.loads(data))
            db.execute("update event set actor = 'mallory', hash = ? where seq = ?", (head, seq))
    assert "anew" in chain_damage(path)


def test_what_is_rolled_back_is_not_witnessed(tmp_path) -> None:
    """The witness is never ahead of the book."""
    book = Book(tmp_path / "incidents.db", FakeClock())
    book.note("one")
    for broken in (_raise_in_with, _rolled_back):
        broken(book)
    assert book.witness.seq == 1 and book.damage() == ""
    book.begin()
    book.note("two")
    book.commit()
    assert book.witness.seq == 2 and book.damage() == "" and [e.kind for e in book.events()] == ["one", "two"]
    book.close()


def _raise_in_with(book) -> None:
    with pytest.raises(ValueError, match="no"), book:
        book.note("never")
        raise ValueError("no")


def _rolled_back(book) -> None:
    book.begin()
    book.note("never")
    book.rollback()
