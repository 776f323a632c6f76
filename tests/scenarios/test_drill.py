"""Whole stories in the lab, through the command a newcomer types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["refuse", "451", "550-valid-recipients", "mx-host-unresolvable"])
def test_a_drill_ends_with_every_mail_counted(cli, tmp_path, name) -> None:
    """Found, approved, failed over, announced, failed back, accounted for."""
    done = cli("drill", "run", name, "--folder", str(tmp_path / "lab"), timeout=150)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) >= {
        "scenario",
        "sent",
        "delivered",
        "lost",
        "duplicated",
        "detected_s",
        "failover_s",
        "rto_receive_s",
        "rto_communicate_s",
        "report",
    }
    assert found["lost"] == found["duplicated"] == 0
    assert found["delivered"] + found["bounced"] == found["sent"] > 40
    assert (found["bounced"] > 0) == (name == "550-valid-recipients")
    report = Path(found["report"])
    page, data = report.read_text(), json.loads(report.with_suffix(".json").read_text())
    assert {t["form"] for t in data["texts"]} >= {"sms", "chat", "page"} and sum(
        t["taken"] for t in data["texts"]
    ) == sum(m["sent"] for m in data["messages"])
    assert "What was said" in page and all(t["body"].split("\n")[0][:20] for t in data["texts"])
    assert "<script" not in page and "src=" not in page and 'name="viewport"' in page
    assert data["status"] == "done" and data["audit"]["damage"] == "" and not data["in_doubt"]
    assert data["extra"]["sent"] == found["sent"]
    if found["bounced"]:
        assert len(data["extra"]["bounced_numbers"]) == found["bounced"]
    state = tmp_path / "lab" / "bcp.yaml"
    assert cli("audit", "verify", "--config", str(state)).returncode == 0
    public = (tmp_path / "lab" / "public" / "index.html").read_text()
    assert "EXERCISE" in public and "<script" not in public


@pytest.mark.parametrize("dns", ["manual", "route53"])
def test_the_same_story_with_the_zone_elsewhere(cli, tmp_path, dns) -> None:
    """A person who enters records, and a provider with an interface of its own. The rest are tried by their settings
    (``unit/drills``), and by hand: make demo DNS=cloudflare."""
    done = cli("drill", "run", "refuse", "--dns", dns, "--folder", str(tmp_path / "lab"), timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert (
        found["dns"] == dns and found["lost"] == found["duplicated"] == 0 and found["delivered"] == found["sent"] > 40
    )
    report = json.loads(Path(found["report"]).with_suffix(".json").read_text())
    assert report["status"] == "done" and not report["in_doubt"]
    assert ("enters the records" in done.stderr) == (dns == "manual")


def test_an_unknown_dns_host_is_named(cli) -> None:
    """With a suggestion."""
    done = cli("drill", "run", "--dns", "rout53")
    assert done.returncode == 2 and "route53" in done.stderr


def test_an_unknown_scenario_is_named(cli) -> None:
    """With a suggestion."""
    done = cli("drill", "run", "refused")
    assert done.returncode == 2 and "Did you mean 'refuse'?" in done.stderr


def test_ctrl_c_ends_a_drill_at_once(tmp_path) -> None:
    """With everything that it started, and without a traceback."""
    import os
    import signal
    import subprocess
    import sys
    import time

    from support import ROOT

    process = subprocess.Popen(
        [sys.executable, "-m", "bcp", "drill", "run", "451", "--folder", str(tmp_path / "lab")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "lab").glob("state/runs/*.db")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in err and "stopped" in err
