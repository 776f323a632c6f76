"""Small plots as geometry: what is seen becomes rectangles and lines that a template draws as SVG. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bcp.pages.palette import tone

WIDTH, FLOOR, HEAD = 600, 100, 4
"""Units of a curve's drawing: the floor is where nothing is, the head is what stays free at the top."""
BAR, GAP, TALL = 8, 2, 20
"""Units of a strip: a bar, the space after it, and the height of a bar that says *down*."""
_HEIGHTS = {"ok": 6, "soft": 3, "busy": 10, "warn": 13, "bad": TALL}


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle of a strip or of a row of a chart."""

    tone: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Strip:
    """What a plane was in its last rounds, the oldest first."""

    bars: tuple[Bar, ...]
    width: int
    words: str


def strip(states: Sequence[str], most: int) -> Strip:
    """A bar for each state; the height says the same as the colour. ``most`` rounds have room."""
    shown = list(states)[-most:]
    bars = []
    for i, state in enumerate(shown):
        kind = "soft" if state == "unknown" else tone(state) or "soft"
        height = _HEIGHTS[kind]
        bars.append(Bar(kind, i * (BAR + GAP), TALL - height, BAR, height))
    return Strip(tuple(bars), most * (BAR + GAP), _counted(shown))


def _counted(states: Sequence[str]) -> str:
    if not states:
        return "no round yet"
    counts = {s: states.count(s) for s in dict.fromkeys(states)}
    said = ", ".join(f"{n} {s}" for s, n in sorted(counts.items(), key=lambda c: -c[1]))
    return f"last {len(states)} round{'s' if len(states) > 1 else ''}: {said}"


@dataclass(frozen=True, slots=True)
class Curve:
    """Something that is counted over time."""

    points: str
    area: str
    caption: str
    words: str
    first: str
    last: str
    most: str
    width: int = WIDTH
    floor: int = FLOOR


def curve(series: Sequence[tuple[float, float]], caption: str, first: str, last: str) -> Curve | None:
    """A line through (time, count), the oldest first; ``None`` for less than two points, which are no line."""
    if len(series) < 2:
        return None
    began, ended = series[0][0], series[-1][0]
    most = max(max(n for _, n in series), 1.0)
    span = max(ended - began, 0.001)
    places = [
        (max(0.0, min(1.0, (at - began) / span)) * WIDTH, FLOOR - max(0.0, n) / most * (FLOOR - HEAD))
        for at, n in series
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    words = f"{caption}: {series[0][1]:g} at {first}, {series[-1][1]:g} at {last}, {most:g} at most"
    return Curve(points, f"0,{FLOOR} {points} {WIDTH},{FLOOR}", caption, words, first, last, f"{most:g}")


def spans(rows: Sequence[tuple[str, float, float | None]]) -> tuple[list[Bar], float]:
    """Bars for (state, from, to) in seconds, on one line of time 0 to 1000 units; and how many seconds it is long.

    ``to`` is ``None`` for what is not over: its bar reaches the end. Nothing is thinner than can be seen.
    """
    end = max((to if to is not None else begin for _, begin, to in rows), default=0.0)
    end = max(end, 0.001)
    bars = []
    for state, begin, to in rows:
        x = min(1000.0 * begin / end, 994.0)
        width = min(max(6.0, 1000.0 * ((to if to is not None else end) - begin) / end), 1000.0 - x)
        bars.append(Bar(tone(state) or "busy", round(x, 1), 4, round(width, 1), 12))
    return bars, end
