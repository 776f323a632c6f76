"""Follows a log file from a remembered place through every way of rotation: renamed, copied and truncated, packed.

Older contents are read to their end before newer ones. A writer that still has the renamed file open is heard, too.
"""

from __future__ import annotations

import contextlib
import os
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from bcp.relay.place import HEAD, TAIL, Place, Stream, digest
from bcp.relay.rotated import old_folders

CHUNK = 1 << 18
LONGEST = 1 << 26
"""Bytes without an end of line that are taken for junk as a whole."""
STILL_S = 60.0
"""A file that is not the newest, and was not written to for so long, gets no more lines."""
OLD_S = 60.0
"""How often logrotate is asked where it puts what it rotates away."""
PACKED = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}
UNKNOWN = frozenset({".zst", ".lz4", ".lzo", ".lz", ".Z", ".br", ".zip", ".7z"})
"""Packed by what Python's own library cannot unpack: nothing in there is a line."""


class Piece(NamedTuple):
    """What was read: whole lines, and perhaps a half one at the end of a file that is over."""

    lines: list[bytes]
    half: bytes = b""


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    size: int
    mtime: int
    inode: tuple[int, int]
    current: bool

    @property
    def stamp(self) -> tuple[tuple[int, int], int, int]:
        return self.inode, self.size, self.mtime


class Follower:
    """``place`` is moved on with each piece; who keeps it has to keep what the piece meant with it.

    ``say``: told of what is lost, as a code and words. ``back_s``: how old a rotated file may be, in seconds, that is
    read when nothing is known yet.
    """

    def __init__(self, path: Path, place: Place, say: Callable[[str, str], None], back_s: float = 7 * 86_400.0) -> None:
        self.path, self.place, self._say, self._back = path, place, say, back_s
        self._done: dict[tuple[tuple[int, int], int, int], Stream | None] = {}
        """Files that were read to their end, as they are, and which content each holds."""
        self.problem = ""
        """Why nothing can be read now; empty when all is well."""
        self._old, self._asked = list[Path](), 0.0
        stem, dot, extension = path.name.rpartition(".")
        kept = rf"|{re.escape(stem)}[-._]\d[\w.:-]*\.{re.escape(extension)}(?:\.\w+)?" if stem and dot else ""
        self._ours = re.compile(rf"{re.escape(path.name)}(?:[-._].*)?{kept}", re.DOTALL)
        """``mail.log.1.gz``, ``mail.log-20261127``; and ``mail-20261127.log``, ``mail.1.log.gz`` (``extension``)."""

    def pieces(self, now: float) -> Iterator[Piece]:
        """All that is new, in pieces, each with the place behind it."""
        self.problem = ""
        if abs(now - self._asked) >= OLD_S:
            self._old, self._asked = old_folders(self.path), now
        try:
            files = self._files()
        except OSError as error:
            self.problem = f"{self.path.parent}: {error.strerror or error}"
            return
        if not any(f.current for f in files):
            self.problem = f"{self.path}: no such file"
        oldest = self.place.newest if self.place.streams else int((now - self._back) * 1e9)
        self._done = {f.stamp: self._done[f.stamp] for f in files if f.stamp in self._done}
        met: list[Stream | None] = []
        for file in files:
            if file.stamp in self._done:
                met.append(self._done[file.stamp])
                continue
            try:
                yield from self._file(file, oldest, now, met)
            except FileNotFoundError:
                return  # renamed while we looked: the next look finds it
            except (OSError, EOFError, zlib.error) as error:
                self.problem = f"{file.path}: {getattr(error, 'strerror', None) or error}"
                return  # in order or not at all: what comes after it waits
        self._lost(files, met)

    def _files(self) -> list[_File]:
        """The log and what was rotated away from it, the oldest first."""
        found = self._in(self.path.parent)
        for folder in self._old:
            with contextlib.suppress(OSError):  # what it holds is missed when it is needed
                found += self._in(folder)
        return sorted(found, key=lambda f: (f.current, f.mtime, f.path.name))

    def _in(self, folder: Path) -> list[_File]:
        found, home = [], folder == self.path.parent
        with os.scandir(folder) as entries:
            for entry in entries:
                if not self._ours.fullmatch(entry.name) or not entry.is_file():
                    continue
                with contextlib.suppress(FileNotFoundError):
                    s = entry.stat()
                    current = home and entry.name == self.path.name
                    found.append(_File(Path(entry.path), s.st_size, s.st_mtime_ns, (s.st_dev, s.st_ino), current))
        return found

    def _file(self, file: _File, oldest: int, now: float, met: list[Stream | None]) -> Iterator[Piece]:
        if file.path.suffix in UNKNOWN and not file.current:
            if file.mtime > oldest:
                self._say("log-unread", f"{file.path} cannot be read here: have logrotate pack with gzip, bzip2 or xz")
            self._done[file.stamp] = None
            return
        with _open(file.path) as handle:
            head = handle.read(HEAD)
            found = self.place.find(head)
            stream = next((s for s in found if _holds(handle, s)), None)
            if stream is None:
                copy = bool(found) and not file.current and _size(handle) <= found[0].offset
                if copy:  # of a content that was read further under another name
                    met.append(found[0])
                elif found:
                    self._say("log-altered", f"{file.path} is not what was read of it before; it is read again")
                    for one in found:
                        one.current = False
                if copy or not head or (not file.current and file.mtime <= oldest):
                    self._done[file.stamp] = found[0] if copy else None
                    return
                stream = self.place.add(Stream(0, "", 0, digest(b""), file.current))
            met.append(stream)
            yield from self._rest(file, handle, stream, now)

    def _rest(self, file: _File, handle: IO[bytes], stream: Stream, now: float) -> Iterator[Piece]:
        """What is behind the place, a piece at a time."""
        while True:
            handle.seek(stream.offset)
            lines, size, rest = _lines(handle)
            if not self._unchanged(file, handle, stream):
                return  # truncated meanwhile: what was read may be of another content; look again
            still = not file.current and file.mtime / 1e9 < now - STILL_S
            if size:
                self._move(handle, stream, stream.offset + size)
            elif rest and (still or len(rest) >= LONGEST):
                self._move(handle, stream, stream.offset + len(rest))
            self.place.newest = max(self.place.newest, file.mtime)
            if size:
                yield Piece(lines)
            elif rest and (still or len(rest) >= LONGEST):
                yield Piece([], rest)
            else:
                if not rest:
                    self._done[file.stamp] = stream
                return

    def _unchanged(self, file: _File, handle: IO[bytes], stream: Stream) -> bool:
        if not stream.head_size or file.path.suffix in PACKED:
            return True
        handle.seek(0)
        return stream.begins(handle.read(HEAD))

    def _move(self, handle: IO[bytes], stream: Stream, offset: int) -> None:
        handle.seek(0)
        head = handle.read(HEAD)
        handle.seek(max(0, offset - TAIL))
        stream.moved(offset, handle.read(min(TAIL, offset)), head)

    def _lost(self, files: list[_File], met: list[Stream | None]) -> None:
        """The content that was written to is under no name any more: what came after the place is lost."""
        now = met[-1] if met and files[-1].current and files[-1].size else None
        for stream in list(self.place.streams):
            if not stream.head_size and not any(stream is m for m in met):
                self.place.streams.remove(stream)  # only half a line was ever there: nothing of it was taken
            elif stream.current and not any(stream is m for m in met) and any(f.current and f.size for f in files):
                stream.current = False
                where = " or ".join(str(f) for f in (self.path.parent, *self._old))
                text = f"{self.path} was rotated away before it was read to its end, and is not in {where}"
                self._say("log-lost", text)
            if now is not None:
                stream.current = stream is now


def _open(path: Path) -> IO[bytes]:
    kind = PACKED.get(path.suffix)
    if kind is None:
        return path.open("rb")
    import importlib  # for the few times that a packed file is met

    opened: IO[bytes] = importlib.import_module(kind).open(path, "rb")
    return opened


def _size(handle: IO[bytes]) -> int:
    return handle.seek(0, os.SEEK_END)


def _holds(handle: IO[bytes], stream: Stream) -> bool:
    """Does this file hold all that was read of that content?"""
    handle.seek(max(0, stream.offset - TAIL))
    tail = handle.read(min(TAIL, stream.offset))
    return len(tail) == min(TAIL, stream.offset) and digest(tail) == stream.tail


def _lines(handle: IO[bytes]) -> tuple[list[bytes], int, bytes]:
    """The whole lines of a chunk, their size with their ends, and, when there is none, what there is of a line."""
    raw = handle.read(CHUNK)
    end = raw.rfind(b"\n") + 1
    while raw and not end and len(raw) < LONGEST:
        more = handle.read(CHUNK)
        if not more:
            return [], 0, raw
        at = more.find(b"\n")
        raw += more if at < 0 else more[: at + 1]
        end = len(raw) if at >= 0 else 0
    return raw[:end].split(b"\n")[:-1] if end else [], end, b"" if end else raw
