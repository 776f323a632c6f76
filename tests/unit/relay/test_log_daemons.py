"""What the log's own daemons say: that they left lines out, that a file of the journal is broken or not for us."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bcp.kit.log_drops import dropped
from bcp.relay.journal import COMMAND, DROPPED, Journal
from bcp.relay.place import Place, place_of

from .shelves import Log

SUPPRESSED = "Suppressed 383 messages from postfix@-.service"
ENTRY = {"__CURSOR": "s=1;i=14", "SYSLOG_IDENTIFIER": "systemd-journald", "MESSAGE": SUPPRESSED}
RATE = "533 messages lost due to rate-limiting (20000 allowed within 600 seconds)"
OUR = f"imuxsock[pid: 1234, name: /usr/lib/postfix/sbin/qmgr]: {RATE}"


@pytest.mark.parametrize(
    ("line", "lost"),
    [
        (json.dumps(ENTRY), (383, "systemd-journald")),
        (json.dumps(dict(reversed(ENTRY.items()))), (383, "systemd-journald")),
        (f"Nov 29 12:32:34 relay systemd-journald[188]: {SUPPRESSED}", (383, "systemd-journald")),
        (f"2026-11-29T12:32:34.1+01:00 relay systemd-journald[188]: {SUPPRESSED}", (383, "systemd-journald")),
        (f"<46>1 2026-11-29T12:32:34Z relay rsyslogd - - - imjournal: {RATE}", (533, "rsyslogd")),
        (f"Nov 29 12:32:34 relay rsyslogd: imjournal: {RATE}", (533, "rsyslogd")),
        (f"Nov 29 12:32:34 relay rsyslogd: {OUR}", (533, "rsyslogd")),
        ("Nov 29 12:32:34 relay rsyslogd-2177: imuxsock lost 9 messages from pid 7 due to rate-limiting", (0, "")),
        ("Nov 29 12:32:34 relay rsyslogd: imuxsock lost 9 messages from pid 7 due to rate-limiting", (9, "rsyslogd")),
        (f"Nov 29 12:32:34 relay rsyslogd: imuxsock[pid: 7, name: /usr/sbin/sshd]: {RATE}", (0, "")),
        ("Nov 29 12:32:34 relay systemd-journald[188]: Suppressed 9 messages from ssh.service", (0, "")),
        (f"Nov 29 12:32:34 relay sshd[9]: Invalid user systemd-journald[188]: {SUPPRESSED}", (0, "")),
        (json.dumps({**ENTRY, "SYSLOG_IDENTIFIER": "sshd"}), (0, "")),
        ('{"MESSAGE": "Suppressed 9 mess', (0, "")),
    ],
)
def test_what_a_log_daemon_left_out_is_read_of_itself_alone(line, lost) -> None:
    assert dropped(line.encode()) == lost


def test_lines_that_were_left_out_are_said_and_hide_no_fate() -> None:
    log = Log().taken()
    log.listener.hear([json.dumps(ENTRY).encode()])
    assert log.listener.gap.startswith("systemd-journald left 383 lines out") and log.listener.counted["other"] == 1


def journal(folder: Path, err: str, entries: str = "", place: Place | None = None) -> tuple[Journal, list[str], int]:
    """What a journalctl with these words and entries tells."""
    (folder / "said").write_text(err)
    (folder / "entries").write_text(entries)
    script = "import sys; sys.stderr.write(open(sys.argv[1]).read()); sys.stdout.write(open(sys.argv[2]).read())"
    command = (sys.executable, "-S", "-c", script, str(folder / "said"), str(folder / "entries"))
    said: list[str] = []
    made = Journal(place or Place(), lambda code, text: said.append(f"{code}: {text}"), command=command, follow=False)
    return made, said, sum(len(p.lines) for p in made.pieces(0.0))


HINT = (
    "Hint: You are currently not seeing messages from other users and the system.\n      Users in groups 'adm' can.\n"
)
BROKEN = "Journal file /var/log/journal/a/system@1.journal~ is truncated, ignoring file.\n"


def test_an_agent_that_may_not_read_the_systems_journal_says_so(tmp_path) -> None:
    """journalctl ends well then, and tells of nothing: that is no quiet relay."""
    made, said, lines = journal(tmp_path, HINT, "-- No entries --\n")
    assert lines == 0 and "not seeing messages from other users" in made.problem and said == []
    made, _, _ = journal(tmp_path, "No journal files were found.\n")
    assert made.problem.endswith("No journal files were found.")
    made, _, lines = journal(tmp_path, HINT, json.dumps(ENTRY) + "\n")
    assert lines == 1 and made.problem == "", "it sees what we need"


def test_a_file_of_the_journal_that_is_put_aside_is_said_once(tmp_path) -> None:
    made, said, _ = journal(tmp_path, BROKEN * 2, json.dumps(ENTRY) + "\n")
    assert said == [f"log-unread: a file of the journal cannot be read: {BROKEN.strip()}"] and made.problem == ""
    kept = place_of(made.place.to_json())
    assert journal(tmp_path, BROKEN, place=kept)[1] == [], "not again when the agent starts again"


def test_journald_is_asked_for_what_it_left_out() -> None:
    """Without --quiet: that would hide that it may read nothing."""
    assert "--quiet" not in COMMAND and COMMAND[-3:] == ("SYSLOG_FACILITY=2", "+", f"MESSAGE_ID={DROPPED}")
