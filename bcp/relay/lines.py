"""One line of a mail log, whatever wrote it, as what Postfix said. Pure.

Understood: the classic form (RFC 3164; also Postfix's own ``maillog_file``, postlogd(8)) with and without a year, the
forms with RFC 3339 times (rsyslog's RSYSLOG_FileFormat, ``journalctl -o short-iso``), RFC 5424, JSON by line
(``journalctl -o json``, rsyslog's templates). Other programs' lines are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, NamedTuple

from bcp.relay.dating import Dating

MAX_LINE = 16_384
"""Bytes of a line that are read; Postfix's own are shorter than 3,000. What is beyond is left out, and said."""


class Line(NamedTuple):
    """What one daemon of Postfix said."""

    at: float
    """Epoch seconds; 0: nobody knows."""
    instance: str
    """``postfix``, or another syslog_name (postconf(5)) up to its first slash."""
    daemon: str
    pid: str
    text: str


class Not(Enum):
    """Why a line is none of Postfix."""

    OTHER = "other"
    """Another program's."""
    BROKEN = "broken"
    """No line of a log: half of one, or junk."""


_TAG = r"(?P<name>[^\s/\[\]:]+)/(?P<daemon>[\w/.-]+)\[(?P<pid>\d+)\]: (?P<text>.*)"
_DATE = r"[A-Z][a-z]{2} [ \d]\d"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_CLASSIC = re.compile(
    rf"(?:[A-Z][a-z]{{2}} )?(?:(?P<y1>\d{{4}}) )?(?P<date>{_DATE}) (?:(?P<y2>\d{{4}}) )?(?P<time>{_TIME})"
    rf"(?: (?P<y3>\d{{4}}))? (?P<rest>.*)",
    re.DOTALL,
)
_ISO = re.compile(
    r"(?:[A-Z][a-z]{2} )?(?P<when>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"(?P<zone> UTC)? (?P<rest>.*)",
    re.DOTALL,
)
_TAGGED = re.compile(rf"(?:\S+ )?{_TAG}", re.DOTALL)
_PRI = re.compile(r"<\d{1,3}>")
_5424 = re.compile(
    r"1 (?P<when>\S+) \S+ (?P<name>[^\s/]+)/(?P<daemon>\S+) (?P<pid>\S+) \S+ "
    r'(?:-|(?:\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?(?P<text>.*))?$',
    re.DOTALL,
)
_5424_OTHER = re.compile(r"1 (?:-|\d{4}-\d\d-\d\dT\S+) \S+ \S+ \S+ \S+ ")
_REPEATED = re.compile(r"message repeated \d+ times: \[ ?(.*)\]$", re.DOTALL)
_AGAIN = re.compile(
    rf"(?:(?:\d{{4}} )?{_DATE} (?:\d{{4}} )?{_TIME}|\d{{4}}-\d\d-\d\dT{_TIME}(?:Z|[+-]\d\d:?\d\d)?) \S+ "
    r"postfix[^\s/\[\]:]*/[\w/.-]+\[\d+\]: "
)


class Reader:
    """``names``: values of syslog_name beside those that begin with ``postfix``."""

    def __init__(self, dating: Dating, names: Collection[str] = ()) -> None:
        self.dating, self._names = dating, frozenset(names)

    def read(self, raw: bytes) -> Line | Not:
        """One line without its end."""
        text = raw[:MAX_LINE].decode("utf-8", "replace").strip("\x00\r\n")
        if text[:1] == "{":
            return self._json(text)
        if text[:1] == "<" and (pri := _PRI.match(text)):
            text = text[pri.end() :]
            if text[:2] == "1 ":
                return self._rfc5424(text)
        return self._plain(text)

    def _plain(self, text: str) -> Line | Not:
        if found := _ISO.match(text):
            when = found["when"] + ("+00:00" if found["zone"] else "")
            return self._tagged(found["rest"], lambda: self.dating.iso(when))
        if found := _CLASSIC.match(text):
            year = found["y1"] or found["y2"] or found["y3"]
            stamp = f"{found['date']} {found['time'].replace(',', '.')}"
            return self._tagged(found["rest"], lambda: self.dating.classic(stamp, int(year) if year else None))
        if text.startswith("postfix"):  # a container's own output, without a date
            return self._tagged(text, lambda: self.dating.last)
        return Not.BROKEN

    def _tagged(self, rest: str, when: Callable[[], float | None]) -> Line | Not:
        found = _TAGGED.match(rest)
        if found is None or not self._ours(found["name"]):
            return Not.OTHER if rest.strip() else Not.BROKEN
        at = when()
        return _line(at, found["name"], found["daemon"], found["pid"], found["text"])

    def _ours(self, name: str) -> bool:
        return name.startswith("postfix") or name in self._names

    def _rfc5424(self, text: str) -> Line | Not:
        found = _5424.match(text)
        if found is None:
            return Not.OTHER if _5424_OTHER.match(text) else Not.BROKEN
        if not self._ours(found["name"]):
            return Not.OTHER
        at = self.dating.iso(found["when"])
        return _line(at, found["name"], found["daemon"], found["pid"], found["text"] or "")

    def _json(self, text: str) -> Line | Not:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return Not.BROKEN
        if not isinstance(row, dict):
            return Not.BROKEN
        name, slash, daemon = _of(row, _PROGRAM).partition("/")
        daemon = daemon.split("[", 1)[0]
        if not slash or not self._ours(name):
            return Not.OTHER
        return _line(self._when(row), name, daemon, _of(row, _PID), _of(row, _MESSAGE))

    def _when(self, row: Mapping[str, Any]) -> float | None:
        """journald's microseconds since 1970 (systemd.journal-fields(7)), else an RFC 3339 time."""
        micro = _of(row, ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"))
        if micro.isascii() and micro.isdigit() and len(micro) < 20:
            at = self.dating.last = int(micro) / 1e6
            return at
        return self.dating.iso(_of(row, _TIMES))


_PROGRAM = ("SYSLOG_IDENTIFIER", "programname", "app-name", "appname", "program", "syslogtag", "ident")
_PID = ("_PID", "SYSLOG_PID", "procid", "pid")
_MESSAGE = ("MESSAGE", "message", "msg")
_TIMES = ("@timestamp", "timestamp", "time", "timereported", "timegenerated", "ts")


def _of(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that is there. journald writes what is not UTF-8 as a list of bytes."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value).removeprefix("\ufeff").lstrip(" ")
        if isinstance(value, list) and all(isinstance(b, int) and 0 <= b < 256 for b in value):
            return bytes(value).decode("utf-8", "replace")
    return ""


def _line(at: float | None, name: str, daemon: str, pid: str, text: str) -> Line:
    if text.startswith("message repeated") and (found := _REPEATED.match(text)):
        text = found[1]
    return Line(at or 0.0, name, daemon.rpartition("/")[2], pid, text)


def begins_again(text: str, after: int = 1) -> int:
    """Where another line begins inside of one that was torn; -1: nowhere. To be asked of torn lines only: what a
    sender wrote can look like a line, too."""
    found = _AGAIN.search(text, after)
    return found.start() if found else -1
