"""The ledger of relays, in a file and in memory: the same answers."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.relay_ledger import COPY, MAIL, UNSEEN, Fate, RelayLedger, Remark, Source, Told, Total, Wanted
from bcp.kernel.errors import StorageError
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.store.sqlite import relay_ledger, relay_wanted
from bcp.store.sqlite.relay_agent import AgentStore
from bcp.store.sqlite.relay_ledger import LedgerStore

HOUR = 1_795_773_600
ONE = Fate(
    relay="r1", uid="q1.1", queue_id="q1", kind=MAIL, recipient="a@corp.test", to="a@corp.test", status="sent",
    at=HOUR + 9.0, answer="250 ok", via="mx[1]:25", remote_id="7", tries=1, risky=0, told="", people=1,
    taken=HOUR + 5.0, sender="o@side.test", size=9, message_id="m1@side.test", client="c[1]", tls="TLSv1.3",
)  # fmt: skip


@pytest.fixture(params=["file", "memory"])
def ledger(request, tmp_path) -> RelayLedger:
    return MemoryLedger() if request.param == "memory" else LedgerStore(tmp_path / "relays.db")


def take(ledger: RelayLedger, *fates: Fate, seq: int = 0, last: float = 1.0, relay: str = "r1") -> None:
    source = ledger.source(relay)
    told = {f.uid: [g for g in fates if g.uid == f.uid] for f in fates}
    number = seq or source.seq + 1
    messages = [Told(uid, last, tuple(rows)) for uid, rows in told.items()]
    ledger.take(replace(source, stream="s", seq=number, digest=f"d{number}"), messages, [])


def names(ledger: RelayLedger, **wanted) -> list[str]:
    return sorted(f.recipient for f in ledger.fates(Wanted(**wanted)))


def test_a_row_comes_back_as_it_was(ledger) -> None:
    take(ledger, ONE)
    assert ledger.fates(Wanted()) == [ONE] and ledger.count(Wanted()) == 1
    assert ledger.source("r1") == Source("r1", "s", 1, "d1") and ledger.source("r2") == Source("r2")
    assert ledger.digest("r1", "s", 1) == "d1" and ledger.digest("r1", "s", 2) == ledger.digest("r1", "x", 1) == ""


def test_a_message_told_again_replaces_its_rows_unless_it_is_older(ledger) -> None:
    waits = replace(ONE, status="deferred")
    other = replace(ONE, recipient="b@corp.test")
    take(ledger, waits, other, last=5.0)
    take(ledger, ONE, last=4.0)
    assert len(ledger.fates(Wanted())) == 2, "older"
    take(ledger, ONE, last=5.0)
    assert ledger.fates(Wanted()) == [ONE]


def test_a_batch_that_another_process_took_meanwhile_counts_once(ledger) -> None:
    take(ledger, ONE)
    take(ledger, replace(ONE, uid="q2.1", recipient="x@corp.test"), seq=1)
    assert names(ledger) == ["a@corp.test"]


def test_every_condition(ledger) -> None:
    rows = [
        ONE,
        replace(
            ONE, uid="q2.1", queue_id="q2", recipient="b@corp.test", status="bounced", sender="<>", taken=HOUR + 4000.0
        ),
        replace(ONE, uid="q3.1", queue_id="q3", recipient="c@else.test", message_id="m3@x", risky=1),
        replace(ONE, uid="q4.1", queue_id="q4", recipient="", people=3, status="queued"),
        replace(ONE, uid="q5.1", queue_id="q5", recipient="copy@corp.test", kind=COPY),
    ]
    take(ledger, *rows)
    assert names(ledger) == ["", "a@corp.test", "b@corp.test", "c@else.test"] and ledger.count(Wanted()) == 6
    assert names(ledger, kinds=(COPY, UNSEEN)) == ["copy@corp.test"]
    assert names(ledger, domains=("Corp.test",)) == ["", "a@corp.test", "b@corp.test"]
    assert names(ledger, recipient="A@corp.test") == ["a@corp.test"]
    assert names(ledger, sender="<>") == ["b@corp.test"] and ledger.count(Wanted(sender="<>")) == 1
    assert names(ledger, message_id="<m3@x>") == ["c@else.test"]
    assert names(ledger, queue_id="q2") == ["b@corp.test"]
    assert names(ledger, statuses=("bounced", "queued")) == ["", "b@corp.test"]
    assert names(ledger, since=HOUR + 3600.0) == ["b@corp.test"]
    assert names(ledger, until=HOUR + 3600.0) == ["", "a@corp.test", "c@else.test"]
    assert names(ledger, relays=("r2",)) == [] and len(names(ledger, relays=("r1", "r2"))) == 4
    assert names(ledger, risky=True) == ["c@else.test"] and names(ledger, doubled=True) == []
    assert [f.recipient for f in ledger.fates(Wanted(), limit=1)] == ["b@corp.test"], "the newest first"
    assert len(ledger.fates(Wanted(), limit=2, first=3)) == 1


def test_totals_are_by_hour_kind_and_fate(ledger) -> None:
    later = replace(ONE, uid="q2.1", recipient="b@corp.test", status="bounced", told="no", taken=HOUR + 3600.0)
    take(ledger, ONE, later, replace(ONE, uid="q3.1", recipient="", people=3))
    assert ledger.totals(Wanted()) == [
        Total(HOUR, MAIL, "sent", "", 4), Total(HOUR + 3600, MAIL, "bounced", "no", 1)
    ]  # fmt: skip
    assert ledger.totals(Wanted(sender="o@side.test", until=HOUR + 3600.0)) == [Total(HOUR, MAIL, "sent", "", 4)]


def test_delivered_twice_is_marked_whichever_relay_it_was(ledger) -> None:
    take(ledger, ONE, replace(ONE, uid="q2.1", recipient="b@corp.test"))
    take(ledger, replace(ONE, relay="r2", uid="q9.1", status="deferred"), relay="r2")
    assert ledger.count(Wanted(doubled=True)) == 0
    take(ledger, replace(ONE, relay="r2", uid="q9.1"), relay="r2", last=2.0)
    assert {(f.relay, f.recipient) for f in ledger.fates(Wanted(doubled=True))} == {
        ("r1", "a@corp.test"),
        ("r2", "a@corp.test"),
    }
    take(ledger, replace(ONE, uid="q3.1", message_id=""), replace(ONE, uid="q4.1", message_id=""))
    assert ledger.count(Wanted(doubled=True)) == 2, "without a Message-ID nobody knows"


def test_how_an_agent_is_leaves_its_place_alone(ledger) -> None:
    take(ledger, ONE)
    ledger.heard(Source("r1", "other", 99, "x", heard=5.0, skew=1.0, read=2.0, log=3.0, problem="p", counted="c"))
    ledger.heard(Source("r0", heard=1.0))
    assert ledger.sources() == [Source("r0", heard=1.0), Source("r1", "s", 1, "d1", 5.0, 1.0, 2.0, 3.0, "p", "c")]


def test_remarks_are_noted_once(ledger) -> None:
    for at in (9.0, 10.0):
        ledger.remark(Remark("r1", at, "log-lost", "gone"))
    ledger.remark(Remark("r2", 1.0, "batch-gap", "2 is missing"))
    assert ledger.remarks() == [Remark("r2", 1.0, "batch-gap", "2 is missing"), Remark("r1", 9.0, "log-lost", "gone")]
    assert [r.relay for r in ledger.remarks(("r1",))] == ["r1"] and ledger.remarks(since=9.5) == []
    ledger.close()


def test_what_fails_in_the_middle_is_not_there_at_all(ledger, monkeypatch) -> None:
    take(ledger, ONE)
    monkeypatch.setattr(
        type(ledger), "_twins", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full"))
    )
    with pytest.raises(StorageError):
        take(ledger, replace(ONE, uid="q2.1", recipient="b@corp.test"))
    assert ledger.source("r1").seq == 1 and names(ledger) == ["a@corp.test"] and ledger.digest("r1", "s", 2) == ""


def test_files_that_cannot_be_used_are_storage_errors(tmp_path) -> None:
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
    for kind in (LedgerStore, AgentStore):
        with pytest.raises(StorageError):
            kind(tmp_path / "bad.db")


def test_queries_use_the_indexes(tmp_path) -> None:
    store = LedgerStore(tmp_path / "relays.db")
    for condition, index in (
        ("f.taken >= 1", "fate_taken"),
        ("f.taken >= 1 and f.status <> 'sent'", "fate_unhappy"),
        ("f.recipient = 'a'", "fate_recipient"),
        ("f.doubled = 1", "fate_doubled"),
        ("f.risky > 0", "fate_risky"),
    ):
        plan = store._db.execute(f"explain query plan select sum(people) from fate f where {condition}").fetchall()
        assert any(index in row[-1] for row in plan), (condition, plan)


ROWS = st.lists(
    st.tuples(
        st.integers(0, 9), st.integers(0, 30_000), st.sampled_from(["sent", "bounced", "held"]), st.integers(1, 3)
    ),
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(batches=st.lists(ROWS, max_size=4), since=st.integers(0, 30_000), until=st.integers(0, 30_000))
def test_sums_by_hour_are_those_of_the_rows(batches, since, until) -> None:
    """Whatever was told again, and wherever the window begins and ends."""
    ledger = MemoryLedger()
    for number, rows in enumerate(batches, 1):
        fates = {f"q{q}.1": replace(ONE, uid=f"q{q}.1", status=s, taken=HOUR + t, people=n) for q, t, s, n in rows}
        take(ledger, *fates.values(), last=float(number))
    window = Wanted(since=HOUR + since, until=HOUR + until if until else 0.0)
    found = ledger.fates(window)
    assert ledger.count(window) == sum(f.people for f in found)
    for total in ledger.totals(window):
        mine = [f for f in found if int(f.taken // 3600) * 3600 == total.hour and f.status == total.status]
        assert total.people == sum(f.people for f in mine) > 0


def test_a_recipient_of_every_mail_makes_no_batch_slower() -> None:
    """The address of ``always_bcc`` has a row of each mail: twins and heirs are looked for from the mail."""
    db = MemoryLedger()._db
    again = f"select 1 from fate f join mail m on m.id = f.mail where f.mail = ? and {relay_wanted.AGAIN.format('?')}"
    for query, values, index in (
        (relay_ledger._TWINS, 2, "m USING INDEX mail_message_id"),
        (relay_ledger._HEIR, 4, "m USING INDEX mail_first"),
        (again, 2, "n USING INDEX mail_first"),
    ):
        plan = str(db.execute("explain query plan " + query, ("x",) * values).fetchall())
        assert index in plan and "fate_recipient" not in plan, plan


def test_whether_anything_can_be_kept_is_found_without_a_change(tmp_path) -> None:
    ledger = LedgerStore(tmp_path / "relays.db")
    before = ledger.sources()
    assert ledger.trouble() == "" and ledger.sources() == before
    ledger._db.execute("pragma query_only=on")
    assert "relays.db cannot be used" in ledger.trouble()
    ledger.close()
