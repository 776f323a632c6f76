"""The store room in memory: the same ports without a folder, for tests and for authors of plug-ins."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any

from bcp.contracts.journal import RunRecord, Signal
from bcp.contracts.store import ENDED, FINAL, Anchor, Audit, Holder, Lease, LeaseLost, RunCard, RunQuery
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, StorageError
from bcp.store.cards import place
from bcp.store.conflicts import check_unfinished, lost, related, still_held, taken
from bcp.store.files.plans import plan_used
from bcp.store.memory.journal import MemoryJournal, MemoryRun
from bcp.store.targets import overlap


class MemoryLock:
    """A name in a set. ``release`` stands for the death of its process, too."""

    def __init__(self, held: set[str], name: str) -> None:
        self._held, self._name, self._mine = held, name, False

    def take(self) -> bool:
        """Try once."""
        if self._name in self._held:
            return False
        self._held.add(self._name)
        self._mine = True
        return True

    def release(self) -> None:
        """Let go."""
        if self._mine:
            self._held.discard(self._name)
        self._mine = False

    def __enter__(self) -> MemoryLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class MemoryRuns:
    """See ``bcp.contracts.store.RunStore``."""

    def __init__(self) -> None:
        self._runs: dict[str, MemoryRun] = {}
        self._held: set[str] = set()

    def _run(self, run_id: str) -> MemoryRun:
        if run_id not in self._runs:
            raise Missing(f"there is no run {run_id!r}", hint="bcp status --all", rule="no-such-run")
        return self._runs[run_id]

    def create(self, run_id: str, meta: Mapping[str, Any], *, fence: int = 0) -> None:
        """A new run."""
        if run_id in self._runs:
            raise StorageError(f"a run called {run_id} exists already", hint="Start again: ids are never reused.")
        self._runs[run_id] = MemoryRun.made(run_id, meta, fence)

    def open(self, run_id: str, clock: Clock, lease: Lease | None = None) -> MemoryJournal:
        """For writing."""
        return MemoryJournal(self._run(run_id), clock, lease)

    def view(self, run_id: str, *, effects: bool = True) -> RunRecord:
        """Everything in it."""
        return self._run(run_id).record(effects=effects)

    def brief(self, run_id: str) -> RunRecord:
        """The same without the ledger: here nothing has to be read."""
        return self._run(run_id).record(effects=False)

    def planned(self, run_id: str, what: str, first: int, count: int) -> tuple[list[Any], int]:
        """A page of what its plan has."""
        found = [x for step in self.view(run_id).meta["plan"]["steps"] for x in step[what]]
        return found[first : first + count], len(found)

    def tell(self, run_id: str, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Tell it something."""
        run = self._run(run_id)
        run.signals.append(Signal(len(run.signals) + 1, at, kind, actor, dict(data)))
        run.unread.append(run.signals[-1])

    def exists(self, run_id: str) -> bool:
        """Is there such a run?"""
        return run_id in self._runs

    def ids(self) -> list[str]:
        """All, the oldest first."""
        return sorted(self._runs, key=lambda i: place(self._runs[i].card()))

    def match(self, text: str) -> list[str]:
        """By id, its beginning or its end."""
        if text in self._runs:
            return [text]
        return [i for i in self.ids() if i.startswith(text) or i.endswith(text)]

    def newest(self, count: int = 1) -> list[str]:
        """The newest first."""
        return self.ids()[::-1][:count]

    def cards(self, query: RunQuery) -> list[RunCard]:
        """The newest first."""
        found = [c for i in reversed(self.ids()) if fits(c := self._runs[i].card(), query)]
        return found[: query.newest] if query.newest else found

    def card(self, run_id: str) -> RunCard:
        """One of them."""
        return self._run(run_id).card()

    def is_live(self, run_id: str) -> bool:
        """Does somebody hold its lock?"""
        return run_id in self._held

    def lock(self, run_id: str) -> MemoryLock:
        """The lock of whoever works on it."""
        return MemoryLock(self._held, run_id)

    def damage(self, run_id: str) -> str:
        """What does not agree with its chain."""
        return self._run(run_id).damage()


def fits(card: RunCard, query: RunQuery) -> bool:
    """What the index does with SQL, said plainly."""
    wanted = [
        not query.targets or bool(overlap(card.targets, query.targets)),
        not query.status or card.status in query.status,
        not query.unfinished or card.status not in FINAL,
        query.parent is None or card.parent == query.parent,
        query.kind in {"", card.kind},
        query.playbook in {"", card.playbook},
        query.checksum in {"", card.checksum},
        query.moves_mx in {None, card.moves_mx},
        query.automatic in {None, card.automatic},
        query.incident in {None, card.incident},
        max(card.created, card.started, card.ended) >= query.since,
    ]
    return all(wanted)


class MemoryLease:
    """See ``bcp.contracts.store.Lease``."""

    def __init__(self, leases: MemoryLeases, run: str, names: frozenset[str], fence: int) -> None:
        self._leases, self.run, self.names, self.fence = leases, run, names, fence

    def check(self) -> None:
        """Is the number still ours?"""
        found = self._leases.rows.get(self.run)
        if found is None or found.fence != self.fence:
            raise LeaseLost(
                f"{self.run} has lost its targets: lease {self.fence} is over",
                hint=f"Another process went on meanwhile: bcp status {self.run}",
            )

    def release(self) -> None:
        """The run keeps its targets until it is over."""


class MemoryLeases:
    """See ``bcp.contracts.store.Leases``."""

    def __init__(self, runs: MemoryRuns, ended: Callable[[str], bool] = lambda run: False) -> None:
        self.runs, self.ended = runs, ended
        self.rows: dict[str, Holder] = {}
        self._given: list[tuple[int, str]] = []
        self._begun: set[str] = set()

    def take(self, run: str, names: Collection[str], *, parent: str = "", at: float = 0.0) -> MemoryLease:
        """All or none."""
        wanted = frozenset(names)
        if not wanted:
            raise Invalid("a run without targets", hint="A plan has at least one.")
        for other in list(self.rows.values()):
            shared = overlap(wanted, other.names)
            if other.run == run or not shared or related(run, parent, other.run, other.parent):
                continue
            shared = still_held(self.runs, other.run, shared)
            if not shared:
                continue
            if self.runs.is_live(other.run):
                raise taken(other.run, shared)
            if self._lost(other.run):
                raise lost(other.run, shared)
            if self._free(other.run):
                del self.rows[other.run]
        check_unfinished(self.runs, run, wanted, parent)
        fence = len(self._given) + 1
        self._given.append((fence, run))
        self.rows[run] = Holder(run, wanted, fence, parent, os.getpid(), at, live=True)
        return MemoryLease(self, run, wanted, fence)

    def _lost(self, run: str) -> bool:
        return not self.runs.exists(run) and run in self._begun and not self.ended(run)

    def _free(self, run: str) -> bool:
        if self.runs.is_live(run):
            return False
        return self.runs.card(run).over if self.runs.exists(run) else not self._lost(run)

    def begun(self, run: str) -> None:
        """The run is there now."""
        self._begun.add(run)

    def give_up(self, run: str) -> None:
        """A run that never came to be."""
        self.rows.pop(run, None)

    def holders(self, names: Collection[str] = ()) -> list[Holder]:
        """Runs that are not over and have one of these names, or any; the oldest first."""
        rows = [replace(h, names=still_held(self.runs, h.run, h.names)) for h in self.rows.values()]
        rows.sort(key=lambda h: h.fence)
        return [
            Holder(h.run, h.names, h.fence, h.parent, h.pid, h.taken, self.runs.is_live(h.run), self._lost(h.run))
            for h in rows
            if not self._free(h.run) and (not names or overlap(h.names, names))
        ]

    def history(self) -> list[tuple[int, str]]:
        """Every number with the run that was begun with it."""
        return [(f, r) for f, r in self._given if r in self._begun]


class MemoryPlans:
    """See ``bcp.contracts.store.PlanStore``."""

    def __init__(self) -> None:
        self._plans: dict[str, Mapping[str, Any]] = {}
        self._used: dict[str, str] = {}

    def write(self, plan_id: str, data: Mapping[str, Any]) -> str:
        """Keep a plan."""
        self._plans[plan_id] = dict(data)
        return f"memory:{plan_id}"

    def read(self, plan_id: str) -> Mapping[str, Any]:
        """One."""
        if plan_id not in self._plans:
            raise Missing(f"there is no plan {plan_id!r}", hint="bcp plan PLAYBOOK makes one.", rule="no-such-plan")
        return self._plans[plan_id]

    def listed(self, newest: int = 0) -> list[str]:
        """The newest first."""
        found = sorted(self._plans, reverse=True)
        return found[:newest] if newest else found

    def used_by(self, checksum: str) -> str:
        """The run that used it."""
        return self._used.get(checksum, "")

    def mark_used(self, checksum: str, run_id: str, at: float) -> None:
        """A plan is run once."""
        if by := self._used.get(checksum):
            raise plan_used(by)
        self._used[checksum] = run_id


class MemoryAudit:
    """See ``bcp.contracts.store.AuditFile``."""

    def __init__(self) -> None:
        self._anchors: dict[str, Anchor] = {}

    def anchor(self, anchor: Anchor) -> None:
        """Write one down."""
        self._anchors[anchor.what] = anchor

    def read(self) -> Audit:
        """All of them."""
        return Audit(dict(self._anchors))


class MemoryState:
    """See ``bcp.contracts.store.State``."""

    def __init__(self) -> None:
        self.runs = MemoryRuns()
        self.plans = MemoryPlans()
        self.audit = audit = MemoryAudit()

        def ended(run: str) -> bool:
            found = audit.read().anchors.get(run)
            return found is not None and found.status in ENDED

        self.leases = MemoryLeases(self.runs, ended)
