"""The lab's relay as a real Postfix of the kit's files. ``BCP_DEMO=postfix`` plays the whole demo with it."""

from __future__ import annotations

import asyncio
import json
import os
import smtplib
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import bcp

from bcp.kernel.errors import Invalid
from bcp.kernel.json_in import rows
from bcp.kit.relay_reach import Reach
from bcp.lab.net import free_port
from bcp.rehearse.lab import relay_played
from bcp.rehearse.postfix import PostfixRelay, able

RELAY, EXCHANGE = "127.0.25.2", "127.0.25.1"


def why() -> str:
    try:
        able()
    except Invalid as error:
        return error.message
    return ""


WHY = why()
needs_postfix = pytest.mark.skipif(bool(WHY), reason=WHY)


def test_who_plays_the_relay(monkeypatch) -> None:
    """What is not there is said before anything is started."""
    assert relay_played("lab") is None
    with pytest.raises(Invalid) as found:
        relay_played("sendmail")
    assert found.value.rule == "drill.relay-unknown"
    monkeypatch.setattr("bcp.rehearse.postfix.PROGRAM", "/no/postfix")
    with pytest.raises(Invalid) as lacking:
        relay_played("postfix")
    assert lacking.value.rule == "drill.no-postfix" and "/no/postfix" in lacking.value.message


@pytest.mark.real
@needs_postfix
def test_it_takes_keeps_and_lets_go_as_the_kit_says(tmp_path: Path) -> None:
    """One mail: known taken, unknown and relaying refused, kept while Exchange is away, counted by its number."""
    world = SimpleNamespace(
        domains=("corp.test",), relay_host="mx.backup.test.", exchange_address=EXCHANGE,
        smtp_port=free_port(EXCHANGE, RELAY),
    )  # fmt: skip
    relay = PostfixRelay(world)

    def talk() -> None:
        with smtplib.SMTP(RELAY, world.smtp_port, timeout=120) as client:
            client.ehlo("sender.test")
            client.mail("s@outside.test")
            codes = [client.rcpt(a)[0] for a in ("alice@corp.test", "nobody@corp.test", "x@other.test")]
            assert codes == [250, 450, 554]
            client.data("Message-ID: <lab-7@outside.test>\r\nX-Lab-Number: 7\r\n\r\nMail.\r\n")

    async def play() -> None:
        await relay.start(RELAY, world.smtp_port)
        try:
            await asyncio.to_thread(talk)
            assert [n for n, _ in relay.accepted] == [7]
            assert relay.numbers() == [7]
            words = json.loads(relay.settings().partition(": ")[2])["reach"]
            reach = Reach(words, "mx.backup.test")
            listed = [json.loads(line) for line in rows(await reach.ask("queue"))]
            assert [m["recipients"][0]["address"] for m in listed] == ["alice@corp.test"]
            assert listed[0]["queue_id"] == relay.queue()[0]["queue_id"]
            await reach.ask("keep")
            facts = json.loads((await reach.ask("facts")).replace("\n", ""))
            assert facts["keeps"] is True and facts["soft_bounce"] is True and facts["queued"] == 1
            assert "message-id=<lab-7@" in await reach.ask("log", stdin=f"{listed[0]['queue_id']}\n".encode())
        finally:
            await relay.stop()

    asyncio.run(play())
    assert not relay.folder.exists()


@pytest.mark.real
@needs_postfix
@pytest.mark.skipif(os.environ.get("BCP_DEMO") != "postfix", reason="a minute: BCP_DEMO=postfix")
def test_the_demo_ends_with_the_same_account(tmp_path: Path) -> None:
    """Every mail that was sent is delivered once."""
    done = bcp("drill", "run", "refuse", "--relay", "postfix", "--no-plans", "--folder", str(tmp_path), timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["sent"] == told["delivered"] > 50 and told["lost"] == told["duplicated"] == 0
