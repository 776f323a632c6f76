"""A machine that the kit's own script made a relay, and the configuration that the kit was made from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support import ROOT, bcp

from bcp.kernel.json_in import rows
from real.machine import Machine

PATIENT_S = 7200.0
"""A drain may be large; what hangs is ended by the test's own time-out."""


@dataclass
class Kitted:
    """``bcp`` here, the relay there."""

    machine: Machine
    site: Path

    @classmethod
    def make(cls, folder: Path, **kit: Any) -> Kitted:
        machine = Machine(folder / "machine")
        machine.folder.mkdir(parents=True)
        made = cls(machine.start(), folder / "site")
        made.site.mkdir()
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", made.site / "key.pem"], check=True)
        (made.site / "people.txt").write_text("alice@corp.test\nbob@corp.test\ncanary@corp.test\n")
        made.configure(**kit)
        return made

    def configure(self, asked: dict[str, Any] | None = None, **kit: Any) -> None:
        """Write bcp.yaml. ``asked``: how its agent is asked."""
        machine = {
            "reach": self.machine.argv(),
            "next_hop": {"corp.test": "exchange.out.test"},
            "tls": "may",
            "message_size": 2**20,
            "postmaster": "alice@corp.test",
            "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE bcp"],
            "admin_from": ["198.51.100.0/24"],
            "recipients": {"files": ["people.txt"], "key": "file:key.pem"},
            **kit,
        }
        relay: dict[str, Any] = {"kind": "smtp", "hosts": [{"host": "relay.out.test"}], "kit": machine}
        if asked:
            relay["agent"] = asked
        config = {
            "version": 1,
            "organisation": {"name": "Corp"},
            "domains": [{"name": "corp.test"}],
            "relays": {"mx-backup": relay},
        }
        (self.site / "bcp.yaml").write_text(yaml.safe_dump(config))

    def bcp(self, *words: str, code: int = 0) -> Any:
        """A command of ours; what it prints as JSON."""
        done = bcp("--output", "json", *words, cwd=self.site, timeout=PATIENT_S)
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip().startswith("{") else {}

    def install(self, *options: str, check: bool = True, beside: bool = False) -> subprocess.CompletedProcess[str]:
        """Write the kit, carry it over, run its script. ``beside``: with the agent's program and key."""
        shutil.rmtree(self.site / "out", ignore_errors=True)
        self.bcp("relay", "kit", "out")
        shutil.rmtree(self.machine.root / "kit", ignore_errors=True)
        shutil.copytree(self.site / "out", self.machine.root / "kit")
        if beside:
            shutil.copy(self.site / "agent.key", self.machine.root / "kit")
            target = self.machine.root / "kit/bcp-light.pyz"
            subprocess.run([sys.executable, "docs/light.py", target], cwd=ROOT, check=True)
        return self.machine.do("/kit/install.sh", *options, check=check)

    def ask(self, *words: str, check: bool = True, **more: Any) -> str:
        """``bcp-relay`` on the machine."""
        return self.machine.do("bcp-relay", *words, check=check, **more).stdout

    def queue(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in rows(self.ask("queue"))]

    def rcpt(self, *addresses: str) -> list[int]:
        """What it answers to RCPT for each."""
        with self.machine.talk() as client:
            client.ehlo()
            client.mail("someone@outside.test")
            return [client.rcpt(a)[0] for a in addresses]
