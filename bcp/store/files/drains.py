"""How drains stand and what people want of them: two small files a relay in the state folder, and a lock.

Whoever drives a drain holds the lock, writes the status and reads the wish; any process may write a wish.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from bcp.contracts.drain import DrainState, DrainStatus, Wish
from bcp.kernel.errors import StorageError
from bcp.kernel.files import write_atomic
from bcp.store.files.locks import FileLock, is_locked

FOLDER = "drains"
SENSIBLE = 1e12
"""Beyond it, as epoch seconds or a rate, a number is damage."""


def _sound(status: DrainStatus) -> bool:
    """Is everything of its kind? The file may be of another version, or damaged."""
    words = (status.why, status.state)
    counts = (status.waiting, status.gone, status.throttled, status.refused)
    sizes = (status.rate, status.seconds_left, status.began, status.at)
    return (
        all(isinstance(w, str) for w in words)
        and status.state in get_args(DrainState)
        and all(isinstance(n, int) for n in counts)
        and all(isinstance(n, (int, float)) and abs(n) < SENSIBLE for n in sizes)
    )


class DrainFiles:
    """The book in a state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER
        self._locks: dict[str, FileLock] = {}

    def drive(self, relay: str) -> bool:
        """Take the lock. A wish to stop or to pause from an earlier drain is over. Raises ``StorageError``."""
        lock = FileLock(self.folder / f"{relay}.lock")
        if not lock.take():
            return False
        try:
            self.ask(relay, "")
        except StorageError:  # whoever tries again in this process must find it free
            lock.release()
            raise
        self._locks[relay] = lock
        return True

    def leave(self, relay: str) -> None:
        """Let go."""
        lock = self._locks.pop(relay, None)
        if lock is not None:
            lock.release()

    def driven(self, relay: str) -> bool:
        """Does a process drive it now?"""
        return is_locked(self.folder / f"{relay}.lock")

    def tell(self, status: DrainStatus) -> None:
        """Write how it stands. Raises ``StorageError``."""
        write_atomic(self.folder / f"{status.relay}.json", json.dumps(asdict(status)))

    def ask(self, relay: str, wish: Wish) -> None:
        """Say what is wanted. Raises ``StorageError``."""
        write_atomic(self.folder / f"{relay}.wish", wish)

    def wish(self, relay: str) -> Wish:
        """What is wanted; what cannot be read is no wish."""
        try:
            text = (self.folder / f"{relay}.wish").read_text(encoding="utf-8").strip()
        except (OSError, ValueError):
            return ""
        return "pause" if text == "pause" else "stop" if text == "stop" else ""

    def status(self, relay: str) -> DrainStatus | None:
        """How it stood when it was told last; ``None``: nothing that can be read."""
        try:
            found = DrainStatus(**json.loads((self.folder / f"{relay}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        return found if found.relay == relay and _sound(found) else None

    def all(self) -> list[DrainStatus]:
        """Every relay's, by name."""
        try:
            names = sorted(p.stem for p in self.folder.glob("*.json"))
        except OSError:
            return []
        return [found for n in names if (found := self.status(n)) is not None]
