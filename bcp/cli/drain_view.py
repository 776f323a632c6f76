"""How a drain stands, in one line. No plug-in, no vendor: ``bcp status`` shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bcp.kernel.units import format_duration

if TYPE_CHECKING:
    from bcp.contracts.drain import DrainStatus

SHOWN_S = 7 * 86400.0
"""A drain that ended is shown for so long."""


_WAITS = {
    "canary": "the first few are on their way, and the others wait until these are through",
    "done": "it watches whether the queue stays empty (quiet:)",
}
"""What it waits for, while somebody drives it."""


def line(status: DrainStatus, *, driven: bool) -> str:
    """One drain."""
    text = f"Drain of {status.relay}: {status.state}, {status.waiting} left, {status.gone} gone"
    if status.refused:
        text += f", {status.refused} refused for good"
    if status.throttled:
        text += f", throttled {status.throttled} times"
    if status.state in {"canary", "running"} and driven:
        text += f", {status.rate:g} a second, about {format_duration(status.seconds_left)} more"
    if status.why:
        text += f" ({status.why})"
    if driven and (waits := _WAITS.get(status.state)):
        text += f": {waits}"
    if status.state != "done" and not driven:
        text += ". Nobody drives it: bcp relay drain goes on"
    return text


def drains_of(state: Path, now: float) -> tuple[list[str], list[dict[str, Any]]]:
    """Drains of the last days, as lines and as data."""
    if not (state / "drains").is_dir():
        return [], []
    from dataclasses import asdict

    from bcp.store.files.drains import DrainFiles

    book = DrainFiles(state)
    found = [(s, book.driven(s.relay)) for s in book.all() if now - s.at < SHOWN_S or s.state != "done"]
    return [line(s, driven=d) for s, d in found], [{**asdict(s), "driven": d} for s, d in found]
