"""The desk of the people on call: a daemon's own parts among vendors on loopback, in time that costs nothing.

The book, the channels, the asker, the hearer and the speaker are the real ones; only vendors and people are played.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import yaml

from bcp.engine import runner
from bcp.engine.approvals import JournalApprovals
from bcp.kernel.files import write_atomic
from bcp.kernel.log import CHATTY
from bcp.lab.net import free_port
from bcp.playbook.load import Loaded
from bcp.ready.weekly import DAYS
from bcp.server.core import Core, kept
from bcp.server.ground import ground_of
from bcp.server.parts import ask as asking
from bcp.server.parts.ask import Asker
from bcp.server.parts.conduct import Conductor
from bcp.server.parts.hear import Hearer
from bcp.server.parts.perform import Deeds
from bcp.server.parts.say import Speaker
from bcp.settings import Configuration, load
from bcp.store.memory.state import MemoryState
from bcp.store.sqlite.writer import Writer
from bcp.testing.vendor import Answer, Asked
from bcp.wiring import App, make_app
from bcp.wiring.shipped import SHIPPED
from liars.mail import MailFake
from liars.script import Script
from liars.virtual import LoopClock, VirtualLoop
from liars.web import Taken, Web

START = 1_800_000_000.0
NUMBER = "+15005550006"
"""Ours, to which people text."""
SUBMISSION = "127.0.25.9"
"""Where e-mail is handed over."""
PHONES = {"alice": "+12025550101", "bob": "+12025550102", "carol": "+12025550103"}
TIMEOUT_S = 5.0
MAILS = {p: f"{p}@home.example" for p in PHONES}
SLACK = {p: f"U0{p.upper()}1" for p in PHONES}
"""Who they are where buttons are pressed."""
AFTER_S = 60.0
"""When nobody has answered for so long, the next group is asked."""
LOOK_S = 5.0
"""How often the asker and the hearer look."""
PLAYBOOK = "exchange-inbound-outage"
GATED = "tell-after-a-yes"
"""A playbook of our own whose run waits for a yes, and then tells people."""
GATED_TEXT = f"""\
version: 1
name: {GATED}
title: Tell people, when somebody says yes
covers: [A]
activation:
  - {{id: approve, uses: approval, with: {{from: [group:oncall], min: 1, timeout: 30m}}}}
  - {{id: tell, uses: notify, needs: [approve], with: {{audience: oncall, template: access-down, channels: [sms]}}}}
"""


class Vendors(Web):
    """All vendors of the stage, and those that only people on duty hear of; ``inbound`` are texts to our number."""

    def _route(self, asked: Asked) -> tuple[str, Callable[[Asked], Answer]]:
        path, post = asked.path, asked.method == "POST"
        ours = asked.fields.get("To") == NUMBER
        routes: list[tuple[bool, str, Callable[[Asked], Answer]]] = [
            (path.endswith("/Messages.json") and not post and ours, "twilio.inbound", self._inbound),
            (path == "/v2/enqueue", "pagerduty.send", self._alarm),
            (path == "/hooks/answer", "slack.answer", lambda a: Answer(200, b"ok")),
            (path.startswith("/api/now/") and asked.method == "GET", "servicenow.find", self._found),
            (path.startswith("/api/now/"), "servicenow.write.send", self._record),
            (path.endswith("/search/jql"), "jira.find", lambda a: Answer(200, {"issues": self.rows.get("issues", [])})),
            (path.startswith("/rest/api/2/issue"), "jira.write.send", self._issue),
        ]
        return next(((point, work) for fits, point, work in routes if fits), None) or super()._route(asked)

    def _inbound(self, asked: Asked) -> Answer:
        return Answer(200, {"messages": self.rows.get("inbound", [])[::-1], "page": 0, "next_page_uri": None})

    def text(self, sender: str, body: str) -> None:
        """A person texts us."""
        now = formatdate(self.now())
        row = {"sid": self._id("SM"), "to": NUMBER, "from": sender, "body": body, "status": "received",
               "direction": "inbound", "date_created": now, "date_updated": now, "date_sent": now, "error_code": None,
               "num_segments": "1", "error_message": None}  # fmt: skip
        self.rows.setdefault("inbound", []).append(row)

    def _alarm(self, asked: Asked) -> Answer:
        event = asked.json()
        self.taken.append(Taken("pagerduty.send", "", event["payload"]["summary"]))
        return Answer(202, {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]})

    def _found(self, asked: Asked) -> Answer:
        return Answer(200, {"result": self.rows.get("records", [])})

    def _record(self, asked: Asked) -> Answer:
        self.taken.append(Taken("servicenow.write.send", "", asked.body.decode()))
        if not self.rows.get("records"):
            row = {"sys_id": self._id("r"), "correlation_id": asked.json().get("correlation_id"), "active": "true"}
            self.rows["records"] = [row]
        return Answer(201, {"result": self.rows["records"][0]})

    def _issue(self, asked: Asked) -> Answer:
        self.taken.append(Taken("jira.write.send", "", asked.body.decode()))
        if asked.path.endswith("/issue"):
            self.rows["issues"] = [{"key": "OPS-1", "fields": {}}]
            return Answer(201, {"id": "1", "key": "OPS-1"})
        return Answer(201, {"id": self._id("c")})


@dataclass
class Starter:
    """Stands for the conductor: what is approved begins at once, and is counted."""

    app: App
    begun: list[str] = field(default_factory=list)

    async def go(self, incident: str, loaded: Loaded, *, plan: Any = None, parent: str = "", **more: Any) -> None:
        """A run that is there from now on."""
        self.begun.append(plan.checksum)
        run = f"run-{len(self.begun)}"
        meta = {"plan": plan.to_data(), "nodes": [], "run": run, "group": "", "parent": ""}
        self.app.running.room.runs.create(run, meta)

    def wake(self, run: str) -> None:
        """Nobody waits."""


class _Core(Core):
    """Runs of its own keep what they write where the game does."""

    def run_app(self) -> App:
        made = make_app(self.app.configuration, self.clock, seen=self.seen)
        vars(made.running)["room"] = self.app.running.room
        vars(made.world)["pack"] = self.app.world.pack
        made.people._directory = self.app.people.directory
        return made


@dataclass
class Watch:
    """One daemon's parts for one game."""

    core: Core
    asker: Asker
    hearer: Hearer
    speaker: Speaker
    starter: Starter
    conductor: Conductor

    @property
    def app(self) -> App:
        """Its configuration."""
        return self.core.app

    def tasks(self) -> list[asyncio.Task[Any]]:
        """Both loops, and what they do beside."""
        return list(self.core._group._tasks) if self.core._group is not None else []


@dataclass
class Desk:
    """Start it once; ``open`` a watch for each game."""

    folder: Path
    loop: VirtualLoop
    script: Script = field(default_factory=Script)
    _games: itertools.count[int] = field(default_factory=itertools.count)
    _machine: ExitStack = field(default_factory=ExitStack)

    async def start(self) -> None:
        """Vendors listen; the configuration is read."""
        for name in CHATTY:  # as every command has it
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.clock = LoopClock(self.loop, START)
        self.web = Vendors(self.script, self.clock.now)
        await self.web.start()
        self.submission, self.mail_port = MailFake("mail", self.script), free_port(SUBMISSION)
        await self.submission.start(SUBMISSION, self.mail_port)
        trusting = functools.cache(httpx._config.create_ssl_context)
        self._machine.enter_context(patch("httpx._transports.default.create_ssl_context", trusting))
        self._machine.enter_context(patch("os.fsync", lambda _: None))
        self._machine.enter_context(patch.object(asking, "POLL_S", LOOK_S))
        self._machine.enter_context(patch.object(runner, "POLL_S", 600.0))  # what is told to a run wakes it
        defaults: Any = JournalApprovals.__init__.__kwdefaults__
        self._machine.enter_context(patch.dict(defaults, {"poll_s": LOOK_S}))
        self.configuration = self._configuration()
        self._shared: App | None = None

    async def stop(self) -> None:
        """Everything."""
        self._machine.close()
        await self.submission.stop()
        await self.web.stop()

    def taken(self) -> list[tuple[str, str, str]]:
        """What vendors and the mail host took in this game: where, for whom, which text."""
        mails = [("mail", to, body.decode("latin-1")) for to, body in self.submission.taken]
        return [(t.point, t.to, t.text) for t in self.web.taken] + mails

    @asynccontextmanager
    async def open(self, channels: tuple[str, ...], *, runs: bool = False, asks: bool = True) -> AsyncIterator[Watch]:
        """The parts of a daemon whose questions go out by these channels; their loops run until the end.

        ``runs``: what is approved is run for real; else it is only counted. ``asks``: nobody asks and hears otherwise,
        so that a game of a week is not a hundred thousand looks for a question.
        """
        self.web.begin()
        self.submission.taken.clear()
        self.submission.cut()
        game = self.folder / f"g{next(self._games)}"
        game.mkdir()
        app = make_app(self._asking_by(channels, game), self.clock)
        vars(app.running)["room"] = MemoryState()
        self._shared = self._shared or app
        vars(app.world)["pack"] = self._shared.world.pack
        app.people._directory = self._shared.people.directory
        writer = Writer(game / "incidents.db", self.clock)
        await writer.do(lambda b: None)
        writer._thread.submit(writer._book.db.execute, "pragma synchronous = off").result()
        core = _Core(app, writer, b"k" * 32)
        speaker, starter = Speaker(core), Starter(app)
        conductor = Conductor(core, speaker, Deeds(core))
        asker = Asker(core, speaker, conductor if runs else starter)
        hearer = Hearer(core, lambda: ground_of(core, conductor if runs else starter))
        try:
            async with asyncio.TaskGroup() as group:
                core.begins(group)
                both = (("ask", asker.run), ("hear", hearer.run)) if asks else ()
                loops = [group.create_task(kept(n, w)) for n, w in both]
                yield Watch(core, asker, hearer, speaker, starter, conductor)
                for task in loops:
                    task.cancel()
                for task in group._tasks:
                    task.cancel()
        finally:
            core.begins(None)
            await writer.close()
            await app.close()
            shutil.rmtree(game, ignore_errors=True)

    def _asking_by(self, channels: tuple[str, ...], game: Path) -> Configuration:
        given = self.configuration
        askers = [c for c in channels if c != "mail"]
        ask = given.settings.serve.ask.model_copy(update={"channels": askers})
        serve = given.settings.serve.model_copy(update={"ask": ask})
        weekly = {"owner": list(PHONES), "channels": list(channels), **self._hour()}
        readiness = given.settings.readiness.model_copy(update=weekly)
        changed = {"state": game, "serve": serve, "readiness": readiness}
        return replace(given, settings=given.settings.model_copy(update=changed))

    def _hour(self) -> dict[str, str]:
        """The weekly message was due a moment ago."""
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        return {"day": DAYS[now.weekday()], "hour": f"{now:%H:%M}"}

    def _configuration(self) -> Configuration:
        folder = self.folder / "house"
        for name, value in {
            "sid": "AC" + "0" * 32, "token": "t", "slack": "xoxb-lab", "teams": f"{self.web.url}/teams",
            "key": "k" * 32, "apprise": f"json://127.0.0.1:{self.web.port}/apprise?rto=0.3&cto=0.3",
        }.items():  # fmt: skip
            write_atomic(folder / "secrets" / name, value)
        rows = [f"{p},{p.title()},{MAILS[p]},{n},{SLACK[p]},en,oncall," for p, n in PHONES.items()]
        write_atomic(folder / "contacts.csv", "id,name,email,phone,slack,language,groups,logins\n" + "\n".join(rows))
        write_atomic(folder / "playbooks" / f"{GATED}.yaml", GATED_TEXT)
        path, mail = folder / "bcp.yaml", {"host": SUBMISSION, "port": self.mail_port, "from": "bcp@corp.test"}
        channels = {**channels_at(self.web.url), "mail": {"kind": "email", "timeout": f"{TIMEOUT_S:g}s", **mail}}
        channels["mail"]["avoid_domains"] = ["corp.test"]
        write_atomic(path, yaml.safe_dump({**CONFIG, "channels": channels}))
        return load(path)


def channels_at(url: str) -> Mapping[str, Any]:
    """Every channel that can carry a question or a word to the people on call, at vendors of this address."""
    timeout = f"{TIMEOUT_S:g}s"
    twilio = {
        "account_sid": "file:secrets/sid", "auth_token": "file:secrets/token", "from": NUMBER, "api_url": url,
        "timeout": timeout,
    }  # fmt: skip
    slack = {"token": "file:secrets/slack", "api_url": url, "timeout": timeout}
    return {
        "sms": {"kind": "twilio-sms", **twilio},
        "voice": {"kind": "twilio-voice", **twilio},
        "whatsapp": {"kind": "twilio-whatsapp", "content_sid": "HX" + "0" * 32, **twilio},
        "slack": {"kind": "slack", "channel": "C0LAB000001", **slack},
        "teams": {"kind": "teams", "url": "file:secrets/teams", "timeout": timeout},
        "ntfy": {"kind": "ntfy", "url": url, "topic": "lab", "timeout": timeout},
        "apprise": {"kind": "apprise", "url": "file:secrets/apprise", "timeout": "10s"},
        "pagerduty": {"kind": "pagerduty", "routing_key": "file:secrets/key", "api_url": url, "timeout": timeout},
        "servicenow": {
            "kind": "servicenow", "url": url, "user": "bcp", "password": "file:secrets/key", "timeout": timeout,
        },
        "jira": {
            "kind": "jira", "url": url, "user": "bcp", "token": "file:secrets/key", "project": "OPS",
            "timeout": timeout,
        },
    }  # fmt: skip


CONFIG: Mapping[str, Any] = {
    "version": 1,
    "organisation": {"name": "Lab Corp", "hotline": "+12025550100"},
    "state": "state",
    "playbooks": [str(SHIPPED), "playbooks"],
    "contacts": {"file": "contacts.csv"},
    "audiences": {"oncall": {"groups": ["oncall"]}},
    "domains": [{"name": "corp.test", "primary": [{"host": "mx.corp.test", "preference": 0}]}],
    "serve": {"ask": {"after": f"{AFTER_S:g}s", "cycles": 1, "poll": f"{LOOK_S:g}s", "timeout": "30m"}},
}
