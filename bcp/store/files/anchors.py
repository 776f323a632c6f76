"""Heads of all chains as they were signed, stamped and handed to others: ``evidence/anchors.jsonl``, append-only.

A record is one of three kinds: ``statement`` (text, signature), ``timestamp`` (seq, tsa, token in base64) and
``witness`` (seq, name, at). The first two are what is proved by; the third says who has what, so that what could not be
handed over is tried again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.kernel.errors import StorageError
from bcp.kernel.files import make_private
from bcp.kernel.hashing import canonical
from bcp.store.files.lines import append_whole
from bcp.store.files.locks import alone
from bcp.store.standalone import statement_of

FOLDER = "evidence"


@dataclass(frozen=True, slots=True)
class Anchored:
    """What the file says, as far as it can be read."""

    records: tuple[Mapping[str, Any], ...] = ()
    damage: str = ""

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The newest statement's record."""
        return next((r for r in reversed(self.records) if r.get("kind") == "statement"), None)

    @property
    def next_key(self) -> str:
        """The public key (hex) that has to sign the next statement; empty: any may, there is none yet."""
        if self.last is None:
            return ""
        last = statement_of(self.last["text"], self.last["signature"])
        return "" if last is None else str(last["rotation"].get("next") or last["key"])

    def has(self, seq: int, kind: str, name: str) -> bool:
        """Did this authority or witness take the statement of this number?"""
        key = "tsa" if kind == "timestamp" else "name"
        return any(r.get("kind") == kind and r.get("seq") == seq and r.get(key) == name for r in self.records)

    def taken(self) -> float:
        """When somebody outside took a statement last, by our clock; 0: never."""
        return max((float(r.get("at", 0.0)) for r in self.records if r.get("kind") != "statement"), default=0.0)


class AnchorLog:
    """The file in the state folder."""

    def __init__(self, state: Path) -> None:
        self.path = state / FOLDER / "anchors.jsonl"

    def authority(self, name: str) -> Path:
        """Where the certificates (PEM) of a time-stamping authority are kept."""
        return self.path.parent / f"tsa-{name}.pem"

    def add(self, record: Mapping[str, Any]) -> None:
        """One record more, on disk when this returns. Raises ``StorageError``."""
        self.extend(lambda found: record)

    def extend(self, make: Callable[[Anchored], Mapping[str, Any] | None]) -> bool:
        """One record more, made from what there is while nobody else may write: two processes never number two
        statements alike. ``None`` adds nothing; returned is whether one was added. Raises ``StorageError``."""
        try:
            make_private(self.path.parent)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b", buffering=0) as out, alone(out.fileno()):
                record = make(self.read())
                if record is None:
                    return False
                _append(out.fileno(), canonical(dict(record)).encode() + b"\n")
                return True
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path}: {error.strerror or error}",
                hint="Free space or fix permissions, then repeat.",
            ) from error

    def read(self) -> Anchored:
        """Everything in it. A line that cannot be read ends it and is named."""
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return Anchored()
        except (OSError, UnicodeDecodeError) as error:
            return Anchored((), f"{self.path.name} cannot be read: {error}")
        records: list[Mapping[str, Any]] = []
        lines = text[: text.rfind("\n") + 1].split("\n")[:-1]  # what a power cut left of a record is none
        for number, line in enumerate(lines, 1):
            try:
                record = json.loads(line)
                if record["kind"] == "statement" and statement_of(record["text"], record["signature"]) is None:
                    raise ValueError
                float(record.get("at", 0.0))
                records.append(record)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                return Anchored(tuple(records), f"{self.path.name}:{number} cannot be read")
        return Anchored(tuple(records))


def _append(handle: int, line: bytes) -> None:
    """The whole line or nothing of it. What a power cut left of one goes: nobody was told that it was there."""
    size = os.fstat(handle).st_size
    raw = os.pread(handle, size, 0) if size else b""
    whole = raw.rfind(b"\n") + 1
    if whole != size:
        os.ftruncate(handle, whole)
    append_whole(handle, line)
