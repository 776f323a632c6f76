"""The organisation in which deeds are tried."""

from __future__ import annotations

import pytest

from .house import CONFIG, CONTACTS, House


@pytest.fixture
def house(tmp_path) -> House:
    """A small one, with real files."""
    (tmp_path / "bcp.yaml").write_text(CONFIG)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / ".bcp").mkdir()
    return House(tmp_path)
