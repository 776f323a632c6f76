"""A shaped drain with Debian's Postfix and an Exchange that throttles. ``BCP_DRAIN_MAILS=50000 BCP_DRAIN_RATE=100
BCP_DRAIN_KNOWN=80`` plays the large one, and then the rate and the forecast are judged, too: on a machine that does
other things beside, a rate says more of the machine (``tests/unit/drain`` judges it in simulated time)."""

from __future__ import annotations

import os
import threading
import time

import pytest
from support import bcp

from bcp.cli.drain_view import drains_of
from real.kitted import Kitted
from real.machine import able

WHY = able()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(WHY), reason=WHY)]
MEASURED = "BCP_DRAIN_MAILS" in os.environ
MAILS = int(os.environ.get("BCP_DRAIN_MAILS", "200"))
ALLOWED = float(os.environ.get("BCP_DRAIN_RATE", "20"))
"""Messages a second that Exchange takes."""
KNOWN = float(os.environ.get("BCP_DRAIN_KNOWN", "8"))
"""Messages a second that the relay is told to let go, where the limit is known."""


@pytest.fixture(scope="module")
def relay(tmp_path_factory):
    made = Kitted.make(
        tmp_path_factory.mktemp("drain"),
        certificate={"challenge": "own"},
        drain={
            "rate": 500, "first_rate": 10, "step": "2s", "canary": 5, "mailbox": 10_000_000, "pair": 10_000_000,
            "important": ["boss@corp.test"],
        },
    )  # fmt: skip
    try:
        (made.site / "people.txt").write_text("".join(f"u{i}@corp.test\n" for i in range(50)) + "boss@corp.test\n")
        made.install()
        made.machine.do("postconf", "-e", "smtpd_client_connection_count_limit=0")
        made.bcp("relay", "recipients", "sync")
        yield made
    finally:
        made.machine.stop()


@pytest.fixture(autouse=True)
def well(relay):
    relay.machine.exchange.rcpt = lambda _address: "250 2.1.5 ok"
    relay.machine.exchange.data = lambda: "250 2.6.0 taken"
    relay.machine.do("postsuper", "-d", "ALL")
    relay.machine.exchange.taken.clear()
    relay.machine.exchange.refused = 0
    relay.ask("keep")


def fill(relay: Kitted, count: int, to: str = "") -> None:
    """So many mails more, over a few conversations, all at rest: a listing passes over what moves from queue to queue
    while it is made."""
    wanted = len(relay.queue()) + count

    def some(first: int) -> None:
        with relay.machine.talk() as client:
            for n in range(first, count, 4):
                address = to or f"u{n % 50}@corp.test"
                client.sendmail(
                    f"s{n % 97}@outside.test",
                    [address],
                    f"From: s@outside.test\r\nTo: {address}\r\nSubject: {n}\r\nMessage-ID: <{to}{n}@o>\r\n\r\nx\r\n",
                )  # fmt: skip

    threads = [threading.Thread(target=some, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    relay.machine.await_(lambda: [m["queue_name"] for m in relay.queue()] == ["deferred"] * wanted)


class Throttle:
    """Takes so many a second; the rest hears 451 4.7.500."""

    def __init__(self, per_s: float) -> None:
        self.per_s, self.left, self.at, self.busy = per_s, per_s / 2, time.monotonic(), 0

    def __call__(self) -> str:
        now = time.monotonic()
        self.left = min(self.per_s / 2, self.left + (now - self.at) * self.per_s)
        self.at = now
        if self.left < 1:
            self.busy += 1
            return "451 4.7.500 Server busy. Please try again later. (AS77712251)"
        self.left -= 1
        return "250 2.6.0 taken"


def at_rest(machine) -> int:
    """How many Exchange took, once what was on its way is there: ten looks in a row see the same."""
    seen: list[int] = []

    def still() -> bool:
        seen.append(len(machine.exchange.taken))
        return len(seen) > 10 and len(set(seen[-10:])) == 1

    machine.await_(still)
    return seen[-1]


def test_it_finds_what_exchange_takes_and_loses_nothing(relay) -> None:
    """Every mail arrives once; nobody gets a bounce. The rate where it has settled is what is allowed."""
    fill(relay, MAILS)
    throttle = Throttle(ALLOWED)
    relay.machine.exchange.data = throttle
    found = relay.bcp("relay", "drain", "--timeout", f"{60 + 3 * MAILS / ALLOWED:g}s")
    taken = relay.machine.exchange.taken
    assert len(taken) == MAILS == len(set(relay.machine.exchange.subjects()))
    assert (found["sent"], found["bounced"], found["unaccounted"], found["waiting"]) == (MAILS, 0, 0, 0)
    assert found["state"] == "done" and throttle.busy
    times = sorted(t for t, *_ in taken)
    middle = times[MAILS // 4 : -MAILS // 10]
    rate = (len(middle) - 1) / (middle[-1] - middle[0])
    print(f"rate {rate:.1f} of {ALLOWED}, throttled {throttle.busy}, took {times[-1] - times[0]:.1f} s")
    assert not MEASURED or 0.95 * ALLOWED <= rate <= 1.05 * ALLOWED
    assert relay.machine.do("postconf", "-h", "defer_transports").stdout.strip() == ""


def test_the_forecast_holds_where_the_limit_is_known(relay) -> None:
    """Important mail first, then the oldest. The time it takes is that of the forecast, within a fifth."""
    relay.configure(
        certificate={"challenge": "own"},
        drain={"rate": KNOWN, "first_rate": KNOWN, "step": "2s", "canary": 2, "mailbox": 10_000_000, "pair": 10_000_000,
               "important": ["boss@corp.test"]},
    )  # fmt: skip
    count = max(150, MAILS // 2)
    fill(relay, count)
    fill(relay, 1, to="boss@corp.test")
    forecast = relay.bcp("relay", "drain", "--show")
    began = time.monotonic()
    relay.bcp("relay", "drain", "--timeout", f"{600 + 3 * count / KNOWN:g}s")
    took = max(t for t, *_ in relay.machine.exchange.taken) - min(t for t, *_ in relay.machine.exchange.taken)
    print(f"forecast {forecast['seconds']} s, took {took:.1f} s of {time.monotonic() - began:.1f}")
    assert forecast["messages"] == count + 1
    assert not MEASURED or abs(took - forecast["seconds"]) <= 0.2 * forecast["seconds"]
    assert "boss@corp.test" in [r for _, _, r, _ in relay.machine.exchange.taken[:2] for r in r]


def test_pause_resume_and_stop_keep_everything(relay) -> None:
    """Each by a command of another process; a stopped drain is gone on with by the next."""
    relay.configure(
        certificate={"challenge": "own"},
        drain={"rate": 20, "first_rate": 20, "step": "2s", "canary": 1, "mailbox": 10_000_000, "pair": 10_000_000},
    )
    fill(relay, 160)
    ended: list[object] = []
    runner = threading.Thread(target=lambda: ended.append(bcp("relay", "drain", cwd=relay.site)))
    runner.start()
    relay.machine.await_(lambda: len(relay.machine.exchange.taken) > 5)
    relay.bcp("relay", "drain", "--pause")
    state = relay.site / ".bcp"
    relay.machine.await_(lambda: drains_of(state, time.time())[1][0]["state"] == "paused")
    before = at_rest(relay.machine)
    lines, _ = drains_of(state, time.time())
    assert "paused" in lines[0] and before < 160
    assert len(relay.machine.exchange.taken) == before
    relay.bcp("relay", "drain", "--resume")
    relay.machine.await_(lambda: len(relay.machine.exchange.taken) > before)
    relay.bcp("relay", "drain", "--stop")
    runner.join(30)
    assert ended[0].returncode == 3 and "stopped" in ended[0].stderr
    relay.machine.await_(lambda: len(relay.queue()) + len(relay.machine.exchange.taken) == 160)
    assert "Nobody drives it" in drains_of(state, time.time())[0][0]
    relay.bcp("relay", "drain", "--stop", code=3)
    assert relay.bcp("relay", "drain")["state"] == "done"
    assert len(relay.machine.exchange.taken) == 160


def test_refusals_for_good_stop_it_and_the_relay_keeps_the_mail(relay) -> None:
    """The canary alone was risked; nobody was told that their mail could not be delivered."""
    fill(relay, 30)
    relay.machine.exchange.rcpt = lambda _address: "550 5.7.51 TenantInboundAttribution; rejected"
    done = bcp("relay", "drain", cwd=relay.site)
    assert done.returncode == 3 and "5.7.51" in done.stderr
    assert relay.machine.exchange.refused <= 5 and not relay.machine.exchange.taken
    relay.machine.await_(lambda: len(relay.queue()) == 30)
    assert not [m for m in relay.queue() if m["sender"] == "MAILER-DAEMON"]
