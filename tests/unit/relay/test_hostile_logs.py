"""Logs as Postfix writes them in bad hours, in every form of log, against what is true, recipient by recipient.

Truth is written beside each log by hand: who was accepted for whom, and what became of it. A recipient stands there
once for each message.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from bcp.contracts.relay_ledger import MAIL, UNSEEN, Source, Wanted
from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Reader
from bcp.relay.listen import Listener
from bcp.relay.lives import Lives
from bcp.relay.mail import mail_of
from bcp.relay.rows import told_of
from bcp.store.memory.relay_ledger import MemoryLedger

from .shelves import AT, NOW, Empty

VIA = "relay=mx.c.test[192.0.2.1]:25, delay=9, delays=1/2/3/3"
SENT = f"{VIA}, dsn=2.6.0, status=sent (250 2.6.0 <m@x> [InternalId=7, Hostname=ex.test] Queued mail for delivery)"
NO = f"{VIA}, dsn=5.1.10, status=bounced (host mx.c.test[192.0.2.1] said: 550 5.1.10 no (in reply to RCPT TO command))"
WAIT = f"{VIA}, dsn=4.7.500, status=deferred (host mx.c.test[192.0.2.1] said: 450 4.7.500 Server busy)"
LOST = "lost connection with mx.c.test[192.0.2.1] while sending end of data -- message may be sent more than once"
FILTER = "relay=filter, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (delivered via filter service)"
SHORT, SECOND, THIRD = "A1B2C3D4E5", "F6A7B8C9D0", "B1B2B3B4B5"


def came(ident: str, people: int = 1, *, daemon: str = "smtpd", sender: str = "o@s.test") -> list[str]:
    return [
        f"{daemon}: {ident}: client=mail.s.test[192.0.2.7]",
        f"cleanup: {ident}: message-id=<{ident}@s.test>",
        f"qmgr: {ident}: from=<{sender}>, size=900, nrcpt={people} (queue active)",
    ]


def gone(ident: str) -> str:
    return f"qmgr: {ident}: removed"


def to(ident: str, who: str, what: str, daemon: str = "smtp") -> str:
    return f"{daemon}: {ident}: to=<{who}>, {what}"


TRUTH: dict[str, tuple[list[str], dict[str, int]]] = {
    "plain": ([*came(SHORT), to(SHORT, "a@c.test", SENT), gone(SHORT)], {"a@c.test sent": 1}),
    "its queue id is used again": (
        [*came(SHORT), to(SHORT, "a@c.test", NO), gone(SHORT), *came(SHORT), to(SHORT, "a@c.test", SENT), gone(SHORT)],
        {"a@c.test bounced": 1, "a@c.test sent": 1},
    ),
    "used again, and the end of the first is missing": (
        [*came(SHORT), *came(SHORT), to(SHORT, "a@c.test", SENT), gone(SHORT)],
        {" unknown": 1, "a@c.test sent": 1},
    ),
    "requeued twice, half of it sent before": (
        [*came(SHORT, 2), to(SHORT, "a@c.test", SENT), to(SHORT, "b@c.test", WAIT),
         f"postsuper: {SHORT}: requeued", f"pickup: {SECOND}: uid=0 from=<o@s.test> orig_id={SHORT}",
         f"cleanup: {SECOND}: message-id=<{SHORT}@s.test>",
         f"qmgr: {SECOND}: from=<o@s.test>, size=900, nrcpt=1 (queue active)", to(SECOND, "b@c.test", WAIT),
         f"postsuper: {SECOND}: requeued", f"pickup: {THIRD}: uid=0 from=<o@s.test> orig_id={SECOND}",
         f"qmgr: {THIRD}: from=<o@s.test>, size=900, nrcpt=1 (queue active)", to(THIRD, "b@c.test", SENT), gone(THIRD)],
        {"a@c.test sent": 1, "b@c.test sent": 1},
    ),
    "a milter refuses it at its end": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: message-id=<m@x>",
         f"cleanup: {SHORT}: milter-reject: END-OF-MESSAGE from x[::7]: 5.7.1 Spam; from=<o@s.test>"
         " to=<a@c.test> proto=ESMTP helo=<x>", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1 data=0/1"],
        {},
    ),
    "by hand: held, let go, removed": (
        [*came(SHORT, 2), to(SHORT, "a@c.test", SENT), f"postsuper: {SHORT}: placed on hold",
         f"postsuper: {SHORT}: released from hold", f"postsuper: {SHORT}: removed", *came(SECOND),
         f"postsuper: {SECOND}: placed on hold"],
        {"a@c.test sent": 1, " removed": 1, " held": 1},
    ),
    "expired by hand and by age": (
        [*came(SHORT, 2), to(SHORT, "a@c.test", WAIT), to(SHORT, "b@c.test", SENT), f"postsuper: {SHORT}: expired",
         f"qmgr: {SHORT}: from=<o@s.test>, status=force-expired, returned to sender", gone(SHORT), *came(SECOND),
         to(SECOND, "c@c.test", WAIT), f"qmgr: {SECOND}: from=<o@s.test>, status=expired, returned to sender",
         gone(SECOND)],
        {"a@c.test expired": 1, "b@c.test sent": 1, "c@c.test expired": 1},
    ),
    "empty addresses and no relay": (
        [*came(SHORT, 2),
         to(SHORT, ">, orig_to=<a@c.test", "relay=none, delay=0, dsn=5.1.3, status=bounced (bad syntax)", "error"),
         to(SHORT, "b@c.test", "relay=none, delay=0, dsn=4.4.1, status=deferred (connect to mx[::1]:25: refused)"),
         ],
        {"a@c.test bounced": 1, "b@c.test deferred": 1},
    ),
    "bounced by cleanup before qmgr has it": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: message-id=<m@x>",
         to(SHORT, "a@c.test", "relay=none, delay=0.1, dsn=5.4.6, status=bounced (alias expansion error)", "cleanup"),
         f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=2 (queue active)", to(SHORT, "b@c.test", SENT), gone(SHORT)],
        {"a@c.test bounced": 1, "b@c.test sent": 1},
    ),
    "a person asks whether an address is known, and Postfix does": (
        [f"pickup: {SHORT}: uid=0 from=<root>", f"cleanup: {SHORT}: message-id=<v@relay>",
         f"qmgr: {SHORT}: from=<root@relay>, size=300, nrcpt=1 (queue active)",
         to(SHORT, "a@c.test", f"{VIA}, dsn=2.1.5, status=deliverable (250 2.1.5 ok)"), gone(SHORT),
         f"cleanup: {SECOND}: message-id=<w@relay>", f"qmgr: {SECOND}: from=<>, size=300, nrcpt=1 (queue active)",
         to(SECOND, "b@c.test", f"{VIA}, dsn=5.1.1, status=undeliverable (host mx said: 550 no)"), gone(SECOND)],
        {},
    ),
    "another host of the next hop is tried after a lost answer": (
        [*came(SHORT, 2), f"smtp: {SHORT}: {LOST}",
         to(SHORT, "a@c.test", SENT), to(SHORT, "b@c.test", SENT), gone(SHORT)],
        {"a@c.test sent, perhaps twice": 1, "b@c.test sent, perhaps twice": 1},
    ),
    "a time-out after the data, then well": (
        [*came(SHORT), to(SHORT, "a@c.test", f"{VIA}, dsn=4.4.2, status=deferred (conversation with mx.c.test"
         "[192.0.2.1] timed out while sending end of data -- message may be sent more than once)"),
         to(SHORT, "a@c.test", SENT), gone(SHORT)],
        {"a@c.test sent, perhaps twice": 1},
    ),
    "addresses beyond ASCII, quoted, with an equals sign": (
        [*came(SHORT, 4), to(SHORT, "Пользователь@c.test", SENT), to(SHORT, '"a, status=sent (b"@c.test', WAIT),
         to(SHORT, "x=y+z@c.test", SENT), to(SHORT, 'half"quote@c.test', SENT)],
        {"пользователь@c.test sent": 1, '"a, status=sent (b"@c.test deferred': 1, "x=y+z@c.test sent": 1,
         'half"quote@c.test sent': 1},
    ),
    "a sender with half a quote": (
        [*came(SHORT, sender='o"o@s.test'), to(SHORT, "a@c.test", SENT), gone(SHORT)], {"a@c.test sent": 1},
    ),
    "a proxy before the queue": (
        ["smtpd: connect from x[::7]", "smtpd: NOQUEUE: client=x[::7]",
         f"10026/smtpd: {SHORT}: client=localhost[127.0.0.1], orig_client=x[::7]",
         f"cleanup: {SHORT}: message-id=<m@x>", f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=1 (queue active)",
         f"smtpd: proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as {SHORT}; from=<o@s.test> to=<a@c.test>"
         " proto=ESMTP helo=<x>", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1 data=1 quit=1",
         "smtpd: proxy-reject: END-OF-MESSAGE: 554 5.7.1 no; from=<o@s.test> to=<b@c.test> proto=ESMTP helo=<x>",
         to(SHORT, "a@c.test", SENT), gone(SHORT)],
        {"a@c.test sent": 1},
    ),
    "a filter in another instance": (
        [*came(SHORT), f"postfix-out/smtpd: {SECOND}: client=localhost[127.0.0.1]",
         f"postfix-out/cleanup: {SECOND}: message-id=<{SHORT}@s.test>",
         f"postfix-out/qmgr: {SECOND}: from=<o@s.test>, size=9, nrcpt=1 (queue active)",
         to(SHORT, "a@c.test", f"relay=127.0.0.1[127.0.0.1]:10025, delay=1, dsn=2.0.0, status=sent (250 Ok: queued"
            f" as {SECOND})"), gone(SHORT),
         f"postfix-out/smtp: {SECOND}: to=<a@c.test>, {NO}", f"postfix-out/qmgr: {SECOND}: removed"],
        {"a@c.test bounced": 1},
    ),
    "two instances use the same id for two mails": (
        [*came(SHORT), f"postfix-out/smtpd: {SHORT}: client=y[192.0.2.8]",
         f"postfix-out/qmgr: {SHORT}: from=<p@s.test>, size=9, nrcpt=1 (queue active)", to(SHORT, "a@c.test", SENT),
         f"postfix-out/smtp: {SHORT}: to=<b@c.test>, {NO}", gone(SHORT)],
        {"a@c.test sent": 1, "b@c.test bounced": 1},
    ),
    "postscreen, TLS, statistics, warnings": (
        ["postscreen: CONNECT from [192.0.2.7]:4711 to [192.0.2.20]:25", "postscreen: PASS NEW [192.0.2.7]:4711",
         "dnsblog: addr 192.0.2.7 listed by domain zen.test as 127.0.0.2",
         "postscreen: NOQUEUE: reject: RCPT from [192.0.2.7]:4711: 550 5.7.1 Service unavailable; from=<o@s.test>,"
         " to=<a@c.test>, proto=ESMTP, helo=<x>", "postscreen: HANGUP after 0.2 from [192.0.2.7]:4711 in tests after",
         "smtpd: warning: hostname x does not resolve to address 192.0.2.7", "anvil: statistics: max cache size 3 at",
         "smtp: warning: 4fR1Qx2hZnz9tK: defer service failure", "scache: statistics: start interval Nov 27 10:00:00",
         "smtpd: lost connection after RCPT from x[::7]", "master: reload -- version 3.7.11, configuration"],
        {},
    ),
    "a rule throws the next message away, and the one after it is mail": (
        ["smtpd: NOQUEUE: discard: RCPT from x[::7]: <a@c.test>: Recipient address triggers DISCARD action;"
         " from=<o@s.test> to=<a@c.test> proto=ESMTP helo=<x>", f"smtpd: {SHORT}: client=x[::7]",
         f"cleanup: {SHORT}: message-id=<m@x>", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1 data=1 quit=1",
         *came(SECOND), to(SECOND, "b@c.test", SENT), gone(SECOND)],
        {"a@c.test removed": 1, "b@c.test sent": 1},
    ),
    "a rule would have, and the message never came": (
        ["smtpd: NOQUEUE: discard: RCPT from x[::7]: <a@c.test>: Recipient address triggers DISCARD action;"
         " from=<o@s.test> to=<a@c.test> proto=ESMTP helo=<x>", f"smtpd: {SHORT}: client=x[::7]",
         "smtpd: lost connection after RCPT from x[::7]", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1"],
        {},
    ),
    "a rule holds it before it has an id": (
        ["smtpd: NOQUEUE: hold: RCPT from x[::7]: <a@c.test>: Recipient address triggers HOLD action;"
         " from=<o@s.test> to=<a@c.test> proto=ESMTP helo=<x>", f"smtpd: {SHORT}: client=x[::7]",
         f"cleanup: {SHORT}: message-id=<m@x>", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1 data=1 quit=1"],
        {"a@c.test held": 1},
    ),
    "by QMQP, through a list, to one address twice": (
        [*came(SHORT, 4, daemon="qmqpd"), to(SHORT, "a@c.test>, orig_to=<list@c.test", SENT),
         to(SHORT, "b@c.test>, orig_to=<list@c.test", NO), to(SHORT, "a@c.test", SENT), to(SHORT, "a@c.test", SENT),
         gone(SHORT)],
        {"list@c.test sent": 1, "list@c.test bounced": 1, "a@c.test sent": 1},
    ),
    "a bounce of a bounce": (
        [*came(SHORT, sender="gone@s.test"), to(SHORT, "a@c.test", NO), f"cleanup: {SECOND}: message-id=<d@relay>",
         f"bounce: {SHORT}: sender non-delivery notification: {SECOND}",
         f"qmgr: {SECOND}: from=<>, size=3000, nrcpt=1 (queue active)", gone(SHORT), to(SECOND, "gone@s.test", NO),
         f"bounce: {SECOND}: postmaster non-delivery notification: {THIRD}", gone(SECOND),
         f"qmgr: {THIRD}: from=<double-bounce@relay>, size=3000, nrcpt=1 (queue active)", to(THIRD, "root@relay", SENT),
         gone(THIRD)],
        {"a@c.test bounced": 1},
    ),
    "refused for good and kept": (
        [*came(SHORT), to(SHORT, "a@c.test", f"{VIA}, dsn=5.1.1, status=SOFTBOUNCE (host mx said: 550 no)")],
        {"a@c.test deferred": 1},
    ),
    "a Message-ID that goes over lines, and headers that lie": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: message-id=<very-long?part@x> (comment: removed)",
         f"cleanup: {SHORT}: warning: header Subject: qmgr[7]: {SHORT}: removed from x[::7]; from=<o@s.test>",
         f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=1 (queue active)"],
        {" queued": 1},
    ),
    "a client that goes away within the data": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: message-id=<m@x>",
         "smtpd: lost connection after DATA (512 bytes) from x[::7]",
         "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=1 data=0/1"],
        {},
    ),
    "a rule sends it to somebody else": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: redirect: header Subject: x from x[::7]; from=<o@s.test>"
         " to=<b@c.test> proto=ESMTP helo=<x>: new@other.test", f"cleanup: {SHORT}: message-id=<m@x>",
         f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=3 (queue active)",
         to(SHORT, "new@other.test>, orig_to=<a@c.test", WAIT), to(SHORT, "new@other.test>, orig_to=<a@c.test", SENT),
         gone(SHORT)],
        {"a@c.test sent": 1, " sent": 2},
    ),
    "a rule sends it to somebody else, before it has an id, and it waits": (
        ["smtpd: NOQUEUE: redirect: RCPT from x[::7]: <a@c.test>: Recipient address triggers REDIRECT new@other.test;"
         " from=<o@s.test> to=<a@c.test> proto=ESMTP helo=<x>", f"smtpd: {SHORT}: client=x[::7]",
         f"cleanup: {SHORT}: message-id=<m@x>", f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=2 (queue active)",
         to(SHORT, "new@other.test>, orig_to=<b@c.test", WAIT), *came(SECOND), to(SECOND, "c@c.test", SENT),
         gone(SECOND)],
        {"b@c.test deferred": 1, " queued": 1, "c@c.test sent": 1},
    ),
    "a rule throws a mail to three away": (
        [f"smtpd: {SHORT}: client=x[::7]", f"cleanup: {SHORT}: message-id=<m@x>",
         f"cleanup: {SHORT}: discard: header Subject: x from x[::7]; from=<o@s.test> to=<c@c.test> proto=ESMTP"
         " helo=<x>: gone", "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=3 data=1 quit=1 commands=7"],
        {"c@c.test removed": 1, " removed": 2},
    ),
    "an address that was named twice, and the session ends before qmgr speaks": (
        [*came(SHORT)[:2], "smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=2 data=1 quit=1 commands=6",
         came(SHORT)[2], to(SHORT, "a@c.test", SENT), gone(SHORT)],
        {"a@c.test sent": 1},
    ),
    "a program filters it and gives it back by sendmail, each recipient alone": (
        [*came(SHORT, 2), f"pickup: {SECOND}: uid=65534 from=<o@s.test>",
         f"cleanup: {SECOND}: message-id=<{SHORT}@s.test>", to(SHORT, "a@c.test", FILTER, "pipe"),
         f"qmgr: {SECOND}: from=<o@s.test>, size=9, nrcpt=1 (queue active)", to(SHORT, "b@c.test", FILTER, "pipe"),
         gone(SHORT), to(SECOND, "a@c.test", SENT), gone(SECOND), f"pickup: {THIRD}: uid=65534 from=<o@s.test>",
         f"cleanup: {THIRD}: message-id=<{SHORT}@s.test>",
         f"qmgr: {THIRD}: from=<o@s.test>, size=9, nrcpt=1 (queue active)", to(THIRD, "b@c.test", NO), gone(THIRD)],
        {"a@c.test sent": 1, "b@c.test bounced": 1},
    ),
    "a program takes it for good": (
        [*came(SHORT), to(SHORT, "a@c.test", FILTER, "pipe"), gone(SHORT),
         f"pickup: {SECOND}: uid=0 from=<root>", f"cleanup: {SECOND}: message-id=<cron@relay>",
         f"qmgr: {SECOND}: from=<root@relay>, size=9, nrcpt=1 (queue active)", to(SECOND, "it@c.test", SENT)],
        {"a@c.test sent": 1, "it@c.test sent": 1},
    ),
    "a delivery agent, an smtpd, a cleanup with a syslog_name of their own": (
        ["postfix-mx/smtpd: connect from x[::7]", f"postfix-mx/smtpd: {SHORT}: client=x[::7]",
         f"cleanup: {SHORT}: message-id=<m@x>", f"qmgr: {SHORT}: from=<o@s.test>, size=9, nrcpt=2 (queue active)",
         "postfix-mx/smtpd: disconnect from x[::7] ehlo=1 mail=1 rcpt=2 data=1 quit=1 commands=6",
         f"postfix-slow/smtp: {SHORT}: to=<a@c.test>, {WAIT}", to(SHORT, "b@c.test", SENT),
         f"postfix-slow/smtp: {SHORT}: to=<a@c.test>, {SENT}", gone(SHORT),
         f"smtpd: {SECOND}: client=x[::7]", f"postfix-in/cleanup: {SECOND}: message-id=<n@x>",
         f"qmgr: {SECOND}: from=<o@s.test>, size=9, nrcpt=1 (queue active)", to(SECOND, "c@c.test", NO), gone(SECOND)],
        {"a@c.test sent": 1, "b@c.test sent": 1, "c@c.test bounced": 1},
    ),
    "the older queue manager": (
        [*came(SHORT, 2)[:2], f"oqmgr: {SHORT}: from=<o@s.test>, size=0, nrcpt=2 (queue active)",
         to(SHORT, "a@c.test", SENT), f"oqmgr: {SHORT}: from=<o@s.test>, status=expired, returned to sender",
         f"oqmgr: {SHORT}: removed"],
        {"a@c.test sent": 1, " expired": 1},
    ),
    "the same words again, as one line": (
        [*came(SHORT, 4), to(SHORT, "a@c.test", SENT), f"smtp: message repeated 2 times: [ {SHORT}: to=<a@c.test>, "
         f"{SENT}]", to(SHORT, "b@c.test", SENT), gone(SHORT)],
        {"a@c.test sent": 1, "b@c.test sent": 1},
    ),
    "a file in the queue that cannot be read": (
        [*came(SHORT), to(SHORT, "a@c.test", WAIT), f'qmgr: warning: saving corrupt file "{SHORT}" from queue "active"'
         ' to queue "corrupt"', *came(SECOND), f'qmgr: warning: saving corrupt file "{SECOND}" from queue "active" to'
         ' queue "corrupt"'],
        {"a@c.test unknown": 1, " unknown": 1},
    ),
}  # fmt: skip


def classic(at: float, tag: str, text: str) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%b %d %H:%M:%S} relay {tag}: {text}"


def iso(at: float, tag: str, text: str) -> str:
    return f"{datetime.fromtimestamp(at, UTC).isoformat(timespec='microseconds')} relay {tag}: {text}"


def with_year(at: float, tag: str, text: str) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y %b %d %H:%M:%S} relay {tag}: {text}"


def rfc5424(at: float, tag: str, text: str) -> str:
    when = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return f"<22>1 {when} relay {tag.partition('[')[0]} 11 - - \ufeff{text}"


def journald(at: float, tag: str, text: str) -> str:
    name, _, rest = tag.partition("[")
    row = {"__CURSOR": f"c{at}", "__REALTIME_TIMESTAMP": str(int(at * 1e6)), "SYSLOG_IDENTIFIER": name,
           "_PID": rest[:-1], "MESSAGE": text if text.isascii() else list(text.encode())}  # fmt: skip
    return json.dumps(row)


def rsyslog(at: float, tag: str, text: str) -> str:
    """RSYSLOG_SyslogProtocol23Format as rsyslog 8 writes it, with parser.PermitSlashInProgramName."""
    when = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
    return f"<22>1 {when} relay {tag.partition('[')[0]} 11 - -  {text}"


def with_level(at: float, tag: str, text: str) -> str:
    """As container images let rsyslog write: a padded level in place of the host."""
    return f"{datetime.fromtimestamp(at, UTC).isoformat(timespec='microseconds')} INFO    {tag}: {text}"


def with_cr(at: float, tag: str, text: str) -> str:
    """From a syslog server that was sent CR LF, by a template that ends with a space."""
    return f"{classic(at, tag, text)}#015 "


FORMS = [classic, iso, with_year, rfc5424, rsyslog, journald, with_level, with_cr]


def read(lines: list[str], form, *, shift=lambda n: 0.0) -> tuple[Counter[str], Listener]:
    """What the ledger says of all that was accepted: recipient and fate, and how often."""
    listener = Listener(Reader(Dating(UTC, NOW)), Lives(Empty()))
    for n, line in enumerate(lines):
        daemon, _, text = line.partition(": ")
        tag = daemon if daemon.startswith("postfix") else f"postfix/{daemon}"
        listener.hear([form(AT + n + shift(n), f"{tag}[11]", text).encode()])
    ledger = MemoryLedger()
    mails = [mail_of(m.to_data()) for m in listener.lives._mails.values()]
    ledger.take(Source("r", "s", 1, "d"), [told_of("r", m.to_data(), ()) for m in mails], [])
    assert ledger.count(Wanted(kinds=(UNSEEN,))) == 0, "all beginnings are there"
    found = Counter[str]()
    for f in ledger.fates(Wanted(kinds=(MAIL,)), limit=1000):
        twice = ", perhaps twice" if f.risky and f.status == "sent" else ""
        found[f"{f.recipient} {f.status}{twice}"] += f.people
    return found, listener


@pytest.mark.parametrize("form", FORMS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", TRUTH)
def test_the_ledger_is_the_truth(name, form) -> None:
    lines, truth = TRUTH[name]
    found, listener = read(lines, form)
    assert found == truth
    assert listener.counted["broken"] == listener.counted["half"] == 0


@pytest.mark.parametrize("name", TRUTH)
def test_a_clock_that_is_set_back_by_an_hour_changes_no_fate(name) -> None:
    """At every place in the log; and one that is an hour ahead of ours all the time."""
    lines, truth = TRUTH[name]
    for at in range(1, len(lines)):
        assert read(lines, iso, shift=lambda n, at=at: -3600.0 if n >= at else 0.0)[0] == truth, at
    assert read(lines, classic, shift=lambda n: NOW - AT + 3600.0)[0] == truth


def test_all_of_them_at_once_are_all_of_them() -> None:
    """One after the other under the same queue ids, with hours in between."""
    lines, hours, whole = list[str](), list[float](), Counter[str]()
    for number, (some, truth) in enumerate(TRUTH.values()):
        lines += ["smtpd: connect from x[::7]", *some]
        hours += [number * 3600.0 - 40_000.0] * (len(some) + 1)
        whole.update(truth)
    found, _ = read(lines, iso, shift=lambda n: hours[n])
    assert left_open_is_unknown(found) == left_open_is_unknown(whole)


@pytest.mark.parametrize(
    "form",
    [
        "<22>1 {when} relay postfix 11 - -  {text}",
        '<22>1 {when} r postfix - - [a b="c"] {text}',
        '{{"timestamp": "{when}", "programname": "postfix", "procid": "11", "msg": " {text}"}}',
    ],
)
def test_a_log_that_leaves_the_daemon_out_is_said_at_once_and_nothing_of_it_is_guessed(form) -> None:
    """What rsyslog writes by RFC 5424 or as ``programname``, unless it is told otherwise. *removed* may mean two things
    then."""
    listener = Listener(Reader(Dating(UTC, NOW)), Lives(Empty()))
    when = datetime.fromtimestamp(AT, UTC).isoformat()
    for line in TRUTH["plain"][0]:
        listener.hear([form.format(when=when, text=line.partition(": ")[2]).encode()])
    assert "parser.PermitSlashInProgramName" in listener.problem and not listener.lives._mails
    assert listener.counted == {"nameless": 4, "other": 1}, "the last one says too little"
    listener.hear([form.format(when=when, text="starting the Postfix mail system").encode()])
    assert listener.counted["other"] == 2
    listener.hear([iso(AT, "postfix/smtpd[11]", "connect from x[::7]").encode()])
    assert listener.problem == "", "it was mended"


def left_open_is_unknown(fates: Counter[str]) -> Counter[str]:
    """What still waited when its queue id was used again has an end that nobody saw."""
    out = Counter[str]()
    for key, n in fates.items():
        who, _, status = key.rpartition(" ")
        out[f"{who} {'unknown' if status in {'queued', 'deferred', 'held'} else status}"] += n
    return out
