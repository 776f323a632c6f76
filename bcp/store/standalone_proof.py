"""The arithmetic of the exported ``verify.py``: signatures and what time stamps say. See ``standalone``.

What stands below the line is written into one file with the rest; nothing of it may need more than Python.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import Any, Dict, Iterator, List, Optional, Tuple

# -- Ed25519 (RFC 8032 section 5.1.7), to check only: slow, and good for that ------------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = Tuple[int, int, int, int]


def _add(a: Point, b: Point) -> Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    m, n, o, q = f - e, h - g, h + g, f + e
    return m * n % P, o * q % P, n * o % P, m * q % P


def _times_point(k: int, a: Point) -> Point:
    out: Point = (0, 1, 1, 0)
    while k:
        if k & 1:
            out = _add(out, a)
        a, k = _add(a, a), k >> 1
    return out


def _point(raw: bytes) -> Optional[Point]:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    x = P - x if (x & 1) != sign else x
    return x, y, 1, x * y % P


BASE = _point(bytes.fromhex("58" + "66" * 31))


def signed(text: str, signature: str, key: str) -> bool:
    """Is this the signature (hex) of a text by a public key (hex)?"""
    try:
        raw, public, message = bytes.fromhex(signature), bytes.fromhex(key), text.encode("utf-8", "surrogatepass")
    except ValueError:
        return False
    if len(raw) != 64 or len(public) != 32 or BASE is None:
        return False
    a, r, s = _point(public), _point(raw[:32]), int.from_bytes(raw[32:], "little")
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(raw[:32] + public + message).digest(), "little") % L
    one, other = _times_point(s, BASE), _add(r, _times_point(k, a))
    return (one[0] * other[2] - other[0] * one[2]) % P == 0 and (one[1] * other[2] - other[1] * one[2]) % P == 0


# -- time stamps (RFC 3161): what they say; who said it is checked by openssl -----------------------------------------


def der(raw: bytes) -> Iterator[Tuple[int, bytes]]:
    """Tag and contents of each element of DER (X.690). Raises ``ValueError``."""
    at = 0
    while at < len(raw):
        if at + 2 > len(raw):
            raise ValueError("it ends in the middle")
        tag, size, at = raw[at], raw[at + 1], at + 2
        if size & 0x80:
            count = size & 0x7F
            size, at = int.from_bytes(raw[at : at + count], "big"), at + count
            if not 1 <= count <= 4:
                raise ValueError("a length that is none")
        if at + size > len(raw):
            raise ValueError("it ends in the middle")
        yield tag, raw[at : at + size]
        at += size


def parts(raw: bytes) -> List[Tuple[int, bytes]]:
    """The elements of the one element that this is."""
    found = list(der(raw))
    if len(found) != 1:
        raise ValueError("it is not one element")
    return list(der(found[0][1]))


def token_of(token: bytes) -> Dict[str, Any]:
    """What a TimeStampToken says: digest (hex), at (epoch seconds), nonce, serial. Raises ``ValueError``."""
    try:
        signed_data = list(der(list(der(parts(token)[1][1]))[0][1]))
        info = list(der(list(der(list(der(signed_data[2][1]))[1][1]))[0][1]))[0][1]
        fields = list(der(info))
        imprint = list(der(fields[2][1]))
        text = fields[4][1].decode("ascii")
        digits, _, part = text.rstrip("Z").partition(".")
        at = datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc).timestamp()
        nonces = [int.from_bytes(v, "big", signed=True) for t, v in fields[5:] if t == 0x02]
    except (IndexError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("it is no time stamp") from error
    return {
        "digest": imprint[1][1].hex(),
        "at": at + (float("0." + part) if part.isdigit() else 0.0),
        "nonce": nonces[0] if nonces else None,
        "serial": int.from_bytes(fields[3][1], "big", signed=True),
    }
