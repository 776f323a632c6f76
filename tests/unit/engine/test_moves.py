"""Runs that move mail: judged before they write, gated before they undo, corrected afterwards.
Over a real journal, with fakes around."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from crash.fakes import PRIMARY, RELAY, FileDns, services

from bcp import registry
from bcp.engine.approvals import JournalApprovals
from bcp.engine.holds import Against, Ground
from bcp.engine.moves import ANYWAY, GATE, consequence_of
from bcp.engine.runner import Ending, Runner, nodes_of
from bcp.kernel.clock import SystemClock
from bcp.playbook.load import loads
from bcp.plugins.engines.embedded import EmbeddedStore, send_signal
from bcp.testing.effects import Effect, Recorder

SUM = "c" * 64
RUN = "run-moves"
BOOK = """
version: 1
name: moves
title: Moves mail
activation:
  - {id: gate, uses: approval, with: {from: [oncall], min: MIN, timeout: 30s}}
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: TO}, undo: automatic}
  - {id: tell, uses: notify, with: {audience: staff, template: hello, channels: [sms]}}
  - {id: last, uses: test.effect, with: {dies: DIES}, undo: automatic}
hold:
  - {id: update, uses: notify, every: 10m, with: {audience: staff, template: hello, channels: [sms]}}
"""
BOOK_WITHOUT_HOLD = BOOK.partition("hold:")[0]


class Judge:
    """What is seen, told by the test."""

    def __init__(self, *, began: str = "down", seen: str = "down") -> None:
        self.began_, self.seen_, self.looks = began, seen, 0
        self.change: dict = {}

    def began(self) -> str:
        return self.began_

    async def seen(self) -> str:
        self.looks += 1
        return self.seen_

    def asks(self) -> tuple[list[str], int]:
        return ["oncall"], 1

    async def ground(self, placed, state, scope) -> Ground:
        self.looks += 1
        return replace(Ground(1000.0, 900.0, 4500.0, True, self.began_, self.seen_), **self.change)


class Game:
    """One run in a folder; each ``process`` is what one process does with it."""

    def __init__(
        self, folder: Path, *, text: str = BOOK, dies: bool = False, to: str = "relay", count: int = 1, parent: str = ""
    ) -> None:
        self.folder, self.parent = folder, parent
        self.text = text.replace("DIES", str(dies).lower()).replace("TO", to).replace("MIN", str(count))
        self.path, self.recorder, self.clock = folder / f"{RUN}.db", Recorder(folder / "effects"), SystemClock()
        self.judge = Judge()
        self.runner: Runner | None = None
        self.gates: list[str] = []
        self.yes: dict[str, list[str]] = {"gate": ["p1"]}
        """Who says yes at which gate, as soon as it opens."""
        self.kinds: list[str] = []
        loaded = loads(self.text)
        EmbeddedStore().create(self.path, {"plan": {}, "nodes": [asdict(n) for n in nodes_of(loaded)]})

    def tell(self, kind: str, who: str, **data) -> None:
        send_signal(self.path, kind, who, data, self.clock.now())

    def mx(self) -> str:
        return str(FileDns(self.folder, self.recorder).now().hosts[0].host)

    def process(self, *, hold: bool = False, until=None) -> Ending:
        """Work on the run: to its end, or ``until`` a condition holds,
        when it is stopped as a daemon that ends does it."""
        return asyncio.run(self._process(hold, until))

    async def _process(self, hold: bool, until) -> Ending:
        journal = EmbeddedStore().open(self.path, self.clock)

        def listen(progress) -> None:
            self.kinds.append(progress.kind)
            if progress.kind == "gate":
                self.gates.append(progress.step)
                for who in self.yes.get(progress.step, []):
                    self.tell("approve", who, checksum=progress.data["checksum"], step=progress.step)

        approvals = JournalApprovals(
            journal,
            self.clock,
            lambda refs: frozenset({"p1", "p2"}),
            initiator="p9",
            checksum=SUM,
            standing=dict,
            listener=listen,
            poll_s=0.005,
        )
        given = services(self.folder, self.recorder, journal, approvals, RUN, SUM)
        given = replace(given, run=replace(given.run, parent=self.parent))
        actions = {**registry.actions(), "test.effect": Effect(self.recorder)}
        scope = {"domains": ["corp.test"], "inputs": {}, "vars": {}, "run": {"id": RUN}, "service": {"name": "x"}}
        self.runner = runner = Runner(
            loads(self.text), actions, given, journal, scope, {}, listener=listen, hold=hold, judge=self.judge
        )
        task = asyncio.ensure_future(runner.work())
        async with asyncio.timeout(120):
            while until is not None and not task.done() and not until(runner):
                await asyncio.sleep(0.002)
            if until is not None:
                runner.stop("the daemon ends", by="daemon")
            ending = await task
        journal.close()
        return ending

    def events(self) -> list:
        record = EmbeddedStore().view(self.path)
        return list(record.events)

    def event(self, kind: str):
        return next((e for e in self.events() if e.kind == kind), None)


@pytest.fixture(autouse=True)
def _quick(monkeypatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.005)


@pytest.fixture
def game(tmp_path) -> Game:
    return Game(tmp_path)


def held(tmp_path, **given) -> Game:
    """A run whose switch is verified, and that holds."""
    game = Game(tmp_path, **given)
    assert game.process().status == "holding"
    assert game.mx() == "relay.test."
    return game


# -- before a write ----------------------------------------------------------------------------------------------------


def test_after_the_gate_everything_is_judged_again(game) -> None:
    """Once, before the switch; what follows it must go on."""
    ending = game.process()
    assert ending.status == "holding" and game.mx() == "relay.test."
    judged = [e.step for e in game.events() if e.kind == "judged"]
    assert judged == ["mx"]


def test_a_process_that_was_frozen_behind_its_judgement_judges_again(game, monkeypatch) -> None:
    """Stopped between the last look and the first write, gone on an hour later: the service works again."""
    from bcp.plugins.actions import dns_mx_switch

    ahead, planned = [0.0], dns_mx_switch._planned
    now, steady = SystemClock.now, SystemClock.monotonic
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + ahead[0])
    monkeypatch.setattr(SystemClock, "monotonic", lambda clock: steady(clock) + ahead[0])

    async def frozen(*given):
        if game.event("judged") is not None and not ahead[0]:
            ahead[0], game.judge.change = 3600.0, {"seen": "healthy"}
        return await planned(*given)

    monkeypatch.setattr(dns_mx_switch, "_planned", frozen)
    ending = game.process()
    assert ahead[0] and game.mx() == PRIMARY.hosts[0].host and ending.rule == "no-longer-holds"
    assert [e.data["broken"] != [] for e in game.events() if e.kind == "judged"] == [False, True]


def test_a_process_that_was_frozen_while_it_wrote_its_judgement_down_judges_again(game, monkeypatch) -> None:
    """A judgement is as old as what it rests on, not as the line that says so."""
    ahead, ground = [0.0], game.judge.ground
    now, steady = SystemClock.now, SystemClock.monotonic
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + ahead[0])
    monkeypatch.setattr(SystemClock, "monotonic", lambda clock: steady(clock) + ahead[0])

    async def frozen(*given):
        found = await ground(*given)
        if not ahead[0]:
            ahead[0], game.judge.change = 3600.0, {"seen": "healthy"}
        return found

    game.judge.ground = frozen
    ending = game.process()
    assert ahead[0] and game.mx() == PRIMARY.hosts[0].host and ending.rule == "no-longer-holds"
    assert [e.data["broken"] != [] for e in game.events() if e.kind == "judged"] == [False, True]


@pytest.mark.parametrize(
    "change",
    [
        {"seen": "healthy"},
        {"expires": 950.0},
        {"leased": False},
        {"now": 0.0},
        {"unapproved": ("gate",)},
        {"against": (Against("real", "steady-state", "it is healthy"),)},
        {"moved": ("mx finds another MX",)},
    ],
)
def test_what_no_longer_holds_ends_the_run_and_moves_nothing(game, change) -> None:
    """Approved in time, but the world is another one: no switch, a code, and nothing to undo."""
    game.judge.change = change
    ending = game.process()
    assert (ending.status, ending.rule, ending.code) == ("failed", "no-longer-holds", 5)
    assert game.mx() == "primary.test." and "do mx" not in "".join(game.recorder.lines())
    assert game.event("judged").data["broken"]


def test_a_run_that_is_gone_on_with_is_judged_before_its_switch(tmp_path) -> None:
    """Killed or stopped between the yes and the switch; meanwhile the service works again."""
    text = BOOK.replace("  - {id: mx,", "  - {id: nap, uses: wait, with: {for: 3s}}\n  - {id: mx,")
    game = Game(tmp_path, text=text)
    assert game.process(until=lambda r: r.state.steps["nap"].status == "running").status == "stopped"
    game.judge.seen_ = "healthy"
    game.text = game.text.replace("for: 3s", "for: 0s")
    assert game.process().rule == "no-longer-holds"
    assert game.mx() == "primary.test."


def test_a_run_that_moved_mail_is_not_stopped_from_telling_people(tmp_path) -> None:
    """Gone on with after the plan expired: who was not told yet is told."""
    game = Game(tmp_path)
    assert game.process(until=lambda r: r.state.steps["mx"].status == "ok").status == "stopped"
    game.judge.change = {"expires": 0.0}
    assert game.process().status == "holding"
    assert any("do sms" in line for line in game.recorder.lines())


# -- an undo after a failure -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "began", "mx"),
    [
        ("down", "down", "relay.test."),
        ("unknown", "down", "relay.test."),
        ("suspect", "down", "relay.test."),
        ("healthy", "down", "primary.test."),
        ("unknown", "", "primary.test."),
        ("down", "", "relay.test."),
    ],
)
def test_a_failed_step_never_moves_mail_to_a_dead_server(tmp_path, seen, began, mx) -> None:
    """It stays, held and said; where the service works it is put back as always."""
    game = Game(tmp_path, dies=True)
    game.judge.seen_, game.judge.began_ = "down", "down"
    game.judge.seen_, game.judge.began_ = seen, began
    if began == "down" and seen == "healthy":
        game.judge.change = {"seen": "down"}  # it came back after the switch
    ending = game.process()
    assert game.mx() == mx
    if mx == "relay.test.":
        assert ending.status == "holding" and ending.code == 5 and ending.rule in {"primary-down", "primary-unseen"}
        assert game.event("undo_withheld").data["steps"] == ["mx"]
    else:
        assert ending.status == "failed" and game.event("undo_withheld") is None


@pytest.mark.parametrize("clocks", [("now", "monotonic"), ("now",)], ids=["frozen", "asleep"])
def test_an_undo_that_was_frozen_behind_its_look_looks_again(tmp_path, monkeypatch, clocks) -> None:
    """Stopped when the server worked, gone on an hour later: it is dead again, and mail stays at the relay."""
    from bcp.engine import runner

    game, ahead, undo_all = Game(tmp_path, dies=True), [0.0], runner.undo_all
    game.judge.seen_, game.judge.change = "healthy", {"seen": "down"}
    for name in clocks:
        read = getattr(SystemClock, name)
        monkeypatch.setattr(SystemClock, name, lambda clock, read=read: read(clock) + ahead[0])

    async def frozen(*given):
        ahead[0], game.judge.seen_ = 3600.0, "down"
        return await undo_all(*given)

    monkeypatch.setattr(runner, "undo_all", frozen)
    ending = game.process()
    assert ahead[0] and game.mx() == "relay.test." and ending.status == "holding"
    assert game.event("undo_withheld").data["code"] == "primary-down"


def test_a_playbook_without_hold_holds_all_the_same(tmp_path) -> None:
    """Else nobody would be asked about the way back."""
    game = Game(tmp_path, text=BOOK_WITHOUT_HOLD, dies=True)
    assert game.process().status == "holding"
    game.tell("recovered", "p1", run="run-back")
    assert game.process(hold=True).status == "done"


def test_a_failed_way_back_stays_where_the_service_works(tmp_path) -> None:
    """One undeliverable mail must not send everybody's mail to the relay again."""
    game = Game(tmp_path, text=BOOK_WITHOUT_HOLD, dies=True, to="primary", parent="run-out")
    game.recorder.write("do mx relay.test.")
    game.judge.began_ = game.judge.seen_ = "healthy"
    ending = game.process()
    assert game.mx() == "primary.test."
    assert ending.status == "failed" and ending.code == 1 and "last" in ending.reason
    assert game.event("undo_withheld").data["code"] == "primary-well"


# -- an abort ----------------------------------------------------------------------------------------------------------


def test_a_run_that_moved_nothing_is_stopped_at_once(tmp_path) -> None:
    """At its gate: no question, no look."""
    game = Game(tmp_path)
    game.yes = {}
    game.tell("abort", "p9", reason="changed my mind")
    ending = game.process()
    assert ending.status == "aborted" and GATE not in game.gates and game.judge.looks == 0


def test_an_abort_of_a_hold_asks_and_without_an_answer_moves_nothing(tmp_path, monkeypatch) -> None:
    """Whoever tells it: a token, a script, a person who is none of the approvers."""
    monkeypatch.setattr("bcp.engine.moves.UNDO_TIMEOUT_S", 0.05)
    game = held(tmp_path)
    game.tell("abort", "token:ci")
    ending = game.process()
    assert ending.status == "holding" and game.mx() == "relay.test."
    assert game.gates[-1] == GATE and game.event("undo_refused").data["rule"] == "gate-closed"


def test_a_no_keeps_mail_where_it_is(tmp_path) -> None:
    """And the run goes on holding."""
    game = held(tmp_path)
    game.tell("abort", "p9")
    game.judge.seen_ = "healthy"
    game.process(until=lambda r: GATE in game.gates)
    game.tell("reject", "p2", checksum=checksum(game), step=GATE)
    assert game.process().status == "holding" and game.mx() == "relay.test."


def checksum(game: Game) -> str:
    """What the open gate is bound to."""
    return str([e for e in game.events() if e.kind == "gate_opened"][-1].data["checksum"])


def test_one_yes_is_enough_where_the_service_works(tmp_path) -> None:
    """As bound as the switch itself."""
    game = held(tmp_path)
    game.judge.seen_ = "healthy"
    game.yes[GATE] = ["p2"]
    game.tell("abort", "p9", reason="it was a mistake")
    ending = game.process()
    assert ending.status == "aborted" and game.mx() == "primary.test."
    assert ANYWAY not in game.gates


def test_towards_a_dead_server_a_second_yes_is_asked_for(tmp_path, monkeypatch) -> None:
    """Without it mail stays."""
    monkeypatch.setattr("bcp.engine.moves.UNDO_TIMEOUT_S", 0.3)
    game = held(tmp_path)
    game.yes[GATE] = ["p2"]
    game.tell("abort", "p9")
    assert game.process().status == "holding" and game.mx() == "relay.test."
    assert game.gates[-2:] == [GATE, ANYWAY]
    game.yes[ANYWAY] = ["p1"]
    game.tell("abort", "p9")
    assert game.process().status == "aborted" and game.mx() == "primary.test."


def test_whoever_asks_has_said_yes_to_exactly_what_they_were_shown(tmp_path, monkeypatch) -> None:
    """Their word counts once; a word about something else does not."""
    monkeypatch.setattr("bcp.engine.moves.UNDO_TIMEOUT_S", 0.3)
    game = held(tmp_path)
    shown = consequence_of(
        RUN, "primary", [{"before": {"corp.test": PRIMARY.to_data()}, "after": {"corp.test": RELAY.to_data()}}]
    )
    game.tell("abort", "p2", consequence="0" * 64, anyway="0" * 64)
    assert game.process().status == "holding"
    game.tell("abort", "p2", consequence=shown.checksum, anyway=shown.anyway("primary-unseen"))
    assert game.process().status == "holding", "the second yes was to another danger"
    game.tell("abort", "p2", consequence=shown.checksum, anyway=shown.anyway("primary-down"))
    assert game.process().status == "aborted" and game.mx() == "primary.test."


def test_who_may_not_approve_the_switch_does_not_undo_it_alone(tmp_path, monkeypatch) -> None:
    """Who started the run asks; their own word is not enough."""
    monkeypatch.setattr("bcp.engine.moves.UNDO_TIMEOUT_S", 0.3)
    game = held(tmp_path)
    game.judge.seen_ = "healthy"
    shown = consequence_of(
        RUN, "primary", [{"before": {"corp.test": PRIMARY.to_data()}, "after": {"corp.test": RELAY.to_data()}}]
    )
    game.tell("abort", "p9", consequence=shown.checksum)
    assert game.process().status == "holding" and game.mx() == "relay.test."


def test_a_gate_of_two_takes_two_to_undo(tmp_path, monkeypatch) -> None:
    """The strictest gate before the switch decides."""
    monkeypatch.setattr("bcp.engine.moves.UNDO_TIMEOUT_S", 0.3)
    game = Game(tmp_path, count=2)
    game.yes["gate"] = ["p1", "p2"]
    assert game.process().status == "holding"
    game.judge.seen_ = "healthy"
    game.yes[GATE] = ["p1"]
    game.tell("abort", "p1")
    assert game.process().status == "holding" and game.mx() == "relay.test."
    game.yes[GATE] = ["p1", "p2"]
    game.tell("abort", "p1")
    assert game.process().status == "aborted" and game.mx() == "primary.test."


def test_an_abort_survives_the_process_that_heard_it(tmp_path) -> None:
    """Told, heard, killed: the next process asks on, and the first answer is not lost."""
    game = Game(tmp_path, count=2)
    game.yes["gate"] = ["p1", "p2"]
    assert game.process().status == "holding"
    game.judge.seen_ = "healthy"
    game.yes[GATE] = []
    game.tell("abort", "p9")
    game.process(hold=True, until=lambda r: GATE in game.gates)
    game.tell("approve", "p1", checksum=checksum(game), step=GATE)
    game.process(hold=True, until=lambda r: any(a["by"] == "p1" and a["step"] == GATE for a in r.state.answers))
    game.tell("approve", "p2", checksum=checksum(game), step=GATE)
    assert game.process(hold=True).status == "aborted" and game.mx() == "primary.test."


def test_an_abort_that_nobody_heard_comes_before_everything_else(tmp_path) -> None:
    """Told to a run that nobody worked on: the next process does not switch first and read then."""
    game = Game(tmp_path)
    game.yes = {}
    assert game.process(until=lambda r: "gate" in game.gates).status == "stopped"
    game.tell("approve", "p1", checksum=SUM, step="gate")
    game.tell("abort", "p9")
    assert game.process().status == "aborted" and "do mx" not in "".join(game.recorder.lines())


# -- the truth afterwards ----------------------------------------------------------------------------------------------


def test_whoever_heard_where_mail_goes_hears_the_correction_once(tmp_path, monkeypatch) -> None:
    """Everybody who was told after the switch; also when a process dies in between, nobody twice."""
    monkeypatch.setitem(__import__("bcp.engine.moves", fromlist=["x"]).BACK_TEMPLATES, "primary", "hello")
    game = held(tmp_path)
    game.judge.seen_ = "healthy"
    game.yes[GATE] = ["p2"]
    game.tell("abort", "p9")
    assert game.process().status == "aborted"
    corrections = [line for line in game.recorder.lines() if "/correction/" in line]
    assert len(corrections) == len(set(corrections)) == 6
    found = game.event("corrected")
    assert found.step == "tell" and found.data["audience"] == "staff" and found.data["sent"] == 6


def test_a_correction_that_cannot_be_sent_is_said_and_ends_nothing(tmp_path) -> None:
    """A message that is not there, a vendor that is down."""
    game = held(tmp_path)
    game.judge.seen_ = "healthy"
    game.yes[GATE] = ["p2"]
    game.tell("abort", "p9")
    assert game.process().status == "aborted"
    assert "inbound-undone" in game.event("correction_failed").data["error"]


def test_a_second_abort_does_not_silence_the_correction(tmp_path, monkeypatch) -> None:
    """Two people end the run one after the other: those who were told that mail goes elsewhere still hear it."""
    module = __import__("bcp.engine.moves", fromlist=["x"])
    monkeypatch.setitem(module.BACK_TEMPLATES, "primary", "hello")
    original = module.Moves._correction

    def meanwhile(self, placed, template):
        self.interrupt()  # what the runner does when it hears an abort
        return original(self, placed, template)

    monkeypatch.setattr(module.Moves, "_correction", meanwhile)
    game = held(tmp_path)
    game.judge.seen_ = "healthy"
    game.yes[GATE] = ["p2"]
    game.tell("abort", "p9")
    assert game.process().status == "aborted"
    assert game.event("corrected").data["sent"] == 6 and game.event("correction_failed") is None


def test_a_consequence_is_bound_to_run_and_way() -> None:
    """Another run, another domain, another target: another checksum; the second yes is bound to its danger."""
    one = {"before": {"a.test": PRIMARY.to_data()}, "after": {"a.test": RELAY.to_data()}}
    two = {"before": {"b.test": PRIMARY.to_data()}, "after": {"b.test": RELAY.to_data()}}
    found = [
        consequence_of("r1", "primary", [one]),
        consequence_of("r2", "primary", [one]),
        consequence_of("r1", "relay", [one]),
        consequence_of("r1", "primary", [one, two]),
        consequence_of("r1", "primary", [{"items": [two]}]),
    ]
    assert len({c.checksum for c in found}) == len(found)
    assert found[0].anyway("primary-down") not in {found[0].checksum, found[0].anyway("primary-unseen")}
    assert "a.test" in str(found[0]) and "relay.test." in str(found[0]) and "primary.test." in str(found[0])
