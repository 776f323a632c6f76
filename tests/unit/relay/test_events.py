"""What a line means."""

from __future__ import annotations

import pytest

from bcp.kit.mail_log import Line
from bcp.relay import events as ev
from bcp.relay.events import event_of, torn

Q = "4fR1Qx2hZnz9tK"
TO = "to=<anna@corp.test>, relay=mx.corp.test[192.0.2.1]:25, delay=9, delays=1/2/3/3, dsn=2.0.0, "


def line(daemon: str, text: str) -> Line:
    return Line(1.0, "postfix", daemon, "7", text)


@pytest.mark.parametrize(
    ("daemon", "text", "wanted"),
    [
        ("smtpd", "client=mail.side.test[192.0.2.7]", ev.Born("mail.side.test[192.0.2.7]")),
        ("smtpd", "client=a[192.0.2.7], sasl_method=PLAIN, sasl_username=x", ev.Born("a[192.0.2.7]")),
        ("smtpd", "client=a[127.0.0.1], orig_queue_id=4fR1Qx2hZnz9tL, orig_client=b[192.0.2.7]",
         ev.Born("a[127.0.0.1]", "4fR1Qx2hZnz9tL")),
        ("pickup", "uid=0 from=<root@relay.test>", ev.PickedUp("root@relay.test")),
        ("pickup", "uid=103 from=<> orig_id=4fR1Qx2hZnz9tL", ev.PickedUp("", "4fR1Qx2hZnz9tL")),
        ("cleanup", "message-id=<m1@side.test>", ev.Named("m1@side.test")),
        ("cleanup", "message-id=<>", ev.Named("")),
        ("qmgr", "from=<out@side.test>, size=1234, nrcpt=30 (queue active)", ev.Queued("out@side.test", 1234, 30)),
        ("qmgr", "from=<>, size=1, nrcpt=1 (queue active)", ev.Queued("", 1, 1)),
        ("qmgr", "from=<out@side.test>, status=expired, returned to sender", ev.GivenUp()),
        ("qmgr", "from=<out@side.test>, status=force-expired, returned to sender", ev.GivenUp()),
        ("qmgr", "removed", ev.Gone()),
        ("postsuper", "removed", ev.Deleted()),
        ("postsuper", "placed on hold", ev.Held(by_hand=True)),
        ("postsuper", "released from hold", ev.Released()),
        ("postsuper", "requeued", ev.Released()),
        ("bounce", "sender non-delivery notification: 4fR1Qx2hZnz9tM",
         ev.Notice("4fR1Qx2hZnz9tM", "non-delivery", True)),
        ("bounce", "sender delay notification: 4fR1Qx2hZnz9tM", ev.Notice("4fR1Qx2hZnz9tM", "delay", True)),
        ("bounce", "postmaster non-delivery notification: 4fR1Qx2hZnz9tM",
         ev.Notice("4fR1Qx2hZnz9tM", "non-delivery", False)),
        ("bounce", "sender delivery status notification: 4fR1Qx2hZnz9tM",
         ev.Notice("4fR1Qx2hZnz9tM", "delivery status", True)),
        ("cleanup", "hold: header Subject: hi from a[192.0.2.7]; from=<o@side.test> to=<anna@corp.test> proto=ESMTP",
         ev.Held("anna@corp.test", "o@side.test")),
        ("smtpd", "hold: RCPT from a[192.0.2.7]: <a>: Helo triggers HOLD; from=<> to=<anna@corp.test> proto=ESMTP",
         ev.Held("anna@corp.test", "")),
        ("cleanup", "milter-hold: END-OF-MESSAGE from a[192.0.2.7]: hold; from=<> to=<b@corp.test> proto=ESMTP",
         ev.Held("b@corp.test", "")),
        ("cleanup", "discard: header X: y from a[192.0.2.7]; from=<o@side.test> to=<anna@corp.test> proto=ESMTP",
         ev.Discarded("anna@corp.test")),
        ("cleanup", "milter-reject: END-OF-MESSAGE from a[192.0.2.7]: 5.7.1 spam; from=<o@side.test> to=<a@corp.test>",
         ev.TurnedAway()),
        ("smtpd", "reject: END-OF-MESSAGE from a[192.0.2.7]: 550 no; from=<o@side.test> proto=ESMTP",
         ev.TurnedAway()),
    ],
)  # fmt: skip
def test_what_daemons_say(daemon, text, wanted) -> None:
    assert event_of(line(daemon, f"{Q}: {text}")) == (Q, wanted)


@pytest.mark.parametrize(
    ("daemon", "said", "status", "answer", "forwarded"),
    [
        ("smtp", "status=sent (250 2.0.0 Ok: queued as AAA11)", "sent", "250 2.0.0 Ok: queued as AAA11", "AAA11"),
        ("smtp", "status=sent (250 ok)", "sent", "250 ok", ""),
        ("lmtp", "status=sent (250 (ok))", "sent", "250 (ok)", ""),
        ("smtp", "status=deferred (connect to x[192.0.2.1]:25: Connection refused)", "deferred",
         "connect to x[192.0.2.1]:25: Connection refused", ""),
        ("error", "status=bounced (User unknown)", "bounced", "User unknown", ""),
        ("discard", "status=sent (discarded)", "discarded", "discarded", ""),
        ("local", "status=sent (forwarded as 4fR1Qx2hZnz9tM)", "sent", "forwarded as 4fR1Qx2hZnz9tM", "4fR1Qx2hZnz9tM"),
        ("smtp", "status=deferred", "deferred", "", ""),
    ],
)  # fmt: skip
def test_a_try_says_who_where_and_what(daemon, said, status, answer, forwarded) -> None:
    wanted = ev.Tried("anna@corp.test", "", "mx.corp.test[192.0.2.1]:25", status, answer, forwarded)
    assert event_of(line(daemon, f"{Q}: {TO}{said}")) == (Q, wanted)


@pytest.mark.parametrize(
    ("head", "to", "orig"),
    [
        ("to=<b@corp.test>, orig_to=<alias@corp.test>, relay=x", "b@corp.test", "alias@corp.test"),
        ('to=<"a >, status=sent (x"@corp.test>, relay=x', '"a >, status=sent (x"@corp.test', ""),
        ("to=<a+b@corp.test>, relay=x, conn_use=2", "a+b@corp.test", ""),
    ],
)
def test_addresses_are_read_whole(head, to, orig) -> None:
    """A local part in quotes may hold anything (RFC 5321, section 4.1.2); it spoofs no outcome."""
    _, found = event_of(line("smtp", f"{Q}: {head}, dsn=5.1.1, status=bounced (no)"))
    assert isinstance(found, ev.Tried)
    assert (found.to, found.orig, found.status) == (to, orig, "bounced")


@pytest.mark.parametrize(
    ("daemon", "text"),
    [
        ("smtpd", "NOQUEUE: reject: RCPT from a[192.0.2.7]: 550 5.1.1 <x@corp.test>: no; from=<> to=<x@corp.test>"),
        ("smtpd", f"{Q}: reject: RCPT from a[192.0.2.7]: 550 no; from=<> to=<x@corp.test> proto=ESMTP"),
        ("smtpd", "connect from a[192.0.2.7]"),
        ("smtpd", "warning: hostname a does not resolve"),
        ("smtp", f"{Q}: host mx[192.0.2.1] said: 450 later (in reply to RCPT TO command)"),
        ("smtp", f"{Q}: {TO}status=deliverable (probe)"),
        ("qmgr", "statistics: max connection rate 1/60s"),
        ("qmgr", f"{Q}: skipped, still being delivered"),
        ("qmgr", f"{Q}: from=<a@side.test>, size=12"),
        ("postsuper", "Deleted: 2 messages"),
        ("master", "daemon started -- version 3.7.11, configuration /etc/postfix"),
        ("anvil", f"{Q}: removed"),
        ("cleanup", f"{Q}: resent-message-id=<x>"),
    ],
)
def test_what_counts_nothing(daemon, text) -> None:
    assert event_of(line(daemon, text)) is None


def test_sessions() -> None:
    assert event_of(line("smtpd", "Anonymous TLS connection established from a[192.0.2.7]: TLSv1.3 with cipher X")) == (
        "",
        ev.Encrypted("TLSv1.3"),
    )
    hung = "disconnect from a[192.0.2.7] ehlo=1 mail=2 rcpt=3/4 data=2 quit=1 commands=9/10"
    assert event_of(line("smtpd", hung)) == ("", ev.Hung(2, 3))
    assert event_of(line("smtpd", hung.replace("data=2", "data=1/2"))) == ("", ev.Hung(None, 3))
    assert event_of(line("smtpd", hung.replace("data=2", "bdat=1"))) == ("", ev.Hung(1, 3))
    assert event_of(line("smtpd", "disconnect from a[192.0.2.7] ehlo=1 quit=1")) == ("", ev.Hung(None, 0))


@pytest.mark.parametrize(
    ("said", "is_torn"),
    [
        ("status=sent (250 ok)", False),
        ("status=sen", True),
        ("status=senNov 27 10:00:01 relay postfix/qmgr[1]: x", True),
        ("", True),
        ("status=undeliverable (no)", False),
        ("status=sent", False),
    ],
)
def test_a_try_without_its_outcome_is_torn(said, is_torn) -> None:
    assert torn(line("smtp", f"{Q}: {TO}{said}")) is is_torn
    assert not torn(line("qmgr", f"{Q}: remov"))
    assert not torn(line("qmgr", "remov"))


@pytest.mark.parametrize("ident", ["3F2A81C0", "ABCDEF01234", "4fR1Qx2hZnz9tK", "FACADE"])
def test_queue_ids_are_short_or_long(ident) -> None:
    assert event_of(line("qmgr", f"{ident}: removed")) == (ident, ev.Gone())


@pytest.mark.parametrize("word", ["warning", "NOQUEUE", "fatal", "statistics"])
def test_words_are_no_queue_ids(word) -> None:
    assert event_of(line("qmgr", f"{word}: removed")) is None


def test_an_address_as_old_postfix_writes_it_is_read_to_its_end() -> None:
    """Before 3.5, and with ``info_log_address_format = internal``: without quotes, whatever is in it."""
    rest = "relay=x[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)"
    found = event_of(line("smtp", f"{Q}: to=<a b>c, d=<e@corp.test>, orig_to=<x>y@corp.test>, {rest}"))
    assert found is not None and isinstance(found[1], ev.Tried)
    assert (found[1].to, found[1].orig, found[1].status) == ("a b>c, d=<e@corp.test", "x>y@corp.test", "sent")
    found = event_of(line("qmgr", f"{Q}: from=<a>b, size=1@x.test>, size=7, nrcpt=2 (queue active)"))
    assert found == (Q, ev.Queued("a>b, size=1@x.test", 7, 2))
