"""Fakes that live in files, so that they outlast a killed process: a DNS with compare-and-swap, a vendor, a world."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import MessageFile, Pack, Template
from bcp.contacts.directory import Audience, Directory
from bcp.contracts.channel import Channel, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Delegation,
    Domain,
    HostFacts,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Reading,
    Serial,
    Signed,
    StsPolicy,
    Swap,
    SwapOrder,
    SwapState,
    Warmth,
)
from bcp.contracts.plugin import PluginSettings
from bcp.contracts.relay import MailFate, QueuedMail, RelayProbe
from bcp.contracts.services import CanaryResult, HttpResult, Order, ProcessResult, RunInfo, Services
from bcp.kernel.clock import SystemClock
from bcp.kernel.document import parse
from bcp.testing.effects import Recorder

PRIMARY = MxSet((MxHost(0, "primary.test."),), 3600)
RELAY = MxSet((MxHost(10, "relay.test."),), 300)


class FileDns:
    """MX of one domain in a file; each applied swap is one line in the record."""

    capabilities = Capabilities()

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self.path, self.recorder = folder / "mx.json", recorder
        self.lock = folder / "mx.lock"

    def now(self) -> MxSet:
        """The record is the truth: its last line about MX is what stands."""
        last = [line for line in self.recorder.lines() if line.startswith("do mx ")][-1:]
        return RELAY if last == [f"do mx {RELAY.hosts[0].host}"] else PRIMARY

    @contextmanager
    def _alone(self):
        with self.lock.open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        return [Reading(d, d, self.now()) for d in domains]

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        out = []
        for order in orders:
            await asyncio.sleep(0.001)
            with self._alone():
                now = self.now()
                if now.same(order.new):
                    out.append(Swap(order.domain, SwapState.ALREADY, now))
                elif not now.same(order.old):
                    out.append(Swap(order.domain, SwapState.CONFLICT, now, "somebody else"))
                else:
                    self.recorder.write(f"do mx {order.new.hosts[0].host}")
                    out.append(Swap(order.domain, SwapState.APPLIED, order.new))
            await asyncio.sleep(0.001)
        return out

    async def prove(self, orders: Sequence[SwapOrder]) -> list[Proof]:
        return [Proof(o.domain, Permission.ALLOWED) for o in orders]

    async def serials(self, domains: Sequence[str]) -> list[Serial]:
        return []

    async def answers(self, domains: Sequence[str]) -> list[Answer]:
        return [Answer(d, "192.0.2.1", self.now(), 1, True) for d in domains]

    async def look_up(self, host: str) -> HostFacts:
        return HostFacts(host, ("192.0.2.9",))

    async def text(self, name: str) -> tuple[str, ...]:
        return ()

    async def tlsa(self, host: str) -> tuple[str, ...]:
        return ()

    async def signed(self, domains: Sequence[str]) -> list[Signed]:
        return [Signed() for _ in domains]

    async def delegations(self, domains: Sequence[str]) -> list[Delegation]:
        return [Delegation(d) for d in domains]

    async def mta_sts(self, domain: str) -> StsPolicy:
        return StsPolicy()

    async def warm(self, domains: Sequence[str]) -> Warmth:
        return Warmth()

    async def close(self) -> None:
        pass


class FileChannelSettings(PluginSettings):
    kind: Literal["file"] = "file"


class FileChannel(Channel[FileChannelSettings]):
    """A vendor whose log is the record."""

    kind = "file"
    form = "sms"
    Settings = FileChannelSettings
    broadcast: ClassVar[bool] = False

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("sms", FileChannelSettings())
        self.recorder = recorder

    def address_of(self, contact: Contact) -> str:
        return contact.phone

    async def send(self, delivery: Delivery) -> Receipt:
        await asyncio.sleep(0.002)
        self.recorder.write(f"do sms {delivery.key}")
        await asyncio.sleep(0.002)
        return Receipt(delivery.key)

    async def find(self, delivery: Delivery) -> Receipt | None:
        await asyncio.sleep(0.001)
        return Receipt(delivery.key) if f"do sms {delivery.key}" in self.recorder.lines() else None


class FileWorld:
    """Mailer, outside, pages, relay, looker, reports: each effect one line."""

    def __init__(self, folder: Path, recorder: Recorder) -> None:
        self.folder, self.recorder = folder, recorder
        self.name, self.mx, self.can_count = "mx-backup", RELAY.hosts, True

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        self.recorder.write(f"do canary {tag}")
        await asyncio.sleep(0.002)
        return CanaryResult(tag, "relay.test.", 1.0, None)

    async def arrived(self, tag: str) -> bool | None:
        return f"do canary {tag}" in self.recorder.lines()

    async def process(
        self, arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
    ) -> ProcessResult:
        if arguments[0] == "seen":
            return ProcessResult(0 if f"do shell {arguments[1]}" in self.recorder.lines() else 1, "", "")
        self.recorder.write(f"do shell {arguments[1]}")
        await asyncio.sleep(0.002)
        return ProcessResult(0, "", "")

    async def http(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str, timeout_s: float, cap: int
    ) -> HttpResult:
        self.recorder.write(f"do http {url}")
        await asyncio.sleep(0.002)
        return HttpResult(200, "")

    def reveal(self, reference: str) -> str:
        return reference

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        if not await self.has(key):
            self.recorder.write(f"do page {key}")
        await asyncio.sleep(0.002)
        return "page"

    async def has(self, key: str) -> bool:
        return f"do page {key}" in self.recorder.lines() and f"undo page {key}" not in self.recorder.lines()

    async def withdraw(self, key: str) -> None:
        if await self.has(key):
            self.recorder.write(f"undo page {key}")

    def render_order(self, order: Order) -> Mapping[str, Any]:
        return {"title": "t", "html": "h", "text": "x", "template": order.template, "language": "en", "phase": "update"}

    async def verdict(self) -> Mapping[str, Any]:
        return {"state": "down", "class": "B", "planes": ["inbound"], "evidence": [], "since": 0}

    async def write(self, run_id: str, formats: Sequence[str]) -> Mapping[str, str]:
        return {"html": "r.html", "json": "r.json"}

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        return [RelayProbe("192.0.2.9:25", True)]

    async def queue(self) -> list[QueuedMail]:
        return []

    async def drain(self, domains: Sequence[str]) -> str:
        return ""

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return []


MESSAGE = {"version": 1, "name": "hello", "title": "Hello", "phase": "update", "sms": {"en": "hello"}}
PEOPLE = tuple(Contact(f"p{i}", f"P {i}", "", f"+1202555010{i}", "", "en", ("staff", "oncall")) for i in range(6))


def services(folder: Path, recorder: Recorder, journal: Any, approvals: Any, run_id: str, checksum: str) -> Services:
    """Everything an action may touch, in files."""
    world = FileWorld(folder, recorder)
    directory = Directory(PEOPLE, {"staff": Audience("staff", ("staff",))})
    pack = Pack([Template(MessageFile.model_validate(MESSAGE), parse("{}"))])
    clock = SystemClock()
    courier = Courier(
        directory,
        pack,
        {"sms": FileChannel(recorder)},
        journal,
        clock,
        lambda extra: dict(extra),
        paces={"sms": Pace(concurrency=3, ask_after_s=(0.0,))},
    )
    run = RunInfo(id=run_id, playbook="crash", kind="real", initiator="nobody", checksum=checksum)
    return Services(
        clock=clock,
        run=run,
        dry=False,
        domains={"corp.test": Domain("corp.test", "main", PRIMARY)},
        dns={"main": FileDns(folder, recorder)},
        relays={"mx-backup": world},
        courier=courier,
        approvals=approvals,
        mailer=world,
        outside=world,
        pages=world,
        looker=world,
        reports=world,
        allow_shell=("tool", "seen"),
    )
