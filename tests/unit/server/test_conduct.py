"""Starting runs: patience with what can pass, one word about it, and no loss of what was approved. Time is virtual."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from corefakes import DOWN, HEALTHY, SERVICE, Core, Speaker, playbook

from bcp.contracts.action import Refusal
from bcp.contracts.store import RunCard
from bcp.engine.events import Progress
from bcp.engine.runner import Ending
from bcp.incident import questions
from bcp.incident.hindrance import hindered, sentence
from bcp.incident.patience import wait_s
from bcp.kernel.errors import Invalid, Permanent, Refused, StorageError, Transient
from bcp.server.parts.conduct import FAILED_AGAIN_S, ME, Conductor
from bcp.store.files.hindrance import read_hindrances

NAME = "exchange-inbound-outage"


def plan(*rules: str) -> Any:
    """A plan with these refusals."""
    refusals = [("s", Refusal(r, f"because of {r}", f"mend {r}")) for r in rules]
    return SimpleNamespace(id="plan-1", checksum="c" * 64, expires=1_800_003_600.0, refusals=lambda: refusals)


class Deeds:
    """Does what the script says, one entry a call: an exception is raised, all else is the result."""

    def __init__(self, plans: list[Any], starts: list[Any]) -> None:
        self.plans, self.starts = plans, starts
        self.asked: list[dict[str, Any]] = []
        self.started: list[tuple[Any, str]] = []
        self.ended: list[tuple[str, str]] = []

    async def plan(self, loaded, **more) -> Any:
        """A plan."""
        self.asked.append(more)
        return _next(self.plans)

    async def start(self, made, *, starter, listener, started, control) -> tuple[str, Ending]:
        """A run."""
        found = _next(self.starts)
        self.started.append((made, starter))
        control(
            SimpleNamespace(
                services=SimpleNamespace(run=SimpleNamespace(id="run-1")), wake=lambda: self.woke.append("run-1")
            )
        )
        started("run-1")
        return "run-1", found

    woke: list[str] = []

    async def end_parent(self, parent, child, actor, *, listener) -> None:
        """The run that held."""
        self.ended.append((parent, child))


def _next(script: list[Any]) -> Any:
    found = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(found, Exception):
        raise found
    return found


DONE, HOLDING = Ending("done", 0, "", ""), Ending("holding", 0, "", "")


class World:
    """A conductor among fakes."""

    def __init__(self, folder, plans=(), starts=(HOLDING,)) -> None:
        self.core, self.speaker = Core(folder), Speaker()
        self.deeds = Deeds(list(plans) or [plan()], list(starts))
        self.deeds.woke = []
        self.conductor = Conductor(self.core, self.speaker, self.deeds)
        self.voided: list[str] = []
        self.asked_anew: list[str] = []

        def voided(incident: str, name: str, parent: str) -> None:
            self.voided.append(name)
            self.asked_anew += [parent] if parent else []

        self.conductor.voided = voided
        self.incident = self.core.book.open(SERVICE, "t", "auto", "watch")[0].id

    def go(self, **more: Any) -> None:
        """To the end."""

        async def run() -> None:
            await self.conductor.go(self.incident, playbook(NAME), **more)
            await self.core.settle()

        asyncio.run(run())

    def propose(self, name: str = NAME, **more: Any) -> None:
        """To the end."""

        async def run() -> None:
            self.conductor.propose(self.incident, playbook(name), **more)
            await self.core.settle()

        asyncio.run(run())


# -- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Transient("DNS hangs"),
        plan("relay-not-ready"),
        plan("dns.unreadable", "cannot-plan"),
        Refused("x", rule="plan-stale"),
    ],
    ids=["transient", "relay", "dns", "stale"],
)
@pytest.mark.parametrize("times", [1, 4])
@pytest.mark.parametrize("automatic", [False, True])
def test_what_can_pass_is_tried_again_and_said_once(tmp_path, trouble, times, automatic) -> None:
    """A relay that was dead for twelve seconds: the run starts as soon as it is there, and nobody is told twice."""
    w = World(tmp_path, [*[trouble] * times, plan()])
    before = w.core.clock.steady
    w.go(automatic=automatic)
    assert len(w.deeds.started) == 1 and w.deeds.asked[0]["automatic"] is automatic
    assert w.core.clock.steady - before == sum(wait_s(i) for i in range(times))
    assert len(w.speaker.told) == 1 and "tried again" in w.speaker.told[0][1]
    assert len(w.core.kinds("refused", "run_failed")) == 1
    assert w.core.kinds("run_ended") == ["run_ended"] and w.voided == []


@pytest.mark.parametrize(
    "trouble", [plan("relay-open"), plan("relay-not-ready", "relay-open"), Invalid("wrong"), StorageError("full")]
)
def test_what_lasts_is_said_once_and_left_to_people(tmp_path, trouble) -> None:
    """No second try: somebody must change something first."""
    w = World(tmp_path, [trouble, plan()])
    w.go(automatic=True)
    assert w.deeds.started == [] and len(w.speaker.told) == 1 and "cannot start:" in w.speaker.told[0][1]
    assert w.core.clock.steady == 0.0


DEAD = plan("dns.unreadable")
DENIED = plan("dns.not-allowed")


def test_why_a_way_back_is_not_proposed_stands_where_commands_see_it_until_it_goes(tmp_path) -> None:
    """The credential has ended: said once, shown with what to do, and gone as soon as the run begins."""
    w = World(tmp_path, [DEAD, DEAD, plan()], [DONE])
    w.core.found = HEALTHY
    seen: list[str] = []
    sleep = w.core.clock.sleep

    async def look(seconds: float) -> None:
        seen.append(hindered(read_hindrances(tmp_path), "healthy", w.core.clock.now()))
        assert hindered(read_hindrances(tmp_path), "down", w.core.clock.now()) == ""
        await sleep(seconds)

    w.core.clock.sleep = look
    w.go(parent="run-0")
    assert len(seen) == 2 and len(w.deeds.started) == 1 and len(w.speaker.told) == 1
    assert seen[0] == (
        "mend what keeps the way back of run-0 from being proposed: because of dns.unreadable. mend dns.unreadable. "
        "It is tried again by itself"
    )
    assert read_hindrances(tmp_path) == [] == w.conductor.hindrances.all


@pytest.mark.parametrize("trouble", [DENIED, Invalid("wrong"), StorageError("full")], ids=["denied", "invalid", "full"])
def test_what_somebody_must_mend_is_put_off_told_once_and_shown(tmp_path, trouble) -> None:
    """Each further try that ends the same is no news; another reason is, and so is the same after it went."""
    w = World(tmp_path, [trouble])
    off: list[tuple[str, str, str]] = []
    w.conductor.put_off = lambda *what: off.append(what)
    w.core.found = HEALTHY
    for _ in range(3):
        w.go(parent="run-0")
    assert off == [(w.incident, NAME, "run-0")] * 3 and len(w.speaker.told) == 1 and w.deeds.started == []
    assert "tried again each minute, as long as it is needed" in w.speaker.told[0][1]
    assert len(w.core.kinds("refused", "run_failed")) == 1 and w.core.book.events()[-1].data["later"] is True
    assert hindered(read_hindrances(tmp_path), "healthy", w.core.clock.now())
    w.deeds.plans = [plan("relay-open")]
    w.go(parent="run-0")
    assert len(w.speaker.told) == 2
    w.conductor.turned(back=False)
    assert read_hindrances(tmp_path) == []
    w.go(parent="run-0")
    assert len(w.speaker.told) == 3


@pytest.mark.parametrize(
    ("status", "rule", "again"),
    [
        ("failed", "", True),
        ("failed", "no-longer-holds", True),
        ("failed", "gate-closed", False),
        ("aborted", "", False),
    ],
)
def test_a_way_back_that_failed_is_asked_about_again_once_it_was_looked_at(tmp_path, status, rule, again) -> None:
    """Nobody has to wait for an hour for what is mended in a minute; a no stands, and is nothing to mend."""
    w = World(tmp_path, [plan()], [Ending(status, 1, "the token has ended", "", rule)])
    off: list[Any] = []
    w.conductor.put_off = lambda *what: off.append(what)
    w.core.found = HEALTHY
    w.go(parent="run-0")
    assert off == ([(w.incident, NAME, "run-0", FAILED_AGAIN_S)] if again else [])
    assert ("the token has ended" in hindered(read_hindrances(tmp_path), "healthy", w.core.clock.now())) is again


@pytest.mark.parametrize(("redo", "told"), [(True, ""), (False, " Renew the key, then plan again.")])
def test_nobody_is_told_to_do_what_is_done_by_itself(tmp_path, redo, told) -> None:
    """Whoever refuses says whether its hint asks for more than that; nobody reads it out of the words."""
    refusal = Refusal("dns.unreadable", "the key has ended", "Renew the key, then plan again.", redo=redo)
    dead = plan()
    dead.refusals = lambda: [("s", refusal)]
    w = World(tmp_path, [dead, plan()], [DONE])
    w.core.found, seen = HEALTHY, list[str]()
    sleep = w.core.clock.sleep

    async def look(seconds: float) -> None:
        seen.extend(sentence(h) for h in read_hindrances(tmp_path))
        await sleep(seconds)

    w.core.clock.sleep = look
    w.go(parent="run-0")
    keeps = "mend what keeps the way back of run-0 from being proposed: the key has ended."
    assert seen == [f"{keeps}{told} It is tried again by itself"]


def test_a_yes_to_a_void_plan_and_what_a_person_starts_hinder_nothing(tmp_path) -> None:
    """The one is asked anew at once, the other was told to whoever started it."""
    off: list[Any] = []
    w = World(tmp_path, [DENIED], [Refused("moved", rule="plan-stale")])
    w.conductor.put_off = lambda *what: off.append(what)
    w.go(plan=plan())
    w.go(initiator="alice")
    assert off == [] and read_hindrances(tmp_path) == [] and len(w.speaker.told) == 2


def test_a_full_disk_is_told_and_tried_again_although_it_cannot_be_written_down(tmp_path, monkeypatch) -> None:
    """The log alone said it, and nobody was asked again in this outage."""
    w, off = World(tmp_path, [StorageError("the disk is full")]), list[Any]()
    w.conductor.put_off = lambda *what: off.append(what)

    def note(*_: Any, **__: Any) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(type(w.core.book), "note", note)
    w.go()
    assert off == [(w.incident, NAME, "")] and len(w.speaker.told) == 1 and "the disk is full" in w.speaker.told[0][1]


def test_what_somebody_went_back_from_by_hand_is_not_tried_again_nor_spoken_of(tmp_path) -> None:
    """`bcp failback` at another terminal: nothing is in the way any more, whatever the last try said."""
    w = World(tmp_path, [DENIED, DEAD])
    w.core.found = HEALTHY
    w.go(parent="run-0")
    w.conductor.turned(back=True)
    assert len(read_hindrances(tmp_path)) == 1
    w.core.running.all = [RunCard("run-0", "done")]
    w.conductor.turned(back=True)
    assert read_hindrances(tmp_path) == []
    w.go(parent="run-0")
    assert len(w.deeds.asked) == 2 and w.core.last("given_up")["rule"] == "not-wanted"
    assert read_hindrances(tmp_path) == []


def test_the_same_way_back_is_tried_by_one_and_not_by_two(tmp_path) -> None:
    """It is proposed once more each hour, while the first proposal is still tried."""
    w = World(tmp_path, [DEAD, DEAD, plan()], [DONE])
    w.core.found = HEALTHY

    async def run() -> None:
        for _ in range(3):
            w.conductor.propose(w.incident, playbook(NAME), parent="run-0")
        await w.core.settle()

    asyncio.run(run())
    assert len(w.deeds.asked) == 3 and len(w.deeds.started) == 1
    w.go(parent="run-0")
    assert len(w.deeds.started) == 2


def test_a_way_back_that_was_not_wanted_for_a_while_is_asked_about_at_once_when_all_is_well(tmp_path) -> None:
    """Not an hour later."""
    w = World(tmp_path, [DEAD])
    w.go(parent="run-0")
    assert w.core.last("given_up")["rule"] == "not-wanted" and w.asked_anew == ["run-0"]


def test_a_thousand_domains_with_one_dead_credential_have_one_reason(tmp_path) -> None:
    """One sentence, and not a few of the same."""
    dead = [Refusal("dns.unreadable", f"d{i}.test: the token has ended", "renew it") for i in range(1000)]
    said = [("mx", r) for r in (dead[0], *dead)]
    w = World(tmp_path, [SimpleNamespace(refusals=lambda: said), plan()])
    w.go()
    assert w.core.last("refused")["text"] == "d0.test, d1.test, d2.test and 997 more: the token has ended"


def test_the_lasting_reason_is_the_one_that_is_named(tmp_path) -> None:
    """Of several; with what to do about it."""
    w = World(tmp_path, [plan("relay-not-ready", "relay-open")])
    w.go()
    said = w.core.last("refused")
    assert (said["rule"], said["hint"], said["again"]) == ("relay-open", "mend relay-open", False)


def test_patience_ends_with_the_outage(tmp_path) -> None:
    """What is not wanted any more is given up, and may be proposed again when it comes back."""
    w = World(tmp_path, [Transient("it hangs")])
    sleep = w.core.clock.sleep

    async def well_then(seconds: float) -> None:
        await sleep(seconds)
        if w.core.clock.steady > 30:
            w.core.found = HEALTHY

    w.core.clock.sleep = well_then
    w.go(automatic=True)
    assert w.deeds.started == [] and w.core.kinds("given_up") == ["given_up"] and w.voided == [NAME]
    assert w.core.last("given_up")["rule"] == "not-wanted" and w.core.last("given_up")["playbook"] == NAME


def test_patience_does_not_hold_up_the_end_of_the_daemon(tmp_path) -> None:
    """It lets go at once; after the next start the outage is proposed as the chain says."""
    w = World(tmp_path, [Transient("it hangs"), plan()])
    w.core.ending = True
    w.go(automatic=True)
    assert w.deeds.started == [] and len(w.deeds.asked) == 1 and w.core.last("given_up")["rule"] == "daemon-ends"


@pytest.mark.parametrize("found", [DOWN, HEALTHY])
def test_a_way_back_is_wanted_while_all_is_well(tmp_path, found) -> None:
    """The other way round."""
    w = World(tmp_path, [plan("relay-not-ready"), plan()], [DONE])
    w.core.found = found
    w.go(parent="run-0")
    assert len(w.deeds.started) == (found is HEALTHY)
    assert w.deeds.ended == ([("run-0", "run-1")] if found is HEALTHY else [])


def test_who_starts_a_run_themselves_hears_the_refusal_at_once(tmp_path) -> None:
    """No run begins minutes later behind the back of a person who has turned to something else."""
    w = World(tmp_path, [plan("relay-not-ready"), plan()])
    w.go(initiator="alice")
    assert w.deeds.started == [] and w.core.clock.steady == 0.0 and w.core.last("refused")["again"] is False


def test_an_automatic_run_that_may_not_start_again_today_is_asked_about(tmp_path) -> None:
    """The limit on automatic runs is no reason to do nothing."""
    w = World(tmp_path, [plan()], [Refused("twice", rule="automatic-limit"), HOLDING])
    w.go(automatic=True)
    assert [a["automatic"] for a in w.deeds.asked] == [True, False] and len(w.deeds.started) == 1
    assert w.speaker.told == []


@pytest.mark.parametrize(
    ("status", "moved_at", "automatic", "again"),
    [
        ("failed", 0.0, True, True),
        ("failed", 5.0, True, False),
        ("failed", 0.0, False, False),
        ("aborted", 0.0, True, False),
    ],
)
def test_an_automatic_run_that_failed_before_it_moved_anything_may_be_proposed_again(
    tmp_path, status, moved_at, automatic, again
) -> None:
    """By a person's yes: the limit on automatic runs sees to that."""
    w = World(tmp_path, starts=[Ending(status, 1, "why", "")])
    w.core.running.all = [RunCard("run-1", status, automatic=automatic, moved_at=moved_at)]
    w.go(automatic=automatic)
    assert w.voided == ([NAME] if again else [])
    assert w.speaker.told[-1][1] == f"run run-1 is {status}: why"


def test_what_was_approved_and_no_longer_held_is_asked_about_anew(tmp_path) -> None:
    """The engine says so by a code."""
    w = World(tmp_path, starts=[Ending("aborted", 5, "the service is well", "", "no-longer-holds")])
    w.go()
    assert w.voided == [NAME] and w.core.last("run_ended")["rule"] == "no-longer-holds"


def test_an_approved_plan_is_the_plan_that_is_started(tmp_path) -> None:
    """Also after a wait: nobody approved another one."""
    mine = plan()
    w = World(tmp_path, [plan("relay-open")], [Transient("busy"), HOLDING])
    w.go(plan=mine)
    assert w.deeds.asked == [] and [p for p, _ in w.deeds.started] == [mine]


# -- asking before ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["plan-stale", "plan-expired", "plan-used"])
@pytest.mark.parametrize("parent", ["", "run-0"])
def test_a_yes_to_a_plan_that_is_void_is_said_and_asked_about_anew(tmp_path, rule, parent) -> None:
    """That plan never passes: trying it again for ever would keep the question open and the yes without effect."""
    w = World(tmp_path, starts=[Refused("the world has moved", rule=rule), HOLDING])
    w.go(plan=plan(), parent=parent)
    assert w.deeds.asked == [] and w.core.kinds("refused", "run_started", "given_up") == ["refused"]
    assert w.core.last("refused")["again"] is False and w.core.last("refused")["rule"] == rule
    (told,) = w.speaker.told
    assert "cannot start: the world has moved" in told[1] and "asked anew with a fresh plan" in told[1]
    assert w.voided == [NAME] and w.asked_anew == [p for p in [parent] if p]


def test_a_fresh_plan_that_went_stale_while_it_was_made_is_made_again(tmp_path) -> None:
    """Nobody said yes to it yet: nothing is lost with it."""
    w = World(tmp_path, starts=[Refused("the world has moved", rule="plan-stale"), HOLDING])
    w.go()
    assert len(w.deeds.asked) == 2 and w.core.kinds("run_started") == ["run_started"] and w.voided == []


def test_who_starts_a_stale_plan_themselves_is_told_and_nobody_is_asked(tmp_path) -> None:
    """They have it in their hands."""
    w = World(tmp_path, starts=[Refused("the world has moved", rule="plan-stale")])
    w.go(plan=plan(), initiator="alice")
    assert w.core.kinds("refused", "run_started") == ["refused"] and w.voided == []


def test_a_playbook_with_a_gate_asks_by_its_gate(tmp_path) -> None:
    """It is started up to there; no second question is put."""
    w = World(tmp_path)
    w.propose()
    assert len(w.deeds.started) == 1 and w.core.kinds("question") == []


def test_a_playbook_that_asks_nobody_is_asked_about_with_its_plan(tmp_path) -> None:
    """The people of ``serve: ask: groups``; no longer than the plan is good for."""
    w = World(tmp_path)
    w.propose("exchange-mailbox-access")
    (asked,) = questions.open_questions(w.core.book)
    assert (asked.step, asked.checksum, asked.people) == ("plan:plan-1", "c" * 64, {"alice", "bob"})
    assert asked.deadline == min(w.core.clock.now() + w.core.settings.ask.timeout, plan().expires)
    assert w.deeds.started == [] and w.core.asking.is_set()


def test_nobody_is_asked_about_a_plan_that_cannot_start(tmp_path) -> None:
    """It waits until nothing speaks against it."""
    w = World(tmp_path, [plan("relay-not-ready"), plan("relay-not-ready"), plan()])
    w.propose("exchange-mailbox-access")
    assert len(questions.open_questions(w.core.book)) == 1 and len(w.speaker.told) == 1
    w = World(tmp_path / "x") if (tmp_path / "x").mkdir() is None else w
    w.deeds.plans = [plan("relay-open")]
    w.propose("exchange-mailbox-access")
    assert questions.open_questions(w.core.book) == []


# -- what a person starts --------------------------------------------------------------------------------------------


def shown() -> Any:
    """A plan that a person has seen."""
    made, loaded = plan(), playbook(NAME)
    made.playbook_text, made.playbook_file, made.playbook, made.parent = loaded.document.text, "", NAME, ""
    return made


def begin(w: World) -> str:
    """Alice starts it, and waits until it has begun or not; then everything comes to its end, whatever broke."""

    async def run() -> str:
        try:
            return await w.conductor.begin(shown(), "alice")
        finally:
            await asyncio.gather(*w.core.tasks, return_exceptions=True)

    return asyncio.run(run())


def test_who_starts_a_plan_gets_its_run(tmp_path) -> None:
    w = World(tmp_path)
    assert begin(w) == "run-1" and [starter for _, starter in w.deeds.started] == ["alice"]


@pytest.mark.parametrize(
    "fault", [RuntimeError("a fault of ours"), asyncio.CancelledError()], ids=["fault", "cancelled"]
)
def test_what_breaks_before_it_begins_is_said_to_whoever_waits(tmp_path, fault) -> None:
    """Alice does not wait for ever, and is not told of a run that is not there."""
    w = World(tmp_path)

    async def breaks(*args: Any, **more: Any) -> Any:
        raise fault

    w.deeds.start = breaks
    with pytest.raises(Permanent) as caught:
        begin(w)
    assert caught.value.rule == "not-begun" and "log" in caught.value.hint
    assert w.core.book.incident(w.incident).runs == () and w.core.kinds("run_started", "run_ended") == []


def test_what_refuses_to_begin_is_heard_by_its_own_rule(tmp_path) -> None:
    """Not as if something had broken."""
    w = World(tmp_path, starts=[Refused("old", rule="plan-expired")])
    with pytest.raises(Refused) as caught:
        begin(w)
    assert caught.value.rule == "plan-expired" and w.speaker.told == []


# -- runs of this process --------------------------------------------------------------------------------------------


def test_a_run_is_noted_with_its_incident_and_can_be_woken_while_it_lives(tmp_path) -> None:
    """And let go when it is over."""
    w = World(tmp_path)
    w.go()
    assert w.core.book.incident(w.incident).runs == ("run-1",) and w.core.book.incident_of("run-1") == w.incident
    assert w.conductor.runners == {} and w.conductor.working == {}
    w.conductor.wake("run-1")
    assert w.deeds.woke == []
    w.conductor.control(
        SimpleNamespace(
            services=SimpleNamespace(run=SimpleNamespace(id="run-2")), wake=lambda: w.deeds.woke.append("run-2")
        )
    )
    w.conductor.wake("run-2")
    assert w.deeds.woke == ["run-2"]


def test_what_a_run_says_reaches_the_course_at_once_and_a_gate_the_asker(tmp_path) -> None:
    """No round of the watch in between."""
    w = World(tmp_path)
    follows = w.core.follows
    w.conductor.listen(Progress(0.0, "step_finished", "mx"))
    assert (w.core.follows, w.core.asking.is_set()) == (follows + 1, False)
    w.conductor.listen(Progress(0.0, "gate", "approve"))
    assert w.core.asking.is_set()


def test_runs_that_hold_are_found_however_many_came_after_them(tmp_path) -> None:
    """No drill; one that cannot be read hides no other."""
    w = World(tmp_path)
    running = w.core.running
    running.all = [RunCard("run-a", "holding"), RunCard("run-b", "holding", kind="drill")]
    running.all += [RunCard(f"run-x{i}", "done") for i in range(200)]
    running.views = {"run-a": SimpleNamespace(id="run-a")}
    assert [v.id for v in asyncio.run(w.conductor.holding())] == ["run-a"]
    broken = RunCard("run-c", "holding")
    running.all.append(broken)

    def view(run_id: str, effects: bool = False) -> Any:
        if run_id == "run-c":
            raise StorageError("torn")
        return running.views[run_id]

    running.runs.view = view
    assert [v.id for v in asyncio.run(w.conductor.holding())] == ["run-a"]


@pytest.mark.parametrize("trouble", [StorageError("the disk is full"), ZeroDivisionError("a fault of ours")])
def test_a_run_that_its_own_process_had_to_leave_is_free_to_be_taken_over(tmp_path, trouble) -> None:
    """It had begun; then the disk was full. Nobody works on it, so nobody may be said to."""
    w = World(tmp_path)
    start = w.deeds.start

    async def begun_and_broken(made, **more) -> Any:
        await start(made, **more)
        assert set(w.conductor.working) == set(w.conductor.runners) == {"run-1"}
        raise trouble

    w.deeds.start = begun_and_broken
    with pytest.raises(ZeroDivisionError) if isinstance(trouble, ZeroDivisionError) else nullcontext():
        w.go()
    assert w.conductor.working == {} and w.conductor.runners == {}


@pytest.mark.parametrize(
    ("status", "expected"), [("running", True), ("waiting", True), ("done", False), ("failed", False)]
)
def test_a_way_back_that_is_under_way_is_known(tmp_path, status, expected) -> None:
    """Whoever started it."""
    w = World(tmp_path)
    w.core.running.all = [RunCard("b", status, parent="a"), *(RunCard(f"z{i}", "done") for i in range(50))]
    assert w.conductor.goes_back("a") is expected
    assert w.conductor.goes_back("other") is False


def test_me_is_who_the_chain_names() -> None:
    """Other rooms know runs of the daemon by this name."""
    assert ME == "bcp-serve" and replace(DOWN, state="down").state == "down"


def test_a_run_that_starts_while_the_daemon_ends_is_stopped_too(tmp_path) -> None:
    """Its runner comes after the first word; the daemon waits for it, and for nothing else."""

    async def run() -> None:
        conductor = Conductor.__new__(Conductor)
        conductor.runners, conductor.working = {}, {}
        told = asyncio.Event()

        def stop(reason: str, *, by: str) -> None:
            assert by == "daemon"
            told.set()

        async def late() -> None:
            await asyncio.sleep(0)
            conductor.runners["run-1"] = SimpleNamespace(stop=stop)
            await told.wait()

        conductor.working["run-1"] = asyncio.ensure_future(late())
        await asyncio.wait_for(conductor.stop(), 120)
        assert told.is_set() and conductor.working["run-1"].done()
        await asyncio.wait_for(conductor.stop(), 120)

    asyncio.run(run())


def test_a_run_that_does_not_stop_is_left_in_doubt(tmp_path, monkeypatch) -> None:
    """The daemon ends all the same; the next one goes on with it."""

    async def run() -> None:
        monkeypatch.setattr("bcp.server.parts.conduct.STOP_S", 0.05)
        conductor = Conductor.__new__(Conductor)
        conductor.runners = {"run-1": SimpleNamespace(stop=lambda reason, *, by: None)}
        conductor.working = {"run-1": asyncio.ensure_future(asyncio.Event().wait())}
        await asyncio.wait_for(conductor.stop(), 120)
        await asyncio.sleep(0)
        assert conductor.working["run-1"].cancelled()

    asyncio.run(run())


def test_an_mx_that_was_put_back_is_told_to_the_people_on_call(tmp_path) -> None:
    """Infrastructure as code, or somebody at the console: mail goes to what is down again."""
    world = World(tmp_path)

    world.core.book.change(world.incident, "run_started", "bcp", fields={"runs": ("run-1",)}, run="run-1")

    async def work() -> None:
        for run in ("run-1", "run-of-nobody"):
            said = {"run": run, "domains": {"corp.test": "0 a.test. (TTL 5)"}}
            world.conductor.listen(Progress(0.0, "mx_reverted", "", "MX does not stand", said))
        world.conductor.listen(Progress(0.0, "mx_stands", "", "again", {"run": "run-1"}))
        await world.core.settle()

    asyncio.run(work())
    assert world.speaker.told == [(world.incident, "MX does not stand")]
