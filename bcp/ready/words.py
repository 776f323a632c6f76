"""What is said of readiness: one plain sentence first, then reasons with what to do. And the numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.readiness import READY, Check
from bcp.ready.course import Trend
from bcp.ready.standing import ORDER, Standing, whole

LEVELS = {"ready": "ready", "at-risk": "at risk", "not-ready": "not ready"}
STATES = {"ok": "ok", "risk": "risk", "fail": "fail", "unknown": "unknown"}


def sentence(found: Sequence[Standing]) -> str:
    """The one sentence that somebody reads who reads no more."""
    if not found:
        return "Nothing is ready: no playbook of yours covers an outage."
    level, names = whole(found), [s.playbook for s in found]
    if level == "ready":
        what = f"{names[0]} is" if len(names) == 1 else f"All {len(names)} playbooks are"
        return f"{what} ready: every promise they rest on holds." if len(names) > 1 else f"{what} ready."
    bad = [s for s in found if s.level == level]
    which = f"{len(bad)} of {len(found)} playbooks" if len(found) > 1 else bad[0].playbook
    verb = "are" if len(found) > 1 and len(bad) != 1 else "is"
    first = f": {_first(bad[0])}" if bad[0].reasons else ""
    return f"{which} {verb} {LEVELS[level]}{first}."


def _first(standing: Standing) -> str:
    text = standing.reasons[0].says.rstrip(".")
    more = len({c.key for c in standing.reasons}) - 1
    return text if not more else f"{text} (and {more} more)"


def reasons(checks: Sequence[Check]) -> list[Check]:
    """Everything that does not hold, once, the worst first."""
    bad = {c.key: c for c in checks if c.state != "ok"}
    return sorted(bad.values(), key=lambda c: (ORDER[c.state], c.code, c.subject))


ALIKE = 3
"""More checks than this that say the same of different things are told in one line."""


def grouped(checks: Sequence[Check]) -> list[Check]:
    """The same list for people: many that say the same of different things become one that names some of them."""
    families: dict[tuple[str, str, str], list[Check]] = {}
    for check in checks:
        families.setdefault((check.code, check.state, check.hint), []).append(check)
    return [c for family in families.values() for c in ([_together(family)] if len(family) > ALIKE else family)]


def _together(family: Sequence[Check]) -> Check:
    first, others = family[0], [c.subject for c in family[1:] if c.subject]
    more = f" and {len(others) - ALIKE} more" if len(others) > ALIKE else ""
    since = min((c.since for c in family if c.since is not None), default=None)
    books = tuple(dict.fromkeys(p for c in family for p in c.playbooks)) if all(c.playbooks for c in family) else ()
    says = f"{first.says.rstrip('.')}; the same of {', '.join(others[:ALIKE])}{more}"
    return replace(first, says=says, since=since, playbooks=books)


def going(found: Trend, days: int) -> str:
    """``better: 80 % seven days ago``; empty where nothing is known of that time."""
    if found.way == "new":
        return ""
    if found.way == "same":
        return f"the same as {days} days ago"
    return f"{found.way} than {days} days ago ({found.before} %)"


def prometheus(at: float, checks: Sequence[Check], found: Sequence[Standing]) -> str:
    """In Prometheus' text format: the level and the number of each playbook, and what does not hold."""
    out = [
        "# HELP bcp_readiness_level 2 ready, 1 at risk, 0 not ready.",
        "# TYPE bcp_readiness_level gauge",
        *(f'bcp_readiness_level{{playbook="{_label(s.playbook)}"}} {READY[s.level]}' for s in found),
        "# HELP bcp_readiness_percent Share of the promises of a playbook that hold.",
        "# TYPE bcp_readiness_percent gauge",
        *(f'bcp_readiness_percent{{playbook="{_label(s.playbook)}"}} {s.number}' for s in found),
        "# HELP bcp_readiness_check 1 for every promise that does not hold, by its state.",
        "# TYPE bcp_readiness_check gauge",
        *(
            f'bcp_readiness_check{{code="{c.code}",subject="{_label(c.subject)}",state="{c.state}"}} 1'
            for c in reasons(checks)
        ),
        "# HELP bcp_readiness_checks Promises that were looked at, by state.",
        "# TYPE bcp_readiness_checks gauge",
        *(f'bcp_readiness_checks{{state="{s}"}} {sum(1 for c in checks if c.state == s)}' for s in STATES),
        "# HELP bcp_readiness_looked_seconds When readiness was looked at last, in epoch seconds.",
        "# TYPE bcp_readiness_looked_seconds gauge",
        f"bcp_readiness_looked_seconds {at:.0f}",
    ]
    return "\n".join(out) + "\n"


def _label(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
