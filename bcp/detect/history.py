"""What was seen, put together: outages as the verdicts tell them, uptime, the page for Prometheus.
The store has the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bcp.detect.decide import Decision
from bcp.store.sqlite.history import LookRows, Row

__all__ = ["History", "Incident", "Row", "incidents_of", "prometheus", "uptime"]


@dataclass(frozen=True, slots=True)
class Incident:
    """One outage, from the first failure to the end, as the verdicts tell it.
    Times are wall time, 0 when it has not come."""

    since: float
    confirmed: float
    clear: float
    closed: float
    classes: tuple[str, ...]
    action: str
    evidence: str

    def detect_s(self) -> float:
        """From the first failure to confirmation."""
        return max(0.0, self.confirmed - self.since)


class History(LookRows):
    """Looks and verdicts in the state folder, and what they make."""

    def incidents(self, since: float) -> list[Incident]:
        """Outages that were confirmed, oldest first."""
        return incidents_of(self.verdicts(since))


def incidents_of(verdicts: list[dict[str, Any]]) -> list[Incident]:
    """Put the changes of the verdict together to outages. One that comes back before it is closed is the same one."""
    out: list[Incident] = []
    open_: dict[str, Any] | None = None
    for v in verdicts:
        if open_ is None:
            if v["state"] != "down":
                continue
            open_ = {
                "since": v["since"] or v["at"],
                "confirmed": v["at"],
                "clear": 0.0,
                "classes": {},
                "action": v["action"],
                "evidence": v["evidence"],
            }
        if v["state"] == "down":
            open_["clear"] = 0.0
            open_["classes"].update(dict.fromkeys(v["classes"]))
            open_["action"] = v["action"]
        elif v["state"] == "healthy" and not open_["clear"]:
            open_["clear"] = v["at"]
        if v["stage"] in {"closed", "healthy"} and v["state"] != "down":
            out.append(Incident(**{**open_, "classes": tuple(open_["classes"])}, closed=v["at"]))
            open_ = None
    if open_ is not None:
        out.append(Incident(**{**open_, "classes": tuple(open_["classes"])}, closed=0.0))
    return out


def uptime(rows: Iterator[Row]) -> dict[str, tuple[int, int]]:
    """By plane: looks that are known, and those of them that went well. Control probes do not count."""
    known: Counter[str] = Counter()
    good: Counter[str] = Counter()
    for row in rows:
        if row.result != "unknown" and not row.control:
            known[row.plane] += row.looks
            good[row.plane] += row.looks if row.result == "ok" else 0
    return {p: (known[p], good[p]) for p in sorted(known)}


STATES = ("healthy", "suspect", "down", "unknown")
CLASSES = "ABCDEFGH"


def prometheus(
    decision: Decision, totals: Mapping[tuple[str, str, str], int], at: float, status: Mapping[str, str] | None = None
) -> str:
    """The text format (prometheus.io, exposition formats, 0.0.4)."""
    out = ["# HELP bcp_service_state 1 for the state the service is in.", "# TYPE bcp_service_state gauge"]
    out += [f'bcp_service_state{{state="{s}"}} {int(decision.state == s)}' for s in STATES]
    out += ["# HELP bcp_outage_class 1 for each class of outage that is seen.", "# TYPE bcp_outage_class gauge"]
    out += [
        f'bcp_outage_class{{class="{c}"}} {int(c in decision.classes and decision.state == "down")}' for c in CLASSES
    ]
    out += ["# HELP bcp_plane_status 0 ok, 1 partial, 2 suspect, 3 down, -1 unknown.", "# TYPE bcp_plane_status gauge"]
    level = {"ok": 0, "partial": 1, "suspect": 2, "down": 3}
    planes = status if status is not None else {v.name: v.status for v in decision.views}
    out += [f'bcp_plane_status{{plane="{p}"}} {level.get(s, -1)}' for p, s in planes.items()]
    out += ["# HELP bcp_flap_percent Weighted share of changes over 21 rounds.", "# TYPE bcp_flap_percent gauge"]
    out.append(f"bcp_flap_percent {decision.flap:.2f}")
    out += ["# HELP bcp_confidence_percent How sure the class is.", "# TYPE bcp_confidence_percent gauge"]
    out.append(f"bcp_confidence_percent {decision.confidence}")
    if decision.decide_at is not None:
        out += ["# HELP bcp_decide_seconds Time left to decide.", "# TYPE bcp_decide_seconds gauge"]
        out.append(f"bcp_decide_seconds {decision.decide_at - at:.0f}")
    out += ["# HELP bcp_looks_total Looks by result.", "# TYPE bcp_looks_total counter"]
    out += [f'bcp_looks_total{{plane="{p}",vantage="{v}",result="{r}"}} {n}' for (p, v, r), n in sorted(totals.items())]
    return "\n".join(out) + "\n"
