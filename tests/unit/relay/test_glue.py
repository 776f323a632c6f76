"""Half a line, and the next one behind it: what was whole is heard, what was cut is counted, and nothing is forged."""

from __future__ import annotations

import json
from datetime import UTC

import pytest

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Line, Reader
from bcp.relay.events import cut_off, runs_on
from bcp.relay.listen import STRANGE, Listener
from bcp.relay.lives import Lives

from .shelves import NOW, Empty, Log, Q

Q2 = "4fR1Rk5bVvz9vM"
SAID = [
    ("smtpd", f"{Q}: client=mail.side.test[192.0.2.7]"),
    ("cleanup", f"{Q}: message-id=<m1@side.test>"),
    ("qmgr", f"{Q}: from=<out@side.test>, size=1234, nrcpt=1 (queue active)"),
    ("smtp", f"{Q}: to=<a@corp.test>, relay=mx[192.0.2.1]:25, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as AAA)"),
    ("qmgr", f"{Q}: removed"),
    ("smtpd", f"{Q2}: client=mail.side.test[192.0.2.7]"),
    ("qmgr", f"{Q2}: from=<out@side.test>, size=1234, nrcpt=1 (queue active)"),
    ("smtp", f"{Q2}: to=<b@corp.test>, relay=mx[192.0.2.1]:25, dsn=5.1.1, status=bounced (host mx said: 550 no (x))"),
]
FORMS = {
    "iso": "2026-11-27T10:00:0{n}.000000+00:00 relay postfix/{d}[11]: {t}",
    "classic": "Nov 27 10:00:0{n} relay postfix/{d}[11]: {t}",
    "priority": "<22>Nov 27 10:00:0{n} relay postfix/{d}[11]: {t}",
    "5424": "<22>1 2026-11-27T10:00:0{n}Z relay postfix/{d} 11 - - {t}",
}


def lines_of(form: str) -> list[str]:
    if form == "json":
        at = 1795773600000000
        return [
            json.dumps({"__REALTIME_TIMESTAMP": str(at + n), "SYSLOG_IDENTIFIER": f"postfix/{d}", "MESSAGE": t})
            for n, (d, t) in enumerate(SAID)
        ]
    return [FORMS[form].format(n=n, d=d, t=t) for n, (d, t) in enumerate(SAID)]


def heard(lines: list[str]) -> tuple[Listener, dict, dict]:
    listener = Listener(Reader(Dating(UTC, NOW)), Lives(Empty()))
    listener.hear(line.encode() for line in lines)
    mails = {m.ids[-1]: m for m in listener.lives._mails.values()}
    fates = {(i, p.to): p.status for i, m in mails.items() for p in m.people}
    return listener, fates, {i: (m.counts, m.over, m.recipients) for i, m in mails.items()}


@pytest.mark.parametrize("form", [*FORMS, "json"])
def test_wherever_a_line_is_cut_the_next_one_is_heard(form) -> None:
    """As if the line had never been written, or as if it had been whole; and it is said."""
    lines = lines_of(form)
    whole = heard(lines)[1:]
    for i, line in enumerate(lines[:-1]):
        without = heard(lines[:i] + lines[i + 1 :])[1:]
        for n in range(1 + i % 2, len(line), 2):
            for glued in ([line[:n] + lines[i + 1]], [line[:n], lines[i + 1]]):
                listener, fates, mails = heard([*lines[:i], *glued, *lines[i + 2 :]])
                where = (i, n, glued)
                assert fates in (without[0], whole[0]), where
                assert set(mails) >= set(without[1]), where
                assert all(m in (without[1].get(k), whole[1].get(k)) for k, m in mails.items()), where
                assert fates == whole[0] or listener.counted["broken"] or listener.counted["undated"], where


GHOST = f"Nov 27 10:00:08 relay postfix/smtpd[9]: {Q2}: client=x[192.0.2.9]"
LIE = f"Nov 27 10:00:08 relay postfix/smtp[9]: {Q}: to=<a@corp.test>, relay=x, dsn=2.0.0, status=sent (250 ok)"


@pytest.mark.parametrize("line", [GHOST, LIE])
@pytest.mark.parametrize(
    "carrier",
    [
        ("cleanup", "4fR1ZZ0000z000: message-id=<{}>"),
        ("qmgr", '4fR1ZZ0000z000: from=<"{}"@side.test>, size=9, nrcpt=1 (queue active)'),
        ("smtp", "4fR1ZZ0000z000: to=<x@corp.test>, relay=y, dsn=4.0.0, status=deferred (host y said: 450 {} (in reply"
                 " to RCPT TO command))"),
        ("smtpd", "NOQUEUE: reject: RCPT from a[192.0.2.7]: 550 no; from=<x@y> to=<z@y> proto=SMTP helo=<{}>"),
        ("cleanup", "4fR1ZZ0000z000: warning: header Subject: {} from a[192.0.2.7]; from=<x@y> to=<z@y> helo=<a>"),
        ("smtp", "4fR1ZZ0000z000: host y[192.0.2.9] said: 450 {} (in reply to MAIL FROM command)"),
    ],
)  # fmt: skip
def test_what_somebody_outside_wrote_is_no_line(carrier, line) -> None:
    daemon, text = carrier
    log = Log().taken().say(daemon, text.format(line))
    assert log.fates() == {} and not [m for m in log.mails if Q2 in m.ids]


@pytest.mark.parametrize("head", ["message-id=", "warning: header Subject: ", "message-id=<x@y> "])
def test_a_header_that_looks_like_a_beginning_begins_no_message(head) -> None:
    """A header is its sender's to the end: nothing closes it. It may speak of a message that is under way at most."""
    log = Log().taken().say("cleanup", f"4fR1ZZ0000z000: {head}{GHOST}")
    assert not [m for m in log.mails if Q2 in m.ids]
    log.say("cleanup", f"4fR1ZZ0000z000: {head}{LIE.replace(Q, Q2)}")
    assert not [m for m in log.mails if Q2 in m.ids]


def test_a_long_line_that_a_writer_cut_proves_nothing() -> None:
    """Daemons that cut lines at a limit let a sender choose where."""
    log = Log().taken().say("qmgr", f'4fR1ZZ0000z000: from=<"{"x" * 900}{GHOST}')
    assert not [m for m in log.mails if Q2 in m.ids] and log.listener.counted["broken"] == 1


def test_a_line_behind_a_megabyte_of_junk_is_heard() -> None:
    log = Log().taken()
    log.listener.hear([b"y" * 1_000_000 + LIE.encode(), b"\x00" * 100_000, b"\xff\xfe" * 20_000])
    assert log.fates() == {"a@corp.test": "sent"}
    assert log.listener.counted["long"] == 2 and log.listener.counted["broken"] == 2


def test_a_log_without_a_line_of_postfix_is_said() -> None:
    log = Log()
    log.listener.hear([b"Nov 27 10:00:01 relay dovecot: imap-login: Login"] * STRANGE)
    assert "none of 200 lines" in log.listener.problem and "syslog-name" in log.listener.problem
    log.taken()
    assert log.listener.problem == ""
    assert Log().listener.problem == ""


@pytest.mark.parametrize(
    ("daemon", "text", "cut"),
    [
        ("qmgr", f"{Q}: remov", True), ("qmgr", f"{Q}: removed", False), ("qmgr", f"{Q}: from=<a@b>, si", True),
        ("qmgr", f"{Q}: from=<a@b>, size=1, nrcpt=1", True), ("qmgr", f"{Q}: skipped, still being delivered", False),
        ("qmgr", f"{Q}", True), ("qmgr", "", True), ("smtpd", f"{Q}: clie", True), ("smtpd", f"{Q}: reject: x", False),
        ("cleanup", f"{Q}: message", True), ("bounce", f"{Q}: sender non-del", True), ("smtp", f"{Q}: to=<a", True),
        ("smtp", f"{Q}: host mx said: 450", False), ("smtpd", "connect from a[192.0.2.7]", False),
    ],
)  # fmt: skip
def test_a_line_that_ends_within_a_word_is_cut(daemon, text, cut) -> None:
    assert cut_off(Line(1.0, "postfix", daemon, "7", text)) is cut


def test_an_answer_with_its_own_brackets_is_whole() -> None:
    text = f"{Q}: to=<a@b>, relay=x, dsn=2.0.0, status=sent (250 (ok) {LIE})"
    assert not runs_on(Line(1.0, "postfix", "smtp", "7", text), text.index("Nov 27"))
    torn = f"{Q}: to=<a@b>, relay=x, dsn=2.0.0, status=sent (250 (ok) {LIE}"
    assert runs_on(Line(1.0, "postfix", "smtp", "7", torn), torn.index("Nov 27"))
