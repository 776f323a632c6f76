"""Side by side on the same faults: our detector, and Prometheus with blackbox exporter and Alertmanager.
Same interval, same `for`.

What is compared is the time from the fault to the verdict, and what each makes of things that are no outage of the
service.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aiohttp import web

INTERVAL, FOR = 1.0, 5.0
DEADLINE = 0.5
"""Blackbox exporter gives a probe the scrape's timeout less half a second."""


class Mail(asyncio.Protocol):
    """SMTP that behaves as told: ok, refuse, hang, 421, 451, 550, slow, throttled, partial."""

    mode = {"service": "ok", "relay": "ok"}

    def __init__(self, name: str) -> None:
        self.name = name

    def connection_made(self, transport):
        self.transport = transport
        mode = self.mode[self.name]
        if mode == "partial":
            mode = "451" if random.random() < 0.3 else "ok"
        self.how = mode
        if mode == "refuse":
            transport.abort()
        elif mode == "421":
            transport.write(b"421 4.3.2 Service not available\r\n")
            transport.close()
        elif mode != "hang":
            asyncio.get_running_loop().call_later(3.0 if mode == "slow" else 0, transport.write, b"220 mail ESMTP\r\n")

    def data_received(self, data):
        for line in data.splitlines():
            verb = line[:4].upper()
            if verb == b"RCPT":
                answer = {
                    "451": b"451 4.3.2 temporary server issue",
                    "550": b"550 5.4.1 Recipient address rejected",
                    "throttled": b"451 4.7.500 Server busy",
                }.get(self.how, b"250 ok")
            else:
                answer = b"221 bye" if verb == b"QUIT" else b"250 ok"
            self.transport.write(answer + b"\r\n")


BLACKBOX = """\
modules:
  smtp_rcpt:
    prober: tcp
    timeout: 500ms
    tcp:
      query_response:
        - expect: "^220"
        - send: "EHLO bcp.invalid"
        - expect: "^250 "
        - send: "MAIL FROM:<>"
        - expect: "^250"
        - send: "RCPT TO:<alice@corp.test>"
        - expect: "^250"
        - send: "QUIT"
"""


def port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Peers:
    """Prometheus, blackbox exporter and Alertmanager from Debian's packages, in a folder of their own."""

    def __init__(self, folder: Path, target: int, hook: int) -> None:
        self.processes = []
        bb, am, pr = port(), port(), port()
        (folder / "bb.yml").write_text(BLACKBOX)
        (folder / "am.yml").write_text(
            "route: {receiver: hook, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}\n"
            "receivers:\n  - name: hook\n"
            f"    webhook_configs: [{{url: 'http://127.0.0.1:{hook}/', send_resolved: true}}]\n"
        )
        (folder / "rules.yml").write_text(
            f"groups:\n  - name: mail\n    interval: {INTERVAL:g}s\n    rules:\n      - alert: MailDown\n"
            f"        expr: probe_success == 0\n        for: {FOR:g}s\n"
        )
        (folder / "prom.yml").write_text(
            f"global: {{scrape_interval: {INTERVAL:g}s, scrape_timeout: {INTERVAL:g}s, evaluation_interval: "
            f"{INTERVAL:g}s}}\nrule_files: [rules.yml]\n"
            f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['127.0.0.1:{am}']}}]}}]}}\n"
            "scrape_configs:\n  - job_name: smtp\n    metrics_path: /probe\n"
            f"    params: {{module: [smtp_rcpt], target: ['127.0.0.1:{target}']}}\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{bb}']}}]\n"
        )
        for name, *arguments in (
            ("prometheus-blackbox-exporter", f"--config.file={folder}/bb.yml", f"--web.listen-address=127.0.0.1:{bb}"),
            (
                "prometheus-alertmanager",
                f"--config.file={folder}/am.yml",
                f"--web.listen-address=127.0.0.1:{am}",
                f"--storage.path={folder}/am",
                "--cluster.listen-address=",
            ),
            (
                "prometheus",
                f"--config.file={folder}/prom.yml",
                f"--web.listen-address=127.0.0.1:{pr}",
                f"--storage.tsdb.path={folder}/tsdb",
            ),
        ):
            self.processes.append(
                subprocess.Popen(
                    [name, *arguments], cwd=folder, stdout=(folder / f"{name}.log").open("w"), stderr=subprocess.STDOUT
                )
            )

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)


class State:
    """What both say now."""

    def __init__(self) -> None:
        self.ours, self.theirs = "unknown", "inactive"
        self.ours_class = ""
        self.when: dict[str, float] = {}
        self.when_class, self.asked = "-", False

    async def hook(self, request: web.Request) -> web.Response:
        body = await request.json()
        firing = any(a["status"] == "firing" for a in body["alerts"])
        self.theirs = "firing" if firing else "resolved"
        if firing:
            self.when.setdefault("theirs", time.monotonic())
        return web.Response()

    def verdict(self, decision) -> None:
        self.ours, self.ours_class = decision.state, "+".join(decision.classes)
        self.asked = self.asked or decision.action == "ask"
        if decision.state == "down" and decision.action != "ask":  # "ask" leaves it to a person: no call for a switch
            self.when.setdefault("ours", time.monotonic())
            self.when_class = self.ours_class


OUTAGES = ("refuse", "hang", "421", "451", "550", "slow")
OTHERS = (
    ("blip of 4 s", "nothing", lambda t: {"service": "refuse" if t < 4 else "ok"}, 14),
    ("3 s off, 3 s on", "nothing that lasts", lambda t: {"service": "refuse" if int(t / 3) % 2 == 0 else "ok"}, 40),
    ("30 % of sessions 451", "partial: a person decides", lambda t: {"service": "partial"}, 60),
    ("451 4.7.500 to our address", "our address", lambda t: {"service": "throttled"}, 20),
    ("our own network", "our own fault", lambda t: {"service": "refuse", "relay": "refuse"}, 20),
)


async def bench(rounds: int) -> list[dict]:  # noqa: C901 - one story, told in order
    from bcp import registry
    from bcp.detect.rules import Rules
    from bcp.detect.watch import Watcher
    from bcp.kernel.clock import SystemClock

    loop = asyncio.get_running_loop()
    ports = {}
    for name in ("service", "relay"):
        server = await loop.create_server(lambda name=name: Mail(name), "127.0.0.1", 0)
        ports[name] = server.sockets[0].getsockname()[1]
    state, folder = State(), Path(tempfile.mkdtemp(prefix="bcp-bench-"))
    app = web.Application()
    app.router.add_post("/", state.hook)
    runner = web.AppRunner(app)
    await runner.setup()
    hook = port()
    await web.TCPSite(runner, "127.0.0.1", hook).start()
    peers = Peers(folder, ports["service"], hook)

    def probe(name: str, control: bool):
        model = registry.settings_class("probes", "smtp")
        given = model.model_validate(
            {
                "host": name + ".test",
                "addresses": ["127.0.0.1"],
                "port": ports[name],
                "recipients": ["alice@corp.test", "bob@corp.test"],  # one alone is a mailbox, not the service
                "timeout": f"{DEADLINE * 1000:g}ms",
                "control": control,
            }
        )
        return registry.load("probes", "smtp").create(name, given, SystemClock())

    rules = Rules(interval_s=INTERVAL, threshold=5, confirm_for_s=INTERVAL)
    watching: list[asyncio.Task[None]] = []

    print(
        f"ours: K = 5 every {INTERVAL:g} s, held {INTERVAL:g} s, deadline {DEADLINE:g} s: confirmed "
        f"{rules.confirm_s():g} s after the first failing look. Theirs: scrape {INTERVAL:g} s, for {FOR:g} s, "
        "group_wait 0.",
        flush=True,
    )

    async def watch() -> None:
        probes = [probe("service", False), probe("relay", True)]
        watcher = Watcher(probes, rules, SystemClock(), interval_s=INTERVAL, after=[state.verdict])
        async for _ in watcher.run():
            pass

    async def calm() -> None:
        """Both healthy, ours by a detector without a past: to it, an outage seconds after another one is the same one
        that came back, of which it says *down* at once, and leaves the switch to people."""
        Mail.mode = {"service": "ok", "relay": "ok"}
        for task in watching:
            task.cancel()
        state.ours = "unknown"
        watching[:] = [asyncio.create_task(watch())]
        end = loop.time() + 40
        while loop.time() < end and not (state.ours == "healthy" and state.theirs in {"inactive", "resolved"}):
            await asyncio.sleep(0.1)
        if state.ours != "healthy" or state.theirs == "firing":
            print(f"not calm before a fault: ours {state.ours}, theirs {state.theirs}", flush=True)
        await asyncio.sleep(6 + random.random())
        state.when, state.when_class, state.asked = {}, "-", False

    rows = []
    try:
        for fault in OUTAGES if rounds else ():
            took: dict[str, list[float]] = {"ours": [], "theirs": []}
            for _ in range(rounds):
                await calm()
                start = time.monotonic()
                Mail.mode = {"service": fault, "relay": "ok"}
                while time.monotonic() - start < 20 and len(state.when) < 2:
                    await asyncio.sleep(0.02)
                seen = state.when_class
                for who in took:
                    if who in state.when:
                        took[who].append(state.when[who] - start)
            a, b = (statistics.median(took[w]) if took[w] else float("nan") for w in ("ours", "theirs"))
            rows.append(
                {
                    "fault": fault,
                    "outage": True,
                    "ours_s": a,
                    "theirs_s": b,
                    "class": seen,
                    "found": [len(took["ours"]), len(took["theirs"])],
                    "of": rounds,
                }
            )
            print(
                f"{fault:<28} ours {a:5.1f} s, class {seen:<3} theirs {b:5.1f} s   {a / b:.2f} x",
                flush=True,
            )
        for title, truth, pattern, length in OTHERS:
            await calm()
            start = time.monotonic()
            while (t := time.monotonic() - start) < length:
                Mail.mode = {"service": "ok", "relay": "ok"} | pattern(t)
                await asyncio.sleep(0.05)
            said = f"{state.ours_class or state.ours}{', left to a person' if state.asked else ''}"
            rows.append(
                {
                    "fault": title,
                    "outage": False,
                    "ours_false": "ours" in state.when,
                    "theirs_false": "theirs" in state.when,
                    "ours_said": said,
                    "truth": truth,
                }
            )
            print(
                f"{title:<28} ours {'FALSE ALARM' if 'ours' in state.when else 'right'} ({said}), theirs "
                f"{'FALSE ALARM' if 'theirs' in state.when else 'right'}; truth: {truth}",
                flush=True,
            )
    finally:
        for task in watching:
            task.cancel()
        peers.stop()
        await runner.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
    return rows


def main() -> None:
    missing = [
        n for n in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter") if shutil.which(n) is None
    ]
    if missing:
        print(f"detection: skipped, not installed: {', '.join(missing)}")
        return
    numbers = [int(a) for a in sys.argv[1:] if a.isdigit()]
    rows = asyncio.run(bench(numbers[0] if numbers else 3))
    outages = [r for r in rows if r["outage"]]
    others = [r for r in rows if not r["outage"]]
    ratio = statistics.median(r["ours_s"] / r["theirs_s"] for r in outages) if outages else float("nan")
    print(
        f"time to verdict: {ratio:.2f} x theirs (median of {len(outages)} faults); false verdicts: ours "
        f"{sum(r['ours_false'] for r in others)} of {len(others)}, theirs {sum(r['theirs_false'] for r in others)} of "
        f"{len(others)}"
    )
    if "--json" in sys.argv:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
