"""What else is kept: accounts, opt-outs, answers, problems, documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from bcp.contracts.channel import Inbound


class AccountRows(Protocol):
    """Accounts, sessions and tokens as rows. Secrets come as digests or sealed; nothing here judges them."""

    def run(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """One statement of ``bcp.store.sqlite.accounts``. Raises ``Invalid`` (it exists), ``StorageError``."""

    def close(self) -> None:
        """Close the database."""


class OptOuts(Protocol):
    """Numbers whose owners told a vendor STOP."""

    def read(self) -> frozenset[str]:
        """All numbers that opted out, in E.164."""

    def write(self, numbers: frozenset[str]) -> None:
        """Replace the whole set."""


class Answers(Protocol):
    """What people sent back and a vendor told us by calling."""

    def add(self, message: Inbound) -> None:
        """Keep one more answer."""

    def since(self, at: float) -> list[Inbound]:
        """Answers that came at this time (epoch seconds) or later."""


class Lines(Protocol):
    """Records that are only ever added to, bounded: the oldest go first."""

    def add(self, record: Mapping[str, Any]) -> None:
        """Append a record; it is on disk when this returns."""

    def read(self) -> Iterator[Mapping[str, Any]]:
        """All records that can be read, the oldest first; damaged lines are left out."""


class Documents(Protocol):
    """Small named documents, each replaced as a whole."""

    def write(self, name: str, data: str) -> str:
        """Keep a document; returns where it is, for people."""

    def read(self, name: str) -> str | None:
        """The document with this name; ``None`` when there is none."""

    def names(self) -> list[str]:
        """Names of all documents, in alphabetical order."""

    def remove(self, name: str) -> None:
        """Remove the document with this name."""
