"""A folder of numbered mails: each is read once, and what is gone is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bcp.lab.spool import Spool


def put(folder: Path, name: str, number: int | None) -> None:
    head = "" if number is None else f"X-Lab-Number: {number}\r\n"
    (folder / name).write_text(f"From: a@outside.test\r\n{head}\r\nbody\r\n")


def test_numbers_by_name_and_a_mail_without_a_number_is_none(tmp_path: Path) -> None:
    put(tmp_path, "2.b", 7)
    put(tmp_path, "1.a", 7)
    put(tmp_path, "3.c", None)
    assert Spool(tmp_path).numbers() == {"1.a": 7, "2.b": 7}


def test_a_number_in_the_body_is_none(tmp_path: Path) -> None:
    (tmp_path / "1.a").write_text("From: a@outside.test\r\n\r\nthe line X-Lab-Number: 9 is quoted\r\n")
    assert Spool(tmp_path).numbers() == {}


def test_what_came_and_what_went_since_is_seen(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    put(tmp_path, "1.a", 1)
    assert spool.numbers() == {"1.a": 1}
    put(tmp_path, "2.b", 2)
    (tmp_path / "1.a").unlink()
    assert spool.numbers() == {"2.b": 2}
    put(tmp_path, "1.a", 3)
    assert spool.numbers() == {"1.a": 3, "2.b": 2}, "the name is free again once it was gone"


def test_a_message_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, opened = Spool(tmp_path), []
    put(tmp_path, "1.a", 1)
    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: (opened.append(self.name), real(self, *a, **k))[1])
    for _ in range(3):
        assert spool.numbers() == {"1.a": 1}
    assert opened == ["1.a"]


def test_a_mail_that_is_delivered_while_we_look_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "1.a", 1)
    put(tmp_path, "2.b", 2)
    monkeypatch.setattr("bcp.lab.spool.os.listdir", lambda folder: ["0.gone", "1.a", "2.b"])
    assert Spool(tmp_path).numbers() == {"1.a": 1, "2.b": 2}
