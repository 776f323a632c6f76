"""Files of reports: written, and written down in the audit file with their digests, so that a change is found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from bcp.contracts.store import Anchor, AuditFile
from bcp.kernel.clock import Clock
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.hashing import canonical, digest_text
from bcp.kernel.text import sound
from bcp.store.files.locks import alone
from bcp.store.standalone_reports import REPORTS

KEPT = {".html", ".json", ".csv"}
"""Files of reports that are looked at, and handed over."""


def write_sealed(audit: AuditFile, clock: Clock, folder: Path, texts: Mapping[str, str]) -> dict[str, str]:
    """Write the files of one report; returns the path of each. ``folder``: its name says what the report is of.

    A line goes before them and one behind them: a process that dies in between leaves what was there or what was to be
    there, and neither looks like somebody who changed it. Two who write the same report do so one after the other.

    Raises:
        StorageError: the audit file or the folder cannot be written.
    """
    raw = {name: sound(text).encode() for name, text in texts.items()}
    files = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(raw.items())}
    about, head = f"{REPORTS}{folder.name}", digest_text(canonical(files))
    handle = os.open(make_private(folder), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with alone(handle):
            audit.anchor(Anchor(about, head, "writing", clock.now(), files=files))
            for name, data in raw.items():
                write_atomic(folder / name, data, mode=0o640)
            audit.anchor(Anchor(about, head, "written", clock.now(), files=files))
    finally:
        os.close(handle)
    return {name: str(folder / name) for name in raw}


def report_files(state: Path) -> dict[str, Path]:
    """The files of reports in a state folder, by their paths in it."""
    there = state / REPORTS
    found = sorted(there.rglob("*")) if there.is_dir() else ()
    return {p.relative_to(state).as_posix(): p for p in found if p.suffix in KEPT and p.is_file()}
