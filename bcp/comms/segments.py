"""How many SMS segments a text needs, and which characters make it expensive. Pure.

GSM 03.38 basic set and extension table (3GPP TS 23.038 section 6.2.1): 160 characters in one segment, 153 in each of
several. Anything else makes the whole text UCS-2: 70 and 67 UTF-16 units. A character of two units, or an escape pair,
is never torn apart between segments.
"""

from __future__ import annotations

from dataclasses import dataclass

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = "\f^{}\\[~]|€"
_COST = dict.fromkeys(_BASIC, 1) | dict.fromkeys(_EXTENDED, 2)

REPLACEMENTS = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201a": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u2013": "-",
    "\u2014": "-",
    "\u2026": "...",
    "\u00a0": " ",
    "\u202f": " ",
    "`": "'",
    "\t": " ",
    "\u2022": "*",
    "\u00ab": '"',
    "\u00bb": '"',
    "\u2192": "->",
    "\u00d7": "x",
    "\u2011": "-",
}
"""What to write instead, without loss of meaning."""


@dataclass(frozen=True, slots=True)
class Offender:
    """A character that is not in the GSM set, where it stands (from 0), and what could stand there."""

    character: str
    position: int
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """Encoding (``GSM-7`` or ``UCS-2``), segments, units used, and the characters to blame."""

    encoding: str
    segments: int
    units: int
    offenders: tuple[Offender, ...] = ()


def count(text: str) -> Count:
    """Count a finished text. The empty text needs no segment."""
    offenders = tuple(Offender(c, i, REPLACEMENTS.get(c, "")) for i, c in enumerate(text) if c not in _COST)
    if offenders:
        sizes = [2 if ord(c) > 0xFFFF else 1 for c in text]
        return Count("UCS-2", _split(sizes, 70, 67), sum(sizes), offenders)
    sizes = [_COST[c] for c in text]
    return Count("GSM-7", _split(sizes, 160, 153), sum(sizes))


def _split(sizes: list[int], alone: int, part: int) -> int:
    total = sum(sizes)
    if total <= alone:
        return 1 if total else 0
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


def simplify(text: str) -> str:
    """The text with every replaceable character replaced."""
    return "".join(REPLACEMENTS.get(c, c) for c in text)
