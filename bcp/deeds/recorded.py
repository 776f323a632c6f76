"""What a run recorded of the world before it changed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.dns import MxSet
from bcp.engine.store import RunView


def recorded_mx(view: RunView) -> dict[str, Any]:
    """The MX each domain had before a run, from what its switch steps recorded."""
    out: dict[str, Any] = {}
    for step in view.state.steps.values():
        for one in step.outputs.get("items", [step.outputs]):
            before = one.get("before") if isinstance(one, Mapping) else None
            if isinstance(before, Mapping):
                for domain, mx in before.items():
                    if isinstance(mx, Mapping) and "hosts" in mx:
                        MxSet.from_data(mx)
                        out.setdefault(domain, mx)
    return out
