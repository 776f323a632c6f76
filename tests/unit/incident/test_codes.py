"""Codes and links: what is found in a text, what is genuine, and what is stored."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.incident import codes
from bcp.incident.codes import codes_in, link_holds, link_nonce, new_code, new_link, sealed
from bcp.kernel.errors import Invalid

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("123456", ["123456"]),
        ("yes 123 456, please", ["123456"]),
        ("123-456", ["123456"]),
        ("1-2-3-4-5-6", ["123456"]),
        ("123  456", []),
        ("123.456", []),
        ("12345", []),
        ("1234567", []),
        ("a123456", []),
        ("123456b", []),
        ("A123456", []),
        ("123456Z", []),
        ("123456 654321", ["123456", "654321"]),
        ("123456 654321 123456", ["123456", "654321"]),
        ("654321, 123 456", ["654321", "123456"]),
        ("", []),
    ],
)
def test_codes_in_a_text(text, found) -> None:
    """Six digits that stand alone, each once, in their order; a single space or dash within them does not matter."""
    assert codes_in(text) == found


def test_a_new_code_is_six_digits_that_nobody_has(monkeypatch) -> None:
    """Every digit may come; one that is taken is drawn again."""
    drawn = iter("000000" + "000001")
    seen = []
    monkeypatch.setattr(codes.secrets, "choice", lambda digits: seen.append(digits) or next(drawn))
    assert new_code({"000000"}) == "000001"
    assert set(seen) == {"0123456789"}


def test_what_is_stored_is_a_keyed_digest() -> None:
    """Of all parts, each apart from the next (RFC 2104, SHA-256)."""
    right = hmac.new(KEY, b"q\x1fann\x1fc", hashlib.sha256).hexdigest()
    assert sealed(KEY, "q", "ann", "c") == right
    assert len({sealed(KEY, "qa", "nn"), sealed(KEY, "q", "ann"), sealed(b"x" * 32, "q", "ann")}) == 3


def test_a_link_is_for_one_question_one_person_and_one_plan() -> None:
    """Random, and signed over all three; nothing in it needs quoting in a URL."""
    token = new_link(KEY, "q-1", "ann", "sum")
    assert token != new_link(KEY, "q-1", "ann", "sum")
    assert link_holds(KEY, token, "q-1", "ann", "sum")
    for key, question, person, checksum in (
        (b"x" * 32, "q-1", "ann", "sum"),
        (KEY, "q-2", "ann", "sum"),
        (KEY, "q-1", "bob", "sum"),
        (KEY, "q-1", "ann", "other"),
    ):
        assert not link_holds(key, token, question, person, checksum)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(token) == 32 and len(link_nonce(token)) == 12


def test_a_link_is_signed_as_it_is_written_down() -> None:
    """The form of the mark is kept: links that are out stay good over an update."""
    nonce = bytes(range(12))
    mark = hmac.new(KEY, b"link\x1f" + nonce + b"q\x1fann\x1fsum", hashlib.sha256).digest()[:12]
    token = base64.urlsafe_b64encode(nonce + mark).decode().rstrip("=")
    assert link_nonce(token) == nonce and link_holds(KEY, token, "q", "ann", "sum")


@given(st.text(max_size=40))
def test_anything_else_is_no_link(text) -> None:
    """Refused in words, and never believed."""
    try:
        assert len(link_nonce(text)) == 12
    except Invalid as error:
        assert "no link of ours" in str(error)
        with pytest.raises(Invalid):
            link_holds(KEY, text, "q", "ann", "sum")
    else:
        assert not link_holds(KEY, text, "q", "ann", "sum")


@pytest.mark.parametrize("size", [0, 1, 12, 23, 25, 48])
def test_a_link_of_another_length_is_none(size) -> None:
    with pytest.raises(Invalid, match="no link of ours"):
        link_nonce(base64.urlsafe_b64encode(bytes(size)).decode().rstrip("="))
