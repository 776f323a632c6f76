"""Kernel locks on files: they die with the process that holds them. Local disks only."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private


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

    @property
    def held(self) -> bool:
        """Do we hold the file that has this name now? Not when somebody removed or replaced it since."""
        if self._handle is None:
            return False
        try:
            mine, there = os.fstat(self._handle), os.stat(self.path)
        except OSError:
            return False
        return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)

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


def is_locked(path: Path) -> bool:
    """Does a process hold it? A file that is not there is held by nobody; one that cannot be opened may be held."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone(handle: int) -> Iterator[None]:
    """Wait for an exclusive lock on an open file, and hold it meanwhile."""
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
