"""A daemon of its own beside a lab of its own: vendors in this process, everything over real sockets.

::

    lab = Lab(tmp_path / "lab")
    world = World(tmp_path / "world", lab=lab).start()
    status, answer = world.hook(alert())          # what a monitoring system says
    world.wait(lambda: world.events("opened"))     # until the daemon's book says so
    world.close()
    lab.stop()
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import yaml
from aiohttp import web

from bcp.incident.book import Book
from bcp.incident.questions import questions_of
from bcp.kernel.clock import SystemClock, iso
from bcp.kernel.errors import BcpError
from bcp.lab.vendors import Vendors
from bcp.testing.command import PROGRAM, environment, free_port, pid_of, run_bcp
from bcp.testing.lab import Lab
from bcp.testing.slack_socket import SlackSocket

TOKEN = "am-token-0123456789"  # noqa: S105 - of a lab
HMAC = "hmac-key-0123456789"
T = TypeVar("T")
PATIENT_S = 150.0
"""How long is waited for what will come: no busy machine needs it, and a fault is told in the end."""


class Loop:
    """An event loop in a thread, for the vendors."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def do(self, work: Coroutine[Any, Any, T], seconds: float = PATIENT_S) -> T:
        """Run it there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def stop(self) -> None:
        """End the thread."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


class World:
    """The lab, the vendors, the configuration, the daemon."""

    def __init__(self, folder: Path, *, lab: Lab, **serve: Any) -> None:
        self.folder, self.lab = folder, lab
        self.vendors, self.slack, self.loop = Vendors(), SlackSocket(), Loop()
        self.loop.do(self.vendors.start("127.0.0.1", free_port()))
        self.loop.do(self.slack.start())
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        for name, value in (
            ("am", TOKEN),
            ("hmac", HMAC),
            ("xapp", "xapp-lab"),
            ("signing", "slack-signing-secret"),
            ("old", "old-" + TOKEN),
        ):
            (lab.folder / "secrets" / name).write_text(value)
        data = yaml.safe_load((lab.folder / "bcp.yaml").read_text())
        for name in ("sms", "slack"):
            data["channels"][name]["api_url"] = self.vendors.url
        for name, value in (
            ("twilio-sid", self.vendors.twilio_sid),
            ("twilio-token", self.vendors.twilio_token),
            ("slack", self.vendors.slack_token),
        ):
            (lab.folder / "secrets" / name).write_text(value)
        data["state"] = str(folder / "state")
        data["channels"]["status-page"]["folder"] = str(folder / "public")
        people = (
            (lab.folder / "contacts.csv")
            .read_text()
            .replace(",,en,staff;oncall,", ",UALICE,en,staff;oncall,")
            .replace(",,de,staff;oncall,", ",UBOB,de,staff;oncall,")
        )
        (folder / "contacts.csv").write_text(people)
        data["contacts"]["file"] = str(folder / "contacts.csv")
        data["detect"] |= {
            "interval": "0.5s",
            "threshold": 3,
            "keep_firing_for": "1s",
            "confirm_for": "0.5s",
            "dwell": "1s",
            "recheck": {"looks": 2, "apart": "50ms", "reuse": "2s"},
            "decide": {"b": "1s", "e": "1s"},
        }
        (folder / "playbooks").mkdir(exist_ok=True)
        data["playbooks"] = [str(folder / "playbooks")]
        data["serve"] = {
            "listen": f"127.0.0.1:{self.port}",
            "public_url": self.base,
            "ask": {"poll": "0.5s", "after": "60s"},
            "hooks": {
                "alertmanager": {"kind": "alertmanager", "auth": {"bearer": ["file:secrets/am", "file:secrets/old"]}}
            },
            **serve,
        }
        self.data = data
        self.config = lab.folder / f"{folder.name}-serve.yaml"
        self.write()
        self.process: subprocess.Popen[str] | None = None
        self._tokens: dict[str, str] = {}

    def write(self, **changes: Any) -> None:
        """The configuration."""
        self.data |= changes
        self.config.write_text(yaml.safe_dump(self.data))

    def run(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The command line, with this configuration."""
        env = {"BCP_CONFIG": str(self.config), "BCP_PASSWORD": "correct horse battery", **options.pop("env", {})}
        return run_bcp(*arguments, env=env, **options)

    def start(self) -> World:
        """The daemon."""
        env = environment(BCP_CONFIG=str(self.config))
        self.errors = self.folder / "serve.log"
        self.process = subprocess.Popen(
            [*PROGRAM, "serve"],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors.open("a"),
            text=True,
        )
        self.wait(lambda: self.get("/healthz")[0] == 200)
        return self

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        os.kill(pid_of(self.process), signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> int:
        """As systemd would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)

    def close(self) -> None:
        """Everything. The daemon is asked to end, so that what it ran can be counted; else it is killed."""
        if self.process is not None and self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()
        self.loop.do(self.vendors.stop())
        self.loop.do(self.slack.stop())
        self.loop.stop()
        self.config.unlink(missing_ok=True)

    # -- requests ------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 60,
    ) -> tuple[int, dict[str, str], bytes]:
        """One request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def get(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        """GET; (0, b"") when nobody listens."""
        try:
            status, _, body = self.ask("GET", path, headers=headers)
        except OSError:
            return 0, b""
        return status, body

    def hook(
        self, body: Any, source: str = "alertmanager", token: str = TOKEN, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """A hook with a bearer token."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        status, _, answer = self.ask(
            "POST",
            f"/hooks/{source}",
            raw,
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **headers},
        )
        return status, json.loads(answer)

    def listener(self, path: str) -> tuple[str, list[bytes]]:
        """An address outside that answers 200, and what it was sent, in order."""
        heard: list[bytes] = []

        async def take(request: web.Request) -> web.Response:
            heard.append(await request.read())
            return web.Response()

        async def start() -> int:
            app = web.Application()
            app.router.add_route("*", path, take)
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port := free_port()).start()
            return port

        return f"http://127.0.0.1:{self.loop.do(start())}{path}", heard

    def api(self, path: str, body: Any = None, token: str = "", method: str = "") -> tuple[int, Any]:
        """The API."""
        headers = {"Authorization": f"Bearer {token or self.token()}", "Content-Type": "application/json"}
        status, _, answer = self.ask(
            method or ("POST" if body is not None else "GET"),
            "/api/v1" + path,
            json.dumps(body).encode() if body is not None else None,
            headers,
        )
        return status, json.loads(answer)

    def token(self, name: str = "all", *scopes: str, contact: str = "bob") -> str:
        """A token, made once."""
        known = self._tokens
        if name not in known:
            given = [a for s in (scopes or ("read", "run", "approve", "report")) for a in ("--scope", s)]
            done = self.run("token", "add", name, *given, "--contact", contact, "--output", "json")
            assert done.returncode == 0, done.stderr
            known[name] = json.loads(done.stdout)["token"]
        return known[name]

    def wait(self, condition: Callable[[], T], seconds: float = PATIENT_S) -> T:
        """Until it is true; returns it."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition()
            if found:
                return found
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the daemon ended: {self.errors.read_text()[-3000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not in {seconds} s; {self.run('incident', 'show').stdout[-3000:]}\n"
                    f"{self.errors.read_text()[-2500:]}"
                )
            time.sleep(0.05)

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """Events of the newest incident."""
        found = self.incident().get("events", [])
        return [e for e in found if not kind or e["kind"] == kind]

    def incident(self, which: str = "last") -> dict[str, Any]:
        """What `bcp incident show` says; empty: there is none."""
        return incident_in(Path(self.data["state"]), which)

    def rounds(self, more: int = 3) -> None:
        """Until the daemon has looked, and judged what it saw, so many times more: what it would do it has done."""
        for _ in range(more):
            before = self.looked()
            self.wait(partial(self._looked_since, before))

    def _looked_since(self, before: str) -> bool:
        return self.looked() != before

    def fetched(self, more: int = 2) -> None:
        """Until the daemon has fetched what people texted back so many times more, and a round has gone by since."""

        def asks() -> int:
            return sum(1 for method, path, _ in self.vendors.log if method == "GET" and path.endswith("/Messages.json"))

        wanted = asks() + more
        self.wait(lambda: asks() >= wanted)
        self.rounds(1)

    def looked(self) -> str:
        """A mark that changes with every round of looks."""
        lines = self.ask("GET", "/metrics")[2].decode().splitlines()
        return "\n".join(line for line in lines if line.startswith("bcp_looks_total"))

    def break_(self, how: str) -> None:
        """The lab's Exchange fails."""
        self.lab.order(how)

    def heal(self) -> None:
        """And works again."""
        self.lab.order("heal")


def incident_in(state: Path, which: str = "last") -> dict[str, Any]:
    """What `bcp incident show` says, read in this process, with a daemon or without one; empty: there is none.

    A process for every look costs a second of a core, and whoever waits looks often.
    """
    path = state / "incidents.db"
    if not path.exists():
        return {}
    book = Book(path, SystemClock())
    try:
        found = book.incident(which)
        events, asked = book.events(found.id), questions_of(book, found.id)
    except BcpError:
        return {}
    finally:
        book.close()
    return {
        "id": found.id,
        "state": found.state,
        "runs": list(found.runs),
        "events": [{"at": iso(e.at), "kind": e.kind, "actor": e.actor, "data": dict(e.data)} for e in events],
        "questions": [{"id": q.id, "run": q.run, "step": q.step, "state": q.state} for q in asked],
    }


def alert(
    status: str = "firing",
    name: str = "SmtpDown",
    started: str = "2026-01-22T19:10:00Z",
    key: str = "fp1",
    **labels: str,
) -> dict[str, Any]:
    """A body of Alertmanager."""
    one = {
        "status": status,
        "labels": {"alertname": name, "service": "exchange", **labels},
        "annotations": {"summary": f"{name} summary"},
        "startsAt": started,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.invalid/graph",
        "fingerprint": key,
    }
    return {
        "version": "4",
        "groupKey": '{}:{alertname="SmtpDown"}',
        "truncatedAlerts": 0,
        "status": status,
        "receiver": "bcp",
        "groupLabels": {},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.invalid",
        "alerts": [one],
    }
