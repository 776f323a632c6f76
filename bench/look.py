"""Looks at a run with a big plan through every page and API view of the daemon, and says how long its loop was held up.

A heartbeat on the loop measures it: the CPU time that the whole process used between two beats is what everybody else
had to wait for, whatever the machine's neighbours do meanwhile. Usage: look.py [DOMAINS] [--json]
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]
CONFIG = """\
version: 1
organisation: {name: Corp}
domains: [{name: corp.test, dns: main, primary: [{host: primary.test}]}]
dns: {main: {kind: rfc2136, server: "127.0.0.1:1", key: {name: bcp, secret: "env:X"}}}
relays: {mx-backup: {kind: smtp, hosts: [{host: relay.test, preference: 10}]}}
contacts: {file: people.csv}
audiences: {employees: {groups: [staff]}}
"""
PEOPLE = "id,name,email,phone,language,groups\nalice,Alice,a@corp.test,+12025550100,en,staff;oncall\n"
BEAT_S, CALM_S = 0.001, 0.05


class Beat:
    """Beats on the loop; ``longest`` is the most CPU that went by between two beats, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        last = time.process_time()
        while True:
            await asyncio.sleep(BEAT_S)
            now = time.process_time()
            self.longest, last = max(self.longest, now - last), now


async def held_up(work) -> tuple[float, object]:
    """The longest time for which the loop was held up by this, and what it gave."""
    beat = Beat()
    task = asyncio.create_task(beat.run())
    await asyncio.sleep(CALM_S)
    beat.longest = 0.0
    given = await work()
    await asyncio.sleep(CALM_S)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return beat.longest, given


def views(run: str, plan: str, incident: str) -> dict[str, str]:
    """What can be looked at, by name."""
    return {
        "now": "/",
        "now, live": "/?part=1",
        "runs": "/runs",
        "run": f"/runs/{run}",
        "run, live": f"/runs/{run}?part=1",
        "plan of the run": f"/runs/{run}/plan",
        "undo asked": f"/runs/{run}/abort",
        "plan": f"/plans/{plan}",
        "incident": f"/incidents/{incident}",
        "incident, live": f"/incidents/{incident}?part=1",
        "API runs": "/api/v1/runs",
        "API run": f"/api/v1/runs/{run}",
        "API incident": f"/api/v1/incidents/{incident}",
    }


async def look(folder: Path, count: int, rounds: int = 3) -> dict[str, float]:
    """The longest block of each view, in seconds: the worst of some rounds; the first finds nothing kept."""
    import httpx
    from big import made, run_of

    from bcp.kernel.calm import leave_alone
    from bcp.server.daemon import Daemon
    from bcp.server.warm import warm
    from bcp.server.web import web
    from bcp.settings import load

    (folder / "bcp.yaml").write_text(CONFIG)
    (folder / "people.csv").write_text(PEOPLE)
    configuration = load(folder / "bcp.yaml")
    plan = made(count, configuration.fingerprint()).sealed()
    run = await run_of(plan, configuration.state)
    plan.write(configuration.state / "plans" / f"{plan.id}.json")
    plan_id = plan.id
    del plan  # what the bench itself keeps would be looked through by the garbage collector of the daemon
    daemon = Daemon(configuration)
    app = web(daemon)
    service = daemon.app.settings.service
    incident, _ = await daemon.writer.do(lambda b: b.open(service, "Inbound mail fails", "ask", "alice"))
    await daemon.writer.do(lambda b: b.change(incident.id, "run", fields={"runs": (run,)}))
    accounts = app.state.accounts
    headers = sign_in(accounts, app.state.site)
    out: dict[str, float] = {}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:

        async def ask(url: str) -> None:
            answer = await client.get(url, headers=headers)
            assert answer.status_code == 200, f"{url}: {answer.status_code} {answer.text[:300]}"

        await asyncio.to_thread(warm, daemon.app)  # as the daemon does before it serves
        await ask("/account")
        await ask("/api/v1/playbooks")
        leave_alone()  # as the daemon does once it has begun
        for name, url in views(run, plan_id, incident.id).items():
            seen = [(await held_up(lambda url=url: ask(url)))[0] for _ in range(rounds)]
            out[name] = max(seen)
        for name, work in parts(daemon).items():
            out[name] = max([(await held_up(work))[0] for _ in range(rounds)])
    daemon.lock.release()
    return out


def sign_in(accounts, site) -> dict[str, str]:
    """Headers of somebody who may do everything, at the console and at the API."""
    token = accounts.add_token("bench", ("read", "run", "approve"), time.time() + 3600.0)
    accounts.add("alice", "alice", "admin", "correct horse battery staple")
    session = accounts.begin("alice", "127.0.0.1")
    return {"authorization": f"Bearer {token}", "cookie": f"{site.cookie}={session}"}


def parts(daemon) -> dict[str, object]:
    """What the daemon does by itself with runs, again and again."""

    async def done(given) -> None:
        if asyncio.iscoroutine(given):  # before the rooms were rebuilt these were no coroutines
            await given

    async def mind() -> None:
        await done(daemon.minder.once())

    async def gates() -> None:
        await done(daemon.asker._notice_gates())

    async def holding() -> None:
        await done(daemon.conductor.holding())

    daemon.minder.take_over = lambda card: None  # going on with a run is no look at it
    return {"loop: minding runs": mind, "loop: noticing gates": gates, "loop: runs that hold": holding}


def main() -> None:
    """Print a table."""
    count = next((int(a) for a in sys.argv[1:] if a.isdigit()), 10_000)
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(look(Path(name), count))
    for view, seconds in found.items():
        print(f"{view:<24} {seconds * 1000:7.1f} ms")
    if "--json" in sys.argv:
        print(json.dumps([{"view": v, "block_s": s} for v, s in found.items()]))


if __name__ == "__main__":
    main()
