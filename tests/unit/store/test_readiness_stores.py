"""Both stores of readiness keep the same promises; the file is bounded, shared and not the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bcp.contracts.readiness import Check, Mark, Point, ReadinessStore
from bcp.kernel.errors import StorageError
from bcp.store.memory.readiness import MemoryReadiness
from bcp.store.sqlite.readiness import SqliteReadiness

DAY = 86_400.0
Make = Callable[..., ReadinessStore]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    made: list[ReadinessStore] = []

    def one(keep_s: float = 400 * DAY) -> ReadinessStore:
        store = MemoryReadiness(keep_s) if request.param == "memory" else SqliteReadiness(tmp_path, keep_s=keep_s)
        made.append(store)
        return store

    yield one
    for store in made:
        store.close()


def red(subject: str = "sms", says: str = "no") -> Check:
    return Check("channel", subject, "fail", says, "Mend it.", None, ("p",))


def green(subject: str = "sms") -> Check:
    return Check("channel", subject, "ok", "yes", "", None, ("p",))


def test_an_empty_store_knows_nothing(make: Make) -> None:
    store = make()
    assert store.last() is None and store.changes(0) == [] and store.course("p", 0) == []


def test_since_is_kept_while_the_state_is_the_same_and_begins_anew_when_it_changes(make: Make) -> None:
    store = make()
    store.note(100.0, [green()], [Mark("p", "ready", 100)])
    store.note(200.0, [red()], [Mark("p", "not-ready", 50)])
    found = store.note(300.0, [red(says="still no")], [Mark("p", "not-ready", 40)])
    assert [(c.state, c.since, c.says) for c in found.checks] == [("fail", 200.0, "still no")]
    assert found.marks == (Mark("p", "not-ready", 40, 200.0),)
    assert store.last() == found
    healed = store.note(400.0, [green()], [Mark("p", "ready", 100)])
    assert healed.checks[0].since == healed.marks[0].since == 400.0


def test_who_knows_since_when_is_believed(make: Make) -> None:
    found = make().note(100.0, [Check("c", "s", "fail", "no", since=7.0)], [])
    assert found.checks[0].since == 7.0


def test_changes_are_told_newest_first_and_what_was_well_from_the_start_is_none(make: Make) -> None:
    store = make()
    store.note(100.0, [green("a"), red("b")], [])
    store.note(200.0, [red("a"), red("b")], [])
    store.note(300.0, [green("a"), green("b")], [])
    told = [(c.at, c.subject, c.before, c.after) for c in store.changes(0)]
    assert sorted(told[:2]) == [(300.0, "a", "fail", "ok"), (300.0, "b", "fail", "ok")]
    assert told[2:] == [(200.0, "a", "ok", "fail"), (100.0, "b", "", "fail")]
    assert [c.at for c in store.changes(250.0)] == [300.0, 300.0] and len(store.changes(0, 1)) == 1


def test_a_course_keeps_what_is_news_and_one_point_a_day(make: Make) -> None:
    store = make()
    for hour, number in ((0, 90), (1, 90), (2, 80), (3, 80), (26, 80), (27, 80)):
        store.note(hour * 3600.0, [], [Mark("p", "at-risk", number), Mark("q", "ready", 100)])
    wanted = [Point(0, "at-risk", 90), Point(7200.0, "at-risk", 80), Point(26 * 3600.0, "at-risk", 80)]
    assert store.course("p", 0) == wanted
    assert [p.at for p in store.course("p", 10_000.0)] == [7200.0, 26 * 3600.0], "the point that held is told, too"


def test_what_is_too_old_goes(make: Make) -> None:
    store = make(keep_s=10 * DAY)
    store.note(0.0, [red()], [Mark("p", "not-ready", 1)])
    store.note(11 * DAY, [green()], [Mark("p", "ready", 100)])
    assert [c.at for c in store.changes(0)] == [11 * DAY]
    assert [p.at for p in store.course("p", 0)] == [11 * DAY]


def test_a_thing_is_claimed_once(make: Make) -> None:
    store = make()
    assert store.claim("week 1", 5.0) and not store.claim("week 1", 6.0) and store.claim("week 2", 7.0)


def test_the_file_is_bounded_in_rows(tmp_path: Path) -> None:
    store = SqliteReadiness(tmp_path, most=20)
    for i in range(60):
        store.note(float(i), [red() if i % 2 else green()], [Mark("p", "ready", i)])
    assert len(store.changes(0, 1000)) == 20 and len(store.course("p", 0)) == 20
    store.close()


def test_two_processes_write_the_same_file_and_a_claim_is_for_one(tmp_path: Path) -> None:
    one, other = SqliteReadiness(tmp_path), SqliteReadiness(tmp_path)
    one.note(1.0, [red()], [])
    assert other.note(2.0, [red()], []).checks[0].since == 1.0
    assert one.claim("x", 1.0) and not other.claim("x", 1.0)
    one.close()
    other.close()


def test_a_file_that_is_no_database_is_said_and_a_new_one_works(tmp_path: Path) -> None:
    (tmp_path / "readiness.db").write_bytes(b"no database at all" * 400)
    store = SqliteReadiness(tmp_path)
    for work in (lambda: store.note(1.0, [], []), store.last, lambda: store.claim("x", 1.0)):
        with pytest.raises(StorageError) as caught:
            work()
        assert "Move it away" in caught.value.hint
    (tmp_path / "readiness.db").unlink()
    assert store.note(1.0, [green()], []).at == 1.0
    store.close()


def test_a_round_that_cannot_be_read_back_is_an_outcome(tmp_path: Path) -> None:
    store = SqliteReadiness(tmp_path)
    store.note(1.0, [green()], [])
    store._db.execute("update round set checks = '[{}]'")
    with pytest.raises(StorageError):
        store.last()
    store.close()
