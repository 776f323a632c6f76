"""From what is seen to what is proposed: enumerated over modes, actions and what was proposed before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import DOWN, HEALTHY, SERVICE, Core, Speaker, playbook

from bcp.contracts.store import RunCard
from bcp.detect.decide import Decision
from bcp.incident.model import Event, Incident
from bcp.kernel.errors import Invalid
from bcp.server.parts.act import BACK_AGAIN_S, LATER_S, Actor, newest_first, nobody_answered, proposals

NAME = "exchange-inbound-outage"
BACK = replace(HEALTHY, action="failback")


class Runs:
    """Remembers what was proposed."""

    def __init__(self) -> None:
        self.proposed: list[tuple[str, str, bool, str]] = []
        self.held: list[Any] = []
        self.going: set[str] = set()

    def propose(self, incident, loaded, *, automatic=False, parent="", domains=()) -> None:
        """One run."""
        self.proposed.append((incident, loaded.book.name, automatic, parent))

    async def holding(self) -> list[Any]:
        """Runs that hold."""
        return self.held

    def goes_back(self, parent: str) -> bool:
        """Is one on its way?"""
        return parent in self.going


class Records:
    """The incident is what the test says."""

    def __init__(self, core: Core, mode: str) -> None:
        self.core = core
        self.row, _ = core.book.open(SERVICE, "t", mode, "watch")
        self.state = "declared"

    async def take(self, found: Decision) -> Incident | None:
        """As it stands."""
        return replace(self.row, state=self.state) if self.state else None


class World:
    """An actor among fakes."""

    def __init__(self, folder, mode: str = "ask") -> None:
        self.core, self.runs, self.speaker = Core(folder), Runs(), Speaker()
        self.records = Records(self.core, mode)
        self.actor = self.again()

    def again(self) -> Actor:
        """After a restart: memory is gone, the book is not."""
        self.actor = Actor(self.core, self.speaker, self.runs, self.records)
        return self.actor

    def see(self, *found: Decision, looked: bool = False) -> None:
        """Rounds."""

        async def run() -> None:
            for one in found:
                await self.actor.consider(one, looked=looked)

        asyncio.run(run())


# -- proposing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "found", "expected"),
    [
        ("notify", DOWN, None),
        ("ask", DOWN, False),
        ("ask", replace(DOWN, action="wait"), False),
        ("auto", DOWN, True),
        ("auto", replace(DOWN, classes=("B", "A")), False),
        ("auto", replace(DOWN, flapping=True, flap=33.0), False),
        ("auto", replace(DOWN, action="ask"), False),
        ("auto", replace(DOWN, action="wait", decide_at=1_800_000_100.0), "waits"),
    ],
)
def test_what_a_mode_does_with_a_verdict(tmp_path, mode, found, expected) -> None:
    """Automatic only where waiting loses mail, nothing flaps, and the decision time is over."""
    w = World(tmp_path, mode)
    w.see(found, found, found)
    if expected is None:
        assert w.runs.proposed == [] and w.speaker.told == [
            (w.records.row.id, f"proposed: {NAME}; start it with bcp run {NAME}")
        ]
    elif expected == "waits":
        assert w.runs.proposed == [] and len(w.speaker.told) == 1 and "starts by itself at" in w.speaker.told[0][1]
    else:
        assert w.runs.proposed == [(w.records.row.id, NAME, expected, "")]
    assert w.core.kinds("proposed") == ([] if expected == "waits" else ["proposed"])


def test_the_same_moment_is_told_once_although_clocks_disagree_about_its_second(tmp_path) -> None:
    """It is reckoned anew at each look from a clock that is being set right; another moment is news."""
    w = World(tmp_path, "auto")
    at = 1_800_000_100.0
    w.see(*(replace(DOWN, action="wait", decide_at=at + late) for late in (0.0, -1.2, 0.7, 3.0, 120.0)))
    assert len(w.speaker.told) == 2 == len(w.core.kinds("waits"))


@pytest.mark.parametrize("stage", ["decided", "active", "recovering", "failback", "draining"])
def test_nothing_is_proposed_while_a_playbook_works(tmp_path, stage) -> None:
    """It would be a second run on the same domains."""
    w = World(tmp_path)
    w.see(replace(DOWN, stage=stage))
    assert w.runs.proposed == []


@pytest.mark.parametrize("standing", ["decided", "active", "failback", "draining"])
def test_a_look_of_the_moment_proposes_no_second_switch(tmp_path, standing) -> None:
    """It knows nothing of runs: a run's own look saw the outage while the watch saw nothing, and people were told that
    a switch cannot start, with MX on the relay."""
    w = World(tmp_path, "auto")
    w.records.course = SimpleNamespace(standing=standing)
    w.see(replace(DOWN, stage="confirmed"), replace(DOWN, stage="confirmed", action="wait"))
    assert w.runs.proposed == [] and w.speaker.told == [] and w.core.kinds("proposed", "waits") == []
    w.records.course.standing = "none"
    w.see(replace(DOWN, stage="confirmed"))
    assert len(w.runs.proposed) == 1


@pytest.mark.parametrize("mode", ["notify", "ask", "auto"])
def test_nothing_is_proposed_of_what_is_only_to_be_watched(tmp_path, mode) -> None:
    """In maintenance, denied by on call, or not looked at just now; once that is over it is proposed."""
    w = World(tmp_path, mode)
    w.see(replace(DOWN, action="watch", why="we are in maintenance"))
    assert w.runs.proposed == [] and w.speaker.told == [] and w.core.kinds("proposed") == []
    w.see(DOWN)
    assert w.core.kinds("proposed") == ["proposed"]


def test_an_incident_that_is_closed_or_not_there_is_left_alone(tmp_path) -> None:
    """Whatever is seen."""
    for state in ("", "closed"):
        w = World(tmp_path / (state or "none")) if (tmp_path / (state or "none")).mkdir() is None else None
        w.records.state = state
        w.see(DOWN, HEALTHY)
        assert w.runs.proposed == [] and w.core.kinds("proposed") == []


def test_a_proposal_is_made_once_also_over_a_restart(tmp_path) -> None:
    """The chain knows, however many other events came after it."""
    w = World(tmp_path)
    w.see(DOWN, DOWN)
    for i in range(700):
        w.core.book.note("alert_firing", w.records.row.id, "am", title=str(i))
    w.again()
    w.see(DOWN)
    assert len(w.runs.proposed) == 1


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_only_told_is_asked_when_a_sender_comes_whose_mode_asks(tmp_path, restart) -> None:
    """Our own look was faster than the sender's alert: that must not leave people unasked until the decision time."""
    w = World(tmp_path, "notify")
    w.see(replace(DOWN, action="wait"))
    assert w.runs.proposed == []
    w.records.row = replace(w.records.row, mode="ask")
    if restart:
        w.again()
    w.see(replace(DOWN, action="wait"), replace(DOWN, action="wait"))
    assert [p[1] for p in w.runs.proposed] == [NAME]


def test_the_next_stretch_is_proposed_anew(tmp_path) -> None:
    """All was well in between; also when that was before a restart."""
    w = World(tmp_path)
    w.see(DOWN)
    w.records.state = "resolved"
    w.see(HEALTHY)
    w.core.book.change(w.records.row.id, "moved", fields={"state": "resolved"}, state="resolved")
    w.records.state = "declared"
    w.see(DOWN)
    assert len(w.runs.proposed) == 2
    w.again()
    w.see(DOWN)
    assert len(w.runs.proposed) == 2


@pytest.mark.parametrize(
    ("closed", "again"),
    [(None, False), ("rejected", False), ("no-answer", True), ("run-over", False)],
)
def test_once_more_when_the_decision_time_is_over_and_nobody_had_answered(tmp_path, closed, again) -> None:
    """Not while the question is open, not after a no, and never a third time."""
    w = World(tmp_path)
    w.see(replace(DOWN, action="wait"))
    assert len(w.runs.proposed) == 1
    w.core.book.note("question", w.records.row.id, question="q")
    if closed:
        w.core.book.note("question_closed", w.records.row.id, question="q", rule=closed, result="no answer in words")
    w.see(DOWN, DOWN)
    assert len(w.runs.proposed) == 1 + again
    w.again()
    w.see(DOWN, DOWN)
    assert len(w.runs.proposed) == 1 + again


def test_what_came_to_nothing_may_be_proposed_again(tmp_path) -> None:
    """The conductor says so; of this incident and this playbook alone."""
    w = World(tmp_path)
    w.see(DOWN)
    w.actor.forget(w.records.row.id, "another")
    w.see(DOWN)
    assert len(w.runs.proposed) == 1
    w.actor.forget(w.records.row.id, NAME)
    w.see(DOWN)
    assert len(w.runs.proposed) == 2
    w.actor.forget("unknown", NAME)


# -- which playbook --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "name", "refused"),
    [
        (NAME, NAME, 0),
        ("exchange-mailbox-access", NAME, 1),
        ("exchange-nowhere", NAME, 1),
    ],
)
def test_a_hook_may_wish_for_a_playbook_that_fits(tmp_path, wish, name, refused) -> None:
    """One that does not exist or is for other classes is said once, and ours is taken."""
    w = World(tmp_path)
    w.actor.wish(w.records.row.id, wish)
    w.actor.wish(w.records.row.id, "a-second-wish-does-not-count")
    w.see(DOWN, DOWN)
    assert w.runs.proposed[0][1] == name and len(w.runs.proposed) == 1
    assert len(w.core.kinds("wish_refused")) in {refused, refused + (wish == "exchange-nowhere")}


def test_without_a_fitting_playbook_people_are_told_once(tmp_path) -> None:
    """And nothing is started."""
    w = World(tmp_path)
    none = replace(DOWN, classes=("H",))
    w.see(none, none)
    assert w.runs.proposed == [] and len(w.speaker.told) == 1 and w.core.kinds("no_playbook") == ["no_playbook"]


# -- the way back ----------------------------------------------------------------------------------------------------


def held(name: str = "r1", uses: str = "dns.mx.switch", text: str = "") -> Any:
    """A run that holds."""
    plan = {
        "steps": [{"id": "mx", "uses": uses}],
        "playbook": NAME,
        "playbook_text": text or playbook(NAME).document.text,
        "domains": ["corp.test"],
    }
    return SimpleNamespace(id=name, plan=plan, card=RunCard(name, "holding"))


def test_the_way_back_is_asked_when_all_has_been_clear_long_enough(tmp_path) -> None:
    """Not before; once an hour; not while one is under way."""
    w = World(tmp_path)
    w.runs.held = [held()]
    w.see(HEALTHY)
    assert w.runs.proposed == []
    back = replace(HEALTHY, action="failback")
    w.see(back, back)
    assert w.runs.proposed == [(w.records.row.id, "exchange-failback", False, "r1")]
    assert w.core.kinds("failback_proposed") == ["failback_proposed"]
    w.core.clock.wall += BACK_AGAIN_S - 1
    w.see(back)
    assert len(w.runs.proposed) == 1
    w.core.clock.wall += 1
    w.runs.going = {"r1"}
    w.see(back)
    assert len(w.runs.proposed) == 1
    w.runs.going = set()
    w.see(back)
    assert len(w.runs.proposed) == 2


@pytest.mark.parametrize(("began", "down", "again"), [(True, True, 2), (True, False, 1), (False, True, 1)])
def test_a_relapse_on_the_way_back_is_another_outage_and_its_end_is_asked_about(tmp_path, began, down, again) -> None:
    """The way back was ended because the service failed again; nobody waits for an hour once it works. A mere no
    stands."""
    w = World(tmp_path)
    w.runs.held = [held("r1")]
    w.see(BACK)
    w.core.clock.wall += 60.0
    if began:
        w.core.running.all = [RunCard("r2", "aborted", parent="r1", started=w.core.clock.wall)]
    w.core.clock.wall += 60.0
    if down:
        w.see(replace(DOWN, stage="failback"))
    w.core.clock.wall += 300.0
    w.see(BACK, BACK)
    assert len(w.runs.proposed) == again


def test_a_way_back_that_came_to_nothing_is_asked_about_at_once(tmp_path) -> None:
    """People said yes, and their plan was void: they are not left to wait for an hour."""
    w = World(tmp_path)
    w.runs.held = [held("r1"), held("r2")]
    back = replace(HEALTHY, action="failback")
    w.see(back)
    w.actor.forget(w.records.row.id, "exchange-failback", "r1")
    w.see(back)
    assert [p[3] for p in w.runs.proposed] == ["r1", "r2", "r1"]


@pytest.mark.parametrize("parent", ["", "r1"])
def test_what_was_put_off_is_tried_again_in_a_minute_and_noted_once(tmp_path, parent) -> None:
    """Somebody mended it: nobody waits for an hour, or for the next outage."""
    w = World(tmp_path)
    w.runs.held = [held()] if parent else []
    found, name = (BACK, "exchange-failback") if parent else (DOWN, NAME)
    w.see(found)
    w.actor.put_off(w.records.row.id, name, parent)
    w.core.clock.wall += LATER_S - 1
    w.see(found)
    assert len(w.runs.proposed) == 1
    w.core.clock.wall += 1
    w.see(found, found)
    assert len(w.runs.proposed) == 2 and len(w.core.kinds("proposed", "failback_proposed")) == 1
    w.actor.put_off(w.records.row.id, name, parent)
    w.see(DOWN if parent else HEALTHY)  # it is not wanted for a while
    w.core.clock.wall += LATER_S
    w.see(found)
    assert w.runs.proposed.count((w.records.row.id, name, False, parent)) == 2


def test_a_switch_that_was_put_off_is_proposed_anew_after_a_restart() -> None:
    """The chain knows; what was refused a person is left to them."""
    mine = [event("proposed", playbook="a", action="switch")]
    assert proposals([event("refused", playbook="a", later=True), *mine]) == set()
    assert proposals([event("refused", playbook="a"), *mine]) == {("a", True)}


def test_a_way_back_whose_file_is_broken_is_said_and_tried_again(tmp_path) -> None:
    """It does not end the round before other runs are looked at, and people are not left without a word."""
    w = World(tmp_path)
    said: list[tuple[str, str, str, str]] = []

    async def cannot(incident, name, parent, error) -> None:
        said.append((incident, name, parent, error.message))

    w.runs.cannot = cannot
    w.runs.held = [held("r1"), held("r2")]
    load, broken = w.core.app.playbooks.load, [True]

    def read(name: str) -> Any:
        if broken[0]:
            raise Invalid("exchange-failback.yaml:3:1: unknown key")
        return load(name)

    w.core.app.playbooks.load = read
    w.see(BACK)
    assert [(s[1], s[2]) for s in said] == [("exchange-failback", "r1"), ("exchange-failback", "r2")]
    broken[0] = False
    w.runs.held.insert(0, held("r0", text="version: 99"))
    w.see(BACK)
    assert w.runs.proposed == [] and said[-1][2] == "r0", "what an old run has cannot be read, and holds up nobody"
    w.core.clock.wall += LATER_S
    w.see(BACK)
    assert [p[3] for p in w.runs.proposed] == ["r1", "r2"]


def test_a_clock_that_was_set_back_does_not_put_off_the_way_back(tmp_path) -> None:
    """The hour until it is asked about again does not become two."""
    w = World(tmp_path)
    w.runs.held = [held()]
    back = replace(HEALTHY, action="failback")
    w.see(back)
    w.core.clock.wall -= 7200.0
    w.see(back)
    assert len(w.runs.proposed) == 2
    w.core.clock.wall += BACK_AGAIN_S - 1
    w.see(back)
    assert len(w.runs.proposed) == 2


def test_a_run_that_moved_nothing_goes_back_as_soon_as_it_is_well(tmp_path) -> None:
    """People are told that access is restored; no dwell is needed for that."""
    w = World(tmp_path)
    w.runs.held = [held(uses="notify", text=playbook("exchange-mailbox-access").document.text)]
    w.see(HEALTHY)
    assert w.runs.proposed == [(w.records.row.id, "exchange-access-restored", False, "r1")]


def test_a_playbook_without_a_way_back_is_left_to_people(tmp_path) -> None:
    """Nothing is invented."""
    w = World(tmp_path)
    w.runs.held = [held(text=playbook("exchange-failback").document.text)]
    w.see(replace(HEALTHY, action="failback"))
    assert w.runs.proposed == []


def test_a_look_that_disagrees_with_an_alert_is_noted_once(tmp_path) -> None:
    """Only when a hook caused the look, and only while nobody has declared it."""
    w = World(tmp_path)
    w.records.state = "opened"
    w.see(HEALTHY)
    assert w.core.kinds("look_disagrees") == []
    w.see(HEALTHY, HEALTHY, looked=True)
    assert w.core.kinds("look_disagrees") == ["look_disagrees"] and w.speaker.told == []


# -- what the chain says ---------------------------------------------------------------------------------------------


def event(kind: str, **data: Any) -> Event:
    """One entry."""
    return Event(1, 0.0, "i", kind, "bcp", data, "")


def test_proposals_are_those_of_the_present_stretch() -> None:
    """The newest come first; what was before all was well, or before it was opened again, does not count."""
    mine = [
        event("proposed", playbook="b", action="wait"),
        event("told"),
        event("proposed", playbook="a", action="switch"),
    ]
    old = event("proposed", playbook="old", action="switch")
    for end in (event("moved", state="resolved"), event("reopened")):
        assert proposals([*mine, end, old]) == {("a", True), ("b", False)}
    assert proposals([*mine, event("moved", state="declared"), old]) == {("a", True), ("b", False), ("old", True)}
    assert proposals([]) == set()
    assert proposals([event("given_up", playbook="a"), *mine]) == {("b", False)}, "what was given up is proposed again"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([("question_closed", "no-answer"), ("question", "")], True),
        ([("question_closed", "rejected"), ("question_closed", "no-answer")], False),
        ([("question", ""), ("question_closed", "no-answer")], False),
        ([("told", ""), ("question_closed", "no-answer")], True),
        ([], False),
    ],
)
def test_nobody_answered_is_said_of_the_newest_question(kinds, expected) -> None:
    """By its code, never by its words."""
    assert nobody_answered(event(k, rule=r, result="no answer") for k, r in kinds) is expected


def test_pages_of_the_chain_are_read_to_the_end(tmp_path) -> None:
    """Every event of the incident once, the newest first."""
    w = World(tmp_path)
    name = w.records.row.id
    for i in range(450):
        w.core.book.note("n", name, number=i)
        w.core.book.note("n", "another", number=i)
    found = [e.data["number"] for e in newest_first(w.core.book, name) if e.kind == "n"]
    assert found == list(range(449, -1, -1))
