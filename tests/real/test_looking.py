"""Real faults that are not what they seem: each is judged by its truth, from the probe's look to the verdict.

Real BIND, Unbound (validating) and Postfix over IPv4 and IPv6, one ``bcp watch`` that runs all the time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from support import ROOT

from real.net import IP, able
from real.rounds import after_rounds, whole_lines
from real.wide import IP6, SECOND, Wide, dig

pytestmark = [pytest.mark.real, pytest.mark.slow]

CONFIG = f"""\
version: 1
organisation: {{name: Corp}}
domains:
  - {{name: corp.test, dns: main, primary: [{{host: primary.out.test}}]}}
dns:
  main: {{kind: rfc2136, server: {IP["dns"]}, key: {{name: bcp., secret: "env:TSIG"}}}}
canary: {{to: alice@corp.test, resolvers: [{IP["cache"]}]}}
detect:
  interval: 1s
  threshold: 3
  decide: {{b: 1s, e: 1s, f: 0s}}
  probes:
    rcpt: {{kind: smtp, host: primary.out.test, resolvers: [{IP["cache"]}, {SECOND}], recipients: [alice@corp.test, \
bob@corp.test], mail_to: alice@corp.test, mail_every: 1s, timeout: 4s}}
    unknown: {{kind: smtp-unknown, host: primary.out.test, resolvers: [{IP["cache"]}, {SECOND}], recipient: \
nobody-at-all@corp.test, timeout: 4s}}
    mx-host: {{kind: dns, host: primary.out.test, resolvers: [{IP["cache"]}, {SECOND}], authoritative: [{IP["dns"]}], \
timeout: 4s}}
    our-mx: {{kind: own-mx, domains: [corp.test], resolvers: [{IP["cache"]}, {SECOND}], authoritative: [{IP["dns"]}], \
timeout: 4s}}
    relay-port: {{kind: smtp, host: relay.ctl.test, addresses: [{IP["relay"]}], recipient: alice@corp.test, timeout: \
4s, control: true}}
    resolver-1: {{kind: dns, host: www.ctl.test, resolvers: [{IP["cache"]}], timeout: 4s, control: true}}
    resolver-2: {{kind: dns, host: www.ctl.test, resolvers: [{SECOND}], timeout: 4s, control: true}}
"""


class Watch:
    """`bcp watch` in the operator's namespace, and what it says."""

    def __init__(self, net: Wide, folder: Path) -> None:
        (folder / "bcp.yaml").write_text(CONFIG)
        self.log, self.errors = folder / "verdicts", folder / "errors"
        self.env = {**os.environ, "TSIG": net.secret, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(folder / "bcp.yaml")}
        self.prefix = net.inside("ops")
        arguments = [*self.prefix, sys.executable, "-m", "bcp", "watch", "--output", "json"]
        self.process = subprocess.Popen(
            arguments, env=self.env, stdin=subprocess.DEVNULL, stdout=self.log.open("w"), stderr=self.errors.open("w")
        )
        self.at = 0

    def new(self) -> list[dict]:
        lines = whole_lines(self.log)
        found = [json.loads(line) for line in lines[self.at :]]
        self.at = len(lines)
        return found

    def until(self, wanted, seconds: float) -> dict:
        """The first new verdict of which this is true."""
        deadline, seen = time.time() + seconds, []
        while time.time() < deadline:
            for found in self.new():
                seen.append(found)
                if wanted(found):
                    return found
            assert self.process.poll() is None, self.errors.read_text()
            time.sleep(0.05)
        raise AssertionError(f"not in {seconds} s: {json.dumps(seen[-2:])[:3000]}\n{self.looks()}")

    def during(self, rounds: int) -> list[dict]:
        """Every verdict of so many rounds, the one before them first."""
        last = json.loads(whole_lines(self.log)[-1])
        self.new()
        after_rounds(self.log.parent, rounds, lambda: self.process.poll() is None)
        return [last, *self.new()]

    def looks(self) -> str:
        """One look of each probe, as a person takes it."""
        done = subprocess.run(
            [*self.prefix, sys.executable, "-m", "bcp", "probe"],
            env={**self.env, "COLUMNS": "250"},
            capture_output=True,
            text=True,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())

    def shows(self, *words: str, seconds: float = 120) -> None:
        """A look that a person takes has these words; one that a busy machine cut off is taken again."""
        deadline = time.time() + seconds
        while any(word not in (said := self.looks()) for word in words):
            assert time.time() < deadline, said

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def wait_until(condition, seconds: float = 180) -> None:
    deadline = time.time() + seconds
    while not condition():
        assert time.time() < deadline
        time.sleep(0.1)


@pytest.fixture(scope="module")
def field():
    if why := able():
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="bcp-look-"))
    folder.chmod(0o755)
    net, watch = Wide(folder), None
    try:
        net.start()
        net.people("alice", "bob")
        wait_until(
            lambda: re.search(r"flags: [^;]*\bad\b", dig(net, f"@{IP['cache']}", "primary.out.test", "A", "+adflag"))
        )
        (folder / "ops-home").mkdir()
        watch = Watch(net, folder / "ops-home")
        watch.until(healthy, 120)
        yield net, watch
    finally:
        if watch is not None:
            watch.stop()
        net.stop()
        shutil.rmtree(folder, ignore_errors=True)


def healthy(v: dict) -> bool:
    return v["state"] == "healthy" and not v["classes"]


def tell(name: str, v: dict, since: float = 0.0) -> None:
    """For the report of a run (`pytest -s`)."""
    took = f" after {time.time() - since:.1f} s" if since else ""
    print(f"{name}: {v['state']} {v['classes']} {v['action']}{took}: {' | '.join(v['evidence'])[:300]}")


def never_moves(verdicts: list[dict]) -> None:
    """Nothing here is an outage that a new MX would help."""
    bad = [v for v in verdicts if v["action"] in {"switch", "wait", "failback"} or v["state"] == "down"]
    assert not bad, json.dumps(bad[0])[:3500]


def test_a_zone_with_expired_signatures_is_an_outage_of_names(field) -> None:
    """Truth: E. The authoritative server answers, and whoever validates cannot use it."""
    net, watch = field
    began = time.time()
    net.sign(expired=True)
    net.reload_zones()
    try:
        found = watch.until(lambda v: v["state"] == "down", 180)
        tell("dnssec bogus", found, began)
        assert found["class"] == "E", found
        assert "DNSSEC" in " ".join(found["evidence"]), found["evidence"]
    finally:
        net.sign()
        net.reload_zones()
    watch.until(healthy, 120)


def test_451_after_data_is_an_outage_although_every_recipient_is_accepted(field) -> None:
    """Truth: B. A probe that ends at RCPT would see nothing."""
    net, watch = field
    began = time.time()
    net.primary("smtpd_end_of_data_restrictions = check_client_access static:{451 4.3.2 temporary server issue}")
    try:
        found = watch.until(lambda v: v["state"] == "down", 180)
        tell("451 after DATA", found, began)
        assert found["class"] == "B", found
        assert "451" in " ".join(found["evidence"]), found["evidence"]
    finally:
        net.primary()
    watch.until(healthy, 120)
    assert net.mails_of("alice") > 0 and net.mails_of("bob") == 0  # only the canary gets test mails


def test_our_own_zone_that_is_lame_is_ours_to_mend(field) -> None:
    """Truth: H. Nobody finds our MX, and a new MX in that zone would not be found either."""
    net, watch = field
    began = time.time()
    net.lose_zone("corp.test", lost=True)
    try:
        found = watch.until(lambda v: "H" in v["classes"], 180)
        tell("own zone lame", found, began)
        assert found["action"] == "fix-own", json.dumps(found)[:3000]
        assert "corp.test" in " ".join([*found["evidence"], *found["notes"]]), found
        assert not [v for v in watch.during(2) if v["action"] in {"switch", "wait"}]
    finally:
        net.lose_zone("corp.test", lost=False)
    watch.until(healthy, 120)


def test_a_prober_that_is_throttled_is_our_own_limit(field) -> None:
    """Truth: H. The only place that looks is limited (4.7.500); real mail is taken."""
    net, watch = field
    began = time.time()
    (net.folder / "primary" / "limited").write_text(
        f"{IP['ops']} 451 4.7.500 Server busy. Please try again later\n"
        f"{IP6['ops']} 451 4.7.500 Server busy. Please try again later\n"
    )
    net.primary(f"smtpd_client_restrictions = check_client_access texthash:{net.folder}/primary/limited")
    try:
        found = watch.until(lambda v: "H" in v["classes"], 180)
        tell("throttled", found, began)
        assert found["state"] != "down" and found["action"] == "fix-own", json.dumps(found)[:3000]
        never_moves(watch.during(4))
    finally:
        net.primary()
    watch.until(healthy, 120)


def test_one_recipient_that_was_removed_is_no_outage(field) -> None:
    """Truth: H at most. Somebody deleted a monitoring mailbox; the other is taken, and whole mails are."""
    net, watch = field
    net.people("alice")
    try:
        seen = watch.during(6)
        tell("recipient removed", seen[-1])
        never_moves(seen)
        assert all("F" not in v["classes"] for v in seen), seen[-1]
        watch.shows("550", "1 of 2 recipients")
    finally:
        net.people("alice", "bob")
    watch.until(healthy, 120)


def test_one_resolver_that_is_wrong_is_no_outage(field) -> None:
    """Truth: that resolver. The other one and the authoritative server are well."""
    net, watch = field
    net.second_resolver('local-zone: "out.test" always_nxdomain')
    try:
        wait_until(lambda: "NXDOMAIN" in dig(net, f"@{SECOND}", "primary.out.test"))
        seen = watch.during(6)
        tell("resolver wrong", seen[-1])
        never_moves(seen)
        watch.shows("NXDOMAIN")
    finally:
        net.second_resolver("")


def test_ipv6_that_is_dead_is_a_part_while_ipv4_is_well(field) -> None:
    """Truth: mail flows. Senders try the other family."""
    net, watch = field
    net.six("primary", on=False)
    try:
        seen = watch.during(6)
        tell("ipv6 off", seen[-1])
        never_moves(seen)
        watch.shows(IP6["primary"], "1 of 2 addresses")
    finally:
        net.six("primary", on=True)
