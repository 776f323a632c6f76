"""The systemd unit: which program, which folders, and how exposed systemd itself says that it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import bcp

from bcp.deeds.unit import program, quoted, unit

STATE = Path("/var/lib/bcp")


def test_the_unit_names_the_program_and_every_folder_once() -> None:
    text = unit(["/opt/bcp/bin/bcp"], Path("/etc/bcp/bcp.yaml"), [STATE, Path("/srv/status page"), STATE])
    assert "ExecStart=/opt/bcp/bin/bcp --config /etc/bcp/bcp.yaml serve\n" in text
    assert re.findall(r"^ReadWritePaths=(.*)$", text, re.MULTILINE) == ["/var/lib/bcp", '"/srv/status page"']


@pytest.mark.parametrize(
    ("word", "right"),
    [("/a/b", "/a/b"), ("/a b", '"/a b"'), ("100%", "100%%"), ("$HOME", "$$HOME"), ('a"b', '"a\\"b"')],
)
def test_words_are_quoted_as_systemd_reads_them(word, right) -> None:
    assert quoted(word) == right


def test_the_program_is_the_one_that_runs(tmp_path) -> None:
    """A file called bcp that can be executed; else this Python."""
    tool = tmp_path / "bcp"
    tool.write_text("#!/bin/sh\n")
    assert program(str(tool), sys.executable) == [sys.executable, "-m", "bcp"]
    tool.chmod(0o755)
    assert program(str(tool), sys.executable) == [str(tool)]
    assert program(str(tmp_path / "__main__.py"), "/usr/bin/python3") == ["/usr/bin/python3", "-m", "bcp"]


@pytest.fixture
def printed(tmp_path) -> str:
    """As the command prints it, for a page in a folder of its own."""
    (tmp_path / "answers.yaml").write_text("domains: corp.test\nresolvers: 127.0.0.1:1\npage_folder: web pages\n")
    assert bcp("init", "--answers", "answers.yaml", cwd=tmp_path).returncode == 0
    with (tmp_path / "bcp.yaml").open("a") as file:
        file.write('  listen: "127.0.0.1:8443"\n')
    done = bcp("serve", "--systemd-unit", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_printed_starts_what_is_installed_and_may_write_where_it_must(printed, tmp_path) -> None:
    start = re.search(r"^ExecStart=(.*)$", printed, re.MULTILINE)
    assert start is not None and os.access(start[1].split()[0], os.X_OK)
    done = subprocess.run([*start[1].split()[:-1], "config", "check"], capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert f"ReadWritePaths={tmp_path}/.bcp\n" in printed and f'ReadWritePaths="{tmp_path}/web pages"\n' in printed


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_systemd_says_that_it_is_little_exposed(printed, tmp_path) -> None:
    """At most 3.0 of 10, and nothing in the file that systemd does not know."""
    path = tmp_path / "bcp.service"
    path.write_text(printed)
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=30", "--no-pager", str(path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found is not None and float(found[1]) <= 3.0
    assert "Unknown" not in done.stderr and "Invalid" not in done.stderr, done.stderr
