"""A lab of its own for each test worker. The class is ``bcp.testing.lab.Lab``."""

from __future__ import annotations

import pytest

from bcp.testing.lab import Lab

__all__ = ["Lab", "lab"]


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """The lab."""
    found = Lab(tmp_path_factory.mktemp("lab"), patience_s=20, every_s=2.0)
    text = (found.folder / "bcp.yaml").read_text()
    (found.folder / "bcp.yaml").write_text(text + "shell: {allow: [touch, sh, sleep]}\nplaybooks: [playbooks]\n")
    (found.folder / "playbooks").mkdir(exist_ok=True)
    yield found
    found.stop()
