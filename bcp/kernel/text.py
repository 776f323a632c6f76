"""Text from outside, made harmless for the place where it is shown. Pure."""

from __future__ import annotations

import re
import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that a terminal obeys or that change what a reader sees: controls, direction marks, surrogates."""
_KEPT = frozenset("\u200d\u200c")
"""Joiners (Cf) that some scripts and emoji need."""


_LONE = re.compile("[\ud800-\udfff]")


def sound(text: str) -> str:
    """The same, able to be written: half of a character (a lone surrogate) is U+FFFD.

    JSON can spell one (``"\\ud800"``, RFC 8259 section 8.2), and no file, socket or database takes it as UTF-8.
    """
    return text if text.isascii() else _LONE.sub("\ufffd", text)


def one_line(text: str, limit: int = 0) -> str:
    """One line without control and direction characters; ``limit`` characters at most, 0 for all."""
    if not text.isprintable():
        text = " ".join("".join(_shown(c) for c in text).split())
    return text if not limit or len(text) <= limit else text[: limit - 1] + "…"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 mail``, ``2 mails``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def one_or_many(text: str) -> str:
    """``1 domain(s)`` as ``1 domain``, ``2 domain(s)`` as ``2 domains``, with the verb behind it: records keep the one
    form for both, readers get words."""
    return _COUNTED.sub(_said, text) if "(s)" in text else text


_COUNTED = re.compile(r"\b(\d+) ((?:[a-zäöü]+ )?)([A-Za-z]+)\(s\)( [a-z]+\b)?")
_ONE = {
    "are": "is", "were": "was", "wait": "waits", "have": "has", "point": "points", "take": "takes", "stay": "stays",
    "count": "counts", "zeigen": "zeigt",
}  # fmt: skip


def _said(found: re.Match[str]) -> str:
    number, before, noun, verb = found[1], found[2], found[3], found[4] or ""
    if number != "1":
        return f"{number} {before}{noun}s{verb}"
    return f"1 {before}{noun}{' ' + _ONE.get(verb.strip(), verb.strip()) if verb else ''}"


def summary(thing: object) -> str:
    """The first paragraph of a docstring as one line, for lists and help; empty where there is none."""
    said = (getattr(thing, "__doc__", "") or "").strip().split("\n\n")[0]
    return " ".join(said.split())


def _shown(character: str) -> str:
    if character in _KEPT:
        return character
    return " " if unicodedata.category(character) in _HIDDEN or character.isspace() else character


def for_terminal(text: str) -> str:
    """Lines for a terminal: line breaks, tabs and the colours that we set ourselves stay, every other control goes.

    A carriage return would write over what stands there, an escape sequence could set the title, clear the screen or
    answer in the user's name.
    """
    if "\x1b" not in text and text.replace("\n", "").replace("\t", "").isprintable():
        return text
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c == "\x1b" and (end := _colour(text, i)):
            out.append(text[i:end])
            i = end
            continue
        out.append(c if c in "\n\t" or not _is_hidden(c) else "\ufffd" if c != "\r" else "")
        i += 1
    return "".join(out)


def hidden_in(text: str, *, allowed: str = "") -> tuple[int, str] | None:
    """The first character that a terminal obeys or that a reader cannot see: its place, from 1, and its name."""
    if text.isprintable():
        return None
    found = ((i, c) for i, c in enumerate(text, 1) if c not in allowed and _is_hidden(c))
    return next(((i, unicodedata.name(c, f"U+{ord(c):04X}")) for i, c in found), None)


def _is_hidden(c: str) -> bool:
    return c not in _KEPT and unicodedata.category(c) in _HIDDEN


def _colour(text: str, at: int) -> int:
    """Where a colour sequence of ours (``ESC [ digits m``) that begins here ends; 0 when it is none."""
    i = at + 2
    if text[at + 1 : at + 2] != "[":
        return 0
    while i < len(text) and i < at + 8 and (text[i] in "0123456789;"):
        i += 1
    return i + 1 if text[i : i + 1] == "m" else 0


def for_slack(text: str) -> str:
    """Slack's three control characters escaped (api.slack.com, Formatting text):
    no mention, link or channel call is made.

    ``<!channel>`` in an alert's title must not ring everybody, and ``<https://evil|click here>`` must not be a link.
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def byte_place(error: UnicodeDecodeError) -> tuple[int, int]:
    """Line and column of the byte that is no text, as an editor counts them."""
    before = error.object[: error.start].decode(error.encoding, "replace")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
