"""How a drain stands, in a line that needs nothing but files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.cli.drain_view import SHOWN_S, drains_of, line
from bcp.contracts.drain import DrainStatus
from bcp.store.files.drains import DrainFiles

STATUS = DrainStatus("r", "running", 12, 3, rate=2.5, seconds_left=90, at=1000.0)


@pytest.mark.parametrize(
    ("status", "driven", "wanted"),
    [
        (STATUS, True, "Drain of r: running, 12 left, 3 gone, 2.5 a second, about 1m 30s more"),
        (STATUS, False, "Drain of r: running, 12 left, 3 gone. Nobody drives it: bcp relay drain goes on"),
        (replace(STATUS, state="paused", throttled=4), True, "Drain of r: paused, 12 left, 3 gone, throttled 4 times"),
        (replace(STATUS, state="stopped", refused=2, why="no"), False,
         "Drain of r: stopped, 12 left, 3 gone, 2 refused for good (no). Nobody drives it: bcp relay drain goes on"),
        (replace(STATUS, state="done", waiting=0), True,
         "Drain of r: done, 0 left, 3 gone: it watches whether the queue stays empty (quiet:)"),
        (replace(STATUS, state="canary"), True,
         "Drain of r: canary, 12 left, 3 gone, 2.5 a second, about 1m 30s more: the first few are on their way,"
         " and the others wait until these are through"),
        (replace(STATUS, state="done", waiting=0), False, "Drain of r: done, 0 left, 3 gone"),
    ],
)  # fmt: skip
def test_a_line(status, driven, wanted) -> None:
    assert line(status, driven=driven) == wanted


def test_drains_of_the_last_days_and_those_that_are_not_over(tmp_path) -> None:
    assert drains_of(tmp_path, 0.0) == ([], [])
    book = DrainFiles(tmp_path)
    book.tell(replace(STATUS, state="done"))
    book.tell(replace(STATUS, relay="s", state="stopped"))
    assert [d["relay"] for d in drains_of(tmp_path, 1000.0)[1]] == ["r", "s"]
    assert [d["relay"] for d in drains_of(tmp_path, 1001.0 + SHOWN_S)[1]] == ["s"]
    book.drive("s")
    assert drains_of(tmp_path, 1000.0)[1][1]["driven"] is True
    book.leave("s")
