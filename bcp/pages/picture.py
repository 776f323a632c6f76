"""The course of an outage as a picture: one bar a milestone on a common line of time, targets as marks; and curves with
axes. Geometry that a template draws as SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

WIDE, TALL = 1000.0, 120.0
"""Units of a drawing."""
FAR = 4.0
"""A target so many times later than everything that happened is not drawn: it would press the rest together."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of the picture: ``x`` is the length of its bar, ``target`` where its target stands, if it is drawn."""

    x: float
    target: float | None = None


def ladder(rows: Sequence[tuple[float, float | None]]) -> tuple[list[Mark], float]:
    """Bars for (seconds after zero, target in seconds), and how many seconds the line of time is long."""
    last = max((after for after, _ in rows), default=0.0)
    drawn = [t for _, t in rows if t is not None and t <= FAR * last]
    end = max([last, *drawn, 0.001])
    marks = [
        Mark(round(WIDE * max(after, 0.0) / end, 1), round(WIDE * t / end, 1) if t is not None and t in drawn else None)
        for after, t in rows
    ]
    return marks, end


@dataclass(frozen=True, slots=True)
class Plot:
    """A line over time: ``points`` of the line, ``area`` under it."""

    points: str
    area: str
    seconds: float
    """How long the line of time is."""


def plot(series: Sequence[tuple[float, float]], top: float, how: Literal["line", "stairs"] = "line") -> Plot | None:
    """(time, value) as a line from the first time to the last; ``None`` for less than two points, which are no line."""
    if len(series) < 2:
        return None
    began, span = series[0][0], max(series[-1][0] - series[0][0], 0.001)
    most = max(top, 0.001)
    places = []
    before: float | None = None
    for at, value in series:
        x = max(0.0, min(1.0, (at - began) / span)) * WIDE
        y = TALL - max(0.0, min(1.0, value / most)) * (TALL - 4)
        if how == "stairs" and before is not None:
            places.append(f"{x:.1f},{before:.1f}")
        places.append(f"{x:.1f},{y:.1f}")
        before = y
    points = " ".join(places)
    return Plot(points, f"0,{TALL:.0f} {points} {WIDE:.0f},{TALL:.0f}", span)
