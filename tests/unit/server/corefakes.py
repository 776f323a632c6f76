"""A core without a daemon: the book is real, time is told, people and channels are a few lines each."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from support import ROOT

from bcp.contracts.store import RunCard, RunQuery
from bcp.detect.course import Course, after_event
from bcp.detect.decide import Decision
from bcp.detect.rules import Rules
from bcp.incident.book import Book
from bcp.incident.model import Incident
from bcp.playbook.load import Loaded, load
from bcp.settings.serve import ServeSettings
from bcp.store.memory.state import fits
from bcp.testing.clock import FakeClock

SERVICE = "exchange-online"
DOWN = Decision("down", ("B",), ("inbound",), action="switch", why="it fails", evidence=("smtp: 451",))
HEALTHY = Decision("healthy")


def playbook(name: str) -> Loaded:
    """A shipped one."""
    return load(ROOT / "playbooks" / f"{name}.yaml")


class Detector:
    """The course alone: what it is after a look is set by the test, what events do is real."""

    def __init__(self) -> None:
        self.course = Course()
        self.events: list[str] = []

    def event(self, name: str, now: float) -> None:
        """Something happened."""
        self.events.append(name)
        self.course = after_event(self.course, name, now)


class Running:
    """Runs: cards and views by id."""

    def __init__(self) -> None:
        self.all: list[RunCard] = []
        self.books = SimpleNamespace(agents={}, without=[])
        self.views: dict[str, Any] = {}
        self.told: list[tuple[Any, ...]] = []

        async def glance(run_id: str) -> Any:
            return self.runs.view(run_id)

        async def planned(run_id: str, what: str, first: int, count: int) -> tuple[list[Any], int]:
            found = [x for s in self.runs.view(run_id).plan["steps"] for x in s[what]]
            return found[first : first + count], len(found)

        self.runs = SimpleNamespace(
            glance=glance,
            planned=planned,
            view=lambda run_id, effects=False: self.views[run_id],
            is_live=lambda run_id: self.views[run_id].live,
            tell=lambda *a, **k: self.told.append((*a, k)),
        )

    def cards(self, query: RunQuery) -> list[RunCard]:
        """As the index answers."""
        return sorted((c for c in self.all if fits(c, query)), key=lambda c: c.id, reverse=True)


@dataclass
class Speaker:
    """Remembers what was said."""

    told: list[tuple[str, str]] = field(default_factory=list)
    sent: list[tuple[str, str, str, dict]] = field(default_factory=list)
    by: list[Any] = field(default_factory=list)
    state: tuple[str, str] = ("sent", "receipt")

    def tell(self, incident: Incident, text: str) -> None:
        """To the people on call."""
        self.told.append((incident.id, text))

    def channels(self) -> list[Any]:
        """For questions."""
        return self.by

    def org(self) -> dict[str, Any]:
        """Who we are."""
        return {"org": {"name": "Corp"}, "service": SERVICE, "now": "10:00 UTC"}

    async def send(self, channel, address, template, language, values, key, choices=(), **more) -> tuple[str, str]:
        """To one address."""
        self.sent.append((channel.name, address, template, dict(values)))
        return self.state


class Core:
    """What parts get."""

    def __init__(self, folder: Path, **serve: Any) -> None:
        self.clock = FakeClock()
        self.state, self.key = folder, b"k" * 32
        self.book = Book(folder / "incidents.db", self.clock)
        self.asking, self.ended = asyncio.Event(), asyncio.Event()
        self.changes = self.follows = 0
        self.ending = False
        self.found = DOWN
        self.tasks: list[asyncio.Task[Any]] = []
        self.settings = ServeSettings(**serve)
        self.detector = Detector()
        self.sight = SimpleNamespace(decision=None, alive=True)
        self.running = Running()
        people = {
            p: SimpleNamespace(id=p, phone=f"+1202555010{i}", slack="", language="en", optout=())
            for i, p in enumerate(("alice", "bob"))
        }
        files = {p.stem: p for p in (ROOT / "playbooks").glob("*.yaml")}
        self.app = SimpleNamespace(
            settings=SimpleNamespace(
                service=SERVICE, serve=self.settings, organisation=SimpleNamespace(timezone="UTC")
            ),
            configuration=SimpleNamespace(fingerprint=lambda: "here"),
            watching=SimpleNamespace(watcher=SimpleNamespace(detector=self.detector), rules=Rules()),
            running=self.running,
            people=SimpleNamespace(
                approvers=lambda refs: frozenset(people),
                directory=SimpleNamespace(person=people.get, contacts=tuple(people.values())),
            ),
            playbooks=SimpleNamespace(
                load=lambda name: playbook(name) if name in files else _missing(name),
                recommend=lambda found: "exchange-inbound-outage" if set(found.classes) & set("BE") else "",
            ),
            world=SimpleNamespace(channels={}, reply_url=lambda channel, link: ""),
        )

    async def do(self, work: Any) -> Any:
        """In one transaction."""
        return work(self.book)

    async def pause(self, seconds: float) -> bool:
        """Virtual time; the daemon does not end."""
        await self.clock.sleep(seconds)
        return not self.ending

    def changed(self) -> None:
        """Something is to be seen."""
        self.changes += 1

    def follow(self) -> None:
        """Runs did something."""
        self.follows += 1

    def seen(self) -> Decision:
        """What is wrong."""
        return self.found

    def spawn(self, work: Any, name: str) -> asyncio.Task[Any]:
        """Beside."""
        self.tasks.append(asyncio.ensure_future(work))
        return self.tasks[-1]

    async def settle(self) -> None:
        """Until nothing is under way. What broke in a task breaks the test."""
        while self.tasks:
            done, self.tasks = self.tasks, []
            await asyncio.gather(*done)

    def kinds(self, *wanted: str) -> list[str]:
        """Kinds of the chain's events, in order."""
        return [e.kind for e in self.book.events() if not wanted or e.kind in wanted]

    def last(self, kind: str) -> dict[str, Any]:
        """Data of the newest event of this kind."""
        return dict(next(e for e in reversed(self.book.events()) if e.kind == kind).data)


def _missing(name: str) -> Loaded:
    from bcp.kernel.errors import Missing

    raise Missing(f"there is no playbook {name!r}", rule="no-such-playbook")
