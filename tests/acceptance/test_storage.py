"""Disk full, read-only, locked: no write without a durable claim, a clear error, and resume finishes afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time

import pytest
from support import ROOT


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 600 KiB."""
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    if (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(folder)], capture_output=True).returncode
        != 0
    ):
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def project(lab, folder, tmp_path, body: str) -> str:
    text = (
        (lab.folder / "bcp.yaml")
        .read_text()
        .replace("state: state", f"state: {folder}/state")
        .replace('"file:secrets', f'"file:{lab.folder}/secrets')
        .replace("file: contacts.csv", f"file: {lab.folder}/contacts.csv")
        .replace("log: relay", f"log: {lab.folder}/relay")
    )
    (tmp_path / "bcp.yaml").write_text(
        text.replace("shell: {allow: [touch, sh, sleep]}", "shell: {allow: [touch, sh, sleep, dd]}").replace(
            "playbooks: [playbooks]", f"playbooks: [{tmp_path}]"
        )
    )
    path = tmp_path / "disk-test.yaml"
    path.write_text(f"version: 1\nname: disk-test\ntitle: A test\nactivation:\n{body}")
    return str(path)


def test_a_full_disk_pauses_the_run(lab, small_disk, tmp_path, cli) -> None:
    """The disk fills in the middle of a run: the next effect does not happen, resume does it later."""
    mark = tmp_path / "mark"
    path = project(
        lab,
        small_disk,
        tmp_path,
        f"""\
  - {{id: fill, uses: shell, with: {{run: [sh, -c, "dd if=/dev/zero of={small_disk}/filler bs=1k count=2000 \
2>/dev/null; true"]}}, irreversible: a test}}
  - {{id: after, uses: shell, with: {{run: [touch, "{mark}"]}}, irreversible: a test}}
""",
    )
    env = {"BCP_CONFIG": str(tmp_path / "bcp.yaml")}
    done = cli("run", path, "--yes", env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "full" in done.stderr and "bcp resume" in done.stderr and "Traceback" not in done.stderr
    assert not mark.exists()
    assert cli("status", env=env).returncode == 0
    (small_disk / "filler").unlink()
    done = cli("resume", env=env)
    if done.returncode == 4:  # the filling program's own end could not be written down: a person says that it ran
        assert cli("settle", "last", "fill", "--happened", env=env).returncode == 0
        done = cli("resume", env=env)
    assert done.returncode == 0, done.stderr
    assert mark.exists()


@pytest.mark.parametrize("arguments", [["playbook", "list"], ["--output", "json", "playbook", "list"], ["doctor"]])
def test_output_that_has_no_room_is_no_fault_of_ours(lab, arguments) -> None:
    """A plain sentence and exit 1; nobody is asked to report a full disk."""
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "bcp", *arguments],
            env={**os.environ, "BCP_CONFIG": str(lab.folder / "bcp.yaml")},
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1 and "No space left" in done.stderr, done.stderr
    assert "fault in bcp" not in done.stderr and "Traceback" not in done.stderr


def test_a_read_only_state_folder_starts_nothing(lab, small_disk, tmp_path, cli) -> None:
    """No durable claim, no effect."""
    mark = tmp_path / "mark"
    path = project(
        lab,
        small_disk,
        tmp_path,
        f'  - {{id: act, uses: shell, with: {{run: [touch, "{mark}"]}}, irreversible: a test}}\n',
    )
    env = {"BCP_CONFIG": str(tmp_path / "bcp.yaml")}
    assert cli("plan", path, env=env).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = cli("run", path, "--yes", env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr and not mark.exists()


def test_a_locked_journal_pauses_the_run(lab, tmp_path, cli) -> None:
    """Somebody else holds the file: nothing is done without a claim; afterwards resume finishes."""
    mark, begun, go_on = tmp_path / "mark", tmp_path / "begun", tmp_path / "go-on"
    wait = f"touch {begun}; while [ ! -e {go_on} ]; do sleep 0.05; done"
    path = project(
        lab,
        tmp_path,
        tmp_path,
        f"""\
  - {{id: slow, uses: shell, with: {{run: [sh, -c, "{wait}"]}}, timeout: 300s, irreversible: a test}}
  - {{id: act, uses: shell, with: {{run: [touch, "{mark}"]}}, irreversible: a test}}
""",
    )
    env = {"BCP_CONFIG": str(tmp_path / "bcp.yaml")}
    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "run", path, "--yes"],
        env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not begun.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.02)
    files = list((tmp_path / "state" / "runs").glob("*.db"))
    db = sqlite3.connect(files[0], isolation_level=None)
    db.execute("begin exclusive")
    go_on.touch()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out + err
    assert "locked" in err and not mark.exists()
    db.execute("rollback")
    db.close()
    done = cli("resume", env=env)
    if done.returncode == 4:
        assert cli("settle", "last", "slow", "--happened", env=env).returncode == 0
        done = cli("resume", env=env)
    assert done.returncode == 0, done.stderr
    assert mark.exists()
    assert json.loads(cli("status", "--output", "json", env=env).stdout)["status"] == "done"
