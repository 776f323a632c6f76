"""Filters, zones, escaping, and that every template renders strictly."""

from __future__ import annotations

import re

import pytest
from jinja2 import UndefinedError

from bcp.pages.render import capital, chat, duration, environment, lines, machine, page
from bcp.pages.times import Times, listed, plural, zone_of

T = 1_769_109_000.0
HOSTILE = "<b>&\"'</b>\n<script>x</script>"


@pytest.mark.parametrize(
    ("zone", "clock", "name"),
    [
        ("", "19:10", "UTC"),
        ("UTC", "19:10", "UTC"),
        ("Europe/Berlin", "20:10", "CET"),
        ("Asia/Kolkata", "00:40", "IST"),
        ("No/Where", "19:10", "UTC"),
        ("../etc/passwd", "19:10", "UTC"),
    ],
)
def test_times_in_a_zone(zone, clock, name) -> None:
    times = Times(zone)
    assert times.clock(T) == clock and times.name(T) == name and times.minute(T) == f"{clock} {name}"


def test_summer_is_another_offset() -> None:
    assert Times("Europe/Berlin").minute(T + 180 * 86_400) == "21:10 CEST"


@pytest.mark.parametrize("given", [T, "2026-01-22T19:10:00Z", "2026-01-22T20:10:00+01:00"])
def test_seconds_and_iso_mean_the_same(given) -> None:
    assert Times("").when(given) == "22 Jan 19:10:00" and Times("").day(given) == "Thursday 22 January 2026"


@pytest.mark.parametrize("given", [0.0, ""])
def test_no_time_is_no_text(given) -> None:
    times = Times("Europe/Berlin")
    assert {times.when(given), times.clock(given), times.minute(given), times.day(given), times.name(given)} == {""}


def test_a_text_that_is_no_time_is_shown_as_it_is() -> None:
    assert Times("").when("yesterday") == "yesterday" and Times("").clock("yesterday") == ""


def test_machines_get_utc() -> None:
    assert machine(T) == "2026-01-22T19:10:00Z" == machine("2026-01-22T19:10:00Z")


def test_line_breaks_are_kept_and_the_rest_is_escaped() -> None:
    assert lines(HOSTILE) == "&lt;b&gt;&amp;&#34;&#39;&lt;/b&gt;<br>&lt;script&gt;x&lt;/script&gt;"


def test_chat_marks_are_shown_and_nothing_else_becomes_markup() -> None:
    assert chat("*Do not* run `rm -rf` <b>") == "<strong>Do not</strong> run <code>rm -rf</code> &lt;b&gt;"
    assert "<script" not in chat(f"*{HOSTILE}*") and "<img" not in chat("`<img src=x>`")


def test_small_words() -> None:
    assert (
        plural(1, "mail") == "1 mail"
        and plural(0, "mail") == "0 mails"
        and plural(2, "entry", "entries") == "2 entries"
    )
    assert listed([]) == "" and listed(["a"]) == "a" and listed(iter("abc")) == "a, b and c"
    assert (
        capital("dNS fails") == "DNS fails" and capital("") == "" and duration(None) == "" and duration(90) == "1m 30s"
    )


def test_a_missing_value_is_an_error_not_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        page("console/error.html", {})


@pytest.mark.parametrize("name", sorted(environment().list_templates()))
def test_every_template_can_be_compiled_and_escapes(name) -> None:
    made = environment()
    assert made.get_template(name) is not None and made.autoescape is True


@pytest.mark.parametrize("name", [n for n in environment().list_templates() if n.endswith(".html")])
def test_a_fixed_id_stands_once_in_a_template(name) -> None:
    """Labels, links and updates find their element by it: a form that stands there twice is a mistake."""
    loader = environment().loader
    assert loader is not None
    text, _, _ = loader.get_source(environment(), name)
    ids = re.findall(r'\bid="([a-z][a-z0-9-]*)"', text)
    assert sorted(set(ids)) == sorted(ids)


def test_a_zone_of_a_name() -> None:
    assert str(zone_of("Europe/Berlin")) == "Europe/Berlin" and str(zone_of("")) == "UTC"
