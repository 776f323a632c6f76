"""A history that a watch is making at this moment."""

from __future__ import annotations

from bcp.store.sqlite.history import LookRows


def test_a_history_that_is_being_made_has_nothing_in_it_yet(tmp_path) -> None:
    path = tmp_path / "history.db"
    path.touch()
    rows = LookRows(path)
    assert rows.latest() is None and list(rows.rows(0.0)) == [] and rows.verdicts(0.0) == []
