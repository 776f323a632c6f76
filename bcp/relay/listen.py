"""From bytes of a log to what became of its messages: lines read, torn ones parted, what is no line counted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bcp.relay.events import torn
from bcp.relay.lines import MAX_LINE, Line, Not, Reader, begins_again
from bcp.relay.lives import Lives


class Listener:
    """``counted``: how many lines were which: ``line``, ``other`` (of other programs), ``broken``, ``long``, ``half``,
    ``undated``. ``sample``: the last one that was broken."""

    def __init__(self, reader: Reader, lives: Lives) -> None:
        self.reader, self.lives = reader, lives
        self.counted: Counter[str] = Counter()
        self.sample = ""

    def hear(self, lines: Iterable[bytes]) -> None:
        """Whole lines, without their ends."""
        for raw in lines:
            if len(raw) > MAX_LINE:
                self.counted["long"] += 1
            if raw.strip(b"\x00\r "):
                self._hear(raw)

    def _hear(self, raw: bytes) -> None:
        found = self.reader.read(raw)
        if isinstance(found, Line):
            if not torn(found):
                self._take(found)
                return
        elif found is Not.OTHER:
            self.counted["other"] += 1
            return
        self.counted["broken"] += 1
        text = raw[:MAX_LINE].decode("utf-8", "replace")
        self.sample = text[:200]
        at = begins_again(text)
        if at > 0:
            self._hear(text[at:].encode())

    def _take(self, line: Line) -> None:
        self.counted["line"] += 1
        if not line.at:
            self.counted["undated"] += 1
        self.lives.take(line)

    def half(self, raw: bytes) -> None:
        """The end of a file that is not written to any more, without the end of its line: what it says is not
        believed."""
        self.counted["half"] += 1
        self.sample = raw[:200].decode("utf-8", "replace")
