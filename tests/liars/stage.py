"""The stage: fakes on loopback that stay up for all games, and the configuration of one house that lives among them."""

from __future__ import annotations

import base64
import contextlib
import copy
import functools
import itertools
import json
import logging
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import dns.name
import dns.rdataset
import dns.rdatatype
import httpx
import yaml

from bcp.kernel.files import write_atomic
from bcp.kernel.log import CHATTY
from bcp.lab.nameserver import Zone
from bcp.lab.net import free_port
from bcp.settings import Configuration, load
from bcp.store.memory.state import MemoryState
from bcp.wiring import App, make_app
from bcp.wiring.shipped import SHIPPED
from liars.houses import HOUSES, House, Place
from liars.machine import machine, spools
from liars.mail import MailFake
from liars.names import NameFake
from liars.script import Script
from liars.virtual import LoopClock, VirtualLoop
from liars.web import Taken, Web

DOMAIN, EXCHANGE, RELAY = "corp.test", "corp-test.mail.protection.outlook.test.", "mx.backup.test."
PRIMARY_MX, RELAY_MX = f"0 {EXCHANGE}", f"10 {RELAY}"
START = 1_800_000_000.0
DAY_S = 86_400.0
TSIG = base64.b64encode(b"k" * 32).decode()
AUTH1, AUTH2, RESOLVER, MAIL1, MAIL2, MAIL3 = (
    "127.0.53.1", "127.0.53.2", "127.0.53.9", "127.0.25.1", "127.0.25.2", "127.0.25.3",
)  # fmt: skip
BROKEN = "451 4.3.2 Temporary server error. Please try again later"
PEOPLE = [
    "alice,Alice On-Call,alice@home.example,+12025550101,,en,staff;oncall,",
    "bob,Bob On-Call,bob@home.example,+12025550102,,en,staff;oncall,",
    "carol,Carol Clerk,carol@home.example,+12025550103,,en,staff,",
]
ONCALL, STAFF = ("alice", "bob"), ("alice", "bob", "carol")
PHONES = {row.split(",")[0]: row.split(",")[3] for row in PEOPLE}
MAILS = {row.split(",")[0]: row.split(",")[2] for row in PEOPLE}
QUEUED = "Q1"
SHORTER = {"within: 2h": "within: 20s", "timeout: 12h": "timeout: 30s", "timeout: 13h": "timeout: 10m"}
"""The patience of the shipped playbooks, shortened: thousands of looks at the same lie say nothing new."""
MX_KEY = dns.name.from_text(DOMAIN), dns.rdatatype.MX


@dataclass(frozen=True, slots=True)
class Kept:
    """Everything that a game changes, at one moment of an honest game."""

    at: float
    room: Any
    mx: Any
    serial: int
    held: Any
    mailed: list[tuple[str, bytes]]
    broken: str

    @property
    def taken(self) -> list[Taken]:
        """What vendors had taken."""
        return list(self.held[0])


@dataclass
class Stage:
    """Start it once, ``house`` a configuration, ``reset`` before each game."""

    folder: Path
    loop: VirtualLoop
    script: Script = field(default_factory=Script)
    queue: list[str] = field(default_factory=list)
    _configurations: dict[str, Configuration] = field(default_factory=dict)
    _shared: dict[str, App] = field(default_factory=dict)
    _machine: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _games: itertools.count[int] = field(default_factory=itertools.count)

    async def start(self) -> None:
        """Listen everywhere."""
        self.clock = LoopClock(self.loop, START)
        ns = [("@", 60, "NS", ["ns1.corp.test.", "ns2.corp.test."])]
        self.zones = [
            Zone(DOMAIN, [
                *ns, ("@", 5, "MX", [PRIMARY_MX]), ("ns1", 60, "A", [AUTH1]), ("ns2", 60, "A", [AUTH2]),
                ("@", 60, "TXT", ['"v=spf1 -all"']),
            ]),
            Zone("outlook.test", [("corp-test.mail.protection", 5, "A", [MAIL1])]),
            Zone("backup.test", [("mx", 60, "A", [MAIL2])]),
        ]  # fmt: skip
        self.dns_port = free_port(AUTH1, AUTH2, RESOLVER)
        self.smtp_port = free_port(MAIL1, MAIL2, MAIL3)
        self.names = [
            NameFake(role, self.zones, {"bcp.": TSIG}, self.script) for role in ("primary", "secondary", "resolver")
        ]
        for server in self.names:
            server.published = self.published
        for server, address in zip(self.names, (AUTH1, AUTH2, RESOLVER), strict=True):
            await server.start([address], self.dns_port)
        self.exchange = MailFake("smtp.exchange", self.script)
        self.relay = MailFake("smtp.relay", self.script, on_etrn=self.queue.clear)
        self.submission = MailFake("smtp.submission", self.script)
        self.imap_port = free_port(MAIL3)
        self.imap = MailFake("imap", self.script, greets=b"* OK IMAP4rev1 ready\r\n")
        await self.imap.start(MAIL3, self.imap_port)
        for host, address in ((self.exchange, MAIL1), (self.relay, MAIL2), (self.submission, MAIL3)):
            await host.start(address, self.smtp_port)
        for name in CHATTY:  # as every command has it
            logging.getLogger(name).setLevel(logging.CRITICAL)
        trusting = functools.cache(httpx._config.create_ssl_context)  # reading all authorities of the world takes 45 ms
        self._machine.enter_context(patch("httpx._transports.default.create_ssl_context", trusting))
        self._machine.enter_context(patch("os.fsync", lambda _: None))  # nobody pulls the plug here
        self._machine.enter_context(machine(self.script, self._queue, self.queue.clear))
        self._machine.enter_context(spools(self.script, self._queue, self._gone_round, self._down))
        self.web = Web(self.script, self.clock.now, queue=self._queue)
        await self.web.start()

    async def stop(self) -> None:
        """Everything."""
        self._machine.close()
        for thing in (*self.names, self.exchange, self.relay, self.submission, self.imap, self.web):
            await thing.stop()

    def _queue(self) -> str:
        row = {"queue_name": "deferred", "arrival_time": int(self.clock.now()), "sender": "x@y.example"}
        people = [{"address": f"alice@{DOMAIN}", "delay_reason": "held"}]
        return "".join(json.dumps({**row, "queue_id": q, "recipients": people}) + "\n" for q in self.queue)

    def _down(self) -> bool:
        return bool(self.exchange.broken)

    def _gone_round(self) -> list[bytes]:
        """Mails that Exchange took; one of them goes to a mailbox outside."""
        return [body for _, body in self.exchange.taken]

    def kinds(self, house: str) -> dict[str, str]:
        """The kind behind each channel."""
        return {n: str(s.kind) for n, s in self._configuration(house).plugins["channels"].items()}

    # -- truth -------------------------------------------------------------------------------------------------------

    def published(self) -> str:
        """The MX as the authority has it."""
        found = self.zones[0].get(*MX_KEY)
        return ", ".join(sorted(r.to_text() for r in found)) if found else ""

    def break_(self) -> None:
        """Exchange takes no mail."""
        self.exchange.broken = BROKEN

    def heal(self) -> None:
        """And works again."""
        self.exchange.broken = ""

    # -- one game ----------------------------------------------------------------------------------------------------

    def reset(self, house: str) -> App:
        """Everything as on a quiet day, and an app of this house with an empty store."""
        self.loop.moved += DAY_S
        self.clock.start = START - self.loop.time()
        self.zones[0].sets[MX_KEY] = dns.rdataset.from_text("IN", "MX", 5, PRIMARY_MX)
        self.zones[0].serial = 1
        self.queue[:] = [QUEUED]
        for host in (self.exchange, self.relay, self.submission):
            host.broken = ""
            host.taken.clear()
            host.cut()
        self.web.begin()
        game = self.folder / f"g{next(self._games)}"
        given = self._configuration(house)
        found = replace(given, settings=given.settings.model_copy(update={"state": game}))
        shutil.rmtree(given.folder / "public", ignore_errors=True)
        app = make_app(found, self.clock)
        vars(app.running)["room"] = MemoryState()
        first = self._shared.setdefault(house, app)
        vars(app.world)["pack"] = first.world.pack
        app.people._directory = first.people.directory
        return app

    def keep(self, app: App) -> Kept:
        """How everything stands."""
        return Kept(
            self.clock.now(),
            copy.deepcopy(app.running.room),
            self.zones[0].sets[MX_KEY],
            self.zones[0].serial,
            copy.deepcopy((self.web.taken, self.web.rows, self.queue, self.exchange.taken, self.relay.taken)),
            list(self.submission.taken),
            self.exchange.broken,
        )

    def restore(self, app: App, kept: Kept) -> None:
        """As it was kept."""
        self.clock.start = kept.at - self.loop.time()
        vars(app.running)["room"] = copy.deepcopy(kept.room)
        self.zones[0].sets[MX_KEY] = kept.mx
        self.zones[0].serial = kept.serial
        taken, rows, queue, exchange, relay = copy.deepcopy(kept.held)
        self.web.taken[:], self.queue[:] = taken, queue
        self.web.rows.clear()
        self.web.rows.update(rows)
        self.exchange.taken[:], self.relay.taken[:] = exchange, relay
        self.submission.taken[:] = kept.mailed
        self.exchange.broken = kept.broken
        vars(app.running).pop("runs", None)

    def place(self) -> Place:
        """Where everything listens."""
        return Place(self.web.url, f"{RESOLVER}:{self.dns_port}", MAIL3, self.smtp_port, self.imap_port)

    def _configuration(self, house: str) -> Configuration:
        if house not in self._configurations:
            self._configurations[house] = load(self._write(house))
        return self._configurations[house]

    def _write(self, house: str) -> Path:
        folder = self.folder / f"house-{house}"
        for name, value in {
            "tsig": TSIG, "twilio-sid": "AC" + "0" * 32, "twilio-token": "t", "slack": "xoxb-lab", "code": "4711-4711",
            "graph": "s", "teams": f"{self.web.url}/teams", "apprise": f"json://127.0.0.1:{self.web.port}/apprise?rto=0.3&cto=0.3",
        }.items():  # fmt: skip
            write_atomic(folder / "secrets" / name, value)
        rows = "id,name,email,phone,slack,language,groups,logins\n" + "\n".join(PEOPLE) + "\n"
        write_atomic(folder / "contacts.csv", rows)
        data = yaml.safe_load(CONFIG.format(
            domain=DOMAIN, exchange=EXCHANGE, relay=RELAY, smtp_port=self.smtp_port, web=self.web.url,
            dns1=f"{AUTH1}:{self.dns_port}", dns2=f"{AUTH2}:{self.dns_port}", resolver=f"{RESOLVER}:{self.dns_port}",
            mail1=MAIL1, mail2=MAIL2,
        ))  # fmt: skip
        found = HOUSES[house](self.place())
        data["channels"].update(found.channels)
        data["roles"] = {"urgent": ["sms"], "chat": ["slack"], "page": ["status-page"]}
        data["detect"]["probes"].update(found.probes)
        data["relays"]["mx-backup"].update(found.relay)
        _write_texts(folder, found)
        path = folder / "bcp.yaml"
        write_atomic(path, yaml.safe_dump(data))
        return path


def _write_texts(folder: Path, house: House) -> None:
    """The shipped playbooks and messages, as this house has them."""
    for name in ("exchange-inbound-outage", "exchange-failback"):
        text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
        for long, short in SHORTER.items():
            text = text.replace(long, short)
        text = text.replace("hold:\n", f"{house.steps}hold:\n", 1)
        write_atomic(folder / "playbooks" / f"{name}.yaml", text)
    (folder / "messages").mkdir(parents=True, exist_ok=True)
    for path in (SHIPPED / "messages").glob("inbound-*.yaml") if house.forms else ():
        message = yaml.safe_load(path.read_text(encoding="utf-8"))
        for form in house.forms:
            words, mail = dict(message["chat"]), form == "email"
            message[form] = {k: {"subject": message["title"], "body": w} if mail else w for k, w in words.items()}
        write_atomic(folder / "messages" / path.name, yaml.safe_dump(message, allow_unicode=True))


CONFIG = """\
version: 1
organisation: {{name: Lab Corp, hotline: "+12025550100", status_page: "https://status.lab.invalid"}}
state: state
playbooks: [playbooks]
messages: [messages]
domains:
  - {{name: {domain}, dns: main, primary: [{{host: {exchange}, preference: 0}}], primary_ttl: 5}}
dns:
  main:
    kind: rfc2136
    server: "{dns1}"
    authoritative: ["{dns1}", "{dns2}"]
    resolvers: ["{resolver}"]
    key: {{name: bcp., algorithm: hmac-sha256, secret: "file:secrets/tsig"}}
    timeout: 2s
relays:
  mx-backup:
    kind: smtp
    hosts: [{{host: {relay}, preference: 10, addresses: [{mail2}]}}]
    port: {smtp_port}
    queue: {{url: "{web}/queue"}}
    timeout: 3s
channels:
  status-page: {{kind: status-page, folder: public, url: "https://status.lab.invalid", title: Lab Corp status}}
contacts: {{file: contacts.csv}}
audiences:
  employees: {{groups: [staff]}}
  oncall: {{groups: [oncall]}}
approvals: {{codes: {{alice: "file:secrets/code"}}}}
canary: {{to: "alice@{domain}", resolvers: ["{resolver}"], port: {smtp_port}}}
detect:
  interval: 1s
  recheck: {{looks: 1, apart: 0.3s}}
  probes:
    mx-host: {{kind: dns, host: {exchange}, resolvers: ["{resolver}"], timeout: 2s}}
    smtp-rcpt: {{kind: smtp, host: {exchange}, addresses: [{mail1}], port: {smtp_port},
      recipients: ["alice@{domain}", "bob@{domain}"], timeout: 2s}}
    relay-control: {{kind: smtp, host: {relay}, addresses: [{mail2}], port: {smtp_port},
      recipient: "alice@{domain}", timeout: 2s, control: true}}
"""
