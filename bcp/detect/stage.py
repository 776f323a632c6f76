"""How far an incident is: from healthy to closed. Pure; steady time in, so that a clock that is set does no harm."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bcp.detect.rules import Rules

STAGES = ("healthy", "suspect", "confirmed", "decided", "active", "recovering", "failback", "draining", "closed")
EVENTS = ("decided", "undecided", "active", "undone", "failback", "draining", "closed")
"""What people and runs do; everything else follows from what is seen."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where we are."""

    name: str = "healthy"
    clear_since: float | None = None
    """Steady time since when every plane has been clear."""
    active_since: float | None = None
    """Steady time of the switch."""


def after_event(stage: Stage, event: str, now: float) -> Stage:
    """A person or a run did something. Its word is taken: runs know what they did."""
    if event == "active":
        return Stage("active", None, now)
    if event == "closed":
        return Stage("closed", now, None)
    if event == "undecided":  # the run was turned away or failed: what it had decided is open again
        back = {"decided": "confirmed", "failback": "active", "draining": "active"}
        return replace(stage, name=back.get(stage.name, stage.name))
    if event == "undone":  # MX is back before its time: what is seen now decides whether the outage goes on
        return Stage("confirmed", None, None) if stage.name not in {"healthy", "suspect", "closed"} else stage
    if event in EVENTS:
        return replace(stage, name=event)
    raise ValueError(f"{event!r} is not one of {', '.join(EVENTS)}")


def after_look(stage: Stage, *, down: bool, suspect: bool, clear: bool, now: float, rules: Rules) -> Stage:
    """The stage after one more round. ``clear``: every plane that can be seen is well and none that was down is hidden."""
    clear_since = (stage.clear_since if stage.clear_since is not None else now) if clear else None
    stage = replace(stage, clear_since=clear_since)
    quiet = clear_since is not None and now - clear_since >= rules.keep_firing_for_s
    name = stage.name
    if name in {"healthy", "closed", "suspect"}:
        name = "confirmed" if down else ("suspect" if suspect else ("closed" if name == "closed" else "healthy"))
    elif name in {"confirmed", "decided"}:
        name = "closed" if quiet else name
    elif name == "active":
        name = "recovering" if quiet else name
    elif name == "recovering" and not clear:
        name = "active"
    return replace(stage, name=name)
