"""What ``bcp verdict`` saw last, as it is kept: whoever wrote into it ends no command."""

from __future__ import annotations

import pytest

from bcp.store.files.look import FILE, note_look, read_look

SEEN = {
    "since": 90.0,
    "classes": ["B"],
    "state": "down",
    "stage": "found",
    "action": "wait",
    "why": "w",
    "playbook": "",
}


def test_a_look_is_read_as_it_was_kept(tmp_path) -> None:
    note_look(tmp_path, 100.0, SEEN)
    assert read_look(tmp_path) == (100.0, SEEN)


@pytest.mark.parametrize("text", [b"", b"[1]", b"\xff", b"[" * 100_000, b'{"at": NaN, "since": 0, "classes": []}'])
def test_what_is_no_look_is_none(tmp_path, text) -> None:
    (tmp_path / FILE).write_bytes(text)
    assert read_look(tmp_path) is None
