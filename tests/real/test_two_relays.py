"""Two real Postfixes that are one relay: the second hands its mail to the first, whose agent is dead for a while."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from bcp.contracts.relay_ledger import FORWARDED, Wanted
from bcp.kernel.clock import SystemClock
from bcp.plugins.relays.smtp import SmtpRelaySettings
from bcp.relay.receive import Receiver
from bcp.store.memory.relay_ledger import MemoryLedger
from bcp.wiring.relay_books import RelayBooks
from real.exchange import Exchange
from real.servers import POSTFIX, have
from real.test_relay_ledger import Relay

pytestmark = [pytest.mark.real, pytest.mark.slow]
ONE, TWO = "relay1.out.test", "relay2.out.test"
FIRST, SECOND = f"mx-backup@{ONE}", f"mx-backup@{TWO}"


@pytest.fixture
def pair():
    if os.getuid() != 0:
        pytest.skip("Postfix's queue needs root")
    if why := have(POSTFIX):
        pytest.skip(why)
    folder = Path(tempfile.mkdtemp(prefix="bcp-two-"))
    folder.chmod(0o755)
    exchange = Exchange().start()
    relays = list[Relay]()
    try:
        for host in (ONE, TWO):
            (folder / host).mkdir()
            onward = SimpleNamespace(port=relays[0].port) if relays else exchange
            made = Relay(folder / host, onward)  # type: ignore[arg-type]
            relays.append(made)
            made.configure(f"myhostname = {host}")
            conf = folder / host / "agent.conf"
            conf.write_text(conf.read_text().replace("name = mx-backup\n", f"name = mx-backup@{host}\n"))
            made.start()
        yield folder, *relays, exchange
    finally:
        for made in relays:
            made.stop()
            made.processes.stop()
        exchange.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main_node(folder: Path, monkeypatch: pytest.MonkeyPatch) -> RelayBooks:
    """One that asks both agents by their commands, as over SSH."""
    monkeypatch.setenv("BCP_TWO_KEY", "k" * 40)
    script = folder / "ssh"
    script.write_text(
        f"#!/bin/sh\ncd {folder}/$1 || exit 255\nshift\nagent='{sys.executable} -m bcp relay agent'\n"
        '$agent --settings agent.conf --once 2>/dev/null\nexec $agent --settings agent.conf "$@"\n'
    )
    script.chmod(0o755)
    settings = SmtpRelaySettings.model_validate(
        {
            "hosts": [{"host": ONE, "addresses": ["127.0.0.1"]}, {"host": TWO, "preference": 20}],
            "agent": {"command": [str(script), "{host}"], "key": "env:BCP_TWO_KEY"},
        }
    )
    made = RelayBooks.__new__(RelayBooks)
    made.world = SimpleNamespace(  # type: ignore[assignment]
        relay_settings={"mx-backup": settings}, settings=SimpleNamespace(domains=[SimpleNamespace(name="corp.test")])
    )
    made.clock, made._alone, made._receiver = SystemClock(), asyncio.Lock(), Receiver()
    made.__dict__["ledger"] = MemoryLedger()
    return made


def send(relay: Relay, tag: str, count: int) -> dict[tuple[str, str], str]:
    """What was accepted, by Message-ID and recipient."""
    sent = {}
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
        for n in range(count):
            people = [f"{kind}-{tag}{n}@corp.test" for kind in ("ok", "bounce", "defer")[: 1 + n % 3]]
            text = f"From: a@outside.test\r\nMessage-ID: <{tag}{n}@outside.test>\r\nSubject: game\r\n\r\nmail\r\n"
            assert client.sendmail(f"s{n}@outside.test", people, text) == {}
            sent |= {(f"{tag}{n}@outside.test", to): to.partition("-")[0] for to in people}
    return sent


def settled(mails: list[dict]) -> bool:
    """Nothing is on its way."""
    return all(m["queue_name"] == "deferred" for m in mails)


def test_each_recipient_counts_once_and_a_dead_host_is_not_nothing(pair, monkeypatch) -> None:
    folder, first, second, exchange = pair
    node = main_node(folder, monkeypatch)
    direct, handed = send(first, "one", 6), send(second, "two", 9)
    second.until_queue(lambda q: not q, "the second hands everything on")
    wanted = {k for k, kind in (direct | handed).items() if kind == "ok"}
    first.until_queue(lambda q: settled(q) and exchange.taken.keys() >= wanted, "all was tried")

    (folder / ONE).rename(folder / "gone")
    done = asyncio.run(node.pull())
    assert [(p.relay, bool(p.problem)) for p in done] == [(FIRST, True), (SECOND, False)]
    found = node.account(relays=["mx-backup"])
    assert found is not None and found.unheard == (FIRST,) and not found.meets
    assert found.fates == {"unknown": len(handed)}, "handed to the first is not delivered"

    (folder / "gone").rename(folder / ONE)
    assert not any(p.problem for p in asyncio.run(node.pull(["mx-backup"])))
    found = node.account()
    assert found is not None and found.meets and found.accepted == len(direct) + len(handed)
    told = {(f.message_id, f.recipient): f for f in node.ledger.fates(Wanted(domains=("corp.test",)), limit=1000)}
    fate = {"ok": "sent", "bounce": "bounced", "defer": "deferred"}
    assert {k: f.status for k, f in told.items()} == {k: fate[kind] for k, kind in (direct | handed).items()}
    taken = {k: n for k, n in exchange.taken.items() if k[1].endswith("@corp.test")}
    assert {k: 1 for k, f in told.items() if f.status == "sent"} == taken
    assert found.doubled == 0 and {f.relay for f in told.values()} == {FIRST}
    rows = node.ledger.fates(Wanted(kinds=(FORWARDED,), domains=("corp.test",)), limit=1000)
    assert {(f.message_id, f.recipient) for f in rows} == set(handed) and {f.relay for f in rows} == {SECOND}
