"""One organisation in one loop: the lab's servers, the state folder, the daemon, its doors; all of it can be broken."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time as real
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import dns.name
import dns.rdataset
import dns.rdatatype
import httpx
import yaml

from bcp.kernel.errors import StorageError
from bcp.lab.mailhost import MailHost
from bcp.lab.nameserver import Zone
from bcp.lab.world import DOMAIN, EXCHANGE, RELAY
from bcp.lab.world import World as Lab
from bcp.store.files.locks import FileLock
from players.commands import Commands, Done
from players.virtual import LIFE, Life, Time, VirtualLoop, begin, live

CODE = "code-0123"
PHONES = {"alice": "+12025550101", "bob": "+12025550102", "carol": "+12025550103", "dave": "+12025550104"}
ON_CALL = ("alice", "bob", "carol")
FROM = "+15005550006"
HOOK = "am-token-0123456789"
URL = "http://127.0.0.1:8080"
TWO, EXCHANGE_TWO = "well.test", "well-test.mail.protection.outlook.test."
"""A second domain with a mail host of its own."""
ADDRESS_TWO = "127.0.25.3"
PEOPLE = """\
id,name,email,phone,slack,language,groups,logins
alice,Alice,,+12025550101,UALICE,en,staff;oncall,
bob,Bob,,+12025550102,UBOB,de,staff;oncall,
carol,Carol,,+12025550103,UCAROL,en,staff;oncall,
dave,Dave,,+12025550104,,de,staff,
"""


@dataclass(frozen=True)
class Move:
    """MX was changed."""

    at: float
    before: str
    after: str
    ours: bool
    domain: str = DOMAIN


class Faults(logging.Handler):
    """What the log calls unexpected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info or "unexpected" in text:
            trace = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
            self.found.append(f"{record.name}: {text}\n{trace}"[-6000:])


def patch_time(clock: Time, patch: Any) -> None:
    """Every module of ours reads this clock."""
    for name, module in list(sys.modules.items()):
        if name.startswith("bcp.") and getattr(module, "time", None) is real and "testing" not in name:
            patch.setattr(module, "time", clock)


class House:
    """Made with everything running but the daemon; ``start`` begins it. ``now`` is the steady clock of the loop."""

    def __init__(self, folder: Path, patch: Any, *, approvals: int = 1, mode: str = "ask", two: bool = False) -> None:
        self.folder, self.patch = folder, patch
        self.domains = (DOMAIN, TWO) if two else (DOMAIN,)
        self.loop = VirtualLoop()
        self.clock = Time(self.loop)
        _preload()
        patch_time(self.clock, patch)
        self._quicken(patch)
        self.commands = Commands(self.loop, patch)
        patch.setenv("BCP_CONFIG", str(folder / "bcp.yaml"))
        patch.setenv("BCP_APPROVAL_CODE", CODE)
        patch.setenv("COLUMNS", "200")
        self.moves: list[Move] = []
        self.watchers: list[Callable[[Move], None]] = []
        self.lab = Lab(folder, ttl=60, every_s=90.0)
        self.do(self.lab.start())
        self.lab.sender.backoff_s = 45.0
        self.two: MailHost | None = None
        if two:
            self.two = self._second()
        self.lab.names.on_update = lambda: self._moved(ours=True)
        self._last = {d: self.served_of(d) for d in self.domains}
        self._write(approvals, mode)
        self.life: Life | None = None
        self.daemon: Any = None
        self.app: Any = None
        self.client: httpx.AsyncClient | None = None
        self.faults = Faults()
        logging.getLogger("bcp").addHandler(self.faults)
        logging.getLogger("bcp").setLevel(logging.ERROR)
        self.answers: list[tuple[str, str, int, Any]] = []
        self.tokens: dict[str, str] = {}

    # -- making --------------------------------------------------------------------------------------------------

    def _quicken(self, patch: Any) -> None:
        """Poll less often: a poll costs, and time is free."""
        import bcp.engine.approvals
        import bcp.engine.runner
        import bcp.server.parts.ask

        patch.setattr(bcp.engine.runner, "POLL_S", 2.0)
        patch.setattr(bcp.server.parts.ask, "POLL_S", 2.0)
        take = FileLock.take

        def taken(lock: FileLock) -> bool:
            found, life = take(lock), LIFE.get()
            if found and life is not None:
                life.locks.append(lock)
            return found

        patch.setattr(FileLock, "take", taken)

        async def in_thread(work: Any, *args: Any, **_: Any) -> Any:
            return await asyncio.get_running_loop().run_in_executor(None, work, *args)

        patch.setattr(anyio.to_thread, "run_sync", in_thread)

    def _second(self) -> MailHost:
        """Another domain at the same name servers, whose mail goes to a mail host of its own."""
        lab = self.lab
        lab.names.zones.append(Zone(TWO, [
            ("@", 60, "NS", ["ns1.corp.test.", "ns2.corp.test."]), ("@", 60, "MX", [f"0 {EXCHANGE_TWO}"]),
            ("@", 60, "TXT", ['"v=spf1 -all"']),
        ]))  # fmt: skip
        name = dns.name.from_text(EXCHANGE_TWO)
        theirs = next(z for z in lab.names.zones if name.is_subdomain(z.name))
        theirs.sets[name, dns.rdatatype.A] = dns.rdataset.from_text("IN", "A", 60, ADDRESS_TWO)
        host = MailHost("exchange-two", {TWO}, self.folder / "exchange-two")
        self.do(host.start(ADDRESS_TWO, lab.smtp_port))
        lab.relay.domains.add(TWO)
        return host

    def _with_two(self, data: dict[str, Any]) -> None:
        """The second domain in ``bcp.yaml``, and probes that say which domain each is about."""
        one = data["domains"][0]
        data["domains"].append({**one, "name": TWO, "primary": [{"host": EXCHANGE_TWO, "preference": 0}]})
        probes = data["detect"]["probes"]
        for name in ("mx-host", "smtp-rcpt"):
            probes[name]["domains"] = [DOMAIN]
        probes["mx-host-two"] = {**probes["mx-host"], "host": EXCHANGE_TWO, "domains": [TWO]}
        probes["smtp-two"] = {
            **probes["smtp-rcpt"], "host": EXCHANGE_TWO, "addresses": [ADDRESS_TWO], "domains": [TWO],
            "recipients": [f"alice@{TWO}", f"bob@{TWO}"],
        }  # fmt: skip

    def _write(self, approvals: int, mode: str) -> None:
        from bcp.rehearse.lab import write_configuration

        path = self.do(write_configuration(self.lab))
        data = yaml.safe_load(path.read_text())
        (self.folder / "contacts.csv").write_text(PEOPLE)
        for person in ON_CALL:
            (self.folder / "secrets" / f"code-{person}").write_text(CODE)
        data["approvals"] = {"codes": {p: f"file:secrets/code-{p}" for p in ON_CALL}}
        data["detect"] |= {
            "interval": "15s", "threshold": 3, "keep_firing_for": "45s", "dwell": "60s", "confirm_for": "15s",
            "decide": {"b": "60s", "e": "60s"}, "recheck": {"looks": 2, "apart": "300ms", "reuse": "2s"},
        }  # fmt: skip
        (self.folder / "secrets" / "am").write_text(HOOK)
        (self.folder / "secrets" / "signing").write_text("slack-signing-secret")
        data["channels"]["voice"] = {
            "kind": "twilio-voice", **{k: v for k, v in data["channels"]["sms"].items() if k != "kind"},
        }  # fmt: skip
        data["roles"] = {"urgent": ["sms"], "chat": ["slack"], "page": ["status-page"]}
        data["serve"] = {
            "verdict": mode,
            "public_url": URL,
            "slack": {"signing_secret": "file:secrets/signing"},
            "twilio": {"auth_token": "file:secrets/twilio-token"},
            "ask": {"poll": "5s", "after": "120s", "timeout": "10m", "channels": ["sms", "slack", "voice"]},
            "hooks": {
                "alertmanager": {"kind": "alertmanager", "auth": {"bearer": ["file:secrets/am"]}},
                "generic": {
                    "kind": "generic",
                    "auth": {"bearer": ["file:secrets/am"]},
                    "fields": {"state": "state", "outage": "outage", "title": "title", "identity": "id"},
                },
                "pagerduty": {"kind": "pagerduty", "auth": {"bearer": ["file:secrets/am"]}},
            },
        }
        if self.two is not None:
            self._with_two(data)
        books = self.folder / "playbooks"
        books.mkdir(exist_ok=True)
        data["playbooks"] = [str(books)]
        from bcp.wiring.shipped import SHIPPED

        for name in ("exchange-inbound-outage", "exchange-false-rejects", "exchange-failback"):
            text = (SHIPPED / f"{name}.yaml").read_text()
            text = text.replace("min: 1", f"min: {approvals}").replace(
                "cooldown: {period: 60m", "cooldown: {period: 5m"
            )
            text = text.replace("default: 10m, description: How long the relay", "default: 30s, description: How long")
            text = text.replace("timeout: 12h, ask", "timeout: 20m, ask").replace("timeout: 13h", "timeout: 25m")
            text = text.replace("within: 2h", "within: 10m").replace("every: 30m", "every: 5m")
            (books / f"{name}.yaml").write_text(text)
        path.write_text(yaml.safe_dump(json.loads(json.dumps(data))))  # no aliases

    # -- time ----------------------------------------------------------------------------------------------------

    def do(self, work: Any) -> Any:
        """Let the loop run until this is done."""
        return self.loop.run_until_complete(work)

    @property
    def now(self) -> float:
        """Steady seconds."""
        return self.loop.time()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.do(asyncio.sleep(seconds))

    def until(self, condition: Callable[[], Any], seconds: float) -> Any:
        """Until it is so, for so long at most; returns it."""
        end = self.now + seconds
        while not (found := condition()) and self.now < end:
            self.wait(1.0)
        return found

    # -- the daemon ----------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Does a daemon serve?"""
        return self.life is not None and not self.life.dead and not self.task.done()

    def start(self) -> None:
        """Begin the daemon."""
        from bcp.server.daemon import Daemon
        from bcp.server.web import web
        from bcp.settings import load

        self.bury()
        self.life, self.began = Life("serve"), self.now

        def make() -> None:
            self.daemon = Daemon(load(self.folder / "bcp.yaml"))
            self.app = web(self.daemon)

        live(self.life, make)
        self.task = begin(self.loop, self.life, self.daemon.run())
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=("127.0.0.1", 4000))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080")
        if not self.tokens:
            accounts, ends = self.app.state.accounts, self.clock.time() + 30 * 86400
            every = ("read", "run", "approve", "report")
            for person in (*ON_CALL, "dave"):
                self.tokens[person] = accounts.add_token(person, every, ends, person)
            self.tokens["robot"] = accounts.add_token("robot", ("read", "run"), ends)
            self.tokens["reader"] = accounts.add_token("reader", ("read",), ends, "alice")
            self.tokens["nobody"] = "bcp_wrong"
        self.wait(0.1)

    def kill(self, after: int = 0) -> None:
        """As ``kill -9`` would, after so many steps of the loop in which the daemon did something."""
        if not self.up:
            return
        assert self.life is not None
        if after:
            self.life.left = after
            self.until(lambda: self.life is None or self.life.dead, 30.0)
        if not self.life.dead:
            self.life.kill()

    def stop(self) -> None:
        """As systemd would."""
        if self.up:
            self.daemon.stop()
            self.until(lambda: self.task.done(), 120.0)
            assert self.task.done(), "the daemon does not end"
            self.app.state.accounts.close()
            self.bury()

    def bury(self) -> None:
        """A daemon that ended is a process that ended. One that cannot write does not begin; nothing else ends it."""
        if self.life is None or self.life.dead or not self.task.done():
            return
        error = None if self.task.cancelled() else self.task.exception()
        early = self.now - self.began < 5.0 or self.daemon.core.ended.is_set()
        if error is not None and not (early and isinstance(error, StorageError)):
            self.faults.found.append("the daemon ended with " + "".join(traceback.format_exception(error))[-3000:])
        self.life.kill()

    # -- doors ---------------------------------------------------------------------------------------------------

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", seconds: float = 120.0
    ) -> tuple[int, Any]:
        """A request; status 0 when nobody listens, or it died meanwhile."""
        if not self.up:
            return 0, None
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return self._ask(method, path, {"json": body, "headers": headers}, seconds)

    def raw(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
        """A request with this very body."""
        return self._ask(method, path, {"content": body, "headers": headers}, 120.0) if self.up else (0, None)

    def page_of(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, str, dict[str, str]]:
        """What a browser gets: the status (0: nothing), the page, and the headers."""
        answer = self._answer(method, path, {"content": body, "headers": headers}, 120.0) if self.up else None
        if answer is None:
            return 0, "", {}
        found = {k.lower(): v for k, v in answer.headers.items()}
        found["set-cookie"] = "\n".join(answer.headers.get_list("set-cookie"))
        return answer.status_code, answer.text, found

    def _ask(self, method: str, path: str, given: dict[str, Any], seconds: float) -> tuple[int, Any]:
        answer = self._answer(method, path, given, seconds)
        if answer is None:
            return 0, None
        return answer.status_code, answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    def _answer(self, method: str, path: str, given: dict[str, Any], seconds: float) -> httpx.Response | None:
        assert self.client is not None and self.life is not None
        request = self.client.request(method, path, timeout=None, **given)
        task = begin(self.loop, self.life, request)

        async def either() -> None:
            end = self.loop.time() + seconds
            while not task.done() and self.life is not None and not self.life.dead and self.loop.time() < end:
                await asyncio.wait([task], timeout=0.5)

        self.do(either())
        if not task.done():
            self.answers.append((method, path, 0, None))
            return None
        answer: httpx.Response = task.result()
        self.answers.append((method, path, answer.status_code, answer.text))
        return answer

    def api(self, who: str, path: str, body: Any = None, *, method: str = "") -> tuple[int, Any]:
        """The API, as somebody."""
        return self.ask(method or ("GET" if body is None else "POST"), f"/api/v1{path}", body, token=self.tokens[who])

    def hook(self, source: str, body: Any, token: str = HOOK) -> tuple[int, Any]:
        """What a monitoring system says."""
        return self.ask("POST", f"/hooks/{source}", body, token=token)

    def run(self, *words: str, seconds: float = 60.0, die_after: int = -1) -> Done:
        """A command, for so long at most."""
        return self.commands.wait(self.commands.start(*words, die_after=die_after), seconds)

    # -- the world -----------------------------------------------------------------------------------------------

    def served_of(self, domain: str) -> str:
        """The MX of a domain as the authoritative servers have it."""
        origin = dns.name.from_text(domain)
        zone = next(z for z in self.lab.names.zones if z.name == origin)
        found = zone.get(origin, dns.rdatatype.MX)
        return ", ".join(r.to_text() for r in found) if found else ""

    @property
    def place(self) -> str:
        """Where mail to the first domain goes: relay, primary, elsewhere."""
        return self.places[DOMAIN]

    @property
    def places(self) -> dict[str, str]:
        """The same of every domain."""
        return {d: place_of(self.served_of(d)) for d in self.domains}

    def _moved(self, *, ours: bool) -> None:
        before, self._last = self._last, {d: self.served_of(d) for d in self.domains}
        for domain, mx in self._last.items():
            if before[domain] != mx:
                move = Move(self.now, before[domain], mx, ours, domain)
                self.moves.append(move)
                for tell in self.watchers:
                    tell(move)

    def set_mx(self, text: str, domain: str = DOMAIN) -> None:
        """Somebody else edits MX."""
        zone = next(z for z in self.lab.names.zones if z.name == dns.name.from_text(domain))
        key = (dns.name.from_text(domain), dns.rdatatype.MX)
        zone.sets[key] = dns.rdataset.from_text("IN", "MX", 60, text)
        zone.serial += 1
        self._moved(ours=False)

    def page(self) -> list[dict[str, Any]]:
        """Entries of the status page, the newest first."""
        path = self.folder / "public" / "entries.json"
        return list(json.loads(path.read_text())) if path.exists() else []

    # -- the end -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Everything."""
        logging.getLogger("bcp").removeHandler(self.faults)
        for done in self.commands.started:
            if done.code is None:
                done.life.kill()
        self.kill()
        if self.two is not None:
            self.do(self.two.stop())
        self.do(self.lab.stop())
        self.loop.close()


def place_of(mx: str) -> str:
    """``0 host.`` is where?"""
    if mx.endswith(RELAY) and "," not in mx:
        return "relay"
    return "primary" if mx.endswith((EXCHANGE, EXCHANGE_TWO)) and "," not in mx else "elsewhere"


def _preload() -> None:
    """Modules that are imported when used: they must be there when the clock is replaced."""
    from bcp import registry

    registry.actions()
    for family in ("channels", "dns", "relays", "probes", "triggers"):
        registry.each(family)
