"""The conformance suite of the store room: derive from it, say how a state is made, and run it with pytest.

    class TestMine(StoreSuite):
        def make(self, folder):          # a new, empty state
            return MyState(...)
        def again(self, state):          # the same data, as another process sees it
            return MyState(...)

Every test is a promise of ``bcp.contracts.store``. ``bcp.testing.lease_machine`` plays leases at random.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from bcp.contracts.journal import ClaimState, Draft
from bcp.contracts.store import Anchor, RunQuery
from bcp.kernel.errors import BcpError, Invalid, StorageError
from bcp.testing.clock import FakeClock
from bcp.testing.halts import at_once
from bcp.testing.store_kit import DONE, HOLDS, STARTED, SWITCHED, add, fails, meta, plan, refused, write
from bcp.testing.store_leases import LeaseSuite

__all__ = [
    "DONE", "HOLDS", "STARTED", "SWITCHED", "StoreSuite", "add", "fails", "meta", "plan", "refused", "write",
]  # fmt: skip


class StoreSuite(LeaseSuite):
    """What every store must do."""

    # -- runs ----------------------------------------------------------------------------------------------------

    def test_a_run_is_read_as_it_was_made(self, tmp_path: Path) -> None:
        """Plan, nodes and what else it was started with; it has no event yet, and its chain is whole."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test"), incident="inc-1"), fence=7)
        found = state.runs.view("run-1")
        assert found.meta["plan"]["domains"] == ["a.test"] and not found.events and not found.damage
        card = state.runs.card("run-1")
        assert (card.status, card.incident, card.fence, card.targets) == ("new", "inc-1", 7, ("mx:a.test",))
        assert card.head == found.head and card.moves_mx and state.runs.exists("run-1")

    def test_an_id_is_used_once(self, tmp_path: Path) -> None:
        """Whoever comes second is told."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))
        fails(StorageError, lambda: state.runs.create("run-1", meta(plan("b.test"))))
        assert state.runs.view("run-1").meta["plan"]["domains"] == ["a.test"]

    def test_of_many_that_use_an_id_or_a_plan_at_once_one_does(self, tmp_path: Path) -> None:
        """Each from a thread of its own, as from a process: a look and what is written after it are one step."""
        state = self.make(tmp_path)
        made = at_once(6, lambda n: self.again(state).runs.create("run-1", meta(plan(f"d{n}.test"))), BcpError)
        assert len(made) == 1, f"{len(made)} of 6 made a run of one id at the same moment"
        state.plans.write("plan-1", {"checksum": "c"})
        used = at_once(6, lambda n: self.again(state).plans.mark_used("c", f"run-{n}", 1.0), BcpError)
        assert len(used) == 1, f"{len(used)} of 6 used one plan at the same moment"

    def test_runs_are_kept_apart(self, tmp_path: Path) -> None:
        """What is claimed, told and said in one is nothing to the other."""
        state = self.make(tmp_path)
        for run_id in ("run-1", "run-2"):
            state.runs.create(run_id, meta(plan(f"{run_id}.test")))
        state.runs.tell("run-1", "approve", "alice", {}, 5.0)

        async def work() -> None:
            one, two = (state.runs.open(r, FakeClock()) for r in ("run-1", "run-2"))
            await one.claim("k", "mx", {})
            found = await two.claim("k", "mx", {})
            assert found.state is ClaimState.GO, f"the other run has claimed it: {found}"
            heard = [[s.actor for s in await j.unread()] for j in (one, two)]
            assert heard == [["alice"], []], f"told to the first, and heard: {heard}"
            await one.record("said")
            one.close()
            two.close()

        asyncio.run(work())
        kinds = {r: [e.kind for e in self.again(state).runs.view(r).events] for r in ("run-1", "run-2")}
        assert "said" in kinds["run-1"] and "said" not in kinds["run-2"], f"events: {kinds}"

    def test_two_organisations_are_kept_apart(self, tmp_path: Path) -> None:
        """On one machine, in one process: the same ids and targets in both, and nothing of one is seen in the other."""
        folders = tmp_path / "one", tmp_path / "two"
        for folder in folders:
            folder.mkdir()
        one, two = map(self.make, folders)
        self.lease(one, "run-1", ["mx:a.test"])
        add(one, "run-1", plan("a.test"), STARTED)
        one.plans.write("plan-1", {"checksum": "c"})
        one.plans.mark_used("c", "run-1", 1.0)
        one.audit.anchor(Anchor("run-1", "a" * 64, "begun", 1.5, 3))
        seen = {
            "runs": two.runs.ids(),
            "cards": two.runs.cards(RunQuery()),
            "leases": two.leases.holders(),
            "plans": two.plans.listed(),
            "a used plan": two.plans.used_by("c"),
            "anchors": dict(two.audit.read().anchors),
        }
        mixed = {what: found for what, found in seen.items() if found}
        assert not mixed, f"the second organisation has done nothing, and is told of the first one's: {mixed}"
        self.lease(two, "run-1", ["mx:a.test"])
        add(two, "run-1", plan("a.test"), STARTED, DONE)
        assert one.runs.card("run-1").status == "running", "a run of the second organisation changed the first one's"

    def test_what_people_look_at_has_the_events_and_pages_of_the_plan(self, tmp_path: Path) -> None:
        """``brief`` tells what happened; a page of changes says how many there are altogether."""
        state = self.make(tmp_path)
        step = {"id": "mx", "uses": "dns.mx.switch", "outputs": {}, "changes": [{"n": n} for n in range(5)]}
        add(state, "run-1", plan("a.test", steps=[step]), STARTED, HOLDS)
        brief, whole = (getattr(self.again(state).runs, how)("run-1") for how in ("brief", "view"))
        assert [e.kind for e in brief.events] == [e.kind for e in whole.events], f"brief tells {brief.events}"
        assert brief.head == whole.head, "brief has another head"
        found, count = state.runs.planned("run-1", "changes", 1, 2)
        assert [f["n"] for f in found] == [1, 2] and count == 5, (
            f"two of five changes from the second: {found}, {count}"
        )

    def test_a_run_that_is_not_there(self, tmp_path: Path) -> None:
        """Is not found, and is no fault."""
        state = self.make(tmp_path)
        assert not state.runs.exists("run-1") and state.runs.ids() == [] and state.runs.newest(3) == []
        assert state.runs.cards(RunQuery()) == [] and not state.runs.is_live("run-1")
        fails(Invalid, lambda: state.runs.card("run-1"))
        assert not state.runs.exists("../run-1") and not state.runs.exists("")

    def test_runs_are_found_by_the_ends_of_their_ids(self, tmp_path: Path) -> None:
        """The whole id wins over ids that begin with it."""
        state = self.make(tmp_path)
        for run_id in ("run-1-ab", "run-2-ab", "run-2-ab-c"):
            state.runs.create(run_id, meta(plan("a.test")))
        assert state.runs.match("run-2-ab") == ["run-2-ab"] and state.runs.match("ab") == ["run-1-ab", "run-2-ab"]
        assert state.runs.match("run-2") == ["run-2-ab", "run-2-ab-c"] and state.runs.match("%") == []
        assert state.runs.newest(2) == ["run-2-ab-c", "run-2-ab"] and state.runs.ids()[0] == "run-1-ab"

    def test_runs_of_one_second_are_in_the_order_in_which_they_began(self, tmp_path: Path) -> None:
        """The tail of an id is random: it says nothing of time."""
        state = self.make(tmp_path)
        ids = [f"run-20260122-174500-{tail}" for tail in ("mmmm", "zzzz", "aaaa", "kkkk")]
        for run_id, at in zip(ids, (100.1, 100.2, 100.75, 100.8), strict=True):
            state.runs.create(run_id, meta(plan("a.test")))
            write(state, run_id, STARTED, at=at)
        assert state.runs.ids() == ids and state.runs.newest(2) == [ids[3], ids[2]]
        assert [c.id for c in state.runs.cards(RunQuery(newest=3))] == ids[:0:-1]
        assert state.runs.match("run-20260122") == ids

    def test_a_claim_is_made_once(self, tmp_path: Path) -> None:
        """Ours to do; in doubt until it is settled; done afterwards, with the first outcome."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))

        async def work() -> None:
            journal = state.runs.open("run-1", FakeClock())
            first = await journal.claim("k", "mx", {"to": "relay"}, event="step_started")
            second = await journal.claim("k", "mx", {"to": "other"})
            assert first.state is ClaimState.GO and second.state is ClaimState.IN_DOUBT
            assert second.request == {"to": "relay"} and second.claimed_at == first.claimed_at
            await journal.settle("k", {"state": "done"})
            await journal.settle("k", {"state": "failed"})
            third = await journal.claim("k", "mx", {})
            assert third.state is ClaimState.DONE and third.outcome == {"state": "done"}
            await journal.claim_soon("l", "mx", {})
            await journal.doubt("l", "no answer")
            await journal.settle_soon("l", {"state": "void"})
            journal.close()

        asyncio.run(work())
        found = self.again(state).runs.view("run-1")
        assert [(e.key, e.state) for e in found.effects] == [("k", "settled"), ("l", "settled")]
        assert [e.kind for e in found.events] == ["step_started", "settled", "claimed", "in_doubt", "settled"]
        assert state.runs.damage("run-1") == "" and [e.seq for e in found.events] == [1, 2, 3, 4, 5]

    def test_what_is_told_is_heard_once_and_in_order(self, tmp_path: Path) -> None:
        """From another process; what it means is written in the same breath as that it was read."""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))
        for number, kind in enumerate(("approve", "abort")):
            self.again(state).runs.tell("run-1", kind, "alice", {"n": number}, 5.0 + number)

        async def work() -> None:
            journal = state.runs.open("run-1", FakeClock())
            heard = await journal.unread()
            assert [(s.kind, s.actor, s.data, s.at) for s in heard] == [
                ("approve", "alice", {"n": 0}, 5.0),
                ("abort", "alice", {"n": 1}, 6.0),
            ]
            await journal.consume(heard[:1], [Draft("approved", "gate", "alice", {"x": 1})])
            assert [s.kind for s in await journal.unread()] == ["abort"]
            newest = journal.events()[-1]
            assert (newest.kind, newest.step, newest.actor, newest.data) == ("approved", "gate", "alice", {"x": 1})
            journal.close()

        asyncio.run(work())
        assert state.runs.damage("run-1") == ""

    def test_what_somebody_altered_is_said(self, tmp_path: Path) -> None:
        """Of a run, in whatever file it lies. (What is not kept as it is spelled is not altered here.)"""
        state = self.make(tmp_path)
        state.runs.create("run-1", meta(plan("a.test")))
        write(state, "run-1", *[("said", "gate", {"by": "somebody-else", "n": n}) for n in range(40)])
        assert state.runs.damage("run-1") == "", "nobody touched it"
        other = self.again(state)
        files = [f for f in tmp_path.rglob("*") if f.is_file() and b"somebody-else" in f.read_bytes()]
        for file in files:
            file.write_bytes(file.read_bytes().replace(b"somebody-else", b"nobody-at-all"))
        if files:
            try:
                found = other.runs.damage("run-1")
            except StorageError:
                return
            assert found, "a name in the events of a run was altered in its file, and damage() says nothing"

    # -- the index -----------------------------------------------------------------------------------------------

    def test_the_index_answers_each_question(self, tmp_path: Path) -> None:
        """By target, state, parent, kind, playbook, incident, checksum, time; the newest first."""
        state = self.make(tmp_path)
        add(state, "run-1", plan("a.test", "b.test"), STARTED, *SWITCHED, HOLDS, incident="inc-1")
        add(state, "run-2", plan("b.test", parent="run-1", checksum="d" * 64), STARTED, DONE)
        add(state, "run-3", plan("c.test", kind="drill", playbook="q"), STARTED)
        add(state, "run-4", plan("a.test", uses="notify", group="comms:x", automatic=True))

        def ids(**query: Any) -> list[str]:
            mine = [c.id for c in state.runs.cards(RunQuery(**query))]
            assert mine == [c.id for c in self.again(state).runs.cards(RunQuery(**query))]
            return mine

        assert ids() == ["run-4", "run-3", "run-2", "run-1"] and ids(newest=1) == ["run-4"]
        assert (
            ids(targets={"mx:b.test"}) == ["run-2", "run-1"] and ids(targets={"mx:b.test", "mx:c.test"})[0] == "run-3"
        )
        assert ids(targets={"mx:a.test"}) == ["run-1"] and ids(targets={"mx:c.test"}) == ["run-3"]
        assert ids(targets={"mx:d.test"}) == [] and ids(targets={"mx:test"}) == []
        assert ids(status={"holding"}) == ["run-1"] and ids(unfinished=True) == ["run-4", "run-3", "run-1"]
        assert ids(parent="run-1") == ["run-2"] and ids(parent="") == ["run-4", "run-3", "run-1"]
        assert ids(kind="drill") == ["run-3"] and ids(playbook="q") == ["run-3"] and ids(checksum="d" * 64) == ["run-2"]
        assert (
            ids(moves_mx=False) == ["run-4"] and ids(automatic=True) == ["run-4"] and ids(incident="inc-1") == ["run-1"]
        )
        assert ids(since=1000.5) == [] and len(ids(since=99.0)) == 4

    def test_a_holding_run_is_found_behind_many(self, tmp_path: Path) -> None:
        """There is no window in which one looks."""
        state = self.make(tmp_path)
        add(state, "run-000", plan("a.test"), STARTED, *SWITCHED, HOLDS)
        for number in range(1, 70):
            add(state, f"run-{number:03}", plan("b.test"), STARTED, DONE)
        held = state.runs.cards(RunQuery(status={"holding"}))
        assert [c.id for c in held] == ["run-000"], f"one run holds, behind 69 newer ones; found are {held}"
        found = held[0]
        assert found.id == "run-000" and found.stands and found.moved_at == 1000.0

    def test_a_card_follows_its_run(self, tmp_path: Path) -> None:
        """Also in a process that asked before."""
        state = self.make(tmp_path)
        other = self.again(state)
        add(state, "run-1", plan("a.test"), STARTED, ("gate_opened", "mx", {}))
        assert other.runs.card("run-1").status == "waiting" and other.runs.card("run-1").gate
        write(state, "run-1", ("gate_closed", "mx", {}), *SWITCHED, DONE)
        found = other.runs.card("run-1")
        assert (found.status, found.gate, found.changed, found.ended) == ("done", False, True, 1000.0)
        write(state, "run-1", ("acknowledged", "", {}))
        assert other.runs.card("run-1").seq == state.runs.view("run-1").events[-1].seq

    # -- plans, audit --------------------------------------------------------------------------------------------

    def test_plans_are_kept_and_used_once(self, tmp_path: Path) -> None:
        """Whoever marks it first has it."""
        state = self.make(tmp_path)
        state.plans.write("plan-1", {"checksum": "c", "text": "ä"})
        state.plans.write("plan-2", {"checksum": "d"})
        other = self.again(state)
        assert other.plans.read("plan-1")["text"] == "ä" and other.plans.listed() == ["plan-2", "plan-1"]
        assert other.plans.read("plan-2") == {"checksum": "d"}, f"{other.plans.read('plan-2')}"
        assert other.plans.listed(1) == ["plan-2"] and other.plans.used_by("c") == ""
        state.plans.mark_used("c", "run-1", 1.0)
        assert "run-1" in refused("plan-used", lambda: other.plans.mark_used("c", "run-2", 2.0)).message
        assert other.plans.used_by("c") == "run-1"
        fails(Invalid, lambda: state.plans.read("plan-3"))
        fails(Invalid, lambda: state.plans.read("../plan-1"))

    def test_anchors_are_read_back_the_last_of_each(self, tmp_path: Path) -> None:
        """In another process, too."""
        state = self.make(tmp_path)
        assert state.audit.read().anchors == {}
        for head, status in (("a" * 64, "begun"), ("b" * 64, "done")):
            state.audit.anchor(Anchor("run-1", head, status, 1.5, 3))
        found = self.again(state).audit.read()
        assert found.anchors["run-1"] == Anchor("run-1", "b" * 64, "done", 1.5, 3) and not found.damage
        state.audit.anchor(Anchor("run-2", "c" * 64, "begun", 2.5, 1))
        both = {what: a.head[0] for what, a in self.again(state).audit.read().anchors.items()}
        assert both == {"run-1": "b", "run-2": "c"}, f"the last of each: {both}"
