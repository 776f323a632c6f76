"""An agent that cannot read its log: what is written there may hide mails, and no account claims to be whole."""

from __future__ import annotations

import asyncio
import sqlite3
from types import SimpleNamespace

import pytest

from bcp.contracts.relay_ledger import Remark, Source, Wanted
from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import StorageError
from bcp.relay.agent import Desk
from bcp.relay.batch import Request
from bcp.relay.books import account_of
from bcp.relay.intake import take_reply
from bcp.relay.pull import Pulled, pull
from bcp.relay.sums import LOST, account
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.store.sqlite.relay_agent import AgentStore

from .shelves import NOW, Log
from .test_batches import KEY, Side
from .test_door import Loop
from .test_in_production import told

NAME = "mx-backup"


class Relay:
    """An agent, its log, and a main node that asks."""

    def __init__(self, folder) -> None:
        self.side, self.ledger, self.asked = Side(folder / "a"), MemoryLedger(), 0
        self.log = Log().taken().tried("a@corp.test", "sent").gone()
        self.side.write(told(self.log))

    def read(self, now: float) -> None:
        self.side.agent.step(now)

    def pull(self, now: float) -> None:
        desk, more = Desk(self.side.options, self.side.store, KEY), True
        while more:
            source, self.asked = self.ledger.source(NAME), self.asked + 1
            assert self.asked < 99
            request = Request(NAME, source.stream, source.seq, f"n{self.asked}")
            more = take_reply(self.ledger, request, desk.answer(request, now), KEY, now, now)[1]

    def account(self, now: float, **window):
        return account_of(self.ledger, [NAME], ["corp.test"], now=now, **window)


@pytest.fixture
def relay(tmp_path) -> Relay:
    it = Relay(tmp_path)
    it.read(NOW)
    it.pull(NOW)
    assert it.account(NOW).meets and it.account(NOW).unread == ()
    return it


def test_a_log_that_is_not_there_spoils_the_ends_until_it_is_read_again(relay) -> None:
    path = relay.side.options.log
    away = path.with_name("elsewhere")
    path.rename(away)
    relay.read(NOW + 5)
    relay.pull(NOW + 6)
    found = relay.account(NOW + 6)
    assert found.unread == (NAME,) and not found.meets and found.to_data()["unread"] == [NAME]
    assert "cannot read" in found.warnings[0] and relay.ledger.source(NAME).blind == NOW
    relay.pull(NOW + 60)
    assert relay.account(NOW + 60, until=NOW - 1).meets, "it was well up to then, and had told so"
    assert not relay.account(NOW + 60, until=NOW + 5).meets
    away.rename(path)
    relay.read(NOW + 61)
    relay.pull(NOW + 61)
    found = relay.account(NOW + 61)
    assert found.meets and found.warnings == () and relay.ledger.source(NAME).blind == 0


def test_an_agent_that_never_could_read_knows_nothing(tmp_path) -> None:
    relay = Relay(tmp_path)
    relay.side.options.log.unlink()
    relay.read(NOW)
    relay.pull(NOW)
    assert relay.account(NOW).unread == (NAME,) and not relay.account(NOW, until=NOW - 86_400).meets


@pytest.mark.parametrize(
    "what",
    [
        b"\x00\xfe\n" * 3 + b"\xff\x01junk\n" * 5,
        b"\xfe\xff" * 4000 + b"\n",
        b'{"where": "relay", "what": "postfix/qmgr[3]: 4fR1Qx2hZnz9tK: from=<a@b.test>, size=9, nrcpt=1 (queue a"}\n'
        * 5,
        b"2026/11/28 11:00 postfix/smtp 4fR1Qx2hZnz9tK: to=<a@corp.test>, status=sent (250 ok)\n" * 5,
    ],
    ids=["lines", "bytes", "json", "dates"],
)
def test_what_was_written_and_is_no_log_may_hide_a_mail(relay, what) -> None:
    """Afterwards all is read again; what was there is lost for that time, and for no other."""
    relay.side.write(what)
    relay.read(NOW + 10)
    relay.side.write(told(Log().taken(ident="4fR1ZZ0000z000", mid="m2@x")))
    relay.read(NOW + 20)
    relay.pull(NOW + 20)
    found = relay.account(NOW + 20)
    assert not found.meets and "[log-unread]" in found.warnings[-1] and found.unread == ()
    assert relay.ledger.count(Wanted()) == 2, "what could be read is counted"
    assert relay.account(NOW + 9000, since=NOW + 8000, until=NOW + 8500).codes == ()


def test_a_line_that_was_torn_hides_no_mail(relay) -> None:
    """A mail has more lines than that; what its other lines do not say is unknown."""
    relay.side.write(b"\xff\xfe junk\n" * 4 + b"Nov 27 10:00:01 relay sshd[7]: of another program\n" * 9)
    relay.read(NOW + 10)
    relay.pull(NOW + 10)
    assert relay.account(NOW + 10).meets


def test_one_that_could_not_be_asked_is_known_up_to_its_last_word() -> None:
    silent = Source(NAME, "s", heard=NOW - 60, read=NOW - 60, problem="ssh: connection refused")
    assert account([], sources=[silent], now=NOW).unread == (NAME,)
    assert account([], sources=[silent], until=NOW - 61, now=NOW).meets
    stopped = Source(NAME, "s", heard=NOW, read=NOW - 901)
    assert account([], sources=[stopped], now=NOW).unread == (NAME,)
    assert account([], sources=[stopped], until=NOW - 902, now=NOW).meets
    ahead = Source(NAME, "s", heard=NOW, read=NOW + 3600 - 901, skew=3600.0)
    assert account([], sources=[ahead], now=NOW).unread == (NAME,)


@pytest.mark.parametrize("code", sorted(LOST))
def test_the_second_loss_is_noted_beside_the_first(code) -> None:
    """In the same words: it spoils its own time, too."""
    ledger = MemoryLedger()
    for at in (NOW, NOW + 1, NOW + 90_000, NOW):
        ledger.remark(Remark(NAME, at, code, "rotated away"))
    assert [r.at for r in ledger.remarks()] == [NOW, NOW + 90_000]


def test_a_refusal_that_comes_again_is_noted_once_and_is_new() -> None:
    ledger = MemoryLedger()
    for at in (NOW, NOW + 90_000):
        ledger.remark(Remark(NAME, at, "batch-forged", "not our key"))
    assert [r.at for r in ledger.remarks()] == [NOW + 90_000]


# -- its own disk ----------------------------------------------------------------------------------------------------


def full(monkeypatch, *, letters: int = 0) -> list[bool]:
    """A disk on which only so many letters find room; a list that says whether it is full."""
    keep, state = AgentStore.keep, [True]

    def maybe(self, values, mails):
        values = list(values)
        if state[0] and (mails or sum(len(v) for _, v in values) > letters):
            raise StorageError("database or disk is full")
        keep(self, values, mails)

    monkeypatch.setattr(AgentStore, "keep", maybe)
    return state


@pytest.mark.parametrize("letters", [0, 200], ids=["nothing", "a-word"])
def test_a_full_disk_of_its_own_is_said_while_it_is_full(relay, monkeypatch, letters) -> None:
    """It is asked by a process of its own, or by a thread: neither is the one that reads."""
    second = told(Log().taken(ident="4fR1ZZ0000z000", mid="m2@x").tried("b@corp.test", "sent", ident="4fR1ZZ0000z000"))
    state, loop = full(monkeypatch, letters=letters), Loop(relay.side.agent)
    with relay.side.options.log.open("ab") as out:
        out.write(second)
    loop.stop.wait = lambda _seconds: loop.stop.set()  # type: ignore[assignment]
    assert loop.run() == 0
    for after in (1, 60):
        relay.pull(NOW + after)
        found = relay.account(NOW + after)
        assert not found.meets and found.unread == (NAME,), after
        (warning,) = found.warnings
        assert "cannot be written" in warning and "disk is full" in warning
    assert relay.ledger.count(Wanted()) == 1
    state[0] = False
    loop._turn()
    relay.pull(NOW + 90)
    found = relay.account(NOW + 90)
    assert found.meets and found.fates == {"delivered": 2} and found.unread == ()


def pulled(side: Side, ledger: MemoryLedger, monkeypatch) -> Pulled:
    async def asked(_url, given, _timeout):
        return side.desk.answer(Request(NAME, given["stream"], int(given["after"]), given["nonce"]), NOW)

    monkeypatch.setattr("bcp.relay.pull.ask_by_url", asked)
    key = SimpleNamespace(reveal=KEY.decode, reference="key")
    way = SimpleNamespace(push=False, url="x", timeout=1.0, key=key)
    return asyncio.run(pull(NAME, way, ledger, SystemClock()))  # type: ignore[arg-type]


def test_what_is_wrong_is_said_where_somebody_pulls(relay, monkeypatch) -> None:
    relay.side.options.log.unlink()
    relay.read(NOW + 5)
    done = pulled(relay.side, relay.ledger, monkeypatch)
    assert done.rule == "agent-unread" and "no such file" in done.problem


def test_a_disk_that_was_read_only_is_written_again_without_a_restart(tmp_path) -> None:
    """SQLite keeps a file read-only that it opened so."""
    path = tmp_path / "agent.db"
    AgentStore(path).close()
    store = AgentStore(path)
    store._db.close()
    store._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    with pytest.raises(StorageError, match="readonly"):
        store.asked(1.0)
    store.reopen()
    store.asked(2.0)
    assert store.get("asked") == "2.0"
    store.close()
    store.reopen()
    with pytest.raises(StorageError):
        store.asked(3.0)


def test_answers_of_an_agent_that_does_not_run_are_no_pulse(relay) -> None:
    """They come from a process of their own, out of what was kept."""
    relay.side.agent.heartbeat(NOW)
    relay.pull(NOW + 800)
    assert relay.ledger.source(NAME).blind == 0
    relay.pull(NOW + 1000)
    source = relay.ledger.source(NAME)
    assert source.blind == NOW and "does its service run?" in source.trouble and source.problem == ""
    assert relay.account(NOW + 1000).unread == (NAME,)
    assert relay.account(NOW + 1000, until=NOW).meets
    relay.read(NOW + 1001)
    relay.pull(NOW + 1001)
    assert relay.ledger.source(NAME).trouble == "" and relay.account(NOW + 1001).meets


def test_one_that_never_ran_is_no_agent(tmp_path) -> None:
    side, ledger = Side(tmp_path / "a"), MemoryLedger()
    request = Request(NAME, "", 0, "n")
    take_reply(ledger, request, side.desk.answer(request, NOW), KEY, NOW, NOW)
    assert "has not looked into its log ever" in ledger.source(NAME).trouble


def test_what_came_by_itself_and_cannot_be_kept_is_noted(relay, monkeypatch) -> None:
    """Whoever pulled, or was brought it: the account knows."""

    def full(*_given) -> None:
        raise StorageError("relays.db cannot be used: database or disk is full")

    relay.side.write(told(Log().taken(ident="4fR1ZZ0000z000", mid="m2@x")))
    with monkeypatch.context() as patch:
        patch.setattr(relay.ledger, "take", full)
        with pytest.raises(StorageError):
            relay.pull(NOW + 5)
    found = relay.account(NOW + 6)
    assert (
        found.unread == (NAME,) and "cannot be kept here" in found.warnings[0] and relay.ledger.source(NAME).blind == 0
    )
    relay.pull(NOW + 7)
    assert relay.account(NOW + 7).meets and relay.ledger.count(Wanted()) == 2
