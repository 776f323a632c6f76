"""Observations of other vantage points: sealed with a shared key, carried by a folder, a pipe or HTTP,
each taken once."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bcp.contracts.probe import Part, Result, Signal
from bcp.kernel.errors import Invalid, Refused, StorageError
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.hashing import canonical
from bcp.kernel.json_in import loads

FORMAT = "bcp.observations/1"
MAX_BYTES = 16_000_000
MAX_FILES = 2_000
MAX_PARTS = 500
_PART_TEXTS = ("kind", "evidence", "recipient", "address", "host", "resolver", "domain")
KEY_BYTES = 32
"""A shorter key is refused."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One round of one vantage point. ``seq`` only grows; it is what keeps a copy from counting twice."""

    vantage: str
    seq: int
    sent: float
    signals: tuple[Signal, ...]


def key_of(text: str) -> bytes:
    """A key from its text. Raises ``Invalid`` when it is too short to protect anything."""
    raw = text.strip().encode()
    if len(raw) < KEY_BYTES:
        raise Invalid(
            f"the key of a vantage point has {len(raw)} characters; it needs {KEY_BYTES} or more",
            hint="Make one with: openssl rand -hex 32",
        )
    return raw


def seal(batch: Batch, key: bytes) -> str:
    """One line of JSON, with an HMAC-SHA256 over everything in it."""
    body = {
        "format": FORMAT,
        "vantage": batch.vantage,
        "seq": batch.seq,
        "sent": batch.sent,
        "signals": [_to_data(s) for s in batch.signals],
    }
    return json.dumps({**body, "mac": _mac(body, key)}, ensure_ascii=False)


def unseal(line: str | bytes, keys: Mapping[str, bytes]) -> Batch:
    """Check and read one line.

    Raises:
        Invalid: it is no batch.
        Refused: nobody knows this vantage point, or the seal is not its own.
    """
    try:
        body = loads(line)
        mac, vantage = str(body.pop("mac")), str(body["vantage"])
        found = body["format"]
    except (Invalid, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid("this is no batch of observations", hint="Only `bcp probe --remote-to` makes them.") from error
    if found != FORMAT:
        raise Invalid(f"format {found!r} is not {FORMAT}", hint="Use the same version of bcp at both ends.")
    if vantage not in keys:
        raise Refused(
            f"nobody knows the vantage point {vantage!r}", rule="unknown-vantage", hint="Add it to detect: vantages:."
        )
    if not _is_sealed(body, mac, keys[vantage]):
        raise Refused(f"the seal of {vantage} is wrong", rule="bad-seal", hint="Do both ends have the same key?")
    try:
        signals = tuple(_from_data(s, vantage) for s in body["signals"])
        return Batch(vantage, int(body["seq"]), float(body["sent"]), signals)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Invalid(f"a batch of {vantage} cannot be read: {error}") from error


def _mac(body: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, canonical(body).encode(), hashlib.sha256).hexdigest()


def _is_sealed(body: Mapping[str, Any], mac: str, key: bytes) -> bool:
    """Is this the seal of this body? What no seal can cover (1e400, half of a surrogate pair) was never sealed."""
    try:
        expected = _mac(body, key)
    except ValueError:
        return False
    return hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode())


def _to_data(s: Signal) -> dict[str, Any]:
    return {
        "probe": s.probe,
        "plane": s.plane,
        "result": s.result.value,
        "at": s.at,
        "kind": s.kind,
        "evidence": s.evidence[:500],
        "control": s.control,
        **({"parts": [_part_to_data(p) for p in s.parts[:MAX_PARTS]]} if s.parts else {}),
        **({"numbers": dict(s.numbers)} if s.numbers else {}),
    }


def _part_to_data(p: Part) -> dict[str, Any]:
    texts = {n: getattr(p, n)[:200] for n in _PART_TEXTS if getattr(p, n)}
    numbers = {"numbers": dict(p.numbers)} if p.numbers else {}
    return {"result": p.result.value, **({"family": p.family} if p.family else {}), **texts, **numbers}


def _part_from_data(raw: Mapping[str, Any]) -> Part:
    texts = {n: str(raw.get(n, ""))[:200] for n in _PART_TEXTS}
    return Part(Result(raw["result"]), family=int(raw.get("family", 0)), numbers=_numbers(raw), **texts)


def _numbers(raw: Mapping[str, Any]) -> dict[str, float]:
    found = {str(k)[:20]: float(v) for k, v in list(raw.get("numbers", {}).items())[:10]}
    if not all(math.isfinite(v) for v in found.values()):
        raise ValueError("a number is not finite")
    return found


def _from_data(raw: Mapping[str, Any], vantage: str) -> Signal:
    return Signal(
        str(raw["probe"]),
        str(raw["plane"]),
        Result(raw["result"]),
        float(raw["at"]),
        str(raw["kind"])[:60],
        str(raw["evidence"])[:500],
        bool(raw["control"]),
        {},
        vantage,
        tuple(_part_from_data(p) for p in raw.get("parts", ())[:MAX_PARTS]),
        _numbers(raw),
    )


class Spool:
    """A folder in which batches arrive. What was taken is removed; what is not genuine is put aside and said."""

    def __init__(self, folder: Path, keys: Mapping[str, bytes]) -> None:
        self.folder, self.keys = folder, dict(keys)
        self.refused: list[str] = []
        """Why something was put aside, the newest last."""
        self._seen: dict[str, int] = self._remembered()

    def put(self, line: str) -> None:
        """Leave a batch, whole or not at all. Raises ``Invalid``, ``Refused``, ``StorageError``."""
        batch = unseal(line, self.keys)
        write_atomic(make_private(self.folder) / f"{batch.seq:020d}-{batch.vantage}.json", line)

    def read(self) -> list[Signal]:
        """Everything that came since, in order."""
        if not self.keys or not self.folder.is_dir():
            return []
        out: list[Signal] = []
        before = dict(self._seen)
        for path in sorted(self.folder.glob("*.json"))[:MAX_FILES]:
            try:
                out += self._take(path)
            except (Invalid, Refused) as error:
                self.refused = [*self.refused[-99:], error.message]
                self._aside(path)
            except OSError:
                continue
        if self._seen != before:
            self._remember()
        return out

    def _take(self, path: Path) -> Sequence[Signal]:
        if path.stat().st_size > MAX_BYTES:
            raise Invalid(f"{path.name} is larger than {MAX_BYTES} bytes")
        batch = unseal(path.read_bytes(), self.keys)
        if batch.seq <= self._seen.get(batch.vantage, -1):
            raise Refused(f"{batch.vantage} sent batch {batch.seq} again, or out of order", rule="replayed")
        path.unlink()  # first: what cannot be removed is read again, and neither lost nor called a copy
        self._seen[batch.vantage] = batch.seq
        return batch.signals

    def _aside(self, path: Path) -> None:
        with contextlib.suppress(OSError, StorageError):  # it stays, and is refused again: it harms nobody
            aside = make_private(self.folder / "refused")
            path.replace(aside / path.name)
            for old in sorted(aside.glob("*.json"))[:-100]:
                old.unlink(missing_ok=True)

    def _remembered(self) -> dict[str, int]:
        try:
            raw = json.loads((self.folder / "seen").read_text())
            return {str(k): int(v) for k, v in raw.items()}
        except (OSError, ValueError, AttributeError):
            return {}

    def _remember(self) -> None:
        try:
            write_atomic(self.folder / "seen", json.dumps(self._seen))
        except StorageError as error:
            self.refused = [*self.refused[-99:], error.message]
