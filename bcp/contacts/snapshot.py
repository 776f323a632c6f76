"""A dated copy of the directory, so that nobody has to be asked while the directory is down.
Encrypted where there is a key."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bcp.contacts import seal
from bcp.contracts.contact import Contact
from bcp.kernel.errors import Invalid
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import digest


@dataclass(frozen=True, slots=True)
class Keys:
    """What protects a snapshot. All empty: it is only dated, checked for changes, and readable by its owner alone."""

    secret: str = ""
    signing_key: str = ""
    trusted_key: str = ""


def write_snapshot(
    path: Path, contacts: Sequence[Contact], *, taken_at: float, source: str, keys: Keys | None = None
) -> str:
    """Write the snapshot; returns its digest. Mode 0600: it holds personal data."""
    keys = keys or Keys()
    people = [asdict(c) for c in contacts]
    checksum = digest(people)
    header = {
        "schema": "bcp.contacts/1",
        "source": source,
        "taken_at": taken_at,
        "digest": checksum,
        "count": len(people),
    }
    body: dict[str, Any] = {**header, "contacts": people}
    if keys.secret:
        body = seal.encrypt(header, people, keys.secret, os.urandom(12), keys.signing_key)
    write_atomic(path, json.dumps(body, indent=1))
    return checksum


def read_snapshot(path: Path, keys: Keys | None = None) -> tuple[tuple[Contact, ...], float, str]:
    """Contacts, the time they were taken, and their source.

    Raises:
        Invalid: when it is no snapshot or was changed after it was written.
        Refused: the key does not fit, or the signature is not the trusted one.
    """
    keys = keys or Keys()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] == seal.SCHEMA:
            if not keys.secret:
                raise Invalid(f"{path} is encrypted, and there is no key", hint="Set contacts: key: in bcp.yaml.")
            people = seal.decrypt(data, keys.secret, keys.trusted_key)
        else:
            if keys.trusted_key:
                raise Invalid(f"{path} is not signed", hint="Make a new one with `bcp contacts sync`.")
            people = data["contacts"]
        contacts = tuple(_contact(p) for p in people)
        taken_at, source, checksum = float(data["taken_at"]), str(data["source"]), data["digest"]
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror or error}", hint="Make one with `bcp contacts sync`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{path} is not a contact snapshot", hint="Make a new one with `bcp contacts sync`.") from error
    if digest(people) != checksum:
        raise Invalid(f"{path} was changed after it was written", hint="Make a new one with `bcp contacts sync`.")
    return contacts, taken_at, source


def _contact(raw: Any) -> Contact:
    """A contact from its data; lists are tuples inside."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    return Contact(**values)


def differences(old: Sequence[Contact], new: Sequence[Contact]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(``added``, ``removed`` or ``changed``; id; what changed) for everybody who differs."""
    before, after = {c.id: asdict(c) for c in old}, {c.id: asdict(c) for c in new}
    out: list[tuple[str, str, tuple[str, ...]]] = []
    for person in sorted({*before, *after}):
        if person not in before:
            out.append(("added", person, ()))
        elif person not in after:
            out.append(("removed", person, ()))
        elif before[person] != after[person]:
            changed = tuple(k for k in before[person] if before[person][k] != after[person][k])
            out.append(("changed", person, changed))
    return out
