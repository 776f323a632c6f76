"""logrotate puts what it rotates away into another folder (``olddir``), or gives it another name (``extension``)."""

from __future__ import annotations

import gzip

import pytest

from bcp.relay import rotated
from bcp.relay.rotated import old_folders

from .test_follow import LINES, TEXT, Machine

PARTS = ["".join(f"{x}\n" for x in part).encode() for part in (LINES[:9], LINES[9:20], LINES[20:])]

SCRIPT = "  postrotate\n    for f in /x/{a,b}; do echo ${f} }; done\n    olddir /nowhere\n  endscript\n"


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(rotated, "CONFIGS", (str(tmp_path / "logrotate.conf"), str(tmp_path / "logrotate.d")))
    (tmp_path / "logrotate.d").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("usual", "own", "found"),
    [
        ("", "  weekly\n", ""),
        ("", "  weekly\n  olddir old\n", "/l/old"),
        ("olddir /var/old\n", "  weekly\n" + SCRIPT, "/var/old"),
        ("olddir /var/old\n", SCRIPT + '  olddir "/l/mine"\n', "/l/mine"),
        ("olddir /var/old\nolddir /var/older\n", "  noolddir\n", ""),
        ("# olddir /var/old\n/l/other.log {\n  olddir /other\n}\n", "  weekly\n", ""),
    ],
)
def test_logrotate_says_where(config, usual, own, found) -> None:
    """In its stanza, else for all; what a script says is no word of it."""
    (config / "logrotate.conf").write_text(f"weekly\n{usual}include /etc/logrotate.d\n")
    (config / "logrotate.d" / "syslog").write_text(f"/l/messages\n/l/mail.*\n{{\n{own}}}\n/l/x {{\n  olddir /x\n}}\n")
    (config / "logrotate.d" / "junk").write_bytes(b"\xff{{}{\n" * 9)
    assert [str(f) for f in old_folders(config.__class__("/l/mail.log"))] == ([found] if found else [])
    (config / "logrotate.d" / "syslog").unlink()
    (config / "logrotate.conf").unlink()
    assert old_folders(config.__class__("/l/mail.log")) == []


@pytest.mark.parametrize(
    "name",
    ["mail-20261127.log", "mail.1.log", "mail.1.log.gz", "mail.log_2026-11-27", "old/mail.log.1", "old/mail.1.log.gz"],
)
def test_what_was_rotated_away_is_read_to_its_end(config, name) -> None:
    """No line is lost, none is read twice, and a log of another name is another log."""
    machine = Machine(config / "m")
    (config / "m" / "old").mkdir()
    (config / "m" / "mail-err.log").write_bytes(TEXT)
    (config / "logrotate.conf").write_text(f"{config}/m/*.log {{\n  olddir old\n}}\n" if "/" in name else "")
    machine.write(PARTS[0])
    machine.read()
    machine.write(PARTS[1])
    target = config / "m" / name
    target.write_bytes(gzip.compress(machine.log.read_bytes()) if name.endswith("gz") else machine.log.read_bytes())
    machine._touched(target)
    machine.log.unlink()
    machine.write(PARTS[2])
    machine.agent.source._asked = 0.0
    machine.read()
    assert machine.agent._remarks == []
    assert machine.agent.listener.counted == {"line": TEXT.count(b"\n")}
