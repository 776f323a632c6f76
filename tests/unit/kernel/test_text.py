"""Text from outside does nothing where it is shown."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.log import _Redacting
from bcp.kernel.text import for_slack, for_terminal, one_line, sound


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("MX \x1b[2J\x1b]0;owned\x07 down\r\n12:00 answered", "MX [2J ]0;owned down 12:00 answered"),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("Müller 👩\u200d💻 नि\u200dx", "Müller 👩\u200d💻 नि\u200dx"),
        ("plain", "plain"),
        ("a\ud800b", "a b"),
        ("", ""),
    ],
)
def test_one_line(text, shown) -> None:
    """No control, no direction, no second line."""
    assert one_line(text) == shown


def test_one_line_is_cut_with_a_mark() -> None:
    """At the limit, not before."""
    assert (
        one_line("abcdef", 6) == "abcdef"
        and one_line("abcdefg", 6) == "abcde…"
        and len(one_line("\x00" * 50 + "x" * 50, 6)) == 6
    )


@given(st.text())
def test_one_line_is_printable(text) -> None:
    """Whatever comes."""
    found = one_line(text)
    assert all(c.isprintable() or c in "\u200d\u200c" for c in found) and one_line(found) == found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;31mred\x1b[0m\n\tx", "\x1b[1;31mred\x1b[0m\n\tx"),
        ("\x1b[2Jx", "\ufffd[2Jx"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("\x1b[31", "\ufffd[31"),
        ("\x1b[99999999m", "\ufffd[99999999m"),
        ("a\rb", "ab"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("\x1b", "\ufffd"),
    ],
)
def test_for_terminal(text, shown) -> None:
    """Only colours and line breaks are obeyed."""
    assert for_terminal(text) == shown


def test_for_slack() -> None:
    """No mention, no link; what was escaped is shown as it was written."""
    assert (
        for_slack("<!channel> <https://evil|click> a & b &lt;")
        == "&lt;!channel&gt; &lt;https://evil|click&gt; a &amp; b &amp;lt;"
    )


def test_a_log_line_is_one_line() -> None:
    """An alert's title cannot write another entry."""
    record = logging.LogRecord("bcp", logging.WARNING, "x", 1, "hook: %s", ("a\n2026-01-01 INFO forged",), None)
    assert "\n" not in _Redacting("%(levelname)s %(message)s").format(record)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", ""), ("plain", "plain"), ("M\xfcnchen \u6771", "M\xfcnchen \u6771"), ("a\ud800b", "a\ufffdb"),
     ("\udfff", "\ufffd"), ("\U0001f600", "\U0001f600"), ("\x00", "\x00")],
)  # fmt: skip
def test_what_cannot_be_written_is_marked(text, wanted) -> None:
    """Lone surrogates alone: everything else is UTF-8."""
    assert sound(text) == wanted
    sound(text).encode()


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_any_text_can_be_written(text) -> None:
    """And what could be written before is the same."""
    assert sound(text).encode()[:0] == b"" and (sound(text) == text or any("\ud800" <= c <= "\udfff" for c in text))
