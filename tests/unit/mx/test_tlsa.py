"""DANE for SMTP as RFC 7672 has it: usages, selectors, matching types, chains."""

from __future__ import annotations

import hashlib
import itertools

import pytest

from bcp.mx.tlsa import Certificate, Match, Shown, Tlsa, judge, parse

LEAF, CA = Certificate(b"leaf certificate", b"leaf key"), Certificate(b"ca certificate", b"ca key")
SHOWN = Shown("192.0.2.9", True, (LEAF, CA))


def data(raw: bytes, matching: int) -> str:
    return {0: raw.hex(), 1: hashlib.sha256(raw).hexdigest(), 2: hashlib.sha512(raw).hexdigest()}[matching]


def record(usage, selector, matching, certificate=LEAF) -> str:
    return f"{usage} {selector} {matching} {data(certificate.spki if selector else certificate.der, matching)}"


@pytest.mark.parametrize(("usage", "selector", "matching"), list(itertools.product((2, 3), (0, 1), (0, 1, 2))))
def test_every_usable_kind_of_record_matches_what_it_is_about(usage, selector, matching) -> None:
    """Two usages, two selectors, three ways of matching."""
    certificate = LEAF if usage == 3 else CA
    assert judge([record(usage, selector, matching, certificate)], [SHOWN]) is Match.OK
    other = Certificate(b"other", b"another")
    assert judge([record(usage, selector, matching, other)], [SHOWN]) is Match.MISMATCH


@pytest.mark.parametrize("usage", [0, 1])
def test_pkix_usages_are_unusable_even_where_they_match(usage) -> None:
    """RFC 7672 section 3.1.3."""
    assert judge([record(usage, 1, 1)], [SHOWN]) is Match.UNUSABLE
    assert judge([record(usage, 1, 1), record(3, 1, 1)], [SHOWN]) is Match.OK
    assert judge([record(usage, 1, 1), record(3, 1, 1, CA)], [SHOWN]) is Match.MISMATCH


@pytest.mark.parametrize(
    "text",
    [
        "3 2 1 " + "0" * 64,
        "3 1 3 " + "0" * 64,
        "3 1 1 " + "0" * 63,
        "3 1 1 " + "0" * 65,
        "3 1 2 " + "0" * 64,
        "2 0 1 00",
        "no record",
        "",
        "3 1 1",
        "3 1 1 xyz",
        "-3 1 1 " + "0" * 64,
    ],
)
def test_what_senders_do_not_understand_is_unusable(text) -> None:
    assert judge([text], [SHOWN]) is Match.UNUSABLE


def test_an_end_entity_record_is_about_the_hosts_own_certificate_only() -> None:
    """The authority's key in a 3 1 1 record matches nothing."""
    assert judge([record(3, 1, 1, CA)], [SHOWN]) is Match.MISMATCH
    assert judge([record(2, 1, 1, LEAF)], [SHOWN]) is Match.OK  # a host may be its own trust anchor


def test_a_trust_anchor_needs_the_hosts_name_in_the_certificate_and_an_end_entity_does_not() -> None:
    """RFC 7672 sections 3.1.1 and 3.1.2."""
    nameless = Shown("192.0.2.9", True, (LEAF, CA), names_host=False)
    assert judge([record(2, 1, 1, CA)], [nameless]) is Match.MISMATCH
    assert judge([record(3, 1, 1)], [nameless]) is Match.OK


def test_what_was_not_seen_is_not_judged() -> None:
    digest = Certificate(spki_sha256=hashlib.sha256(LEAF.spki).hexdigest())
    only_digest = Shown("192.0.2.9", True, (digest,))
    assert judge([record(3, 1, 1)], [only_digest]) is Match.OK
    assert judge([record(3, 1, 1, CA)], [only_digest]) is Match.MISMATCH
    assert judge([record(3, 0, 1)], [only_digest]) is Match.NOT_SEEN
    assert judge([record(3, 1, 2)], [only_digest]) is Match.NOT_SEEN
    assert judge([record(3, 1, 1)], [Shown("192.0.2.9", True)]) is Match.NOT_SEEN
    assert judge([record(3, 1, 1)], []) is Match.NOT_SEEN


def test_a_trust_anchor_that_was_not_sent_along_is_not_judged() -> None:
    assert judge([record(2, 1, 1, CA)], [Shown("192.0.2.9", True, (LEAF,))]) is Match.NOT_SEEN


def test_no_records_need_nothing_and_records_need_tls() -> None:
    assert judge([], []) is Match.NO_RECORDS is judge([], [Shown("a", False)])
    assert judge([record(3, 1, 1)], [SHOWN, Shown("192.0.2.10", False)]) is Match.NO_TLS


def test_the_worst_address_counts() -> None:
    """A sender may take any of them."""
    bad = Shown("192.0.2.10", True, (CA,))
    assert judge([record(3, 1, 1)], [SHOWN, bad]) is Match.MISMATCH
    assert judge([record(3, 1, 1)], [SHOWN, Shown("192.0.2.10", True), bad]) is Match.MISMATCH
    assert judge([record(3, 1, 1)], [SHOWN, Shown("192.0.2.10", True)]) is Match.NOT_SEEN


def test_text_is_read_as_servers_print_it() -> None:
    """In upper case, with the data in groups."""
    assert parse("3 1 1 ABCD EF01") == Tlsa(3, 1, 1, "abcdef01")
    assert str(Tlsa(3, 1, 1, "0123456789")) == "3 1 1 01234567..."
    assert parse("3 1 x 00") is None is parse("3 1 1 0g")
    assert not Tlsa(3, 1, 0, "").usable and Tlsa(3, 1, 0, "00").usable


def test_each_record_is_tried_whichever_does_not_speak_of_this_host() -> None:
    """A DANE-TA record of a certificate that does not name the host is passed over, and the next one counts."""
    der = b"leaf"
    own = Certificate(der=der, spki=b"key")
    shown = Shown("192.0.2.1", True, (own,), names_host=False)
    records = ["2 0 0 " + b"ca".hex(), "3 0 0 " + der.hex()]
    assert judge(records, [shown]) is Match.OK
    assert judge(records[:1], [shown]) is Match.MISMATCH
