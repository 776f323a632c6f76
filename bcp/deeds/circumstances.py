"""What a report must say of the moment at which something began: whose clock it was, and whether anything that was
needed falls with what is down. Asked then, because nobody can ask it afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError
from bcp.kit import sntp
from bcp.playbook.lint_comms import check_shared_fate
from bcp.playbook.load import Loaded
from bcp.wiring import App

RECENT_S = 7200.0
"""A comparison with a time server that is older says nothing of now."""
SAYS = {
    True: "its kernel says that something keeps it right",
    False: "its kernel says that nothing keeps it right",
    None: "whether something keeps it right is not known",
}


def clock_source(app: App) -> str:
    """Whose clock the times are of, whether the kernel says that something keeps it right (``adjtimex(2)``), and how
    far it was from each time server of ``readiness: time:`` at the last look."""
    said = f"clock of this machine, UTC; {SAYS[sntp.kept_by_kernel()]}"
    return "; ".join([said, *_compared(app)])


def _compared(app: App) -> list[str]:
    """What the newest look at readiness found, where it is recent. A store that cannot be read says nothing."""
    if not app.settings.readiness.time:
        return []
    try:
        last = app.running.readiness.last()
    except BcpError:
        return []
    if last is None or not 0 <= app.clock.now() - last.at <= RECENT_S:
        return []
    found = [c for c in last.checks if c.code == "clock-offset" and c.state in {"ok", "risk", "fail"}]
    return [f"compared at {iso(last.at)}: {c.says}" for c in found]


def shared_fate(app: App, playbooks: Sequence[Loaded]) -> dict[str, Any]:
    """What these playbooks need that falls with what is down: ``state`` (ok, risk, unknown), ``chains``, ``at``."""
    at = app.clock.now()
    try:
        catalogue = app.playbooks.catalogue()
        chains = [f"{p.book.name}: {found.message}" for p in playbooks for found in check_shared_fate(p, catalogue)]
    except BcpError as error:
        return {"state": "unknown", "chains": [error.message], "at": at}
    return {"state": "risk" if chains else "ok" if playbooks else "unknown", "chains": chains, "at": at}
