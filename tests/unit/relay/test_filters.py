"""Filters wherever they stand, and what a delivery agent says of mail that it did not try."""

from __future__ import annotations

from datetime import UTC

import pytest

from bcp.contracts.relay_ledger import FORWARDED, MAIL, Wanted
from bcp.relay.agent import Agent
from bcp.relay.events import RISK
from bcp.relay.rows import told_of
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import Log, Q
from .test_batches import Side, pull

BACK = "4fR1ZZ0000z000"


def filtered(via: str, client: str, *, mid: str = "m1@side.test") -> list[tuple[str, str]]:
    """Kind and fate of each row: a filter at ``via`` gives the mail back as ``client``."""
    log = Log().taken()
    log.say("smtpd", f"{BACK}: client={client}", pid=12).say("cleanup", f"{BACK}: message-id=<{mid}>")
    log.say("qmgr", f"{BACK}: from=<out@side.test>, size=1300, nrcpt=1 (queue active)")
    answer = f"250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {BACK}"
    log.tried("a@corp.test", "sent", answer, via=via).gone()
    log.tried("a@corp.test", "sent", ident=BACK).gone(BACK)
    return sorted((f.kind, f.status) for m in log.mails for f in told_of("r1", m.to_data(), ()).fates)


@pytest.mark.parametrize(
    ("via", "client"),
    [
        ("127.0.0.1[127.0.0.1]:10024", "localhost[127.0.0.1]"),
        ("relay[/run/amavis/lmtp.sock]", "localhost[::1]"),
        ("relay[private/filter]", "localhost[127.0.0.1]"),
        ("filter[172.17.0.2]:10024", "filter[172.17.0.2]"),
        ("filter[172.17.0.2]:10024", f"host[172.17.0.1], orig_queue_id={Q}, orig_client=mail.side.test[192.0.2.7]"),
    ],
)
def test_a_mail_that_a_filter_gave_back_counts_once(via, client) -> None:
    assert filtered(via, client) == [(FORWARDED, "forwarded"), (MAIL, "sent")]


def test_another_mail_of_the_same_machine_is_no_mail_given_back() -> None:
    assert filtered("mx[192.0.2.9]:25", "mx[192.0.2.9]", mid="another@x") == [(MAIL, "sent")] * 2
    assert filtered("mx[192.0.2.9]:25", "mx[192.0.2.8]") == [(MAIL, "sent")] * 2


@pytest.mark.parametrize(
    ("via", "status"), [("127.0.0.1[127.0.0.1]:10024", "removed"), ("mx.corp.test[192.0.2.1]:25", "sent")]
)
def test_what_a_filter_of_this_machine_throws_away_is_not_delivered(via, status) -> None:
    log = Log().taken().tried("a@corp.test", "sent", "250 2.7.0 Ok, discarded, id=123-01 - spam", via=via).gone()
    assert log.fates() == {"a@corp.test": status}


def test_mail_that_was_not_tried_is_no_risk() -> None:
    """error(8) repeats why another mail was not delivered."""
    said = f"lost connection with mx.corp.test[192.0.2.1] while sending end of data -- {RISK}"
    log = Log().taken().tried("a@corp.test", "deferred", f"delivery temporarily suspended: {said}", daemon="error")
    assert log.mail().people[0].risky == 0
    log.tried("a@corp.test", "deferred", said)
    assert log.mail().people[0].risky == 1


def test_an_agent_that_is_killed_between_two_instances_counts_their_mail_once(tmp_path) -> None:
    """Whichever of them was heard last: the one hands it to the other, and says so a line later."""
    side = Side(tmp_path / "a")
    inner, outer = "Nov 27 10:00:01 relay postfix/", "Nov 27 10:00:01 relay postfix-out/"
    text = (
        f"{inner}smtpd[1]: 4fR1Qx0000z000: client=a[192.0.2.1]\n{inner}cleanup[2]: 4fR1Qx0000z000: message-id=<m@x>\n"
        f"{inner}qmgr[3]: 4fR1Qx0000z000: from=<o@x>, size=9, nrcpt=1 (queue active)\n"
        f"{outer}smtpd[5]: 4fR1Qx0000z111: client=localhost[127.0.0.1]\n"
        f"{outer}cleanup[6]: 4fR1Qx0000z111: message-id=<m@x>\n"
        f"{outer}smtpd[5]: disconnect from localhost[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5\n"
    )
    side.write(text.encode())
    side.agent = Agent(side.options, side.store, UTC)
    given = "to=<b@x>, relay=127.0.0.1[127.0.0.1]:10026, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent"
    text = (
        f"{inner}smtp[4]: 4fR1Qx0000z000: {given} (250 2.0.0 Ok: queued as 4fR1Qx0000z111)\n"
        f"{inner}qmgr[3]: 4fR1Qx0000z000: removed\n"
        f"{outer}qmgr[7]: 4fR1Qx0000z111: from=<o@x>, size=9, nrcpt=1 (queue active)\n"
        f"{outer}smtp[8]: 4fR1Qx0000z111: {given.replace('127.0.0.1', '192.0.2.9')} (250 ok)\n"
    )
    side.write(text.encode())
    pull(side, ledger := MemoryLedger())
    assert [(f.queue_id, f.status) for f in ledger.fates(Wanted())] == [("postfix-out:4fR1Qx0000z111", "sent")]
