"""The agent beside a real Postfix: what it says of each recipient is what both ends saw.

``BCP_RELAY_MAILS=20000`` plays the large game; the small one is a part of every run.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import random
import shutil
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from support import ROOT

from bcp.contracts.relay_ledger import Wanted
from bcp.store.sqlite.relay_ledger import LedgerStore
from real.exchange import Exchange
from real.net import MASTER
from real.servers import POSTFIX, Processes, free_port, have, wait_port

pytestmark = [pytest.mark.real, pytest.mark.slow]

MAILS = int(os.environ.get("BCP_RELAY_MAILS", "300"))
MAIN = """\
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
maillog_file = {d}/mail.log
maillog_file_prefixes = {d}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.out.test
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
relay_domains = corp.test
transport_maps = inline:{{corp.test=relay:[127.0.0.1]:{exchange} outside.test=relay:[127.0.0.1]:{exchange}}}
always_bcc = copies@outside.test
virtual_alias_maps = inline:{{alias@corp.test=ok-alias@corp.test}}
enable_long_queue_ids = {long}
soft_bounce = no
smtp_tls_security_level = none
smtpd_tls_security_level = none
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
in_flow_delay = 0
minimal_backoff_time = 600s
maximal_backoff_time = 600s
queue_run_delay = 600s
smtp_destination_concurrency_failed_cohort_limit = 100000
relay_destination_concurrency_failed_cohort_limit = 100000
smtp_connection_cache_on_demand = no
{more}
"""
BCP = """\
version: 1
organisation: {{name: Corp, timezone: UTC}}
domains: [{{name: corp.test}}]
relays:
  mx-backup:
    kind: smtp
    hosts: [{{host: relay.out.test, addresses: [127.0.0.1]}}]
    agent:
      command: [{python}, -m, bcp, relay, agent, --settings, {folder}/agent.conf]
      key: file:{folder}/key
"""


class Relay:
    """Postfix on loopback, with the agent beside it and a main node that asks it."""

    def __init__(self, folder: Path, exchange: Exchange, *, long_ids: bool = True) -> None:
        self.folder, self.exchange, self.port, self.long_ids = folder, exchange, free_port(), long_ids
        self.processes = Processes()
        self.agent: subprocess.Popen[bytes] | None = None
        self.kills = 0
        owner = pwd.getpwnam("postfix")
        self.etc = folder / "etc"  # apart: `postfix check` looks at every file below it
        for part in ("queue", "data", "etc"):
            (folder / part).mkdir()
        os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
        self.configure()
        lines = MASTER.replace("smtp inet n", f"127.0.0.1:{self.port} inet n").replace("-o soft_bounce=yes", "")
        (self.etc / "master.cf").write_text(lines)
        (folder / "key").write_text("k" * 40)
        (folder / "agent.conf").write_text(
            f"name = mx-backup\nlog = {folder}/mail.log\nstate = {folder}/agent\nkey = {folder}/key\n"
            f"copies = copies@outside.test\nqueue = postqueue -c {self.etc} -j\n"
        )
        (folder / "bcp.yaml").write_text(BCP.format(python=sys.executable, folder=folder))
        self.env = {**os.environ, "PYTHONPATH": str(ROOT), "BCP_CONFIG": str(folder / "bcp.yaml")}

    def configure(self, *more: str) -> None:
        long = "yes" if self.long_ids else "no"
        text = MAIN.format(d=self.folder, exchange=self.exchange.port, long=long, more="\n".join(more))
        (self.etc / "main.cf").write_text(text)

    def start(self) -> None:
        self.processes.start(POSTFIX, "-c", str(self.etc), "start-fg", log=self.folder / "console")
        wait_port("127.0.0.1", self.port, 600)

    def tool(self, *arguments: str) -> str:
        program, *rest = arguments
        done = subprocess.run([program, "-c", str(self.etc), *rest], capture_output=True, text=True, check=False)
        return done.stdout

    def stop(self) -> None:
        """As a machine that is shut down."""
        self.tool("postfix", "stop")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.processes.started[-1].wait(timeout=30)

    def queue(self) -> list[dict]:
        return [json.loads(line) for line in self.tool("postqueue", "-j").splitlines()]

    def until_queue(self, wanted, what: str, seconds: float = 120) -> list[dict]:
        deadline = time.monotonic() + seconds
        while not wanted(found := self.queue()):
            assert time.monotonic() < deadline, f"{what}: {found[:3]}"
            time.sleep(0.2)
        return found

    # -- the agent -----------------------------------------------------------------------------------------------

    def start_agent(self) -> None:
        self.agent = self.processes.start(
            sys.executable, "-m", "bcp", "relay", "agent", "--settings", str(self.folder / "agent.conf"),
            log=self.folder / "agent.log",
        )  # fmt: skip

    def kill_agent(self) -> None:
        assert self.agent is not None
        self.agent.kill()
        self.agent.wait(timeout=120)
        self.kills += 1

    def bcp(self, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bcp", *arguments], env=self.env, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    # -- rotation ------------------------------------------------------------------------------------------------

    def rename(self, number: int) -> None:
        """As logrotate does without copytruncate: the writer goes on in the old file until it is told."""
        os.replace(self.folder / "mail.log", self.folder / f"mail.log-2026{number:04}")
        self.tool("postfix", "reload")

    def copy_and_truncate(self, number: int) -> None:
        """In a quiet moment: lines that are written between the two are lost by copytruncate itself."""
        log, size = self.folder / "mail.log", -1
        while log.stat().st_size != size:
            size = log.stat().st_size
            time.sleep(0.3)
        shutil.copy2(log, self.folder / f"mail.log-2026{number:04}")
        os.truncate(log, 0)

    def pack(self, number: int) -> None:
        subprocess.run(["gzip", str(self.folder / f"mail.log-2026{number:04}")], check=True)


class Game:
    """Mails, each with recipients of its own, and what both ends know of them."""

    KINDS = ("ok", "ok", "ok", "ok", "bounce", "defer", "flaky", "lost")

    def __init__(self, relay: Relay, seed: int) -> None:
        self.relay, self.chance = relay, random.Random(seed)
        self.accepted: dict[tuple[str, str], str] = {}
        """(Message-ID, recipient): the sender."""
        self.removed: set[str] = set()
        self.number, self.stopped = 0, 0.0
        self._lock = threading.Lock()

    def mail(self) -> tuple[str, str, list[str]]:
        with self._lock:
            self.number += 1
            n, count = self.number, 1 if self.chance.random() < 0.6 else self.chance.randint(2, 30)
            # Lost answers come alone: a mail of which everybody is in doubt tells nothing of the others.
            kinds = ["lost"] if n % 25 == 0 else [self.chance.choice(self.KINDS[:-1]) for _ in range(count)]
            people = [f"{k}-{n}-{i}@corp.test" for i, k in enumerate(kinds)]
            return f"m{n}@outside.test", "" if n % 10 == 3 else f"sender-{n}@outside.test", people

    def feed(self, count: int, threads: int = 4) -> None:
        def work(share: int) -> None:
            client = smtplib.SMTP("127.0.0.1", self.relay.port, timeout=60)
            for _ in range(share):
                ident, sender, people = self.mail()
                text = f"From: a@outside.test\r\nMessage-ID: <{ident}>\r\nSubject: game\r\n\r\nmail\r\n"
                assert client.sendmail(sender, people, text) == {}
                with self._lock:
                    self.accepted.update({(ident, to): sender for to in people})
            client.quit()

        shares = [count // threads + (i < count % threads) for i in range(threads)]
        workers = [threading.Thread(target=work, args=(s,)) for s in shares if s]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def expected(self, message_id: str, to: str) -> str:
        kind = to.partition("-")[0]
        if to in self.removed:
            return "removed"
        return {"bounce": "bounced", "defer": "expired"}.get(kind, "sent")


@pytest.fixture
def game():
    if os.getuid() != 0:
        pytest.skip("Postfix's queue needs root")
    if why := have(POSTFIX):
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="bcp-ledger-"))
    folder.chmod(0o755)
    exchange = Exchange().start()
    relay = Relay(folder, exchange)
    relay.start()
    try:
        yield Game(relay, int(os.environ.get("BCP_SEED", "7")))
    finally:
        relay.stop()
        relay.processes.stop()
        exchange.stop()
        if not os.environ.get("BCP_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def killer(relay: Relay, stop: threading.Event, chance: random.Random, pause: float) -> None:
    """The agent dies at any instant, again and again."""
    while not stop.is_set():
        relay.start_agent()
        stop.wait(chance.uniform(0.15, pause))
        relay.kill_agent()


def waiting(mails: list[dict]) -> bool:
    """Has everything in the queue been tried?"""
    return all(m["queue_name"] in {"deferred", "hold"} for m in mails)


def remove_and_requeue(game: Game) -> None:
    """By hand: some are removed, some put into the queue under another id, some held and let go."""
    relay = game.relay
    listed = relay.until_queue(waiting, "all was tried")
    ours = [m for m in listed if m["sender"].startswith("sender-")]
    removed, again, held = ours[0::9], ours[1::9], ours[2::9]
    for mail in removed:
        game.removed |= {r["address"] for r in mail["recipients"]}
        relay.tool("postsuper", "-d", mail["queue_id"])
    for mail in held:
        relay.tool("postsuper", "-h", mail["queue_id"])
    for mail in again:
        relay.tool("postsuper", "-r", mail["queue_id"])
    for mail in held:
        relay.tool("postsuper", "-H", mail["queue_id"])


def play(game: Game, mails: int) -> None:
    """Everything at once; at the end nothing is in the queue."""
    relay, exchange = game.relay, game.relay.exchange
    stop, part = threading.Event(), mails // 4
    dying = threading.Thread(target=killer, args=(relay, stop, game.chance, max(0.6, mails / 4000)))
    dying.start()
    game.feed(part)
    relay.rename(1)
    game.feed(part)
    assert relay.bcp("relay", "pull")[0] == 0
    relay.copy_and_truncate(2)
    game.feed(part)
    game.stopped = time.time()
    relay.stop()
    relay.start()
    relay.pack(1)
    game.feed(mails - 3 * part)
    remove_and_requeue(game)
    exchange.healed = True
    relay.rename(3)
    relay.tool("postqueue", "-f")
    only_defer = lambda q: waiting(q) and all(r["address"].startswith("defer-") for m in q for r in m["recipients"])  # noqa: E731
    relay.until_queue(only_defer, "all that can be delivered is", 600)
    relay.configure("maximal_queue_lifetime = 1s", "bounce_queue_lifetime = 1s")
    relay.tool("postfix", "reload")
    relay.tool("postqueue", "-f")
    relay.until_queue(lambda q: not q, "the rest expires", 600)
    stop.set()
    dying.join()


def test_the_ledger_is_what_both_ends_saw(game: Game) -> None:
    """Recipient by recipient, and the sums of it."""
    relay = game.relay
    began = time.monotonic()
    play(game, MAILS)
    code, out = relay.bcp("relay", "agent", "--settings", str(relay.folder / "agent.conf"), "--once")
    assert code == 0, out
    code, out = relay.bcp("relay", "pull")
    assert code == 0, out

    ledger = LedgerStore(relay.folder / ".bcp" / "relays.db")
    found = ledger.fates(Wanted(domains=("corp.test",)), limit=10_000_000)
    assert all(f.recipient for f in found), [f for f in found if not f.recipient][:3]
    rows = Counter((f.message_id, f.recipient) for f in found)
    told = {(f.message_id, f.recipient): f for f in found}
    assert set(rows) == set(game.accepted), (
        list(set(rows) - set(game.accepted))[:5],
        list(set(game.accepted) - set(rows))[:5],
    )
    assert rows.total() == len(rows), [k for k, n in rows.items() if n > 1][:5]
    wrong = [(k, told[k].status, told[k].answer) for k in game.accepted if told[k].status != game.expected(*k)]
    assert not wrong, (len(wrong), wrong[:5])
    taken, unread = relay.exchange.taken, 0
    for key, fate in told.items():
        perhaps = fate.status == "removed" and fate.risky  # removed after its answer was lost: Exchange has it
        assert (taken[key] > 0) == (fate.status == "sent" or perhaps > 0), (key, fate, taken[key])
        if fate.status in {"bounced", "expired"}:
            wanted = "told" if game.accepted[key] else "no"
            if fate.told == "made" and wanted == "told" and fate.taken <= game.stopped:
                unread += 1  # its notice went out while Postfix was stopped: the log's own daemon ended before its line
                continue
            assert fate.told == wanted, fate
        if fate.status == "sent":
            assert fate.remote_id.isdigit(), fate
            assert taken[key] > 1 or not fate.risky, (key, fate, taken[key])
    assert unread <= 30, unread  # at most a few mails of many recipients
    # What was on its way when Postfix was stopped is tried again, and no line of the log tells of the first time.
    cut = {k for k, f in told.items() if f.status == "sent" and taken[k] > 1 and not f.risky}
    assert len(cut) <= 100 and all(told[k].taken <= game.stopped for k in cut), cut
    code, out = relay.bcp("relay", "account", "--output", "json")
    account = json.loads(out)
    assert code == 0 and account["ends_meet"] and account["accepted"] == len(game.accepted), out[:3000]
    truth = Counter(game.expected(*k) for k in game.accepted)
    assert {k: account[k] for k in ("bounced", "expired", "removed")} == {
        k: truth[k] for k in ("bounced", "expired", "removed")
    }
    assert account["delivered"] == truth["sent"] and account["open"] == 0
    assert account["perhaps_doubled"] == sum(taken[k] > 1 for k in game.accepted) - len(cut)
    print(
        f"{MAILS} mails, {len(game.accepted)} recipients: {dict(truth)}, {account['perhaps_doubled']} doubled by a lost"
        f" answer, {relay.kills} kills, {time.monotonic() - began:.0f} s"
    )
