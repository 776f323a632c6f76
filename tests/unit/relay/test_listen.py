"""Lines that are none, or not whole."""

from __future__ import annotations

from .shelves import Log, Q

LINE = f"Nov 27 10:00:01 relay postfix/qmgr[5]: {Q}: removed"


def test_a_torn_line_does_not_hide_the_next_one() -> None:
    log = Log().taken()
    torn = f"Nov 27 10:00:05 relay postfix/smtp[9]: {Q}: to=<a@corp.test>, relay=x, dsn=2.0.0, status=sen"
    log.listener.hear([f"{torn}{LINE}".encode()])
    assert log.fates() == {} and log.mail().over, "what was cut off is not counted, what was whole is"
    assert log.listener.counted["broken"] == 1 and log.listener.sample == f"{torn}{LINE}"


def test_half_a_beginning_does_not_hide_the_next_line() -> None:
    log = Log().taken()
    log.listener.hear([f"mgr[5]: 4fR1ZZ: remov{LINE}".encode(), b"\x00\x01\xfe binary \xff"])
    assert log.mail().over and log.listener.counted["broken"] == 2


def test_what_a_sender_writes_is_no_line() -> None:
    """A Message-ID that looks like a line of the log says nothing of anybody's mail."""
    log = Log().taken().taken(ident="4fR1ZZ0000z000", mid=f"x {LINE}")
    log.say("smtpd", f"NOQUEUE: reject: RCPT from a[192.0.2.7]: 550 no; helo=<{LINE}>")
    log.tried("b@corp.test", "deferred", f"450 {LINE}", ident="4fR1ZZ0000z000")
    assert not log.mail().over and log.listener.counted["broken"] == 0


def test_a_line_of_a_megabyte_is_read_at_its_beginning() -> None:
    log = Log().taken()
    said = f"to=<a@corp.test>, relay=x, dsn=2.0.0, status=sent (250 {'x' * 10**6})"
    text = f"Nov 27 10:00:05 relay postfix/smtp[9]: {Q}: {said}"
    log.listener.hear([text.encode()])
    assert log.fates() == {"a@corp.test": "sent"} and log.listener.counted["long"] == 1
    assert len(log.mail().people[0].answer) == 500


def test_half_a_line_is_counted_and_not_believed() -> None:
    log = Log().taken()
    log.listener.half(LINE.encode())
    assert not log.mail().over and log.listener.counted["half"] == 1 and log.listener.sample == LINE


def test_lines_are_counted_by_what_they_are() -> None:
    log = Log()
    log.listener.hear(
        [LINE.encode(), b"", b"\x00\x00", b"Nov 27 10:00:01 relay sshd[1]: x", f"postfix/qmgr[5]: {Q}: x".encode()]
    )
    log.listener.hear([b"Feb 30 10:00:01 relay postfix/qmgr[5]: x"])
    assert dict(log.listener.counted) == {"line": 3, "other": 1, "undated": 1}
