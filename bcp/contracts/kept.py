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
        """Let it go."""


class OptOuts(Protocol):
    """Numbers whose owners told a vendor STOP."""

    def read(self) -> frozenset[str]:
        """All of them."""

    def write(self, numbers: frozenset[str]) -> None:
        """All of them, anew."""


class Answers(Protocol):
    """What people sent back and a vendor told us by calling."""

    def add(self, message: Inbound) -> None:
        """One more."""

    def since(self, at: float) -> list[Inbound]:
        """Those since then."""


class Lines(Protocol):
    """Records that are only ever added to, bounded: the oldest go first."""

    def add(self, record: Mapping[str, Any]) -> None:
        """One more; it is on disk when this returns."""

    def read(self) -> Iterator[Mapping[str, Any]]:
        """All that can be read."""


class Documents(Protocol):
    """Small named documents, each replaced as a whole."""

    def write(self, name: str, data: str) -> str:
        """Keep one; returns where it is, for people."""

    def read(self, name: str) -> str | None:
        """One; ``None``: there is none."""

    def names(self) -> list[str]:
        """All, in alphabetical order."""

    def remove(self, name: str) -> None:
        """Take one away."""
