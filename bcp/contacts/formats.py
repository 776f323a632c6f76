"""Exports of other systems, as rows of a contacts file: LDIF (RFC 2849) and SCIM 2.0 lists (RFC 7643). Only what we need is read."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bcp.kernel.errors import Invalid, Problem

MAX_BYTES = 200_000_000


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Invalid(f"{path} is larger than {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror or error}", hint="Check the path.") from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8", hint="Export it as UTF-8.") from error


def ldif_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """People of an LDIF file: entries with a mail address or a mobile number. Disabled AD accounts are left out."""
    for line, entry in _entries(path):
        ident = _one(entry, "samaccountname", "uid", "cn")
        control = _one(entry, "useraccountcontrol")
        if not ident or not (_one(entry, "mail") or _one(entry, "mobile")) or (control.isdigit() and int(control) & 2):
            continue
        yield line, {
            "id": ident, "name": _one(entry, "displayname", "cn"), "email": _one(entry, "mail"), "phone": _one(entry, "mobile"), "title": _one(entry, "title"),
            "language": _one(entry, "preferredlanguage")[:2], "groups": [_common_name(g) for g in entry.get("memberof", [])], "logins": [ident], "manager": _common_name(_one(entry, "manager")),
        }  # fmt: skip


def _one(entry: Mapping[str, list[str]], *names: str) -> str:
    """The first value of the first attribute that there is."""
    return next((entry[n][0] for n in names if entry.get(n)), "")


def _entries(path: Path) -> Iterator[tuple[int, dict[str, list[str]]]]:
    """(line, attributes by lower-case name) of each entry."""
    entry: dict[str, list[str]] = {}
    first = 1
    for number, line in _unfolded(_read(path)):
        if not line.strip():
            if entry:
                yield first, entry
            entry = {}
            continue
        if line.startswith(("#", "version:", "-")):
            continue
        name, colon, value = line.partition(":")
        if not colon:
            raise Invalid.of([Problem("this is no LDIF line", str(path), number, 1, "name: value", "contact.ldif")])
        if not entry:
            first = number
        entry.setdefault(name.strip().lower().partition(";")[0], []).append(_value(value, path, number))
    if entry:
        yield first, entry


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their continuations (a leading space) joined."""
    start, whole = 1, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(" ") and whole:
            whole += line[1:]
            continue
        if number > 1:
            yield start, whole
        start, whole = number, line
    yield start, whole


def _value(text: str, path: Path, number: int) -> str:
    if not text.startswith(":"):
        return text.strip()
    try:
        return base64.b64decode(text[1:].strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise Invalid.of([Problem("this is no base64", str(path), number, 1, "", "contact.ldif")]) from error


def _common_name(dn: str) -> str:
    """``CN=Staff,OU=..`` is ``staff``."""
    return dn.partition(",")[0].partition("=")[2].strip().lower().replace(" ", "-") if "=" in dn else ""


def scim_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Active users of a SCIM ListResponse (or a plain list of users)."""
    try:
        data = json.loads(_read(path))
    except ValueError as error:
        raise Invalid(f"{path} is not JSON: {error}", hint="Export a SCIM list of users.") from error
    users = data.get("Resources") if isinstance(data, dict) else data
    if not isinstance(users, list):
        raise Invalid(f"{path} has no Resources", hint="Export a SCIM list of users.")
    for index, user in enumerate(users, 1):
        if not isinstance(user, dict) or user.get("active") is False:
            continue
        name = user.get("name") or {}
        yield index, {
            "id": str(user.get("userName", "")).partition("@")[0], "name": str(user.get("displayName") or name.get("formatted") or ""),
            "email": _primary(user.get("emails")), "phone": _primary(user.get("phoneNumbers"), "mobile"), "title": str(user.get("title") or ""),
            "language": str(user.get("preferredLanguage") or "")[:2].lower(), "groups": [str(g.get("display", "")) for g in user.get("groups") or () if isinstance(g, dict)],
            "logins": [str(user.get("userName", ""))], "timezone": str(user.get("timezone") or ""),
        }  # fmt: skip


def _primary(values: Any, kind: str = "") -> str:
    found = [
        v
        for v in values or ()
        if isinstance(v, dict) and v.get("value") and (not kind or str(v.get("type", "")).lower() == kind)
    ]
    found.sort(key=lambda v: not v.get("primary"))
    return str(found[0]["value"]).removeprefix("tel:") if found else ""
