"""Reporting clocks as data: what is due when, counted from what. Computed and shown; never filed by us."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, ValidationError

from bcp.contracts.plugin import Duration, Model
from bcp.kernel.document import explain, read
from bcp.kernel.errors import Invalid

Moment = Literal["aware", "classified", "initial-sent", "notified"]
MOMENTS: tuple[Moment, ...] = ("aware", "classified", "initial-sent", "notified")


class AtMost(Model):
    """A second limit; the earlier one counts."""

    counted_from: Moment
    """From when."""
    within: Duration
    """How long."""


class ReportingClock(Model):
    """One duty."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    """Its name."""
    rule: str
    """Which rule says so."""
    recipient: str
    """To whom."""
    counted_from: Moment
    """From when: `aware`, `classified` (as major), `initial-sent`, `notified`."""
    within: Duration
    """How long."""
    at_most: AtMost | None = None
    """A second limit."""
    draft: str = ""
    """Message that drafts it."""
    source: str
    """Where it is written."""


class ClocksFile(Model):
    """Reporting clocks, version 1."""

    version: Literal[1]
    """Version of the format."""
    clocks: list[ReportingClock] = Field(min_length=1)
    """The duties."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a duty is due; ``at`` is ``None`` while what it counts from has not happened."""

    clock: ReportingClock
    at: float | None
    counted_from: str


def load_clocks(path: Path) -> list[ReportingClock]:
    """Read the file. Raises ``Invalid`` with positions."""
    document = read(path)
    try:
        return ClocksFile.model_validate(document.data).clocks
    except ValidationError as error:
        raise Invalid.of(explain(document, error, (), ClocksFile)) from error


def due(clocks: list[ReportingClock], happened: Mapping[str, float]) -> list[Due]:
    """Every duty with its time, the earliest first, those that have not begun last."""
    out = []
    for clock in clocks:
        limits = [(clock.counted_from, clock.within)] + (
            [(clock.at_most.counted_from, clock.at_most.within)] if clock.at_most else []
        )
        known = [(happened[m] + within, m) for m, within in limits if m in happened]
        at, moment = min(known, default=(None, clock.counted_from))
        out.append(Due(clock, at, moment))
    return sorted(out, key=lambda d: (d.at is None, d.at or 0.0, d.clock.name))
