"""The list of recipients: one form, one head, judged before it is sent."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.errors import Invalid, Refused, Transient
from bcp.relay_kit.recipients import Change, Listing, addresses_in, change, gather, judge, parse, render, signed


def test_addresses_are_ours_in_one_form_each_once() -> None:
    found = gather(
        ["Alice@Corp.test", " alice@corp.test ", "guest_x#ext#@corp.onmicrosoft.com", "b@two.test", "nonsense",
         "a b@corp.test",
         "@corp.test", "x@sub.corp.test", '"q q"@corp.test'],
        ["corp.test", "Two.test"],
    )  # fmt: skip
    assert found.addresses == {"alice@corp.test", "b@two.test"} and found.foreign == 2
    assert found.odd == ("nonsense", "a b@corp.test", "@corp.test", '"q q"@corp.test')


def test_files_are_read_as_exchange_writes_them() -> None:
    text = '\ufeff# ours\nA@x.test  # comment\nSMTP:b@x.test\n\nsmtp:C@x.test\r\n"d@x.test"\nno address\n'
    assert addresses_in(text) == ["A@x.test", "b@x.test", "C@x.test", "d@x.test"]


@given(
    st.frozensets(st.from_regex(r"[a-z0-9._+-]{1,20}@[a-z]{1,10}\.test", fullmatch=True), max_size=30),
    st.integers(0, 2**40),
)
def test_a_list_comes_back_as_it_was(addresses, made) -> None:
    listing = Listing("mx-backup", made, addresses)
    assert parse(render(listing)) == listing


@pytest.mark.parametrize("text", ["", "# no list has come yet\n", "# a\n\n# b\n"])
def test_no_list_is_no_list(text) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "<html>\n",
        "alice@corp.test OK\n",
        render(Listing("r", 1, frozenset({"a@b.test", "c@b.test"}))).rsplit("\n", 2)[0] + "\n",
        render(Listing("r", 1, frozenset({"a@b.test"}))).replace("made: 1", "made: soon"),
        render(Listing("r", 1, frozenset())).replace("count: 0", "count: 1"),
    ],
)
def test_half_a_list_or_something_else_is_said(text) -> None:
    with pytest.raises(Transient):
        parse(text)


def test_what_is_sent_is_the_signature_and_then_the_list() -> None:
    first, rest = signed("list\nmore\n", b"\x00\xff").split(b"\n", 1)
    assert base64.b64decode(first) == b"\x00\xff" and rest == b"list\nmore\n"


def listing(count: int) -> Listing:
    return Listing("r", 1, frozenset(f"u{i}@x.test" for i in range(count)))


@pytest.mark.parametrize(
    ("before", "after", "rule"),
    [
        (None, 5, ""), (listing(10), 10, ""), (listing(10), 9, ""), (listing(10), 8, "recipients.drop"),
        (listing(100), 89, "recipients.drop"), (listing(100), 90, ""), (listing(3), 0, "recipients.empty"),
        (None, 0, "recipients.empty"),
    ],
)  # fmt: skip
def test_a_tenth_may_vanish_and_no_more_without_a_word(before, after, rule) -> None:
    moved = change(before, listing(after).addresses)
    if not rule:
        judge(moved, 0.1, accepted=False)
        return
    with pytest.raises((Invalid, Refused)) as no:
        judge(moved, 0.1, accepted=False)
    assert no.value.rule == rule
    if rule == "recipients.empty":
        with pytest.raises(Invalid):
            judge(moved, 0.1, accepted=True)
    else:
        judge(moved, 0.1, accepted=True)


def test_replacing_people_counts_as_losing_them() -> None:
    """As many as before, and nobody of them."""
    moved = change(listing(10), {f"new{i}@x.test" for i in range(10)})
    with pytest.raises(Refused):
        judge(moved, 0.1, accepted=False)


def test_changes_are_told_by_name_and_not_all_of_them() -> None:
    text = str(Change(tuple(f"a{i}" for i in range(30)), ("gone",), 5, 34))
    assert (
        text.startswith("34 recipients (5 before): 30 new, 1 gone\n  +a0") and "-gone" in text and "and 10 more" in text
    )
