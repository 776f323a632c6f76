"""Contacts from CSV or YAML. Numbers are checked here, with phonenumbers, and never parsed again."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bcp.contacts.formats import ldif_rows, scim_rows
from bcp.contracts.contact import Contact
from bcp.kernel.document import did_you_mean, read
from bcp.kernel.errors import Invalid, Problem

COLUMNS = (
    "id", "name", "email", "phone", "slack", "language", "groups", "logins", "title", "manager", "timezone", "quiet", "channels", "optout",
)  # fmt: skip
"""What a contact file may hold. Lists (groups, logins, channels, optout) are separated by ``;`` in CSV."""
_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")
_EMAIL = re.compile(r"^[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+$")
_E164 = re.compile(r"^\+[1-9][0-9]{6,14}$")


def load_contacts(path: Path) -> tuple[Contact, ...]:
    """Read a contacts file: ``.csv``, ``.ldif``, ``.json`` (SCIM), or YAML (a list, or a mapping with ``contacts:``).

    Raises:
        Invalid: with the line of every bad entry.
    """
    readers = {".csv": _csv_rows, ".ldif": ldif_rows, ".json": scim_rows}
    rows = readers.get(path.suffix.lower(), _yaml_rows)(path)
    contacts: dict[str, Contact] = {}
    problems: list[Problem] = []
    for line, row in rows:
        found = _contact(row, str(path), line)
        if isinstance(found, Problem):
            problems.append(found)
        elif found.id in contacts:
            problems.append(
                Problem(
                    f"the id {found.id!r} stands here twice",
                    str(path),
                    line,
                    1,
                    "Give each person one id.",
                    "contact.duplicate",
                )
            )
        else:
            contacts[found.id] = found
    if problems:
        raise Invalid.of(problems[:50])
    return tuple(contacts.values())


def _csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror or error}", hint="Check contacts.file in bcp.yaml."
        ) from error
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8", hint="Save it as CSV UTF-8.") from error
    reader = csv.DictReader(io.StringIO(text, newline=""))
    for name in reader.fieldnames or ():
        if name not in COLUMNS:
            raise Invalid.of(
                [
                    Problem(
                        f"unknown column {name!r}", str(path), 1, 1, did_you_mean(str(name), COLUMNS), "contact.column"
                    )
                ]
            )
    if "id" not in (reader.fieldnames or ()):
        raise Invalid.of(
            [
                Problem(
                    "the column 'id' is missing",
                    str(path),
                    1,
                    1,
                    f"The first line names columns: {','.join(COLUMNS)}",
                    "contact.column",
                )
            ]
        )
    for row in reader:
        if None in row:
            raise Invalid.of(
                [
                    Problem(
                        "more cells than columns",
                        str(path),
                        reader.line_num,
                        1,
                        "Quote cells that contain a comma.",
                        "contact.row",
                    )
                ]
            )
        yield reader.line_num, row


def _yaml_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    document = read(path)
    entries, base = document.data, ()
    if isinstance(entries, dict):
        entries, base = entries.get("contacts"), ("contacts",)  # type: ignore[assignment]
    if not isinstance(entries, list):
        raise Invalid.of(
            [
                document.problem(
                    (), "contacts are a list", rule="contact.shape", hint="Write contacts: and then - id: ..."
                )
            ]
        )
    for index, entry in enumerate(entries):
        line = document.place((*base, index))[0]
        if not isinstance(entry, dict):
            raise Invalid.of([document.problem((*base, index), "a contact is a mapping", rule="contact.shape")])
        for key in entry:
            if key not in COLUMNS:
                raise Invalid.of(
                    [
                        document.problem(
                            (*base, index, key),
                            f"unknown key {key!r}",
                            hint=did_you_mean(key, COLUMNS),
                            rule="unknown-key",
                            key=True,
                        )
                    ]
                )
        yield line, entry


def _contact(row: Mapping[str, Any], file: str, line: int) -> Contact | Problem:
    def bad(message: str, rule: str, hint: str = "") -> Problem:
        return Problem(message, file, line, 1, hint, rule)

    text = {k: str(v or "").strip() for k, v in row.items() if not isinstance(v, list)}
    if not _ID.match(text.get("id", "")):
        return bad(
            f"the id {text.get('id', '')!r} is not usable", "contact.id", "Letters, digits, . _ @ - ; at most 64."
        )
    email = text.get("email", "")
    if email and not _EMAIL.match(email):
        return bad(f"{text['id']}: the e-mail address is not one", "contact.email", "user@example.org")
    phone, why = check_phone(text.get("phone", ""))
    if why:
        return bad(
            f"{text['id']}: the phone number {why}",
            "contact.phone",
            "Write it in E.164, with + and country code: +4930123456.",
        )
    wrong = check_quiet(text.get("quiet", ""), text.get("timezone", ""))
    if wrong:
        return bad(f"{text['id']}: {wrong}", "contact.quiet", "quiet: 22:00-07:00, timezone: Europe/Berlin")
    return Contact(
        text["id"],
        text.get("name", ""),
        email,
        phone,
        text.get("slack", ""),
        text.get("language", "").lower(),
        _words(row.get("groups")),
        _words(row.get("logins")),
        text.get("title", ""),
        text.get("manager", ""),
        text.get("timezone", ""),
        text.get("quiet", ""),
        _words(row.get("channels")),
        _words(row.get("optout")),
    )


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(str(v).strip() for v in value)
    return tuple(part.strip() for part in str(value or "").split(";") if part.strip())


def check_quiet(quiet: str, timezone: str) -> str:
    """Empty, or what is wrong with quiet hours or their zone."""
    from bcp.contacts.quiet import parse_quiet, zone_of  # noqa: PLC0415

    try:
        parse_quiet(quiet)
        zone_of(timezone)
    except ValueError as error:
        return str(error)
    return ""


def check_phone(text: str) -> tuple[str, str]:
    """The number in E.164 and an empty reason, or an empty number and what is wrong."""
    compact = re.sub(r"[\s()./-]", "", text)
    if not compact:
        return "", ""
    if not _E164.match(compact):
        return "", "is not in international form"
    import phonenumbers  # noqa: PLC0415 - only where numbers come in

    try:
        parsed = phonenumbers.parse(compact, None)
    except phonenumbers.NumberParseException as error:
        return "", f"cannot be parsed ({error.error_type})"
    if not phonenumbers.is_possible_number(parsed):
        return "", "has the wrong length for its country"
    if not phonenumbers.is_valid_number(parsed) and not _is_fictional(compact):
        return "", "is not valid in its country"
    return compact, ""


def _is_fictional(number: str) -> bool:
    """Numbers set aside for fiction and tests: North America 555-01xx; Twilio's magic 500 555 0xxx."""
    return bool(re.match(r"^\+1(\d{3}55501\d{2}|5005550\d{3})$", number))
