"""An index of runs over their files: every run by status, parent and what it moved, without a window."""

from __future__ import annotations

from collections.abc import Callable

from bcp.contracts.store import UNREADABLE, RunCard, RunQuery
from bcp.engine.store import Runs, RunView
from bcp.kernel.errors import BcpError

MOVES = "dns.mx.switch"
DRAINS = "relay.drain"
VERIFIED = frozenset({"ok", "unchanged"})


def card_of(view: RunView) -> RunCard:
    """What the index knows of a run."""
    plan, state, meta = view.plan, view.state, view.record.meta
    uses = {str(s["id"]): str(s["uses"]) for s in plan.get("steps", ())}
    steps = state.steps
    moved = [steps[i].ended for i, u in uses.items() if u == MOVES and i in steps and steps[i].status in VERIFIED]
    drains = [i for i, u in uses.items() if u == DRAINS and i in steps]
    return RunCard(
        id=view.id,
        status=state.status,
        kind=str(plan.get("kind", "real")),
        playbook=str(plan.get("playbook", "")),
        parent=str(plan.get("parent") or meta.get("parent") or ""),
        targets=tuple(sorted(f"mx:{d}" for d in plan.get("domains", ()))),
        moves_mx=MOVES in uses.values(),
        initiator=str(plan.get("initiator", "")),
        automatic=bool(plan.get("automatic")),
        checksum=str(plan.get("checksum", "")),
        configuration=str(plan.get("configuration", "")),
        created=float(plan.get("created", 0.0)),
        started=state.started,
        ended=state.ended,
        phase=state.phase,
        reason=state.reason,
        acknowledged=state.acknowledged,
        doubtful=bool(state.doubtful()),
        gate=any(s.gate for s in steps.values()),
        moved_at=min(moved, default=0.0),
        draining=any(steps[i].status in {"running", "ok"} for i in drains),
        seq=state.last_seq,
        head=view.record.head,
    )


class Cards:
    """Cards of all runs of a folder. A run that is over is read once; the others whenever their file was written."""

    def __init__(self, runs: Callable[[], Runs]) -> None:
        self._runs = runs
        self._known: dict[str, tuple[float, RunCard]] = {}

    def find(self, query: RunQuery) -> list[RunCard]:
        """Runs for which everything in the query holds, the newest first."""
        found = [c for c in self._all() if fits(c, query)]
        found.sort(key=lambda c: c.id, reverse=True)
        return found[: query.newest] if query.newest else found

    def _all(self) -> list[RunCard]:
        runs = self._runs()
        ids = runs.ids()
        for run_id in set(self._known) - set(ids):
            del self._known[run_id]
        return [self._card(runs, i) for i in ids]

    def _card(self, runs: Runs, run_id: str) -> RunCard:
        stamp, card = self._known.get(run_id, (-1.0, None))
        if card is not None and card.over:
            return card
        path = runs.path(run_id)
        try:
            written = path.stat().st_mtime
            wal = path.with_name(path.name + "-wal")
            if wal.exists():
                written = max(written, wal.stat().st_mtime)
            if card is not None and written == stamp:
                return card
            card = card_of(runs.view(run_id, effects=False))
        except (BcpError, OSError):
            return RunCard(run_id, UNREADABLE)
        self._known[run_id] = (written, card)
        return card


def fits(card: RunCard, query: RunQuery) -> bool:
    """Does everything that the query names hold of this run?"""
    wanted = (
        not query.targets or bool(set(query.targets) & set(card.targets)),
        not query.status or card.status in query.status,
        not query.unfinished or not card.over,
        query.parent is None or card.parent == query.parent,
        not query.kind or card.kind == query.kind,
        not query.playbook or card.playbook == query.playbook,
        query.moves_mx is None or card.moves_mx == query.moves_mx,
        query.automatic is None or card.automatic == query.automatic,
        query.incident is None or card.incident == query.incident,
        not query.checksum or card.checksum == query.checksum,
        not query.since or max(card.created, card.ended) >= query.since,
    )
    return all(wanted)
