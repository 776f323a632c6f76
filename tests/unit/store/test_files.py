"""The small files: locks, plans, answers, opt-outs, problems, the witness."""

from __future__ import annotations

import json
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from bcp.contracts.channel import Inbound
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.store.files import inbox, lines
from bcp.store.files.inbox import add_answer, read_answers
from bcp.store.files.locks import FileLock, is_locked
from bcp.store.files.optouts import note_optout, read_optouts, word_of
from bcp.store.files.plans import FilePlans
from bcp.store.files.problems import Problem, add_problem, read_problems
from bcp.store.files.witness import SIZE, Witness


def test_a_lock_is_for_one_and_dies_with_it(tmp_path) -> None:
    """Two handles in one process count as two holders."""
    path = tmp_path / "a" / "x.lock"
    assert not is_locked(path)
    one, two = FileLock(path), FileLock(path)
    assert one.take() and not two.take() and is_locked(path) and one.held and not two.held
    assert path.stat().st_mode & 0o077 == 0
    one.release()
    one.release()
    assert not is_locked(path) and not one.held
    with two:
        assert two.take()
    assert not is_locked(path)


def test_a_lock_whose_file_was_replaced_is_not_held(tmp_path) -> None:
    """Somebody removed it; whoever comes next gets another file of this name."""
    lock = FileLock(tmp_path / "x.lock")
    lock.take()
    os.unlink(lock.path)
    assert not lock.held
    lock.path.touch()
    assert not lock.held


def test_a_lock_that_cannot_be_opened_may_be_held(tmp_path) -> None:
    """A folder stands where the file should be."""
    (tmp_path / "x.lock").mkdir()
    assert not is_locked(tmp_path / "y.lock")
    with pytest.raises(StorageError, match="cannot open"):
        FileLock(tmp_path / "x.lock").take()


def _mark(folder, run, out):
    try:
        FilePlans(folder).mark_used("c" * 64, run, 1.0)
        out.put(run)
    except Refused:
        out.put("")


def test_of_many_processes_one_uses_a_plan(tmp_path) -> None:
    """Exactly one."""
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    workers = [context.Process(target=_mark, args=(tmp_path, f"run-{i}", out)) for i in range(8)]
    for w in workers:
        w.start()
    won = [r for r in (out.get(timeout=120) for _ in workers) if r]
    for w in workers:
        w.join()
    assert len(won) == 1 and FilePlans(tmp_path).used_by("c" * 64) == won[0]


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_mark_that_cannot_be_read_was_made_by_somebody(tmp_path, text) -> None:
    """A plan is not run twice because a file is damaged."""
    plans = FilePlans(tmp_path)
    plans.mark_used("c", "run-1", 1.0)
    (tmp_path / "used" / "c.json").write_text(text)
    assert "unknown run" in plans.used_by("c")
    with pytest.raises(Refused, match="unknown run"):
        plans.mark_used("c", "run-2", 1.0)


@pytest.mark.parametrize("text", ["", "{", "[1]", "\udcff", "[" * 100_000])
def test_a_plan_that_is_none_is_said(tmp_path, text) -> None:
    """With its path and what to do."""
    tmp_path.joinpath("plan-1.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Invalid, match="plan-1"):
        FilePlans(tmp_path).read("plan-1")


def test_answers_are_kept_and_the_oldest_go_first(tmp_path, monkeypatch) -> None:
    """Lines that are none are skipped."""
    monkeypatch.setattr(inbox, "MAX_BYTES", 600)
    for number in range(20):
        add_answer(tmp_path, Inbound("+49", f"text {number}", float(number), f"id-{number}"))
    (tmp_path / inbox.NAME).open("a").write('nonsense\n{"sender": 1}\n[]\n')
    found = [m.at for m in read_answers(tmp_path, 0.0)]
    assert found == sorted(found) and found[-1] == 19.0 and 2 < len(found) < 20 and read_answers(tmp_path, 19.0)
    assert (tmp_path / inbox.NAME).stat().st_size < 1200 and (tmp_path / inbox.NAME).stat().st_mode & 0o077 == 0
    assert read_answers(tmp_path / "none", 0.0) == []


def test_answers_of_many_threads_are_all_there(tmp_path) -> None:
    """None is written into another."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: add_answer(tmp_path, Inbound("+49", "x" * 500, 1.0, str(n))), range(100)))
    assert {m.id for m in read_answers(tmp_path, 0.0)} == {str(n) for n in range(100)}


def test_problems_are_kept_for_a_month_when_there_are_many(tmp_path, monkeypatch) -> None:
    """Small, and private."""
    path = tmp_path / "problems.jsonl"
    monkeypatch.setattr(lines, "MAX_BYTES", 500)
    day = 86_400.0
    for number in range(60):
        add_problem(path, Problem(number * day, "alice", "inbound", "reported", f"ä {number}"))
    path.open("a").write("nonsense\n")
    found = [p.at / day for p in read_problems(path)]
    assert found[-1] == 59 and found[0] >= 59 - 40 and path.stat().st_mode & 0o077 == 0
    assert list(read_problems(tmp_path / "none")) == []


@pytest.mark.parametrize(
    "line", ['{"at": 1' + "0" * 400 + "}", '{"at": ' * 50_000, "[" * 200_000, "null", '{"at": []}']
)
def test_a_report_that_is_none_is_passed_over(tmp_path, line) -> None:
    """Whatever stands in a line, the others are read."""
    path = tmp_path / "problems.jsonl"
    add_problem(path, Problem(7.0, "alice", "inbound", "reported", "nothing opens"))
    path.open("a").write(line.replace("}", ', "who": "a", "plane": "b", "kind": "c", "text": "d"}') + "\n")
    assert [p.at for p in read_problems(path)] == [7.0]


def test_optouts(tmp_path) -> None:
    """STOP is remembered, START takes it back; a damaged file holds none."""
    assert word_of(" Stop. ") == "stop" and word_of("START") == "start" and word_of("stop it") == ""
    assert note_optout(tmp_path, "+1", "stop") and not note_optout(tmp_path, "+1", "stop")
    assert read_optouts(tmp_path) == {"+1"} and note_optout(tmp_path, "+1", "start") and not read_optouts(tmp_path)
    (tmp_path / "optouts.json").write_text("{")
    assert read_optouts(tmp_path) == frozenset()


def test_the_witness_remembers_the_newest(tmp_path) -> None:
    """In one write of one size; a damaged one says so."""
    witness = Witness(tmp_path / "x.db")
    assert not witness.known
    for seq in (1, 999_999):
        witness.write(seq, "a" * 64)
        assert witness.path.stat().st_size == SIZE and witness.path.stat().st_mode & 0o077 == 0
    witness.close()
    again = Witness(tmp_path / "x.db")
    assert (again.known, again.seq, again.head, again.damage) == (True, 999_999, "a" * 64, "")
    for text in ("", "{", json.dumps({"seq": 1})):
        again.path.write_text(text)
        assert Witness(tmp_path / "x.db").damage and Witness(tmp_path / "x.db").known
