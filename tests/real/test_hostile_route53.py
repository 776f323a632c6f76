"""Route 53's losses through the whole command: an emulator that loses, throttles and lies, its zones really served."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import dns.name
import dns.rdatatype
import pytest

from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.lab.route53 import Key, Route53Lab
from real.test_partly import bcp

pytestmark = pytest.mark.real
NAMES = ("one.test", "two.test")
OLD, NEW = "0 primary.out.test.", "10 relay.out.test."
CONFIG = """version: 1
organisation: {{name: T}}
state: state
domains: [{{name: one.test, dns: main}}, {{name: two.test, dns: main}}]
dns:
  main: {{kind: route53, endpoint_url: "{api}", access_key_id: "file:id", secret_access_key: "file:key", timeout: 2s,
    settle: 500ms, calls_per_s: 100, region: {region}, authoritative: ["{at}"], resolvers: ["{at}"]}}
relays: {{mx-backup: {{kind: smtp, hosts: [{{host: relay.out.test, addresses: [127.0.0.1]}}], port: 9}}}}
contacts: {{file: contacts.csv}}
playbooks: [playbooks]
"""
BOOK = """version: 1
name: hostile
title: Hostile
covers: [B]
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, converge: 1s}, undo: automatic}
"""


class Provider:
    """The emulator, a name server that serves what its API holds, and a folder that knows both."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.loop = folder, asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.lab = Route53Lab(keys={"AKIAGOOD": Key("secret")})
        self.zones = {n: self.lab.add(Zone(n, [("@", 60, "MX", [OLD])])).served for n in NAMES}
        out = Zone("out.test", [(h, 60, "A", ["127.0.0.1"]) for h in ("primary", "relay")])
        port, self.api = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.names = NameServer([*self.zones.values(), out], {})
        self.call(self.names.start(["127.0.0.1"], port))
        self.call(self.lab.start("127.0.0.1", self.api))
        self.at = f"127.0.0.1:{port}"
        (folder / "playbooks").mkdir()
        (folder / "playbooks/hostile.yaml").write_text(BOOK)
        for name, text in (("id", "AKIAGOOD"), ("key", "secret"), ("contacts.csv", "id,groups\nalice,oncall\n")):
            (folder / name).write_text(text)
        self.configure()

    def configure(self, region: str = "us-east-1") -> None:
        api = f"http://127.0.0.1:{self.api}"
        (self.folder / "bcp.yaml").write_text(CONFIG.format(api=api, at=self.at, region=region))

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def mx(self) -> list[str]:
        found = [z.get(dns.name.from_text(n), dns.rdatatype.MX) for n, z in self.zones.items()]
        return [f[0].to_text() if f else "none" for f in found]

    def changed(self) -> int:
        return self.lab.changes

    def run(self, *more: str):
        ended = bcp(self.folder, "run", "hostile", "--yes", "--no-hold", *more)
        return ended.returncode, " ".join((ended.stdout + ended.stderr).split())

    def stop(self) -> None:
        for work in (self.lab.stop(), self.names.stop()):
            self.call(work)
        self.loop.call_soon_threadsafe(self.loop.stop)


@pytest.fixture
def provider(tmp_path: Path):
    made = Provider(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize("fault", ["lose", "throttle", "prior"])
def test_a_loss_at_the_write_is_read_and_each_domain_changed_once(provider, fault) -> None:
    """The answer lost after applying; Throttling; PriorRequestNotComplete."""
    provider.lab.faults[fault] = 1
    code, said = provider.run()
    assert code == 0, said
    assert provider.mx() == [NEW, NEW] and provider.changed() == 2


def test_a_change_that_never_becomes_insync_is_said_and_holds_up_nobody(provider) -> None:
    provider.lab.pending = 10_000
    code, said = provider.run()
    assert code == 0 and "still carrying it to its servers" in said and provider.mx() == [NEW, NEW]


def test_a_page_of_a_proxy_is_one_sentence_and_changes_nothing(provider) -> None:
    provider.lab.faults["html"] = 10_000
    code, said = provider.run()
    assert code in {1, 3} and "proxy" in said and "Traceback" not in said, said
    assert provider.mx() == [OLD, OLD] and provider.changed() == 0


@pytest.mark.parametrize(("offset", "words"), [(600, "10m behind AWS's"), (-600, "10m ahead of AWS's")])
def test_a_clock_that_is_ten_minutes_off_is_named_with_how_much(provider, offset, words) -> None:
    provider.lab.offset_s = offset
    code, said = provider.run()
    assert code == 3 and words in said and "NTP" in said and provider.changed() == 0, said


def test_a_wrong_region_is_named(provider) -> None:
    provider.configure("eu-west-1")
    code, said = provider.run()
    assert code == 3 and "region" in said and provider.changed() == 0, said


def test_an_error_500_in_the_middle_that_stays_fails_the_step_and_what_moved_is_not_forgotten(provider) -> None:
    """The old set still stands where it failed: the step failed, and what moved meanwhile is put back."""
    provider.lab.failing.add("two.test")
    code, said = provider.run("--override", "dns.not-proven", "--reason", "a test")
    assert code == 1 and "it did not happen as a whole: two.test" in said, said
    assert provider.mx() == [OLD, OLD] and provider.changed() == 2, said


def test_a_missing_library_is_named_as_it_is_installed(provider) -> None:
    (provider.folder / "botocore.py").write_text("raise ImportError('no')\n")
    code, said = provider.run()
    assert code == 3 and "pip install" in said and "Traceback" not in said, said
