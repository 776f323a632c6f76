"""Plots as geometry: nothing leaves its drawing, and the height says the same as the colour."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bcp.pages.plots import BAR, FLOOR, GAP, HEAD, TALL, WIDTH, curve, spans, strip

PLANE = st.sampled_from(["ok", "partial", "suspect", "down", "unknown", "never-heard-of"])


@given(st.lists(PLANE, max_size=60), st.integers(1, 40))
def test_a_strip_stays_in_its_drawing_and_shows_the_newest(states, most) -> None:
    made = strip(states, most)
    assert len(made.bars) == min(len(states), most) and made.width == most * (BAR + GAP)
    for i, bar in enumerate(made.bars):
        assert bar.x == i * (BAR + GAP) and bar.x + bar.width <= made.width
        assert 0 <= bar.y and bar.y + bar.height == TALL
    kinds = {"ok": "ok", "partial": "warn", "suspect": "warn", "down": "bad"}
    assert [b.tone for b in made.bars] == [kinds.get(s, "soft") for s in states[-most:]]


def test_worse_is_taller() -> None:
    heights = [strip([s], 1).bars[0].height for s in ("unknown", "ok", "suspect", "down")]
    assert heights == sorted(heights) and len(set(heights)) == 4 and heights[-1] == TALL


def test_a_strip_says_in_words_what_it_shows() -> None:
    assert strip([], 24).words == "no round yet"
    assert strip(["ok"], 24).words == "last 1 round: 1 ok"
    assert strip(["ok", "down", "down"], 24).words == "last 3 rounds: 2 down, 1 ok"
    assert strip(["ok", "down", "down"], 2).words == "last 2 rounds: 2 down"


@given(st.lists(st.tuples(st.floats(0, 1e9), st.integers(-5, 10_000)), min_size=2, max_size=50))
def test_a_curve_stays_in_its_drawing(series) -> None:
    made = curve(sorted(series), "Mails", "a", "b")
    points = [tuple(map(float, p.split(","))) for p in made.points.split()]
    assert len(points) == len(series) and all(0 <= x <= WIDTH and HEAD <= y <= FLOOR for x, y in points)
    assert made.area.startswith(f"0,{FLOOR} ") and made.area.endswith(f" {WIDTH},{FLOOR}")


def test_a_curve_needs_two_points() -> None:
    assert curve([], "Mails", "a", "b") is None and curve([(1.0, 2.0)], "Mails", "a", "b") is None


def test_a_curve_says_its_first_last_and_most() -> None:
    made = curve([(0.0, 0), (10.0, 40), (20.0, 7)], "Mails", "17:00", "17:20")
    assert made.words == "Mails: 0 at 17:00, 7 at 17:20, 40 at most" and made.most == "40"
    assert made.points == f"0.0,{FLOOR}.0 300.0,4.0 600.0,83.2"


def test_nothing_held_is_a_flat_line_on_the_floor() -> None:
    assert curve([(0.0, 0), (9.0, 0)], "Mails", "a", "b").points == f"0.0,{FLOOR}.0 600.0,{FLOOR}.0"


SPAN = st.tuples(st.sampled_from(["ok", "failed", "running", "?"]), st.floats(0, 1e6), st.none() | st.floats(0, 1e6))


@given(st.lists(SPAN, max_size=30))
def test_spans_stay_on_their_line_and_can_be_seen(rows) -> None:
    rows = [(s, a, None if b is None else max(a, b)) for s, a, b in rows]
    bars, end = spans(rows)
    assert end > 0 and len(bars) == len(rows)
    for bar in bars:
        assert bar.x >= 0 and bar.width >= 5.9 and bar.x + bar.width <= 1000.1


def test_what_is_not_over_reaches_the_end() -> None:
    bars, end = spans([("ok", 0.0, 5.0), ("running", 5.0, None), ("failed", 5.0, 10.0)])
    assert end == 10.0 and [(b.x, b.width) for b in bars] == [(0, 500), (500, 500), (500, 500)]
    assert [b.tone for b in bars] == ["ok", "busy", "bad"]
