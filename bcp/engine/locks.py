"""One run per target: a kernel lock while a process works, and a card that says which run the target belongs to."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from bcp.kernel.errors import Refused, StorageError
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.hashing import digest_text


class FileLock:
    """An exclusive ``flock``; the kernel frees it when the process dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Try once. Raises ``StorageError`` when the file cannot be opened."""
        make_private(self.path.parent)
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(
                f"cannot open {self.path}: {error.strerror or error}",
                hint="Check the state folder's permissions and free space.",
            ) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            return False
        except OSError as error:
            os.close(handle)
            raise StorageError(
                f"{self.path.parent} does not support locks: {error.strerror}",
                hint="Keep the state folder on a local disk.",
            ) from error
        self._handle = handle
        return True

    def release(self) -> None:
        """Let go."""
        if self._handle is not None:
            with contextlib.suppress(OSError):
                os.close(self._handle)
            self._handle = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Target:
    """A concurrency group in the state folder. ``take`` refuses while another run has it."""

    def __init__(self, state: Path, group: str) -> None:
        self.group = group
        stem = digest_text(group)[:24]
        self.folder = state / "targets"
        self.lock = FileLock(self.folder / f"{stem}.lock")
        self.card_path = self.folder / f"{stem}.json"

    def card(self) -> dict[str, Any]:
        """What is written about the last run on this target."""
        try:
            return json.loads(self.card_path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]
        except (OSError, ValueError):
            return {}

    def write_card(self, **data: Any) -> None:
        """Say which run has the target."""
        write_atomic(self.card_path, json.dumps({"group": self.group, **data}))

    def take(self) -> None:
        """Take the lock.

        Raises:
            Refused: another process has it; the message names its run.
        """
        if self.lock.take():
            return
        holder = ""
        for _ in range(40):  # the winner writes its card right after taking the lock
            card = self.card()
            if card.get("pid") and _alive(int(card["pid"])):
                holder = str(card.get("run", ""))
                break
            time.sleep(0.05)  # noqa: TID251 - before any loop runs
        what = f"run {holder} is on it" if holder else "another process is on it"
        raise Refused(
            f"{self.group}: {what}", rule="one-run-per-target", hint=f"Look at it: bcp status {holder}".strip()
        )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def held(path: Path) -> bool:
    """Does a living process hold this lock? Looks only."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
