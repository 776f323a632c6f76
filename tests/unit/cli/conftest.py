"""The organisation in which commands are tried: the same as for deeds, with nobody at a terminal."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from deeds.house import CONFIG, CONTACTS, House


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Alice has an approval code in a file; Bob has none. Commands find this place as the working folder."""
    (tmp_path / "alice.code").write_text("kiwi-tulip-42\n")
    (tmp_path / "bcp.yaml").write_text(CONFIG + "approvals: {codes: {alice: 'file:alice.code'}}\n")
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / ".bcp").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("BCP_CONFIG", "BCP_APPROVAL_CODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\ny\n"))  # what is no terminal is not asked, whatever it would say
    return House(tmp_path)


class Terminal(io.StringIO):
    """Somebody sits there and types this."""

    def isatty(self) -> bool:
        """It is one."""
        return True
