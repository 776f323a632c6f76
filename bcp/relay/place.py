"""The place in a log: which contents were read, and up to where. Pure.

A file is known by what it begins with, not by its name or its inode: logrotate renames, copies, truncates and packs.
Together with what stands right before the place itself two files are not mistaken for one another.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

HEAD, TAIL = 1024, 64
"""Bytes of the beginning, and before the place, that a file is known by."""
MOST = 64
"""Contents that are remembered."""


@dataclass(slots=True)
class Stream:
    """One content, under whatever name it is found now."""

    head_size: int
    head: str
    offset: int
    tail: str
    current: bool = True
    """Is it the file that is written to, as far as we know?"""

    def begins(self, head: bytes) -> bool:
        """Does a file that begins so hold this content? ``head``: its first ``HEAD`` bytes."""
        return len(head) >= self.head_size and digest(head[: self.head_size]) == self.head

    def moved(self, offset: int, tail: bytes, head: bytes) -> None:
        """It was read up to ``offset``, before which ``tail`` stands."""
        self.offset, self.tail = offset, digest(tail)
        if self.head_size < HEAD:
            self.head_size = min(HEAD, offset, len(head))
            self.head = digest(head[: self.head_size])


@dataclass(slots=True)
class Place:
    """``newest``: the modification time (ns) of the newest file that was read; ``cursor``: journald's."""

    streams: list[Stream] = field(default_factory=list)
    newest: int = 0
    cursor: str = ""
    last: float = 0.0
    """When the line before was written."""
    aside: list[str] = field(default_factory=list)
    """Files of the journal that cannot be read, as it was said of each, once."""

    def find(self, head: bytes) -> list[Stream]:
        """The contents that begin so, the one that was read furthest first."""
        found = [s for s in self.streams if s.head_size and s.begins(head)]
        return sorted(found, key=lambda s: -s.offset)

    def add(self, stream: Stream) -> Stream:
        """Another content. The oldest ones that are not written to are forgotten."""
        self.streams.append(stream)
        old = [s for s in self.streams if not s.current]
        for one in old[: max(0, len(self.streams) - MOST)]:
            self.streams.remove(one)
        return stream

    def to_json(self) -> str:
        """To be kept."""
        rows = [[s.head_size, s.head, s.offset, s.tail, s.current] for s in self.streams]
        kept = {"streams": rows, "newest": self.newest, "cursor": self.cursor, "last": self.last}
        return json.dumps({**kept, **({"aside": self.aside[-MOST:]} if self.aside else {})})


def place_of(text: str) -> Place:
    """Back from ``to_json``; empty text is the place of who has read nothing."""
    if not text:
        return Place()
    data: dict[str, Any] = json.loads(text)
    streams = [Stream(int(n), str(h), int(o), str(t), bool(c)) for n, h, o, t, c in data["streams"]]
    aside = [str(a) for a in data.get("aside", ())]
    return Place(streams, int(data["newest"]), str(data["cursor"]), float(data["last"]), aside)


def digest(raw: bytes) -> str:
    """Short, and enough to tell contents apart."""
    return hashlib.sha256(raw).hexdigest()[:32]
