"""Files that are either the old or the new version, never half of one."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bcp.kernel.errors import StorageError
from bcp.kernel.text import sound


def write_atomic(path: Path, data: str | bytes, *, mode: int = 0o600, lasting: bool = True) -> None:
    """Write beside the target, sync, rename over it, sync the folder.

    ``lasting``: False for what is worth nothing after a power cut (nobody waits for the disk then).

    Raises:
        StorageError: when the disk is full, the folder read-only, and the like. The old file stays.
    """
    raw = sound(data).encode() if isinstance(data, str) else data
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        make_private(path.parent)
        scratch.unlink(missing_ok=True)  # never into a file that somebody else put there: it would be theirs to read
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(handle, "wb") as out:
            out.write(raw)
            out.flush()
            if lasting:
                os.fsync(out.fileno())
        os.replace(scratch, path)
        if lasting:
            sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}", hint="Free space or fix permissions, then repeat."
        ) from error


def sync_folder(folder: Path) -> None:
    """Make a rename in this folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_to_all(path: Path) -> bool:
    """May everybody on this machine read or write this file: by its own mode, and by every folder above it?"""
    try:
        real = path.resolve()
        return bool(real.stat().st_mode & 0o006) and all(p.stat().st_mode & 0o001 for p in real.parents)
    except OSError:
        return False


def make_private(folder: Path) -> Path:
    """Create a folder that only its owner can enter, and whatever is missing above it in the same way.

    Raises:
        StorageError: when it cannot be made.
    """
    try:
        if not folder.is_dir():
            if folder.parent != folder:
                make_private(folder.parent)
            folder.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise StorageError(
            f"cannot create {folder}: {error.strerror or error}",
            hint="Free space or fix permissions, or name another folder.",
        ) from error
    return folder
