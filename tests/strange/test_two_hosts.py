"""A run over two hosts that is killed with SIGKILL between them: taken up again, nothing is half done, and it is said.

By default one kill; ``BCP_STRANGE=1`` plays every order of hosts at each of the instants.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from real.test_partly import bcp

from strange.commands import BOOK, NEW, OLD, RUN
from strange.house import Fault, House, Zone
from strange.play import SERVERS, house, own_mx

ALL = bool(os.environ.get("BCP_STRANGE"))
ROOT = Path(__file__).parents[2]


class Two:
    """Two strange providers. ``together``: both serve one zone; else each has a zone of its own."""

    def __init__(self, folder: Path, kinds: tuple[str, str], layout: str) -> None:
        self.folder, self.layout = folder, layout
        self.first, self.second = (house(k) for k in kinds)
        self.zones: list[Zone] = []
        names = ("one.test", "two.test") if layout == "apart" else ("one.test", "one.test")
        for host, name in zip((self.first, self.second), names, strict=True):
            host.towards = "relay.out.test"
            self.zones.append(host.add(name, [f"{OLD}."], 60, SERVERS))
            out = host.add("out.test", ["1 x.out.test."], 60, SERVERS)
            for target in ("relay", "primary"):
                host.put(out, f"{target}.out.test", "A", ["127.0.0.1"], 60)
            host.start()
        if layout == "second":  # two ways to one zone: whatever the one writes, the other has
            self.second.zones[0].sets = self.first.zones[0].sets
        (folder / "playbooks").mkdir()
        (folder / "playbooks/hostile.yaml").write_text(BOOK)
        (folder / "contacts.csv").write_text("id,groups\nalice,oncall\n")
        (folder / "bcp.yaml").write_text(yaml.safe_dump(self._given(names)))
        self.process: subprocess.Popen[str] | None = None

    def _given(self, names: tuple[str, str]) -> dict[str, Any]:
        hosts = {}
        for key, host in (("a", self.first), ("b", self.second)):
            (self.folder / key).mkdir()
            hosts[key] = {**host.settings(self.folder / key), "authoritative": [host.at], "resolvers": [host.at],
                          "timeout": "2s", "settle": "300ms"}  # fmt: skip
        domains: list[dict[str, Any]] = {
            "apart": [{"name": names[0], "dns": "a"}, {"name": names[1], "dns": "b"}],
            "together": [{"name": "one.test", "dns": ["a", "b"]}],
            "second": [{"name": "one.test", "dns": "a"}],
        }[self.layout]
        if self.layout == "second":
            hosts["a"]["second"] = "b"
        relay = {"kind": "smtp", "hosts": [{"host": "relay.out.test", "addresses": ["127.0.0.1"]}], "port": 9}
        return {"version": 1, "organisation": {"name": "T"}, "state": "state", "dns": hosts, "domains": domains,
                "relays": {"mx-backup": relay}, "contacts": {"file": "contacts.csv"},
                "playbooks": ["playbooks"]}  # fmt: skip

    def killed(self, at: House, what: str) -> None:
        """Run, and kill it where this host is asked to change something: before it does, or after."""
        at.edit = lambda: self.process and os.killpg(self.process.pid, signal.SIGKILL)
        at.faults = [Fault(what)]
        clean = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bcp", *RUN], cwd=self.folder, env={**clean, "PYTHONPATH": str(ROOT)}, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == -signal.SIGKILL, out + err
        at.faults = []

    def resumed(self) -> tuple[int, str, list[str]]:
        """Taken up again by hand: exit code, words, and where mail goes."""
        said = ""
        for words in (("status",), ("resume", "--no-hold")):
            ended = bcp(self.folder, *words)
            said += " ".join((ended.stdout + ended.stderr).split()) + "\n"
        assert "Traceback" not in said, said
        return ended.returncode, said, [own_mx(z) for z in self.zones]

    def stop(self) -> None:
        """End."""
        self.first.stop()
        self.second.stop()


KINDS = [("route53", "azure"), ("azure", "cloudflare"), ("cloudflare", "google"), ("google", "route53")]
LAYOUTS = ("apart", "together", "second")
INSTANTS = [(w, f"edit-{when}") for w in ("first", "second") for when in ("instead", "after")]


@pytest.mark.parametrize("instant", INSTANTS if ALL else [("second", "edit-instead")], ids="-".join)
@pytest.mark.parametrize("layout", LAYOUTS if ALL else ("together",))
@pytest.mark.parametrize("kinds", KINDS if ALL else KINDS[:1], ids="-".join)
def test_what_was_killed_between_two_hosts_comes_to_one_end(tmp_path, kinds, layout, instant) -> None:
    two = Two(tmp_path, kinds, layout)
    where, what = instant
    try:
        if layout == "second" and where == "second":
            two.first.faults = [Fault("cut", "any", 10_000)]  # the first way is dead, the second one writes
        two.killed(getattr(two, where), what)
        code, said, mx = two.resumed()
    finally:
        two.stop()
    assert code == 0, f"{said}{mx}"
    assert mx == [NEW, NEW], said
