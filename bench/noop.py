"""N durable no-op steps: ``us N`` on the real engine and journal, ``bare N`` in a bare loop over SQLite.

Both promise the same, in the same mode: the claim is on disk before the step, its end after it. The bare loop syncs two
commits a step for that; ours writes the end of one step and the claim of the next in one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "crash"))

from fakes import services

from bcp.contracts.action import Access, Action, Outcome
from bcp.contracts.plugin import Args
from bcp.engine.approvals import DryApprovals
from bcp.engine.runner import Runner, nodes_of
from bcp.kernel.clock import SystemClock
from bcp.playbook.load import loads
from bcp.plugins.engines.embedded import EmbeddedStore
from bcp.testing.effects import Recorder


class Noop(Action[Args]):
    """Claims, does nothing, settles."""

    kind = "noop"
    access = Access.WRITE
    Args = Args

    async def perform(self, args: Any, services: Any, step: Any) -> Outcome:
        return Outcome("")


def bare(count: int) -> None:
    """What a bare loop needs for the same promise: a row before, settled after, each synced."""
    from bcp.store.sqlite.connect import set_durable

    with tempfile.TemporaryDirectory() as name:
        db = sqlite3.connect(Path(name) / "bare.db", isolation_level=None)
        set_durable(db)
        db.execute("create table step(key text primary key, state text, claimed real, settled real) without rowid")
        for i in range(count):
            db.execute("begin immediate")
            db.execute("insert into step values(?,'claimed',?,null)", (f"s{i}", time.time()))
            db.execute("commit")
            db.execute("begin immediate")
            db.execute("update step set state='settled', settled=? where key=?", (time.time(), f"s{i}"))
            db.execute("commit")
        db.close()


async def main(count: int) -> None:
    text = "version: 1\nname: noop\ntitle: t\nactivation:\n" + "".join(
        f"  - {{id: s{i}, uses: noop}}\n" for i in range(count)
    )
    loaded = loads(text)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.db"
        EmbeddedStore().create(path, {"plan": {}, "nodes": [n.to_data() for n in nodes_of(loaded)]})
        journal = EmbeddedStore().open(path, SystemClock())
        given = services(
            Path(name), Recorder(Path(name) / "x"), journal, DryApprovals(lambda r: frozenset(), "x"), "run", "c"
        )
        ending = await Runner(
            loaded,
            {"noop": Noop()},
            given,
            journal,
            {"domains": [], "inputs": {}, "vars": {}, "run": {}, "service": {}},
            {},
        ).work()
        assert ending.code == 0
        journal.close()


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        bare(int(sys.argv[2]))
    else:
        asyncio.run(main(int(sys.argv[2])))
