"""Our engine keeps what ``bcp.testing.engine`` asks of every engine."""

from __future__ import annotations

from bcp import registry
from bcp.contracts.engine import EnginePlugin
from bcp.testing.engine import EngineSuite


class TestEmbedded(EngineSuite):
    """One SQLite file a run."""

    plugin = registry.find(EnginePlugin, "embedded")


def test_every_engine_of_ours_is_here() -> None:
    """A new one joins."""
    assert {c.plugin.kind for c in EngineSuite.__subclasses__() if c.__module__ == __name__} == set(registry.own("engines"))
