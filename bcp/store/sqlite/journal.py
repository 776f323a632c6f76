"""The writer of one run's file: one thread, many records in one commit, every claim under the run's lease."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bcp.contracts.journal import Claim, ClaimState, Draft, Effect, Event, Signal
from bcp.contracts.store import Lease, LeaseLost, RunCard
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, StorageError
from bcp.kernel.hashing import canonical, link_event
from bcp.kernel.ids import new_token
from bcp.store.cards import CardFold, card_to_data, folded
from bcp.store.chain import claim_digest, genesis_of, outcome_digest
from bcp.store.sqlite import runfile
from bcp.store.sqlite.connect import connect, set_durable
from bcp.store.sqlite.migrations import migrate
from bcp.store.worker import Worker

LINGER_S = 0.015
"""How long a crowd of writers waits for more company before one sync ..."""
CROWD = 8
"""... and how many make one. A handful of steps side by side never waits."""
PATIENCE = 4
"""Turns of the loop for which what is in no hurry waits for a write that is: so many pass from the end of a step to the
claim of the next."""
Operation = Callable[[sqlite3.Connection], Any]
_Waiting = tuple[Operation, asyncio.Future[Any]]
_CLAIM = "insert into effect values(?,?,?,?,'claimed',null,?,null,?) on conflict do nothing"


def _version(db: sqlite3.Connection) -> int:
    """Another one after every commit of another connection (https://www.sqlite.org/pragma.html, data_version)."""
    (found,) = db.execute("pragma data_version").fetchone()
    return int(found)


class SqliteJournal:
    """The journal of one run, opened for writing. The caller holds the run's lock, and its lease where there is one."""

    def __init__(self, path: Path, clock: Clock, lease: Lease | None = None) -> None:
        self.path, self.clock, self.lease = path, clock, lease
        self.run_id = path.stem
        self.incarnation = new_token(12)
        self.untold, self._read_at = 0, -1
        self.closed: Callable[[RunCard], None] | None = None
        """Told how the run stands when this journal lets it go."""
        self._worker = Worker("journal")
        self._pending: list[_Waiting] = []
        self._busy = self._crowded = self._claims = self._turned = self._hurry = False
        self._turns = 0
        self._rows: list[tuple[int, float, str, str, str, str, str]] = []
        """Events of the commit under way: written together at its end."""
        self._guard = threading.Lock()
        try:
            self._db = connect(path, "rw")
        except sqlite3.Error as error:
            raise runfile.failed(path, error) from error
        try:
            set_durable(self._db)
            migrate(self._db, runfile.SCHEMA, path)
            self._load()
            self.fence = self._hold()
        except (sqlite3.Error, ValueError) as error:
            self._db.close()
            raise runfile.failed(path, error) from error
        except BaseException:
            self._db.close()
            raise

    def _load(self) -> None:
        """Head and card, from the file."""
        self._meta = runfile.read_meta(self._db)
        row = self._db.execute("select seq, hash from event order by seq desc limit 1").fetchone()
        self._head: tuple[int, str] = row or (0, genesis_of(runfile.read_texts(self._db)))
        self._fold: CardFold = folded(self.run_id, self._meta, runfile.read_events(self._db))

    def _hold(self) -> int:
        """Write down who writes now. Raises ``LeaseLost`` when a younger lease has written here."""
        db = self._db
        db.execute("begin immediate")
        row = db.execute("select fence from holder").fetchone()
        known = int(row[0]) if row else 0
        fence = self.lease.fence if self.lease is not None else known
        if fence < known:
            db.execute("rollback")
            raise self._lost()
        db.execute("insert or replace into holder values(1,?,?)", (fence, self.incarnation))
        card = canonical(card_to_data(self._fold.card()))
        db.execute("insert or replace into card values(1,?)", (card,))
        db.execute("commit")
        return fence

    def _lost(self) -> LeaseLost:
        return LeaseLost(
            f"another process has taken over {self.run_id} since", hint=f"Look at it: bcp status {self.run_id}"
        )

    # -- writing -------------------------------------------------------------------------------------------------

    def _enqueue(self, operation: Operation, *, hurry: bool = True) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        self._hurry = self._hurry or hurry
        future: asyncio.Future[Any] = loop.create_future()
        self._pending.append((operation, future))
        if not self._busy:
            self._busy = True
            self._next(loop)
        return future

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """The next commit: at the end of this turn of the loop, so that whoever writes in it too is in; or an instant
        later while many are writing, so that one sync serves them all."""
        self._turns = PATIENCE
        if self._crowded:
            loop.call_later(LINGER_S, self._hand_over)  # real time, of the disk
        else:
            loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        if self._turns and not (self._hurry or self._crowded):
            self._turns -= 1
            asyncio.get_running_loop().call_soon(self._hand_over)
            return
        batch, self._pending, self._hurry = self._pending, [], False
        self._crowded = len(batch) > CROWD
        self._worker.hand(partial(self._commit, [op for op, _ in batch]), partial(self._committed, batch))

    def _committed(self, batch: Sequence[_Waiting], results: Sequence[Any] | None, error: BaseException | None) -> None:
        if error is not None:
            self._refuse([f for _, f in batch], error)
        for (_, future), result in zip(batch, results or (), strict=results is not None):
            if not future.done():
                future.set_result(result)
        if self._pending:
            self._next(asyncio.get_running_loop())
        else:
            self._busy = False

    def _refuse(self, futures: Sequence[asyncio.Future[Any]], error: BaseException) -> None:
        """Everybody who waited hears it, each with an error of his own; a fault of ours is one and the same."""
        for future in futures:
            if future.done():
                continue
            if isinstance(error, LeaseLost):
                future.set_exception(LeaseLost(error.message, hint=error.hint))
            elif not isinstance(error, (sqlite3.Error, OSError, StorageError)):
                future.set_exception(error)
            else:
                found = error if isinstance(error, BcpError) else runfile.failed(self.path, error)
                future.set_exception(StorageError(found.message, hint=found.hint))

    def _commit(self, operations: Sequence[Operation]) -> list[Any]:
        with self._guard:
            head = self._head
            self._rows.clear()
            self._claims = self._turned = False
            db = self._db
            try:
                db.execute("begin immediate")
                untold = _version(db) == self._read_at
                if self.lease is not None:
                    (fence,) = db.execute("select fence from holder").fetchone()
                    if fence != self.fence:
                        raise self._lost()
                results = [operation(db) for operation in operations]
                if self._claims and self.lease is not None:
                    self.lease.check()
                db.executemany("insert into event values(?,?,?,?,?,?,?)", self._rows)
                if self._turned:
                    db.execute("update card set data=?", (canonical(card_to_data(self._fold.card())),))
                db.execute("commit")
                self.untold += untold
            except BaseException:
                self._head = head
                with contextlib.suppress(sqlite3.Error):
                    db.execute("rollback")
                    if self._turned:
                        self._load()
                raise
            return results

    def _append(self, kind: str, step: str, actor: str, data: Mapping[str, Any], at: float | None = None) -> None:
        seq, previous = self._head
        at = round(self.clock.now(), 6) if at is None else at
        body = canonical(data)
        found = link_event(previous, seq + 1, at, kind, step, actor, body)
        self._rows.append((seq + 1, at, kind, step, actor, body, found))
        self._head = (seq + 1, found)
        self._turned = self._fold.take(kind, at, step, actor, data) or self._turned

    async def record(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> None:
        """Append an event and wait until it is on disk."""
        await self._enqueue(lambda db: self._append(kind, step, actor, data))

    def record_soon(self, kind: str, *, step: str = "", actor: str = "", **data: Any) -> asyncio.Future[None]:
        """The same, in no hurry: it goes with the next write that is, or after a few turns of the loop."""
        return self._enqueue(lambda db: self._append(kind, step, actor, data), hurry=False)

    async def claim(self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any) -> Claim:
        """Claim an effect. A claim of an earlier process that was never settled is in doubt."""
        return await self._enqueue(lambda db: self._claim(db, key, step, request, event, data))  # type: ignore[no-any-return]

    def claim_soon(self, key: str, step: str, request: Mapping[str, Any]) -> asyncio.Future[Claim]:
        """The same, put in line now and awaited later."""
        return self._enqueue(lambda db: self._claim(db, key, step, request, "", {}))

    def _claim(
        self,
        db: sqlite3.Connection,
        key: str,
        step: str,
        request: Mapping[str, Any],
        event: str,
        data: Mapping[str, Any],
    ) -> Claim:
        self._claims = True
        at, text = round(self.clock.now(), 6), canonical(request)
        if db.execute(_CLAIM, (key, step, at, self.incarnation, text, self.fence)).rowcount:
            proof = claim_digest(key, step, at, self.fence, text)
            more = {"fence": self.fence} if self.fence else {}
            self._append(event or "claimed", step, "", {"key": key, "claim": proof, **more, **data}, at)
            return Claim(key, ClaimState.GO, None, at)
        state, outcome, claimed, before = db.execute(
            "select state, outcome, claimed, request from effect where key=?", (key,)
        ).fetchone()
        if state == "settled":
            return Claim(key, ClaimState.DONE, json.loads(outcome), claimed)
        return Claim(key, ClaimState.IN_DOUBT, None, claimed, json.loads(before))

    async def check(self) -> None:
        """Before a write that comes long after its claim: is the lease still ours? Raises ``LeaseLost``."""
        if self.lease is not None:
            await self._worker.do(self.lease.check)

    async def settle(
        self,
        key: str,
        outcome: Mapping[str, Any],
        *,
        event: str = "",
        step: str = "",
        actor: str = "",
        **data: Any,
    ) -> None:
        """Say how a claimed effect ended; a second settlement changes nothing."""
        await self._enqueue(lambda db: self._settle(db, key, outcome, event, step, actor, data))

    def settle_soon(self, key: str, outcome: Mapping[str, Any]) -> asyncio.Future[Any]:
        """The same, not waited for: a crash before it is on disk leaves the effect in doubt, never repeated."""
        return self._enqueue(lambda db: self._settle(db, key, outcome, "", "", "", {}), hurry=False)

    def _settle(
        self,
        db: sqlite3.Connection,
        key: str,
        outcome: Mapping[str, Any],
        event: str,
        step: str,
        actor: str,
        data: Mapping[str, Any],
    ) -> None:
        at, text = round(self.clock.now(), 6), canonical(outcome)
        changed = db.execute(
            "update effect set state='settled', settled=?, outcome=? where key=? and state<>'settled'", (at, text, key)
        )
        if changed.rowcount:
            proof = outcome_digest(key, at, text)
            self._append(
                event or "settled", step, actor, {"key": key, "outcome": text[:2000], "digest": proof, **data}, at
            )

    async def doubt(self, key: str, reason: str) -> None:
        """Say that a claimed effect's outcome is not known."""

        def operation(db: sqlite3.Connection) -> None:
            changed = db.execute("update effect set state='in_doubt' where key=? and state='claimed'", (key,))
            if changed.rowcount:
                self._append("in_doubt", "", "", {"key": key, "reason": reason})

        await self._enqueue(operation)

    # -- reading -------------------------------------------------------------------------------------------------

    async def effects(self, prefix: str = "") -> list[Effect]:
        """Rows of the ledger whose key starts so."""
        return await self._enqueue(lambda db: runfile.read_effects(db, prefix))  # type: ignore[no-any-return]

    async def unread(self) -> list[Signal]:
        """Signals not yet consumed. Reads only: costs no commit."""
        return await self._worker.do(self._unread)

    def _unread(self) -> list[Signal]:
        try:
            with self._guard:
                self._read_at = _version(self._db)
                return runfile.read_unread(self._db)
        except sqlite3.Error as error:
            raise runfile.failed(self.path, error) from error

    async def consume(self, signals: Sequence[Signal], events: Sequence[Draft] = ()) -> None:
        """Mark signals as read and, in the same commit, write what they mean."""
        await self._enqueue(lambda db: self._consume(db, [s.id for s in signals], events))

    def _consume(self, db: sqlite3.Connection, ids: Sequence[int], events: Sequence[Draft]) -> None:
        db.executemany("update signal set consumed=1 where id=?", [(i,) for i in ids])
        rows = [(i, db.execute("select hash from signal where id=?", (i,)).fetchone()) for i in ids]
        if heard := {str(i): row[0] for i, row in rows if row and row[0]}:
            self._append("heard", "", "", {"signals": heard})
        for event in events:
            self._append(event.kind, event.step, event.actor, event.data)

    def events(self) -> list[Event]:
        """All events, oldest first."""
        with self._guard:
            return runfile.read_events(self._db)

    def meta(self) -> Mapping[str, Any]:
        """What the run was started with."""
        return self._meta

    def card(self) -> RunCard:
        """How the run stands."""
        with self._guard:
            return self._fold.card(fence=self.fence, seq=self._head[0], head=self._head[1])

    def close(self) -> None:
        """Let the file go."""
        self._worker.close()
        self._db.close()
        if self.closed is not None:
            self.closed(self.card())
