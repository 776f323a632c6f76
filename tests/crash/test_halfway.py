"""Kill -9 while somebody else holds the answer: just before they do what was asked, or just after. No kill by the clock
lands there; here the other side kills. Taken up again, MX is where the plan says, nobody is told twice, and it is said
what is in doubt.

By default one kill of each kind; ``BCP_HALFWAY=1`` plays every instant.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.update
import pytest
import yaml
from aiohttp import web
from real.test_partly import bcp
from strange.commands import NEW, Town
from strange.house import Fault

from bcp.lab.nameserver import NameServer, Zone, _prerequisite, _whole
from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors

ALL = bool(os.environ.get("BCP_HALFWAY"))
ROOT = Path(__file__).parents[2]
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
NAMES = ("one.test", "two.test", "three.test")
PEOPLE = ("ann", "bob", "cy", "dee")
BOOK = """version: 1
name: halfway
title: Halfway
covers: [B]
concurrency: {group: "mx:{{ domains | join(',') }}"}
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay, converge: 1s}, undo: automatic}
  - id: tell
    uses: notify
    with: {audience: employees, template: employees-investigating, channels: [sms]}
    needs: [mx]
"""
RUN = ("run", "halfway", "--yes", "--no-hold")


class Holding(NameServer):
    """Kills whoever asks for the ``at``-th change of MX, before it is made or after. What it was asked meanwhile it
    does all the same."""

    when, at, count = "", 0, 0
    kill = staticmethod(lambda: None)

    def answer(self, wire: bytes) -> bytes | None:
        if not self._changes(wire):
            return super().answer(wire)
        self.count += 1
        if self.count != self.at:
            return super().answer(wire)
        if self.when == "before":
            self.kill()
            return None
        said = super().answer(wire)
        self.kill()
        return said

    def _changes(self, wire: bytes) -> bool:
        """Is it an update that would change something? A mere proof has a prerequisite that never holds."""
        message = dns.message.from_wire(wire, keyring=self.keyring)
        zone = self._zone(message.question[0].name)
        if not isinstance(message, dns.update.UpdateMessage) or zone is None or not message.update:
            return False
        return all(_prerequisite(zone, r) == dns.rcode.NOERROR for r in _whole(message.prerequisite))


class Phones(Vendors):
    """Twilio's emulator, which does the same at the ``at``-th text."""

    when, at, count = "", 0, 0
    kill = staticmethod(lambda: None)

    async def _sms_create(self, request: web.Request) -> web.Response:
        self.count += 1
        if self.count != self.at:
            return await super()._sms_create(request)
        if self.when == "before":
            self.kill()
            return web.Response(status=500)
        said = await super()._sms_create(request)
        self.kill()
        return said


class Place:
    """A folder, a name server and phones. Both live in a loop of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.process = folder, None
        self.port, phones = free_port("127.0.0.1"), free_port("127.0.0.1")
        zones = [Zone(n, [("@", 60, "MX", ["0 primary.out.test."])]) for n in NAMES]
        out = Zone("out.test", [(n, 60, "A", ["127.0.0.1"]) for n in ("relay", "primary")])
        self.server, self.phones = Holding([*zones, out], {"bcp.": SECRET}), Phones()
        for one in (self.server, self.phones):
            one.kill = self._kill
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.call(self.server.start(["127.0.0.1"], self.port))
        self.call(self.phones.start("127.0.0.1", phones))
        self._write(f"127.0.0.1:{self.port}", f"http://127.0.0.1:{phones}")

    def _write(self, at: str, vendor: str) -> None:
        files = {
            "tsig": SECRET, "sid": self.phones.twilio_sid, "token": self.phones.twilio_token,
            "contacts.csv": "id,phone,groups\n" + "".join(f"{p},+1202555010{n},staff\n" for n, p in enumerate(PEOPLE)),
        }  # fmt: skip
        for name, text in files.items():
            (self.folder / name).write_text(text)
        (self.folder / "playbooks").mkdir()
        (self.folder / "playbooks/halfway.yaml").write_text(BOOK)
        main = {"kind": "rfc2136", "server": at, "authoritative": [at], "resolvers": [at], "timeout": "2s",
                "settle": "500ms", "key": {"name": "bcp.", "secret": "file:tsig"}}  # fmt: skip
        sms = {"kind": "twilio-sms", "account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006",
               "api_url": vendor, "concurrency": 1}  # fmt: skip
        relay = {"kind": "smtp", "hosts": [{"host": "relay.out.test", "addresses": ["127.0.0.1"]}], "port": 9}
        given: dict[str, Any] = {
            "version": 1, "organisation": {"name": "T"}, "state": "state", "dns": {"main": main},
            "domains": [{"name": n, "dns": "main"} for n in NAMES], "relays": {"mx-backup": relay},
            "channels": {"sms": sms}, "contacts": {"file": "contacts.csv"},
            "audiences": {"employees": {"groups": ["staff"]}}, "playbooks": ["playbooks"],
        }  # fmt: skip
        (self.folder / "bcp.yaml").write_text(yaml.safe_dump(given))

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def _kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def killed(self, *words: str) -> None:
        """A command that is killed by the other side."""
        self.process = killable(self.folder, *words)
        out, err = self.process.communicate(timeout=120)
        assert self.process.returncode == -signal.SIGKILL, out + err
        self.process = None
        self.server.at = self.phones.at = 0

    def mx(self) -> list[str]:
        sets = [z.sets.get((z.name, dns.rdatatype.MX)) for z in self.server.zones[:3]]
        return [" ".join(sorted(r.to_text().rstrip(".") for r in s or ())) for s in sets]

    def texts(self) -> Counter[str]:
        """How many texts went to each number."""
        return Counter(m["to"] for m in self.phones.sms)

    def close(self) -> None:
        self.call(self.phones.stop())
        self.call(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)


def killable(folder: Path, *words: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BCP_")}
    return subprocess.Popen(
        [sys.executable, "-m", "bcp", *words], cwd=folder, env={**clean, "PYTHONPATH": str(ROOT)}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def said_of(folder: Path, *words: str) -> tuple[int, str]:
    """A command's exit code and its words."""
    done = bcp(folder, *words)
    said = " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in said, said
    return done.returncode, said


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


UPDATES = [(w, n) for w in ("before", "after") for n in (1, 2, 3)]


@pytest.mark.parametrize(("when", "at"), UPDATES if ALL else [("after", 2)])
def test_killed_while_the_name_server_holds_its_answer(place, when, at) -> None:
    place.server.when, place.server.at = when, at
    place.killed(*RUN)
    code, said = said_of(place.folder, "status")
    assert "bcp resume" in said and "mx" in said, said
    code, said = said_of(place.folder, "resume", "--no-hold")
    assert (code, place.mx()) == (0, [NEW] * 3), said
    assert place.server.count <= 4 and place.texts() == dict.fromkeys(place.texts(), 1) and len(place.texts()) == 4, (
        said
    )


TEXTS = [(w, n) for w in ("before", "after") for n in (1, 3)]


@pytest.mark.parametrize(("when", "at"), TEXTS if ALL else [("after", 3)])
def test_killed_while_the_channel_holds_its_answer(place, when, at) -> None:
    """Whoever got a text gets no second one; of whom nobody knows it is said."""
    place.phones.when, place.phones.at = when, at
    place.killed(*RUN)
    code, status = said_of(place.folder, "status")
    assert "bcp resume" in status and "tell" in status, status
    code, said = said_of(place.folder, "resume", "--no-hold")
    _, status = said_of(place.folder, "status")
    assert place.mx() == [NEW] * 3 and set(place.texts().values()) == {1}, said
    assert len(place.texts()) == 4 or "in doubt" in said + status, (said, status)


CLOUDS = [
    (k, w, n) for k in ("azure", "cloudflare", "google", "route53") for w in ("instead", "after") for n in range(3)
]


@pytest.mark.parametrize(("kind", "when", "at"), CLOUDS if ALL else [])
def test_killed_between_two_calls_of_a_cloud_host(tmp_path, kind, when, at) -> None:
    town = Town(tmp_path, kind)
    made = town.house.changes
    try:
        town.house.edit = lambda: process and os.killpg(process.pid, signal.SIGKILL)
        town.house.faults = [Fault(f"edit-{when}", skip=at)]
        process = killable(tmp_path, "run", "hostile", "--yes", "--no-hold")
        out, err = process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL, out + err
        town.house.faults = []
        _, status = said_of(tmp_path, "status")
        assert "bcp resume" in status, status
        code, said = said_of(tmp_path, "resume", "--no-hold")
    finally:
        town.house.stop()
    assert (code, [" ".join(z.mx()) for z in town.zones]) == (0, [NEW] * len(town.zones)), said
    assert town.house.changes - made == len(town.zones), said
