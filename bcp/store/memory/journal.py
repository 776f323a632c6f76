"""One run in memory: the journal's promises without a disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bcp.contracts.journal import Claim, ClaimState, Draft, Effect, Event, RunRecord, Signal
from bcp.contracts.store import Lease, LeaseLost, RunCard
from bcp.kernel.clock import Clock
from bcp.kernel.hashing import canonical, link_event
from bcp.store.cards import CardFold
from bcp.store.chain import LedgerRow, claim_digest, genesis_of, outcome_digest, verify_events, verify_ledger


@dataclass
class MemoryRun:
    """Everything of one run."""

    id: str
    meta: dict[str, Any]
    fence: int
    fold: CardFold
    begin: str
    events: list[Event] = field(default_factory=list)
    effects: dict[str, Effect] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    """Of each effect: the lease under which it was claimed."""
    signals: list[Signal] = field(default_factory=list)
    unread: list[Signal] = field(default_factory=list)

    @classmethod
    def made(cls, run_id: str, meta: Mapping[str, Any], fence: int) -> MemoryRun:
        """A new one. What it is given goes through JSON, as it would on a disk."""
        whole = {k: json.loads(canonical(v)) for k, v in {**meta, "format": 2}.items()}
        texts = {k: canonical(v) for k, v in whole.items()}
        return cls(run_id, whole, fence, CardFold(run_id, whole), genesis_of(texts))

    @property
    def head(self) -> tuple[int, str]:
        """Number and hash of the newest event."""
        return (self.events[-1].seq, self.events[-1].hash) if self.events else (0, self.begin)

    def card(self) -> RunCard:
        """How it stands."""
        seq, head = self.head
        return self.fold.card(fence=self.fence, seq=seq, head=head)

    def record(self, *, effects: bool = True) -> RunRecord:
        """Everything in it."""
        _, head, damage = verify_events(_rows(self.events), self.begin)
        kept = sorted(self.effects.values(), key=lambda e: (e.claimed_at, e.key)) if effects else ()
        return RunRecord(self.id, self.meta, tuple(self.events), tuple(kept), head, damage)

    def damage(self) -> str:
        """What does not agree with its chain."""
        _, _, wrong = verify_events(_rows(self.events), self.begin)
        rows = [
            LedgerRow(
                e.key,
                e.step,
                e.claimed_at,
                e.state,
                e.settled_at,
                canonical(e.request),
                None if e.outcome is None else canonical(e.outcome),
                self.fences[e.key],
            )
            for e in self.effects.values()
        ]
        return wrong or verify_ledger(((e.step, e.data) for e in self.events), rows)


def _rows(events: Sequence[Event]) -> list[tuple[int, float, str, str, str, str, str]]:
    return [(e.seq, e.at, e.kind, e.step, e.actor, canonical(e.data), e.hash) for e in events]


class MemoryJournal:
    """See ``bcp.contracts.journal.Journal``."""

    def __init__(self, run: MemoryRun, clock: Clock, lease: Lease | None = None) -> None:
        self._run, self.clock, self.lease = run, clock, lease
        self.run_id, self.untold = run.id, 0
        if lease is not None and lease.fence < run.fence:
            raise self._lost()
        self.fence = run.fence = lease.fence if lease is not None else run.fence

    def _lost(self) -> LeaseLost:
        return LeaseLost(f"another process has taken over {self.run_id} since", hint=f"bcp status {self.run_id}")

    def _mine(self) -> None:
        if self.lease is not None and self._run.fence != self.fence:
            raise self._lost()

    def _append(self, kind: str, step: str, actor: str, data: Mapping[str, Any], at: float | None = None) -> None:
        seq, previous = self._run.head
        at = round(self.clock.now(), 6) if at is None else at
        body = canonical(data)
        found = link_event(previous, seq + 1, at, kind, step, actor, body)
        self._run.events.append(Event(seq + 1, at, kind, step, actor, json.loads(body), found))
        self._run.fold.take(kind, at, step, actor, data)

    async def record(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        """Append an event."""
        self._mine()
        self._append(kind, step, actor, data)

    def record_soon(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> asyncio.Future[None]:
        """The same, as something to await."""
        return asyncio.ensure_future(self.record(kind, step=step, actor=actor, **data))

    async def claim(self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any) -> Claim:
        """Claim an effect before doing it."""
        return self._claim(key, step, request, event, data)

    def claim_soon(self, key: str, step: str, request: Mapping[str, Any]) -> asyncio.Future[Claim]:
        """The same, as something to await."""
        future: asyncio.Future[Claim] = asyncio.get_running_loop().create_future()
        try:
            future.set_result(self._claim(key, step, request, "", {}))
        except LeaseLost as error:
            future.set_exception(error)
        return future

    def _claim(self, key: str, step: str, request: Mapping[str, Any], event: str, data: Mapping[str, Any]) -> Claim:
        self._mine()
        if self.lease is not None:
            self.lease.check()
        before = self._run.effects.get(key)
        if before is not None:
            if before.state == "settled":
                return Claim(key, ClaimState.DONE, before.outcome, before.claimed_at)
            return Claim(key, ClaimState.IN_DOUBT, None, before.claimed_at, before.request)
        at, text = round(self.clock.now(), 6), canonical(request)
        self._run.effects[key] = Effect(key, step, "claimed", at, None, json.loads(text), None)
        self._run.fences[key] = self.fence
        proof = claim_digest(key, step, at, self.fence, text)
        more = {"fence": self.fence} if self.fence else {}
        self._append(event or "claimed", step, "", {"key": key, "claim": proof, **more, **data}, at)
        return Claim(key, ClaimState.GO, None, at)

    async def check(self) -> None:
        """May we still write?"""
        self._mine()
        if self.lease is not None:
            self.lease.check()

    async def settle(
        self, key: str, outcome: Mapping[str, Any], *, event: str = "", step: str = "", actor: str = "", **data: Any
    ) -> None:
        """Say how a claimed effect ended; a second settlement changes nothing."""
        self._mine()
        before = self._run.effects.get(key)
        if before is None or before.state == "settled":
            return
        at, text = round(self.clock.now(), 6), canonical(outcome)
        self._run.effects[key] = replace(before, state="settled", settled_at=at, outcome=json.loads(text))
        proof = outcome_digest(key, at, text)
        self._append(event or "settled", step, actor, {"key": key, "outcome": text[:2000], "digest": proof, **data}, at)

    def settle_soon(self, key: str, outcome: Mapping[str, Any]) -> asyncio.Future[Any]:
        """The same, as something to await."""
        return asyncio.ensure_future(self.settle(key, outcome))

    async def doubt(self, key: str, reason: str) -> None:
        """Say that a claimed effect's outcome is not known."""
        self._mine()
        before = self._run.effects.get(key)
        if before is not None and before.state == "claimed":
            self._run.effects[key] = replace(before, state="in_doubt")
            self._append("in_doubt", "", "", {"key": key, "reason": reason})

    async def effects(self, prefix: str = "") -> list[Effect]:
        """Rows of the ledger whose key starts so."""
        return [e for e in self._run.record().effects if e.key.startswith(prefix)]

    async def unread(self) -> list[Signal]:
        """Signals not yet consumed, oldest first."""
        return list(self._run.unread)

    async def consume(self, signals: Sequence[Signal], events: Sequence[Draft] = ()) -> None:
        """Mark signals as read, and write what they mean."""
        self._mine()
        ids = {s.id for s in signals}
        self._run.unread = [s for s in self._run.unread if s.id not in ids]
        if ids:
            self._append("heard", "", "", {"signals": {str(i): "" for i in sorted(ids)}})
        for event in events:
            self._append(event.kind, event.step, event.actor, event.data)

    def events(self) -> list[Event]:
        """All events, oldest first."""
        return list(self._run.events)

    def meta(self) -> Mapping[str, Any]:
        """What the run was started with."""
        return self._run.meta

    def close(self) -> None:
        """Nothing has to be let go."""
