"""Where the tests keep their files: in memory, where this machine has room for them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from support import ENOUGH_BYTES, in_memory

PAGE = 4096
PLENTY = ENOUGH_BYTES // PAGE + 1


@pytest.mark.parametrize(
    ("pages", "available", "flags", "there"),
    [
        (PLENTY, ENOUGH_BYTES // 1024 + 1, 0, True),
        (PLENTY, ENOUGH_BYTES // 1024 - 1, 0, False),
        (100, ENOUGH_BYTES // 1024 + 1, 0, False),
        (PLENTY, ENOUGH_BYTES // 1024 + 1, os.ST_NOEXEC, False),
    ],
)
def test_memory_is_used_where_there_is_enough_and_programs_run(
    monkeypatch, tmp_path, pages, available, flags, there
) -> None:
    """A container's 64 MB are none."""
    found = SimpleNamespace(f_bavail=pages, f_frsize=PAGE, f_flag=flags)
    monkeypatch.setattr("os.statvfs", lambda place: found)
    (tmp_path / "meminfo").write_text(f"MemTotal: 99 kB\nMemAvailable:   {available} kB\n")
    assert in_memory(tmp_path, tmp_path / "meminfo") == (str(tmp_path) if there else "")


def test_where_nothing_is_known_the_disk_is_used(tmp_path) -> None:
    """No such file system, or no Linux."""
    assert in_memory(tmp_path / "none", tmp_path / "meminfo") == ""
    (tmp_path / "meminfo").write_text("nothing\n")
    assert in_memory(tmp_path, tmp_path / "meminfo") == ""
