"""Lines out of order, as a syslog daemon with several hands writes them, twice, or with the agent killed in between."""

from __future__ import annotations

from itertools import permutations

import pytest

from bcp.contracts.relay_ledger import FORWARDED, MAIL, UNSEEN, Wanted
from bcp.relay.rows import told_of
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import Log, Q
from .test_batches import Side, pull

NEXT = "4fR1ZZ0000z000"


def heard(lines: list[str]) -> list[tuple[str, str, str, str]]:
    """Kind, recipient, fate and told of each row."""
    log = Log()
    log.listener.hear([x.encode() for x in lines])
    rows = [f for m in log.mails for f in told_of("r1", m.to_data(), ()).fates]
    return sorted((f.kind, f.recipient, f.status, f.told) for f in rows)


def at_once(log: Log, start: int = 0) -> list[str]:
    """All that it said, dated with the second of the first line."""
    return [log.said[start][:25] + x[25:] for x in log.said[start:]]


@pytest.mark.parametrize(("status", "told"), [("sent", ""), ("bounced", "no")])
def test_the_lines_of_one_second_come_in_any_order(status, told) -> None:
    """It was accepted, it is not *unseen*, and it is over."""
    lines = at_once(Log().taken().tried("a@corp.test", status).gone())
    for order in list(permutations(lines))[::3]:
        assert heard(list(order)) == [(MAIL, "a@corp.test", status, told)], order


def test_a_mail_of_this_machine_and_one_that_is_given_up_come_in_any_order() -> None:
    log = Log().say("pickup", f"{Q}: uid=0 from=<root>").say("cleanup", f"{Q}: message-id=<x@y>")
    log.say("qmgr", f"{Q}: from=<root@relay>, size=9, nrcpt=1 (queue active)").tried("a@corp.test", "deferred", "450")
    log.say("qmgr", f"{Q}: from=<root@relay>, status=expired, returned to sender").gone()
    lines = at_once(log)
    for order in permutations(lines[:4]):
        for end in (lines[4:], lines[:3:-1]):
            assert heard([*order, *end]) == [(MAIL, "a@corp.test", "expired", "no")], (order, end)


def test_a_new_message_under_an_old_id_is_no_late_line() -> None:
    """The agent began in the middle of the one before."""
    log = Log().tried("a@corp.test", "sent").gone().taken().tried("b@corp.test", "deferred", "450")
    assert [(k, s) for k, _, s, _ in heard(log.said)] == [(MAIL, "deferred"), (UNSEEN, "sent")]


def test_what_a_filter_gives_back_is_known_when_its_answer_comes_first() -> None:
    log = Log().taken()
    log.tried("a@corp.test", "sent", f"250 ok: queued as {NEXT}", via="127.0.0.1[127.0.0.1]:10024").gone()
    log.say("smtpd", f"{NEXT}: client=localhost[127.0.0.1], orig_queue_id={Q}, orig_client=x[192.0.2.7]", pid=12)
    log.say("qmgr", f"{NEXT}: from=<out@side.test>, size=9, nrcpt=1 (queue active)").tried(
        "a@corp.test", "sent", ident=NEXT
    )
    assert [(k, s) for k, _, s, _ in heard(log.said)] == [(FORWARDED, "forwarded"), (MAIL, "sent")]


@pytest.mark.parametrize("way", ["killed", "each twice", "all twice"])
def test_a_mail_that_a_program_gave_back_counts_once(way, tmp_path) -> None:
    """By sendmail(1), which says nothing of where it comes from: the Message-ID does, also after a restart."""
    log = (
        Log()
        .taken()
        .say("pickup", f"{NEXT}: uid=99 from=<out@side.test>")
        .say("cleanup", f"{NEXT}: message-id=<m1@side.test>")
    )
    log.say("qmgr", f"{NEXT}: from=<out@side.test>, size=9, nrcpt=1 (queue active)")
    log.tried("a@corp.test", "sent", "delivered via filter service", via="filter", daemon="pipe").gone()
    log.tried("a@corp.test", "sent", ident=NEXT).gone(NEXT)
    lines = [x for x in log.said for _ in range(1 + (way == "each twice"))] * (1 + (way == "all twice"))
    side = Side(tmp_path / "a")
    for part in (lines[:6], lines[6:]) if way == "killed" else (lines,):  # killed before the program's answer is read
        side.write("".join(f"{x}\n" for x in part).encode())
        side.agent.load()
    pull(side, ledger := MemoryLedger())
    assert [f.status for f in ledger.fates(Wanted(), limit=100)] == ["sent"]
