"""One run per target: fifty processes start at once, one runs, the others are told its id.
And the rules between runs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest

from bcp.deeds.plan import make_plan, request_for
from bcp.deeds.run import start
from bcp.kernel.errors import Refused
from bcp.settings import load
from bcp.wiring import make_app

CONFIG = """\
version: 1
organisation: {name: Corp}
domains: [{name: corp.test, dns: main}]
dns: {main: {kind: rfc2136, server: "127.0.0.1:1", key: {name: bcp, secret: "env:X"}}}
shell: {allow: [touch, sh]}
playbooks: [playbooks]
"""
PLAYBOOK = """\
version: 1
name: slow
title: Slow
concurrency: {group: "target"}
cooldown: {period: 60m, lift: acknowledge}
activation:
  - {id: touch, uses: shell, with: {run: [touch, MARK]}, undo: {uses: shell, with: {run: [touch, UNDO]}}}
  - {id: wait, uses: wait, with: {for: WAIT}}
"""


def project(folder: Path, wait: str) -> Path:
    (folder / "playbooks").mkdir()
    (folder / "bcp.yaml").write_text(CONFIG)
    (folder / "playbooks" / "slow.yaml").write_text(
        PLAYBOOK.replace("MARK", str(folder / "mark")).replace("UNDO", str(folder / "undo")).replace("WAIT", wait)
    )
    return folder / "bcp.yaml"


async def go(config: Path, *, automatic: bool = False) -> tuple[str, int]:
    app = make_app(load(config))
    plan = await make_plan(app, request_for(app, app.playbooks.load("slow"), inputs={}, automatic=automatic))
    run_id, ending = await start(app, plan)
    return run_id, ending.code


def test_of_fifty_starters_one_runs_and_the_others_know_its_id(tmp_path) -> None:
    """Two runs on one MX would undo each other. The one that runs goes on until all others have been answered."""
    config, go_on = project(tmp_path, "1ms"), tmp_path / "go-on"
    book = tmp_path / "playbooks" / "slow.yaml"
    until = f"while [ ! -e {go_on} ]; do sleep 0.05; done"
    step = f'{{id: until, uses: shell, with: {{run: [sh, -c, "{until}"]}}, timeout: 200s, irreversible: a test}}'
    book.write_text(book.read_text() + f"  - {step}\n")
    start = time.time() + 1.0
    children = []
    for i in range(50):
        pid = os.fork()
        if pid == 0:
            out = {}
            try:
                while time.time() < start:
                    time.sleep(0.001)
                run_id, code = asyncio.run(go(config))
                out = {"ran": run_id, "code": code}
            except Refused as error:
                out = {"refused": error.message, "rule": error.rule}
            except BaseException as error:
                out = {"fault": repr(error)}
            finally:
                (tmp_path / f"out-{i}.json").write_text(json.dumps(out))
                os._exit(0)
        children.append(pid)
    deadline = time.monotonic() + 180
    while len(list(tmp_path.glob("out-*.json"))) < 49:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    go_on.touch()
    for pid in children:
        os.waitpid(pid, 0)
    found = [json.loads((tmp_path / f"out-{i}.json").read_text()) for i in range(50)]
    ran = [f for f in found if "ran" in f]
    refused = [f for f in found if f.get("rule") == "one-run-per-target"]
    assert len(ran) == 1 and ran[0]["code"] == 0, [f for f in found if "fault" in f][:3]
    assert len(refused) == 49, [f for f in found if f not in refused][:3]
    assert all(ran[0]["ran"] in f["refused"] for f in refused)


def test_a_target_rests_after_a_run_until_somebody_looked(tmp_path, cli) -> None:
    """Cool-down, lifted by an acknowledgement."""
    config = project(tmp_path, "1ms")
    env = {"BCP_CONFIG": str(config)}
    assert cli("run", "slow", "--yes", env=env).returncode == 0
    done = cli("run", "slow", "--yes", env=env)
    assert done.returncode == 3 and "cooldown" in done.stderr and "acknowledge" in done.stderr
    assert cli("acknowledge", env=env).returncode == 0
    assert cli("run", "slow", "--yes", env=env).returncode == 0
    assert cli("audit", "verify", env=env).returncode == 0


def test_an_automatic_run_happens_once_a_day(tmp_path) -> None:
    """A flapping service must not move MX again and again."""
    config = project(tmp_path, "1ms")
    text = (
        (tmp_path / "playbooks" / "slow.yaml").read_text().replace("cooldown: {period: 60m, lift: acknowledge}\n", "")
    )
    (tmp_path / "playbooks" / "slow.yaml").write_text(text)
    assert asyncio.run(go(config, automatic=True))[1] == 0
    with pytest.raises(Refused) as caught:
        asyncio.run(go(config, automatic=True))
    assert caught.value.rule == "automatic-limit"
    assert asyncio.run(go(config))[1] == 0


def test_abort_undoes_and_undo_is_last_in_first_out(tmp_path, cli) -> None:
    """A run that waits is told to end; what it did is reversed."""
    config = project(tmp_path, "30s")
    env = {"BCP_CONFIG": str(config)}
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "run", "slow", "--yes"],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "mark").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)
    assert cli("abort", "--reason", "wrong button", env=env).returncode == 0
    out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err
    assert (tmp_path / "undo").exists()
    assert "wrong button" in cli("status", env=env).stdout


def test_a_changed_journal_is_noticed(tmp_path, cli) -> None:
    """Evidence that could be altered is none."""
    import sqlite3

    config = project(tmp_path, "1ms")
    env = {"BCP_CONFIG": str(config)}
    assert cli("run", "slow", "--yes", env=env).returncode == 0
    assert cli("audit", "verify", env=env).returncode == 0
    path = next((tmp_path / ".bcp" / "runs").glob("*.db"))
    db = sqlite3.connect(path)
    db.execute("update event set actor='mallory' where seq=2")
    db.commit()
    db.close()
    done = cli("audit", "verify", env=env)
    assert done.returncode == 3 and "event 2" in done.stdout
    path.unlink()
    assert "is gone" in cli("audit", "verify", env=env).stdout


def test_a_run_holds_says_updates_and_ends_with_the_failback(tmp_path, cli) -> None:
    """The cadence is kept until somebody goes back; a second start is refused meanwhile."""
    import subprocess
    import sys

    config = project(tmp_path, "1ms")
    folder = tmp_path / "playbooks"
    (folder / "slow.yaml").write_text(
        (folder / "slow.yaml").read_text()
        + f"hold:\n  - {{id: beat, every: 1s, uses: shell, with: {{run: [touch, {tmp_path}/beat]}}}}\n"
        f"recovery: {{playbook: back}}\n"
    )
    (folder / "back.yaml").write_text(
        f"version: 1\nname: back\ntitle: Back\nconcurrency: {{group: target}}\nactivation:\n"
        f"  - {{id: b, uses: shell, with: {{run: [touch, {tmp_path}/back]}}, irreversible: a test}}\n"
    )
    env = {"BCP_CONFIG": str(config)}
    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "run", "slow", "--yes"],
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "beat").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    found = json.loads(cli("status", "--output", "json", env=env).stdout)
    assert found["status"] == "holding" and found["live"]
    assert cli("run", "slow", "--yes", env=env).returncode == 3
    done = cli("failback", "--yes", env=env)
    assert done.returncode == 0, done.stderr
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert (tmp_path / "back").exists()
    listed = json.loads(cli("status", "--all", "--output", "json", env=env).stdout)["runs"]
    assert [r["status"] for r in listed] == ["done", "done"]
