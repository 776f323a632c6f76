"""What a log daemon says that it left out, because there was too much at once. Pure.

journald keeps so many lines of a service in so many seconds (``RateLimitBurst=``, journald.conf(5)), rsyslog so many
of a program or of the journal (``RateLimit.Burst``): a drain is more than that. The rest is thrown away, and one line
says how much it was.
"""

from __future__ import annotations

import json
import re

_BY_JOURNALD = re.compile(r"Suppressed (\d{1,12}) messages from (\S.*)")
_BY_RSYSLOG = re.compile(
    r"(?:im(\w+)(?:\[[^\]]*name: ([^\]]*)\])?: (\d{1,12}) messages lost|imuxsock lost (\d{1,12}) mess)"
)
_PLAIN = re.compile(
    r"(?:\S+(?<!:) +){0,9}(systemd-journald|rsyslogd)(?:\[\d+\])?(?: +\S+(?<!:)){0,3}:? +(.*)", re.DOTALL
)
"""What ends with a colon before is another program, which says something that looks like it."""
MOST = 4096
"""Bytes of a line that are looked at."""


def dropped(raw: bytes) -> tuple[int, str]:
    """How many lines that may be Postfix's were left out by whom; (0, ""): the line says nothing of it."""
    if b"Suppressed " not in raw and b"messages lost" not in raw and b"imuxsock lost" not in raw:
        return 0, ""
    program, text = _parts(raw[:MOST].decode("utf-8", "replace"))
    if program == "systemd-journald" and (found := _BY_JOURNALD.match(text)):
        return (int(found[1]), program) if "postfix" in found[2] else (0, "")
    if program == "rsyslogd" and (found := _BY_RSYSLOG.match(text)):
        other = found[2] is not None and "postfix" not in found[2]
        return (0, "") if other else (int(found[3] or found[4]), program)
    return 0, ""


def _parts(text: str) -> tuple[str, str]:
    if text[:1] != "{":
        found = _PLAIN.match(text)
        return (found[1], found[2]) if found else ("", "")
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return "", ""
    name = row.get("SYSLOG_IDENTIFIER") or row.get("programname") or row.get("program") or ""
    return str(name), str(row.get("MESSAGE") or row.get("message") or row.get("msg") or "").lstrip()
