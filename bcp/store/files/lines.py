"""Files of one JSON line each, appended by several processes:
under a lock, on disk when it returns, bounded in size."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private
from bcp.kernel.text import sound
from bcp.store.files.locks import alone

MAX_BYTES = 1_000_000
"""A file that has grown beyond is cut to what is still wanted."""


def append_whole(handle: int, lines: bytes) -> None:
    """Whole lines, on disk when it returns, or nothing of them: a disk that fills takes a part of a write and says
    nothing. What a power cut left of a line before them becomes a line of its own, which no reader can read.

    Raises:
        OSError: nothing was written.
    """
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        lines = b"\n" + lines
    try:
        if os.write(handle, lines) < len(lines):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, size)
        raise


def append_line(path: Path, line: str, kept: Callable[[], list[str]] = list) -> None:
    """Append a line and see it on disk. ``kept`` gives the lines that stay when the file has grown too large.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        make_private(path.parent)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "r+b", buffering=0), alone(number):
            rest: list[str] = []
            if os.fstat(number).st_size > MAX_BYTES:
                rest = kept()
                os.ftruncate(number, 0)
            append_whole(number, "".join(sound(text) + "\n" for text in [*rest, line]).encode())
    except OSError as error:
        raise StorageError(
            f"the report cannot be written: {error.strerror or error}", hint=f"Check {path.parent}."
        ) from error
