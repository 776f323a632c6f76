"""Postfix's log: who got which message, across reused ids, requeueing, and every form of date."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Line, Reader
from bcp.kit.postfix_log import fates_of

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC).timestamp()
TODAY = datetime(2026, 11, 27, 9, tzinfo=UTC).timestamp()


def line(ident: str, said: str, when: str = "Nov 27 10:00:01", daemon: str = "smtp") -> str:
    """A line as Postfix writes it."""
    return f"{when} relay postfix/{daemon}[11]: {ident}: {said}"


def to(address: str, status: str, detail: str = "(250 2.0.0 Ok)", orig: str = "") -> str:
    """A delivery line."""
    original = f" orig_to=<{orig}>," if orig else ""
    return f"to=<{address}>,{original} relay=mx[192.0.2.1]:25, delay=9, dsn=2.0.0, status={status} {detail}"


def told(*lines: str, wanted=("A1B2C3D4",), **more) -> dict[str, dict[str, str]]:
    """Status by recipient, by queue id; ``*`` for all the others."""
    found = fates_of("\n".join(lines), wanted, now=NOW, **more)
    return {
        i: {r: s for r, (s, _) in life.fates.items()} | ({"*": life.all_left[0]} if life.all_left else {})
        for i, life in found.items()
    }


def test_each_recipient_has_a_fate_of_its_own() -> None:
    """Delivered, bounced, and one that is only deferred."""
    assert told(
        line("A1B2C3D4", to("a@x.example", "sent")), line("A1B2C3D4", to("b@x.example", "bounced", "(550)")),
        line("A1B2C3D4", to("c@x.example", "deferred", "(451)")), line("OTHER999", to("d@x.example", "sent")),
    ) == {"A1B2C3D4": {"a@x.example": "sent", "b@x.example": "bounced"}}  # fmt: skip


def test_deferred_and_then_sent() -> None:
    """The last final word counts."""
    assert told(line("A1B2C3D4", to("a@x.example", "deferred")), line("A1B2C3D4", to("A@X.example", "sent"))) == {
        "A1B2C3D4": {"a@x.example": "sent"}
    }


def test_an_alias_is_found_by_both_names() -> None:
    """The queue may list either."""
    found = told(line("A1B2C3D4", to("real@x.example", "sent", orig="alias@x.example")))
    assert found == {"A1B2C3D4": {"real@x.example": "sent", "alias@x.example": "sent"}}


@pytest.mark.parametrize("said", ["status=expired, returned to sender", "status=force-expired, returned to sender"])
def test_expired_is_said_by_the_queue_manager(said) -> None:
    """For everybody who has not got it; ``sent`` stands."""
    assert told(
        line("A1B2C3D4", to("a@x.example", "sent")),
        line("A1B2C3D4", f"from=<s@y.example>, {said}", daemon="qmgr"),
        line("A1B2C3D4", "removed", daemon="qmgr"),
    ) == {"A1B2C3D4": {"a@x.example": "sent", "*": "expired"}}


def test_a_queue_id_of_an_older_message() -> None:
    """A new life begins after ``removed``: what was sent before speaks of somebody else's mail."""
    old = [line("A1B2C3D4", to("a@x.example", "sent")), line("A1B2C3D4", "removed", daemon="qmgr")]
    assert told(*old, line("A1B2C3D4", "from=<s@y>, size=9, nrcpt=1 (queue active)", daemon="qmgr")) == {"A1B2C3D4": {}}
    assert told(*old, line("A1B2C3D4", "removed", daemon="postsuper"))["A1B2C3D4"]["*"] == "deleted"


@pytest.mark.parametrize(
    "when", ["Oct 27 10:00:01", "2026-10-27T10:00:01.123456+00:00", "2026-10-27T10:00:01+0000", "2026-10-27T10:00:01"]
)
def test_lines_older_than_the_message_are_not_about_it(when) -> None:
    """Same id, same recipient, a month ago; and the last one has no record at all."""
    text = line("A1B2C3D4", to("a@x.example", "sent"), when)
    assert told(text, since=TODAY) == {}
    assert told(text, since=0.0) == {"A1B2C3D4": {"a@x.example": "sent"}}
    assert told(text.replace("Oct", "Nov").replace("-10-", "-11-"), since=TODAY) == {
        "A1B2C3D4": {"a@x.example": "sent"}
    }


def test_a_date_without_a_year_is_the_last_one_that_was() -> None:
    """In January, December is last year's."""
    january = datetime(2027, 1, 1, 1, tzinfo=UTC).timestamp()
    text = line("A1B2C3D4", to("a@x.example", "sent"), "Dec 31 23:00:00")
    assert fates_of(text, ["A1B2C3D4"], since=january - 7200, now=january)
    assert not fates_of(
        text,
        ["A1B2C3D4"],
        since=datetime(2027, 2, 9, tzinfo=UTC).timestamp(),
        now=datetime(2027, 2, 10, tzinfo=UTC).timestamp(),
    )


def test_requeued_again_and_again() -> None:
    """The fate is found under the last id, for the first."""
    assert told(
        line("A1B2C3D4", "requeued", daemon="postsuper"),
        line("B1B2C3D4", "uid=1 from=<s> orig_id=A1B2C3D4", daemon="pickup"),
        line("B1B2C3D4", "requeued", daemon="postsuper"),
        line("C1B2C3D4", "uid=1 from=<s> orig_id=B1B2C3D4", daemon="pickup"),
        line("C1B2C3D4", to("a@x.example", "sent")),
    ) == {"A1B2C3D4": {"a@x.example": "sent"}}  # fmt: skip


def test_nobody_can_say_that_his_mail_is_another_one() -> None:
    """A Message-ID is the sender's; only pickup knows what was requeued."""
    assert told(
        line("A1B2C3D4", to("a@x.example", "bounced", "(550)")),
        line("B1B2C3D4", "message-id=<orig_id=A1B2C3D4>", daemon="cleanup"),
        line("B1B2C3D4", to("a@x.example", "sent")),
    ) == {"A1B2C3D4": {"a@x.example": "bounced"}}


def test_ids_that_follow_each_other_in_a_circle_end() -> None:
    """A log that lies."""
    lines = [
        line("A1B2C3D4", "orig_id=B1B2C3D4", daemon="pickup"),
        line("B1B2C3D4", "orig_id=A1B2C3D4", daemon="pickup"),
    ]
    assert told(*lines) == {"A1B2C3D4": {}}


@pytest.mark.parametrize(
    "junk",
    [
        "",
        "\0\0",
        "Nov 27",
        "x" * 100_000,
        "Nov 27 10:00:01 relay postfix/smtp[1]: ",
        "Feb 30 10:00:01 relay postfix/smtp[11]: A1B2C3D4: to=<a@x>, status=deferred",
    ],
)
def test_junk_is_passed_over(junk) -> None:
    """Half lines, binary, dates that do not exist."""
    assert told(junk, line("A1B2C3D4", to("a@x.example", "sent")), since=TODAY)["A1B2C3D4"]["a@x.example"] == "sent"


def test_other_instances_and_transports() -> None:
    """``postfix-out/relay/smtp``, lmtp, local."""
    for daemon in ("relay/smtp", "lmtp", "local", "pipe"):
        assert told(line("A1B2C3D4", to("a@x.example", "sent"), daemon=daemon))
    assert told("Nov 27 10:00:01 relay postfix-out/smtp[1]: A1B2C3D4: " + to("a@x.example", "sent"))


@pytest.mark.parametrize(
    ("when", "counts"),
    [
        ("2026-11-26T08:00:00+01:00", True),
        ("2026-11-26T08:00:00+00:00", True),
        ("2026-11-26T08:00:00+02:00", False),
        ("2026-11-26T07:00:00", True),
        ("2026-11-26T06:59:59", False),
        ("Nov 26 07:00:00", True),
        ("Nov 26 06:59:59", False),
        ("Nov 28 14:00:00", True),
    ],
)
def test_the_age_of_a_line_is_by_its_own_zone(when, counts) -> None:
    """A day and two hours are how far a relay's local time may be off."""
    found = told(line("A1B2C3D4", to("a@x.example", "sent"), when), since=TODAY)
    assert found == ({"A1B2C3D4": {"a@x.example": "sent"}} if counts else {})


def test_lines_of_any_system_are_read() -> None:
    """With a carriage return, without a date."""
    assert told(line("A1B2C3D4", to("a@x.example", "sent")) + "\r") == {"A1B2C3D4": {"a@x.example": "sent"}}
    text = line("A1B2C3D4", to("a@x.example", "sent"), "").strip()
    assert fates_of(text, ["A1B2C3D4"], since=TODAY)["A1B2C3D4"].fates["a@x.example"] == ("sent", "(250 2.0.0 Ok)")
    assert fates_of(line("A1B2C3D4", to("a@x.example", "sent", "x" * 400)), ["A1B2C3D4"])["A1B2C3D4"].fates == {
        "a@x.example": ("sent", "x" * 300)
    }


SENT = "to=<a@x.example>, relay=mx[192.0.2.1]:25, delay=9, dsn=2.0.0, status=sent (250 2.0.0 Ok)"
TAG = "postfix/smtp[11]: A1B2C3D4: " + SENT


@pytest.mark.parametrize(
    "text",
    [
        f"Nov 27 10:00:01 relay {TAG}",
        f"Nov  7 2026 10:00:01 relay {TAG}",
        f"2026 Nov 27 10:00:01 relay {TAG}",
        f"<22>Nov 27 10:00:01 relay {TAG}",
        f"Nov 27 10:00:01 relay mail.info {TAG}",
        f"2026-11-27T10:00:01.123456+01:00 relay {TAG}",
        f"2026-11-27 10:00:01 {TAG}",
        f"<22>1 2026-11-27T10:00:01Z relay postfix/smtp 11 - - A1B2C3D4: {SENT}",
        f'<22>1 2026-11-27T10:00:01Z relay postfix/smtp 11 - [x@1 y="a]b"] A1B2C3D4: {SENT}',
        json.dumps({"SYSLOG_IDENTIFIER": "postfix/smtp", "_PID": "11", "MESSAGE": f"A1B2C3D4: {SENT}"}),
        json.dumps({"log": f"Nov 27 10:00:01 relay {TAG}\n", "stream": "stdout"}),
        TAG,
        f"relay {TAG}",
    ],
)
def test_every_form_of_a_log_is_read(text) -> None:
    assert told(text) == {"A1B2C3D4": {"a@x.example": "sent"}}


@pytest.mark.parametrize(
    "text",
    [
        f"Nov 27 10:00:01 relay sshd[7]: Invalid user {TAG}",
        f"Nov 27 10:00:01 relay sshd[7]: {TAG}",
        f"Nov 27 10:00:01 logger: {TAG}",
        f"2026-11-27T10:00:01Z relay app[7]: GET /?q= {TAG}",
        f"<22>1 2026-11-27T10:00:01Z relay app 7 - - {TAG}",
        json.dumps({"SYSLOG_IDENTIFIER": "app", "_PID": "7", "MESSAGE": TAG}),
        f"app: {TAG}",
        f"Nov 27 10:00:01 relay postfix/smtpd[7]: NOQUEUE: reject: RCPT from x[192.0.2.7]: 550; helo=<{TAG}>",
        f"Nov 27 10:00:01 relay postfix/cleanup[7]: B1B2C3D4: message-id=<{TAG}>",
    ],
)
def test_what_others_say_in_postfix_words_is_no_delivery(text) -> None:
    """Anybody can make another program write it. The agent does not believe it either."""
    assert told(text) == {}
    assert not isinstance(Reader(Dating(UTC, NOW)).read(text.encode()), Line) or "B1B2C3D4" in text or "NOQUEUE" in text


def test_an_address_may_hold_what_looks_like_a_status() -> None:
    odd = '"a>, status=sent (b"@x.example'
    assert told(line("A1B2C3D4", f"to=<{odd}>, relay=m, status=bounced (550)")) == {"A1B2C3D4": {odd: "bounced"}}


@pytest.mark.parametrize("daemon", ["qmgr", "postsuper"])
def test_a_message_that_was_removed_is_over(daemon) -> None:
    """What is said of its id later is of another one, but for what ends with it."""
    first = [line("A1B2C3D4", to("a@x.example", "sent")), line("A1B2C3D4", "removed", daemon=daemon)]
    ended = fates_of("\n".join([*first, line("A1B2C3D4", "sender non-delivery notification: B")]), ["A1B2C3D4"])
    assert ended["A1B2C3D4"].over and ended["A1B2C3D4"].fates
    again = fates_of("\n".join([*first, line("A1B2C3D4", "removed")]), ["A1B2C3D4"])["A1B2C3D4"]
    assert again.fates and again.over
    other = fates_of("\n".join([*first, line("A1B2C3D4", "from=<s@y.example>, size=1")]), ["A1B2C3D4"])
    assert not other["A1B2C3D4"].fates and not other["A1B2C3D4"].over


def test_a_carriage_return_hides_no_end_and_a_line_that_cannot_be_dated_is_believed() -> None:
    """``removed`` is the whole text; without *now* a date without a year says nothing."""
    text = line("A1B2C3D4", to("a@x.example", "sent")) + "\n" + line("A1B2C3D4", "removed") + "\r"
    assert fates_of(text, ["A1B2C3D4"])["A1B2C3D4"].over
    assert fates_of(text, ["A1B2C3D4"], since=TODAY)["A1B2C3D4"].fates


def test_a_large_drain_is_counted_about_as_fast_as_its_log_is_read() -> None:
    """30,000 messages, the last of them requeued: whoever drained them waits for the account. Looking at each for each
    would take a thousand times as long as reading the lines."""
    idents = [f"A{n:07X}" for n in range(30_000)]
    text = "\n".join(line(i, to("a@x.example", "sent")) for i in idents)
    text += "\n" + line("ZZZZ0001", f"uid=1 from=<s> orig_id={idents[-1]}", daemon="pickup")
    text += "\n" + line("ZZZZ0001", to("a@x.example", "bounced", "(550)"))
    began = time.process_time()
    fates_of(text, ())
    reading = time.process_time() - began
    found = fates_of(text, set(idents))
    counting = time.process_time() - began - reading
    assert len(found) == 30_000 and found[idents[-1]].fates["a@x.example"][0] == "bounced"
    assert counting < 10 * max(reading, 0.05), (counting, reading)
