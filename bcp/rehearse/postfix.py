"""The lab's relay played by a real Postfix: the relay kit's files in a folder of its own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.errors import Invalid, Permanent
from bcp.kernel.json_in import rows
from bcp.kit.log_dates import Dating
from bcp.lab.spool import NUMBER
from bcp.lab.world import World
from bcp.relay.door import own_zone
from bcp.relay_kit.facts import Hop, KitFacts
from bcp.relay_kit.files import kit_files

PROGRAM, OPENSSL = "/usr/sbin/postfix", "/usr/bin/openssl"
PEOPLE = ("postmaster", "alice", "bob", "carol", "dave")
STARTS_S = 20.0
_TAKEN = re.compile(r"^(\w{3} [ \d]\d [\d:]{8}) .*/cleanup\[\d+\]: \w+: message-id=<lab-(\d+)@", re.MULTILINE)
_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")


def able() -> None:
    """Raises ``Invalid`` (``drill.no-postfix``) where no Postfix can be run."""
    lacking = [p for p in (PROGRAM, OPENSSL) if not Path(p).exists()]
    why = f"not installed: {', '.join(lacking)}" if lacking else "Postfix needs root" if os.geteuid() else ""
    if why:
        hint = "On Debian as root: apt-get install postfix openssl. Without it the lab plays the relay itself."
        raise Invalid(f"no Postfix can be run here: {why}", hint=hint, rule="drill.no-postfix")


@dataclass
class PostfixRelay:
    """As ``bcp.lab.mailhost.RelayHost``, but real. Its folder is outside of the drill's, which Postfix's own account
    may not enter."""

    world: World
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bcp-postfix-")))
    _process: asyncio.subprocess.Process | None = None

    @property
    def etc(self) -> Path:
        """Where its configuration is."""
        return self.folder / "etc" / "postfix"

    @property
    def log(self) -> Path:
        """Postfix's own."""
        return self.folder / "log" / "mail.log"

    def settings(self) -> str:
        """The relay's part of ``bcp.yaml`` beside host and port."""
        machine = {
            "reach": ["/usr/bin/env", f"PATH={self.folder}/bin:/usr/bin:/bin"],
            "certificate": {"challenge": "own"},
            "drain": {"rate": 200, "first_rate": 20, "step": "1s", "canary": 3, "mailbox": 100_000, "pair": 100_000},
        }
        return f"kit: {json.dumps(machine)}"

    async def start(self, address: str, port: int) -> None:
        """Write the kit's files, start Postfix, wait until it answers. Raises ``Permanent``."""
        await asyncio.to_thread(self._write, address, port)
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM, "-c", str(self.etc), "start-fg", stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + STARTS_S
        while not await _answers(address, port):
            if self._process.returncode is not None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-300:] if self.log.exists() else ""
                raise Permanent(f"Postfix did not start: {said}", hint=f"See {self.folder}")
            await asyncio.sleep(0.1)

    def _write(self, address: str, port: int) -> None:
        self.folder.chmod(0o755)
        for part in ("bin", "queue", "data", "log", "etc/postfix", "etc/bcp-relay"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        for file in kit_files(self._facts()):
            if file.path.startswith(("root/etc/postfix/", "root/etc/bcp-relay/")):
                path = self.folder / file.path.removeprefix("root/")
                path.write_text(self._here(file.text))
            elif file.path.endswith("/bcp-relay"):
                program = self.folder / "bin" / "bcp-relay"
                program.write_text(
                    self._here(file.text).replace("set -eu\n", f"set -eu\nexport MAIL_CONFIG={self.etc}\n", 1)
                )
                program.chmod(0o755)
        self._own(address, port)

    def _facts(self) -> KitFacts:
        exchange, port = self.world.exchange_address, self.world.smtp_port
        machine = RelayMachine.model_validate(
            {"certificate": {"challenge": "own"}, "next_port": port, "tls": "may", "message_size": 2**20}
        )
        hops = tuple(Hop(d, exchange, "lab") for d in self.world.domains)
        return KitFacts("mx-backup", self.world.relay_host.rstrip("."), (), hops, machine)

    def _here(self, text: str) -> str:
        """Paths of the machine as paths of this folder."""
        for there, here in (("/etc/postfix", self.etc), ("/etc/bcp-relay", self.folder / "etc/bcp-relay"),
                            ("/var/log/bcp-relay", self.log.parent)):  # fmt: skip
            text = text.replace(there, str(here))
        return text

    def _own(self, address: str, port: int) -> None:
        """What only a lab has: addresses of loopback, other folders, people that are known."""
        main, master = self.etc / "main.cf", self.etc / "master.cf"
        text = re.sub(r"(?m)^(inet_interfaces|inet_protocols|maillog_file_prefixes) *=.*\n", "", main.read_text())
        main.write_text(
            f"{text}\n# The lab's own.\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"
            f"maillog_file_prefixes = {self.folder}\nqueue_directory = {self.folder}/queue\n"
            f"data_directory = {self.folder}/data\n"
        )
        master.write_text(re.sub(r"(?m)^smtp +inet", f"{address}:{port} inet", master.read_text(), count=1))
        known = [f"{p}@{d} x\n" for d in self.world.domains for p in PEOPLE]
        (self.etc / "bcp_recipients").write_text("".join(known))
        pem = self.folder / "etc/bcp-relay/tls.pem"
        subprocess.run(
            [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=lab", "-keyout",
             f"{pem}.key", "-out", f"{pem}.crt"], check=True, capture_output=True,
        )  # fmt: skip
        pem.write_bytes(Path(f"{pem}.key").read_bytes() + Path(f"{pem}.crt").read_bytes())
        self._tool("postmap", f"hash:{self.etc}/bcp_recipients")

    def _tool(self, program: str, *words: str) -> str:
        done = subprocess.run([program, "-c", str(self.etc), *words], capture_output=True, text=True, check=False)
        return done.stdout

    @property
    def accepted(self) -> list[tuple[int, float]]:
        """Number and time of every mail of the lab that it took, by its log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        dating = Dating(own_zone(), time.time())
        return [(int(number), dating.classic(at) or 0.0) for at, number in _TAKEN.findall(text)]

    def numbers(self) -> list[int]:
        """Mails of the lab that it holds."""
        found = []
        for name in _QUEUES:
            for path in (self.folder / "queue" / name).rglob("*"):
                with contextlib.suppress(OSError):  # delivered while we look
                    number = _IN_QUEUE.search(path.read_bytes()) if path.is_file() else None
                    found += [int(number[1])] if number else []
        return found

    def queue(self) -> list[dict[str, Any]]:
        """What ``postqueue -j`` prints."""
        return [json.loads(line) for line in rows(self._tool("postqueue", "-j"))]

    async def stop(self) -> None:
        """End it, and take its folder away."""
        if self._process is not None and self._process.returncode is None:
            await asyncio.to_thread(self._tool, PROGRAM, "stop")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), STARTS_S)
        await asyncio.to_thread(shutil.rmtree, self.folder, ignore_errors=True)


_IN_QUEUE = re.compile(NUMBER.pattern.replace(b"^", b""))


async def _answers(address: str, port: int) -> bool:
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(address, port)
            line = await reader.readline()
            writer.close()
            return line.startswith(b"220")
    return False
