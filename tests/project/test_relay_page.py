"""The page about the agent: its files and its commands, one after the other, as somebody would type them."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from support import ROOT, bcp

PAGE = (ROOT / "docs" / "howto" / "relay-agent.md").read_text()


def test_the_page_runs(tmp_path) -> None:
    for kind, name in (("ini", "agent.conf"), ("yaml", "bcp.yaml")):
        found = re.search(rf"```{kind}\n# {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)
        command = f"command: [{sys.executable}, -m, bcp, relay"
        (tmp_path / name).write_text(found[1].replace("command: [bcp, relay", command))
    at = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = [
        "smtpd[1]: 4fR1Qx2hZnz9tK: client=a[192.0.2.7]",
        "cleanup[1]: 4fR1Qx2hZnz9tK: message-id=<m1@side.example>",
        "qmgr[1]: 4fR1Qx2hZnz9tK: from=<out@side.example>, size=9, nrcpt=2 (queue active)",
        "smtp[1]: 4fR1Qx2hZnz9tK: to=<anna@corp.example>, relay=mx[192.0.2.1]:25, dsn=2.0.0, status=sent (250 ok)",
        "smtp[1]: 4fR1Qx2hZnz9tK: to=<ben@corp.example>, relay=mx[192.0.2.1]:25, dsn=5.1.1, status=bounced (550 no)",
        "bounce[1]: 4fR1Qx2hZnz9tK: sender non-delivery notification: 4fR1Rk5bVvz9vM",
        "qmgr[1]: 4fR1Qx2hZnz9tK: removed",
    ]
    (tmp_path / "mail.log").write_text("".join(f"{at} relay postfix/{line}\n" for line in said))
    answers = {}
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            words, _, into = line.partition(" > ")
            done = bcp(*shlex.split(words)[1:], cwd=tmp_path)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
            answers[line] = done.stdout
            if into:
                (tmp_path / into).write_text(done.stdout)
    assert "anna@corp.example" in answers["bcp relay mails anna@corp.example"]
    assert "ben@corp.example" in answers["bcp relay mails --status bounced --status expired --since 3d"]
    assert answers["bcp relay mails --from out@side.example --csv"].count("\n") == 3
    assert "The ends meet." in answers["bcp relay account"]
    account = json.loads(answers["bcp relay account --since 7d --until 1m --output json"])
    assert (account["accepted"], account["delivered"], account["bounced"], account["ends_meet"]) == (2, 1, 1, True)
    assert answers["bcp relay take batch"] == "mx-backup: again\n"


def test_the_light_file_is_an_agent_where_there_is_only_python(tmp_path) -> None:
    """No package beside it, and the same answer."""
    light = tmp_path / "bcp-light.pyz"
    subprocess.run([sys.executable, str(ROOT / "docs" / "light.py"), str(light)], check=True)
    (tmp_path / "mail.log").write_text("2026-11-27T10:00:00Z relay postfix/qmgr[1]: 4fR1Qx2hZnz9tK: removed\n")
    options = ["--name", "r", "--log", "mail.log", "--state", "agent", "--once", "--queue", "none"]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(light), "relay", "agent", *options],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and json.loads(done.stderr)["lines"] == {"line": 1}, done.stderr
