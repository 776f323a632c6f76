"""Plan files as they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from bcp.deeds.status import http_status
from bcp.kernel.errors import Invalid
from bcp.plan.model import Plan, read_plan


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """Not there, a folder, a name that no file can have: the path is wrong, not the plan."""
    for path in (tmp_path / "none.json", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(Invalid) as caught:
            read_plan(path)
        assert caught.value.rule == "plan-unreadable" and str(path) in caught.value.message
        assert http_status(caught.value) == 404


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"[]", b"{}", b'"x"', b"null"])
def test_a_file_that_is_no_plan_is_another_matter(tmp_path: Path, text: bytes) -> None:
    """It can be read, and is not what it should be."""
    path = tmp_path / "plan.json"
    path.write_bytes(text)
    with pytest.raises(Invalid) as caught:
        read_plan(path)
    assert caught.value.rule != "plan-unreadable"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Plan("plan-1", 1.0, 2.0, "p", "", "", {}, ("a.test",), "f", "real", "alice", False, ()).sealed()
    made.write(tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json").checksum == made.checksum
