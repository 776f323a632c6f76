"""Phone numbers as people write them, to E.164 (ITU-T E.164), or a reason why not.
A doubtful number is never called good."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_MOBILE = (1, 2)
"""``PhoneNumberType``: mobile, and fixed line or mobile."""
_SERVICE = (4, 5, 8, 10)
"""Premium rate, shared cost, pager, voicemail."""
_E164 = re.compile(r"^\+[1-9][0-9]{6,14}$")
_TRUNK = re.compile(r"^(\+\s*\d{1,3})\s*(?:\(\s*0+\s*\)\s*)+")
"""``+49 (0)170``: the zero is dialled inside the country only and is no part of the number. Only there: a bracket that
stands further on is an extension, or nobody knows what."""
_ZERO = re.compile(r"\(\s*0+\s*\)")
_BRACKETED = re.compile(r"^\(\s*(\+\s*\d{1,3})\s*\)")
"""``(+49) 170``: the country code in brackets is a country code."""
_DECIMAL = re.compile(r"\d[.,]0+$")
"""``+491701234567.0``: a program took the number for a quantity; the last zero is no digit of it."""
_ALLOWED = re.compile(r"^\+?[0-9\s()./-]*$")
_EXTENSION = re.compile(r"(?i)(?:;ext=|;|\bext(?:ension)?\b\.?|\bdw\b\.?|(?<=[\d\s)])x(?=[\s.]*\d)|#)[\s.:]*\d*\s*$")
_ENDS = " \t\r\n\0"
"""What programs leave around a cell. Inside of one, a line's end parts two numbers."""
_SECOND = re.compile(r"/\s*\d{1,4}\s*$|[,;|]|\boder\b|\bor\b", re.IGNORECASE)
"""``+49 30 123456/57`` stands for two numbers; ``030/123456`` is one, and not in international form."""


def check_phone(text: str) -> tuple[str, str]:
    """The number in E.164 and an empty reason; or an empty number and what is wrong,
    as ``the phone number ...`` goes on."""
    if any(unicodedata.category(c) == "No" for c in text):
        return "", "has a raised or circled digit, which may be a footnote: leave it out"
    whole = text.strip(_ENDS)
    if len(whole.splitlines()) > 1:
        return "", "has more than one line, which may be more than one number: give one"
    if any(unicodedata.category(c) == "Cc" and c != "\t" for c in whole):
        return "", "holds a control character: enter it again"
    plain = _plain(whole)
    if not plain:
        return "", ""
    if why := _unreadable(plain):
        return "", why
    plain = _TRUNK.sub(r"\1 ", plain)
    if _ZERO.search(plain):
        return "", "has a zero in brackets that is not beside the country code: leave it out, or the brackets"
    if any(_number(plain[: found.start()])[0] for found in re.finditer(r"[/(]", plain)):
        return "", "goes on after a whole number: give one number, without what follows it"
    return _number(plain)


def _number(plain: str) -> tuple[str, str]:
    compact = re.sub(r"[\s()./-]", "", plain)
    if not _E164.match(compact):
        return "", "is not in international form"
    return _known(compact)


def _plain(text: str) -> str:
    """Without what address books add: invisible marks, wide digits, ``tel:``, a spreadsheet's apostrophe."""
    wide = unicodedata.normalize("NFKC", text)
    seen = "".join(c for c in wide if unicodedata.category(c) not in {"Cf", "Cc"})
    seen = re.sub(r"[\u2010-\u2015\u2212]", "-", seen).strip().removeprefix("'").strip()
    return _BRACKETED.sub(r"\1 ", re.sub(r"(?i)^tel:", "", seen).strip())


def _unreadable(plain: str) -> str:
    """Empty, or why this text is not one plain number."""
    if plain.startswith("="):
        return "is a formula: export the value, as text"
    if "*" in plain:
        return "is masked: export it with --full"
    if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?[eE]\+?\d+", plain):
        return "was rounded by a spreadsheet: format the column as text and enter it again"
    if _DECIMAL.search(plain):
        return "was taken for a quantity by a program (.0): format the column as text and enter it again"
    if _EXTENSION.search(plain):
        return "has an extension, which cannot be texted: give a direct number"
    if _SECOND.search(plain):
        return "seems to be more than one number: give one"
    if plain.count("+") > 1 or (plain.find("+") > 0):
        return "has a plus in the middle: give one number"
    if not _ALLOWED.match(plain):
        return "holds characters that are no digits"
    return ""


def _known(compact: str) -> tuple[str, str]:
    """What the numbering plans say of it (libphonenumber's tables)."""
    import phonenumbers  # only where numbers come in

    try:
        parsed = phonenumbers.parse(compact, None)
    except phonenumbers.NumberParseException:
        return "", "has a country code that nobody has"
    if not phonenumbers.is_possible_number(parsed):
        return "", "has the wrong length for its country"
    # A trunk zero without brackets (+49 0170 ...) is left out by the tables; Italy's zero stays.
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if not phonenumbers.is_valid_number(parsed) and not _is_fictional(number):
        return "", "is not valid in its country"
    if phonenumbers.number_type(parsed) in _SERVICE:
        return "", "is a service or premium number, which is nobody's own and cannot be texted: give a direct number"
    if _is_doubled(parsed):
        return "", "seems to have its country code twice: write it once"
    return number, ""


def _is_doubled(parsed: Any) -> bool:
    """``+49 49 170 1234567``: a column of ``49170...`` was given ``+49``. The tables take it for a long number of Leer.

    Only what is no mobile number as it stands, and is one without its first country code.
    """
    import phonenumbers  # only where numbers come in

    code, national = str(parsed.country_code), phonenumbers.national_significant_number(parsed)
    if not national.startswith(code) or phonenumbers.number_type(parsed) in _MOBILE:
        return False
    try:
        inner = phonenumbers.parse(f"+{national}", None)
    except phonenumbers.NumberParseException:
        return False
    return (
        phonenumbers.is_valid_number(inner) and phonenumbers.number_type(inner) == phonenumbers.PhoneNumberType.MOBILE
    )


def _is_fictional(number: str) -> bool:
    """Numbers set aside for fiction and tests: North America 555-01xx; Twilio's magic 500 555 0xxx."""
    return bool(re.match(r"^\+1(\d{3}55501\d{2}|5005550\d{3})$", number))
