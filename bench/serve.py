"""The daemon: a storm of alerts beside a bare server that only answers, and the time from a hook to the first write."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

BARE = """\
import json, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
async def hook(request):
    json.loads(await request.body())
    return JSONResponse({"incident": None}, 202)
uvicorn.run(Starlette(routes=[Route("/hooks/alertmanager", hook, methods=["POST"])]), port=int(sys.argv[1]), \
http="httptools", access_log=False, log_level="error")
"""


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def main() -> None:
    from acceptance.conftest import Lab
    from server.test_load import AUTO, rss, storm, written
    from server.world import World, alert, free_port

    folder = Path(tempfile.mkdtemp(prefix="bcp-bench-serve-"))
    lab = Lab(folder / "lab")
    rows = {}
    try:
        port = free_port()
        bare = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
        time.sleep(2)
        rows["bare"] = asyncio.run(storm(port, 1000, 60))
        bare_memory = rss(bare.pid)
        bare.terminate()
        bare.wait()
        (folder / "a").mkdir()
        w = World(folder / "a", lab=lab)
        w.start()
        w.break_("refuse")
        began = time.perf_counter()
        rows["bcp"] = asyncio.run(storm(w.port, 1000, 60))
        lasted = time.perf_counter() - began
        w.wait(lambda: w.api("/questions")[1])
        incidents, memory = len(w.api("/incidents")[1]), rss(w.process.pid)
        w.close()
        ratio = p95(rows["bcp"]) / p95(rows["bare"])
        print(
            f"1,000 alerts, 60 connections: {lasted:.2f} s, p95 {p95(rows['bcp']) * 1000:.0f} ms = {ratio:.1f} x a "
            f"bare server that stores nothing; {incidents} incident, {memory:.0f} MiB"
        )
        took = []
        for i in range(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
            home = folder / f"b{i}"
            home.mkdir()
            lab.stop()
            lab = Lab(folder / f"lab{i}")
            w = World(home, lab=lab)
            w.data["serve"]["hooks"]["alertmanager"] |= {"mode": "auto", "playbook": "auto-mx"}
            w.data["serve"]["verdict"] = "notify"
            w.data["detect"] |= {"interval": "5s", "decide": {"b": "0s", "e": "0s"}}
            (home / "playbooks" / "auto-mx.yaml").write_text(AUTO)
            w.write()
            w.start()
            w.wait(lambda w=w: w.get("/readyz")[0] == 200)
            w.break_("refuse")
            time.sleep(0.5)
            began = time.time()
            w.hook(alert())
            run = w.wait(lambda w=w: [r for r in w.api("/runs")[1] if r["playbook"] == "auto-mx"])[0]["id"]
            w.wait(lambda w=w, run=run: w.api(f"/runs/{run}")[1]["status"] == "holding")
            took.append(written(w, run) - began)
            w.close()
        print(
            "hook to first write, two looks 50 ms apart, no gate: "
            f"median {statistics.median(took):.2f} s, p95 {p95(took):.2f} s of {len(took)} (bar 0.5 s)"
        )
        if "--json" in sys.argv:
            print(
                json.dumps(
                    [
                        {
                            "p95_s": p95(rows["bcp"]),
                            "bare_s": p95(rows["bare"]),
                            "memory": memory,
                            "bare_memory": bare_memory,
                            "first_write_s": p95(took),
                        }
                    ]
                )
            )
    finally:
        lab.stop()


if __name__ == "__main__":
    main()
