"""The pure parts of incidents: whose turn it is, where an incident goes, what a code is;
the book under chance orders."""

from __future__ import annotations

import json
import random
import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.hook import Alert
from bcp.incident import questions
from bcp.incident.book import Book
from bcp.incident.codes import codes_in, new_code
from bcp.incident.model import Plan, turns
from bcp.incident.receipts import RANKS, note_receipt
from bcp.kernel.errors import Refused
from bcp.testing.clock import FakeClock

groups = st.lists(st.lists(st.sampled_from("abcdef"), max_size=3).map(tuple), min_size=1, max_size=4)


@given(groups, st.integers(1, 3), st.integers(1, 4), st.floats(1, 600), st.floats(11, 5000))
def test_everybody_is_asked_in_order_and_in_time(found, count, cycles, after, lasts) -> None:
    """At once enough people for the answers needed (where there are so many); nobody too late;
    groups in their order."""
    out = turns(found, 100.0, 100.0 + lasts, Plan(after, cycles), count)
    filled = [i for i, g in enumerate(found) if g]
    now = {p for t in out if t.at == 100.0 for p in found[t.group]}
    everybody = {p for g in found for p in g}
    assert len(now) >= min(count, len(everybody))
    assert [t.at for t in out] == sorted(t.at for t in out)
    assert all(t.at < 100.0 + lasts - 10 or t.at == 100.0 for t in out)
    assert [t.group for t in out] == (filled * cycles)[: len(out)]


@given(st.text(max_size=60), st.integers(0, 999_999))
def test_a_code_is_found_however_it_is_written(text, number) -> None:
    """Alone, with words, with a space or a dash in the middle; five or seven digits are none."""
    code = f"{number:06d}"
    for written in (code, f" {code}.", f"{code[:3]} {code[3:]}", f"{code[:3]}-{code[3:]}", f"yes {code} ok"):
        assert code in codes_in(written)
    assert code not in codes_in(f"1{code}") and codes_in("12345") == []
    assert all(len(c) == 6 for c in codes_in(text))


def test_codes_never_collide() -> None:
    """With those that are out."""
    taken: set[str] = set()
    for _ in range(3000):
        code = new_code(taken)
        assert code not in taken
        taken.add(code)


alerts = st.builds(
    lambda outage, started, firing: Alert("", outage, firing, f"title {outage}", started),
    st.sampled_from("xyz"),
    st.sampled_from(["1", "2"]),
    st.booleans(),
)


@given(st.lists(st.lists(alerts, max_size=4), max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_any_order_of_bodies_with_repeats_gives_one_incident(tmp_path_factory, bodies, rng) -> None:
    """All alerts of one service are one incident; what changes nothing is no news; an end that came before its
    beginning is an end, and one that had begun before may begin again."""
    folder = tmp_path_factory.mktemp("book")
    book = Book(folder / "b.db", FakeClock(1_000_000.0))
    said: dict[tuple[str, str], bool] = {}
    begun: set[tuple[str, str]] = set()
    for body in [*bodies, *rng.sample(bodies, len(bodies))]:
        new = repeated = 0
        for a in body:
            key = (a.outage, a.started)
            if said.get(key) == a.firing:
                repeated += 1
                continue
            late = key in said and key not in begun and a.firing
            ended_unknown = not a.firing and key not in begun
            new += not late and not ended_unknown
            if not late:
                said[key] = a.firing
                begun |= {key} if a.firing else set()
        taken = book.receive("am", "exchange-online", body, "ask")
        assert (taken.new, taken.repeated) == (new, repeated)
    assert len(book.incidents()) <= 1
    rows = book.db.execute("select outage, started, firing from alert").fetchall()
    assert {(o, s): bool(f) for o, s, f in rows} == said
    assert book.damage() == ""
    book.close()


def test_what_fires_again_after_its_end_is_news_with_and_without_ids(tmp_path) -> None:
    """Alertmanager says the same start again when it had lost sight of an alert; PagerDuty opens an incident again."""
    book = Book(tmp_path / "b.db", FakeClock(1_000_000.0))
    for source, ids in (("am", ("", "", "", "")), ("pd", ("e1", "e2", "e3", "e3"))):
        begun, over, again, repeat = (
            Alert(mark, "x", firing, "t", "2026-01-01T00:00:00Z")
            for mark, firing in zip(ids, (True, False, True, True), strict=True)
        )
        found = [book.receive(source, "exchange-online", [a], "ask") for a in (begun, over, again, repeat)]
        assert [t.new for t in found] == [1, 1, 1, 0], source
        assert book.firing(found[-1].incident) >= 1
    book.close()


def test_the_chain_notices_what_was_altered(tmp_path) -> None:
    """A changed event, one taken out."""
    book = Book(tmp_path / "b.db", FakeClock(1.0))
    for i in range(5):
        book.note("x", "", "me", n=i)
    assert book.damage() == ""
    book.close()
    db = sqlite3.connect(tmp_path / "b.db")
    db.execute("update event set data = ? where seq = 3", (json.dumps({"n": 99}),))
    db.commit()
    assert "event 3" in Book(tmp_path / "b.db", FakeClock(1.0)).damage()
    db.execute("delete from event where seq = 3")
    db.commit()
    assert "event 4" in Book(tmp_path / "b.db", FakeClock(1.0)).damage()


def test_answers_count_once_and_codes_lock(tmp_path) -> None:
    """By person, question and plan."""
    clock = FakeClock(1000.0)
    book, key = Book(tmp_path / "b.db", clock), b"k" * 32
    asked, new = questions.ask(
        book,
        incident="inc-1",
        run="run-1",
        step="s",
        checksum="c" * 64,
        opened=1000.0,
        deadline=2000.0,
        count=1,
        groups=[["a", "b"]],
    )
    again, fresh = questions.ask(
        book,
        incident="inc-1",
        run="run-1",
        step="s",
        checksum="c" * 64,
        opened=1000.0,
        deadline=2000.0,
        count=1,
        groups=[["a", "b"]],
    )
    assert new and not fresh and again == asked
    assert questions.claim(book, asked, "a", "sms", 0, yes="111111", no="222222", link="", key=key)
    assert not questions.claim(book, asked, "a", "sms", 0, yes="333333", no="444444", link="", key=key)
    assert questions.by_code(book, ["b"], "111111", key) is None  # b was not asked
    assert questions.by_code(book, ["a"], "111111 = yes, 222222 = no", key) is None  # our own text sent back
    found = questions.by_code(book, ["a"], "222222 please", key)
    assert found is not None and not found.yes
    assert questions.record(book, asked, "a", yes=False, how="sms") and not questions.record(
        book, asked, "a", yes=True, how="link"
    )
    other, _ = questions.ask(
        book,
        incident="inc-1",
        run="run-2",
        step="s",
        checksum="d" * 64,
        opened=1001.0,
        deadline=2000.0,
        count=1,
        groups=[["a"]],
    )
    questions.claim(book, other, "a", "sms", 0, yes="555555", no="666666", link="", key=key)
    for _ in range(9):  # right for one question is not wrong for the other
        assert questions.by_code(book, ["a"], "555555", key).question == other
    questions.close(book, other, "approved")
    for _ in range(5):
        assert questions.by_code(book, ["a"], "999999", key) is None
    try:
        questions.by_code(book, ["a"], "111111", key)
        raise AssertionError("not locked")
    except Refused as error:
        assert error.rule == "locked"


def test_the_codes_of_a_question_that_may_have_left_stay_good(tmp_path) -> None:
    """Killed between the claim and the vendor's answer, as often as it happens: people may hold any of the texts."""
    book, key = Book(tmp_path / "b.db", FakeClock(1000.0)), b"k" * 32
    asked, _ = questions.ask(
        book,
        incident="inc-1",
        run="run-1",
        step="s",
        checksum="c" * 64,
        opened=1000.0,
        deadline=2000.0,
        count=1,
        groups=[["a"]],
    )
    codes = [(f"{n}11111", f"{n}22222") for n in range(1, 7)]
    for yes, no in codes:
        assert questions.claim(book, asked, "a", "sms", 0, yes=yes, no=no, link="", key=key)
        assert questions.claim(book, asked, "a", "sms", 1, yes=f"{yes[0]}33333", no=f"{yes[0]}44444", link="", key=key)
        assert questions.unsettled(book) == 2
    assert questions.unsettled(book) == 0
    for yes, no in codes:
        assert questions.by_code(book, ["a"], yes, key).yes and not questions.by_code(book, ["a"], no, key).yes
        assert questions.by_code(book, ["a"], f"{yes[0]}33333", key).yes
    assert {o.state for o in questions.asked_of(book, asked.id)} == {"doubt"} and book.damage() == ""


@given(st.lists(st.sampled_from(sorted(RANKS)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_report_never_goes_back(tmp_path_factory, states) -> None:
    """Whatever the order, the furthest stands."""
    book = Book(tmp_path_factory.mktemp("r") / "b.db", FakeClock(1.0))
    for state in states:
        note_receipt(book, "SM1", state)
    (status,) = book.db.execute("select status from receipt").fetchone()
    assert RANKS[status] == max(RANKS[s] for s in states)
    random.Random(0).shuffle(states)
    book.close()
