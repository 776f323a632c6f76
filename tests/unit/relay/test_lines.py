"""One line, whatever wrote it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import MAX_LINE, Line, Not, Reader, begins_again

from .shelves import NOW

SAID = "4fR1Qx2hZnz9tK: removed"
TEN = datetime(2026, 11, 27, 10, 0, 1, tzinfo=UTC).timestamp()
JOURNAL = {
    "__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1795773601500000", "SYSLOG_IDENTIFIER": "postfix/qmgr",
    "_PID": "5", "MESSAGE": SAID,
}  # fmt: skip


def read(text: str | bytes, zone=UTC, names=()) -> Line | Not:
    raw = text if isinstance(text, bytes) else text.encode()
    return Reader(Dating(zone, NOW), names).read(raw)


@pytest.mark.parametrize(
    "text",
    [
        f"Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}",
        f"2026 Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}",
        f"Nov 27 2026 10:00:01 relay postfix/qmgr[5]: {SAID}",
        f"Nov 27 10:00:01 2026 relay postfix/qmgr[5]: {SAID}",
        f"Fri Nov 27 10:00:01 2026 relay postfix/qmgr[5]: {SAID}",
        f"Nov 27 10:00:01.000000 relay postfix/qmgr[5]: {SAID}",
        f"<22>Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T10:00:01.000000+00:00 relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T11:00:01+01:00 relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T10:00:01Z relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T10:00:01+0000 relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T10:00:01 relay postfix/qmgr[5]: {SAID}",
        f"Fri 2026-11-27 10:00:01 UTC relay postfix/qmgr[5]: {SAID}",
        f"Fri 2026-11-27 10:00:01 GMT relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27 11:00:01 +0100 relay postfix/qmgr[5]: {SAID}",
        f"2026-11-27T10:00:01Z RELAY postfix/qmgr[5]: {SAID}",
        f"<22>1 2026-11-27T10:00:01Z relay postfix/qmgr 5 - - {SAID}",
        f"<22>1 2026-11-27T10:00:01Z relay postfix/qmgr 5 - - \ufeff{SAID}",
        f'<22>1 2026-11-27T10:00:01Z relay postfix/qmgr 5 ID1 [x@1 a="b]" c="\\"d"][y@2] {SAID}',
        json.dumps({"timestamp": "2026-11-27T10:00:01Z", "programname": "postfix/qmgr", "procid": "5", "msg": SAID}),
        json.dumps({"@timestamp": "2026-11-27T10:00:01Z", "syslogtag": "postfix/qmgr[5]:", "pid": 5, "message": SAID}),
        json.dumps({"@timestamp": "2026-11-27T10:00:01Z", "syslogtag": "postfix/qmgr[5]:", "message": SAID}),
        f"Nov 27 2026 10:00:01: relay postfix/qmgr[5]: {SAID}",
        f"1795773601.000000 relay postfix/qmgr[5]: {SAID}",
        f"Nov 27 10:00:01 relay mail.info postfix/qmgr[5]: {SAID}",
        f"Nov 27 10:00:01 relay postfix/qmgr[5]: [ID 197553 mail.info] {SAID}",
        f"1 2026-11-27T10:00:01Z relay postfix/qmgr 5 - - {SAID}",
        f"<22>1 2026-11-27T10:00:01Z relay postfix/qmgr[5] - - - {SAID}",
        f"2026-11-27T10:00:09.123456789Z stdout F Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}",
        json.dumps({"log": f"Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}\n", "time": "2026-11-27T10:00:09Z"}),
        json.dumps({"log": f"postfix/qmgr[5]: {SAID}\n", "stream": "stdout", "time": "2026-11-27T10:00:01Z"}),
        json.dumps({"@timestamp": "2026-11-27T10:00:01Z", "process": {"name": "postfix/qmgr", "pid": 5},
                    "message": SAID}),
        json.dumps({"@timestamp": "2026-11-27T10:00:01Z", "process.name": "postfix/qmgr", "process.pid": "5",
                    "message": SAID}),
        "data: " + json.dumps({**JOURNAL, "__REALTIME_TIMESTAMP": "1795773601000000"}),
        "\x1e" + json.dumps({**JOURNAL, "__REALTIME_TIMESTAMP": "1795773601000000"}),
        f"Nov 27 10:00:01 relay postfix/qmgr[5]: message repeated 2 times: [ {SAID}]",
    ],
)  # fmt: skip
def test_every_form_says_the_same(text: str) -> None:
    assert read(text) == Line(TEN, "postfix", "qmgr", "5", SAID)


def test_journald_has_microseconds_and_bytes() -> None:
    assert read(json.dumps(JOURNAL)) == Line(TEN + 0.5, "postfix", "qmgr", "5", SAID)
    as_bytes = {**JOURNAL, "MESSAGE": list(SAID.encode())}
    assert read(json.dumps(as_bytes)) == read(json.dumps(JOURNAL))
    sent = {**JOURNAL, "_SOURCE_REALTIME_TIMESTAMP": "1795773601000000"}
    assert read(json.dumps(sent)) == Line(TEN, "postfix", "qmgr", "5", SAID), "when it was sent, not when it was kept"


@pytest.mark.parametrize(
    ("text", "instance", "daemon"),
    [
        ("postfix/relay/smtp[7]: x", "postfix", "smtp"),
        ("postfix-out/smtp[7]: x", "postfix-out", "smtp"),
        ("postfix/submission/smtpd[7]: x", "postfix", "smtpd"),
    ],
)
def test_an_instance_ends_at_the_first_slash_and_a_daemon_begins_at_the_last(text, instance, daemon) -> None:
    found = read(f"Nov 27 10:00:01 relay {text}")
    assert isinstance(found, Line)
    assert (found.instance, found.daemon) == (instance, daemon)


def test_a_syslog_name_of_ones_own_is_named() -> None:
    text = f"Nov 27 10:00:01 relay mta-in/qmgr[5]: {SAID}"
    assert read(text) is Not.OTHER
    assert read(text, names=("mta-in",)) == Line(TEN, "mta-in", "qmgr", "5", SAID)


@pytest.mark.parametrize(
    "text",
    [
        "Nov 27 10:00:01 relay dovecot: imap-login: Login: user=<postfix/x[1]: y>",
        "Nov 27 10:00:01 relay sshd[4]: Accepted publickey",
        "2026-11-27T10:00:01Z relay systemd[1]: Started postfix/qmgr[5]: no",
        "<22>1 2026-11-27T10:00:01Z relay dovecot 5 - - x",
        json.dumps({"SYSLOG_IDENTIFIER": "dovecot", "MESSAGE": SAID}),
        json.dumps({"MESSAGE": SAID}),
    ],
)
def test_other_programs_are_passed_over(text: str) -> None:
    assert read(text) is Not.OTHER


@pytest.mark.parametrize(
    "text",
    [
        b"\x00\xff\xfe\x80junk", b"qmgr[5]: 4fR1Qx2hZnz9tK: removed", b"Nov 27 10:00", b"{", b"[1]", b"{}x",
        b"{" * 3000,
        b"<22>1 nonsense", b"Nov 27 10:00:01 relay postfix/qm", b"<22>1 2026-11-27T10:00:01Z relay",
        b"Nov 27 10:00:01 ", b"3]: 4fR1Qx2hZnz9tK: removed",
    ],
)  # fmt: skip
def test_what_is_no_line_is_broken(text: bytes) -> None:
    assert read(text) is Not.BROKEN


def test_nul_bytes_of_a_truncated_file_do_not_hide_its_first_line() -> None:
    assert read(b"\x00" * 500 + f"Nov 27 10:00:01 relay postfix/qmgr[5]: {SAID}\r".encode()) == Line(
        TEN, "postfix", "qmgr", "5", SAID
    )


def test_a_line_without_a_date_has_that_of_the_line_before() -> None:
    reader = Reader(Dating(UTC, NOW))
    assert reader.read(f"postfix/qmgr[5]: {SAID}".encode()) == Line(0.0, "postfix", "qmgr", "5", SAID)
    reader.read(b"Nov 27 10:00:01 relay postfix/qmgr[5]: x")
    assert reader.read(f"postfix/qmgr[5]: {SAID}".encode()) == Line(TEN, "postfix", "qmgr", "5", SAID)


def test_a_date_that_is_none_is_nobody_knows() -> None:
    found = read(f"Feb 30 10:00:01 relay postfix/qmgr[5]: {SAID}")
    assert isinstance(found, Line)
    assert found.at == 0.0
    assert isinstance(found := read(f"Abc 27 10:00:01 relay postfix/qmgr[5]: {SAID}"), Line)
    assert found.at == 0.0


def test_what_is_beyond_the_limit_is_left_out() -> None:
    found = read(f"Nov 27 10:00:01 relay postfix/qmgr[5]: {'x' * 1_000_000}")
    assert isinstance(found, Line)
    assert len(found.text) < MAX_LINE


def test_local_time_is_the_relays() -> None:
    found = read(f"Nov 27 11:00:01 relay postfix/qmgr[5]: {SAID}", ZoneInfo("Europe/Berlin"))
    assert isinstance(found, Line)
    assert found.at == TEN
    plain = read(f"2026-11-27T11:00:01 relay postfix/qmgr[5]: {SAID}", ZoneInfo("Europe/Berlin"))
    assert isinstance(plain, Line)
    assert plain.at == TEN


def test_another_line_within_one_is_found_where_it_begins() -> None:
    text = f"4fR1: to=<a@corp.test>, status=senNov 27 10:00:02 relay postfix/qmgr[5]: {SAID}"
    assert text[begins_again(text) :].startswith("Nov 27")
    assert begins_again("nothing of it") == -1
