"""Who drives a drain, how it stands, what people want: files that another process reads."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from bcp.contracts.drain import DrainStatus
from bcp.kernel.errors import StorageError
from bcp.store.files import drains
from bcp.store.files.drains import DrainFiles
from bcp.store.files.relay_lists import Remembered, read_remembered, write_remembered

STATUS = DrainStatus("r", "running", 5, 2, rate=1.5)


def test_one_process_drives_and_a_wish_of_an_earlier_drain_is_over(tmp_path) -> None:
    first, second = DrainFiles(tmp_path), DrainFiles(tmp_path)
    assert not first.driven("r")
    first.ask("r", "stop")
    assert first.drive("r") and first.wish("r") == "" and second.driven("r") and not second.drive("r")
    second.ask("r", "pause")
    assert first.wish("r") == "pause"
    first.leave("r")
    first.leave("r")
    assert second.drive("r") and second.wish("r") == ""
    second.leave("r")


def test_how_it_stands_is_read_by_others_and_rubbish_is_nothing(tmp_path) -> None:
    book = DrainFiles(tmp_path)
    assert book.status("r") is None and book.all() == []
    book.tell(STATUS)
    (book.folder / "bad.json").write_text('{"relay": 1')
    (book.folder / "old.json").write_text('{"colour": "red"}')
    (book.folder / "r.wish").write_bytes(b"\xff\xfe")
    assert book.status("r") == STATUS and book.all() == [STATUS] and book.wish("r") == ""


@pytest.mark.parametrize(
    "wrong",
    [{"state": []}, {"state": "mad"}, {"at": "x"}, {"at": None}, {"rate": float("nan")}, {"gone": "1"}, {"why": {}},
     {"relay": "../r"}],
)  # fmt: skip
def test_a_status_of_which_something_is_not_of_its_kind_is_nothing(wrong, tmp_path) -> None:
    book = DrainFiles(tmp_path)
    book.tell(STATUS)
    (book.folder / "r.json").write_text(json.dumps({**asdict(STATUS), **wrong}))
    assert book.status("r") is None


def test_what_a_directory_said_is_kept_and_rubbish_asks_for_everybody(tmp_path) -> None:
    path = tmp_path / "r.json"
    assert read_remembered(path) == Remembered()
    kept = Remembered("link", {"id": ("a@x.test", "b@x.test")})
    write_remembered(path, kept)
    assert read_remembered(path) == kept
    for bad in ("", "[]", '{"since": "x"}', '{"since": "x", "by_id": []}'):
        path.write_text(bad)
        assert read_remembered(path) == Remembered()


def test_a_disk_that_is_full_leaves_no_lock_behind(tmp_path, monkeypatch) -> None:
    """The same process tries again: the daemon, or a step that is retried."""
    book = DrainFiles(tmp_path)

    def full(*_words: object, **_more: object) -> None:
        raise StorageError("no space")

    monkeypatch.setattr(drains, "write_atomic", full)
    with pytest.raises(StorageError):
        book.drive("r")
    assert not book.driven("r")
    monkeypatch.undo()
    assert book.drive("r")
    book.leave("r")
