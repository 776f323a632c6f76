"""What differs is named by file and setting; what moves by itself is no difference."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.relay_kit.drift import (
    Drift,
    drifts,
    foreign,
    logical_lines,
    loose,
    open_folders,
    services_of,
    settings_of,
)
from bcp.relay_kit.files import KEYS, SSH_KEYS, KitFile

MAIN = "# c\na = 1\nb =\n    x\n    y\ndefer_transports =\n"
MASTER = (
    "smtp inet n - n - 1 postscreen\nsmtp unix - - n - - smtp\n"
    "exchange unix - - n - 10 smtp\n  -o soft_bounce=yes\n  -o inet_protocols=ipv4\n"
)


def differ(path: str, wanted: str, found: str) -> list[str]:
    return [str(d) for d in drifts([KitFile(f"root/{path}", wanted, 0o644)], {path: found})]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (MAIN.replace("a = 1", "a=1").replace("    x\n    y", " x   y"), []),
        (MAIN.replace("defer_transports =", "defer_transports = exchange"), []),
        (
            MAIN.replace("defer_transports =", "defer_transports = smtp"),
            ["/etc/postfix/main.cf: defer_transports: is smtp, should be (empty)"],
        ),
        (MAIN + "# more\n", []),
        (MAIN.replace("a = 1", "a = 2"), ["/etc/postfix/main.cf: a: is 2, should be 1"]),
        (MAIN + "a = 2\n", ["/etc/postfix/main.cf: a: is 2, should be 1"]),
        (MAIN.replace("a = 1\n", ""), ["/etc/postfix/main.cf: a: is missing, should be 1"]),
        (MAIN + "new = 1\n", ["/etc/postfix/main.cf: new: is 1, should be absent"]),
        (MAIN.replace("a = 1", "a ="), ["/etc/postfix/main.cf: a: is (empty), should be 1"]),
    ],
)
def test_settings_of_main_cf(found, said) -> None:
    assert differ("etc/postfix/main.cf", MAIN, found) == said


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (MASTER.replace("soft_bounce=yes", "soft_bounce=no"), []),
        (MASTER.replace("\n  -o", " -o"), []),
        (MASTER.replace("soft_bounce=yes", "soft_bounce=maybe"), ["exchange: soft_bounce: is maybe, should be yes"]),
        (MASTER.replace("=ipv4", "=all"), ["exchange: inet_protocols: is all, should be ipv4"]),
        (MASTER.replace("  -o inet_protocols=ipv4\n", ""), ["exchange: inet_protocols: is missing, should be ipv4"]),
        (MASTER.replace("postscreen", "smtpd"), ["smtp: is inet n - n - 1 smtpd, should be inet n - n - 1 postscreen"]),
        (
            MASTER.replace("- - smtp\n", "- 5 smtp\n"),
            ["smtp/unix: is unix - - n - 5 smtp, should be unix - - n - - smtp"],
        ),
        (MASTER + "odd\n", ["odd: is odd, should be absent"]),
    ],
)
def test_services_of_master_cf(found, said) -> None:
    assert differ("etc/postfix/master.cf", MASTER, found) == [f"/etc/postfix/master.cf: {s}" for s in said]


def test_who_may_write_a_file_and_whose_it_is() -> None:
    """sudo runs one of them as root: with its text as it was, everybody could change it a minute later."""
    kit = [KitFile(f"root/{n}", "x", mode) for n, mode in (("a", 0o644), ("b", 0o755), ("c", 0o440), ("d", 0o644))]
    assert loose(kit, {"a": (0o644, 0), "b": (0o755, 0), "c": (0o440, 0)}) == ()
    assert loose(kit, {n: (f.mode, 1000) for n, f in zip("abcd", kit, strict=True)}) == (), "a copy of somebody's"
    found = loose(kit, {"a": (0o644, 0), "b": (0o777, 0), "c": (0o440, 65534), "d": (0o644, 0)})
    assert [str(d) for d in found] == [
        "/b: rights: is 0777 of uid 0, should be 0755 of uid 0",
        "/c: rights: is 0440 of uid 65534, should be 0440 of uid 0",
    ]
    assert loose(kit, {}) == (), "an older relay does not tell"


def test_what_is_not_the_kits_and_changes_what_it_does() -> None:
    """A drop-in of systemd, a second file of SSH keys. What the kit brings is not among it."""
    kit = [KitFile("root/etc/systemd/system/bcp-relay-agent.service", "x", 0o644), KitFile("README.txt", "x", 0o644)]
    seen = ["etc/systemd/system/bcp-relay-agent.service", SSH_KEYS, "etc/systemd/system/postfix.service.d/a.conf"]
    assert [str(d) for d in foreign(kit, seen)] == [
        "/etc/systemd/system/postfix.service.d/a.conf: is there, should be absent"
    ]
    assert foreign(kit, []) == (), "an older relay does not tell"


def test_a_folder_in_which_others_may_write() -> None:
    """Whoever writes a folder puts another file in the place of the kit's. An account's own folder is the account's."""
    well = {"etc/postfix": (0o755, 0), "etc/bcp-relay": (0o755, 0), "var/lib/bcp-relay/.ssh": (0o700, 999)}
    assert open_folders(well) == open_folders({}) == ()
    bad = {"etc/postfix": (0o777, 0), "etc/bcp-relay": (0o755, 1000), "var/lib/bcp-relay/.ssh": (0o703, 999)}
    assert [str(d) for d in open_folders({**well, "usr/local/sbin": (0o755, 0), **bad})] == [
        "/etc/bcp-relay: rights: is 0755 of uid 1000, should be 0755 of uid 0",
        "/etc/postfix: rights: is 0777 of uid 0, should be 0775 of uid 0",
        "/var/lib/bcp-relay/.ssh: rights: is 0703 of uid 999, should be 0701 of uid 999",
    ]


def test_other_files_by_their_first_line_that_differs() -> None:
    """Comments and white space apart."""
    assert differ("x", "# a\none\n two  words\n", "one\n# b\ntwo words\n") == []
    assert differ("x", "one\ntwo\n", "one\nTWO\nthree\n") == ["/x: line 2: is TWO, should be two"]
    assert differ("x", "one\n", "one\ntwo\n") == ["/x: line 2: is two, should be absent"]
    assert differ("x", "one\ntwo\n", "one\n") == ["/x: line 2: is missing, should be two"]
    (long,) = drifts([KitFile("root/x", "a" * 200, 0)], {"x": "b"})
    assert len(long.wanted) == 80


def test_a_file_that_is_not_there_is_named_and_what_stays_in_the_kit_is_not() -> None:
    files = [
        KitFile("root/a/b", "x", 0),
        KitFile("README.txt", "x", 0),
        KitFile("root/etc/postfix/bcp_postscreen.cidr", "x", 0),
    ]
    assert drifts(files, {}) == (Drift("a/b", "", "there", ""),)
    assert str(Drift("a/b", "", "there", "")) == "/a/b: is missing, should be there"


@given(st.text(max_size=300), st.text(max_size=300))
def test_whatever_stands_there_is_a_difference_and_no_error(wanted, found) -> None:
    for path in ("etc/postfix/main.cf", "etc/postfix/master.cf", "x"):
        differ(path, wanted, found)
    logical_lines(found), settings_of(found), services_of(found)


def test_a_key_that_the_kit_does_not_name_is_a_difference() -> None:
    """Whoever holds it gets in. A relay of an older kit does not tell of its keys."""
    ours = KitFile(KEYS, 'command="x",restrict ssh-ed25519 AAAA bcp\n', 0o600)
    (found,) = drifts([ours], {SSH_KEYS: ours.text + "ssh-ed25519 BBBB eve\n"})
    assert str(found) == f"/{SSH_KEYS}: line 2: is ssh-ed25519 BBBB eve, should be absent"
    assert drifts([ours], {SSH_KEYS: ours.text}) == drifts([ours], {}) == ()
