"""``acme-book``: Acme's phone book, a file of JSON that is always whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from bcp.contracts.contact import Contact
from bcp.contracts.directory import Changes, DirectoryPlugin, DirectorySettings, MailRecord
from bcp.kernel.errors import Permanent, Transient


class BookSettings(DirectorySettings):
    """The phone book."""

    kind: Literal["acme-book"] = "acme-book"
    """Which plug-in."""
    file: Path
    """Where it lies."""


class Book:
    """Everybody, every time: it cannot tell changes."""

    def __init__(self, name: str, settings: BookSettings) -> None:
        self.name, self.settings = name, settings

    def _rows(self) -> list[Any]:
        try:
            found = json.loads(self.settings.file.read_text(encoding="utf-8"))["people"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Transient(f"the phone book cannot be read: {error}", hint="Look at the file.") from error
        return list(found)

    async def changes(self, since: str = "") -> Changes:
        """Everybody."""
        return Changes(tuple(Contact(str(r["id"]), str(r["name"])) for r in self._rows()), (), "")

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        """By the group's name in the book."""
        return {n: [str(r["id"]) for r in self._rows() if i in r.get("groups", ())] for n, i in groups.items()}

    async def managers(self) -> dict[str, str]:
        """Nobody says."""
        return {}

    async def mail_records(self, domain: str) -> list[MailRecord]:
        """It is a phone book."""
        raise Permanent("the phone book knows nothing of mail")

    async def health(self) -> dict[str, str]:
        """Nobody says."""
        return {}

    async def close(self) -> None:
        """Nothing is open."""


PLUGIN = DirectoryPlugin(api=1, settings=BookSettings, make=Book)
