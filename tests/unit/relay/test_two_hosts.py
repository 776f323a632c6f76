"""Two hosts of one relay in different networks: one source each, accounted for together, one of them dead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bcp.contracts.relay import AgentWay
from bcp.contracts.relay_ledger import FORWARDED, MAIL, UNSEEN, Source, Told, Wanted
from bcp.kernel.errors import Refused, StorageError
from bcp.kernel.secret import Secret
from bcp.plugins.relays.smtp import SmtpRelaySettings
from bcp.relay.books import account_of
from bcp.relay.clear import in_the_clear
from bcp.relay.pull import Pulled
from bcp.relay.receive import Receiver
from bcp.relay.rows import told_of
from bcp.relay.sources import agents_of, doubts, next_doors
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.store.sqlite.relay_ledger import _GIVERS as GIVERS
from bcp.store.sqlite.relay_ledger import first_id
from bcp.testing.clock import FakeClock
from bcp.wiring.relay_books import DrainBooks, RelayBooks

from .shelves import AT, NOW, Log, Q
from .test_batches import KEY, Side, rule

ONE, TWO = "relay1.test", "relay2.test"
S1, S2 = f"mx-backup@{ONE}", f"mx-backup@{TWO}"
Q1 = "4fR1Sm0aWwz9wN"
OURS = ["corp.test"]


def relay(**agent: object) -> SmtpRelaySettings:
    hosts = [{"host": ONE, "preference": 10, "addresses": ["192.0.2.11"]}, {"host": TWO, "preference": 20}]
    return SmtpRelaySettings.model_validate({"hosts": hosts, "agent": {"key": "env:BCP_TWO_KEY", **agent}})


BOTH = relay(command=["ssh", "x@{host}", "bcp-relay", "agent"])


def books(ledger: MemoryLedger, settings: SmtpRelaySettings = BOTH) -> RelayBooks:
    made = RelayBooks.__new__(RelayBooks)
    made.world = SimpleNamespace(
        relay_settings={"mx-backup": settings}, settings=SimpleNamespace(domains=[SimpleNamespace(name="corp.test")])
    )
    made.clock, made._alone, made._receiver = FakeClock(NOW), asyncio.Lock(), Receiver()
    made.__dict__["ledger"] = ledger
    return made


@pytest.fixture(autouse=True)
def key(monkeypatch) -> None:
    monkeypatch.setenv("BCP_TWO_KEY", KEY.decode())


# -- who there is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "names"),
    [
        ({"command": ["ssh", "x@{host}", "y"]}, [S1, S2]),
        ({"url": "http://127.0.0.1:80/{host}"}, [S1, S2]),
        ({"push": True}, [S1, S2]),
        ({"command": ["ssh", "loghost", "y"]}, ["mx-backup"]),
    ],
)
def test_a_placeholder_makes_one_source_a_host(agent, names) -> None:
    found = agents_of("mx-backup", relay(**agent))
    assert [a.name for a in found] == names
    assert all("{host}" not in text for a in found for text in (a.way.url, *a.way.command))


def test_each_is_asked_at_its_own_host() -> None:
    first, second = agents_of("mx-backup", BOTH)
    assert first.way.command == ["ssh", f"x@{ONE}", "bcp-relay", "agent"] and first.way.key == Secret("env:BCP_TWO_KEY")
    assert second.way.command[1] == f"x@{TWO}" and second.host == TWO
    alone = SmtpRelaySettings.model_validate({"hosts": [{"host": ONE}], "agent": {"push": True, "key": "env:X"}})
    assert [a.name for a in agents_of("r", alone)] == ["r"]
    assert agents_of("r", SimpleNamespace(agent=None)) == ()
    way = AgentWay(key=Secret("env:X"), push=True)
    assert [a.name for a in agents_of("r", SimpleNamespace(agent=way))] == ["r"], "settings that name no hosts"


def test_the_other_host_is_known_by_name_and_address() -> None:
    agents = {a.name: a for a in agents_of("mx-backup", BOTH)}
    assert next_doors(agents, S2, BOTH) == {ONE: S1, "192.0.2.11": S1}
    assert next_doors(agents, S1, BOTH) == {TWO: S2}
    one = {a.name: a for a in agents_of("mx-backup", relay(command=["x"]))}
    assert next_doors(one, "mx-backup", BOTH) == {}


def test_what_is_most_often_not_meant_is_said() -> None:
    assert doubts("r", BOTH) == doubts("r", relay(push=True)) == doubts("r", SimpleNamespace(agent=None)) == []
    (said,) = doubts("mx-backup", relay(command=["ssh", "loghost"]))
    assert "2 hosts and one agent" in said and "{host}" in said
    clear = doubts("mx-backup", relay(url="http://{host}:8025"))
    assert len(clear) == 2 and f"plain HTTP from {ONE}" in clear[0]


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("http://127.0.0.1:8025", False), ("http://[::1]:1", False), ("http://localhost:1", False), ("", False),
        ("https://relay.test", False), ("http://relay.test:8025", True), ("http://10.0.0.1", True),
        ("http://127.0.0.1.evil.test", True),
    ],
)  # fmt: skip
def test_what_others_can_read(url, clear) -> None:
    assert in_the_clear(url) is clear


# -- a message that passed from one to the other ---------------------------------------------------------------------


def second_log(answer: str = f"250 2.0.0 Ok: queued as {Q1}", via: str = f"{ONE}[192.0.2.11]:25") -> Log:
    """The second host took it, and hands it to the first."""
    return Log().taken(people=2).tried("a@corp.test", "sent", answer, via=via).tried("b@corp.test", "sent", "250 ok")


def first_log(status: str = "sent") -> Log:
    log = Log().taken(ident=Q1)
    return log.tried("a@corp.test", status, "250 2.6.0 <m> [InternalId=7, Hostname=x] Queued", ident=Q1)


def take(ledger: MemoryLedger, source: str, log: Log, doors: dict[str, str] | None = None) -> None:
    told = [told_of(source, m.to_data(), (), doors) for m in log.mails]
    known = ledger.source(source)
    ledger.take(replace(known, stream="s", seq=known.seq + 1, digest="d"), told, [])
    ledger.heard(Source(source, heard=NOW, read=NOW))


def fates(ledger: MemoryLedger) -> dict[str, int]:
    """As the account says; its sums by hour say the same."""
    found = account_of(ledger, [S1, S2], OURS, now=NOW)
    by_rows = account_of(ledger, [S1, S2], OURS, since=AT - 1, until=AT + 3000, now=NOW)
    assert found.fates == by_rows.fates
    return {k: n for k, n in found.fates.items() if n}


DOORS = {ONE: S1, "192.0.2.11": S1}
UNNAMED_VIA = "mx-in.else.test[198.51.100.1]:25"


@pytest.mark.parametrize("first", [True, False], ids=["first", "second"])
@pytest.mark.parametrize(
    "via", [f"{ONE}[192.0.2.11]:25", "Relay1.test[192.0.2.99]:25", "x[192.0.2.11]:25", UNNAMED_VIA]
)
def test_it_is_counted_where_it_is_now_whoever_is_heard_first(first, via) -> None:
    ledger = MemoryLedger()
    work = [lambda: take(ledger, S1, first_log()), lambda: take(ledger, S2, second_log(via=via), DOORS)]
    for one in work if first else reversed(work):
        one()
    assert fates(ledger) == {"delivered": 2}
    assert not ledger.fates(Wanted(doubled=True)), "by one of them it was not delivered, but handed on"
    (handed,) = ledger.fates(Wanted(kinds=(FORWARDED,)))
    assert (handed.relay, handed.status, handed.recipient) == (S2, "forwarded", "a@corp.test")
    take(ledger, S2, second_log(via=via), DOORS)
    take(ledger, S1, first_log())
    assert fates(ledger) == {"delivered": 2}, "told again"


def test_what_was_handed_to_a_host_that_tells_nothing_is_not_delivered() -> None:
    ledger = MemoryLedger()
    take(ledger, S2, second_log(), DOORS)
    assert fates(ledger) == {"delivered": 1, "unknown": 1}
    (row,) = ledger.fates(Wanted(statuses=("unknown",)))
    assert row.answer.startswith(f"handed to {S1}, which has not told of it: 250 2.0.0") and row.passed == S1
    take(ledger, S1, first_log("deferred"))
    assert fates(ledger) == {"delivered": 1, "waiting": 1}
    take(ledger, S1, first_log("bounced"))
    assert fates(ledger) == {"delivered": 1, "bounced": 1}


def test_the_answer_may_name_nothing() -> None:
    ledger = MemoryLedger()
    take(ledger, S2, second_log("250 ok"), DOORS)
    take(ledger, S1, first_log())
    assert fates(ledger) == {"delivered": 2, "unknown": 1}, "nothing proves that it is the same mail"


def test_another_mail_under_the_same_queue_id_is_another_mail() -> None:
    """Another Message-ID, another recipient, or a mail whose acceptance nobody saw: nothing is taken for the same."""
    for other in (
        Log().taken(ident=Q1, mid="m2@side.test").tried("a@corp.test", "sent", ident=Q1),
        Log().taken(ident=Q1).tried("c@corp.test", "sent", ident=Q1),
    ):
        ledger = MemoryLedger()
        take(ledger, S2, second_log(via=UNNAMED_VIA))
        take(ledger, S1, other)
        assert fates(ledger) == {"delivered": 3}
    ledger = MemoryLedger()
    take(ledger, S2, second_log(), DOORS)
    take(ledger, S1, Log().tried("a@corp.test", "sent", ident=Q1))
    assert fates(ledger) == {"delivered": 1, "unknown": 1}
    assert [f.relay for f in ledger.fates(Wanted(kinds=(UNSEEN,)))] == [S1]


def test_two_mails_of_one_id_that_came_by_both_ways_are_doubled() -> None:
    """A sender that got no answer from the first host, and went to the second: Exchange has it twice."""
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    take(ledger, S2, Log().taken().tried("a@corp.test", "sent"))
    assert len(ledger.fates(Wanted(doubled=True))) == 2 and fates(ledger) == {"delivered": 2}


def test_it_goes_round_and_ends_where_it_is() -> None:
    """The second hands it to the first, which hands it back: each handing is no delivery."""
    back = (
        Log()
        .taken(ident=Q1)
        .tried("a@corp.test", "sent", "250 Ok: queued as 4fR1ZZ0000z000", ident=Q1, via=f"{TWO}[192.0.2.12]:25")
    )
    again = Log().taken().tried("a@corp.test", "sent", f"250 Ok: queued as {Q1}", via=f"{ONE}[192.0.2.11]:25")
    again.taken(ident="4fR1ZZ0000z000").tried("a@corp.test", "deferred", "450 later", ident="4fR1ZZ0000z000")
    for order in ((S1, S2), (S2, S1)):
        ledger = MemoryLedger()
        for source in order:
            take(ledger, source, back if source == S1 else again, {TWO: S2} if source == S1 else DOORS)
        assert fates(ledger) == {"waiting": 1}


@pytest.mark.parametrize(("uid", "wanted"), [("4Q.17", "4Q"), ("postfix-in:4Q.17", "4Q"), ("4Q", "4Q")])
def test_the_first_queue_id(uid, wanted) -> None:
    assert first_id(uid) == wanted


# -- one is dead -----------------------------------------------------------------------------------------------------


def test_what_a_dead_host_holds_is_not_nothing() -> None:
    """It had told of two that wait, then it died: they count as waiting, and that there may be more is said."""
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    take(ledger, S2, Log().taken(people=2).tried("x@corp.test", "deferred", "450 later"))
    assert account_of(ledger, [S1, S2], OURS, now=NOW).meets
    died = NOW + 3000
    ledger.heard(Source(S1, heard=died, read=died))
    found = account_of(ledger, [S1, S2], OURS, now=died)
    assert found.fates == {"delivered": 1, "waiting": 2} and found.unheard == (S2,) and not found.meets
    (said,) = found.warnings
    assert "what became of the 2 recipient(s) that waited there, is not in here" in said and said.startswith(S2)
    assert found.to_data()["unheard"] == [S2]
    over = account_of(ledger, [S1, S2], OURS, until=NOW + 10, now=died)
    assert over.meets and over.warnings == (), "it was heard after the end of that time"


def test_one_that_was_never_heard_is_missing_from_the_account() -> None:
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    found = account_of(ledger, [S1, S2], OURS, now=NOW)
    assert found.unheard == (S2,) and not found.meets and "never heard" in found.warnings[0]


def test_one_that_has_taken_no_mail_yet_is_no_silent_one() -> None:
    """It answers, and has nothing to tell: no batch ever came of it."""
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    ledger.heard(Source(S2, heard=NOW, read=NOW))
    found = account_of(ledger, [S1, S2], OURS, now=NOW)
    assert found.meets and found.unheard == () and found.warnings == ()


def test_a_drain_says_what_it_cannot_count() -> None:
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    found = books(ledger)

    async def asked(names: object = ()) -> list[Pulled]:
        return []

    found.pull = asked  # type: ignore[method-assign]
    drain = DrainBooks(found, SimpleNamespace(card=lambda run: SimpleNamespace(parent="", moved_at=0.0)))  # type: ignore[arg-type]
    told = asyncio.run(drain.drained("mx-backup", OURS, "run", AT - 1))
    assert told is not None and (told.sent, told.unheard) == (1, (S2,))
    assert "2 hosts" in drain.says("mx-backup") and "has no agent" in drain.says("other")
    assert asyncio.run(DrainBooks(books(MemoryLedger()), drain._runs).drained("other", OURS, "run", 0.0)) is None


def test_pulse_and_names_by_host() -> None:
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    found = books(ledger)
    assert found.heard() == {ONE: NOW} and list(found.agents) == [S1, S2]
    assert found.sources(["mx-backup"]) == (S1, S2) and found.sources([S2]) == (S2,) and found.sources(["x"]) == ()
    central = books(ledger, relay(command=["x"]))
    ledger.heard(Source("mx-backup", heard=NOW - 5))
    assert central.heard() == {ONE: NOW - 5, TWO: NOW - 5}
    account = central.account()
    assert account is not None and any("2 hosts and one agent" in w for w in account.warnings)


def test_all_are_asked_and_one_that_fails_keeps_no_other(tmp_path) -> None:
    """The second answers; the first cannot be reached."""
    side = Side(tmp_path / "agent", S2)
    side.write(b"".join(line_bytes(second_log())))
    script = tmp_path / "ssh"
    dead = f"[ $1 = {TWO} ] || {{ echo dead >&2; exit 255; }}"
    script.write_text(f"#!/bin/sh\n{dead}\nexec {agent_words(tmp_path)} $2 $3 $4 $5\n")
    script.chmod(0o755)
    (tmp_path / "key").write_bytes(KEY)
    ledger = MemoryLedger()
    done = asyncio.run(books(ledger, relay(command=[str(script), "{host}"])).pull(["mx-backup"]))
    assert [(p.relay, bool(p.problem), p.batches) for p in done] == [(S1, True, 0), (S2, False, 1)]
    assert {f.status for f in ledger.fates(Wanted())} == {"sent", "unknown"}, "what it handed to the dead one"
    assert "dead" in ledger.source(S1).problem
    found = account_of(ledger, [S1, S2], OURS, now=NOW)
    assert found.unheard == (S1,) and sum(S1 in w for w in found.warnings) == 2, "never heard, and why: each once"


def line_bytes(log: Log) -> list[bytes]:
    return [(line + "\n").encode() for line in log.said]


def agent_words(folder) -> str:
    import sys

    return (
        f"{sys.executable} -m bcp relay agent --name {S2} --state {folder}/agent --log {folder}/agent/mail.log"
        f" --key {folder}/key"
    )


# -- names -----------------------------------------------------------------------------------------------------------


def test_an_agent_under_another_name_tells_everything_again(tmp_path) -> None:
    """What it kept under the old name would be refused for ever."""
    from bcp.relay.agent import Desk

    side = Side(tmp_path / "a")
    side.write(b"".join(line_bytes(second_log())))
    old = side.batches()
    assert len(old) == 1
    with side.store._all_or_nothing():
        side.store._db.execute("delete from meta where key = 'relay'")  # kept by an agent of before
    renamed = replace(side.options, relay=S1)
    side.desk, side.options = Desk(renamed, side.store, KEY), renamed
    (new,) = side.batches()
    from bcp.relay.intake import take_batch

    ledger = MemoryLedger()
    assert rule(lambda: take_batch(ledger, S1, old[0], KEY, NOW)) == "other-relay"
    assert take_batch(ledger, S1, new, KEY, NOW) == "taken"
    assert side.desk._stream() == side.desk._stream()


def test_a_request_for_another_name_is_refused(tmp_path) -> None:
    from bcp.relay.batch import Request

    side = Side(tmp_path / "a", S1)
    asked = Request(S2, "", 0, "n")
    with pytest.raises(Refused, match=r"another relay than mx-backup@relay1\.test"):
        side.desk.check(Request(S1, "", 0, "n"), asked.sealed(KEY))


def test_rows_are_as_they_were_where_there_is_one_host() -> None:
    ledger = MemoryLedger()
    take(ledger, S2, second_log())
    assert {(f.status, f.kind, f.passed) for f in ledger.fates(Wanted())} == {("sent", MAIL, "")}
    assert isinstance(told_of(S2, second_log().mail(Q).to_data(), ()), Told)


def test_a_relay_that_is_told_of_under_another_name_has_doubled_nothing() -> None:
    """The same mails once more, because its agent got a host's name: neither name's account has them twice."""
    ledger = MemoryLedger()
    take(ledger, "mx-backup", first_log())
    take(ledger, S1, first_log())
    assert ledger.count(Wanted(doubled=True)) == 0
    assert account_of(ledger, [S1, S2], OURS, now=NOW).fates == {"delivered": 1}


def test_a_ledger_of_before_learns_the_first_queue_ids(tmp_path) -> None:
    """What was taken by an older bcp is found by whoever handed it over."""
    from bcp.store.sqlite.connect import connect
    from bcp.store.sqlite.relay_ledger import SCHEMA, LedgerStore

    old = LedgerStore(tmp_path / "new.db")
    take(old, S1, first_log())  # type: ignore[arg-type]
    rows = {t: old._db.execute(f"select * from {t}").fetchall() for t in ("source", "batch", "mail", "fate", "tally")}
    db = connect(tmp_path / "relays.db", "rwc")
    db.executescript(SCHEMA.steps[0] + "; pragma user_version=1;")
    for table, found in rows.items():
        columns = [r[1] for r in db.execute(f"pragma table_info({table})")]
        for row in found:
            cut = tuple(row)[: len(columns)]
            db.execute(f"insert into {table} values ({','.join('?' * len(columns))})", cut)
    db.commit()
    db.close()
    ledger = LedgerStore(tmp_path / "relays.db")
    take(ledger, S2, second_log(via=UNNAMED_VIA))  # type: ignore[arg-type]
    assert fates(ledger) == {"delivered": 2}  # type: ignore[arg-type]
    plan = str(ledger._db.execute("explain query plan " + GIVERS, ("x", "y", "z")).fetchall())
    assert "fate_remote" in plan and "SCAN f" not in plan


# -- what was told cannot be kept, or was not read -------------------------------------------------------------------


@pytest.mark.parametrize("room", [True, False], ids=["for-a-word", "none"])
def test_a_full_disk_of_the_main_node_is_in_the_account(monkeypatch, tmp_path, room) -> None:
    """A batch finds no room; perhaps a word does. Once there is room all is there, and once."""
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    take(ledger, S2, second_log())
    side = Side(tmp_path / "agent", S2)
    side.write(b"".join(line_bytes(second_log())))
    (tmp_path / "key").write_bytes(KEY)
    found = books(
        ledger, relay(command=["sh", "-c", f"[ $0 = {TWO} ] && exec {agent_words(tmp_path)} $1 $2 $3 $4", "{host}"])
    )
    assert found.account().meets  # type: ignore[union-attr]

    def full(*_given: object) -> None:
        raise StorageError("relays.db cannot be used: database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "take", full)
        if not room:
            patch.setattr(ledger, "heard", full)
            patch.setattr(ledger, "trouble", lambda: "database or disk is full")
        with pytest.raises(StorageError):
            asyncio.run(found.pull())
        account = found.account()
        assert account is not None and account.unread and not account.meets
        assert any("cannot be kept here" in w and "disk is full" in w for w in account.warnings)
        assert found.account(until=NOW - 60).meets  # type: ignore[union-attr]


def test_hosts_whose_agent_does_not_read() -> None:
    ledger = MemoryLedger()
    take(ledger, S1, first_log())
    ledger.heard(Source(S1, heard=NOW, read=NOW, problem="no such file", blind=NOW - 60))
    assert books(ledger).troubles() == {ONE: "no such file"}
    drain = DrainBooks(books(ledger), SimpleNamespace(card=lambda run: SimpleNamespace(parent="", moved_at=0.0)))  # type: ignore[arg-type]

    async def asked(names: object = ()) -> list[Pulled]:
        return []

    drain._books.pull = asked  # type: ignore[method-assign]
    told = asyncio.run(drain.drained("mx-backup", OURS, "run", AT - 1))
    assert told is not None and told.unheard == (S2, S1)
