"""One line of a mail log, whatever wrote it, as what Postfix said. Pure.

Understood: the classic form (RFC 3164; also Postfix's own ``maillog_file``, postlogd(8)) with and without a year, the
forms with RFC 3339 times (rsyslog's RSYSLOG_FileFormat, ``journalctl -o short-iso``) or epoch seconds
(``short-unix``), RFC 5424, JSON by line (``journalctl -o json``, ``json-sse`` and ``json-seq``, rsyslog's templates,
Elastic Common Schema), and what container engines wrap around a line (Docker's json-file, CRI). Other programs' lines
are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, NamedTuple

from bcp.kit.log_dates import Dating

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


class Again(Line):
    """The same words as the line before: rsyslog writes one line for all of them (``message repeated``). So are the
    deliveries to an address that a sender named several times."""

    times: int = 1


class Not(Enum):
    """Why a line is none of Postfix."""

    OTHER = "other"
    """Another program's."""
    BROKEN = "broken"
    """No line of a log: half of one, or junk."""
    NAMELESS = "nameless"
    """Postfix's, of a message, and which of its daemons said it was left out by whoever wrote the log."""


_TAG = r"(?P<name>[^\s/\[\]:]+)/(?P<daemon>[\w/.-]+)\[(?P<pid>\d+)\]: (?P<text>.*)"
_DATE = r"[A-Z][a-z]{2} [ \d]\d"
_TIME = r"\d\d:\d\d:\d\d(?:[.,]\d+)?"
_CLASSIC = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?"
    rf"(?:(?P<y1>\d{{4}}) )?(?P<date>{_DATE}) (?:(?P<y2>\d{{4}}) )?(?P<time>{_TIME})"
    rf"(?: (?P<y3>\d{{4}}))?:? (?P<rest>.*)",
    re.DOTALL,
)
_EPOCH = re.compile(r"(?P<when>\d{10}(?:\.\d{1,9})?) (?P<rest>.*)", re.DOTALL)
_CRI = re.compile(r"\S+ std(?:out|err) [FP] ")
"""What Kubernetes' container runtime interface puts before each line."""
_ISO = re.compile(
    r"(?:[A-Z][a-z]{2} )?(?P<when>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
    r"(?: (?P<zone>UTC|[+-]\d\d:?\d\d)|(?: [A-Z]{2,5}))? (?P<rest>.*)",
    re.DOTALL,
)
_TAGGED = re.compile(rf"(?:\S*[^\s:] +)?(?:[a-z0-9]+\.[a-z]+ )?{_TAG}", re.DOTALL)
"""Perhaps a host or, padded, a level, perhaps facility and level (rsyslog, syslog-ng), then the program. What ends with
a colon is another program, which says something that looks like it."""
_SOLARIS = re.compile(r"\[ID \d+ \w+\.\w+\] ")
_TAG_CUT = re.compile(r"(?:\S+ )?(?:\S*/[\w/.-]*(?:\[\d*\]?:? ?)?|\S*)$")
"""What may stand between a date and a line that begins too early: a tag that was cut off, and no text yet."""
_PRI = re.compile(r"<\d{1,3}>")
_5424 = re.compile(
    r"1 (?P<when>\S+) \S+ (?P<name>[^\s/]+)/(?P<daemon>[^\s\[]+)(?:\[(?P<own>\d+)\])?:? (?P<pid>\S+) \S+ "
    r'(?:-|(?:\[(?:[^\]"]|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?(?P<text>.*))?$',
    re.DOTALL,
)
_5424_BARE = re.compile(r"1 \S+ \S+ (?P<name>[^\s/]+) \S+ \S+ (?:-|\[.*?\]) (?P<text>.*)", re.DOTALL)
_OF_A_MESSAGE = re.compile(
    r"[0-9A-Za-z]{6,25}: (?:client=|message-id=<|uid=\d+ from=<|(?:from|to)=<.*>, (?:size|orig_to|relay|status)=)"
)
_5424_OTHER = re.compile(r"1 (?:-|\d{4}-\d\d-\d\dT\S+) \S+ \S+ \S+ \S+ ")
_5424_HEAD = re.compile(r"<\d{1,3}>1(?: \S*){0,6}")
_PRI_END = re.compile(r"<\d{1,3}>$")
_REPEATED = re.compile(r"message repeated (\d{1,6}) times: \[ ?(.*)\]$", re.DOTALL)
MOST_TIMES = 1000
"""Recipients of one mail in one delivery at most."""
_CONTROL = ("#015", "#011", "#000", " ")
"""What a line may end with that is not Postfix's: rsyslog's word for a control character, a template's space."""
_AGAIN = re.compile(
    rf"(?:(?:\d{{4}} )?{_DATE} (?:\d{{4}} )?{_TIME}|\d{{4}}-\d\d-\d\dT{_TIME}(?:Z|[+-]\d\d:?\d\d)?) \S+ "
    r"postfix[^\s/\[\]:]*/[\w/.-]+\[\d+\]: |<\d{1,3}>1 \d{4}-\d\d-\d\dT\S+ \S+ postfix\S* \S+ \S+ (?:-|\[)"
)


class Reader:
    """``names``: values of syslog_name beside those that begin with ``postfix``."""

    def __init__(self, dating: Dating, names: Collection[str] = ()) -> None:
        self.dating, self._names = dating, frozenset(names)

    def read(self, raw: bytes) -> Line | Not:
        """One line without its end."""
        text = raw[:MAX_LINE].decode("utf-8", "replace").strip("\x00\r\n\x1e").removeprefix("data: ")
        if text[:1] == "{":
            return self._json(text)
        if text[:1] == "<" and (pri := _PRI.match(text)):
            text = text[pri.end() :]
            if text[:2] == "1 ":
                return self._rfc5424(text)
        return self._plain(text)

    def _plain(self, text: str) -> Line | Not:
        if wrapped := _CRI.match(text):
            text = text[wrapped.end() :]
        if text[:2] == "1 " and _5424_OTHER.match(text):
            return self._rfc5424(text)
        if found := _ISO.match(text):
            when = found["when"] + (found["zone"] or "").replace("UTC", "+00:00")
            return self._tagged(found["rest"], lambda: self.dating.iso(when))
        if found := _CLASSIC.match(text):
            year = found["y1"] or found["y2"] or found["y3"]
            stamp = f"{found['date']} {found['time'].replace(',', '.')}"
            return self._tagged(found["rest"], lambda: self.dating.classic(stamp, int(year) if year else None))
        if found := _EPOCH.match(text):
            return self._tagged(found["rest"], lambda: self.dating.epoch(float(found["when"])))
        if text.startswith("postfix"):  # a container's own output, without a date
            return self._tagged(text, lambda: self.dating.last)
        return Not.BROKEN

    def _tagged(self, rest: str, when: Callable[[], float | None]) -> Line | Not:
        rest = rest.lstrip(" ")
        found = _TAGGED.match(rest)
        if found is None or not self._ours(found["name"]):
            return Not.BROKEN if _TAG_CUT.match(rest.rstrip(" ")) else Not.OTHER
        text = found["text"]
        if text[:1] == "[" and (label := _SOLARIS.match(text)):
            text = text[label.end() :]
        return _line(when(), found["name"], found["daemon"], found["pid"], text)

    def _ours(self, name: str) -> bool:
        return name.startswith("postfix") or name in self._names

    def _nameless(self, name: str, text: str) -> bool:
        return self._ours(name) and bool(_OF_A_MESSAGE.match(_said(text)))

    def _rfc5424(self, text: str) -> Line | Not:
        found = _5424.match(text)
        if found is None:
            if (bare := _5424_BARE.match(text)) and self._nameless(bare["name"], bare["text"]):
                return Not.NAMELESS
            return Not.OTHER if _5424_OTHER.match(text) and not _5424_HEAD.fullmatch(f"<1>{text}") else Not.BROKEN
        if not self._ours(found["name"]):
            return Not.OTHER
        at = self.dating.iso(found["when"])
        return _line(at, found["name"], found["daemon"], found["own"] or found["pid"], _said(found["text"] or ""))

    def _json(self, text: str) -> Line | Not:
        try:
            row = json.loads(text)
        except (ValueError, RecursionError):
            return Not.BROKEN
        if not isinstance(row, dict):
            return Not.BROKEN
        program = _of(row, _PROGRAM)
        if not program and (whole := _of(row, _WHOLE)):
            return self._wrapped(row, whole.rstrip("\r\n"))
        name, slash, daemon = program.partition("/")
        daemon, _, own = daemon.partition("[")
        if not slash and self._nameless(program.partition("[")[0], _of(row, _MESSAGE)):
            return Not.NAMELESS
        if not slash or not self._ours(name):
            return Not.OTHER
        return _line(self._when(row), name, daemon, _of(row, _PID) or own.partition("]")[0], _of(row, _MESSAGE))

    def _wrapped(self, row: Mapping[str, Any], whole: str) -> Line | Not:
        """A shipper's JSON around a line as it was, with the shipper's time where the line has none."""
        if whole.startswith("postfix"):
            return self._tagged(whole, lambda: self._when(row))
        found = self._plain(whole) if whole[:1] != "{" else Not.OTHER
        return Not.OTHER if found is Not.BROKEN else found

    def _when(self, row: Mapping[str, Any]) -> float | None:
        """journald's microseconds since 1970 (systemd.journal-fields(7)), else an RFC 3339 time."""
        micro = _of(row, ("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"))
        if micro.isascii() and micro.isdigit() and len(micro) < 20:
            return self.dating.epoch(int(micro) / 1e6)
        return self.dating.iso(_of(row, _TIMES))


_PROGRAM = (
    "SYSLOG_IDENTIFIER", "programname", "app-name", "appname", "program", "syslogtag", "ident", "process.name",
    "log.syslog.appname",
)  # fmt: skip
_PID = ("_PID", "SYSLOG_PID", "procid", "pid", "process.pid", "log.syslog.procid")
_MESSAGE = ("MESSAGE", "message", "msg")
_WHOLE = ("log", "message", "MESSAGE", "event.original")
_TIMES = ("@timestamp", "timestamp", "time", "timereported", "timegenerated", "ts")


def _of(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """The first of these fields that is there; a dot may be one in a name, or lead into a table. journald writes what
    is not UTF-8 as a list of bytes."""
    for name in names:
        value = row.get(name)
        if value is None and "." in name:
            value = row
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, str | int) and not isinstance(value, bool):
            return str(value).removeprefix("\ufeff").lstrip(" ")
        if isinstance(value, list) and all(isinstance(b, int) and 0 <= b < 256 for b in value):
            return bytes(value).decode("utf-8", "replace")
    return ""


def _said(text: str) -> str:
    """rsyslog takes the space behind the tag for the first letter of the text (RFC 3164, section 4.1.3)."""
    return text.lstrip(" \ufeff")


def _line(at: float | None, name: str, daemon: str, pid: str, text: str) -> Line:
    while text.endswith(_CONTROL):
        text = text[:-1] if text.endswith(" ") else text[:-4]
    if text.startswith("message repeated") and (found := _REPEATED.match(text)):
        again = Again(at or 0.0, name, daemon.rpartition("/")[2], pid, found[2])
        again.times = min(int(found[1]), MOST_TIMES)
        return again
    return Line(at or 0.0, name, daemon.rpartition("/")[2], pid, text)


def begins_again(text: str, after: int = 1) -> int:
    """Where another line begins inside of one that was torn; -1: nowhere. To be asked of torn lines only: what a
    sender wrote can look like a line, too."""
    found = _AGAIN.search(text, after) if "postfix" in text else None  # most have no such word
    return found.start() if found else -1


def begins_in_tag(text: str) -> int:
    """Where another line begins inside of one that was cut off before its program had said a word; -1: nowhere."""
    at = begins_again(text)
    return at if at >= 0 and _in_tag(_PRI_END.sub("", text[:at])) else -1


def _in_tag(text: str) -> bool:
    """Is this a line up to its program's name at most?"""
    if _5424_HEAD.fullmatch(text):
        return True
    text = _PRI.sub("", text, 1) + " "
    dated = _ISO.match(text) or _CLASSIC.match(text) or _EPOCH.match(text)
    return bool(dated and _TAG_CUT.match(dated["rest"].rstrip(" ")))


def objects_in(text: str) -> list[int]:
    """Where another JSON object may begin: inside of a string its quote would be escaped (RFC 8259, section 7)."""
    return [m.start() for m in re.finditer(r'\{ ?"', text) if m.start()]
