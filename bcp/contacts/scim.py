"""People of a SCIM 2.0 list of users (RFC 7643, RFC 7644 section 3.4.2), as identity providers export it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bcp.contacts.row import Row, Sheet, read_text
from bcp.kernel.errors import Invalid, Problem

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User".lower()
_NO = {"false", "0", "no"}
_YES = {"true", "1", "yes", ""}


def scim_sheet(path: Path) -> Sheet:
    """Active users of a SCIM ListResponse, or of a plain list of users. ``line`` counts the users.

    One page of many is read, with a problem among the warnings: whoever imports must not take it for everybody.

    Raises:
        Invalid: it is no such list.
    """
    data = _parsed(path)
    users = data.get("resources") if isinstance(data, Mapping) else data
    if not isinstance(users, list):
        raise Invalid(f"{path} has no Resources", hint="Export a SCIM list of users.")
    sheet = Sheet(warnings=_missing(path, data, len(users)))
    for number, user in enumerate(users, 1):
        if not isinstance(user, Mapping):
            wrong = f"entry {number} is {str(user)[:40]!r}, and a user is an object"
            sheet.rows.append(Row(number, {}, wrong, "Correct the export: nobody may be left out unsaid."))
    active = [(n, u, _is_active(u)) for n, u in enumerate(users, 1) if isinstance(u, Mapping)]
    people = [(n, u) for n, u, yes in active if yes is not False]
    ids = _ids([u for _, u in people])
    by_resource = {_text(u.get("id")): ids[i] for i, (_, u) in enumerate(people) if u.get("id")}
    seen: set[str] = set()
    for i, (number, user) in enumerate(people):
        name = _text(user.get("username")).casefold()  # it is case-insensitive: RFC 7643 section 4.1.1
        if name and name in seen:
            wrong = f"the userName {_text(user.get('username'))!r} stands here twice"
            sheet.rows.append(Row(number, {}, wrong, "It is one person, whatever the capitals: give it once."))
            continue
        seen.add(name)
        if _is_active(user) is None:
            wrong = f"user {_text(user.get('username'))!r}: 'active' is {user.get('active')!r}, neither true nor false"
            sheet.rows.append(Row(number, {}, wrong, "Correct the export."))
        else:
            sheet.rows.append(Row(number, _values(user, ids[i], by_resource)))
            sheet.warnings += [*_no_list(path, number, ids[i], user), *_several(path, number, ids[i], user)]
    return sheet


def _no_list(path: Path, number: int, ident: str, user: Mapping[str, Any]) -> list[Problem]:
    """What is no list of objects where SCIM has one is read as nothing: that somebody has no number so is said."""
    out = []
    for key in ("emails", "phonenumbers"):
        value = user.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(v, Mapping) for v in value)):
            text = f"{ident}: {key} is {str(value)[:40]!r} and is not read: it has to be a list of objects"
            out.append(Problem(text, str(path), number, 1, "Correct the export.", "contact.shape", "warning"))
    return out


def _several(path: Path, number: int, ident: str, user: Mapping[str, Any]) -> list[Problem]:
    """Mobile numbers of which none is called the primary one."""
    found = _of_type(user.get("phonenumbers"), "mobile")
    if len({_text(v["value"]) for v in found}) < 2 or any(map(_is_primary, found)):
        return []
    text = f"{ident}: there are {len(found)} mobile numbers; the first one is taken"
    hint = 'Say "primary": true of one, if another one should be texted.'
    return [Problem(text, str(path), number, 1, hint, "contact.several-phones", "warning")]


def _parsed(path: Path) -> Any:
    try:
        return json.loads(read_text(path), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path} is not JSON: {error}", hint="Export a SCIM list of users.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose every name stands once, in small letters: capitals do not count (RFC 7643 section 2.1), and
    ``"Active": false`` is a no. Of two answers nobody knows which one is meant."""
    found = {name.lower(): value for name, value in pairs}
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name.lower() for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice!r} stands twice in one object ({str(dict(pairs[:2]))[:60]} ...)")
    return found


def _missing(path: Path, data: Any, here: int) -> list[Problem]:
    """The file is one page of a longer list."""
    total = data.get("totalresults") if isinstance(data, Mapping) else None
    if isinstance(total, str) and total.strip().isdecimal() and len(total) < 12:
        total = int(total)
    if not isinstance(total, int | float) or total <= here:
        return []
    hint = f"Fetch the other pages (startIndex={here + 1}) and put all users into one list."
    text = f"this is one page: {here} of {total:.0f} users"
    return [Problem(text, str(path), 1, 1, hint, "contact.incomplete")]


def _is_active(user: Mapping[str, Any]) -> bool | None:
    """RFC 7643 says a boolean; Entra ID and others send text. ``None``: it cannot be told."""
    value = user.get("active")
    if value is None or isinstance(value, bool):
        return value is not False
    text = str(value).strip().lower()
    return False if text in _NO else (True if text in _YES else None)


def _ids(users: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stands before the @ where nobody else has it; else the whole user name: anna@a and anna@b are two people."""
    names = [_text(u.get("username")) or _text(u.get("externalid")) or _text(u.get("id")) for u in users]
    count = Counter(n.partition("@")[0].lower() for n in names)
    return [n.partition("@")[0] if count[n.partition("@")[0].lower()] == 1 else n for n in names]


def _values(user: Mapping[str, Any], ident: str, by_resource: Mapping[str, str]) -> dict[str, Any]:
    found = user.get("name")
    name: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    formatted = _text(name.get("formatted")) or f"{_text(name.get('givenname'))} {_text(name.get('familyname'))}"
    more = user.get(ENTERPRISE)
    above = more.get("manager") if isinstance(more, Mapping) else None
    boss = _text(above.get("value")) if isinstance(above, Mapping) else _text(above)
    groups = [_text(g.get("display")) for g in _list(user.get("groups")) if isinstance(g, Mapping)]
    return {
        "id": ident, "name": _text(user.get("displayname")) or formatted.strip(),
        "email": _best(user.get("emails")), "phone": _best(user.get("phonenumbers"), "mobile"),
        "title": _text(user.get("title")), "language": _text(user.get("preferredlanguage")),
        "groups": [g for g in groups if g], "logins": [_text(user.get("username"))],
        "timezone": _text(user.get("timezone")), "manager": by_resource.get(boss, ""),
    }  # fmt: skip


def _best(values: Any, kind: str = "") -> str:
    """The primary value, else the first; of one type where that matters."""
    found = sorted(_of_type(values, kind), key=lambda v: not _is_primary(v))
    return _text(found[0]["value"]) if found else ""


def _of_type(values: Any, kind: str) -> list[Mapping[str, Any]]:
    found = [v for v in _list(values) if isinstance(v, Mapping) and _text(v.get("value"))]
    return [v for v in found if not kind or _text(v.get("type")).lower() == kind]


def _is_primary(value: Mapping[str, Any]) -> bool:
    return str(value.get("primary")).lower() == "true"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else (str(value) if type(value) is int else "")
