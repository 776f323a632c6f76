"""``journalctl -o export``: entries of many lines become one line of JSON each, as ``-o json`` has them. Pure.

The form (systemd's JOURNAL_EXPORT_FORMATS): ``NAME=text`` a line, or ``NAME``, then the length of the value as 64 bits
little-endian, the value, and an end of line; an empty line ends the entry. ``__CURSOR`` comes first. Nobody who writes
to the journal can set fields that begin with ``_``, and each of these is there once: one that comes twice means that
the entry before it was cut off, and such an entry is not believed.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

BEGINS = b"__CURSOR="
WANTED = frozenset(
    {b"__REALTIME_TIMESTAMP", b"_SOURCE_REALTIME_TIMESTAMP", b"SYSLOG_IDENTIFIER", b"SYSLOG_PID", b"_PID", b"MESSAGE"}
)
_FIELD = re.compile(rb"([A-Z_][A-Z0-9_]{0,63})(?:=(.*))?", re.DOTALL)
LONGEST_VALUE = 8192
"""Bytes of a value that are kept: Postfix's own are shorter than 3,000."""
HELD = 1 << 20
"""Bytes of a binary value that are held until its end was seen; they are read again where its length was wrong."""
LENGTH = 8
LONGEST = 768 << 20
"""Bytes of a value that journald takes at most (DATA_SIZE_MAX): a greater length is a piece of text."""


class Export:
    """``counted``: entries of which something was wrong, as the listener counts lines: ``half``, ``broken``,
    ``long``."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._entry: dict[bytes, bytes] | None = None
        """The entry that is being read; ``None``: lines are of another form."""
        self._name = b""
        """The binary field that is being read; empty: none is."""
        self._held, self._seen = bytearray(), 0
        self._journal = b""
        """How cursors of this journal begin (``s=...;``), from the last whole entry."""

    def lines(self, raw: Iterable[bytes]) -> Iterator[bytes]:
        """What is no export goes through as it is; each whole entry comes out as one line of JSON."""
        for line in raw:
            if self._name:
                yield from self._binary(line)
            elif BEGINS in line and _begins(line):
                self._drop("half")
                cut, _, cursor = line.rpartition(BEGINS)
                self.counted.update(["half"] * bool(cut))  # the entry before ended within its first line
                self._entry = {b"__CURSOR": cursor}
            elif self._entry is None:
                yield line
            elif not line:
                yield from self._end()
            else:
                yield from self._field(line)

    def _field(self, line: bytes) -> Iterator[bytes]:
        assert self._entry is not None
        found = _FIELD.fullmatch(line)
        if found is None:
            self._drop("broken")
            return
        name, value = found[1], found[2]
        if name.endswith(b"__CURSOR") or (name.startswith(b"_") and name in self._entry):
            self._drop("half")  # the line that began this entry ran on behind the last one of the entry before,
            swallowed = bytes(self._held)  # or was taken for a part of its value
            self._entry, self._held = {}, bytearray()
            yield from self._again(swallowed)
            if self._name:
                yield from self._binary(line)
                return
            self._entry = self._entry if self._entry is not None else {}
        if value is None:
            self._name, self._held, self._seen = name, bytearray(), -1
        else:
            self._keep(name, value)

    def _keep(self, name: bytes, value: bytes) -> None:
        assert self._entry is not None
        if len(value) > LONGEST_VALUE and name in WANTED:
            self.counted["long"] += 1
        if name in WANTED or name.startswith(b"_"):
            self._entry.setdefault(name, value[:LONGEST_VALUE] if name in WANTED or name == b"__CURSOR" else b"")

    def _binary(self, line: bytes) -> Iterator[bytes]:
        """One more line of a binary value: its length, and all before its own end of line, may hold ends of lines."""
        joined = line if self._seen < 0 else b"\n" + line
        self._seen = max(self._seen, 0) + len(joined)
        self._held += joined[: HELD - len(self._held)]
        if self._seen < LENGTH:
            return
        size = int.from_bytes(self._held[:LENGTH], "little") + LENGTH
        if self._seen < size <= LONGEST:
            return
        name, held, self._name = self._name, bytes(self._held), b""
        if self._seen == size:
            self._keep(name, held[LENGTH:])
            return
        self._drop("broken")  # it was cut off, and what came next was taken for its value
        self._held = bytearray()
        yield from self._again(held)

    def _again(self, held: bytes) -> Iterator[bytes]:
        """Read from where an entry of this journal begins in what was taken for a value."""
        at = held.find(BEGINS + self._journal)
        if at >= 0:
            yield from self.lines(held[at:].split(b"\n"))

    def _end(self) -> Iterator[bytes]:
        entry, self._entry, self._held = self._entry, None, bytearray()
        if entry and (cursor := entry.get(b"__CURSOR", b"")).startswith(b"s="):
            self._journal = cursor.partition(b";")[0] + b";"
        if entry and b"MESSAGE" in entry:
            yield json.dumps({k.decode(): _text(v) for k, v in entry.items() if k in WANTED}).encode()

    def _drop(self, why: str) -> None:
        if self._entry is not None:
            self.counted[why] += 1
        self._entry = None

    # -- to be kept with the place in the log ----------------------------------------------------------------------

    def to_json(self) -> str:
        """Where it stands; empty: between entries."""
        if self._entry is None and not self._name:
            return ""
        entry = None if self._entry is None else {k.decode(): _packed(v) for k, v in self._entry.items()}
        return json.dumps([entry, self._name.decode(), _packed(bytes(self._held)), self._seen])

    def stands_at(self, text: str) -> None:
        """Back from ``to_json``."""
        self._entry, self._name, self._held, self._seen = None, b"", bytearray(), 0
        if text:
            entry, name, held, self._seen = json.loads(text)
            self._entry = None if entry is None else {k.encode(): base64.b64decode(v) for k, v in entry.items()}
            self._name, self._held = name.encode(), bytearray(base64.b64decode(held))


def _begins(line: bytes) -> bool:
    """Does an entry begin here, perhaps behind the first bytes of one that was cut off?"""
    return line.startswith(BEGINS) or BEGINS.startswith(line[: line.find(BEGINS)])


def _packed(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _text(raw: bytes) -> Any:
    """As ``journalctl -o json`` has it: what is no UTF-8 is a list of bytes."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return list(raw)
