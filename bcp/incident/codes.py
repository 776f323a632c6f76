"""Proofs that an answer comes from the person who was asked, about exactly this plan: digit codes and signed links.

What is stored is a keyed digest; what is sent cannot be made from it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import unicodedata
from collections.abc import Collection

from bcp.kernel.errors import Invalid

DIGITS = 6
MAX_WRONG = 5
"""Wrong codes of one person about one question; after that this person's codes and links are void."""
_CODE = re.compile(rf"(?<![0-9A-Za-z])[0-9]{{{DIGITS}}}(?![0-9A-Za-z])")
_WITHIN = re.compile("(?<=[0-9])[ \N{NO-BREAK SPACE}\N{THIN SPACE}\N{NARROW NO-BREAK SPACE}\N{HYPHEN}"
                     "\N{NON-BREAKING HYPHEN}\N{EN DASH}-](?=[0-9])")  # fmt: skip
"""What people and their keyboards put between digits."""
_KEYCAP = "\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}"
_MAC = 12


def new_code(taken: Collection[str]) -> str:
    """Six digits that nobody has been given for an open question."""
    while True:
        code = "".join(secrets.choice("0123456789") for _ in range(DIGITS))
        if code not in taken:
            return code


def codes_in(text: str) -> list[str]:
    """Every six digits in what a person wrote; spaces and dashes within them do not matter, nor does the script that
    their keyboard writes digits in."""
    text = plain_digits(text)
    return list(dict.fromkeys(_CODE.findall(text) + _CODE.findall(_WITHIN.sub("", text))))


def plain_digits(text: str) -> str:
    """Decimal digits of any script as 0 to 9 (Unicode 4.6, numeric type *decimal*), keycaps as the digit on them."""
    if text.isascii():
        return text
    return "".join("" if c in _KEYCAP else str(unicodedata.decimal(c, c)) for c in text)


def sealed(key: bytes, *parts: str) -> str:
    """What is stored of a code or a link."""
    return hmac.new(key, "\x1f".join(parts).encode(), hashlib.sha256).hexdigest()


def new_link(key: bytes, question: str, person: str, checksum: str) -> str:
    """A token for a URL: random, and signed over whom, what and which plan."""
    nonce = secrets.token_bytes(12)
    return _b64(nonce + _mac(key, nonce, question, person, checksum))


def link_nonce(token: str) -> bytes:
    """The random part. Raises ``Invalid`` for anything that is no token of ours."""
    try:
        raw = base64.urlsafe_b64decode(token)
    except (ValueError, UnicodeEncodeError) as error:
        raise Invalid("this is no link of ours") from error
    if len(raw) != 12 + _MAC:
        raise Invalid("this is no link of ours")
    return raw[:12]


def link_holds(key: bytes, token: str, question: str, person: str, checksum: str) -> bool:
    """Was it made for this person, this question and this plan? In constant time."""
    nonce = link_nonce(token)
    return hmac.compare_digest(token, _b64(nonce + _mac(key, nonce, question, person, checksum)))


def _mac(key: bytes, nonce: bytes, *parts: str) -> bytes:
    return hmac.new(key, b"link\x1f" + nonce + "\x1f".join(parts).encode(), hashlib.sha256).digest()[:_MAC]


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode()  # of 24 bytes: nothing to pad
