"""What the store room promises: runs and their index, leases on targets, plans, and the audit file.

Everything durable is asked for through these ports. ``bcp.store.sqlite`` keeps it in the state folder,
``bcp.store.memory`` in memory (for tests and plug-in authors). All methods may raise ``StorageError``; none of them
uses the network.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from bcp.contracts.journal import Journal, RunRecord
from bcp.kernel.clock import Clock
from bcp.kernel.errors import StorageError

FINAL = frozenset({"done", "failed", "aborted"})
"""States of a run in which nothing more happens: its targets are free."""
ENDED = FINAL | {"acknowledged"}
"""What the last anchor of a run says when the run is over."""
UNREADABLE = "unreadable"
"""State of a card whose run file cannot be read. It is never taken for one that is over."""


class LeaseLost(StorageError):
    """Somebody else has the target, or works on the run, since. The holder writes nothing more, not even an undo."""

    exit_code = 3
    rule = "lease-lost"


@dataclass(frozen=True, slots=True)
class RunCard:
    """What the index knows of a run: enough to choose one, without its plan and its events. Times are epoch seconds."""

    id: str
    status: str
    """As in ``RunState``: new, running, waiting, holding, undoing, stopped, done, failed, aborted; or unreadable."""
    kind: str = "real"
    """``real`` or ``drill``."""
    playbook: str = ""
    parent: str = ""
    """The run that this one goes back from."""
    targets: tuple[str, ...] = ()
    """Sorted names: ``mx:example.org``, ``service:exchange-online``, ``group:...``; without those that it gave up."""
    released: tuple[str, ...] = ()
    """Names that it had and gave up: domains that its switch did not move. Another run may have them."""
    moves_mx: bool = False
    initiator: str = ""
    automatic: bool = False
    checksum: str = ""
    """Of its plan."""
    configuration: str = ""
    """Fingerprint of the configuration that its plan was made under."""
    incident: str = ""
    created: float = 0.0
    """When its plan was made."""
    started: float = 0.0
    ended: float = 0.0
    """0: it is not over."""
    phase: str = ""
    reason: str = ""
    acknowledged: str = ""
    doubtful: bool = False
    """A step of it is in doubt."""
    gate: bool = False
    """It waits for people."""
    moved_at: float = 0.0
    """When its first step that moves MX was verified; 0: none was."""
    draining: bool = False
    """A step of it that drains the relay has begun."""
    changed: bool = False
    """A step that could be undone did something: its target rests after it."""
    fence: int = 0
    """Number of the lease under which it was written last; 0 for runs of before there were leases."""
    seq: int = 0
    head: str = ""
    """Hash of its newest event, and that event's number."""

    @property
    def over(self) -> bool:
        """Nothing more happens in it."""
        return self.status in FINAL

    @property
    def drill(self) -> bool:
        """The run was an exercise (``kind`` is ``drill``)."""
        return self.kind == "drill"

    @property
    def stands(self) -> bool:
        """It moved MX, and has not gone back: what it did is still so as far as it knows."""
        return self.moves_mx and not self.parent and bool(self.moved_at) and self.status not in FINAL


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs. Every field that is given must hold; empty ones do not matter."""

    targets: Collection[str] = ()
    """Runs whose targets overlap these."""
    status: Collection[str] = ()
    unfinished: bool = False
    """Runs that are not over, whatever else they are."""
    parent: str | None = None
    """Runs that go back from this one; the empty text: runs that go back from none."""
    kind: str = ""
    playbook: str = ""
    moves_mx: bool | None = None
    automatic: bool | None = None
    incident: str | None = None
    checksum: str = ""
    since: float = 0.0
    """Created or ended at this time or later."""
    newest: int = 0
    """So many of the newest; 0: all."""


class Lock(Protocol):
    """An exclusive lock that dies with its process."""

    def take(self) -> bool:
        """Try to take the lock, without waiting; False when somebody else has it."""

    def release(self) -> None:
        """Release the lock; nothing happens when it is not held."""

    def __enter__(self) -> Lock: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Lease(Protocol):
    """The right to write to some targets."""

    run: str
    names: frozenset[str]
    fence: int
    """Grows with every lease that was ever given in this state folder; a higher number is younger."""

    def check(self) -> None:
        """Is it still ours? Cheap enough for every write. Raises ``LeaseLost``."""

    def release(self) -> None:
        """Let the process's hold go. The run keeps its targets until it is over."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A run that has targets."""

    run: str
    names: frozenset[str]
    fence: int
    parent: str
    pid: int
    taken: float
    live: bool
    """A process works on it now."""
    lost: bool = False
    """The run was begun, is not known to be over, and its file is gone."""


class Leases(Protocol):
    """Who may write where. Two runs with a name in common never have leases side by side, in whatever process.

    The one exception: a run that goes back (``parent``) and the run that it goes back from.
    """

    def take(self, run: str, names: Collection[str], *, parent: str = "", at: float = 0.0) -> Lease:
        """Take targets for a run, all or none; a run that had them before (resume) gets a new number.

        Raises:
            Refused: (``one-run-per-target``) another run has one of the names, or it cannot be known that none has;
                (``run-live``) another process works on this very run.
        """

    def begun(self, run: str) -> None:
        """The run that a lease was taken for is there now."""

    def give_up(self, run: str) -> None:
        """What it took is free: the run never came to be, or is lost and a person says that it is over."""

    def holders(self, names: Collection[str] = ()) -> list[Holder]:
        """Runs that are not over and have one of these names, or any; the oldest first.

        A run whose file is gone keeps its names: what it did to mail is not undone by deleting what says so.
        """

    def history(self) -> list[tuple[int, str]]:
        """Every number with the run that was begun with it: a witness for the audit."""


class RunStore(Protocol):
    """Runs by id. A run is one file (or one document) that can be copied, read and kept."""

    def create(self, run_id: str, meta: Mapping[str, Any], *, fence: int = 0) -> None:
        """A new run; refuses an id that exists. ``meta``: plan, nodes, run, group, parent, incident, objectives."""

    def open(self, run_id: str, clock: Clock, lease: Lease | None = None) -> Journal:
        """Open a run for writing. With a lease every claim is written with its number, and only while it holds."""

    def view(self, run_id: str, *, effects: bool = True) -> RunRecord:
        """Everything in it, also while it is live. Parses the plan: ask for a card where that is enough."""

    def brief(self, run_id: str) -> RunRecord:
        """What people look at: no ledger, no proof of the chain, and values of steps and of their outputs that are
        large may be missing (a list of a planned step is then empty: see ``planned``). Its readers change nothing."""

    def planned(self, run_id: str, what: str, first: int, count: int) -> tuple[list[Any], int]:
        """``changes``, ``forecasts``, ``notes`` or ``refusals`` of all steps of its plan: ``count`` of them from
        ``first``, and how many there are."""

    def tell(self, run_id: str, kind: str, actor: str, data: Mapping[str, Any], at: float) -> None:
        """Leave a signal for a run (approve, reject, abort, recovered, stop), from any process."""

    def exists(self, run_id: str) -> bool:
        """Is there a run with this id?"""

    def ids(self) -> list[str]:
        """Ids of all runs, the oldest first."""

    def match(self, text: str) -> list[str]:
        """The run with this id; else those whose ids begin or end so, the oldest first."""

    def newest(self, count: int = 1) -> list[str]:
        """The newest ids, the newest first."""

    def cards(self, query: RunQuery) -> list[RunCard]:
        """Runs as the index knows them, the newest first."""

    def card(self, run_id: str) -> RunCard:
        """The card of one run. Raises ``Invalid`` when there is no such run."""

    def is_live(self, run_id: str) -> bool:
        """Does a process work on this run now?"""

    def lock(self, run_id: str) -> Lock:
        """The lock of whoever works on it."""

    def damage(self, run_id: str) -> str:
        """What in it does not agree with its chain (events, ledger, signals, plan); empty: nothing."""


class PlanStore(Protocol):
    """Plans by id, and which of them were used."""

    def write(self, plan_id: str, data: Mapping[str, Any]) -> str:
        """Keep a plan; returns where it is, for people."""

    def read(self, plan_id: str) -> Mapping[str, Any]:
        """The plan with this id. Raises ``Invalid`` when there is none."""

    def listed(self, newest: int = 0) -> list[str]:
        """Ids of plans, the newest first; ``newest`` at most, 0: all."""

    def used_by(self, checksum: str) -> str:
        """The run that used this plan; empty: none did."""

    def mark_used(self, checksum: str, run_id: str, at: float) -> None:
        """Write down that this run uses the plan, as a plan is run once. Raises ``Refused`` (``plan-used``)."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A head that was written down outside of what it proves. ``what``: a run's id, ``book``, ``reports/`` and what a
    report is of. ``files``: of a report, the SHA-256 of each of its files."""

    what: str
    head: str
    status: str
    at: float
    seq: int = 0
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Audit:
    """What the audit file says: the last anchor of each chain, and what is wrong with the file itself."""

    anchors: Mapping[str, Anchor] = field(default_factory=dict)
    damage: str = ""
    keyed: bool = False
    """A key that is kept elsewhere vouches for it: without one, whoever may write the folder can rewrite everything."""


class AuditFile(Protocol):
    """Heads of chains, written down one after the other in a chain of their own."""

    def anchor(self, anchor: Anchor) -> None:
        """Write an anchor down; it is on disk when this returns."""

    def read(self) -> Audit:
        """The last anchor of each chain, and what is wrong with the file."""


class State(Protocol):
    """The store room of one organisation: what wiring makes once and hands out in parts."""

    @property
    def runs(self) -> RunStore: ...

    @property
    def leases(self) -> Leases: ...

    @property
    def plans(self) -> PlanStore: ...

    @property
    def audit(self) -> AuditFile: ...


Check = Callable[[], None]
"""Raises ``LeaseLost``."""
Names = Sequence[str]
