"""When it is decided, and what happens when if nothing is done. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.detect.rules import GIVE_UP, Rules
from bcp.detect.verdict import SWITCHES


def decide_after(classes: Sequence[str], planes: Sequence[str], rules: Rules) -> float | None:
    """Seconds of failure after which the classes that move MX are decided.
    E counts only where the MX host does not resolve."""
    times = [
        rules.decide_s(c)
        for c in classes
        if c in "BF" or (c == "E" and "dns" in planes)  # DNS errors bounce; a dead web front door does not
    ]
    known = [t for t in times if t is not None]
    return min(known) if known else None


def clock_of(classes: Sequence[str], since: float | None, decide: float | None) -> tuple[tuple[float, str], ...]:
    """What happens when, if nothing is done, in order."""
    if since is None or not any(c in SWITCHES for c in classes):
        return ()
    out = [(decide, "decide")] if decide is not None else []
    if "F" in classes:
        out.append((since, "mail bounces for good, every minute"))
    return tuple(sorted([*out, *((since + after, what) for after, what in GIVE_UP)]))
