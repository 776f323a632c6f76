"""The whole story on real servers, through the command line and the configuration that the docs describe."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from support import ROOT

from bcp.detect.history import History
from real.net import IP, Net, able

pytestmark = [pytest.mark.real, pytest.mark.slow]

PAGE = (ROOT / "docs" / "howto" / "test-network.md").read_text()


def block(name: str) -> str:
    """A file as the docs show it: what is tested is what people copy."""
    return re.search(rf"```yaml\n# {re.escape(name)}\n(.*?)```", PAGE, re.DOTALL)[1]


def until(condition, what: str, seconds: float = 120):
    """What it gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what}: not in {seconds} s"
        time.sleep(0.2)
    return found


class Ops:
    """The operator's machine: the command, in its namespace."""

    def __init__(self, net: Net, folder: Path) -> None:
        self.net, self.folder = net, folder
        (folder / "playbooks").mkdir(parents=True)
        assert IP["dns"] in block("bcp.yaml") and IP["cache"] in block("bcp.yaml")
        (folder / "bcp.yaml").write_text(block("bcp.yaml").replace("/srv/relay", f"{net.folder}/relay"))
        (folder / "contacts.csv").write_text("id,name,groups\nalice,Alice,staff;oncall\nbob,Bob,staff;oncall\n")
        (folder / "playbooks" / "real-outage.yaml").write_text(block("playbooks/real-outage.yaml"))
        (folder / "playbooks" / "real-failback.yaml").write_text(block("playbooks/real-failback.yaml"))
        self.env = {
            **os.environ,
            "TSIG": net.secret,
            "CODE_ALICE": "7351",
            "BCP_APPROVAL_CODE": "7351",
            "BCP_CONFIG": str(folder / "bcp.yaml"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "80",
        }

    def curl(self, url: str) -> str:
        """What is served there, to this machine; empty: nothing, or an error."""
        command = [*self.net.inside("ops"), "curl", "-fsS", "--max-time", "20", url]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def start(self, *arguments: str, log: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.net.inside("ops"), sys.executable, "-m", "bcp", *arguments],
            env=self.env,
            stdout=log.open("w") if log is not None else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    def looks(self) -> bool:
        """Has a watch written down a round?"""
        return History(self.folder / "state" / "history.db").latest() is not None

    def run(self, *arguments: str, timeout: float = 120) -> tuple[int, str]:
        process = self.start(*arguments)
        try:
            out, _ = process.communicate(timeout=timeout)
        finally:
            process.kill()
        return process.returncode, out


@pytest.fixture(
    params=[("bind", "kill"), ("knot", "hang"), ("bind", "blackhole")], ids=["bind-kill", "knot-hang", "bind-blackhole"]
)
def story(request):
    if why := able():
        pytest.skip(why)
    # Not below pytest's folders, which it keeps closed: Postfix's users must reach their mail.
    folder = Path(tempfile.mkdtemp(prefix="bcp-net-"))
    folder.chmod(0o755)
    net = Net(folder, dns_kind=request.param[0])
    try:
        yield net.start(), request.param[1]
    finally:
        net.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_an_outage_from_break_to_all_clear(story, tmp_path) -> None:
    """The promise of the product: found, failed over in bounded time, failed back, every mail counted."""
    net, how = story
    ops = Ops(net, tmp_path / "ops")
    code, out = ops.run("doctor")
    assert "we may change it" in " ".join(out.split()), out
    feed = net.feed(0.25, 300)
    until(lambda: len(net.numbers()) >= 10, "mail arrives")
    watch = ops.start("watch", "--run", "real-outage", "--no-hold")
    until(ops.looks, "the watch looks")
    broken = net.break_(how)
    first = until(lambda: net.first_at_relay(broken), "mail at the relay")
    told, _ = watch.communicate(timeout=120)
    assert watch.returncode == 0, told
    rto = first - broken
    code, out = ops.run("status", "--output", "json")
    status = json.loads(out)
    assert status["status"] == "holding", out
    assert next(s for s in status["steps"] if s["id"] == "mx")["outputs"]["everywhere"] is True

    seen = json.loads(ops.run("history", "--output", "json")[1])["incidents"][-1]
    assert seen["classes"] == ["B"] and 0 < seen["switched_s"] <= rto + 1, seen

    until(lambda: net.queue("relay") >= 10, "mail waits at the relay")
    net.heal(how)
    until(lambda: ops.run("verdict", "--quiet")[0] == 0, "it looks well again")
    back = ops.start("failback", "--yes")
    until(lambda: ops.run("approve", "--as", "alice")[0] == 0, "alice's yes")
    told, _ = back.communicate(timeout=200)
    assert back.returncode == 0, told
    until(lambda: len(net.fed()) > 50, "enough mail")
    feed.terminate()  # what is counted must not grow any more
    feed.wait(timeout=60)

    def all_there() -> bool:
        for host in ("sender", "relay", "primary"):  # what the primary took before it hung may wait in its own queue
            net.flush(host)
        return not any(net.queue(h) for h in ("sender", "relay", "primary")) and set(net.numbers()) >= set(net.fed())

    with contextlib.suppress(AssertionError):  # the counts below say what is wrong
        until(all_there, "every mail", 90)
    counted = Counter(net.numbers())
    fed = net.fed()
    missing = [n for n in fed if n not in counted]
    doubled = [n for n, c in counted.items() if c > 1]
    assert len(fed) > 50 and not missing and not doubled, (
        missing,
        doubled,
        {h: net.queue(h) for h in ("sender", "relay", "primary")},
        (net.folder / "primary" / "log").read_text()[-1500:],
    )
    code, out = ops.run("audit", "verify")
    assert code == 0, out
    code, out = ops.run("status", "--all")
    assert out.count("done") == 2, out
    print(f"{net.dns_kind} {how}: first mail at the relay after {rto:.1f} s; {len(fed)} mails, each once")
