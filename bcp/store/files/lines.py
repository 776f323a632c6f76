"""Files of one JSON line each, appended by several processes:
under a lock, on disk when it returns, bounded in size."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private
from bcp.kernel.text import sound
from bcp.store.files.locks import alone

MAX_BYTES = 1_000_000
"""A file that has grown beyond is cut to what is still wanted."""


def append_line(path: Path, line: str, kept: Callable[[], list[str]] = list) -> None:
    """Append a line and see it on disk. ``kept`` gives the lines that stay when the file has grown too large.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        make_private(path.parent)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "a+", encoding="utf-8") as handle, alone(number):
            if handle.tell() > MAX_BYTES:
                rest = kept()
                handle.truncate(0)
                handle.writelines(text + "\n" for text in rest)
            handle.write(sound(line) + "\n")
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise StorageError(
            f"the report cannot be written: {error.strerror or error}", hint=f"Check {path.parent}."
        ) from error
