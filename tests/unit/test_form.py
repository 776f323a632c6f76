"""What Twilio gets is what the standard library would send."""

from __future__ import annotations

from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from bcp.kit.twilio import form

VALUES = st.text(st.characters(codec="utf-8")) | st.from_regex(r"\A\+?[0-9٠-٩]{0,16}\Z") | st.integers() | st.lists(st.text(st.characters(codec="utf-8")), max_size=3)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), VALUES, min_size=1))
def test_a_form_is_quoted_as_the_standard_library_does(data) -> None:
    """Every text, number and list."""
    assert form(data) == urlencode(data, doseq=True).encode()


def test_nothing_is_no_body() -> None:
    """As with GET."""
    assert form({}) is None and form(None) is None and form([("a", "b")]) == b"a=b"
