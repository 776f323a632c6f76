"""A plan of many domains, and a run of it that holds: what the benches about size are played with."""

from __future__ import annotations

from pathlib import Path

BOOK = """\
version: 1
name: big
title: Point MX at the backup relay
activation:
  - {id: mx, name: Point MX at the backup relay, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: relay}}
hold:
  - {id: update, uses: notify, every: 30m, with: {audience: employees, template: update, channels: [sms]}}
recovery: {playbook: exchange-failback}
"""


def made(count: int, configuration: str = "", kind: str = "real"):
    """A plan that is not sealed yet, as ``dns.mx.switch`` proposes it for so many domains."""
    from bcp.contracts.action import Change
    from bcp.contracts.mx import MxHost, MxSet
    from bcp.plan.model import Plan, PlannedStep

    names = tuple(f"subsidiary-{i}.example-group.test" for i in range(count))
    old = {d: MxSet((MxHost(0, f"{d.replace('.', '-')}.mail.protection.outlook.test."),), 3600) for d in names}
    new = MxSet((MxHost(10, "mx1.backup-relay.test."), MxHost(20, "mx2.backup-relay.test.")), 300)
    note = "caches keep the old MX for up to 1h"
    changes = tuple(Change(f"MX {d}.", str(old[d]), str(new), f"swap back to {old[d]}", 3600.0, note) for d in names)
    before, after = {d: m.to_data() for d, m in old.items()}, {d: new.to_data() for d in names}
    outputs = {
        "before": before,
        "after": after,
        "created": {},
        "states": {},
        "left": {},
        "changes": {},
        "everywhere": True,
        "lagging": [],
        "unverified": [],
        "old_ttl_s": 3600,
        "safe_at": 0,
    }
    steps = (
        PlannedStep(
            "mx", "activation", "dns.mx.switch", "Point MX at the backup relay", "run", (), changes, (), (), (),
            {"mx": before}, outputs,
        ),
        PlannedStep("update", "hold", "notify", "", "run"),
    )  # fmt: skip
    return Plan(
        "plan-big", 1_700_000_000.0, 4_000_000_000.0, "big", "big.yaml", BOOK, {}, names, configuration, kind, "alice",
        False, steps,
    )  # fmt: skip


async def run_of(plan, state: Path, run_id: str = "run-20261127-000000-big0") -> str:
    """A run of this plan that switched everything and holds, in this state folder. Nobody works on it."""
    from dataclasses import asdict

    from bcp.engine.runner import nodes_of
    from bcp.kernel.clock import SystemClock
    from bcp.playbook.load import loads
    from bcp.store.sqlite.state import SqliteState

    data, room, clock = plan.to_data(), SqliteState(state), SystemClock()
    outputs = {**data["steps"][0]["outputs"], "states": dict.fromkeys(plan.domains, "applied")}
    meta = {"plan": data, "nodes": [asdict(n) for n in nodes_of(loads(BOOK))], "run": run_id, "group": "", "parent": ""}
    room.runs.create(run_id, meta)

    journal = room.runs.open(run_id, clock)
    await journal.record("run_started")
    await journal.record("phase_started", phase="activation")
    await journal.record("step_started", step="mx")
    summary = f"{len(plan.domains)} domains"
    await journal.record("step_finished", step="mx", status="ok", summary=summary, outputs=outputs)
    await journal.record("phase_started", phase="hold")
    journal.close()
    room.runs.close()
    return run_id
