"""A small organisation with real files and no network: deeds are done in it as a door would do them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bcp.contracts.dns import MxHost, MxSet
from bcp.deeds.who import Ground, Who
from bcp.engine.runner import nodes_of
from bcp.incident.book import Book
from bcp.plan.model import Plan, PlannedStep
from bcp.playbook.load import loads
from bcp.settings import load
from bcp.wiring import make_app

T = TypeVar("T")
CONFIG = """\
version: 1
organisation: {name: Corp}
domains: [{name: corp.test, dns: main, primary: [{host: primary.test}]}]
dns: {main: {kind: rfc2136, server: "127.0.0.1:1", key: {name: bcp, secret: "env:X"}}}
relays: {mx-backup: {kind: smtp, hosts: [{host: relay.test, preference: 10}]}}
contacts: {file: contacts.csv}
audiences: {staff: {groups: [staff]}}
playbooks: [playbooks]
"""
CONTACTS = """\
id,name,email,phone,slack,language,groups
alice,Alice,alice@corp.test,+12025550101,,en,staff;oncall
bob,Bob,bob@corp.test,+12025550102,,en,staff;oncall
carol,Carol,carol@corp.test,+12025550103,,en,staff
"""
BOOK = """\
version: 1
name: out
title: Out
activation:
  - {id: gate, uses: approval, with: {from: [group:oncall], min: 1, timeout: 10m}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}, undo: automatic}
  - {id: tool, uses: shell, with: {run: [true]}, irreversible: a test}
recovery: {playbook: back}
"""
OLD, NEW = MxSet((MxHost(0, "primary.test."),), 3600), MxSet((MxHost(10, "relay.test."),), 300)
MOVED = {"before": {"corp.test": OLD.to_data()}, "after": {"corp.test": NEW.to_data()}}
ALL = frozenset({"run", "approve"})


def person(name: str, *, can: frozenset[str] = ALL) -> Who:
    """Somebody of the contacts."""
    return Who(name, name, "a test", can)


@dataclass
class House:
    """The organisation, and what a test tells of its runs."""

    folder: Path
    seen: str = "down"
    adopted: bool = False
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = make_app(load(self.folder / "bcp.yaml"))
        self.runs = self.app.running.runs
        self.book = Book(self.folder / ".bcp" / "incidents.db", self.app.clock)
        self.now = self.app.clock.now()

    @property
    def ground(self) -> Ground:
        """What deeds stand on here."""

        async def do(work: Callable[[Book], T], /) -> T:
            return work(self.book)

        async def fresh() -> dict[str, Any]:
            return {"state": self.seen}

        return Ground(self.app, do, self.adopted, fresh, self.woken.append)

    def do(self, work: Any) -> Any:
        """Await a deed."""
        return asyncio.run(work)

    def switched(self, outputs: dict) -> str:
        """A run whose switch ended with these, and that holds."""
        done = ("step_finished", "mx", {"status": "ok", "outputs": outputs})
        return self.run(events=[("step_started", "mx", {}), done, ("phase_started", "", {"phase": "hold"})])

    def run(
        self,
        name: str = "run-1",
        *,
        text: str = BOOK,
        initiator: str = "carol",
        starter: str = "",
        events: list[tuple[str, str, dict]] | None = None,
        effects: list[tuple[str, str, dict]] | None = None,
        seen: str = "down",
        parent: str = "",
        kind: str = "real",
    ) -> str:
        """A run that was started, and in which this happened."""
        loaded = loads(text)
        looks = (PlannedStep("look", "before", "verdict", "look", "run", outputs={"state": seen}),) if seen else ()
        steps = (*looks, *(PlannedStep(s.id, s.phase, s.step.uses, s.id, "run") for s in loaded.steps))
        plan = Plan(
            f"plan-{name}",
            self.now,
            self.now + 3600,
            loaded.book.name,
            "",
            text,
            {},
            ("corp.test",),
            self.app.configuration.fingerprint(),
            kind,
            initiator,
            False,
            steps,
            group=name,
        ).sealed()
        self.create(
            name,
            {
                "plan": plan.to_data(),
                "nodes": [asdict(n) for n in nodes_of(loaded)],
                "run": name,
                "group": name,
                "parent": parent,
                "starter": starter,
            },
        )

        self.runs.anchor(name, self.runs.card(name).head, "begun")

        async def write() -> None:
            journal = self.open(name)
            await journal.record("run_started")
            for kind, step, data in events or []:
                actor = data.pop("actor", "")
                await journal.record(kind, step=step, actor=actor, **data)
            for key, step, request in effects or []:
                await journal.claim(key, step, request)
            journal.close()

        self.do(write())
        return name

    def create(self, name: str, meta: dict[str, Any]) -> None:
        self.runs.store.create(self.runs.path(name), meta)

    def open(self, name: str) -> Any:
        return self.runs.store.open(self.runs.path(name), self.app.clock)

    def signals(self, name: str) -> list[Any]:
        """What the run was told and has not read."""

        async def read() -> list[Any]:
            journal = self.open(name)
            found = await journal.unread()
            journal.close()
            return found

        return self.do(read())

    def gate(
        self,
        *,
        opened: float = -10.0,
        deadline: float = 600.0,
        starters: tuple[str, ...] = ("carol",),
        people: tuple[str, ...] = ("alice", "bob"),
        checksum: str = "a" * 64,
    ) -> tuple[str, str, dict]:
        """A gate that is open."""
        return (
            "gate_opened",
            "gate",
            {
                "opened": self.now + opened,
                "deadline": self.now + deadline,
                "count": 1,
                "approvers": list(people),
                "checksum": checksum,
                "starters": list(starters),
            },
        )

    def holding(self, name: str = "run-1", **given: Any) -> str:
        """A run whose switch is verified, and that holds."""
        return self.run(
            name,
            events=[
                ("step_started", "mx", {}),
                ("step_finished", "mx", {"status": "ok", "outputs": MOVED}),
                ("phase_started", "", {"phase": "hold"}),
            ],
            **given,
        )
