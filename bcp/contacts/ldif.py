"""People of an LDIF export (RFC 2849), with names taken out of distinguished names (RFC 4514)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bcp.contacts.phone import check_phone
from bcp.contacts.row import Row, Sheet, lines_of, read_text
from bcp.kernel.errors import Invalid, Problem

Entry = Mapping[str, list[str]]
DISABLED = 2
"""ACCOUNTDISABLE in Active Directory's userAccountControl (learn.microsoft.com, UserAccountControl property flags)."""
LOCKED = ("nsaccountlock", "logindisabled")
"""The same at 389 Directory Server and FreeIPA, and at eDirectory: ``TRUE``."""
FOR_GOOD = "000001010000Z"
"""pwdAccountLockedTime of who is locked until somebody unlocks it (slapo-ppolicy)."""


_LOCKED_TIME = "pwdaccountlockedtime"
_USED = ("samaccountname", "uid", "displayname", "cn", "mail", "mobile", "title", "memberof", "manager")
"""What becomes a part of a person."""


def ldif_sheet(path: Path) -> Sheet:
    """People: entries with an account name and a mail address or a mobile number. Disabled accounts are left out.

    Raises:
        Invalid: a line that is no LDIF, or an entry that changes or deletes instead of saying what there is.
    """
    entries = list(_entries(path))
    ids = {_key(_one(e, "dn")): _ident(e) for _, e in entries if _ident(e)}
    sheet = Sheet()
    for line, entry in entries:
        disabled = _is_disabled(entry)
        if not _ident(entry) or disabled or not (_one(entry, "mail") or entry.get("mobile")):
            continue
        if disabled is None:
            wrong = f"{_ident(entry)}: userAccountControl is {_one(entry, 'useraccountcontrol')!r}, which is no number"
            sheet.rows.append(
                Row(line, {}, wrong, "Nobody can tell whether this account is disabled: export it again.")
            )
            continue
        phone, count = _mobile(entry)
        if count > 1:
            text = f"{_ident(entry)}: there are {count} mobile numbers; the first usable one is taken"
            hint = "Leave one in the directory if another one should be texted."
            sheet.warnings.append(Problem(text, str(path), line, 1, hint, "contact.several-phones", "warning"))
        manager = _one(entry, "manager")
        if garbled := next((n for n in _USED if "\ufffd" in "".join(entry.get(n, ()))), ""):
            hint = "Export it again as UTF-8 (RFC 2849); ldifde does so with -u."
            sheet.rows.append(Row(line, {}, f"{_ident(entry)}: {garbled} is not UTF-8", hint, "contact.encoding"))
            continue
        sheet.rows.append(
            Row(line, {
                "id": _ident(entry), "name": _one(entry, "displayname", "cn"), "email": _one(entry, "mail"),
                "phone": phone, "title": _one(entry, "title"), "language": _one(entry, "preferredlanguage"),
                "groups": [n for g in entry.get("memberof", []) if (n := common_name(g))], "logins": [_ident(entry)],
                "manager": ids.get(_key(manager)) or common_name(manager),
            })
        )  # fmt: skip
    return sheet


def _ident(entry: Entry) -> str:
    return _one(entry, "samaccountname", "uid", "cn")


def _is_disabled(entry: Entry) -> bool | None:
    """``None``: it cannot be told."""
    if any(_one(entry, name).lower() == "true" for name in LOCKED) or _one(entry, _LOCKED_TIME) == FOR_GOOD:
        return True
    control = _one(entry, "useraccountcontrol")
    try:
        return bool(int(control or "0", 16 if control[:2].lower() == "0x" else 10) & DISABLED)
    except ValueError:
        return None


def _mobile(entry: Entry) -> tuple[str, int]:
    """The first number that can be used (else the first, so that it is named as wrong), and how many there are."""
    numbers = list(dict.fromkeys(n for n in entry.get("mobile", []) if n.strip()))
    usable = [n for n in numbers if check_phone(n)[0]]
    return (usable or numbers or [""])[0], len(numbers)


def _one(entry: Entry, *names: str) -> str:
    """The first value of the first attribute that there is."""
    return next((entry[n][0] for n in names if entry.get(n)), "")


def _entries(path: Path) -> Iterator[tuple[int, Entry]]:
    """(line, attributes by lower-case name) of each entry."""
    entry: dict[str, list[str]] = {}
    first = 1
    for number, line in _unfolded(read_text(path)):
        name, colon, value = line.partition(":")
        attribute = name.strip().lower().partition(";")[0]
        if not line.strip() or (attribute == "dn" and entry):
            if entry:
                yield first, entry
            entry = {}
        if not line.strip() or line.startswith("#") or (attribute == "version" and not entry):
            continue
        if not colon:
            raise _wrong(path, number, "this is no LDIF line", "name: value")
        if attribute == "changetype" and value.strip().lower() != "add":
            hint = "Export the people themselves (ldifde -f people.ldif, ldapsearch -LLL)."
            raise _wrong(path, number, f"this entry is a change ({value.strip()}), not a person", hint)
        first = first if entry else number
        entry.setdefault(attribute, []).append(_value(value, path, number))
    if entry:
        yield first, entry


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations (a leading space) joined, each with the number of its first line."""
    start, whole = 0, ""
    for number, line in enumerate(lines_of(text), 1):
        if line.startswith(" ") and start:
            whole += line[1:]
            continue
        if start:
            yield start, whole
        start, whole = number, line
    if start:
        yield start, whole


def _value(text: str, path: Path, number: int) -> str:
    if text.startswith("<"):
        raise _wrong(path, number, "a value in another file (:<) is not read", "Export values, not references.")
    if not text.startswith(":"):
        return text.strip()
    try:
        return base64.b64decode(text[1:].strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise _wrong(path, number, "this is no base64", "A value after '::' is base64.") from error


def _wrong(path: Path, number: int, message: str, hint: str) -> Invalid:
    return Invalid.of([Problem(message, str(path), number, 1, hint, "contact.ldif")])


def common_name(dn: str) -> str:
    """The first part of a distinguished name as a name for us: ``CN=Notfall\\, Berlin,OU=x`` is ``notfall-berlin``."""
    parts = rdns(dn)
    return re.sub(r"[^\w.@]+", "-", parts[0][1].lower()).strip("-") if parts else ""


def _key(dn: str) -> str:
    """A distinguished name for comparing: case and spaces around parts do not matter (RFC 4517 section 4.2.15)."""
    return "\0".join(f"{a}={v.lower()}" for a, v in rdns(dn))


def rdns(dn: str) -> list[tuple[str, str]]:
    """(attribute, value) of each part, escapes resolved: ``\\,``, ``\\2C`` and quoted values (RFC 4514, RFC 2253)."""
    out: list[tuple[str, str]] = []
    for part in _split(dn):
        name, equals, value = part.partition("=")
        if equals:
            out.append((name.strip().lower(), _unescaped(value.strip())))
    return out


def _split(dn: str) -> list[str]:
    """At commas that are neither escaped nor quoted."""
    parts: list[str] = []
    part, quoted, i = "", False, 0
    while i < len(dn):
        c = dn[i]
        if c == "\\" and i + 1 < len(dn):
            part, i = part + dn[i : i + 2], i + 2
            continue
        quoted = not quoted if c == '"' else quoted
        if c in ",;" and not quoted:
            parts, part = [*parts, part], ""
        else:
            part += c
        i += 1
    return [p for p in [*parts, part] if p.strip()]


def _unescaped(value: str) -> str:
    if value[:1] == '"' and value[-1:] == '"' and len(value) > 1:
        value = value[1:-1]
    raw = bytearray()
    for found in re.finditer(r"\\([0-9A-Fa-f]{2})|\\(.)|([^\\]+)|\\", value, re.DOTALL):
        pair, escaped, plain = found.groups()
        raw += bytes.fromhex(pair) if pair else (escaped or plain or "").encode()
    return raw.decode("utf-8", "replace")
