"""What is exported is read back as the same people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contacts.csv_file import protect
from bcp.contacts.export import to_csv
from bcp.contacts.load import load_contacts
from bcp.contacts.row import clean
from bcp.contracts.contact import Contact

NAMES = st.text(max_size=12).map(clean)
WORDS = st.lists(st.text(alphabet="ab-ü 1", min_size=1, max_size=6).map(clean).filter(bool), max_size=3, unique=True)


@st.composite
def contacts(draw):
    """People with names of any characters."""
    ids = draw(st.lists(st.from_regex(r"[a-zäöü][a-z0-9._@+']{0,8}", fullmatch=True), unique=True, max_size=4))
    return [
        Contact(
            i, name=draw(NAMES), title=draw(NAMES), email=draw(st.sampled_from(["", "a@x.example"])),
            phone=draw(st.sampled_from(["", "+491701234567"])), groups=tuple(draw(WORDS)),
        )
        for i in ids
    ]  # fmt: skip


@given(contacts())
def test_round_trip(tmp_path_factory, people) -> None:
    """Empty cells stay empty, formulas are text, lists are lists."""
    path = tmp_path_factory.mktemp("x") / "out.csv"
    path.write_text(to_csv(people), encoding="utf-8")
    assert list(load_contacts(path)) == people


def test_formulas_are_text_for_spreadsheets() -> None:
    """OWASP's list of first characters; numbers are left alone."""
    assert protect("=1+1") == "'=1+1" and protect("@x") == "'@x" and protect("-x") == "'-x" and protect("\tx") == "'\tx"
    assert protect("+4930") == "+4930" and protect("") == "" and protect("Anna") == "Anna"


def test_masked() -> None:
    """Addresses are hidden, empty ones stay empty."""
    text = to_csv([Contact("a", phone="+491701234567")], lambda t: "***")
    assert text.splitlines()[1].split(",")[2:4] == ["", "***"]


@pytest.mark.parametrize("title", ["'=x", "''+", "'", "''", "'x", "'@", "it's =", "=x"])
def test_apostrophes_come_back(tmp_path, title) -> None:
    """One that a person wrote is not taken for the one that keeps spreadsheets from running a cell."""
    path = tmp_path / "out.csv"
    path.write_text(to_csv([Contact("a", title=title)]), encoding="utf-8")
    assert load_contacts(path) == (Contact("a", title=title),)
