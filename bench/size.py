"""What grows with size: a plan of 10,000 domains is sealed, 10,000 old runs lie beside the one that is asked for, a run
with a plan of 8 MB is looked at. Each beside a piece of work that is measured in the same process or run."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
DOMAINS, OLD = 10_000, 10_000


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds of this once."""
    began = time.process_time()
    work()
    return time.process_time() - began


def seal(rounds: int = 5) -> tuple[float, float]:
    """CPU seconds to seal a plan, and to write the same plan as JSON and read it again. Medians, taken in turn."""
    from big import made

    plan = made(DOMAINS)
    data = plan.to_data()
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(cpu(plan.sealed))
        theirs.append(cpu(lambda: json.loads(json.dumps(data))))
    return statistics.median(ours), statistics.median(theirs)


def old_runs(folder: Path, count: int) -> Path:
    """A state folder with so many runs that are over."""
    from bcp.store.sqlite.state import SqliteState

    (folder / "bcp.yaml").write_text("version: 1\n")
    runs = SqliteState(folder / ".bcp").runs
    plan = {"playbook": "x", "kind": "real", "checksum": "0" * 64, "initiator": "x", "steps": []}
    first = folder / ".bcp" / "runs" / "run-20250101-000000-0000.db"
    runs.create(first.stem, {"plan": plan, "nodes": []})
    _finish(first)
    for i in range(1, count):
        name = f"run-20250101-{i // 3600 % 24:02}{i // 60 % 60:02}{i % 60:02}-{i:04x}.db"
        (first.parent / name).write_bytes(first.read_bytes())
    runs.ids()
    runs.close()
    return folder


def _finish(path: Path) -> None:
    """A run that is over."""
    import asyncio

    from bcp.kernel.clock import SystemClock
    from bcp.store.sqlite.journal import SqliteJournal

    async def go() -> None:
        journal = SqliteJournal(path, SystemClock())
        await journal.record("run_started")
        await journal.record("run_finished", status="done", reason="", code=0, rule="")
        journal.close()

    asyncio.run(go())


def block(rounds: int = 3) -> tuple[str, float, float]:
    """The view that holds up the loop for longest, for how many CPU seconds, and how many ``json.loads`` of the plan
    takes. A plan is read by the C parser in one go, so that alone would hold up the loop for so long."""
    import asyncio

    from big import made
    from look import look

    text = json.dumps(made(DOMAINS).to_data())
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(look(Path(name), DOMAINS, rounds))
    worst = max(found, key=lambda view: found[view])
    return worst, found[worst], min(cpu(lambda: json.loads(text)) for _ in range(3))


def main() -> None:
    """One of them, as JSON."""
    if sys.argv[1] == "seal":
        print(json.dumps(seal()))
    elif sys.argv[1] == "block":
        print(json.dumps(block()))
    else:
        old_runs(Path(sys.argv[2]), int(sys.argv[3]))


if __name__ == "__main__":
    main()
