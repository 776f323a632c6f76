"""Text for the ear: times in words, numbers digit by digit, nothing that a voice would stumble over. Pure."""

from __future__ import annotations

import re

_EN = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_EN_TENS = ["twenty", "thirty", "forty", "fifty"]
_DE = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_DE_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig"]
_TIME = re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)\b(?: ?(UTC|GMT))?")
_PHONE = re.compile(r"\+?\d[\d ()/-]{5,}\d")
_MARKS = re.compile(r"[*_`#>]+")
_LINK = re.compile(r"https?://(\S+?)(?=[.,;]?(?:\s|$))")


def _en(n: int) -> str:
    return _EN[n] if n < 20 else _EN_TENS[n // 10 - 2] + (f" {_EN[n % 10]}" if n % 10 else "")


def _de(n: int) -> str:
    if n < 20:
        return _DE[n]
    ones = "" if n % 10 == 0 else ("ein" if n % 10 == 1 else _DE[n % 10]) + "und"
    return ones + _DE_TENS[n // 10 - 2]


def clock(hour: int, minute: int, language: str) -> str:
    """A time in words: ``ten thirty``, ``zehn Uhr dreißig``."""
    if language.startswith("de"):
        return f"{'ein' if hour == 1 else _de(hour)} Uhr" + (f" {_de(minute)}" if minute else "")
    if minute == 0:
        return f"{_en(hour)} hundred hours" if hour >= 10 else f"zero {_en(hour)} hundred hours"
    return f"{_en(hour)} {'oh ' if minute < 10 else ''}{_en(minute)}"


def digits(text: str, language: str) -> str:
    """Digit by digit, in groups as they were written."""
    words = _DE if language.startswith("de") else _EN
    groups = [" ".join(words[int(c)] for c in part if c.isdecimal()) for part in re.split(r"[ ()/-]+", text)]
    plus = "plus, " if text.startswith("+") else ""
    return plus + ", ".join(g for g in groups if g)


def speak(text: str, language: str) -> str:
    """A finished text as it should be read aloud."""
    text = _MARKS.sub("", text)
    text = _LINK.sub(lambda m: m[1].rstrip("/").replace("/", " / "), text)
    text = _TIME.sub(lambda m: clock(int(m[1]), int(m[2]), language) + (" U T C" if m[3] else ""), text)
    text = _PHONE.sub(lambda m: digits(m[0], language), text)
    return " ".join(text.split())
