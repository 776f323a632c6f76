"""The audit file ``audit.jsonl``: heads of chains, in a chain of their own, outside of the files that they prove.

Without a key whoever may write the state folder can rewrite all of it so that it agrees; with a key that is kept
outside of the folder every line carries an HMAC-SHA256 (RFC 2104) that only its owner can make.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from pathlib import Path
from typing import Any

from bcp.contracts.store import Anchor, Audit
from bcp.kernel.errors import Invalid, StorageError
from bcp.kernel.files import make_private
from bcp.kernel.hashing import GENESIS, canonical, link
from bcp.store.files.lines import append_whole
from bcp.store.files.locks import alone
from bcp.store.standalone import lines_in

KEY_BYTES = 32
TAIL_BYTES = 8192
"""Enough for most last lines; one that names many files is longer."""


BOOK = "book"
"""What the anchors of the book of incidents are called; those of runs have their ids."""
KEY_FILE = "BCP_AUDIT_KEY_FILE"
"""Environment variable with the path of the key: 32 bytes or more, outside of the state folder."""


def key_of_environment() -> bytes:
    """The key, or nothing. Raises ``Invalid`` when there should be one and it cannot be used: silence would unseal."""
    name = os.environ.get(KEY_FILE, "")  # noqa: TID251 - documented
    if not name:
        return b""
    try:
        key = Path(name).read_bytes().strip()
    except OSError as error:
        raise Invalid(
            f"{KEY_FILE}={name} cannot be read: {error.strerror}", hint="Give bcp the right to read it."
        ) from error
    if len(key) < KEY_BYTES:
        raise Invalid(f"the key in {name} has fewer than {KEY_BYTES} bytes", hint="openssl rand -hex 32 makes one.")
    return key


class AuditLog:
    """See ``bcp.contracts.store.AuditFile``."""

    def __init__(self, path: Path, key: bytes | None = None) -> None:
        self.path, self.key = path, key_of_environment() if key is None else key

    def anchor(self, anchor: Anchor) -> None:
        """One line more, on disk when this returns. Raises ``StorageError``."""
        record = {"run": anchor.what, "head": anchor.head, "status": anchor.status, "at": anchor.at, "seq": anchor.seq}
        record |= {"files": dict(anchor.files)} if anchor.files else {}
        try:
            make_private(self.path.parent)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "r+b", buffering=0) as out, alone(out.fileno()):
                found = link(self._last(out.fileno()), record)
                line = {**record, "hash": found, **({"mac": self._mac(found)} if self.key else {})}
                append_whole(out.fileno(), canonical(line).encode() + b"\n")
        except OSError as error:
            raise StorageError(
                f"cannot write {self.path}: {error.strerror or error}",
                hint="Free space or fix permissions, then `bcp audit verify`.",
            ) from error

    @staticmethod
    def _last(handle: int) -> str:
        """Hash of the last line that is whole; one that was cut by a crash stays as it is and is found by ``read``."""
        size, tail = os.fstat(handle).st_size, TAIL_BYTES
        while True:
            raw = os.pread(handle, tail, max(0, size - tail))
            for line in reversed(raw.split(b"\n")[tail < size :]):  # the first is only the end of one
                try:
                    return str(json.loads(line)["hash"])
                except (ValueError, KeyError, TypeError, RecursionError):
                    continue
            if tail >= size:
                return GENESIS
            tail *= 8

    def _mac(self, text: str) -> str:
        return hmac.new(self.key, text.encode(), hashlib.sha256).hexdigest()

    def read(self) -> Audit:
        """The last anchor of each chain, and what is wrong."""
        anchors: dict[str, Anchor] = {}
        try:
            lines = lines_in(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Audit({}, "", bool(self.key))
        except (OSError, UnicodeDecodeError) as error:
            return Audit({}, f"{self.path.name} cannot be read: {error}", bool(self.key))
        previous, keyed = GENESIS, False
        for number, line in enumerate(lines, 1):
            wrong, row = self._line(line, previous, keyed)
            if wrong:
                return Audit(anchors, f"{self.path.name}:{number} {wrong}", bool(self.key))
            previous, keyed = str(row["hash"]), keyed or "mac" in row
            if "files" in row:  # of a report, which is no chain
                continue
            anchor = Anchor(
                str(row["run"]), str(row["head"]), str(row["status"]), float(row["at"]), int(row.get("seq", 0))
            )
            anchors[anchor.what] = anchor
        return Audit(anchors, "", bool(self.key))

    def _line(self, text: str, previous: str, keyed: bool) -> tuple[str, dict[str, Any]]:
        """What is wrong with one line, and the line. Once a key has been used, every line must carry it."""
        try:
            row: dict[str, Any] = json.loads(text)
            record = {k: v for k, v in row.items() if k not in {"hash", "mac"}}
            if link(previous, record) != row["hash"]:
                return "was changed, or one before it was taken out", {}
            str(row["run"]), str(row["head"]), str(row["status"]), float(row["at"])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return "cannot be read", {}
        if not self.key:
            return "", row
        if "mac" not in row:
            return ("has lost its seal" if keyed else ""), row
        if not hmac.compare_digest(str(row["mac"]), self._mac(str(row["hash"]))):
            return "was not sealed with this key", {}
        return "", row
