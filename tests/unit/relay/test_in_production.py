"""What happens to a relay that is in use for months: a new key, state that is lost, logs that are gone.

The account stays what both ends saw."""

from __future__ import annotations

from bcp.contracts.relay_ledger import Remark, Source, Wanted
from bcp.relay.agent import Desk
from bcp.relay.batch import Request
from bcp.relay.books import account_of
from bcp.relay.intake import take_reply
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import NOW, Log
from .test_batches import KEY, OTHER, Side, rows, rule


def pulled(ledger: MemoryLedger, side: Side, key: bytes) -> str:
    """As the main node asks, until nothing comes; what was refused, if anything was."""
    name = side.options.relay
    for number in range(50):
        source = ledger.source(name)
        request = Request(name, source.stream, source.seq, f"n{number}")
        if not take_reply(ledger, request, side.desk.answer(request, NOW), key, NOW, NOW)[1]:
            return ""
    return "it never ends"


def told(log: Log) -> bytes:
    return "".join(f"{line}\n" for line in log.said).encode()


def test_a_batch_that_was_sealed_before_the_key_was_changed_is_sealed_again(tmp_path) -> None:
    """The key is changed at both ends while a batch of the old one waits at the relay."""
    side, ledger = Side(tmp_path / "a"), MemoryLedger()
    log = Log().taken(people=2).tried("a@corp.test", "sent")
    side.write(told(log))
    assert pulled(ledger, side, KEY) == ""
    seen = len(log.said)
    log.tried("b@corp.test", "sent").gone()
    side.write("".join(f"{line}\n" for line in log.said[seen:]).encode())
    side.desk.answer(Request("mx-backup", ledger.source("mx-backup").stream, 1, "lost"), NOW)
    side.desk, side.key = Desk(side.options, side.store, OTHER), OTHER
    assert pulled(ledger, side, OTHER) == ""
    assert [(to, status) for _, to, status in rows(ledger)] == [("a@corp.test", "sent"), ("b@corp.test", "sent")]
    assert not [r for r in ledger.remarks() if r.code.startswith("batch-")]


def test_a_key_that_is_new_at_one_end_only_is_refused_and_nothing_is_lost(tmp_path) -> None:
    side, ledger = Side(tmp_path / "a"), MemoryLedger()
    side.write(told(Log().taken().tried("a@corp.test", "sent").gone()))
    assert rule(lambda: pulled(ledger, side, OTHER)) == "batch-forged"
    ledger.remark(Remark("mx-backup", NOW - 1, "batch-forged", "the seal is not that of our key"))
    ledger.heard(Source("mx-backup", heard=NOW - 2))
    assert not account_of(ledger, ["mx-backup"], ["corp.test"], now=NOW).meets
    assert pulled(ledger, side, KEY) == "" and ledger.count(Wanted(statuses=("sent",))) == 1
    found = account_of(ledger, ["mx-backup"], ["corp.test"], now=NOW)
    assert found.meets and found.warnings[-1].endswith("[batch-forged]"), "it is said, and nothing is missing"


# -- the agent's state is lost, and so is the log of the beginning ---------------------------------------------------


def anew(folder, name: str, log: Log, since: int) -> Side:
    """An agent without its state: it sees no line of before."""
    side = Side(folder / name)
    side.write("".join(f"{line}\n" for line in log.said[since:]).encode())
    return side


def fates(ledger: MemoryLedger, **wanted) -> dict[str, str]:
    found = ledger.fates(Wanted(**wanted))
    assert all(f.taken and f.message_id == "m1@side.test" for f in found), "it stays accepted mail"
    assert ledger.count(Wanted(**wanted)) == sum(f.people for f in found), "the sums by hour are those of the rows"
    return {f.recipient: f.status for f in found}


def test_mail_that_waited_when_the_state_was_lost_is_known_when_it_goes(tmp_path) -> None:
    ledger, log = MemoryLedger(), Log().taken(people=3)
    log.tried("a@corp.test", "deferred", "450").tried("b@corp.test", "sent", "250 ok")
    side = Side(tmp_path / "a")
    side.write(told(log))
    assert pulled(ledger, side, KEY) == ""
    assert fates(ledger) == {"a@corp.test": "deferred", "b@corp.test": "sent", "": "queued"}
    seen = len(log.said)
    log.tried("a@corp.test", "sent", "250 ok", after=900).tried("c@corp.test", "bounced", "550 no").gone()
    fresh = anew(tmp_path, "b", log, seen)
    assert pulled(ledger, fresh, KEY) == ""
    assert fates(ledger) == {"a@corp.test": "sent", "b@corp.test": "sent", "c@corp.test": "bounced"}
    fresh.desk._anew("told once more")
    assert pulled(ledger, fresh, KEY) == ""
    assert fates(ledger) == {"a@corp.test": "sent", "b@corp.test": "sent", "c@corp.test": "bounced"}
    assert account_of(ledger, ["mx-backup"], ["corp.test"], now=NOW).unseen == 0


def test_what_left_meanwhile_without_a_line_is_unknown_and_not_waiting_for_ever(tmp_path) -> None:
    ledger, log = MemoryLedger(), Log().taken(people=2)
    log.tried("a@corp.test", "deferred", "450").tried("b@corp.test", "deferred", "450")
    side = Side(tmp_path / "a")
    side.write(told(log))
    pulled(ledger, side, KEY)
    log.tried("b@corp.test", "sent", "250 ok", after=900)
    seen = len(log.said)
    log.tried("a@corp.test", "sent", "250 ok", after=900).gone()
    pulled(ledger, anew(tmp_path, "b", log, seen), KEY)
    assert fates(ledger) == {"a@corp.test": "sent", "b@corp.test": "unknown"}
    assert not account_of(ledger, ["mx-backup"], ["corp.test"], now=NOW).meets


def test_a_short_queue_id_that_is_used_again_is_another_mail(tmp_path) -> None:
    ledger, log = MemoryLedger(), Log().taken(ident="3F2A1B0C9D").tried("a@corp.test", "deferred", ident="3F2A1B0C9D")
    side = Side(tmp_path / "a")
    side.write(told(log))
    pulled(ledger, side, KEY)
    seen = len(log.said)
    log.tried("a@corp.test", "sent", ident="3F2A1B0C9D", after=900)
    pulled(ledger, anew(tmp_path, "b", log, seen), KEY)
    assert fates(ledger) == {"a@corp.test": "deferred"}


def test_an_older_word_from_the_middle_changes_nothing(tmp_path) -> None:
    ledger, log = MemoryLedger(), Log().taken().tried("a@corp.test", "deferred", "450")
    side = Side(tmp_path / "a")
    side.write(told(log.tried("a@corp.test", "sent", "250 ok").gone()))
    pulled(ledger, side, KEY)
    half = Log()
    half.said = log.said[3:4]
    pulled(ledger, anew(tmp_path, "b", half, 0), KEY)
    assert fates(ledger) == {"a@corp.test": "sent"}
