"""The deeds around a relay's machine: its kit, its recipients, its drain and its watch, over a stand-in for ssh."""

from __future__ import annotations

import asyncio
import json
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from bcp.deeds import relay_drain, relay_kit, relay_recipients, relay_watch
from bcp.kernel.errors import BcpError, Invalid, PartlyDone, Permanent, Refused, Transient
from bcp.kit import ed25519
from bcp.relay_kit.recipients import parse
from bcp.settings import load
from bcp.wiring import App, make_app

SSH = """#!/bin/sh
# $1: the host; $2: bcp-relay; $3: the word
cd {folder}/$1 2> /dev/null || {{ echo "no route to $1" >&2; exit 255; }}
case $3 in
    recipients) [ ! -e refuse ] || {{ echo "not signed by the key" >&2; exit 3; }}
        read -r signature; echo "$signature" > signature; cat > list ;;
    list) cat list 2> /dev/null || true ;;
    facts) cat facts ;;
    queue) cat queue 2> /dev/null || true ;;
    files) tar -cf - -C root . | base64 -w 0 ;;
    *) cat > "last-$3" 2> /dev/null || true ;;
esac
"""


class Site:
    """A configuration with a relay of these hosts, and what stands for its machines."""

    def __init__(self, folder: Path, *hosts: str, **kit: Any) -> None:
        self.folder = folder
        self.hosts = hosts or ("relay.out.test",)
        ssh = folder / "ssh"
        ssh.write_text(SSH.format(folder=folder))
        ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
        for host in self.hosts:
            (folder / host).mkdir()
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "key"], check=True)
        (folder / "people.txt").write_text("alice@corp.test\nbob@corp.test\nguest@else.test\n")
        self.kit: dict[str, Any] = {
            "reach": [str(ssh), "{host}"], "next_hop": {"corp.test": "ex.out.test"},
            "recipients": {"files": ["people.txt"], "key": "file:key"}, **kit,
        }  # fmt: skip

    def app(self, **relays: Any) -> App:
        mine = {"kind": "smtp", "hosts": [{"host": h} for h in self.hosts], "kit": self.kit}
        config = {
            "version": 1, "organisation": {"name": "Corp"}, "domains": [{"name": "corp.test"}],
            "relays": {"mx-backup": mine, **relays},
        }  # fmt: skip
        (self.folder / "bcp.yaml").write_text(yaml.safe_dump(config))
        return make_app(load(self.folder / "bcp.yaml"))

    def listed(self, host: str = "relay.out.test") -> set[str]:
        found = parse((self.folder / host / "list").read_text())
        return set(found.addresses) if found else set()


def rule_of(work: Any) -> str:
    with pytest.raises(BcpError) as no:
        asyncio.run(work) if asyncio.iscoroutine(work) else work()
    return no.value.rule


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def test_the_relay_that_is_meant(site) -> None:
    one = site.app()
    assert relay_kit.relay_of(one).name == relay_kit.relay_of(one, "mx-backup").name == "mx-backup"
    hosted = {"kind": "hosted", "hosts": [{"host": "mx.acme.test"}]}
    assert relay_kit.relay_of(site.app(other=hosted)).name == "mx-backup"
    two = site.app(other={"kind": "smtp", "hosts": [{"host": "b.test"}]})
    assert rule_of(lambda: relay_kit.relay_of(two)) == "relay.which"
    assert rule_of(lambda: relay_kit.relay_of(two, "mx-backpu")) == "relay.unknown"
    assert rule_of(lambda: relay_kit.relay_of(site.app(other=hosted), "other")) == "relay.unknown"


def test_a_kit_is_written_compared_and_written_again(site, tmp_path) -> None:
    app = site.app()
    out = tmp_path / "out"
    assert relay_kit.write_kit(app, out) == [out] == relay_kit.write_kit(app, out)
    assert "BEGIN PUBLIC KEY" in (out / "root/etc/bcp-relay/signer.pem").read_text()
    subprocess.run(["cp", "-r", out / "root", tmp_path / "relay.out.test/root"], check=True)
    (same,) = asyncio.run(relay_kit.check_kit(app))
    assert same.host == "relay.out.test" and not same.drifts and not same.trouble
    (tmp_path / "relay.out.test/root/etc/postfix/bcp_transport").unlink()
    (differs,) = asyncio.run(relay_kit.check_kit(app))
    (rooted,) = asyncio.run(relay_kit.check_kit(app, root=tmp_path / "relay.out.test/root"))
    assert [d.file for d in differs.drifts] == ["etc/postfix/bcp_transport"] == [d.file for d in rooted.drifts]
    for bad in ("<html>", "QUJD", ""):
        with pytest.raises(Transient):
            relay_kit.unpack(bad or "!")


def test_two_hosts_get_a_kit_and_a_list_each_and_a_dead_one_keeps_what_it_has(tmp_path) -> None:
    site = Site(tmp_path, "r1.test", "r2.test")
    app = site.app()
    assert [p.name for p in relay_kit.write_kit(app, tmp_path / "out")] == ["r1.test", "r2.test"]
    asyncio.run(relay_recipients.sync(app))
    assert site.listed("r1.test") == site.listed("r2.test") == {"alice@corp.test", "bob@corp.test"}
    (tmp_path / "r2.test").rename(tmp_path / "away")
    with pytest.raises(PartlyDone, match="no route to r2") as partly:
        asyncio.run(relay_recipients.sync(app))
    assert partly.value.rule == "recipients.partly"
    checked = asyncio.run(relay_recipients.check(app))
    assert [bool(h.trouble) for h in checked.hosts] == [False, True]


def test_a_list_is_signed_by_the_key_and_a_relay_that_refuses_it_is_told(site, tmp_path) -> None:
    app = site.app()
    asyncio.run(relay_recipients.sync(app))
    folder = tmp_path / "relay.out.test"
    (tmp_path / "pub").write_text(ed25519.public_half((tmp_path / "key").read_text()))
    decoded = subprocess.run(["base64", "-d", folder / "signature"], capture_output=True, check=True).stdout
    (tmp_path / "sig").write_bytes(decoded)
    verify = [
        "openssl",
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "pub",
        "-rawin",
        "-in",
        folder / "list",
        "-sigfile",
        "sig",
    ]
    assert subprocess.run(verify, cwd=tmp_path, capture_output=True).returncode == 0
    (folder / "refuse").touch()
    with pytest.raises(Permanent, match="not signed by the key") as no:
        asyncio.run(relay_recipients.sync(app))
    assert no.value.rule == "recipients.not-sent"  # and below it: relay.refuses
    with pytest.raises(Refused) as inner:
        asyncio.run(relay_kit.relay_of(app).reach("relay.out.test").ask("recipients", stdin=b"x\n"))
    assert inner.value.rule == "relay.refuses"


def test_a_great_drop_is_refused_and_nothing_is_sent(site) -> None:
    app = site.app()
    asyncio.run(relay_recipients.sync(app))
    (site.folder / "people.txt").write_text("alice@corp.test\n")
    assert rule_of(relay_recipients.sync(app)) == "recipients.drop" and len(site.listed()) == 2
    found = asyncio.run(relay_recipients.sync(app, accept_drop=True))
    assert found.hosts[0].sent and found.hosts[0].change.removed == ("bob@corp.test",) and len(site.listed()) == 1


@pytest.mark.parametrize(
    ("recipients", "rule"),
    [
        ({"key": "file:key"}, "recipients.no-source"),
        ({"files": ["people.txt"]}, "recipients.no-key"),
        ({"files": ["gone.txt"], "key": "file:key"}, "recipients.file"),
        ({"files": ["people.txt"], "key": "file:people.txt"}, "signing-key"),
    ],
)
def test_what_is_lacking_is_said(tmp_path, recipients, rule) -> None:
    site = Site(tmp_path, recipients=recipients)
    assert rule_of(relay_recipients.sync(site.app())) == rule


def from_directory(site) -> App:
    """As if the configuration, which is not read with a directory that is not there, had one of this name."""
    app = site.app()
    mine = app.configuration.plugins["relays"]["mx-backup"]
    source = mine.kit.recipients.model_copy(update={"directory": "d", "files": ()})
    kit = mine.kit.model_copy(update={"recipients": source})
    app.configuration.plugins["relays"]["mx-backup"] = mine.model_copy(update={"kit": kit})
    return app


def test_a_directory_that_is_gone_is_named(site) -> None:
    """``config check`` finds it first (``unknown-reference``); the deed looks for itself."""
    assert rule_of(relay_recipients.sync(from_directory(site))) == "recipients.no-directory"


def test_a_directory_that_does_not_tell_addresses_is_no_source(site, monkeypatch) -> None:
    app = from_directory(site)
    monkeypatch.setitem(app.configuration.plugins, "directories", {"d": type("S", (), {"kind": "acme"})()})
    plugin = type("P", (), {"create": lambda self, *_: object()})()
    monkeypatch.setattr(relay_recipients.registry, "find", lambda *_: plugin)
    assert rule_of(relay_recipients.sync(app)) == "recipients.no-addresses"


def test_changes_are_asked_for_and_remembered_only_once_sent(site, monkeypatch) -> None:
    """A sync that is refused asks the same again."""
    from bcp.contracts.directory import Addresses

    asked: list[str] = []
    answers = {
        "": Addresses({"1": ("a@corp.test",), "2": ("b@corp.test", "c@corp.test")}, (), "L1"),
        "L1": Addresses({"3": ("d@corp.test",)}, ("2",), "L2"),
    }

    class Source:
        async def addresses(self, since: str = "") -> Addresses:
            asked.append(since)
            if since not in answers:
                raise Permanent("410 gone")
            return answers[since]

        async def close(self) -> None:
            pass

    app = from_directory(site)
    monkeypatch.setitem(app.configuration.plugins, "directories", {"d": type("S", (), {"kind": "acme"})()})
    monkeypatch.setattr(
        relay_recipients.registry, "find", lambda *_: type("P", (), {"create": lambda s, *_: Source()})()
    )
    asyncio.run(relay_recipients.sync(app))
    assert site.listed() == {"a@corp.test", "b@corp.test", "c@corp.test"}
    assert rule_of(relay_recipients.sync(app)) == "recipients.drop"
    asyncio.run(relay_recipients.sync(app, accept_drop=True))
    assert site.listed() == {"a@corp.test", "d@corp.test"} and asked == ["", "L1", "L1"]
    asyncio.run(relay_recipients.sync(app, accept_drop=True))  # L2 is not known any more
    assert asked[3:] == ["L2", ""] and len(site.listed()) == 3
    asyncio.run(relay_recipients.check(app, full=True))
    assert asked[-1] == ""


def test_a_drain_needs_a_relay_that_can_be_drained(site) -> None:
    hosted = {"kind": "hosted", "hosts": [{"host": "mx.acme.test"}]}
    app = site.app(other=hosted)
    assert rule_of(relay_drain.show(app, "nope")) == "relay.unknown"
    assert rule_of(relay_drain.show(app, "other")) == "drain.not-shaped"
    assert rule_of(lambda: relay_drain.wish(app, "", "stop")) == "drain.nobody"
    site.kit["reach"] = []
    assert rule_of(relay_drain.show(site.app(other=hosted))) == "drain.which"


def test_what_a_relay_holds_is_forecast_and_nothing_touched(site) -> None:
    rows = [
        {"queue_id": f"Q{n}", "sender": "s@o", "arrival_time": n, "recipients": [{"address": "a@corp.test"}]}
        for n in range(7)
    ]
    (site.folder / "relay.out.test/queue").write_text("".join(json.dumps(r) + "\n" for r in rows))
    found = asyncio.run(relay_drain.show(site.app()))
    assert found.forecast.messages == 7 and found.status is None and not found.driven
    assert not list((site.folder / "relay.out.test").glob("last-*"))


def test_a_list_that_somebody_had_a_hand_in_is_replaced_when_a_person_says_so(tmp_path) -> None:
    """Nobody knows how many would vanish; before, no list went there any more."""
    site = Site(tmp_path, "r1.test", "r2.test")
    app = site.app()
    asyncio.run(relay_recipients.sync(app))
    path = tmp_path / "r1.test/list"
    path.write_text(path.read_text().replace("bob@corp.test OK\n", ""))
    with pytest.raises(PartlyDone, match=r"r1\.test: .* no list .*--accept-drop puts the new one there"):
        asyncio.run(relay_recipients.sync(app))
    done = asyncio.run(relay_recipients.sync(app, accept_drop=True))
    assert [h.sent for h in done.hosts] == [True, True] and len(site.listed("r1.test")) == 2


def test_what_does_not_start_with_the_machine_is_a_difference(tmp_path) -> None:
    site = Site(tmp_path, "r1.test")
    facts = {**FACTS, "firewall": False, "units_off": ["postfix is masked"], "loose": ["tls.pem"]}
    (tmp_path / "r1.test/facts").write_text(json.dumps(facts))
    out = tmp_path / "out"
    relay_kit.write_kit(site.app(), out)
    subprocess.run(["cp", "-r", out / "root", tmp_path / "r1.test/root"], check=True)
    (found,) = asyncio.run(relay_kit.check_kit(site.app()))
    assert [str(d) for d in found.drifts] == [
        "/etc/nftables.d/bcp-relay.nft: in the kernel: is missing, should be loaded",
        "/etc/systemd/system/postfix: at the machine's start: is masked, should be enabled",
        "/etc/bcp-relay/tls.pem: rights: is readable by others, should be 0600 of root",
    ]
    changed = {"odd_recipients": ["+eve@corp.test", "-bob@corp.test"], "list_count": 7, "list_says": 7}
    changed |= {"units_off": ["nftables is without /etc/nftables.d in /etc/nftables.conf"]}
    (tmp_path / "r1.test/facts").write_text(json.dumps({**FACTS, **changed}))
    drop_in = tmp_path / "r1.test/root/etc/systemd/system/postfix.service.d/override.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Service]\nExecStart=\n")
    (found,) = asyncio.run(relay_kit.check_kit(site.app()))
    assert [str(d) for d in found.drifts][-3:] == [
        '/etc/nftables.conf: include: is missing, should be "/etc/nftables.d/*.nft"',
        "/etc/postfix/bcp_recipients.db: eve@corp.test: is there, should be absent",
        "/etc/postfix/bcp_recipients.db: bob@corp.test: is missing, should be there",
    ]
    (below,) = asyncio.run(relay_kit.check_kit(site.app(), root=tmp_path / "r1.test/root"))
    assert [str(d) for d in below.drifts] == [
        "/etc/systemd/system/postfix.service.d/override.conf: is there, should be absent"
    ]
    drop_in.unlink()
    (tmp_path / "r1.test/facts").write_text(json.dumps({**FACTS, "list_count": 7, "list_says": 8}))
    (found,) = asyncio.run(relay_kit.check_kit(site.app()))
    assert [str(d) for d in found.drifts] == ["/etc/postfix/bcp_recipients: count: is 8, should be 7"]
    (tmp_path / "r1.test/facts").write_text(json.dumps({**FACTS, "list_signed": False}))
    (found,) = asyncio.run(relay_kit.check_kit(site.app()))
    assert [str(d) for d in found.drifts] == [
        "/etc/postfix/bcp_recipients: is changed by hand, should be as it was signed"
    ]
    (tmp_path / "r1.test/facts").write_text(json.dumps(FACTS))
    (tmp_path / "r1.test/root/usr/local/sbin/bcp-relay").chmod(0o777)
    for looked in (relay_kit.check_kit(site.app()), relay_kit.check_kit(site.app(), root=tmp_path / "r1.test/root")):
        (found,) = asyncio.run(looked)
        ((told,),) = ([(d.file, d.setting, d.found[:4]) for d in found.drifts],)
        assert told == ("usr/local/sbin/bcp-relay", "rights", "0777")


FACTS = {
    "host": "r1.test", "now": int(time.time()), "running": True, "disk_total": 10**12, "disk_free": 10**11,
    "inodes_free": 10**6, "queued": 0, "oldest": None, "list_made": None, "list_count": 0, "unknown_code": 450,
    "certificate_end": None, "keeps": True, "soft_bounce": True, "minfree": 1, "clock_synchronised": True, "hops": [],
}  # fmt: skip


def test_what_is_watched_is_judged_and_a_dead_relay_is_unknown(tmp_path) -> None:
    site = Site(tmp_path, "r1.test", "r2.test")
    (tmp_path / "r1.test/facts").write_text(json.dumps(FACTS))
    (tmp_path / "r1.test/root").mkdir()
    (tmp_path / "r2.test").rmdir()
    found = asyncio.run(relay_watch.checks(site.app()))
    states = {(c.code, c.subject): c.state for c in found}
    assert states[("relay-running", "r1.test")] == "ok" and states[("relay-list-age", "r1.test")] == "fail"
    assert states[("relay-keeps", "r1.test")] == "risk" and states[("relay-reach", "r2.test")] == "unknown"
    assert states[("relay-kit", "r1.test")] == "risk" and states[("relay-kit", "r2.test")] == "unknown"
    busy = asyncio.run(relay_watch.checks(site.app(), mails_an_hour={"mx-backup": 5000.0}, mtpd=30 * 86_400.0))
    assert [c.state for c in busy if (c.code, c.subject) == ("relay-disk", "r1.test")] == ["fail"]
    assert states[("relay-disk", "r1.test")] == "risk"


def test_a_relay_without_a_way_to_it_is_not_watched(site) -> None:
    site.kit["reach"] = []
    assert asyncio.run(relay_watch.checks(site.app())) == []
    with pytest.raises(Invalid):
        asyncio.run(relay_kit.check_kit(site.app()))


def test_a_host_that_does_not_answer_a_drain_by_hand_is_named(tmp_path) -> None:
    site = Site(tmp_path, "r1.test", "r2.test")
    (tmp_path / "r2.test").rename(tmp_path / "away")
    app = site.app()
    assert asyncio.run(relay_drain.show(app)).unheard == ("r2.test",)
    assert asyncio.run(relay_drain.drive(app, "", 60, 0, lambda _status: None)).unheard == ("r2.test",)
