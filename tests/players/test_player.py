"""A random player presses everything in any order: command line, API and hooks together, with kills and faults.

``BCP_GAMES`` and ``BCP_STEPS`` say how many games of how many steps; ``BCP_SEED`` chooses others (``make players``).
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from players.ending import finish
from players.house import ON_CALL
from players.player import BOOKS, Player

GAMES, STEPS, SEED = (int(os.environ.get(n, d)) for n, d in (("BCP_GAMES", "8"), ("BCP_STEPS", "25"), ("BCP_SEED", "0")))
STORIES = os.environ.get("BCP_STORIES", "")
"""A folder in which the story of each game is kept."""
MEMORY = Path("/dev/shm")  # noqa: S108 - a game syncs often, and what it leaves is removed
person = st.sampled_from(ON_CALL)
anybody = st.sampled_from([*ON_CALL, "dave", "robot", "reader", "nobody"])
pick = st.integers(0, 3)
soon = st.sampled_from([-1, -1, 5, 20, 60, 150, 400])
COUNT = {"games": 0, "steps": 0, "kills": 0, "moves": 0}


class Game(RuleBasedStateMachine):
    """One game in one house."""

    player: Player | None = None

    @initialize(
        opening=st.sampled_from(["calm", "down", "asked", "held", "held", "well again"]),
        approvals=st.sampled_from([1, 1, 2]),
        mode=st.sampled_from(["ask", "ask", "auto", "notify"]),
        how=st.sampled_from(["refuse", "451", "550-valid-recipients", "mx-host-unresolvable", "421"]),
    )
    def begin(self, opening: str, approvals: int, mode: str, how: str) -> None:
        self.patch = pytest.MonkeyPatch()
        self.folder = Path(tempfile.mkdtemp(prefix="bcp-game-", dir=MEMORY if MEMORY.is_dir() else None))
        self.player = p = Player(self.folder, self.patch, approvals=approvals, mode=mode)
        p.tell(f"{opening}, {approvals} approval(s), {mode}, {how}")
        COUNT["games"] += 1
        if opening != "calm":
            p.break_(how)
        if opening in {"asked", "held", "well again"}:
            p.wait(150.0)
            if mode == "notify":
                p.start_by_api("carol", "exchange-inbound-outage")
                p.wait(10.0)
        if opening in {"held", "well again"}:
            for who in ("alice", "bob"):
                p.answer(who, "api", 0, yes=True)
            p.wait(45.0)
        if opening == "well again":
            p.heal()
            p.wait(200.0)
        p.check()

    @property
    def p(self) -> Player:
        assert self.player is not None
        COUNT["steps"] += 1
        return self.player

    # -- the world -----------------------------------------------------------------------------------------------

    @rule(how=st.sampled_from(["refuse", "hang", "421", "451", "550-valid-recipients", "mx-host-unresolvable"]))
    def exchange_dies(self, how: str) -> None:
        self.p.break_(how)

    @rule()
    def exchange_works(self) -> None:
        self.p.heal()

    @rule(how=st.sampled_from(["ok", "ok", "refuse", "hang", "451"]))
    def relay(self, how: str) -> None:
        self.p.relay(how)

    @rule(how=st.sampled_from(["ok", "ok", "silent", "no-updates"]))
    def names(self, how: str) -> None:
        self.p.names(how)

    @rule(
        mx=st.sampled_from(
            ["0 corp-test.mail.protection.outlook.test.", "10 mx.backup.test.", "10 mx.elsewhere.test.", "5 mx.backup.test."]
        )
    )
    def somebody_else(self, mx: str) -> None:
        self.p.somebody_else(mx)

    @rule(
        which=st.sampled_from(["twilio", "slack"]),
        how=st.sampled_from(["429", "503-after", "hang-after"]),
        times=st.integers(1, 6),
    )
    def vendor(self, which: str, how: str, times: int) -> None:
        self.p.vendor(which, how, times)

    @rule(seconds=st.sampled_from([-3600, -90, -5, 5, 90, 3600]))
    def clock(self, seconds: float) -> None:
        self.p.step_clock(seconds)

    @rule(seconds=st.sampled_from([1.0, 10.0, 45.0, 120.0, 120.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.p.wait(seconds)

    @rule(after=st.sampled_from([0, 3, 30, 100, 300]))
    def daemon_is_killed(self, after: int) -> None:
        self.p.kill(after)

    @rule()
    def daemon_is_restarted(self) -> None:
        self.p.restart()

    @precondition(lambda self: self.player is not None and not self.player.house.up)
    @rule()
    def daemon_starts(self) -> None:
        self.p.start()

    # -- outside -------------------------------------------------------------------------------------------------

    @rule(
        source=st.sampled_from(["alertmanager", "generic", "pagerduty"]),
        state=st.sampled_from(["firing", "firing", "resolved"]),
        key=st.sampled_from(["one", "two"]),
    )
    def hook(self, source: str, state: str, key: str) -> None:
        self.p.hook(source, state, key)

    # -- people --------------------------------------------------------------------------------------------------

    @rule(
        who=person,
        way=st.sampled_from(["api", "api", "text", "slack", "command", "incident"]),
        pick=pick,
        yes=st.sampled_from([True, True, True, False]),
    )
    def answer(self, who: str, way: str, pick: int, yes: bool) -> None:
        self.p.answer(who, way, pick, yes=yes)

    @rule(who=person, pick=pick)
    def two_answer(self, who: str, pick: int) -> None:
        for one in (who, ON_CALL[(ON_CALL.index(who) + 1) % 3]):
            self.p.answer(one, "api", pick, yes=True)

    @rule(who=person, pick=pick, seconds=st.sampled_from([20.0, 60.0]))
    def two_answer_and_time_passes(self, who: str, pick: int, seconds: float) -> None:
        self.two_answer(who, pick)
        self.p.wait(seconds)

    @rule(how=st.sampled_from(["refuse", "451"]))
    def an_outage_is_noticed(self, how: str) -> None:
        self.p.break_(how)
        self.p.wait(130.0)

    @rule()
    def the_outage_is_over(self) -> None:
        self.p.heal()
        self.p.wait(150.0)

    @rule(who=anybody, pick=pick, way=st.sampled_from(["api", "wrong-api"]))
    def wrong_answer(self, who: str, pick: int, way: str) -> None:
        self.p.answer(who, way, pick, yes=True)

    @rule(who=anybody, book=st.sampled_from(BOOKS))
    def start_by_api(self, who: str, book: str) -> None:
        self.p.start_by_api(who, book)

    @rule(book=st.sampled_from(BOOKS), die=soon, seconds=st.sampled_from([5.0, 60.0]))
    def start_by_command(self, book: str, die: int, seconds: float) -> None:
        self.p.start_by_command(book, die, seconds)

    @rule(who=anybody, pick=pick)
    def back_by_api(self, who: str, pick: int) -> None:
        self.p.back_by_api(who, pick)

    @rule(die=soon, seconds=st.sampled_from([5.0, 60.0]))
    def back_by_command(self, die: int, seconds: float) -> None:
        self.p.back_by_command(die, seconds)

    @rule(who=anybody, pick=pick, shown=st.booleans())
    def abort_by_api(self, who: str, pick: int, shown: bool) -> None:
        self.p.abort_by_api(who, pick, shown=shown)

    @rule(who=person, pick=pick, shown=st.booleans())
    def abort_by_command(self, who: str, pick: int, shown: bool) -> None:
        self.p.abort_by_command(who, pick, shown=shown)

    @rule(who=person, pick=pick, happened=st.booleans())
    def settle(self, who: str, pick: int, happened: bool) -> None:
        self.p.settle(who, pick, happened=happened)

    @rule(who=anybody)
    def acknowledge(self, who: str) -> None:
        self.p.acknowledge(who)

    @rule(who=anybody, pick=pick)
    def resume_by_api(self, who: str, pick: int) -> None:
        self.p.resume_by_api(who, pick)

    @rule(die=soon, pick=pick)
    def resume_by_command(self, die: int, pick: int) -> None:
        self.p.resume_by_command(die, pick)

    @rule(who=anybody, what=st.sampled_from(["declare", "close", "reopen"]))
    def incident(self, who: str, what: str) -> None:
        self.p.incident(who, what)

    @rule(who=anybody, message=st.sampled_from(["employees-investigating", "inbound-on-backup", "inbound-restored", "nothing"]))
    def send(self, who: str, message: str) -> None:
        self.p.send(who, message)

    @rule(
        words=st.sampled_from(
            [
                ("status",), ("status", "--all"), ("verdict",), ("incident", "show"), ("incident", "list"),
                ("comms", "stop"), ("comms", "status"), ("declare", "none", "no", "--as", "alice"),
                ("declare", "B", "yes", "--as", "alice"), ("declare", "maintenance", "work", "--as", "bob"),
                ("declare", "withdraw", "--as", "alice"), ("plan", "exchange-inbound-outage"), ("explain",),
            ]
        )
    )  # fmt: skip
    def command(self, words: tuple[str, ...]) -> None:
        self.p.command(*words)

    @rule()
    def quiet(self) -> None:
        self.p.settled()

    # -- judging -------------------------------------------------------------------------------------------------

    @invariant()
    def holds(self) -> None:
        if self.player is not None:
            self.player.check()

    def teardown(self) -> None:
        if self.player is None:
            return
        try:
            if sys.exc_info()[0] is None:
                finish(self.player)
        finally:
            if STORIES:
                (Path(STORIES) / self.folder.name).write_text("\n".join([*self.player.truth.broken, *self.player.story]))
            COUNT["kills"] += self.player.kills
            COUNT["moves"] += sum(m.ours for m in self.player.house.moves)
            self.player.house.close()
            self.patch.undo()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.timeout(0)  # its length is what was asked for
def test_whatever_is_pressed(capsys) -> None:
    """MX moves only by an approved plan, words agree with the truth, and everything can be ended."""
    game: type = seed(SEED)(Game) if SEED else Game
    shown = settings(
        max_examples=GAMES, stateful_step_count=STEPS, deadline=None, database=None, derandomize=not SEED,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    try:
        run_state_machine_as_test(game, settings=shown)
    finally:
        with capsys.disabled():
            print(f"\n{COUNT}")
    assert COUNT["games"] >= GAMES and COUNT["steps"] > GAMES
