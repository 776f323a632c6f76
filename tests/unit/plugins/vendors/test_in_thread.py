"""Blocking libraries in threads: results, errors, and one that never ends."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bcp.plugins.vendors.in_thread import in_thread


def test_what_it_gives_and_what_it_raises_comes_back() -> None:
    assert asyncio.run(in_thread(lambda: 7, 5.0)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 / 0, 5.0))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_a_library_that_ends_the_program_ends_nothing(error) -> None:
    """A command would end with its exit code and no word, and a daemon would be gone."""

    def work() -> None:
        raise error

    with pytest.raises(RuntimeError, match=type(error).__name__):
        asyncio.run(in_thread(work, 5.0))


def test_what_never_ends_holds_nobody() -> None:
    """The loop ends although the thread goes on, and what the thread says later is heard by nobody."""
    go, gone = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(120)
        gone.set()

    with pytest.raises(TimeoutError):
        asyncio.run(in_thread(work, 0.01))
    go.set()
    assert gone.wait(120)
