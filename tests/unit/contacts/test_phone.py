"""Numbers as people write them: the right one, or none; never a wrong one."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contacts.phone import check_phone


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+491701234567", "+491701234567"),
        ("+49 170 1234567", "+491701234567"),
        ("+49 (0)170 1234567", "+491701234567"),
        ("+49 (0) 170 / 123 45 67", "+491701234567"),
        ("+49(0)170-1234567", "+491701234567"),
        ("+49 0170 1234567", "+491701234567"),
        ("+44 (0)7911 123456", "+447911123456"),
        ("+41 (0) 79 123 45 67", "+41791234567"),
        ("+39 06 698 12345", "+390669812345"),  # Italy keeps its zero
        ("+1 (212) 736-5000", "+12127365000"),
        ("tel:+49-170-1234567", "+491701234567"),
        ("\u202a+49 170 1234567\u202c", "+491701234567"),  # copied from Windows' address book
        ("\uff0b\uff14\uff19 170 1234567", "+491701234567"),  # full width
        ("+49\u00a0170\u20111234567", "+491701234567"),  # no-break space and hyphen
        ("'+491701234567", "+491701234567"),  # a spreadsheet's mark of text
        ("+1 500 555 0006", "+15005550006"),  # Twilio's magic number
        ("+1 202 555 0143", "+12025550143"),  # set aside for fiction
        ("(+49) 170 1234567", "+491701234567"),
        ("+49 (170) 1234567", "+491701234567"),
        ("+49 36482 / 12345", "+493648212345"),  # the longest area codes have five digits
        ("+49 30 123456-57", "+4930123456" + "57"),  # DIN 5008: the direct dial is a part of the number
        ("+1 (202) / 736-5000", "+12027365000"),
        ("", ""),
        ("   ", ""),
    ],
)
def test_a_number_is_read(written, number) -> None:
    """Trunk zeros, brackets, marks and spaces are no part of it."""
    assert check_phone(written) == (number, "")


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("0170 1234567", "international"),
        ("00491701234567", "international"),
        ("491701234567", "international"),
        ("+49 30 123456/57", "more than one"),
        ("+49 30 123456, +49 30 123457", "more than one"),
        ("+491701234567;+491701234568", "more than one"),
        ("+49 170 1234567 oder +49 170 1234568", "more than one"),
        ("+491701234567+491701234568", "plus in the middle"),
        ("+49 30 123456 ext. 12", "extension"),
        ("+49 30 123456 x12", "extension"),
        ("tel:+4930123456;ext=12", "extension"),
        ("+49 30 123456 DW 12", "extension"),
        ("+1 800 FLOWERS", "no digits"),
        ("4,91701E+11", "spreadsheet"),
        ("4.91701E+11", "spreadsheet"),
        ("+49*******67", "masked"),
        ("+491701234567.0", "quantity"),  # a column of quantities: its zero would be one more digit
        ("+491701234567,00", "quantity"),
        ("+49 170 1234567\u00b2", "footnote"),  # NFKC makes a digit of it
        ("+49 170 123456\u2077", "footnote"),
        ("+49 170 \u2460234567", "footnote"),
        ("+49 30 12345 / 67890", "whole number"),  # two people's numbers, joined, would be a third one's
        ("+49 30 123456/57890", "whole number"),
        ("+49 30 1234567 (12)", "whole number"),
        ("+49 30 123456-57/-58", "whole number"),
        ("+49 170 1234567 (0)", "zero in brackets"),
        ("+49 30 (0) 123456", "zero in brackets"),
        ("+999 123456789", "country"),
        ("+49 170", "international"),
        ("+4917012345678901", "international"),
        ("+44 7911 12345678", "wrong length"),
        ("+49 000 000000", "valid"),
        ("\u0664\u0669", "no digits"),
        ("+", "international"),
    ],
)
def test_a_doubtful_number_is_refused(written, why) -> None:
    """With a reason that its owner understands."""
    number, reason = check_phone(written)
    assert number == "" and why in reason


@given(st.text(alphabet="+0123456789 ()/-.x;,'e*\u202a", max_size=24))
def test_what_is_called_good_is_a_number(text) -> None:
    """Whatever comes in: an accepted number is E.164, and reading it again changes nothing."""
    number, why = check_phone(text)
    assert not (number and why)
    if number:
        parsed = phonenumbers.parse(number, None)
        assert phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
        assert check_phone(number) == (number, "")


@given(st.sampled_from(["DE", "GB", "FR", "US", "CH", "AT", "NL", "PL", "ES", "SE", "IN", "AU", "BR", "ZA", "JP"]))
def test_every_usual_way_of_writing_gives_the_same_number(region) -> None:
    """National trunk zero in brackets, international format, RFC 3966."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    want = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    for form in (phonenumbers.PhoneNumberFormat.INTERNATIONAL, phonenumbers.PhoneNumberFormat.RFC3966):
        assert check_phone(phonenumbers.format_number(example, form))[0] == want


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("+49 170 123456\n78", "more than one line"),  # as one number: +4917012345678
        ("+49 170 123456\r\n78", "more than one line"),
        ("+49 170 123456\x0b78", "more than one line"),
        ("+49 170 123456\u202878", "more than one line"),
        ("+49 170 123456\x0078", "control character"),
        ("+49 49 170 1234567", "country code twice"),
        ("+4949 1701234567", "country code twice"),
        ('="+491701234567"', "is a formula"),
        ("=+491701234567", "is a formula"),
    ],
)
def test_two_things_in_one_cell_are_not_one_number(written, why) -> None:
    """Two lines, a country code that a column was given twice, a formula."""
    number, reason = check_phone(written)
    assert number == "" and why in reason


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+491701234567\r\n", "+491701234567"),
        ("\0+49\t170 1234567\0", "+491701234567"),
        ("+49 491 7012345", "+494917012345"),  # Leer in East Frisia
        ("+39 393 1234567", "+393931234567"),  # an Italian mobile
    ],
)
def test_what_only_looks_doubled_or_cut_is_good(written, number) -> None:
    assert check_phone(written) == (number, "")
