"""A dated copy of the directory, with a digest, so that nobody has to be asked while the directory is down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bcp.contracts.contact import Contact
from bcp.kernel.errors import Invalid
from bcp.kernel.files import write_atomic
from bcp.kernel.hashing import digest


def write_snapshot(path: Path, contacts: Sequence[Contact], *, taken_at: float, source: str) -> str:
    """Write the snapshot; returns its digest. Mode 0600: it holds personal data."""
    people = [asdict(c) for c in contacts]
    checksum = digest(people)
    write_atomic(
        path,
        json.dumps(
            {
                "schema": "bcp.contacts/1",
                "source": source,
                "taken_at": taken_at,
                "digest": checksum,
                "contacts": people,
            },
            indent=1,
        ),
    )
    return checksum


def read_snapshot(path: Path) -> tuple[tuple[Contact, ...], float, str]:
    """Contacts, the time they were taken, and their source.

    Raises:
        Invalid: when it is no snapshot or was changed after it was written.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        people = data["contacts"]
        contacts = tuple(_contact(p) for p in people)
        taken_at, source, checksum = float(data["taken_at"]), str(data["source"]), data["digest"]
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror or error}", hint="Make one with `bcp contacts snapshot`."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Invalid(
            f"{path} is not a contact snapshot", hint="Make a new one with `bcp contacts snapshot`."
        ) from error
    if digest(people) != checksum:
        raise Invalid(f"{path} was changed after it was written", hint="Make a new one with `bcp contacts snapshot`.")
    return contacts, taken_at, source


def _contact(raw: Any) -> Contact:
    """A contact from its data; lists are tuples inside."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    return Contact(**values)
