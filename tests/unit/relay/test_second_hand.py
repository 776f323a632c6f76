"""A log that comes by way of journald, and a queue that nobody can list: what may be missing is said."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace

import pytest

from bcp.contracts.relay_ledger import Source, Wanted
from bcp.relay import door
from bcp.relay.listing import unlisted
from bcp.relay.second_hand import second_hand
from bcp.relay.sums import account
from bcp.relay_kit.watch import pulse
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import AT, NOW
from .test_batches import Side, pull
from .test_door import Loop, agent_of, place
from .test_follow import LINES

__all__ = ["place"]


@pytest.mark.parametrize(
    ("link", "own", "said"),
    [
        ("/run/systemd/journal/dev-log", ["echo"], True),
        ("/run/systemd/journal/dev-log", ["echo", "/var/log/postfix.log"], False),
        ("/run/systemd/journal/dev-log", ["false"], False),
        ("/run/systemd/journal/dev-log", ["./no-such-program"], False),
        ("/run/rsyslog/dev-log", ["echo"], False),
    ],
)
def test_a_log_behind_journald_is_no_first_hand(link, own, said, tmp_path) -> None:
    (tmp_path / "log").symlink_to(link)
    assert bool(second_hand(tmp_path / "mail.log", tmp_path / "log", own)) is said


def test_it_is_told_to_whoever_starts_the_agent_and_to_the_main_node(place, tmp_path, monkeypatch, capsys) -> None:
    """In the account and in readiness, until it is another log."""
    words = second_hand(tmp_path / "x", _journald(tmp_path), ["echo"])
    assert "journal = yes" in words and "maillog_file" in words
    monkeypatch.setattr("bcp.relay.second_hand.second_hand", lambda _log: words)
    assert door.run(["--settings", f"{place}/agent.conf", "--once"]) == 0
    assert capsys.readouterr().err.startswith("warning: lines of ")
    side = Side(tmp_path / "a")
    side.agent.doubt = words
    side.write("".join(f"{x}\n" for x in LINES[:3]).encode())
    pull(side, ledger := MemoryLedger())
    (source,) = ledger.sources()
    assert source.doubt == words and len(words) <= 300 and not source.trouble
    told = account([], sources=[source], now=NOW)
    assert any(words in w for w in told.warnings)
    ledger.heard(replace(source, doubt=""))
    assert ledger.source(source.relay).doubt == ""


def _journald(folder):
    (folder / "log").symlink_to("/run/systemd/journal/dev-log")
    return folder / "log"


def test_readiness_calls_it_a_risk_while_the_agent_lives() -> None:
    well, risk = pulse("r", NOW, NOW), pulse("r", NOW, NOW, "", "lines may be missing")
    assert (well.state, risk.state) == ("ok", "risk") and "lines may be missing" in risk.says
    assert pulse("r", NOW, NOW, "no such file", "lines may be missing").state == "fail"
    assert pulse("r", NOW - 700, NOW, "", "lines may be missing").state == "fail"
    assert Source("r").doubt == ""


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (FileNotFoundError(2, "No such file or directory"), "No such file or directory"),
        (subprocess.CalledProcessError(69, "x", stderr=b"a\npostqueue: fatal: not allowed\n"), "fatal: not allowed"),
        (subprocess.CalledProcessError(1, "x"), "it ended with 1"),
        (subprocess.TimeoutExpired("x", 60.0), "no answer for 60 s"),
    ],
)
def test_why_the_queue_cannot_be_listed(error, why) -> None:
    said = unlisted(["postqueue", "-j"], error)
    assert f"postqueue -j: {why}" in said.replace("postqueue: fatal", "fatal") and "stays open" in said


def test_a_queue_that_cannot_be_listed_is_said_once_and_not_called_well(place, capsys) -> None:
    """Before: every minute that it cannot be listed, and a second later that all is well again."""
    (place / "mail.log").write_text("".join(f"{x}\n" for x in LINES[:3]))
    loop = Loop(agent_of(place), ["false"])
    for _ in range(3):
        loop._listed = 0.0
        loop._turn()
    assert capsys.readouterr().err.count("\n") == 1
    assert [r[2] for r in loop.agent._remarks] == ["queue-unreadable"]
    loop.listing, loop._listed = ["true"], 0.0
    loop._turn()
    loop._turn()
    assert capsys.readouterr().err == "all is well again\n"


HELD = (
    "Nov 27 10:00:01 relay postfix/smtpd[1]: 4fR1Qx0000z000: client=a[192.0.2.1]",
    "Nov 27 10:00:01 relay postfix/cleanup[2]: 4fR1Qx0000z000: message-id=<m0@side.test>",
    "Nov 27 10:00:01 relay postfix/cleanup[2]: 4fR1Qx0000z000: hold: header Subject: x from a[192.0.2.1]; "
    "from=<o@side.test> to=<alias@corp.test> proto=ESMTP helo=<a>",
)


def test_who_was_put_on_hold_by_a_rule_is_named_by_the_listing_at_once(tmp_path) -> None:
    """qmgr never said how many; the session had other mails, so it did not either. The rule names one, by an alias."""
    side = Side(tmp_path / "a")
    side.write("".join(f"{x}\n" for x in HELD).encode())
    assert side.agent.want_listing(AT + 100)
    people = [{"address": a} for a in ("one@corp.test", "two@corp.test")]
    row = {"queue_name": "hold", "queue_id": "4fR1Qx0000z000", "recipients": people}
    side.agent.list_queue(json.dumps(row) + "\n", AT + 100)
    assert not side.agent.want_listing(AT + 100), "they have names now"
    pull(side, ledger := MemoryLedger())
    assert [(f.to, f.status) for f in ledger.fates(Wanted())] == [("one@corp.test", "held"), ("two@corp.test", "held")]


def test_one_that_is_not_in_the_queue_was_never_accepted(tmp_path) -> None:
    """The connection broke before its end: it is not asked for again, and counts as nothing."""
    side = Side(tmp_path / "a")
    side.write("".join(f"{x}\n" for x in HELD).encode())
    side.agent.list_queue("", AT + 1000)
    pull(side, ledger := MemoryLedger())
    assert not side.agent.want_listing(AT + 1000) and ledger.fates(Wanted()) == []
