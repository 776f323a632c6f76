"""What was changed in a state folder behind our back is noticed, each kind by itself; what was not is not."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3

import pytest

from bcp.contracts.store import Anchor
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import GENESIS, canonical, digest, link, link_event
from bcp.store.chain import genesis_of
from bcp.store.files.audit import KEY_FILE, AuditLog
from bcp.store.sqlite import evidence
from bcp.store.sqlite.evidence import examine
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock
from bcp.testing.store import meta, plan

KEY = b"k" * 32


def made(folder, key=b""):
    """Two runs that were begun under leases, did something, heard something, and ended."""
    state = SqliteState(folder, audit_key=key)
    for run in ("run-1", "run-2"):
        lease = state.leases.take(run, {"mx:a"})
        state.runs.create(run, meta(plan("a")), fence=lease.fence)
        state.leases.begun(run)
        state.audit.anchor(Anchor(run, state.runs.card(run).head, "begun", 1.0))
        for kind in ("approve", "stop", "note"):
            state.runs.tell(run, kind, "alice", {"x": 1}, 2.0)

        async def work(run=run, lease=lease):
            journal = state.runs.open(run, FakeClock(), lease)
            await journal.record("run_started")
            await journal.claim("k", "mx", {"to": "relay"}, event="step_started")
            await journal.settle("k", {"state": "done", "text": "x" * 3000})
            await journal.claim("l", "mx", {"to": "relay"})
            await journal.doubt("l", "no answer")
            await journal.consume((await journal.unread())[:2])
            await journal.record("run_finished", status="done")
            journal.close()

        asyncio.run(work())
        state.audit.anchor(Anchor(run, state.runs.card(run).head, "done", 3.0))
    return state


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Made once; every test has a copy."""
    return made(tmp_path_factory.mktemp("whole") / "state").folder


@pytest.fixture
def state(whole, tmp_path):
    """A copy."""
    shutil.copytree(whole, tmp_path / "state")
    return SqliteState(tmp_path / "state")


def change(state, *queries, run="run-2", file=None):
    """Change a database."""
    path = file or state.runs.path(run)
    with contextlib.closing(sqlite3.connect(path)) as db:
        for query in queries:
            assert db.execute(query).rowcount, query
        db.commit()


def test_what_nobody_touched_is_whole(state) -> None:
    """And it is said that there is no key."""
    found = examine(state)
    assert not found.broken and not found.keyed and [r.anchored for r in found.runs] == [True, True]
    assert found.runs[0].events == len(state.runs.view("run-1").events)
    assert not examine(state, ["run-1"]).broken


def test_an_audit_file_that_is_gone_is_said(state) -> None:
    """The leases know which runs were begun; a line is written before the first event of each."""
    state.folder.joinpath("audit.jsonl").unlink()
    found = examine(SqliteState(state.folder))
    assert found.broken and "audit.jsonl has no line of run-1, run-2, begun and written to (2 in all)" in found.damage


def test_a_run_that_died_before_its_first_event_needs_no_line(tmp_path) -> None:
    """Killed between its making and its line in the audit file: nothing was done, and nothing is wrong."""
    state = SqliteState(tmp_path / "state")
    state.leases.take("run-1", ["mx:a.test"])
    state.runs.create("run-1", meta(plan("a.test")), fence=1)
    state.leases.begun("run-1")
    assert not examine(state).broken


@pytest.mark.parametrize(
    "query",
    [
        "delete from effect where key = 'k'",
        "delete from effect where key = 'l'",
        "insert into effect select 'z', step, claimed, incarnation, 'settled', claimed, request, '{}', fence from "
        "effect limit 1",
        "update effect set request = '{\"to\":\"other\"}' where key = 'k'",
        "update effect set request = '{\"to\":\"other\"}' where key = 'l'",
        "update effect set step = 'other' where key = 'k'",
        "update effect set claimed = claimed + 1 where key = 'k'",
        "update effect set fence = 99 where key = 'k'",
        "update effect set outcome = replace(outcome, 'xxx', 'yyy') where key = 'k'",
        "update effect set outcome = substr(outcome, 1, length(outcome) - 3) || 'y\"}' where key = 'k'",
        "update effect set settled = settled + 1 where key = 'k'",
        "update effect set state = 'claimed', outcome = null where key = 'k'",
        "update effect set state = 'settled', outcome = '{}' where key = 'l'",
        "update event set actor = 'mallory' where seq = 1",
        "update event set data = '{}' where seq = 2",
        "update event set at = at + 1 where seq = 3",
        "delete from event where seq = 3",
        "delete from event where seq = (select max(seq) from event)",
        "delete from event where seq > 1",
        "update meta set value = replace(value, 'alice', 'mallory') where key = 'plan'",
        "update meta set value = '[]' where key = 'nodes'",
        "insert into meta values ('incident', '\"inc-9\"')",
        "delete from meta where key = 'parent'",
        "update meta set value = '1' where key = 'format'",
        "update signal set actor = 'mallory' where id = 1",
        "update signal set kind = 'reject' where id = 3",
        "delete from signal where id = 1",
        "delete from signal where id = 2",
        "delete from signal where id = 3",
        "delete from signal",
        "update card set data = replace(data, '\"done\"', '\"holding\"')",
    ],
)
def test_a_changed_run_is_noticed(state, query) -> None:
    """In the run that was changed, not in the other."""
    change(state, query)
    found = {r.run: r.damage for r in examine(state).runs}
    assert found["run-2"] and not found["run-1"]
    assert examine(state, ["run-2"]).broken


def rewritten(state, run):
    """The whole chain anew, with another actor; its new head."""
    with contextlib.closing(sqlite3.connect(state.runs.path(run))) as db:
        head = genesis_of(dict(db.execute("select key, value from meta")))
        for seq, at, kind, step, _, data, _ in db.execute("select * from event order by seq").fetchall():
            head = link_event(head, seq, at, kind, step, "mallory", data)
            db.execute("update event set actor = 'mallory', hash = ? where seq = ?", (head, seq))
        db.commit()
    return head


def anchors_anew(state, heads, keep=lambda row: True):
    """The audit file anew, so that it agrees with itself."""
    previous, lines = GENESIS, []
    for line in state.audit.path.read_text().splitlines():
        row = json.loads(line)
        seal = {"mac": row.pop("mac")} if "mac" in row else {}
        row.pop("hash")
        if not keep(row):
            continue
        if row["run"] in heads and row["status"] == "done":
            row["head"] = heads[row["run"]]
        previous = link(previous, row)
        lines.append(canonical({**row, "hash": previous, **seal}))
    state.audit.path.write_text("\n".join(lines) + "\n")


def test_a_chain_that_was_written_anew_is_noticed_by_its_anchor(state) -> None:
    """It agrees with itself, and not with what was written down."""
    rewritten(state, "run-2")
    assert "written down" in next(r.damage for r in examine(state).runs if r.run == "run-2")


def test_chain_and_anchors_written_anew_are_noticed_by_the_index(state) -> None:
    """It saw the old head."""
    anchors_anew(state, {"run-2": rewritten(state, "run-2")})
    assert "index" in next(r.damage for r in examine(state).runs if r.run == "run-2")


def test_a_run_that_is_gone_is_missed(state) -> None:
    """By the audit file; and by the leases, when its lines are gone as well."""
    state.runs.path("run-2").unlink()
    assert examine(state).missing == ("run-2",)
    anchors_anew(state, {}, keep=lambda row: row["run"] != "run-2")
    assert examine(state).missing == ("run-2",) and not examine(state).damage
    state.audit.path.unlink()
    state.runs.path("run-1").unlink()
    assert examine(state).missing == ("run-1", "run-2")


@pytest.mark.parametrize("how", ["cut", "changed", "garbage", "lost"])
def test_a_changed_audit_file_is_noticed(state, how) -> None:
    """Any line but the last; a last one that is gone is noticed by the run."""
    lines = state.audit.path.read_text().splitlines()
    lines = {
        "cut": lines[1:],
        "changed": [lines[0].replace('"begun"', '"done"'), *lines[1:]],
        "garbage": [*lines[:1], "{", *lines[1:]],
        "lost": [*lines[:1], *lines[2:]],
    }[how]
    state.audit.path.write_text("\n".join(lines) + "\n")
    assert examine(state).damage


def test_a_key_sees_what_agrees_with_itself(tmp_path) -> None:
    """Everything was written anew, the index is gone too: only the seal does not fit."""
    state = made(tmp_path / "state", KEY)
    assert examine(state).keyed and not examine(state).broken
    anchors_anew(state, {"run-2": rewritten(state, "run-2")})
    state.runs.close()
    (state.folder / "index.db").unlink()
    blind, seeing = SqliteState(state.folder, audit_key=b""), SqliteState(state.folder, audit_key=KEY)
    assert not examine(blind).damage and "sealed" in examine(seeing).damage


def test_a_line_without_a_seal_after_one_with_is_noticed(tmp_path) -> None:
    """Lines of before there was a key are fine."""
    path = tmp_path / "audit.jsonl"
    AuditLog(path, b"").anchor(Anchor("run-1", "a", "done", 1.0))
    sealed = AuditLog(path, KEY)
    sealed.anchor(Anchor("run-2", "b", "done", 1.0))
    assert not sealed.read().damage and set(sealed.read().anchors) == {"run-1", "run-2"}
    AuditLog(path, b"").anchor(Anchor("run-3", "c", "done", 1.0))
    assert "seal" in sealed.read().damage and path.stat().st_mode & 0o077 == 0


def test_the_key_comes_from_a_file_that_must_be_there(tmp_path, monkeypatch) -> None:
    """A key that cannot be read is no reason to go on without."""
    monkeypatch.setenv(KEY_FILE, str(tmp_path / "key"))
    with pytest.raises(Invalid, match="cannot be read"):
        AuditLog(tmp_path / "a")
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(Invalid, match="fewer"):
        AuditLog(tmp_path / "a")
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert AuditLog(tmp_path / "a").key == KEY
    monkeypatch.delenv(KEY_FILE)
    assert AuditLog(tmp_path / "a").key == b""


def test_a_plan_with_a_checksum_made_anew_is_noticed(state) -> None:
    """Whoever changes the initiator can make the plan's own checksum fit."""
    with contextlib.closing(sqlite3.connect(state.runs.path("run-2"))) as db:
        found = json.loads(db.execute("select value from meta where key = 'plan'").fetchone()[0])
        found["initiator"] = "mallory"
        found["checksum"] = digest({k: v for k, v in found.items() if k != "checksum"})
        db.execute("update meta set value = ? where key = 'plan'", (canonical(found),))
        db.commit()
    assert "started with" in next(r.damage for r in examine(state).runs if r.run == "run-2")


def test_a_run_that_goes_on_while_it_is_read_is_whole(tmp_path, monkeypatch) -> None:
    """Its chain was read, then it wrote one more event: what the index says after that is no news of the chain."""
    state, looked = SqliteState(tmp_path), evidence._hashes
    lease = state.leases.take("run-1", {"mx:a"})
    state.runs.create("run-1", meta(plan("a")), fence=lease.fence)
    state.leases.begun("run-1")
    state.audit.anchor(Anchor("run-1", state.runs.card("run-1").head, "begun", 1.0))

    def meanwhile(path):
        found = looked(path)

        async def work() -> None:
            journal = state.runs.open("run-1", FakeClock(), lease)
            await journal.record("run_started")
            journal.close()

        asyncio.run(work())
        return found

    monkeypatch.setattr(evidence, "_hashes", meanwhile)
    assert [r.damage for r in examine(state).runs] == [""]
