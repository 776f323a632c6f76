"""Batches: sealed, numbered, chained; twice, out of order, with a gap, altered, replayed: never counted twice."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bcp.contracts.relay_ledger import Wanted
from bcp.kernel.errors import Invalid, Refused
from bcp.relay import agent as agents
from bcp.relay.agent import Agent, Desk, Options
from bcp.relay.batch import BATCH, REPLY, Request, checked_key, digest, seal, unseal
from bcp.relay.intake import AGAIN, TAKEN, take_batch, take_reply
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.store.sqlite.relay_agent import AgentStore

from .shelves import NOW
from .test_follow import LINES, TEXT

KEY, OTHER = b"k" * 32, b"o" * 32


class Side:
    """An agent with a log, and the desk that answers for it."""

    def __init__(self, folder: Path, name: str = "mx-backup", key: bytes = KEY) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "mail.log"
        self.log.touch()
        self.options = Options(name, folder, self.log)
        self.store = AgentStore(folder / "agent.db")
        self.agent, self.desk, self.key = Agent(self.options, self.store, UTC), Desk(self.options, self.store, key), key

    def write(self, raw: bytes) -> None:
        with self.log.open("ab") as out:
            out.write(raw)
        self.agent.step(NOW)

    def batches(self, ledger: MemoryLedger | None = None) -> list[bytes]:
        """All that it has to say, as a node that takes each at once would get it."""
        found, stream = list[bytes](), ""
        while True:
            raw = self.desk.answer(Request(self.options.relay, stream, len(found), "n"), NOW)
            head, batch = apart(raw)
            stream = unseal(self.key, REPLY, head)["stream"]
            if not batch:
                return found
            found.append(batch)


def apart(raw: bytes) -> tuple[bytes, bytes]:
    size, _, rest = raw.partition(b"\n")
    return rest[: int(size)], rest[int(size) :]


def rows(ledger: MemoryLedger) -> list[tuple[str, str, str]]:
    return sorted((f.uid, f.recipient, f.status) for f in ledger.fates(Wanted(), limit=10**6))


def rule(work) -> str:
    with pytest.raises(Refused) as found:
        work()
    return found.value.rule


@pytest.fixture
def game(tmp_path, monkeypatch) -> tuple[Side, list[bytes], list[tuple[str, str, str]]]:
    """Several batches of one agent, and what they come to."""
    monkeypatch.setattr(agents, "BATCH_MAILS", 3)
    side, sent = Side(tmp_path / "a"), list[bytes]()
    for at in range(0, len(LINES), 20):
        side.write("".join(f"{x}\n" for x in LINES[at : at + 20]).encode())
        sent = side.batches() if at == 0 else sent
    ledger, stream, after = MemoryLedger(), "", 0
    sent = []
    while True:
        head, batch = apart(side.desk.answer(Request("mx-backup", stream, after, "n"), NOW))
        stream = unseal(KEY, REPLY, head)["stream"]
        if not batch:
            break
        sent.append(batch)
        assert take_batch(ledger, "mx-backup", batch, KEY, NOW) == TAKEN
        after += 1
    assert len(sent) > 2 and len(rows(ledger)) == 24
    return side, sent, rows(ledger)


def test_a_seal_is_of_one_key_one_kind_and_these_bytes() -> None:
    raw = seal(KEY, BATCH, {"a": 1})
    assert unseal(KEY, BATCH, raw) == {"a": 1}
    assert rule(lambda: unseal(OTHER, BATCH, raw)) == "batch-forged"
    assert rule(lambda: unseal(KEY, REPLY, raw)) == "batch-unreadable"
    assert rule(lambda: unseal(KEY, BATCH, raw[:-1])) == "batch-forged"
    assert rule(lambda: unseal(KEY, BATCH, b"")) == "batch-unreadable"
    assert rule(lambda: unseal(KEY, BATCH, raw.replace(BATCH, REPLY))) == "batch-unreadable"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_change_of_a_byte_goes_through(data) -> None:
    raw = bytearray(seal(KEY, BATCH, {"mails": list(range(30))}))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    assert rule(lambda: unseal(KEY, BATCH, bytes(raw))) in {"batch-forged", "batch-unreadable"}


def test_what_is_sealed_and_no_batch_is_refused() -> None:
    from bcp.relay.batch import mac

    body = b"no json"
    raw = BATCH + b" " + mac(KEY, BATCH, body).encode() + b"\n" + body
    assert rule(lambda: unseal(KEY, BATCH, raw)) == "batch-unreadable"
    assert rule(lambda: unseal(KEY, BATCH, seal(KEY, BATCH, []))) == "batch-unreadable"  # type: ignore[arg-type]
    ledger = MemoryLedger()
    for bad in (
        {},
        {"relay": "r", "stream": "s", "seq": 1, "prev": "", "mails": [{"uid": 1}], "copies": [], "said": []},
    ):
        assert rule(lambda b=bad: take_batch(ledger, "r", seal(KEY, BATCH, b), KEY, NOW)) == "batch-unreadable"
    assert ledger.source("r").seq == 0 and ledger.remarks()[0].code == "batch-unreadable"


def test_a_short_key_is_none() -> None:
    with pytest.raises(Invalid) as found:
        checked_key(b" short \n", "k")
    assert found.value.rule == "no-agent-key" and checked_key(b" " + KEY + b"\n", "k") == KEY


@settings(max_examples=80, deadline=None)
@given(order=st.lists(st.integers(0, 99), max_size=40))
def test_in_any_order_and_as_often_as_it_likes_each_counts_once(order, tmp_path_factory) -> None:
    batches, wanted = cache(tmp_path_factory)
    ledger, last = MemoryLedger(), 0
    for number in (n % len(batches) for n in order):
        if number < last:
            assert take_batch(ledger, "mx-backup", batches[number], KEY, NOW) == AGAIN
        elif number == last:
            assert take_batch(ledger, "mx-backup", batches[number], KEY, NOW) == TAKEN
            last += 1
        else:
            assert rule(lambda n=number: take_batch(ledger, "mx-backup", batches[n], KEY, NOW)) == "batch-gap"
            assert ledger.remarks()[-1].code == "batch-gap"
    for batch in batches[last:]:
        take_batch(ledger, "mx-backup", batch, KEY, NOW)
    assert rows(ledger) == wanted


_CACHE: list[tuple[list[bytes], list[tuple[str, str, str]]]] = []


def cache(factory) -> tuple[list[bytes], list[tuple[str, str, str]]]:
    if not _CACHE:
        side, ledger, batches, stream = Side(factory.mktemp("side") / "a"), MemoryLedger(), list[bytes](), ""
        for at in range(0, len(TEXT), 900):
            side.write(TEXT[at : at + 900])
            head, batch = apart(side.desk.answer(Request("mx-backup", stream, len(batches), "n"), NOW))
            stream = unseal(KEY, REPLY, head)["stream"]
            batches += [batch] if batch else []
        for batch in batches:
            take_batch(ledger, "mx-backup", batch, KEY, NOW)
        assert len(batches) > 5
        _CACHE.append((batches, rows(ledger)))
    return _CACHE[0]


def test_another_batch_under_the_same_number_is_refused(game) -> None:
    _, batches, wanted = game
    data, ledger = unseal(KEY, BATCH, batches[0]), MemoryLedger()
    for batch in batches:
        take_batch(ledger, "mx-backup", batch, KEY, NOW)
    for changed in ({"mails": []}, {"seq": len(batches) + 1}, {"relay": "other"}):
        forged = seal(KEY, BATCH, {**data, **changed})
        expected = {"mails": "batch-altered", "seq": "batch-chain", "relay": "other-relay"}[next(iter(changed))]
        assert rule(lambda f=forged: take_batch(ledger, "mx-backup", f, KEY, NOW)) == expected
    assert rule(lambda: take_batch(ledger, "mx-backup", batches[0], OTHER, NOW)) == "batch-forged"
    assert rows(ledger) == wanted and {r.code for r in ledger.remarks()} == {
        "batch-altered", "batch-chain", "other-relay", "batch-forged",
    }  # fmt: skip


def test_the_same_answer_comes_when_it_is_asked_again(game) -> None:
    side, batches, _ = game
    last = len(batches)
    stream = side.store.get("stream")
    assert apart(side.desk.answer(Request("mx-backup", stream, last - 1, "a"), NOW))[1] == batches[-1]
    assert apart(side.desk.answer(Request("mx-backup", stream, last, "a"), NOW))[1] == b""


def test_a_node_that_lost_its_ledger_gets_everything_again(game) -> None:
    side, _, wanted = game
    ledger = MemoryLedger()
    first = side.store.get("stream")
    why = pull(side, ledger)
    assert rows(ledger) == wanted and side.store.get("stream") != first and "does not know" in why
    ledger.take(ledger.source("mx-backup"), [], [])
    assert pull(side, ledger) == ""


def test_an_agent_that_is_an_older_copy_begins_anew_and_nothing_counts_twice(game) -> None:
    side, batches, wanted = game
    ledger = MemoryLedger()
    for batch in batches:
        take_batch(ledger, "mx-backup", batch, KEY, NOW)
    side.store._db.execute("delete from batch where seq > 2")
    assert "older copy" in pull(side, ledger)
    assert rows(ledger) == wanted and [r.code for r in ledger.remarks()] == ["agent-anew"]


def test_an_agent_that_lost_its_ledger_reads_the_log_again_and_nothing_counts_twice(game, tmp_path) -> None:
    side, batches, wanted = game
    ledger = MemoryLedger()
    for batch in batches:
        take_batch(ledger, "mx-backup", batch, KEY, NOW)
    fresh = Side(tmp_path / "b")
    fresh.write(side.log.read_bytes())
    pull(fresh, ledger)
    assert rows(ledger) == wanted and [r.code for r in ledger.remarks()] == ["agent-anew"]


def test_an_older_word_does_not_replace_a_newer_one(game, tmp_path) -> None:
    side, batches, wanted = game
    ledger = MemoryLedger()
    for batch in batches:
        take_batch(ledger, "mx-backup", batch, KEY, NOW)
    behind = Side(tmp_path / "b")
    behind.write(side.log.read_bytes()[:1500])
    pull(behind, ledger)
    assert rows(ledger) == wanted


def pull(side: Side, ledger: MemoryLedger, skew: float = 0.0) -> str:
    """As the main node does it; why it began anew."""
    why = ""
    while True:
        source = ledger.source("mx-backup")
        request = Request("mx-backup", source.stream, source.seq, "nonce")
        raw = side.desk.answer(request, NOW + skew)
        why = unseal(KEY, REPLY, apart(raw)[0])["why"] or why
        if not take_reply(ledger, request, raw, KEY, NOW + 1, NOW)[1]:
            return why


@pytest.mark.parametrize(("skew", "said"), [(0.0, 0.0), (2.0, 0.0), (3600.0, 3599.5), (-3600.0, -3600.5)])
def test_a_clock_that_is_off_is_said(game, skew, said) -> None:
    ledger = MemoryLedger()
    pull(game[0], ledger, skew)
    assert ledger.source("mx-backup").skew == said and ledger.source("mx-backup").heard == NOW + 1


def test_lines_that_could_not_be_used_are_said(tmp_path) -> None:
    side, ledger = Side(tmp_path / "a"), MemoryLedger()
    side.write(b"\xff\xfe junk\n" + TEXT)
    pull(side, ledger)
    assert ledger.source("mx-backup").counted.startswith("1 broken, the last:")
    side.agent.say("log-lost", "a test")
    side.agent.heartbeat(NOW)
    pull(side, ledger)
    assert [(r.code, r.text) for r in ledger.remarks()] == [("log-lost", "a test")]


def test_answers_to_other_questions_are_refused(game) -> None:
    side, ledger = game[0], MemoryLedger()
    request = Request("mx-backup", "", 0, "mine")
    other = side.desk.answer(Request("mx-backup", "", 0, "theirs"), NOW)
    assert rule(lambda: take_reply(ledger, request, other, KEY, NOW, NOW)) == "reply-replayed"
    raw = side.desk.answer(request, NOW)
    head, _ = apart(raw)
    assert rule(lambda: take_reply(ledger, request, b"%d\n" % len(head) + head, KEY, NOW, NOW)) == "batch-altered"
    assert rule(lambda: take_reply(ledger, request, b"nonsense", KEY, NOW, NOW)) == "batch-unreadable"
    assert rule(lambda: take_reply(ledger, request, raw, OTHER, NOW, NOW)) == "batch-forged"


def test_who_has_not_the_key_makes_the_agent_forget_nothing(game) -> None:
    desk = game[0].desk
    request = Request("mx-backup", "s", 5, "n")
    desk.check(request, request.sealed(KEY))
    assert rule(lambda: desk.check(request, request.sealed(OTHER))) == "ask-forged"
    assert rule(lambda: desk.check(request, "é")) == "ask-forged"
    other = Request("other", "s", 5, "n")
    assert rule(lambda: desk.check(other, other.sealed(KEY))) == "other-relay"
    assert request.sealed(KEY) != Request("mx-backup", "s", 51, "").sealed(KEY)


def test_what_was_told_and_is_over_is_forgotten_at_last(game) -> None:
    side, batches, _ = game
    agent = side.agent
    assert agent.forget(NOW) == 0, "it is of yesterday, and 60 days are kept"
    assert agent.forget(NOW + 61 * 86_400) == 9, "those that still wait stay"
    assert len(side.store.changes(0, 10**6)[0]) == 3


def test_a_listing_names_and_finds_what_vanished(tmp_path) -> None:
    side = Side(tmp_path / "a")
    side.write("".join(f"{x}\n" for x in LINES[:3]).encode())
    assert side.agent.want_listing(NOW)
    row = {
        "queue_name": "hold",
        "queue_id": "4fR1Qx0000z000",
        "recipients": [{"address": "a0@corp.test"}, {"address": "b0@corp.test"}],
    }
    side.agent.list_queue(json.dumps(row) + "\n", NOW)
    ledger = MemoryLedger()
    pull(side, ledger)
    assert [s for _, _, s in rows(ledger)] == ["held", "held"]
    side.agent.list_queue("postqueue: fatal", NOW)
    side.agent.list_queue("", NOW)
    pull(side, ledger)
    assert [s for _, _, s in rows(ledger)] == ["unknown", "unknown"]
    assert [r.code for r in ledger.remarks()] == ["queue-unreadable"]


def test_digests_differ() -> None:
    assert digest(b"a") != digest(b"b")


def late(recipient: str) -> str:
    return (
        f"Nov 27 12:30:00 relay postfix/smtp[7]: 4fR1Qx0000z000: to=<{recipient}>, relay=x[192.0.2.9]:25, delay=1, "
        "delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
    )


def test_what_the_queue_shows_no_more_may_be_told_by_lines_that_are_read_later(tmp_path) -> None:
    """Nothing is missed while the log cannot be read; and what counted as gone is what the log says in the end."""
    side = Side(tmp_path / "a")
    side.write("".join(f"{x}\n" for x in LINES[:3]).encode())
    side.agent.source.problem = "mail.log: Permission denied"
    side.agent.list_queue("", NOW)
    pull(side, ledger := MemoryLedger())
    assert [s for _, _, s in rows(ledger)] == ["queued"]
    side.agent.source.problem = ""
    side.agent.list_queue("", NOW)
    pull(side, ledger)
    assert [s for _, _, s in rows(ledger)] == ["unknown"]
    side.write((late("a0@corp.test") + late("b0@corp.test")).encode())
    pull(side, ledger)
    assert [(r, s) for _, r, s in rows(ledger)] == [("a0@corp.test", "sent"), ("b0@corp.test", "sent")]


def test_a_listing_that_is_nested_too_deep_says_nothing(tmp_path) -> None:
    side = Side(tmp_path / "a")
    side.agent.list_queue("[" * 100_000, NOW)
    assert [row[2] for row in side.agent._remarks] == ["queue-unreadable"]
