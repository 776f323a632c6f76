"""Who keeps the clock: lines as chrony 4.3 printed them, a kernel that cannot be asked, a time service that waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bcp.contracts.services import ProcessResult
from bcp.kernel.errors import InDoubt
from bcp.kit import timekeeper
from bcp.kit.timekeeper import Chrony, Kernel

FOLLOWS = (
    "7F000001,127.0.0.1,4,1795873468.451193401,-0.500000000,0.000000037,0.000000626,-0.039,0.002,0.296,0.250000000,"
    "0.125000000,1.0,Normal\n"
)
LOST = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,"
    "Not synchronised\n"
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (FOLLOWS, Chrony("127.0.0.1", 0.75)),
        (LOST, Chrony("", 1.5)),
        (FOLLOWS.replace("7F000001,127.0.0.1", "7F7F0101,"), Chrony("", 0.75)),
        (FOLLOWS.replace("7F000001,127.0.0.1", "47505300,"), Chrony("47505300", 0.75)),
        (FOLLOWS.replace("Normal", "Not synchronised"), Chrony("", 0.75)),
        (FOLLOWS.replace("Normal", "Insert second"), Chrony("127.0.0.1", 0.75)),
        ("506 Cannot talk to daemon\n", None),
        ("", None),
        (FOLLOWS.replace("0.125000000", "soon"), None),
    ],
    ids=["follows", "lost", "its own clock", "no name", "not any more", "leap", "no daemon", "silent", "no number"],
)
def test_what_chrony_says(text: str, found: Chrony | None) -> None:
    assert timekeeper.read_tracking(text) == found


def asked(monkeypatch, answer: object, program: str | None = "/usr/bin/chronyc") -> Chrony | None:
    async def run(arguments, **_: object) -> ProcessResult:
        assert arguments == ["/usr/bin/chronyc", "-n", "-c", "tracking"]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, ProcessResult)
        return answer

    monkeypatch.setattr(timekeeper.shutil, "which", lambda name: program)
    monkeypatch.setattr(timekeeper, "run_program", run)
    return asyncio.run(timekeeper.chrony())


def test_chrony_is_asked_where_it_is(monkeypatch) -> None:
    assert asked(monkeypatch, ProcessResult(0, FOLLOWS, "")) == Chrony("127.0.0.1", 0.75)
    assert asked(monkeypatch, ProcessResult(1, FOLLOWS, "")) is None
    assert asked(monkeypatch, InDoubt("it did not end in 3 s")) is None
    assert asked(monkeypatch, AssertionError("nobody asks"), program=None) is None


def test_a_kernel_is_asked_without_setting_anything() -> None:
    said = timekeeper.kernel()
    assert said.kept in {True, False, None} and said.error_s >= 0


@pytest.mark.parametrize(("returned", "kept"), [(0, True), (1, True), (5, False), (-1, None)])
def test_what_the_kernel_returns(monkeypatch, returned: int, kept: bool | None) -> None:
    class Library:
        @staticmethod
        def adjtimex(_: object) -> int:
            return returned

    monkeypatch.setattr(timekeeper.ctypes, "CDLL", lambda name, use_errno: Library)
    assert timekeeper.kernel() == Kernel(kept)


def test_timesyncd_waits_until_it_says_that_it_set_the_clock(tmp_path: Path) -> None:
    assert not timekeeper.timesyncd_waits(tmp_path / "none")
    assert timekeeper.timesyncd_waits(tmp_path)
    (tmp_path / "synchronized").touch()
    assert not timekeeper.timesyncd_waits(tmp_path)
