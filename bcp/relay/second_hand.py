"""Does the log reach us by way of journald? Then what its file lacks nobody says.

systemd puts journald behind ``/dev/log`` (systemd-journald-dev-log.socket). What it takes it hands on to rsyslog or
syslog-ng, and what these do not take at once is in the journal, and not in the file.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

SYSLOG, JOURNALD = Path("/dev/log"), "/run/systemd/journal/"
OWN = ("postconf", "-h", "maillog_file")
"""Empty: Postfix writes to syslog. Else it writes its log itself, and nobody is between."""


def second_hand(log: Path, syslog: Path = SYSLOG, own: Sequence[str] = OWN) -> str:
    """What is to be said of this file; empty: nothing, it is Postfix's own, or there is no journald."""
    if not os.path.realpath(syslog).startswith(JOURNALD):
        return ""
    try:
        done = subprocess.run(own, capture_output=True, timeout=10, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.SubprocessError):
        return ""  # this is not the machine that Postfix runs on
    if done.returncode or done.stdout.strip():
        return ""
    return (
        f"lines of {log} come through journald, and what the log daemon behind it misses is not there, without a word: "
        "read the journal (journal = yes, and no log), or let Postfix write the file (maillog_file)"
    )
