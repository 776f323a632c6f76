"""What an engine promises: a store of journals that no crash makes untrue.
It is chosen by the program, not by ``bcp.yaml``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from bcp.contracts.descriptor import Plugin
from bcp.contracts.journal import JournalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginePlugin(Plugin):
    """``PLUGIN`` of an engine's module. Light: reading the state of a run pays for no pydantic."""

    family: ClassVar[str] = "engines"
    promises: ClassVar[type[Any] | None] = JournalStore

    called: str
    """Its kind."""
    make: Callable[[], JournalStore]
    """The engine's class."""

    @property
    def kind(self) -> str:
        """As it is called."""
        return self.called

    def create(self) -> JournalStore:
        """The store."""
        return self.make()
