"""From bytes of a log to what became of its messages: lines read, torn ones parted, what is no line counted. Pure.

A writer that was killed or had a full disk leaves half a line, and the next one runs on behind it. The next one is
heard. But what a sender wrote can look like a line of the log, too: one that begins inside of an address, a header or
an answer begins no message, and speaks only of one that is under way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from bcp.kit.log_drops import dropped
from bcp.kit.mail_log import MAX_LINE, Again, Line, Not, Reader, begins_again, begins_in_tag, objects_in
from bcp.relay.events import cut_off, event_of, runs_on, theirs, torn, whole_without_end
from bcp.relay.export import Export
from bcp.relay.lives import Lives

STRANGE = 200
"""So many lines without one of Postfix's are another program's log."""
IN_A_ROW, IN_BYTES = 5, 4096
"""So many lines, or bytes, one after the other that nobody can read may hide a whole mail: it has as many lines."""
_OF_MAIL = re.compile(rb"postfix.*(?:status=(?:sent|deferred|bounced)|, nrcpt=\d|: client=|message-id=<)", re.DOTALL)


class Listener:
    """``counted``: how many lines were which: ``line``, ``other`` (of other programs), ``broken``, ``long``, ``half``,
    ``undated``, ``nameless``. ``sample``: the last one that was broken."""

    def __init__(self, reader: Reader, lives: Lives) -> None:
        self.reader, self.lives = reader, lives
        self.counted: Counter[str] = Counter()
        self.export = Export()
        self.sample = ""
        self.nameless = False
        """Do lines of Postfix come without the name of the daemon?"""
        self.gap = ""
        """What was written to the log, and could not be read, in words, until somebody has taken note; a mail may be in
        it."""
        self._in_a_row = self._bytes = 0

    @property
    def problem(self) -> str:
        """Is this no log of Postfix at all? Empty: it is, or there is too little to say."""
        if self.nameless:
            return (
                "the log has Postfix's lines without the name of the daemon (postfix, not postfix/qmgr), and says too "
                'little so: put global(parser.PermitSlashInProgramName="on") into rsyslog.conf, or log by another '
                "template (RSYSLOG_FileFormat)"
            )
        if self.counted["line"] or self.counted.total() < STRANGE:
            return ""
        return (
            f"none of {self.counted.total()} lines is one of Postfix's: is it another log, another form "
            "(journalctl: -o json or export), or another name (syslog-name)?"
        )

    def hear(self, lines: Iterable[bytes]) -> None:
        """Whole lines, without their ends."""
        for raw in self.export.lines(lines):
            if not raw.strip(b"\x00\r "):
                continue
            if len(raw) > MAX_LINE:
                self._long(raw)
            else:
                self._hear(raw)
        self.counted.update(self.export.counted)
        self.export.counted.clear()

    def _long(self, raw: bytes) -> None:
        """Its beginning; and a line that runs on at its end, where what is before is junk."""
        self.counted["long"] += 1
        found = self.reader.read(raw)
        if isinstance(found, Line):
            self._hear(raw[:MAX_LINE])
            return
        self._broken(raw)
        self._unread(raw)
        tail = raw[-MAX_LINE:].decode("utf-8", "replace")
        if (at := begins_again(tail)) > 0:
            self._hear(tail[at:].encode())

    def _hear(self, raw: bytes, *, doubtful: bool = False) -> None:
        found = self.reader.read(raw)
        if isinstance(found, Line):
            self.nameless = False
            self._line(found, raw, doubtful)
            return
        if found is not Not.OTHER or _OF_MAIL.search(raw):
            self._unread(raw)
        if found is Not.NAMELESS:
            self.nameless = True
            self.counted["nameless"] += 1
            self.sample = raw[:200].decode("utf-8", "replace")
            return
        text = raw.decode("utf-8", "replace")
        if found is Not.OTHER:
            at = begins_in_tag(text)
            if at < 0:
                self.counted["other"] += 1
                self._left_out(raw)
                return
        elif text[:1] == "{":
            at = next((a for a in objects_in(text) if isinstance(self.reader.read(text[a:].encode()), Line)), -1)
        else:
            at = begins_again(text)
        self._broken(raw)
        if at > 0:
            self._hear(text[at:].encode(), doubtful=doubtful)

    def _line(self, line: Line, raw: bytes, doubtful: bool) -> None:
        at = begins_again(line.text, 0) if raw[:1] != b"{" else -1
        if at >= 0 and runs_on(line, at):
            self._parted(line, at, raw, doubtful)
        elif torn(line) or cut_off(line):
            self._broken(raw)
        else:
            self._take(line, doubtful, line.times if isinstance(line, Again) else 1)

    def _parted(self, line: Line, at: int, raw: bytes, doubtful: bool) -> None:
        """A line that was cut off, and the one that ran on behind it."""
        self._broken(raw)
        head = line._replace(text=line.text[:at])
        found = event_of(head)
        if found is not None and whole_without_end(found[1]):
            self._take(head, doubtful)
        self._hear(line.text[at:].encode(), doubtful=doubtful or theirs(line, at, len(raw)))

    def _take(self, line: Line, doubtful: bool, times: int = 1) -> None:
        if doubtful and not self.lives.speaks_of_known(line):
            return
        self.counted["line"] += 1
        self._in_a_row = self._bytes = 0
        if not line.at:
            self.counted["undated"] += 1
        for _ in range(times):
            self.lives.take(line)

    def _unread(self, raw: bytes) -> None:
        """One more of those that nobody can read, one after the other."""
        before, self._in_a_row, self._bytes = self._many, self._in_a_row + 1, self._bytes + len(raw)
        if self._many and not before:
            self.gap = "many lines of its log, one after the other, could not be read: what they say is not in here"

    def _left_out(self, raw: bytes) -> None:
        """Another program's line: does it say that lines of Postfix are not in the log?"""
        lines, who = dropped(raw)
        if lines:
            self.gap = f"{who} left {lines} lines out, too many came at once: what they say is not in here"

    @property
    def _many(self) -> bool:
        return self._in_a_row >= IN_A_ROW or self._bytes >= IN_BYTES

    def _broken(self, raw: bytes) -> None:
        self.counted["broken"] += 1
        self.sample = raw[:200].decode("utf-8", "replace")

    def half(self, raw: bytes) -> None:
        """The end of a file that is not written to any more, without the end of its line: what it says is not
        believed."""
        self.counted["half"] += 1
        self._unread(raw)
        self.sample = raw[:200].decode("utf-8", "replace")
