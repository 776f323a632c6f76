"""The last verdict of a watch, read beside its writer and without loading what judges: for quick commands."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from bcp.store.sqlite.connect import connect_to_read


def read_latest(path: Path) -> tuple[float, dict[str, Any]] | None:
    """When something looked last, and what it saw; ``None``: nothing has looked, or it cannot be read."""
    if not path.exists():
        return None
    try:
        with contextlib.closing(connect_to_read(path, timeout_s=2.0)) as db:
            row = db.execute("select at, data from latest").fetchone()
        found = json.loads(row[1]) if row else None
    except (sqlite3.Error, ValueError, OSError):
        return None
    return (float(row[0]), found) if isinstance(found, dict) else None
