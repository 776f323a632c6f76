"""The first hour, literally: each page from an empty folder, command by command in the order in which they stand.

The world is the lab's, on loopback: name servers, Exchange, the relay, and the vendor of the page. What the page writes
as ``corp.example`` is the lab's domain; addresses and ports of the lab are added to the answers (keys that nobody is
asked for), and the looks are made fast.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import subprocess
import threading
import time
from pathlib import Path

import dns.name
import dns.rdataset
import dns.rdatatype
import pytest
from aiohttp import web
from support import ROOT

from bcp.lab.cloudflare import EDIT, CloudflareLab
from bcp.lab.mailhost import MailHost
from bcp.lab.nameserver import Zone
from bcp.lab.net import free_port
from bcp.lab.world import EXCHANGE, RELAY, World
from bcp.testing.command import PROGRAM, environment

PAGES = ROOT / "docs" / "tutorial"
DOMAIN = "corp.test"
FAST = """
detect: {interval: 500ms, threshold: 3, need: 1, keep_firing_for: 1s, dwell: 1s, recheck: {looks: 2, apart: 50ms}}
"""
BIN = ROOT / ".venv" / "bin"
PART = re.compile(r"```(sh|yaml)\n(.*?)```|<!-- world: (.*?) -->", re.DOTALL)


class Town:
    """The lab and the vendors, in a thread; the folder and the environment of whoever reads the page."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.world, self.cloud = folder / "home", World(folder / "lab", every_s=0.2), CloudflareLab()
        self.folder.mkdir()
        (folder / "lab").mkdir()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.posts: list[dict] = []
        self.do(self._start())
        self.running: list[subprocess.Popen[str]] = []
        path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
        tool = folder / "bin" / "bcp"
        tool.parent.mkdir()
        tool.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
        tool.chmod(0o755)
        self.env = {k: v for k, v in environment().items() if not k.startswith("BCP_")} | {
            "PATH": path,
            "COLUMNS": "80",
        }
        self.said: list[tuple[str, int, str]] = []

    def do(self, work, seconds: float = 30):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    async def _start(self) -> None:
        await self.world.start()
        zone = self.world.names.zones[0]
        self.world.vendors.numbers["+12025550100"] = ("sms",)
        await self._provide(zone)

        async def post(request: web.Request) -> web.Response:
            self.posts.append(await request.json())
            return web.Response(status=202)

        self.private = MailHost("private", {"private.test"}, self.world.folder / "private")
        self.mail_port = free_port("127.0.0.1")
        await self.private.start("127.0.0.1", self.mail_port)
        app = web.Application()
        app.router.add_post("/workflow", post)
        self.teams = web.AppRunner(app, access_log=None)
        await self.teams.setup()
        self.teams_port = free_port("127.0.0.1")
        await web.TCPSite(self.teams, "127.0.0.1", self.teams_port).start()

    async def _provide(self, zone: Zone) -> None:
        """The DNS provider's API, over the zone that the lab's name servers serve."""
        self.cloud.tokens["cf-token-of-the-lab-0123"] = EDIT
        self.cloud.add(zone)
        await self.cloud.start("127.0.0.1", free_port("127.0.0.1"))

    async def _stop(self) -> None:
        await self.teams.cleanup()
        await self.private.stop()
        await self.cloud.stop()
        await self.world.stop()

    def stop(self) -> None:
        for process in self.running:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=120)
        self.do(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)

    # -- what a page says ----------------------------------------------------------------------------------------

    def read(self, page: Path) -> None:
        """Do what it says, from top to bottom."""
        for kind, text, world in PART.findall(page.read_text()):
            if world:
                self.happen(world)
            elif kind == "yaml":
                name = re.match(r"# (\S+)\n", text)
                assert name is not None, f"{page}: a file without its name"
                (self.folder / name[1]).write_text(self._mine(text) + self._network(text))
            else:
                for line in text.strip().splitlines():
                    self.type(line)

    def _mine(self, text: str) -> str:
        server = f'"{self.world.dns_addresses[0]}:{self.world.dns_port}"'
        for theirs, ours in (
            ("private.example", "private.test"),
            ("corp.example", DOMAIN),
            ("mx.backup.example", RELAY.rstrip(".")),
            ("192.0.2.53", server),
        ):
            text = text.replace(theirs, ours)
        return text

    def _network(self, text: str) -> str:
        """Addresses and ports of this network."""
        w = self.world
        servers = ", ".join(f'"{a}:{w.dns_port}"' for a in w.dns_addresses)
        out = f'resolvers: ["{w.resolver_address}:{w.dns_port}"]\nauthoritative: [{servers}]\n'
        out += f"smtp_port: {w.smtp_port}\nrelay_address: {w.relay_address}\n"
        out += f"cloudflare_api: {self.cloud.url}\n" if "cloudflare" in text else ""
        out += f"twilio_api: {w.vendors.url}\n" if "twilio" in text else ""
        return out + (f"email_port: {self.mail_port}\n" if "email_host" in text else "")

    def type(self, line: str) -> None:
        """One line, as it stands. One that ends with & goes on in the background; an approval waits for its gate."""
        export = re.match(r"export (\w+)=", line)
        if export:
            self.env[export[1]] = {
                "BCP_TSIG_SECRET": self.world.tsig_secret,
                "TWILIO_ACCOUNT_SID": self.world.vendors.twilio_sid,
                "TWILIO_AUTH_TOKEN": self.world.vendors.twilio_token,
                "CLOUDFLARE_API_TOKEN": "cf-token-of-the-lab-0123",
                "TEAMS_WORKFLOW_URL": f"http://127.0.0.1:{self.teams_port}/workflow",
            }[export[1]]
            return
        if line.endswith(" &"):
            command = ["sh", "-c", "exec " + line.removesuffix(" &")]
            self.running.append(
                subprocess.Popen(
                    command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True,
                )
            )  # fmt: skip
            return
        end = time.monotonic() + 180
        while True:
            done = subprocess.run(
                ["sh", "-c", line], cwd=self.folder, env=self.env, capture_output=True, text=True, input="", timeout=120
            )
            if "bcp approve" not in line or done.returncode == 0 or time.monotonic() > end:
                break
            time.sleep(0.3)
        self.said.append((line, done.returncode, done.stdout + done.stderr))
        if line.startswith("bcp init") and done.returncode == 0:
            path = self.folder / "bcp.yaml"  # names of the lab are known to its own resolver only
            path.write_text(path.read_text().replace('host: "mx.backup.test"\n', "host: 127.0.0.1\n") + FAST)

    def happen(self, what: str) -> None:
        """Something in the world."""
        word, _, more = what.partition(" ")
        if word == "break":
            self.do(self.world.break_(more))
        elif word == "heal":
            self.wait_for("holding")
            self.do(self.world.heal())
        elif word == "asked":  # a person reads on; a script is faster than the run
            self.wait_for("by-hand")
        else:
            self.wait_for("by-hand")
            self.enter(EXCHANGE if more == "back" else RELAY, 0 if more == "back" else 10)
            self.wait_for("back" if more == "back" else "holding")

    def enter(self, host: str, preference: int) -> None:
        """The person at the registrar's form saves one record."""
        zone = self.world.names.zones[0]
        zone.sets[(dns.name.from_text(DOMAIN), dns.rdatatype.MX)] = dns.rdataset.from_text(
            "IN", "MX", 300, f"{preference} {host}"
        )
        zone.serial += 1

    def wait_for(self, what: str, seconds: float = 180) -> None:
        """Until `bcp status` says so."""
        words = {"holding": "holding", "by-hand": "Log in at IONOS", "back": "(the MX says it)"}[what]
        end = time.monotonic() + seconds
        while True:
            done = subprocess.run(
                ["bcp", "status"], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=120
            )
            if words in done.stdout or (what == "back" and self.world.published_mx() == f"0 {EXCHANGE}"):
                return
            assert time.monotonic() < end, f"{what}: {done.stdout}{done.stderr}{self.said[-3:]}"
            time.sleep(0.3)

    def ended(self, line: str) -> list[int]:
        """Exit codes of a command, each time that it stood there."""
        return [code for said, code, _ in self.said if said.startswith(line)]

    def finish(self) -> None:
        """The way back waits until the relay's queue was empty for ten minutes: long enough to see that MX is back."""
        self.wait_for("back")
        assert self.running[-1].poll() is None, self.running[-1].communicate()[0]


@pytest.fixture
def town(tmp_path):
    found = Town(tmp_path)
    yield found
    found.stop()


@pytest.mark.timeout(420)
@pytest.mark.parametrize("page", ["hour-bind-twilio", "hour-cloudflare-teams", "hour-no-api"])
def test_the_first_hour_works_as_it_stands(town, page) -> None:
    """Every command ends as the page says; MX went to the relay and back; people were told by what there is."""
    town.read(PAGES / f"{page}.md")
    town.finish()
    everything = "\n".join(f"$ {line}  -> {code}\n{text}" for line, code, text in town.said)
    for line in ("bcp init", "bcp config check", "bcp playbook lint", "bcp doctor", "bcp snapshot", "bcp status"):
        assert set(town.ended(line)) == {0}, everything
    assert town.ended("bcp verdict") == [0, 1, 0], everything
    assert town.ended("bcp plan") == [3, 0], everything
    assert set(town.ended("BCP_APPROVAL_CODE")) == {0} and town.ended("bcp audit verify") == [0], everything
    assert town.world.published_mx() == f"0 {EXCHANGE}"
    assert town.world.first_at_relay() > 0, "no mail went to the relay"
    if page == "hour-bind-twilio":
        assert {m["to"] for m in town.world.vendors.sms} == {"+12025550101", "+12025550102"}
    if page == "hour-cloudflare-teams":
        assert len(town.posts) >= 2 and town.cloud.batches == 2
        assert len(list((town.world.folder / "private").rglob("new/*"))) >= 4, "nobody got e-mail"
    if page == "hour-no-api":
        assert "Points to: mx.backup.test" in everything and "Points to: corp-test.mail" in everything
        assert (town.folder / "public" / "index.html").exists()
