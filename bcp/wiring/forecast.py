"""The numbers of a forecast, from the rules of detection, the hosts, past approvals and a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bcp.contracts.dns import Capabilities
from bcp.detect.rules import Rules
from bcp.engine.store import RunView
from bcp.kernel.errors import Invalid
from bcp.mx.forecast import Forecast, Parts, decision_s, detection_s, forecast, habit, host_s
from bcp.playbook.load import loads

LOOKED_AT = 50
"""So many of the newest real runs are asked how long approvals took."""


def expected(
    rules: Rules,
    usual_s: float,
    waits: list[float],
    hosts: Mapping[str, tuple[Capabilities, int]],
    ttl_s: float,
    outage_class: str = "B",
) -> Forecast:
    """The forecast. ``usual_s``: an approval, where ``waits`` has none. ``hosts``: what each can, and how many zones it
    has to change; they work side by side, so the slowest counts."""
    k = rules.reject_threshold if outage_class == "F" else rules.threshold
    decide = {"E": rules.decide_e_s, "F": rules.decide_f_s}.get(outage_class, rules.decide_b_s)
    found = detection_s(rules.interval_s, k, rules.confirm_for_s)
    took = habit(waits)
    slowest = max(hosts.values(), key=lambda h: host_s(*h))
    parts = Parts(
        detection_s=found,
        decision_s=decision_s(rules.interval_s, found, decide),
        approval_s=usual_s if took is None else took,
        host_s=host_s(*slowest),
        ttl_s=ttl_s,
    )
    return forecast(parts, slowest[0], approvals=len(waits))


def approval_waits(views: Iterable[RunView], before: float = 0.0) -> list[float]:
    """How long each approval of these runs took, from the question to the last yes, in seconds."""
    out = []
    for view in views:
        if before and view.state.started >= before:
            continue
        opened = {e.step: e.at for e in reversed(view.record.events) if e.kind == "gate_opened"}
        given: dict[str, float] = {}
        for event in view.record.events:
            if event.kind == "approved" and event.step in opened:
                given[event.step] = max(given.get(event.step, 0.0), event.at)
        out += [max(0.0, at - opened[step]) for step, at in given.items()]
    return out


def ttls_of(plan: Mapping[str, Any]) -> dict[str, float]:
    """TTL of the MX of each domain that a plan (its data) moves to the relay, as it found them."""
    out = {}
    for step in plan["steps"]:
        outputs = step.get("outputs") or {}
        before, after = outputs.get("before"), outputs.get("after")
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            moved = (d for d, m in before.items() if isinstance(m, Mapping) and m != after.get(d))
            out.update({d: float(before[d].get("ttl_s", 0)) for d in moved})
    return out


def class_of(plan: Mapping[str, Any]) -> str:
    """The class of outage that a plan's playbook is for: the one in which time is longest to decide, B before E."""
    try:
        covers = loads(plan["playbook_text"]).book.covers
    except (Invalid, KeyError):
        return "B"
    return next((c for c in ("B", "E", "F") if c in covers), "B")
