"""Runs as procedures see them: found, viewed, told things, and begun at most once per target."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.contracts.journal import Journal, RunRecord
from bcp.contracts.store import Anchor, Holder, Lease, Lock, RunCard, RunQuery, State
from bcp.engine.state import Node, RunState, replay
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, Refused, StorageError
from bcp.kernel.ids import new_id
from bcp.kernel.text import plural
from bcp.kernel.units import format_duration
from bcp.store.conflicts import check_unfinished
from bcp.store.files.plans import plan_used
from bcp.store.sqlite.paths import EmbeddedStore
from bcp.store.targets import targets_of

LOST = (
    "It keeps its targets. Put the file back from a copy; if there is none, see where MX points, then"
    " `bcp acknowledge RUN`."
)
"""What to do about a run whose file is gone."""
BACK_FROM = frozenset({"holding", "done", "stopped", "failed", "aborted"})
"""States of a run from which there is something to go back."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as it stands in its file."""

    record: RunRecord
    state: RunState
    live: bool

    @property
    def id(self) -> str:
        """The run's id."""
        return self.record.run_id

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan it was started with."""
        return self.record.meta["plan"]  # type: ignore[no-any-return]

    def status(self) -> str:
        """Its state; ``interrupted`` when it should be working and nobody is."""
        return said_status(self.state.status, live=self.live, doubtful=bool(self.state.doubtful()))


def said_status(status: str, *, live: bool, doubtful: bool) -> str:
    """The state of a run for people: it may be interrupted, or in doubt."""
    if not live and status in {"new", "running", "waiting", "undoing"}:
        return "interrupted"
    return "in_doubt" if status == "stopped" and doubtful else status


@dataclass(frozen=True, slots=True)
class Rest:
    """Rules between runs on one target."""

    cooldown_s: float = 0.0
    liftable: bool = True
    automatic_runs: int = 1
    automatic_per_s: float = 86_400.0


class Runs:
    """The runs of one organisation."""

    def __init__(self, room: State, clock: Clock) -> None:
        self.room, self.clock = room, clock
        self.store: EmbeddedStore = getattr(room, "files", None) or EmbeddedStore()
        """Run files by path."""

    @property
    def state(self) -> Path:
        """The state folder."""
        return Path(getattr(self.room, "folder", "."))

    def path(self, run_id: str) -> Path:
        """The run's file, for those who copy or attach it."""
        return self.state / "runs" / f"{run_id}{self.store.suffix}"

    # -- finding -------------------------------------------------------------------------------------------------

    def ids(self) -> list[str]:
        """All runs, oldest first. For a question about some of them ask ``cards``."""
        return self.room.runs.ids()

    def newest(self, count: int) -> list[str]:
        """The newest runs, the newest first."""
        return self.room.runs.newest(count)

    def find(self, text: str) -> str:
        """The run meant by an id, the end or start of one, or ``last``.

        Raises:
            Invalid: none or several.
        """
        newest = self.room.runs.newest(3)
        if not newest:
            where = self.state / "runs"
            hint = f"Looked in {where}. Is this the right bcp.yaml?"
            raise Missing("there are no runs yet", rule="no-such-run", hint=hint)
        if text in {"", "last"}:
            return newest[0]
        found = self.room.runs.match(text)
        if len(found) != 1:
            hint = f"Newest: {', '.join(reversed(newest))}"
            if not found and any(h.run == text for h in self.lost()):
                raise Missing(f"the file of run {text} is gone, and it was not over", rule="run-lost", hint=LOST)
            if found:
                raise Invalid(f"{len(found)} runs match {text!r}", hint=hint, rule="ambiguous")
            raise Missing(f"there is no run {text!r}", hint=hint, rule="no-such-run")
        return found[0]

    def cards(self, query: RunQuery | None = None, **fields: Any) -> list[RunCard]:
        """Runs by target, status, parent, kind, ... (the fields of ``RunQuery``), the newest first. Reads no plan."""
        return self.room.runs.cards(query or RunQuery(**fields))

    def card(self, run_id: str) -> RunCard:
        """How one run stands. Raises ``Invalid``."""
        return self.room.runs.card(run_id)

    def status_of(self, card: RunCard) -> str:
        """Its state for people: ``interrupted`` when it should be working and nobody is."""
        live = card.status not in {"new", "running", "waiting", "undoing"} or self.is_live(card.id)
        return said_status(card.status, live=live, doubtful=card.doubtful)

    def holding(self, *, drills: bool = False) -> list[RunCard]:
        """Runs that hold, the newest first, however old they are."""
        return [c for c in self.cards(status={"holding"}) if drills or not c.drill]

    def lost(self) -> list[Holder]:
        """Runs that were begun, are not known to be over, and whose files are gone. None where nobody can say."""
        try:
            return [h for h in self.room.leases.holders() if h.lost]
        except StorageError:
            return []

    def children(self, parent: str, *, unfinished: bool = False) -> list[RunCard]:
        """Runs that go back from this one, the newest first."""
        return self.cards(parent=parent, unfinished=unfinished)

    # -- one run -------------------------------------------------------------------------------------------------

    def lock(self, run_id: str) -> Lock:
        """The lock of whoever works on the run."""
        return self.room.runs.lock(run_id)

    def is_live(self, run_id: str) -> bool:
        """Is a process working on it?"""
        return self.room.runs.is_live(run_id)

    def view(self, run_id: str, *, effects: bool = True) -> RunView:
        """Read a run: its plan, its events, its ledger."""
        return self._viewed(self.room.runs.view(run_id, effects=effects))

    def _viewed(self, record: RunRecord) -> RunView:
        nodes = [Node(**{**n, "needs": tuple(n["needs"])}) for n in record.meta["nodes"]]
        return RunView(record, replay(nodes, record.events), self.is_live(record.run_id))

    async def look(self, run_id: str, *, effects: bool = False) -> RunView:
        """``view`` in a thread, for whoever has a loop to keep going. For a question about many runs ask ``cards``."""
        return await asyncio.to_thread(self.view, run_id, effects=effects)

    async def glance(self, run_id: str) -> RunView:
        """What people look at, in a thread and without what is large in it (``RunStore.brief``)."""
        return await asyncio.to_thread(self.brief, run_id)

    def brief(self, run_id: str) -> RunView:
        """The same, for whoever is in a thread already."""
        return self._viewed(self.room.runs.brief(run_id))

    async def planned(self, run_id: str, what: str, first: int, count: int) -> tuple[list[Any], int]:
        """A page of the changes (forecasts, notes, refusals) of its plan, and how many there are."""
        return await asyncio.to_thread(self.room.runs.planned, run_id, what, first, count)

    def open(self, run_id: str, lease: Lease | None = None) -> Journal:
        """For writing. The caller holds the run's lock."""
        return self.room.runs.open(run_id, self.clock, lease)

    def tell(self, run_id: str, kind: str, actor: str, **data: Any) -> None:
        """Tell a run something."""
        self.room.runs.tell(run_id, kind, actor, data, self.clock.now())

    def lease(self, card_or_plan: RunCard | Mapping[str, Any], run_id: str, parent: str = "") -> Lease:
        """The lease for going on with a run. The caller holds the run's lock. Raises ``Refused``."""
        if isinstance(card_or_plan, RunCard):
            return self.room.leases.take(run_id, card_or_plan.targets, parent=card_or_plan.parent, at=self.clock.now())
        return self.room.leases.take(run_id, targets_of(card_or_plan), parent=parent, at=self.clock.now())

    def anchor(self, run_id: str, head: str, status: str) -> None:
        """Write the head of a run's chain into the audit file, so that a replaced or cut file is noticed."""
        self.room.audit.anchor(Anchor(run_id, head, status, self.clock.now()))

    # -- beginning -----------------------------------------------------------------------------------------------

    async def begin(
        self,
        plan: Mapping[str, Any],
        nodes: Sequence[Node],
        rest: Rest,
        check: Callable[[], Awaitable[None]],
        *,
        parent: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> tuple[str, Lease, Lock]:
        """Make a run of a plan, or refuse. Everything is checked again under the lease of its targets.

        Raises:
            Refused: somebody else is on a target, it must rest, the plan was used, and whatever ``check`` says.
        """
        run_id, checksum = new_id("run", self.clock.now()), str(plan["checksum"])
        lock = self.lock(run_id)
        if not lock.take():
            raise StorageError(f"the lock of {run_id} is taken", hint="Start again.")
        try:
            lease = self.lease(plan, run_id, parent)
        except BaseException:
            self._undo(run_id, lock, None)
            raise
        try:
            if parent:
                self._check_parent(parent)
            else:
                self._check_rest(lease.names, rest, automatic=bool(plan["automatic"]))
            if by := self.room.plans.used_by(checksum):
                raise plan_used(by)
            await check()
            lease.check()
            self.room.plans.mark_used(checksum, run_id, self.clock.now())
            meta = {
                "plan": plan,
                "nodes": [n.to_data() for n in nodes],
                "run": run_id,
                "group": str(plan["group"]),
                "parent": parent,
                **(about or {}),
            }
            self.room.runs.create(run_id, meta, fence=lease.fence)
            self.room.leases.begun(run_id)
            self.anchor(run_id, self.room.runs.card(run_id).head, "begun")
        except BaseException:
            self._undo(run_id, lock, lease)
            raise
        return run_id, lease, lock

    def _undo(self, run_id: str, lock: Lock, lease: Lease | None) -> None:
        """A run that did not come to be leaves nothing; one that did keeps its targets."""
        with contextlib.suppress(StorageError):
            if lease is not None and not self.room.runs.exists(run_id):
                self.room.leases.give_up(run_id)
        lock.release()
        if not self.room.runs.exists(run_id):
            with contextlib.suppress(OSError):
                self.path(run_id).with_suffix(".lock").unlink(missing_ok=True)

    def in_the_way(self, plan: Mapping[str, Any], rest: Rest, parent: str = "") -> Refused | None:
        """What would refuse the start of this plan now: another run on its target, or the target's rest. It may be
        gone a moment later: ``begin`` asks again under the lease."""
        names = targets_of(plan)
        try:
            check_unfinished(self.room.runs, "", names, parent)
            if not parent:
                self._check_rest(names, rest, automatic=bool(plan["automatic"]))
        except Refused as refusal:
            return refusal
        return None

    def _check_rest(self, names: frozenset[str], rest: Rest, *, automatic: bool) -> None:
        """Cool-down and the limit of automatic runs, over every run whose targets overlap."""
        now, said = self.clock.now(), ", ".join(sorted(names)[:3])
        for card in self.cards(targets=names, parent="", since=now - rest.cooldown_s) if rest.cooldown_s else ():
            resting = card.ended + rest.cooldown_s - now
            if not card.over or resting <= 0 or not card.changed or (card.acknowledged and rest.liftable):
                continue
            hint = f"If you looked at it: bcp acknowledge {card.id}, then start again." if rest.liftable else "Wait."
            raise Refused(
                f"{said}: run {card.id} ended {format_duration(now - card.ended)} ago;"
                f" the target rests for another {format_duration(resting)}",
                rule="cooldown",
                hint=hint,
            )
        if not automatic:
            return
        earliest = now - rest.automatic_per_s
        recent = [
            c
            for c in self.cards(targets=names, parent="", automatic=True, since=earliest)
            if max(c.started, c.created) > earliest
        ]
        if len(recent) >= rest.automatic_runs:
            raise Refused(
                f"{said}: {plural(len(recent), 'automatic run')} in the last {format_duration(rest.automatic_per_s)}",
                rule="automatic-limit",
                hint="A person may start it: bcp run ...",
            )

    def _check_parent(self, parent: str) -> None:
        status = self.card(parent).status
        if status not in BACK_FROM:
            raise Refused(
                f"run {parent} is {status}: there is nothing to go back from yet",
                rule="failback-too-early",
                hint=f"bcp status {parent}",
            )
