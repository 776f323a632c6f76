"""What a report must say of the clock by which something was played or run. Asked when it begins, because nobody can
ask it afterwards."""

from __future__ import annotations

from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError
from bcp.kit import sntp
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
    far it was from each time server of ``readiness: time:``, and from the vendors' clocks, at the last look."""
    said = f"clock of this machine, UTC; {SAYS[sntp.kept_by_kernel()]}"
    return "; ".join([said, *_compared(app)])


def _compared(app: App) -> list[str]:
    """What the newest look at readiness found, where it is recent. A store that cannot be read says nothing."""
    try:
        last = app.running.readiness.last()
    except BcpError:
        return []
    if last is None or not 0 <= app.clock.now() - last.at <= RECENT_S:
        return []
    found = [
        c for c in last.checks if c.code in {"clock-offset", "clock-vendors"} and c.state in {"ok", "risk", "fail"}
    ]
    return [f"compared at {iso(last.at)}: {c.says}" for c in found]
