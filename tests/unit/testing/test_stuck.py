"""Who waits outside of the loop is stuck, but for whoever begins a thread: so does every loop that uses some."""

from __future__ import annotations

import threading

from bcp.testing.stuck import STUCK_S, Stuck


def seen(work) -> str:
    """Where a thread that does this is stuck."""
    begun, end, nothing = threading.Event(), threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (begun.set(), work(end)), daemon=True)
    thread.start()
    begun.wait(10)
    stuck = Stuck(thread)
    for _ in range(5):
        stuck.look()
        nothing.wait(STUCK_S / 3)
    end.set()
    thread.join(10)
    return stuck.where


def test_who_waits_for_a_thread_to_begin_is_not_stuck(monkeypatch) -> None:
    assert seen(lambda end: end.wait(10)).startswith("threading.py:")
    first = threading._start_new_thread

    def late(end: threading.Event) -> None:
        def begin(*a):
            with monkeypatch.context() as now:
                now.setattr(threading, "_start_new_thread", first)
                threading.Thread(target=lambda: (end.wait(10), first(*a)), daemon=True).start()

        monkeypatch.setattr(threading, "_start_new_thread", begin)
        threading.Thread(target=lambda: None, daemon=True).start()

    assert seen(late) == ""
