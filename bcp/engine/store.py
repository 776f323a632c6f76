"""The runs in a state folder: found by id, read while live, told things, started at most once per target."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bcp.contracts.journal import JournalStore, RunRecord
from bcp.engine.locks import FileLock, Target, held
from bcp.engine.state import FINAL, Node, RunState, replay
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, Missing, Refused, StorageError
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.ids import new_id
from bcp.kernel.units import format_duration


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
        if not self.live and self.state.status in {"new", "running", "waiting", "undoing"}:
            return "interrupted"
        return "in_doubt" if self.state.status == "stopped" and self.state.doubtful() else self.state.status


@dataclass(frozen=True, slots=True)
class Rest:
    """Rules between runs on one target."""

    cooldown_s: float = 0.0
    liftable: bool = True
    automatic_runs: int = 1
    automatic_per_s: float = 86_400.0


class Runs:
    """A state folder."""

    def __init__(self, state: Path, store: JournalStore, clock: Clock) -> None:
        self.state, self.store, self.clock = state, store, clock
        self.folder = state / "runs"

    def path(self, run_id: str) -> Path:
        """The run's file."""
        return self.folder / f"{run_id}{self.store.suffix}"

    def ids(self) -> list[str]:
        """All runs, oldest first."""
        return sorted(p.stem for p in self.folder.glob(f"*{self.store.suffix}")) if self.folder.is_dir() else []

    def find(self, text: str) -> str:
        """The run meant by an id, the end or start of one, or ``last``.

        Raises:
            Invalid: none or several.
        """
        ids = self.ids()
        if not ids:
            raise Missing(
                "there are no runs yet",
                rule="no-such-run",
                hint=f"Looked in {self.folder}. Is this the right bcp.yaml?",
            )
        if text in {"", "last"}:
            return ids[-1]
        found = [i for i in ids if i == text] or [i for i in ids if i.startswith(text) or i.endswith(text)]
        if len(found) != 1:
            hint = f"Newest: {', '.join(ids[-3:])}"
            if found:
                raise Invalid(f"{len(found)} runs match {text!r}", hint=hint, rule="ambiguous")
            raise Missing(f"there is no run {text!r}", hint=hint, rule="no-such-run")
        return found[0]

    def lock(self, run_id: str) -> FileLock:
        """The lock of whoever works on the run."""
        return FileLock(self.folder / f"{run_id}.lock")

    def view(self, run_id: str, *, effects: bool = True) -> RunView:
        """Read a run."""
        record = self.store.view(self.path(run_id), effects=effects)
        nodes = [Node(**{**n, "needs": tuple(n["needs"])}) for n in record.meta["nodes"]]
        return RunView(record, replay(nodes, record.events), self.is_live(run_id))

    def is_live(self, run_id: str) -> bool:
        """Is a process working on it?"""
        return held(self.folder / f"{run_id}.lock")

    def tell(self, run_id: str, kind: str, actor: str, **data: Any) -> None:
        """Tell a run something."""
        self.store.tell(self.path(run_id), kind, actor, data, self.clock.now())

    async def begin(
        self,
        plan: Mapping[str, Any],
        nodes: Sequence[Node],
        rest: Rest,
        check: Callable[[], Awaitable[None]],
        *,
        parent: str = "",
        about: Mapping[str, Any] | None = None,
    ) -> tuple[str, Target, FileLock]:
        """Make a run of a plan, or refuse. Everything is checked again under the target's lock.

        Raises:
            Refused: somebody else is on the target, it must rest, the plan was used, and whatever ``check`` says.
        """
        group = str(plan["group"])
        run_id = new_id("run", self.clock.now())
        target = Target(self.state, f"{group}#failback" if parent else group)
        target.take()
        old = target.card()
        try:
            if parent:
                self._check_parent(parent)
            else:
                self._check_target(target, old, rest, automatic=bool(plan["automatic"]))
            target.write_card(run=run_id, pid=os.getpid(), at=self.clock.now(), automatic=old.get("automatic", []))
            self._check_unused(plan)
            await check()
            lock = self.lock(run_id)
            if not lock.take():
                raise StorageError(f"the lock of {run_id} is taken", hint="Start again.")
            self._mark_used(plan, run_id)
            self.store.create(
                self.path(run_id),
                {
                    "plan": plan,
                    "nodes": [asdict(n) for n in nodes],
                    "run": run_id,
                    "group": group,
                    "parent": parent,
                    **(about or {}),
                },
            )
            if plan["automatic"]:
                times = [*old.get("automatic", []), self.clock.now()][-20:]
                target.write_card(run=run_id, pid=os.getpid(), at=self.clock.now(), automatic=times)
        except BaseException:
            if not self.path(run_id).exists():
                target.write_card(**{k: v for k, v in old.items() if k not in {"group", "pid"}})
            target.lock.release()
            raise
        return run_id, target, lock

    def _check_target(self, target: Target, card: Mapping[str, Any], rest: Rest, *, automatic: bool) -> None:
        last = str(card.get("run", ""))
        now = self.clock.now()
        if last and self.path(last).exists():
            view = self.view(last, effects=False)
            if view.state.status not in FINAL:
                raise Refused(
                    f"{target.group}: run {last} is not over ({view.status()})",
                    rule="one-run-per-target",
                    hint=f"Go on with it (bcp resume {last}), end it (bcp abort {last}), or go back (bcp failback {last}).",
                )
            resting = view.state.ended + rest.cooldown_s - now
            if resting > 0 and _did_something(view) and not (view.state.acknowledged and rest.liftable):
                hint = f"If you looked at it: bcp acknowledge {last}, then start again." if rest.liftable else "Wait."
                raise Refused(
                    f"{target.group}: run {last} ended {format_duration(now - view.state.ended)} ago; the target rests for another {format_duration(resting)}",
                    rule="cooldown",
                    hint=hint,
                )
        recent = [t for t in card.get("automatic", []) if now - t < rest.automatic_per_s]
        if automatic and len(recent) >= rest.automatic_runs:
            raise Refused(
                f"{target.group}: {len(recent)} automatic run(s) in the last {format_duration(rest.automatic_per_s)}",
                rule="automatic-limit",
                hint="A person may start it: bcp run ...",
            )

    def _check_parent(self, parent: str) -> None:
        status = self.view(parent, effects=False).state.status
        if status not in {"holding", "done", "stopped", "failed", "aborted"}:
            raise Refused(
                f"run {parent} is {status}: there is nothing to go back from yet",
                rule="failback-too-early",
                hint=f"bcp status {parent}",
            )

    def _used_path(self, plan: Mapping[str, Any]) -> Path:
        return self.state / "plans" / "used" / f"{plan['checksum']}.json"

    def _check_unused(self, plan: Mapping[str, Any]) -> None:
        try:
            used = json.loads(self._used_path(plan).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        raise Refused(
            f"this plan was used by {used.get('run')}", rule="plan-used", hint="A plan is run once. Make a new one."
        )

    def _mark_used(self, plan: Mapping[str, Any], run_id: str) -> None:
        make_private(self._used_path(plan).parent)
        write_atomic(self._used_path(plan), json.dumps({"run": run_id, "at": self.clock.now()}))

    def anchor(self, run_id: str, head: str, status: str) -> None:
        """Write the head of a finished run's chain into a list that is itself a chain, so that a replaced file is noticed."""
        from bcp.kernel.hashing import GENESIS, canonical, link  # noqa: PLC0415

        path = self.state / "audit.jsonl"
        lock = FileLock(self.state / "audit.lock")
        for _ in range(200):
            if lock.take():
                break
            import time  # noqa: PLC0415

            time.sleep(0.01)  # noqa: TID251 - a few milliseconds at the end of a run
        with lock:
            previous = GENESIS
            if path.exists():
                lines = path.read_text(encoding="utf-8").splitlines()
                previous = json.loads(lines[-1])["hash"] if lines else GENESIS
            record = {"run": run_id, "head": head, "status": status, "at": self.clock.now()}
            try:
                with path.open("a", encoding="utf-8") as out:
                    out.write(canonical({**record, "hash": link(previous, record)}) + "\n")
                    out.flush()
                    os.fsync(out.fileno())
            except OSError as error:
                raise StorageError(
                    f"cannot write {path}: {error.strerror}", hint="Free space, then `bcp audit verify`."
                ) from error


def _did_something(view: RunView) -> bool:
    """Did the run change anything? One that was turned away at a gate needs no rest."""
    undoable = {n["id"] for n in view.record.meta["nodes"] if n["undo"]}
    return any(
        s.began and s.status not in {"failed", "skipped", "not_reached", "pending"}
        for s in view.state.steps.values()
        if s.id in undoable
    )
