"""A drill in the lab: the real detector, plan, engine and failback against an outside world on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bcp.contracts.dns import MxSet
from bcp.deeds import failback as going_back
from bcp.deeds import plan as planning
from bcp.deeds import run as running
from bcp.deeds.recorded import recorded_mx
from bcp.detect.decide import Decision
from bcp.drills.alone import record_of_run
from bcp.drills.scenario import Scenario
from bcp.drills.score import Result, shortfalls
from bcp.engine.ending import Ending
from bcp.engine.events import Listener, Progress
from bcp.kernel.errors import GateClosed, Interrupted, Invalid, Permanent
from bcp.kernel.files import make_private, write_atomic
from bcp.kernel.signals import enders
from bcp.lab.world import DOMAIN, EXCHANGE, RELAY, LabRelay, World
from bcp.plan.model import Plan
from bcp.rehearse.postfix import PostfixRelay, able
from bcp.rehearse.stand import Stand, stand
from bcp.reports.write import ReportWriter
from bcp.settings import load
from bcp.wiring import App, make_app

RTO_S = 30.0
"""A drill in the lab must move mail within this time, and the TTL of the old MX."""

_CONFIG = """\
version: 1
organisation: {{name: Lab Corp, hotline: "+12025550100", status_page: "https://status.lab.invalid"}}
state: state
domains:
  - name: {domain}
    dns: main
    primary: [{{host: {exchange}, preference: 0}}]
    primary_ttl: {ttl}
dns:
  main:
{dns_host}
    authoritative: ["{dns1}", "{dns2}"]
    resolvers: ["{resolver}"]
resolvers: {{outside: "{resolver}"}}
relays:
  mx-backup:
    kind: smtp
    hosts: [{{host: {relay}, preference: 10, addresses: [{relay_address}]}}]
    port: {smtp_port}
    {relay_settings}
    timeout: 3s
channels:
  sms: {{kind: twilio-sms, account_sid: "file:secrets/twilio-sid", auth_token: "file:secrets/twilio-token", \
from: "+15005550006", api_url: "{vendors}", timeout: 5s}}
  slack: {{kind: slack, token: "file:secrets/slack", channel: C0LAB000001, api_url: "{vendors}", timeout: 5s}}
  status-page: {{kind: status-page, folder: public, url: "https://status.lab.invalid", title: Lab Corp status}}
contacts: {{file: contacts.csv}}
audiences:
  employees: {{groups: [staff]}}
  oncall: {{groups: [oncall]}}
approvals: {{codes: {{alice: "file:secrets/code-alice", bob: "file:secrets/code-bob"}}}}
canary: {{to: "alice@{domain}", resolvers: ["{resolver}"], port: {smtp_port}, arrival: exchange}}
detect:
  interval: 1s
  threshold: 5
  need: 1
  keep_firing_for: 10s
  dwell: 20s
  recheck: {{looks: 2, apart: 0.3s}}
  probes:
    mx-host: {{kind: dns, host: {exchange}, resolvers: ["{dns1}"], timeout: 2s}}
    smtp-rcpt: {{kind: smtp, host: {exchange}, addresses: [{exchange_address}], port: {smtp_port}, \
recipients: ["alice@{domain}", "bob@{domain}"], timeout: 2s}}
    relay-control: {{kind: smtp, host: {relay}, addresses: [{relay_address}], port: {smtp_port}, \
recipient: "alice@{domain}", timeout: 2s, control: true}}
serve:
  ask: {{poll: 1s}}
  hooks:
    alertmanager: {{kind: alertmanager, auth: {{bearer: ["file:secrets/alertmanager"]}}}}
"""
_PEOPLE = [
    "alice,Alice On-Call,,+12025550101,,en,staff;oncall,",
    "bob,Bob On-Call,,+12025550102,,de,staff;oncall,",
    "carol,Carol Clerk,,+12025550103,,en,staff,",
    "dave,Dave Driver,,+12025550104,,de,staff,",
]


_QUEUE = """queue: {{url: "http://127.0.0.1:{port}/queue"}}
    log: relay/maillog"""


async def write_configuration(world: World, host: Stand | None = None) -> Path:
    """A ``bcp.yaml`` for a world that is running, in its folder. Secrets are files of mode 0600. ``host``: where the
    zone is kept, started; without it the lab's own name server."""
    if host is None:
        host = stand("rfc2136")
        await host.start(world)
    folder = make_private(world.folder)
    for name, value in {
        **host.secrets,
        "twilio-sid": world.vendors.twilio_sid,
        "twilio-token": world.vendors.twilio_token,
        "slack": world.vendors.slack_token,
        "code-alice": secrets.token_hex(4),
        "code-bob": secrets.token_hex(4),
        "alertmanager": secrets.token_hex(16),
    }.items():
        write_atomic(folder / "secrets" / name, value)
    write_atomic(
        folder / "contacts.csv", "id,name,email,phone,slack,language,groups,logins\n" + "\n".join(_PEOPLE) + "\n"
    )
    made = world.relay
    relay_settings = made.settings() if isinstance(made, PostfixRelay) else _QUEUE.format(port=world.queue_port)
    text = _CONFIG.format(
        dns_host=host.text(),
        domain=DOMAIN,
        exchange=EXCHANGE,
        relay=RELAY,
        ttl=world.ttl,
        dns1=f"{world.dns_addresses[0]}:{world.dns_port}",
        dns2=f"{world.dns_addresses[1]}:{world.dns_port}",
        resolver=f"{world.resolver_address}:{world.dns_port}",
        smtp_port=world.smtp_port,
        relay_settings=relay_settings,
        vendors=world.vendors.url,
        relay_address=world.relay_address,
        exchange_address=world.exchange_address,
    )
    path = folder / "bcp.yaml"
    write_atomic(path, text)
    return path


def relay_played(kind: str) -> Callable[[World], LabRelay] | None:
    """Who plays the relay: ``None`` for the lab itself. Raises ``Invalid`` (``drill.relay-unknown``)."""
    if kind == "lab":
        return None
    if kind != "postfix":
        raise Invalid(f"nobody plays a relay called {kind!r}", hint="lab, or postfix", rule="drill.relay-unknown")
    able()
    return PostfixRelay


@dataclass
class Drill:
    """Conducts one scenario. ``listener`` sees everything, ``show`` gets each plan."""

    scenario: Scenario
    world: World
    listener: Listener
    show: Callable[[Plan], None]
    host: Stand = field(default_factory=lambda: stand("rfc2136"))
    works: list[asyncio.Task[Any]] = field(default_factory=list)

    def say(self, text: str) -> None:
        """A line of the story."""
        self.listener(Progress(time.time(), "note", "", text))

    async def conduct(self) -> tuple[Result, list[str], str]:
        """Play it through. Returns the result, what did not hold, and the report's path."""
        self.world.ttl = max(self.world.ttl, self.host.min_ttl_s)
        await self.world.start()
        await self.host.start(self.world)
        play = asyncio.create_task(self._play())
        loop = asyncio.get_running_loop()
        for number in enders():
            loop.add_signal_handler(number, play.cancel)
        try:
            return await play
        except asyncio.CancelledError:
            raise Interrupted(signal.SIGINT) from None
        finally:
            for work in self.works:
                work.cancel()
            if self.works:
                await asyncio.wait(self.works, timeout=5)
            await self.host.stop()
            await self.world.stop()

    async def _play(self) -> tuple[Result, list[str], str]:
        world, scenario = self.world, self.scenario
        app = make_app(load(await write_configuration(world, self.host)))
        app.watching.looker.live = True
        async with _watching(app) as decisions:
            self.say(
                f"the lab is up: {DOMAIN} has MX {world.published_mx()}; "
                f"a sender outside sends {1 / world.every_s:g} mails a second"
            )
            await asyncio.sleep(scenario.calm_s)
            self.say(f"BREAK: {scenario.title}")
            await world.break_(scenario.breaks)
            found = await decisions.until("down", 60)
            detected = time.time()
            self.say(
                f"confirmed: class {found.outage_class} ({', '.join(found.planes)}): "
                f"{found.evidence[0] if found.evidence else ''}"
            )
            plan = await self._plan(app, scenario.playbook, {"ttl": str(world.ttl)}, "")
            run_id, held, work = await self._start(app, plan)
            await held.wait()
            if work.done():
                raise Permanent(
                    f"the activation did not come through: {work.result()[1].reason}", hint=work.result()[1].hint
                )
            await self._until_mail_moves()
            await asyncio.sleep(scenario.on_backup_s)
            self.say("HEAL: Exchange works again")
            await world.heal()
            await decisions.until("healthy", 60)
            self.say("our own probes see it healthy; going back")
            child = await self._failback(app, run_id)
            await going_back.end_parent(app, run_id, child, "conductor")
            await work
            self.say("every mail is followed to its end")
            await world.settle(40 + world.ttl)
            return self._score(app, run_id, child, detected, found)

    async def _plan(self, app: App, playbook: str, inputs: dict[str, str], parent: str) -> Plan:
        request = planning.request_for(
            app, app.playbooks.load(playbook), inputs=inputs, kind="drill", initiator="conductor", parent=parent
        )
        plan = await planning.make_plan(app, request)
        self.show(plan)
        return plan

    async def _start(self, app: App, plan: Plan) -> tuple[str, asyncio.Event, asyncio.Task[tuple[str, Ending]]]:
        """Start a run; the event is set when it holds or ends. Alice, on call, approves after looking at it."""
        held = asyncio.Event()
        ids: list[str] = []

        def listen(progress: Progress) -> None:
            self.listener(progress)
            if progress.kind == "gate":
                asyncio.get_running_loop().create_task(self._approve(app, ids[0], progress))
            if progress.kind == "holding":
                held.set()

        work = asyncio.create_task(running.start(app, plan, listener=listen, started=ids.append, signals=False))
        self.works.append(work)
        work.add_done_callback(lambda _: held.set())
        while not ids and not work.done():
            await asyncio.sleep(0.02)
        if not ids:
            await work
        return ids[0], held, work

    async def _approve(self, app: App, run_id: str, gate: Progress) -> None:
        await asyncio.sleep(1.2)
        if self.host.enters is not None and "Type: MX" in str(gate.data.get("about")):
            self.say("Alice enters the records at the registrar, and says that they are saved")
            self.host.enters(str(gate.data["about"]))
            app.running.runs.tell(run_id, "approve", "alice", checksum=gate.data["checksum"], step=gate.step)
            return
        self.say("Alice, on call, has read the plan and approves it")
        app.running.runs.tell(run_id, "approve", "alice", checksum=gate.data["checksum"], step=gate.step)

    async def _until_mail_moves(self) -> None:
        deadline = time.monotonic() + 40 + self.world.ttl
        while not self.world.first_at_relay() and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        if self.world.first_at_relay():
            self.say(
                f"the relay took its first mail {self.world.first_at_relay() - self.world.broken_at:.1f} s after the "
                "break"
            )

    async def _failback(self, app: App, run_id: str) -> str:
        inputs = {"ttl": str(self.world.ttl), "ask_every": "0.5s", "quiet": f"{self.world.ttl + 2}s"}
        plan = await self._plan(app, "exchange-failback", inputs, run_id)
        child, _, work = await self._start(app, plan)
        _, ending = await work
        if ending.code:
            raise GateClosed(f"the failback ended {ending.status}: {ending.reason}", hint=ending.hint)
        return child

    def _score(
        self, app: App, run_id: str, child: str, detected: float, found: Decision
    ) -> tuple[Result, list[str], str]:
        world, broken = self.world, self.world.broken_at
        steps = app.running.runs.view(run_id).state.steps
        counted = world.tally()
        result = Result(
            self.scenario.name,
            counted.sent,
            counted.delivered,
            counted.lost,
            counted.duplicated,
            counted.bounced,
            counted.queued,
            round(detected - broken, 1),
            round(steps["mx"].ended - broken, 1),
            round(max(0.0, world.first_at_relay() - broken), 1),
            round(steps["tell-employees"].ended - broken, 1),
            found.outage_class,
        )
        wrong = shortfalls(
            result,
            expected_class=self.scenario.expected_class,
            may_bounce=self.scenario.may_bounce,
            rto_receive_s=RTO_S + world.ttl,
        )
        mx = MxSet.from_data(next(iter(recorded_mx(app.running.runs.view(run_id)).values())))
        if world.published_mx() != ", ".join(f"{h.preference} {h.host}" for h in mx.hosts):
            wrong.append(f"the MX is {world.published_mx()}, not {mx} as before")
        if world.vendors.complaints:
            wrong.append(f"the vendors complained: {world.vendors.complaints[0]}")
        extra: dict[str, Any] = {
            "scenario": self.scenario.name,
            "sent": result.sent,
            "delivered": result.delivered,
            "bounced": len(result.bounced),
            "bounced_numbers": list(result.bounced),
            "lost": len(result.lost),
            "duplicated": len(result.duplicated),
            "detected_s": result.detected_s,
            "failover_s": result.failover_s,
            "rto_receive_s": result.rto_receive_s,
            "rto_communicate_s": result.rto_communicate_s,
            "failback_run": child,
            "shortfalls": wrong,
        }
        paths = ReportWriter(
            app.running.runs, app.configuration.state / "reports", app.settings.organisation.name, extra,
            record=lambda view, back: record_of_run(view, back, app.running.record_context(), "lab"),
        ).write_now(run_id)  # fmt: skip
        return result, wrong, paths["html"]


class _Decisions:
    """Waits for a state of the watcher."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def until(self, state: str, timeout_s: float) -> Decision:
        """The first verdict with this state. Raises ``Permanent`` when it does not come."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            found = self.app.watching.watcher.decision()
            if found.state == state:
                return found
            await asyncio.sleep(0.05)
        raise Permanent(
            f"the detector did not see {state} in {timeout_s:g} s", hint=str(self.app.watching.watcher.decision())
        )


@contextlib.asynccontextmanager
async def _watching(app: App) -> AsyncIterator[_Decisions]:
    async def loop() -> None:
        async for _ in app.watching.watcher.run():
            pass

    task = asyncio.create_task(loop())
    try:
        yield _Decisions(app)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
