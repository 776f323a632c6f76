"""A random player presses everything in any order: command line, API and hooks together, with kills and faults.

``BCP_GAMES`` and ``BCP_STEPS`` say how many games of how many steps; ``BCP_SEED`` chooses others (``make players``);
``BCP_STORIES`` names a folder in which each game's story is kept.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from players.ending import finish
from players.house import ON_CALL
from players.player import BOOKS, Player
from players.seats import NOISE, PAGES

GAMES, STEPS, SEED = (
    int(os.environ.get(n, d)) for n, d in (("BCP_GAMES", "4"), ("BCP_STEPS", "25"), ("BCP_SEED", "0"))
)
STORIES = os.environ.get("BCP_STORIES", "")
MEMORY = Path("/dev/shm")
COUNT = {"games": 0, "steps": 0, "kills": 0, "moves": 0}
one_of = st.sampled_from
anyone = one_of([*ON_CALL, *ON_CALL, "dave"])
PRESSED = (
    "/", "/", "/start", "/incidents", "run", "run", "abort", "incident",
    "/messages?message=employees-identified&audience=employees&letter=B", "/messages?message=inbound-undone",
)  # fmt: skip
"""Pages whose buttons are pressed."""
anybody = one_of([*ON_CALL, "dave", "robot", "reader", "nobody"])
person, pick, yes = one_of(ON_CALL), st.integers(0, 3), one_of([True, True, True, False])
dies = one_of([-1, -1, -1, 5, 20, 60, 150, 400])
RELAY = "10 mx.backup.test."
EXCHANGE = "0 corp-test.mail.protection.outlook.test."
LOOKS = (
    ("status",), ("status", "--all"), ("verdict",), ("incident", "show"), ("incident", "list"), ("comms", "stop"),
    ("comms", "status"), ("declare", "none", "no", "--as", "alice"), ("declare", "B", "yes", "--as", "alice"),
    ("declare", "maintenance", "work", "--as", "bob"), ("declare", "withdraw", "--as", "alice"),
    ("plan", "exchange-inbound-outage"), ("explain",), ("incident", "close", "--reason", "a game", "--as", "carol"),
)  # fmt: skip
TABLE: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("break_", 2, {"how": one_of(["refuse", "hang", "421", "451", "550-valid-recipients", "mx-host-unresolvable"])}),
    ("outage", 2, {"how": one_of(["refuse", "451"])}),
    ("heal", 1, {}),
    ("over", 2, {}),
    ("relay", 1, {"how": one_of(["ok", "ok", "refuse", "hang", "451"])}),
    ("names", 1, {"how": one_of(["ok", "ok", "silent", "no-updates"])}),
    ("second", 2, {"how": one_of(["ok", "refuse", "451", "hang"])}),
    ("somebody_else", 1, {"mx": one_of([EXCHANGE, RELAY, "10 mx.elsewhere.test.", "5 mx.backup.test."]),
                          "pick": pick}),
    ("vendor", 1, {"which": one_of(["twilio", "twilio-voice", "slack"]),
                   "how": one_of(["429", "503-after", "hang-after"]), "times": st.integers(1, 6)}),
    ("surf", 1, {"who": anyone, "pick": st.integers(0, 30), "page": one_of(PAGES)}),
    ("press", 6, {"who": anyone, "pick": st.integers(0, 11), "page": one_of(PRESSED)}),
    ("press", 1, {"who": person, "pick": st.integers(0, 11), "page": one_of(PRESSED), "forged": st.just(True)}),
    ("link", 2, {"who": person, "pick": pick, "yes": yes}),
    ("call", 1, {"who": person, "pick": pick, "digit": one_of(["1", "1", "2", "9", "", "*"])}),
    ("call_in", 1, {"who": person, "pick": pick, "yes": yes}),
    ("noise", 1, {"who": person, "pick": pick, "text": one_of(NOISE)}),
    ("disk", 1, {"how": one_of(["ok", "ok", "full"])}),
    ("step_clock", 1, {"seconds": one_of([-3600, -90, -5, 5, 90, 3600])}),
    ("wait", 3, {"seconds": one_of([1.0, 10.0, 45.0, 120.0, 400.0])}),
    ("kill", 3, {"after": one_of([0, 3, 30, 100, 300])}),
    ("restart", 1, {}),
    ("start", 3, {}),
    ("hook", 2, {"source": one_of(["alertmanager", "generic", "pagerduty"]),
                 "state": one_of(["firing", "firing", "resolved"]), "key": one_of(["one", "two"])}),
    ("answer", 4, {"who": person, "way": one_of(["api", "text", "slack", "command", "incident"]), "pick": pick,
                   "yes": yes}),
    ("two_answer", 4, {"who": person, "pick": pick, "seconds": one_of([0.0, 0.5, 60.0])}),
    ("answer", 1, {"who": anybody, "way": one_of(["api", "wrong-api"]), "pick": pick, "yes": st.just(True)}),
    ("start_by_api", 2, {"who": anybody, "book": one_of(BOOKS)}),
    ("start_by_command", 2, {"book": one_of(BOOKS), "die_after": dies, "seconds": one_of([5.0, 60.0])}),
    ("back_by_api", 2, {"who": anybody, "pick": pick}),
    ("back_by_command", 2, {"die_after": dies, "seconds": one_of([5.0, 60.0])}),
    ("abort_by_api", 2, {"who": anybody, "pick": pick, "shown": st.booleans()}),
    ("abort_by_command", 1, {"who": person, "pick": pick, "shown": st.booleans()}),
    ("settle", 2, {"who": person, "pick": pick, "happened": st.booleans()}),
    ("acknowledge", 1, {"who": anybody}),
    ("resume_by_api", 1, {"who": anybody, "pick": pick}),
    ("resume_by_command", 2, {"die_after": dies, "pick": pick}),
    ("incident", 2, {"who": anybody, "what": one_of(["declare", "close", "reopen"])}),
    ("send", 1, {"who": anybody, "message": one_of(["employees-investigating", "inbound-on-backup", "inbound-restored",
                                                    "nothing"])}),
    ("command", 2, {"words": one_of(LOOKS)}),
    ("settled", 2, {}),
)  # fmt: skip
"""The player's deeds: how often each, and with what."""
press = st.one_of(*(st.tuples(st.just(n), st.fixed_dictionaries(a)) for n, often, a in TABLE for _ in range(often)))


class Game(RuleBasedStateMachine):
    """One game in one house."""

    player: Player | None = None

    @initialize(
        opening=one_of(["calm", "down", "asked", "held", "held", "well again"]),
        approvals=one_of([1, 1, 2]),
        mode=one_of(["ask", "ask", "auto", "notify"]),
        how=one_of(["refuse", "451", "550-valid-recipients", "mx-host-unresolvable", "421"]),
        two=one_of([False, False, True]),
    )
    def begin(self, opening: str, approvals: int, mode: str, how: str, two: bool) -> None:
        """How far the outage is when the player comes."""
        self.patch = pytest.MonkeyPatch()
        self.folder = Path(tempfile.mkdtemp(prefix="bcp-game-", dir=MEMORY if MEMORY.is_dir() else None))
        self.player = p = Player(self.folder, self.patch, approvals=approvals, mode=mode, two=two)
        p.tell(f"{opening}, {approvals} approval(s), {mode}, {how}, {len(p.house.domains)} domain(s)")
        COUNT["games"] += 1
        if opening != "calm":
            p.break_(how)
        if opening in {"asked", "held", "well again"}:
            p.wait(150.0)
            if mode == "notify":
                p.start_by_api("carol", "exchange-inbound-outage")
                p.wait(10.0)
        if opening in {"held", "well again"}:
            p.two_answer("alice", 0, 45.0)
        if opening == "well again":
            p.over()

    @rule(deed=press)
    def press(self, deed: tuple[str, dict[str, Any]]) -> None:
        """One deed."""
        name, given = deed[0], dict(deed[1])
        COUNT["steps"] += 1
        getattr(self.player, name)(*given.pop("words", ()), **given)

    @invariant()
    def holds(self) -> None:
        """After every deed."""
        if self.player is not None:
            self.player.check()

    def teardown(self) -> None:
        """Every game is played to its end."""
        if self.player is None:
            return
        try:
            if sys.exc_info()[0] is None:
                finish(self.player)
        finally:
            self.player.disk("ok")
            if STORIES:
                (Path(STORIES) / self.folder.name).write_text(
                    "\n".join([*self.player.truth.broken, *self.player.story])
                )
            COUNT["kills"] += self.player.kills
            COUNT["moves"] += sum(m.ours for m in self.player.house.moves)
            self.player.house.close()
            self.patch.undo()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.timeout(0)  # as long as was asked for
def test_whatever_is_pressed(capsys) -> None:
    """MX moves only by an approved plan, words agree with the truth, and everything can be ended."""
    game: Any = seed(SEED)(Game) if SEED else Game
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
