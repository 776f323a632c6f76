"""Around the detector: rounds, deadlines, other vantage points, history, snapshots, recommendations, replays."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spoken import wrong as wrong_texts
from support import ROOT, bcp

from bcp.contracts.probe import Probe, ProbeSettings, Result, Role, Signal
from bcp.detect.agent import Agent, carrier
from bcp.detect.decide import Decision
from bcp.detect.history import History, incidents_of, prometheus
from bcp.detect.remote import Batch, Spool, key_of, seal, unseal
from bcp.detect.rules import Rules
from bcp.detect.snapshot import Snapshot, Snapshots, differences
from bcp.detect.watch import Watcher, look_once
from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import BcpError, Invalid, Refused, Transient
from bcp.replay import load, play, shipped
from bcp.testing.clock import FakeClock
from bcp.wiring import recommended, shipped_candidates

KEY = b"k" * 32
OK, FAIL, UNKNOWN = Result.OK, Result.FAIL, Result.UNKNOWN


class Scripted(Probe[ProbeSettings]):
    """Does what it is told."""

    kind, plane, medium, Settings = "scripted", "inbound", "", ProbeSettings

    def __init__(self, name, work, *, timeout="1s", **more):
        super().__init__(
            name, ProbeSettings.model_validate({"kind": "scripted", "timeout": timeout, **more}), SystemClock()
        )
        self.work, self.looks = work, 0

    async def look(self):
        self.looks += 1
        return await self.work(self)


async def well(probe):
    return probe.saw(OK)


async def bad(probe):
    return probe.saw(FAIL, "4xx", "451")


async def explode(probe):
    raise RuntimeError("oh")


async def forever(probe):
    await asyncio.sleep(3600)


# -- the watcher -------------------------------------------------------------------------------------------------


def test_a_broken_probe_is_unknown() -> None:
    """It says nothing about the service."""
    found = asyncio.run(look_once(Scripted("p", explode)))
    assert (found.result, found.kind) == (UNKNOWN, "broken-probe") and "RuntimeError" in found.evidence


async def deaf(probe):
    """Goes on when it is cancelled, until the test lets it go."""
    while not probe.free:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            probe.cut += 1


async def cancels_itself(probe):
    raise asyncio.CancelledError


async def yes(probe):
    return True


def test_a_probe_that_swallows_its_cancellation_holds_up_nobody(monkeypatch) -> None:
    """It is cut off like any other, and not waited for."""
    monkeypatch.setattr("bcp.detect.watch.GRACE_S", 0.0)

    async def work() -> None:
        probe = Scripted("p", deaf, timeout="10ms")
        probe.free, probe.cut = False, 0
        found = await asyncio.wait_for(look_once(probe), 120)
        assert (found.result, found.kind) == (UNKNOWN, "overran")
        await asyncio.sleep(0)
        assert probe.cut == 1
        probe.free = True

    asyncio.run(work())


@pytest.mark.parametrize(("look", "says"), [(cancels_itself, "cancelled itself"), (yes, "gave bool")])
def test_what_is_no_signal_is_a_broken_probe(look, says) -> None:
    """Whatever the plug-in gives in place of one, the round goes on."""
    found = asyncio.run(look_once(Scripted("p", look)))
    assert (found.result, found.kind) == (UNKNOWN, "broken-probe") and says in found.evidence


def test_a_look_that_is_cancelled_takes_its_probe_along() -> None:
    """The watch ends when it is told to."""

    async def work() -> None:
        task = asyncio.ensure_future(look_once(Scripted("p", forever)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_a_probe_that_outlives_its_deadline_is_cut_off() -> None:
    """And that is unknown: our probe is at fault."""
    found = asyncio.run(look_once(Scripted("p", forever, timeout="100ms")))
    assert (found.result, found.kind) == (UNKNOWN, "overran")


def test_rounds_come_on_the_beat_and_slow_ones_overlap() -> None:
    """A look that takes three beats does not slow the others down; the verdict comes K rounds after the break."""

    together = [0, 0]

    async def slow(probe):
        together[0] += 1
        together[1] = max(together)
        await asyncio.sleep(0.25)
        together[0] -= 1
        return probe.saw(FAIL, "timeout", "no answer in time")

    async def run():
        probe = Scripted("p", slow)
        watcher = Watcher([probe], Rules(threshold=3, confirm_for_s=0.0), SystemClock(), interval_s=0.1)
        async for decision in watcher.run():
            if decision.state == "down":
                return probe.looks
        return 0

    looks = asyncio.run(asyncio.wait_for(run(), 120))
    assert looks >= 3 and together[1] >= 2


def test_every_is_kept_and_other_vantages_probes_are_not_run_here() -> None:
    """A probe for every fifth beat, and one for another place."""

    async def run():
        often, seldom, elsewhere = (
            Scripted("a", well),
            Scripted("b", well, every="5m"),
            Scripted("c", well, vantages=["far"]),
        )
        watcher = Watcher([often, seldom, elsewhere], Rules(), FakeClock(), interval_s=60.0, vantages=("local", "far"))
        count = 0
        async for _ in watcher.run():
            count += 1
            if count >= 20:
                break
        return often.looks, seldom.looks, elsewhere.looks

    often, seldom, elsewhere = asyncio.run(asyncio.wait_for(run(), 120))
    assert often >= 20 and 3 <= seldom <= 6 and elsewhere == 0


# -- other vantage points ----------------------------------------------------------------------------------------


def batch(seq=1, vantage="far", at=100.0, result=FAIL):
    return Batch(vantage, seq, at, (Signal("p", "inbound", result, at, "4xx", "451 später", False),))


def test_a_batch_is_read_as_it_was_sealed() -> None:
    """Everything survives, and the vantage is the sealed one."""
    found = unseal(seal(batch(), KEY), {"far": KEY})
    assert found.signals[0].vantage == "far" and found.signals[0].evidence == "451 später" and found.seq == 1


@settings(max_examples=300)
@given(st.integers(0, 10_000), st.integers(0, 255))
def test_an_altered_batch_is_refused(where, byte) -> None:
    """One byte anywhere."""
    line = bytearray(seal(batch(), KEY).encode())
    where %= len(line)
    before = json.loads(bytes(line))
    line[where] = byte
    try:
        found = unseal(bytes(line), {"far": KEY})
    except (Invalid, Refused):
        return
    assert json.loads(bytes(line)) == before or found == unseal(seal(batch(), KEY), {"far": KEY})


def test_strangers_and_short_keys_are_refused() -> None:
    """Unknown vantage, wrong key, a key that protects nothing."""
    with pytest.raises(Refused):
        unseal(seal(batch(), KEY), {"other": KEY})
    with pytest.raises(Refused):
        unseal(seal(batch(), b"x" * 32), {"far": KEY})
    with pytest.raises(Invalid):
        key_of("short")
    for line in ("", "{}", "[]", "null", '{"mac": 1}', "\xff"):
        with pytest.raises((Invalid, Refused)):
            unseal(line, {"far": KEY})


def test_the_spool_takes_each_batch_once_and_in_order(tmp_path) -> None:
    """A copy is put aside and said, also after a restart."""
    spool = Spool(tmp_path, {"far": KEY})
    for seq in (3, 5):
        spool.put(seal(batch(seq), KEY))
    assert len(spool.read()) == 2 and spool.read() == []
    spool.put(seal(batch(5), KEY))
    again = Spool(tmp_path, {"far": KEY})
    assert again.read() == [] and "again" in again.refused[0]
    (tmp_path / "9-x.json").write_text("garbage")
    assert again.read() == [] and len(list((tmp_path / "refused").iterdir())) == 2
    again.put(seal(batch(6), KEY))
    assert len(again.read()) == 1


def test_an_agent_keeps_rounds_for_a_carrier_that_is_down(tmp_path) -> None:
    """They arrive later, oldest first, each once."""
    sent, down = [], [True]

    async def send(line, seq):
        if down[0]:
            raise Transient("away")
        sent.append(unseal(line, {"far": KEY}).seq)

    async def run():
        agent = Agent(Watcher([Scripted("p", well)], Rules(), FakeClock(), interval_s=1), "far", KEY, FakeClock(), send)
        for _ in range(3):
            with pytest.raises(BcpError):
                await agent.once()
        down[0] = False
        await agent.once()

    asyncio.run(run())
    assert len(sent) == 4 and sent == sorted(set(sent))


def test_carriers() -> None:
    """A folder, a line, HTTP; anything else is said to be none."""
    from aiohttp import web

    async def run(tmp):
        got = []

        async def take(request):
            got.append(await request.text())
            return web.Response(status=202 if len(got) < 2 else 403)

        app = web.Application()
        app.router.add_post("/observations", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/observations"
        try:
            await carrier(url, print)("line", 1)
            with pytest.raises(BcpError):
                await carrier(url, print)("line", 2)
        finally:
            await runner.cleanup()
        with pytest.raises(BcpError):
            await carrier(url, print)("line", 3)
        return got

    assert asyncio.run(run(None)) == ["line", "line"]
    with pytest.raises(Invalid):
        carrier("ftp://x", print)


# -- history -----------------------------------------------------------------------------------------------------


def seen(result=OK, at=0.0, probe="p", kind=""):
    return Signal(probe, "inbound", result, at, kind, "e")


def test_a_healthy_day_is_one_row(tmp_path) -> None:
    """Looks are kept as stretches of equal results."""
    history = History(tmp_path / "h.db")
    for i in range(1440):
        history.note(seen(FAIL if 700 <= i < 705 else OK, 60.0 * i, kind="4xx" if 700 <= i < 705 else ""))
        history.round(Decision("healthy"), 60.0 * i, {})
    history.close()
    rows = list(history.rows(0.0))
    assert [(r.result, r.looks) for r in rows] == [("ok", 700), ("fail", 5), ("ok", 735)]
    assert (tmp_path / "h.db").stat().st_mode & 0o777 == 0o600


def test_history_is_bounded_in_age_and_size(tmp_path) -> None:
    """Old rows go; a file that is nearly full loses its oldest."""
    history = History(tmp_path / "h.db", keep_s=3600.0, max_bytes=2**20)
    for i in range(400):
        for p in range(100):
            history.note(Signal(f"p{p}", "inbound", FAIL if (i + p) % 2 else OK, 60.0 * i, "x", "evidence " * 20))
        history.round(Decision("healthy"), 60.0 * i, {})
    history.close()
    assert (tmp_path / "h.db").stat().st_size <= 2**20 + 65_536
    rows = list(history.rows(0.0))
    assert rows and min(r.last for r in rows) >= 60.0 * 399 - 3600.0 - 3600.0


def test_a_history_that_cannot_be_written_stops_nothing(tmp_path) -> None:
    """It is said, and it goes on when the cause is gone."""
    path = tmp_path / "h.db"
    path.write_bytes(b"this is no database " * 100)
    history = History(path)
    history.note(seen())
    history.round(Decision("healthy"), 0.0, {})
    assert "cannot be written" in history.problem
    path.unlink()
    history.note(seen(at=1.0))
    history.round(Decision("healthy"), 1.0, {})
    assert history.problem == "" and len(list(history.rows(0.0))) == 1
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("begin exclusive")
    history.note(seen(at=2.0))
    history.round(Decision("down"), 2.0, {})
    assert history.problem
    other.execute("rollback")


def test_incidents_come_from_the_verdicts() -> None:
    """One that comes back before it is closed is the same; times are kept."""

    def v(at, state, stage, classes="", action="wait", since=None):
        return {
            "at": at,
            "state": state,
            "stage": stage,
            "classes": classes.split(),
            "planes": [],
            "action": action,
            "confidence": 50,
            "since": since,
            "evidence": "e",
        }

    found = incidents_of(
        [
            v(0, "healthy", "healthy"),
            v(100, "suspect", "suspect"),
            v(200, "down", "confirmed", "B", since=90.0),
            v(400, "healthy", "confirmed"),
            v(500, "down", "confirmed", "E B", since=450.0),
            v(900, "healthy", "confirmed"),
            v(2700, "healthy", "closed"),
            v(5000, "down", "confirmed", "A", since=4900.0),
        ]
    )
    assert [(i.since, i.confirmed, i.clear, i.closed, i.classes) for i in found] == [
        (90.0, 200, 900, 2700, ("B", "E")),
        (4900.0, 5000, 0.0, 0.0, ("A",)),
    ]
    assert found[0].detect_s() == 110.0


def test_prometheus_text_is_valid() -> None:
    """Every line is a comment or a sample; each metric has its type once."""
    text = prometheus(
        Decision("down", ("B",), ("inbound",), decide_at=200.0),
        {("inbound", "local", "ok"): 3},
        100.0,
        {"inbound": "down"},
    )
    names = re.findall(r"# TYPE (\w+) (gauge|counter)", text)
    assert len(names) == len(set(names)) >= 6
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(r'bcp_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?\d+(\.\d+)?', line), (
            line
        )
    assert 'bcp_outage_class{class="B"} 1' in text and "bcp_decide_seconds 100" in text


# -- snapshots and recommendations -------------------------------------------------------------------------------


def test_snapshots_are_dated_compared_and_proven(tmp_path) -> None:
    """An altered file is not read; what could not be read is no change."""
    store = Snapshots(tmp_path)
    one = Snapshot(
        1_000_000.0,
        {"a.example": {"mx": {"hosts": [[0, "x."]], "ttl_s": 300}, "spf": ["v=spf1"]}},
        {"r": {"probe": {}}},
        {"Exchange Online": "serviceOperational"},
    )
    two = Snapshot(
        1_000_060.0,
        {"a.example": {"mx": {"hosts": [[0, "y."]], "ttl_s": 300}, "spf": []}},
        {"r": {"probe": {}}},
        {},
        ("a.example spf", "health"),
    )
    store.write(one)
    path = store.write(two)
    assert store.latest() == two
    assert [w for w, _, _ in differences(one, two)] == ["a.example mx"]
    path.write_text(path.read_text().replace('"y."', '"z."'))
    assert store.latest() == one


def test_the_recommended_playbook() -> None:
    """MX is only moved by a playbook where that is proposed."""
    books = shipped_candidates()
    for action, classes, name in (
        ("switch", ("F",), "exchange-false-rejects"),
        ("wait", ("B", "A"), "exchange-inbound-outage"),
        ("wait", ("E", "B"), "exchange-inbound-outage"),
        ("tell", ("A",), "exchange-mailbox-access"),
        ("tell", ("D", "E"), "exchange-mailbox-access"),
        ("tell", ("E",), "exchange-mailbox-access"),
        ("tell", ("C",), "exchange-outbound-failure"),
        ("direct", ("G",), "exchange-gateway-path"),
        ("failback", (), "exchange-failback"),
        ("fix-own", ("H",), ""),
    ):
        assert recommended(Decision("down", classes, action=action), books) == name, (action, classes)


# -- replays -----------------------------------------------------------------------------------------------------


EVERY = int(os.environ.get("BCP_OUTAGES", "1"))
"""One in so many shipped outages is played, and all that really happened: ``make test`` has no time for all."""


def _played() -> list[str]:
    files = shipped()
    real = {n for n, path in files.items() if "sources:" in path.read_text("utf-8")}
    return sorted(n for i, n in enumerate(sorted(files)) if n in real or i % EVERY == 0)


@pytest.mark.parametrize("name", _played())
def test_every_shipped_outage_holds(name) -> None:
    """Class and action as expected; never a switch for A, C, D, G or H; and every text reads well aloud."""
    played = play(shipped()[name])
    assert not wrong_texts(played)
    assert played.held, [(f.text, f.got) for f in played.findings if not f.held]
    assert played.file.name == name
    assert len(played.findings) >= (2 if played.file.truth else 4)  # a truth is judged beside them


def test_there_are_enough_outages() -> None:
    """Sixteen real shapes with sources, and our own faults."""
    files = {n: load(p)[0] for n, p in shipped().items()}
    real = [f for f in files.values() if f.sources]
    assert len(real) >= 16 and all(f.shape for f in real)
    assert sum(n.startswith("own-") for n in files) >= 5


BASE = """version: 1
name: mine
title: A test
start: "2026-01-01T00:00:00Z"
length: 1h
probes:
  smtp: {kind: smtp}
timeline:
  - {at: 10m, until: 30m, probe: smtp, result: fail, kind: 4xx, evidence: "451"}
expect:
  - {at: 20m, state: down, class: B}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "text"),
    [
        ("kind: smtp}", "kind: smpt}", 7, "smpt"),
        ("probe: smtp", "probe: smpt", 9, "smpt"),
        ("result: fail", "result: failed", 9, "result"),
        ("at: 10m", "at: 10", 9, "at"),
        ("length: 1h", "length: 1y", 5, "length"),
        ("state: down", "state: dwon", 11, "state"),
        ("at: 20m, state", "state", 11, "exactly one"),
        ("until: 30m,", "until: 30m, share: 30,", 9, "30%"),
        ("until: 30m,", "share: 10%..20%,", 9, "until"),
        ("title: A test", "titel: A test", 3, "titel"),
        ('start: "2026-01-01T00:00:00Z"', "start: yesterday", 4, "start"),
        ("length: 1h", "length: 300d", 5, "14 days"),
        ("kind: 4xx,", "vantage: far, kind: 4xx,", 9, "far"),
        ("length: 1h", "length: 1h\ndetect: {treshold: 3}", 6, "treshold"),
    ],
)
def test_a_broken_outage_file_gets_its_line(tmp_path, old, new, line, text) -> None:
    """File, line, what is wrong; exit code 2."""
    path = tmp_path / "broken.yaml"
    assert old in BASE
    path.write_text(BASE.replace(old, new, 1))
    done = bcp("replay", str(path))
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"broken.yaml:{line}:" in done.stderr and text in done.stderr and "Traceback" not in done.stderr


def test_an_expectation_that_does_not_hold_is_shown(tmp_path) -> None:
    """Exit code 1, its line, and what came instead."""
    path = tmp_path / "mine.yaml"
    path.write_text(BASE.replace("class: B", "class: A"))
    done = bcp("replay", str(path))
    assert (
        done.returncode == 1
        and "FAILED" in done.stdout
        and "class B" in done.stdout
        and "mine.yaml:11" in "".join(done.stdout.split())
    )
    path.write_text(BASE)
    done = bcp("replay", str(path), "--output", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["replays"][0]["held"] is True


def test_the_schema_describes_the_shipped_files() -> None:
    """Editors complete what we accept."""
    import jsonschema

    from bcp.kernel.document import read

    schema = json.loads((ROOT / "docs" / "reference" / "outage.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    judge = jsonschema.Draft202012Validator(schema)
    for path in shipped().values():
        judge.validate(read(path).data)


def test_roles_of_probes() -> None:
    """Nothing that others say is a look."""
    from bcp import registry

    roles = {k: registry.probe_class(k).role for k in registry.kinds("probes")}
    assert {k for k, r in roles.items() if r is not Role.LOOK} == {"alert", "people", "graph-health", "status-page"}
