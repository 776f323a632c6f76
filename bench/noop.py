"""N durable no-op steps on the real engine and journal."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from dataclasses import asdict
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


async def main(count: int) -> None:
    text = "version: 1\nname: noop\ntitle: t\nactivation:\n" + "".join(
        f"  - {{id: s{i}, uses: noop}}\n" for i in range(count)
    )
    loaded = loads(text)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "run.db"
        EmbeddedStore().create(path, {"plan": {}, "nodes": [asdict(n) for n in nodes_of(loaded)]})
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


asyncio.run(main(int(sys.argv[1])))
