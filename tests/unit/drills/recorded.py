"""Runs that the real engine carries out by a clock that moves when told: records are made of their journals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from crash.fakes import MESSAGE, PRIMARY, RELAY, FileDns, FileWorld

from bcp import registry
from bcp.comms.courier import Courier, Pace
from bcp.comms.pack import MessageFile, Pack, Template
from bcp.contacts.directory import Audience, Directory
from bcp.contracts.channel import Channel, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.dns import Domain, Swap, SwapOrder
from bcp.contracts.plugin import PluginSettings
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.contracts.services import CanaryResult, RunInfo, Services
from bcp.contracts.store import Anchor
from bcp.engine.approvals import JournalApprovals
from bcp.engine.events import Progress
from bcp.engine.holds import Ground
from bcp.engine.runner import Runner, nodes_of
from bcp.engine.store import Runs, RunView
from bcp.kernel.document import parse
from bcp.kernel.errors import Permanent
from bcp.playbook.load import loads
from bcp.store.sqlite.state import SqliteState
from bcp.testing.clock import FakeClock
from bcp.testing.effects import Effect, Recorder

START = 1_800_000_000.0
SUM = "c" * 64
OUT = """
version: 1
name: out
title: Mail goes to the relay
objectives: {rto_receive: 30m, rto_communicate: 15m, rpo_messages: 0, wrt: 2h, mtpd: 24h}
activation:
  - {id: gate, uses: approval, with: {from: [oncall], min: 1, timeout: 1h}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}, undo: automatic}
  - {id: tell, uses: notify, with: {audience: staff, template: hello, channels: [sms]}, continue_on_error: true}
  - {id: partners, uses: notify, with: {audience: partners, template: hello, channels: [sms]}, continue_on_error: true}
  - {id: last, uses: test.effect, with: {dies: DIES}, undo: automatic}
hold:
  - {id: update, uses: notify, every: 30m, with: {audience: staff, template: hello, channels: [sms]}}
"""
BACK = """
version: 1
name: back
title: Mail goes back
activation:
  - {id: gate, uses: approval, with: {from: [oncall], min: 1, timeout: 1h}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: before}, undo: automatic}
  - {id: drain, uses: relay.drain, with: {relay: mx-backup, ask_every: 30s}, continue_on_error: true}
  - {id: tell, uses: notify, with: {audience: staff, template: hello, channels: [sms]}, continue_on_error: true}
"""


class Clock(FakeClock):
    """Moves when somebody sleeps, and does what was put at a time when it comes there."""

    def __init__(self) -> None:
        super().__init__(START)
        self.todo: list[tuple[float, Callable[[], None]]] = []

    def at(self, seconds: float, work: Callable[[], None]) -> None:
        """So long after the start."""
        self.todo.append((START + seconds, work))
        self.todo.sort(key=lambda t: t[0])

    def pass_(self, seconds: float) -> None:
        """Time goes by, without a turn of the loop."""
        self.wall += seconds
        self.steady += seconds
        while self.todo and self.todo[0][0] <= self.wall:
            self.todo.pop(0)[1]()

    async def sleep(self, seconds: float) -> None:
        self.pass_(max(0.0, seconds))
        await asyncio.sleep(0.002)  # what was told to a run is read from its file by a thread


class _Settings(PluginSettings):
    kind: Literal["timed"] = "timed"


class Sms(Channel[_Settings]):
    """Takes three seconds a message; numbers that end in 9 do not exist."""

    kind = "timed"
    form = "sms"
    Settings = _Settings
    broadcast: ClassVar[bool] = False

    def __init__(self, clock: Clock) -> None:
        super().__init__("sms", _Settings())
        self.clock = clock

    def address_of(self, contact: Contact) -> str:
        return contact.phone

    async def send(self, delivery: Delivery) -> Receipt:
        await self.clock.sleep(3)
        if delivery.address.endswith("9"):
            raise Permanent("no such number")
        return Receipt(f"SM-{delivery.key.rpartition('/')[2]}")


class Dns(FileDns):
    """Takes two seconds a change."""

    def __init__(self, folder: Path, recorder: Recorder, clock: Clock) -> None:
        super().__init__(folder, recorder)
        self.clock = clock

    async def swap(self, orders: Sequence[SwapOrder]) -> list[Swap]:
        await self.clock.sleep(2)
        return await super().swap(orders)


class Relay(FileWorld):
    """Holds what the test gives it, one look longer each."""

    def __init__(self, folder: Path, recorder: Recorder, clock: Clock) -> None:
        super().__init__(folder, recorder)
        self.clock, self.arrived_at, self.bounces = clock, [], 0
        self.looks = 0

    async def queue(self) -> list[QueuedMail]:
        self.looks += 1
        left = self.arrived_at[self.looks - 1 :]
        return [QueuedMail(f"Q{at:g}", "x@outside.test", ("a@corp.test",), START + at) for at in left]

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        how = ["bounced"] * self.bounces + ["sent"] * len(queue_ids)
        return [MailFate(q, "a@corp.test", h) for q, h in zip(queue_ids, how, strict=False)]

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        return CanaryResult(tag, "relay.test.", self.clock.now(), None)


class Judge:
    """The world is as it was."""

    def began(self) -> str:
        return "down"

    async def seen(self) -> str:
        return "down"

    def asks(self) -> tuple[list[str], int]:
        return ["oncall"], 1

    async def ground(self, placed: Any, state: Any, scope: Any) -> Ground:
        return Ground(START, START - 1, START + 1e6, True, "down", "down")


def person(number: int, group: str, *, dead: bool = False) -> Contact:
    return Contact(f"p{number}", f"P {number}", "", f"+1202555{number:03d}{9 if dead else 1}", "", "en", (group,))


@dataclass
class Story:
    """One organisation, one clock; each ``process`` is what one process does with a run."""

    folder: Path
    people: tuple[Contact, ...] = (*(person(n, "staff") for n in range(4)), person(8, "partners"))
    clock: Clock = field(default_factory=Clock)
    outage: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recorder = Recorder(self.folder / "effects")
        self.state = SqliteState(self.folder, audit_key=b"")
        self.runs = Runs(self.state, self.clock)
        self.relay = Relay(self.folder, self.recorder, self.clock)
        self.dns = Dns(self.folder, self.recorder, self.clock)
        self.directory = Directory(self.people, {n: Audience(n, (n,)) for n in ("staff", "partners")})
        self.runner: Runner | None = None

    def begin(self, name: str, text: str = OUT, *, parent: str = "", dies: bool = False) -> str:
        """A new run."""
        text = text.replace("DIES", str(dies).lower())
        loaded = loads(text)
        members = {n: len(self.directory.members(n)) for n in ("staff", "partners")}
        steps = [
            {
                "id": s.id, "phase": s.phase, "uses": s.step.uses, "name": s.step.name, "needs": list(s.needs),
                "changes": [], "refusals": [], "notes": [], "outputs": {},
                "forecasts": [self._forecast(s.step.with_, members)] if s.step.uses == "notify" else [],
            }
            for s in loaded.steps
        ]  # fmt: skip
        plan = {
            "id": f"plan-{name}", "checksum": SUM, "created": self.clock.now() - 60, "playbook": loaded.book.name,
            "playbook_text": text, "playbook_file": f"/x/{loaded.book.name}.yaml", "domains": ["corp.test"],
            "inputs": {}, "kind": "real", "initiator": "p9", "automatic": False, "overrides": {}, "steps": steps,
            "outage": self.outage, "group": name,
        }  # fmt: skip
        meta = {
            "plan": plan, "nodes": [n.to_data() for n in nodes_of(loaded)], "run": name, "group": name,
            "parent": parent, "objectives": loaded.book.objectives.model_dump(mode="json"),
        }  # fmt: skip
        self.state.runs.create(name, meta)
        self.state.audit.anchor(Anchor(name, self.state.runs.card(name).head, "begun", self.clock.now()))
        return name

    @staticmethod
    def _forecast(args: dict[str, Any], members: dict[str, int]) -> dict[str, Any]:
        people = members[args["audience"]]
        return {
            "channel": "sms", "audience": args["audience"], "people": people, "messages": people,
            "segments": people, "seconds": 3.0 * people, "unreachable": 0,
        }  # fmt: skip

    def answer(self, run: str, seconds: float, kind: str = "approve", who: str = "p1", **data: Any) -> None:
        """Somebody says something so long after the start."""
        checksum = {"checksum": SUM} if kind in {"approve", "reject"} else {}

        def tell() -> None:
            self.runs.tell(run, kind, who, **checksum, **data)
            if self.runner is not None:
                self.runner.wake()

        self.clock.at(seconds, tell)

    def process(self, run: str, *, hold: bool = False, stop_at: float = 0.0, undo_by: str = "") -> str:
        """Work on the run to its end, or until it is stopped at that time; returns how it ended."""
        return asyncio.run(self._process(run, hold, stop_at, undo_by))

    async def _process(self, run: str, hold: bool, stop_at: float, undo_by: str) -> str:
        view = self.runs.view(run)
        text = str(view.plan["playbook_text"])
        journal = self.state.runs.open(run, self.clock)

        def listen(progress: Progress) -> None:
            if progress.kind == "gate" and progress.data["checksum"] != SUM and undo_by:
                self.runs.tell(run, "approve", undo_by, checksum=progress.data["checksum"], step=progress.step)

        approvals = JournalApprovals(
            journal, self.clock, lambda refs: frozenset({"p1", "p2"}), initiator="p9", checksum=SUM,
            standing=dict, listener=listen, poll_s=10.0,
        )  # fmt: skip
        services = self._services(run, str(view.record.meta.get("parent") or ""), journal, approvals)
        scope = {"domains": ["corp.test"], "inputs": {}, "vars": {}, "run": {"id": run}, "service": {"name": "x"}}
        actions = {**registry.actions(), "test.effect": Effect(self.recorder)}
        self.runner = runner = Runner(
            loads(text), actions, services, journal, scope, {}, listener=listen, hold=hold, judge=Judge()
        )
        if stop_at:
            self.clock.at(stop_at, lambda: runner.stop("killed", by="daemon"))
        async with asyncio.timeout(300):
            ending = await runner.work()
        journal.close()
        return ending.status

    def _services(self, run: str, parent: str, journal: Any, approvals: Any) -> Services:
        pack = Pack([Template(MessageFile.model_validate(MESSAGE), parse("{}"))])
        courier = Courier(
            self.directory, pack, {"sms": Sms(self.clock)}, journal, self.clock, dict,
            paces={"sms": Pace(concurrency=1)},
        )  # fmt: skip
        info = RunInfo(id=run, playbook="x", kind="real", initiator="p9", checksum=SUM, parent=parent)
        return Services(
            clock=self.clock, run=info, dry=False,
            domains={"corp.test": replace(Domain("corp.test", "main", PRIMARY))}, dns={"main": self.dns},
            relays={"mx-backup": self.relay}, courier=courier, approvals=approvals, mailer=self.relay,
            outside=self.relay, pages=self.relay, looker=self.relay, reports=self.relay,
            recorded={"corp.test": PRIMARY},
        )  # fmt: skip

    def view(self, run: str) -> RunView:
        return self.runs.view(run)

    def mx(self) -> str:
        return str(self.dns.now().hosts[0].host)


def raw(view: RunView, kind: str, step: str = "", **data: Any) -> float:
    """When this happened, by the raw events: seconds from the start. Raises when it never did."""
    found = [
        e.at
        for e in view.record.events
        if e.kind == kind and (not step or e.step == step) and all(e.data.get(k) == v for k, v in data.items())
    ]
    return found[0] - START


__all__ = ["BACK", "OUT", "RELAY", "START", "Story", "person", "raw"]
