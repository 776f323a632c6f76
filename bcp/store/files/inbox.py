"""Answers that vendors told us by calling: one JSON line each, so that every process counts them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from bcp.contracts.channel import Inbound
from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private
from bcp.kernel.json_in import rows
from bcp.store.files.lines import append_whole
from bcp.store.files.locks import alone

NAME = "answers.jsonl"
MAX_BYTES = 20_000_000
"""When it has grown to this, the older half is dropped."""


def add_answer(folder: Path, message: Inbound) -> None:
    """Append one. Raises ``StorageError``."""
    path = make_private(folder) / NAME
    line = json.dumps({"sender": message.sender, "text": message.text[:1600], "at": message.at, "id": message.id})
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "r+b", buffering=0), alone(handle):
            kept = b""
            if os.fstat(handle).st_size > MAX_BYTES:
                kept = os.pread(handle, MAX_BYTES, MAX_BYTES // 2).partition(b"\n")[2]
                os.ftruncate(handle, 0)
            append_whole(handle, kept + line.encode() + b"\n")
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}", hint="Free space or fix permissions.") from error


def read_answers(folder: Path, since: float) -> list[Inbound]:
    """Those since then; a line that is none is skipped."""
    try:
        lines = rows((folder / NAME).read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []
    out = []
    for line in lines:
        try:
            raw = json.loads(line)
            found = Inbound(str(raw["sender"]), str(raw["text"]), float(raw["at"]), str(raw["id"]))
        except (ValueError, KeyError, TypeError):
            continue
        if found.at >= since:
            out.append(found)
    return out
