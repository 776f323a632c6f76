"""A relay's list of recipients comes from a directory that there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.deeds.house import CONFIG

from bcp.kernel.errors import Invalid
from bcp.settings import load

RELAYS = """
relays:
  mx-backup:
    kind: smtp
    hosts: [{host: relay.example.net}]
    kit: {recipients: {directory: grahp, files: [more.txt]}}
"""


def test_a_directory_that_is_not_there_is_named_where_it_stands(tmp_path: Path) -> None:
    text = CONFIG.split("relays:")[0] + RELAYS
    path = tmp_path / "bcp.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as found:
        load(path)
    said = [p for p in found.value.problems if p.rule == "unknown-reference" and "grahp" in str(p)]
    assert said and "graph:" in said[0].hint
    path.write_text(text.replace("directory: grahp, ", ""))
    assert load(path).settings
