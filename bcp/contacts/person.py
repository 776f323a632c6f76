"""One row of a contacts file as a contact, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import idna

from bcp.contacts.phone import check_phone
from bcp.contacts.quiet import parse_quiet, zone_of
from bcp.contacts.row import LISTS, Row, clean
from bcp.contracts.contact import Contact
from bcp.kernel.errors import Problem

_ID = re.compile(r"^\w[\w.@'+-]{0,127}$")
"""Letters of any script: people are called Müller."""
WAYS = ("sms", "voice", "email", "chat", "page")
"""Kinds of channels that somebody may want or have opted out of, beside channels by their name."""
_MEANT = {
    **{way: way for way in WAYS}, "mail": "email", "emails": "email", "text": "sms", "texts": "sms", "call": "voice",
    "calls": "voice", "telephone": "voice", "telefon": "voice", "anruf": "voice", "anrufe": "voice",
}  # fmt: skip
"""How they are written: a wish or a no is heard however it is. ``E-Mail`` and ``e mail`` are ``email``."""
_LOCAL = re.compile(r"^[^\s,;:<>\"()\[\]\\@]{1,64}$")
_PHONE_HINT = "Write it in E.164, with + and country code: +4930123456."


def contact_of(row: Row, file: str, channels: Collection[str] | None = None) -> Contact | Problem:
    """The person of a row, or the first thing that is wrong with it. ``channels``: which there are, where it is known:
    then whoever wants or opted out of another one is refused."""
    if row.wrong:
        return Problem(row.wrong, file, row.line, 1, row.hint, row.rule)
    text = {k: clean(str(v or "")) for k, v in row.values.items() if not isinstance(v, list)}
    ident = text.get("id", "")
    email, wrong_email = check_email(text.get("email", ""))
    phone, wrong_phone = check_phone(str(row.values.get("phone") or ""))
    lists = {k: _words(row.values.get(k)) for k in LISTS}
    for key in ("channels", "optout"):
        lists[key] = heard(lists[key], channels or ())
    wrong = (
        (f"the id {ident!r} is not usable", "contact.id", "Letters, digits, . _ @ - ' + ; at most 128.")
        if not _ID.match(ident)
        else (f"{ident}: the e-mail address {wrong_email}", "contact.email", "user@example.org")
        if wrong_email
        else (f"{ident}: the phone number {wrong_phone}", "contact.phone", _PHONE_HINT)
        if wrong_phone
        else (f"{ident}: {bad}", "contact.quiet", "quiet: 22:00-07:00, timezone: Europe/Berlin")
        if (bad := check_quiet(text.get("quiet", ""), text.get("timezone", "")))
        else _wrong_list(ident, lists) or _wrong_ways(ident, lists, channels)
    )
    if wrong is not None:
        return Problem(wrong[0], file, row.line, 1, wrong[2], wrong[1])
    return Contact(
        id=ident, name=text.get("name", ""), email=email, phone=phone, slack=text.get("slack", ""),
        language=_language(text.get("language", "")), title=text.get("title", ""), manager=text.get("manager", ""),
        timezone=text.get("timezone", ""), quiet=text.get("quiet", ""), **lists,
    )  # fmt: skip


def _words(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value or "").split(";")
    return tuple(dict.fromkeys(word for part in parts if (word := clean(str(part)))))


def _wrong_list(ident: str, lists: Mapping[str, tuple[str, ...]]) -> tuple[str, str, str] | None:
    for key, words in lists.items():
        if any(";" in word for word in words):
            return f"{ident}: {key}: a name with ';' in it", "contact.list", "';' separates the names of a list."
    return None


def _meant(word: str, channels: Collection[str]) -> str:
    """The kind or channel that somebody wants, or opted out of; else the word as it stands."""
    small = word.lower()
    return small if small in channels else _MEANT.get(re.sub(r"[-_ ]", "", small), word)


def heard(words: Iterable[str], channels: Collection[str]) -> tuple[str, ...]:
    """Wishes and opt-outs as they are compared with channels."""
    return tuple(dict.fromkeys(_meant(w, channels) for w in words))


def unheard(words: Iterable[str], channels: Collection[str]) -> list[str]:
    """What of this is neither a kind nor a channel: it would spare nobody, and tell nobody."""
    return [w for w in words if _meant(w, channels) not in {*WAYS, *channels}]


def ways_of(channels: Iterable[str]) -> str:
    """What somebody may want or opt out of, in words."""
    named = ", ".join(sorted(set(channels) - {*WAYS})[:20])
    return f"{', '.join(WAYS)}" + (f"; or a channel: {named}" if named else "")


def _wrong_ways(
    ident: str, lists: Mapping[str, tuple[str, ...]], channels: Collection[str] | None
) -> tuple[str, str, str] | None:
    for key, then in (("optout", "would spare them nothing"), ("channels", "they could not be told by it")):
        if wrong := unheard(lists[key], channels) if channels is not None else []:
            text = f"{ident}: {key}: {wrong[0]!r} is neither a kind of channel nor a channel, and {then}"
            return text, f"contact.{key}", f"Write one of: {ways_of(channels or ())}."
    return None


def _language(text: str) -> str:
    """``de-DE`` and ``de_DE`` are ``de`` (RFC 5646 section 2.1, the primary subtag)."""
    return re.split(r"[-_]", text.lower(), maxsplit=1)[0].strip()


def check_email(text: str) -> tuple[str, str]:
    """The address with its domain as A-labels (RFC 5890), and an empty reason; or what is wrong with it."""
    if not text:
        return "", ""
    local, at, domain = text.rpartition("@")
    if not at or "." not in domain or not _LOCAL.match(local) or "" in local.split("."):
        return "", "is not one"
    if not local.isascii():
        return "", "has letters before the @ that many mail servers refuse (RFC 6531): give another one"
    try:
        ascii_domain = idna.encode(domain.removesuffix("."), uts46=True).decode().lower()
    except (idna.IDNAError, UnicodeError):
        return "", "has a domain that cannot be one"
    if ascii_domain.rpartition(".")[2].isdigit():  # no top-level domain is a number (RFC 3696 section 2)
        return "", "has a domain that cannot be one"
    return f"{local}@{ascii_domain}", ""


def check_quiet(quiet: str, timezone: str) -> str:
    """Empty, or what is wrong with quiet hours or their zone."""
    try:
        parse_quiet(quiet)
        zone_of(timezone)
    except ValueError as error:
        return str(error)
    return ""
