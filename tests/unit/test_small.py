"""Small parts with sharp edges."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contacts.load import load_contacts
from bcp.contacts.snapshot import read_snapshot, write_snapshot
from bcp.contracts.contact import Contact
from bcp.kernel.errors import Invalid
from bcp.kernel.hashing import digest
from bcp.kernel.names import domain_name, host_name
from bcp.kernel.secret import Secret, redact
from bcp.kit.site import Entry, Site
from bcp.mx.sts import policy_matches, read_policy
from bcp.plugins.relays.smtp import parse_log, parse_queue


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "192.0.2.1",
        "[192.0.2.1]",
        "2001:db8::1",
        "a..b",
        "-a.test",
        "one",
        "faß.test",
        "a b.test",
        "x" * 64 + ".test",
    ],
)
def test_what_may_never_be_an_mx_target(text) -> None:
    """Servers accept all of these; senders lose mail by them."""
    with pytest.raises(ValueError):
        host_name(text)


def test_names_have_one_form() -> None:
    """Whatever was typed."""
    assert host_name("MX.Backup.TEST.") == host_name("mx.backup.test") == "mx.backup.test."
    assert domain_name("Corp.Test.") == "corp.test"


@pytest.mark.parametrize(
    ("pattern", "host", "covered"),
    [
        ("*.mail.protection.outlook.com", "a.mail.protection.outlook.com.", True),
        ("*.outlook.com", "a.b.outlook.com.", False),
        ("mx.relay.test", "MX.relay.test.", True),
        ("mx.relay.test", "mx2.relay.test.", False),
    ],
)
def test_mta_sts_patterns(pattern, host, covered) -> None:
    """RFC 8461 section 4.1: a wildcard is one label."""
    assert policy_matches(pattern, host) is covered


def test_mta_sts_policy_is_read() -> None:
    """Mode and patterns, whatever the line ends."""
    found = read_policy(
        "version: STSv1\r\nmode: enforce\r\nmx: *.outlook.com\r\nmx: mx.relay.test\r\nmax_age: 86400\r\n"
    )
    assert (found.mode, found.patterns) == ("enforce", ("*.outlook.com", "mx.relay.test"))


def test_a_queue_and_its_log_are_read() -> None:
    """What Postfix prints."""
    line = {
        "queue_name": "deferred",
        "queue_id": "4XYZ12abc",
        "arrival_time": 1700000000,
        "message_size": 10,
        "sender": "a@b.c",
        "recipients": [{"address": "alice@corp.test", "delay_reason": "connect refused"}],
    }
    assert parse_queue(json.dumps(line) + "\n")[0].recipients == ("alice@corp.test",)
    log = (
        "Nov 24 x relay postfix/smtp[1]: 4XYZ12abc: to=<alice@corp.test>, relay=none, status=deferred (x)\n"
        "Nov 24 x relay postfix/smtp[1]: 4XYZ12abc: "
        "to=<alice@corp.test>, relay=p[192.0.2.1]:25, delay=1, dsn=2.0.0, status=sent (250 ok)\n"
        "Nov 24 x relay postfix/smtp[1]: OTHER1234: to=<bob@corp.test>, status=bounced (550 no)\n"
    )
    assert [(f.queue_id, f.status) for f in parse_log(log, {"4XYZ12abc"})] == [("4XYZ12abc", "sent")]


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("x y,A,,,,en,,", "contact.id"),
        ("a,A,nomail,,,en,,", "contact.email"),
        ("a,A,,030 123,,en,,", "contact.phone"),
        ("a,A,,+49,,en,,", "contact.phone"),
        ("a,A,,+1202555,,en,,", "contact.phone"),
        ("a,A,,,,en,,\na,B,,,,en,,", "contact.duplicate"),
    ],
)
def test_bad_contacts_are_named_with_their_line(tmp_path, row, rule) -> None:
    """Before the day, not on it."""
    path = tmp_path / "c.csv"
    path.write_text("id,name,email,phone,slack,language,groups,logins\n" + row + "\n")
    with pytest.raises(Invalid) as caught:
        load_contacts(path)
    assert [p.rule for p in caught.value.problems] == [rule]
    assert caught.value.problems[0].line >= 2


def test_a_snapshot_that_was_changed_is_refused(tmp_path) -> None:
    """People are called by what it says."""
    path = tmp_path / "s.json"
    write_snapshot(path, [Contact("a", "A", phone="+4930123456", groups=("x",))], taken_at=1.0, source="test")
    assert read_snapshot(path)[0][0].groups == ("x",)
    assert path.stat().st_mode & 0o077 == 0
    path.write_text(path.read_text().replace("+4930123456", "+4930123457"))
    with pytest.raises(Invalid, match="changed"):
        read_snapshot(path)


def test_a_revealed_secret_is_taken_out_in_every_form(tmp_path) -> None:
    """As it is, in JSON, in a URL, in base64."""
    (tmp_path / "s").write_text('can"ary/+secret')
    value = Secret("file:s", tmp_path).reveal()
    import base64
    from urllib.parse import quote

    for form in (value, json.dumps(value), quote(value, safe=""), base64.b64encode(value.encode()).decode()):
        assert "canary" not in redact(form) and 'can\\"ary' not in redact(form) and form not in redact(f"x {form} y")
    assert "canary" not in repr(Secret("env:X"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=3), x, max_size=3),
        max_leaves=8,
    )
)
def test_a_digest_depends_on_content_not_on_order(data) -> None:
    """Plans are approved by it."""
    again = json.loads(json.dumps(data))
    if isinstance(again, dict):
        again = dict(reversed(list(again.items())))
    assert digest(data) == digest(again)


def test_the_status_page_is_whole_and_safe(tmp_path) -> None:
    """No script, escaped titles, an Atom feed that parses, the same key once."""
    import xml.etree.ElementTree as ET

    site = Site(Path(tmp_path / "p"), "Corp <status>", "https://status.example")
    for _ in range(2):
        site.put(Entry("k1", 1_700_000_000.0, "Mail & <b>more</b>", "<p>text</p>", "text", "inbound-on-backup", "en"))
    page = (tmp_path / "p" / "index.html").read_text()
    assert (
        page.count("<article") == 1
        and "<b>more" not in page
        and "<script" not in page
        and "prefers-color-scheme" in page
    )
    feed = ET.fromstring((tmp_path / "p" / "feed.atom").read_text())
    assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 1
    assert json.loads((tmp_path / "p" / "feed.json").read_text())["items"][0]["id"] == "k1"
    site.remove("k1")
    assert not site.has("k1")


@pytest.mark.parametrize(
    ("zone", "at", "right"),
    [
        ("UTC", 1_769_103_903, "17:45 UTC"),
        ("", 1_769_103_903, "17:45 UTC"),
        ("Nowhere/At-All", 1_769_103_903, "17:45 UTC"),
        ("Europe/Berlin", 1_769_103_903, "18:45 CET"),
        ("Europe/Berlin", 1_784_742_303, "19:45 CEST"),
        ("America/New_York", 1_769_103_903, "12:45 EST"),
        ("Europe/Istanbul", 1_769_103_903, "20:45 UTC+03"),
        ("Asia/Kolkata", 1_769_103_903, "23:15 IST"),
    ],
)
def test_people_read_their_own_time_with_its_name(zone, at, right) -> None:
    """In winter and summer; a zone that this machine does not know is UTC and says so."""
    from bcp.kernel.clock import local_text

    assert local_text(at, zone) == right
    clock, _, name = right.partition(" ")
    assert local_text(at, zone, seconds=True) == f"{clock}:03 {name}"
