"""A disk that fills takes a part of a write and says nothing: no book of ours is left with half of a line."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bcp.contracts.channel import Inbound
from bcp.contracts.store import Anchor
from bcp.deeds.relay_kit import _write
from bcp.kernel.errors import Refused, StorageError
from bcp.relay.door import main as agent
from bcp.relay_kit.files import KitFile
from bcp.store.files.anchors import AnchorLog
from bcp.store.files.audit import AuditLog
from bcp.store.files.inbox import add_answer, read_answers
from bcp.store.files.lines import append_line
from bcp.store.files.plans import FilePlans


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may grow beyond this (RLIMIT_FSIZE): a write that does not fit is taken in part, as by a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def audit(folder: Path, number: int) -> None:
    AuditLog(folder / "audit.jsonl", b"").anchor(Anchor(f"run-{number}", "ab" * 32, "done", 1.0, number))


def anchors(folder: Path, number: int) -> None:
    AnchorLog(folder).add({"kind": "x", "number": number, "at": 1.0})


def lines(folder: Path, number: int) -> None:
    append_line(folder / "words.jsonl", f'{{"number": {number}, "text": "umlauts äöü"}}')


def inbox(folder: Path, number: int) -> None:
    add_answer(folder, Inbound("+12025550101", f"yes {number}", float(number), f"id-{number}"))


@pytest.mark.parametrize("add", [audit, anchors, lines, inbox], ids=lambda f: f.__name__)
@pytest.mark.parametrize("left", [0, 10], ids=["nothing fits", "a part fits"])
def test_a_line_is_whole_or_not_there(tmp_path, add, left) -> None:
    """What did not fit is told to whoever wanted it written; what comes when there is room again is read."""
    add(tmp_path, 1)
    (path,) = tmp_path.rglob("*.jsonl")
    before = path.read_bytes()
    with room(len(before) + left), pytest.raises(StorageError):
        add(tmp_path, 2)
    assert path.read_bytes() == before
    add(tmp_path, 3)
    found = path.read_text().splitlines()
    assert len(found) == 2 and path.read_bytes().startswith(before) and path.read_bytes().endswith(b"\n")
    assert AuditLog(tmp_path / "audit.jsonl", b"").read().damage == ""
    assert add is not audit or set(AuditLog(path, b"").read().anchors) == {"run-1", "run-3"}
    assert add is not inbox or [m.id for m in read_answers(tmp_path, 0.0)] == ["id-1", "id-3"]


def test_what_a_power_cut_left_of_a_line_swallows_no_other(tmp_path) -> None:
    inbox(tmp_path, 1)
    with (tmp_path / "answers.jsonl").open("ab") as file:
        file.write(b'{"sender": "+1')
    inbox(tmp_path, 2)
    assert [m.id for m in read_answers(tmp_path, 0.0)] == ["id-1", "id-2"]


def test_a_plan_whose_mark_did_not_fit_can_still_be_run(tmp_path) -> None:
    """No run used it; once there is room it is used, once."""
    plans = FilePlans(tmp_path)
    with room(0), pytest.raises(StorageError):
        plans.mark_used("c" * 64, "run-1", 1.0)
    assert plans.used_by("c" * 64) == ""
    plans.mark_used("c" * 64, "run-2", 2.0)
    with pytest.raises(Refused):
        plans.mark_used("c" * 64, "run-3", 3.0)


def test_a_kit_that_is_written_again_keeps_its_files(tmp_path) -> None:
    _write(tmp_path / "kit", [KitFile("install.sh", "#!/bin/sh\n" + "true\n" * 100, 0o755)])
    with room(10), pytest.raises(StorageError) as found:
        _write(tmp_path / "kit", [KitFile("install.sh", "#!/bin/sh\n" + "false\n" * 100, 0o755)])
    assert "Errno" not in found.value.message and "install.sh" in found.value.message
    path = tmp_path / "kit" / "install.sh"
    assert path.read_text().endswith("true\n") and path.stat().st_mode & 0o777 == 0o755
    assert [p.name for p in path.parent.iterdir()] == ["install.sh"]


def test_half_of_a_key_is_not_left_in_the_way(tmp_path, capsys) -> None:
    with room(10), pytest.raises(StorageError):
        agent(["--new-key", str(tmp_path / "key")])
    assert agent(["--new-key", str(tmp_path / "key")]) == 0 and len((tmp_path / "key").read_text()) == 65
