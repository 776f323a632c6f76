"""Contacts at rest: read with their key, and believed only as they were signed."""

from __future__ import annotations

import base64

import pytest

from bcp.contacts.seal import decrypt, encrypt, new_signing_key
from bcp.kernel.errors import Invalid, Refused

KEY, NONCE, PEOPLE = "k" * 32, b"n" * 12, [{"id": "anna", "phone": "+4930123456"}]
HEAD = {"taken_at": 1.0, "source": "test", "count": 1}
PRIVATE, PUBLIC = new_signing_key()


def flipped(text: str) -> str:
    """One bit of what stands in it is another."""
    raw = bytearray(base64.b64decode(text))
    raw[len(raw) // 2] ^= 1
    return base64.b64encode(raw).decode()


def refused(envelope: dict, key: str = KEY, trusted: str = "") -> str:
    """By which rule. What is refused shows nothing of what is in it."""
    with pytest.raises(Refused) as caught:
        decrypt(envelope, key, trusted)
    assert "anna" not in str(caught.value) and caught.value.hint
    return caught.value.rule


def test_it_is_read_with_its_key_and_hides_everything_without() -> None:
    envelope = encrypt(HEAD, PEOPLE, KEY, NONCE)
    assert decrypt(envelope, KEY) == PEOPLE and decrypt(envelope, f" {KEY}\n") == PEOPLE
    assert "anna" not in str(envelope) and envelope["count"] == 1


@pytest.mark.parametrize("signed", [False, True])
def test_another_key_does_not_open_it(signed) -> None:
    """Also where the signature is right."""
    envelope = encrypt(HEAD, PEOPLE, KEY, NONCE, PRIVATE if signed else "")
    assert refused(envelope, "x" * 32, PUBLIC if signed else "") == "contacts.key"


@pytest.mark.parametrize("what", ["data", "nonce"])
def test_what_was_altered_is_not_read(what) -> None:
    """One bit is enough."""
    envelope = encrypt(HEAD, PEOPLE, KEY, NONCE)
    assert refused({**envelope, what: flipped(envelope[what])}) == "contacts.key"


@pytest.mark.parametrize("change", [{"taken_at": 2.0}, {"source": "other"}, {"count": 2}, {"more": 1}])
def test_a_readable_line_above_it_cannot_be_changed(change) -> None:
    """An old snapshot is not made young by its date."""
    assert refused({**encrypt(HEAD, PEOPLE, KEY, NONCE), **change}) == "contacts.key"


def test_who_has_the_key_cannot_put_in_other_people() -> None:
    """The key opens it on every machine; only the signing key makes it."""
    forged = encrypt(HEAD, [{"id": "mallory"}], KEY, NONCE)
    assert refused(forged, trusted=PUBLIC) == "contacts.signature"
    assert refused(encrypt(HEAD, PEOPLE, KEY, NONCE, new_signing_key()[0]), trusted=PUBLIC) == "contacts.signature"
    genuine = encrypt(HEAD, PEOPLE, KEY, NONCE, PRIVATE)
    assert decrypt(genuine, KEY, PUBLIC) == PEOPLE
    moved = {**forged, "signature": genuine["signature"]}
    assert refused(moved, trusted=PUBLIC) == "contacts.signature"
    assert refused({**genuine, "signature": flipped(genuine["signature"])}, trusted=PUBLIC) == "contacts.signature"
    assert refused({**genuine, "taken_at": 2.0}, trusted=PUBLIC) == "contacts.signature"


@pytest.mark.parametrize("broken", [{}, {"data": "x"}, {"nonce": "", "data": ""}, {"nonce": "ä", "data": "ä"}])
def test_what_is_no_snapshot_is_said(broken) -> None:
    """Another mistake than a wrong key."""
    with pytest.raises(Invalid):
        decrypt(broken, KEY)
