"""What happens to a relay that is in use for months: a new key, state that is lost, logs that are gone; the account stays
what both ends saw."""

from __future__ import annotations

from dataclasses import replace

from bcp.contracts.relay_ledger import Wanted
from bcp.relay.agent import Desk
from bcp.relay.batch import Request
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
    assert pulled(ledger, side, KEY) == "" and ledger.count(Wanted(statuses=("sent",))) == 1
    assert replace(ledger.source("mx-backup"), heard=0.0) != ledger.source("mx-backup")
