"""What every engine keeps: a claim is on disk before the effect;
what was claimed and not settled is in doubt, for ever."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any, ClassVar

from bcp.contracts.descriptor import API
from bcp.contracts.engine import EnginePlugin
from bcp.contracts.journal import Claim, ClaimState, Draft, Journal, JournalStore
from bcp.kernel.errors import BcpError, StorageError
from bcp.testing.clock import FakeClock
from bcp.testing.leaks import Synced
from bcp.testing.shape import lacking, mistyped
from bcp.testing.suite import Suite


class EngineSuite(Suite):
    """Journals of runs: made, opened, read, told."""

    plugin: ClassVar[EnginePlugin]
    """The descriptor that the module calls ``PLUGIN``."""
    in_files: ClassVar[bool] = True
    """False: runs are not kept below the path that they are given, but at a server."""

    def setup_method(self) -> None:
        """One run that is new."""
        super().setup_method()
        self.clock = FakeClock()
        self.store: JournalStore = self.plugin.create()
        self.path: Path = self.folder / f"run-20270115-080000-aaaa{self.store.suffix}"

    def new(self) -> None:
        """Make the run's file."""
        self.store.create(self.path, {"plan": {"x": [1, "ä"]}})

    def open(self) -> Journal:
        """Open it as a process does that goes on with it."""
        return self.store.open(self.path, self.clock)

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_the_descriptor_is_whole(self) -> None:
        """Version and kind."""
        assert self.plugin.api == API
        assert self.plugin.kind == self.plugin.kind.lower() != ""

    def test_it_has_every_method_of_the_contract(self) -> None:
        """A missing one would be found in the middle of an outage: ``doubt`` is called when an answer was lost."""
        self.new()

        async def work() -> None:
            one = self.open()
            try:
                self.all_hold({**lacking(JournalStore, self.store), **lacking(Journal, one)})
            finally:
                one.close()

        self.run(work())

    def test_a_run_is_made_once(self) -> None:
        """Its id is never used again; what it was started with stays."""
        self.new()
        before = self.store.view(self.path).meta
        try:
            self.store.create(self.path, {"other": 1})
        except StorageError:
            pass
        else:
            raise AssertionError("a second run was made over the first")
        after = self.store.view(self.path)
        assert after.meta == before, "what the run was started with has changed"
        assert after.meta["plan"] == {"x": [1, "ä"]}, f"{after.meta}"
        assert after.run_id == self.path.stem

    def test_what_was_settled_is_never_done_again(self) -> None:
        """Claimed, settled; claimed again by another process: done, with the first outcome."""
        self.new()

        async def work() -> None:
            one = self.open()
            first = await one.claim("k", "step", {"a": 1})
            wrong = "" if isinstance(first, Claim) else f"no claim, but {first!r}"
            wrong = wrong or mistyped(first)
            assert not wrong, wrong
            assert first.state is ClaimState.GO, f"{first}"
            await one.settle("k", {"ok": True, "n": 1})
            await one.settle("k", {"ok": False, "n": 2})
            again = await one.claim("k", "step", {"a": 1})
            one.close()
            two = self.open()
            later = await two.claim("k", "step", {"a": 1})
            two.close()
            for found in (again, later):
                assert found.state is ClaimState.DONE, f"it would be done again: {found}"
                assert found.outcome == {"ok": True, "n": 1}, f"the first settlement counts: {found.outcome}"

        self.run(work())

    def test_what_was_claimed_and_not_settled_stays_in_doubt(self) -> None:
        """Through any number of processes that die, until somebody settles it."""
        self.new()

        async def work() -> None:
            one = self.open()
            await one.claim("k", "step", {"to": "alice"})
            one.close()
            for _ in range(3):
                other = self.open()
                found = await other.claim("k", "step", {"to": "somebody else"})
                other.close()
                assert found.state is ClaimState.IN_DOUBT, f"it would be done again: {found}"
                assert found.request == {"to": "alice"}, f"what was claimed: {found.request}"
            last = self.open()
            await last.settle("k", {"by": "a person"})
            assert (await last.claim("k", "step", {})).state is ClaimState.DONE
            last.close()

        self.run(work())

    def test_what_is_in_doubt_stays_so_until_it_is_settled(self) -> None:
        """In line or at once, it is the same ledger; a doubt takes nothing back that was settled."""
        self.new()

        async def work() -> None:
            one = self.open()
            first = await one.claim_soon("mx/a", "step", {"n": 1})
            assert first.state is ClaimState.GO, f"{first}"
            await one.doubt("mx/a", "no answer")
            found = await one.claim("mx/a", "step", {"n": 1})
            assert found.state is ClaimState.IN_DOUBT, f"after a doubt it would be done again: {found}"
            await one.claim("tell/b", "step", {})
            await one.settle_soon("tell/b", {"ok": True})
            await one.doubt("tell/b", "too late")
            later = await one.claim_soon("tell/b", "step", {})
            assert later.state is ClaimState.DONE, f"a doubt took back what was settled: {later}"
            states = {e.key: e.state for e in await one.effects()}
            assert states == {"mx/a": "in_doubt", "tell/b": "settled"}, f"the ledger says {states}"
            keys = [e.key for e in await one.effects("mx/")]
            assert keys == ["mx/a"], f"asked for mx/, it tells {keys}"
            await one.check()
            one.close()

        self.run(work())

    def test_an_event_is_kept_as_it_was_told(self) -> None:
        """Step, person and words as they came, at the time of the clock that it was given."""
        self.new()

        async def work() -> None:
            one = self.open()
            await one.record("said", step="gate", actor="alice", text="ö", n=1)
            mine = [e for e in one.events() if e.kind == "said"]
            one.close()
            odd = [text for e in mine if (text := mistyped(e))]
            assert not odd, odd[0]
            for found in (mine, [e for e in self.store.view(self.path).events if e.kind == "said"]):
                told = [(e.step, e.actor, dict(e.data), e.at) for e in found]
                assert told == [("gate", "alice", {"text": "ö", "n": 1}, self.clock.now())], f"kept: {told}"

        self.run(work())

    def test_runs_are_kept_apart(self) -> None:
        """What is claimed, told and said in one is nothing to the other."""
        self.new()
        other = self.folder / f"run-20270115-080001-bbbb{self.store.suffix}"
        self.store.create(other, {"plan": {}})

        async def work() -> None:
            one, two = self.open(), self.store.open(other, self.clock)
            await one.claim("k", "step", {})
            self.store.tell(self.path, "approve", "alice", {}, 5.0)
            found = await two.claim("k", "step", {})
            assert found.state is ClaimState.GO, f"the other run has claimed it: {found}"
            heard = ([s.actor for s in await one.unread()], [s.actor for s in await two.unread()])
            assert heard == (["alice"], []), f"told to the first run, and heard by both: {heard}"
            await one.record("mine")
            await two.record("said")
            one.close()
            two.close()
            heads = {self.store.view(p).head for p in (self.path, other)}
            assert len(heads) == 2, "two runs have one head: it does not cover what is in them"
            assert "said" not in [e.kind for e in self.store.view(self.path).events], "an event of the other run"

        self.run(work())

    def test_what_somebody_altered_is_said(self) -> None:
        """The chain covers what was written. (Where it is not kept as it is spelled, nothing is altered here.)"""
        self.new()

        async def work() -> None:
            one = self.open()
            for i in range(40):
                await one.record("said", actor="somebody-else", n=i)
            one.close()

        self.run(work())
        found = False
        for file in (f for f in self.folder.rglob("*") if f.is_file()):
            raw = file.read_bytes()
            if b"somebody-else" in raw:
                found = True
                file.write_bytes(raw.replace(b"somebody-else", b"nobody-at-all"))
        if not found:
            return
        try:
            damage = self.store.view(self.path).damage
        except StorageError:
            return
        assert damage, "a name in its events was altered, and it says that nothing is wrong"

    def test_a_claim_is_on_disk_when_it_is_answered(self) -> None:
        """Nothing is closed, as in a power cut: another process sees it."""
        self.new()

        async def work() -> None:
            one = self.open()
            await one.claim("k", "step", {}, event="begun", note="x")
            await one.record("said", actor="alice", text="ö")
            record = self.store.view(self.path)
            kinds = [e.kind for e in record.events]
            assert {"begun", "said"} <= set(kinds), f"not on disk: begun or said; there is only {kinds}"
            assert [e.key for e in record.effects] == ["k"], f"{record.effects}"
            assert record.effects[0].state == "claimed", f"{record.effects[0]}"
            assert record.effects[0].claimed_at == self.clock.now(), "claimed_at is not by the clock that it was given"
            one.close()

        self.run(work())

    def test_what_was_answered_outlives_the_process(self) -> None:
        """Killed in mid-work: what lies in the folder then is all that there is. What it had in memory is gone."""
        if not self.in_files:
            return
        self.new()
        for n in range(2):
            self.store.tell(self.path, "approve", f"p{n}", {}, 5.0)
        copied = self.folder.with_name(self.folder.name + "-killed")

        async def work() -> None:
            one = self.open()
            await one.claim("k", "step", {})
            await one.claim("m", "step", {})
            await one.settle("m", {"ok": True})
            await one.consume((await one.unread())[:1], [Draft("approved", "gate")])
            await one.record("said")
            shutil.copytree(self.folder, copied)
            one.close()

        try:
            self.run(work())
            left = self.plugin.create().view(copied / self.path.name)
        except StorageError as error:
            raise AssertionError(
                f"what was answered is not on disk, and there is no journal: {error.message}"
            ) from error
        finally:
            shutil.rmtree(copied, ignore_errors=True)
        states = {e.key: e.state for e in left.effects}
        assert states == {"k": "claimed", "m": "settled"}, f"k was claimed and m settled, and on disk there is {states}"
        kinds = [e.kind for e in left.events]
        assert {"approved", "said"} <= set(kinds), f"approved and said were answered, and on disk there is {kinds}"
        heard = [s.actor for s in left.unread]
        assert heard == ["p1"], f"p0 was taken up and p1 was not, and on disk these are not read: {heard}"

    def test_what_it_was_handed_stays_as_it_is(self) -> None:
        """It changes nothing of it; and what becomes of it afterwards is nothing to the journal."""
        plan: dict[str, Any] = {"x": [1]}
        self.store.create(self.path, {"plan": plan})
        assert plan == {"x": [1]}, f"it changes the plan that it was handed: {plan}"

        async def work() -> None:
            one = self.open()
            request, outcome = {"to": ["alice"]}, {"ok": [True]}
            await one.claim("k", "step", request)
            await one.settle("k", outcome)
            assert (request, outcome) == ({"to": ["alice"]}, {"ok": [True]}), f"it changes {request} or {outcome}"
            request["to"].append("bob")
            outcome["ok"].append(False)
            (kept,) = await one.effects()
            told = (kept.request, kept.outcome)
            assert told == ({"to": ["alice"]}, {"ok": [True]}), f"it keeps what others may still change: {told}"
            one.close()

        self.run(work())

    def test_what_is_answered_is_synced(self) -> None:
        """What is written and not synced is gone after a power cut: an effect that was done would be done again."""
        self.new()

        async def work() -> None:
            one = self.open()
            await one.claim("k", "step", {})
            await one.settle("k", {"ok": True})
            await one.record("said")
            one.close()

        with Synced(self.folder) as heard:
            self.run(work())
        assert not heard.unsafe, (
            f"{heard.unsafe} was written and never synced (os.fsync): a claim that was answered is lost with the power"
        )

    def test_many_at_once_are_all_kept_and_each_once(self) -> None:
        """Two hundred claims side by side, each twice: one goes."""
        self.new()

        async def work() -> None:
            one = self.open()
            ways = (one.claim, one.claim_soon)  # by whichever of them
            found = await asyncio.gather(*(ways[i % 3 == 0](f"k{i % 200}", "step", {"i": i}) for i in range(400)))
            goes = [c.key for c in found if c.state is ClaimState.GO]
            assert sorted(goes) == sorted({f"k{i}" for i in range(200)}), f"{len(goes)} of 200 go"
            await asyncio.gather(*(one.settle(k, {"k": k}) for k in goes))
            one.close()
            record = self.store.view(self.path)
            assert all(e.state == "settled" and e.outcome == {"k": e.key} for e in record.effects), (
                "not all are settled"
            )
            assert len(record.effects) == 200
            assert [e.seq for e in record.events] == list(range(1, len(record.events) + 1)), "events have gaps"
            assert not record.damage, record.damage

        self.run(work())

    def test_signals_arrive_in_order_and_once(self) -> None:
        """Told by another process, read by the run, and not again after they were consumed."""
        self.new()

        async def work() -> None:
            for i in range(3):
                self.store.tell(self.path, "approve", f"p{i}", {"n": i}, 5.0 + i)
            one = self.open()
            found = await one.unread()
            assert [(s.actor, dict(s.data), s.at) for s in found] == [(f"p{i}", {"n": i}, 5.0 + i) for i in range(3)]
            await one.consume(found[:2], [Draft("approved", "gate", "p0", {"x": 1})])
            newest = one.events()[-1]
            told = (newest.kind, newest.step, newest.actor, dict(newest.data))
            assert told == ("approved", "gate", "p0", {"x": 1}), f"what they mean is not written: {told}"
            self.store.tell(self.path, "approve", "late", {}, 9.0)
            await one.record("goes on")
            heard = [s.actor for s in await one.unread()]
            assert heard == ["p2", "late"], f"told while the run is live: it hears {heard}"
            await one.consume((await one.unread())[1:])
            one.close()
            two = self.open()
            assert [s.actor for s in await two.unread()] == ["p2"], "a signal is lost, or comes again"
            two.close()

        self.run(work())

    def test_looking_disturbs_nobody(self) -> None:
        """While the run is live: a view is whole, and the run goes on."""
        self.new()

        async def work() -> None:
            one = self.open()
            for i in range(5):
                await one.record("e", i=i)
                assert len(self.store.view(self.path).events) == len(one.events())
            heads = {self.store.view(self.path).head for _ in range(2)}
            assert len(heads) == 1
            await one.record("last")
            assert {self.store.view(self.path).head} != heads, "the head does not change with what is added"
            one.close()

        self.run(work())

    def test_what_is_no_journal_is_refused_in_words(self) -> None:
        """Missing, empty, rubbish: ``StorageError`` with what to do."""

        def outcome(path: Path) -> Any:
            try:
                return self.store.view(path)
            except BcpError as error:
                return error

        rubbish, empty = self.folder / f"run-a{self.store.suffix}", self.folder / f"run-b{self.store.suffix}"
        rubbish.write_bytes(b"no journal " * 500)
        empty.write_bytes(b"")
        gone = self.folder / f"run-d{self.store.suffix}"
        try:
            self.store.open(gone, self.clock).close()
        except StorageError:
            pass
        else:
            raise AssertionError("a run that is not there is opened as if it were")
        assert not gone.exists(), "opening a run that is not there makes one"
        for path in (self.folder / f"run-c{self.store.suffix}", rubbish, empty):
            found = outcome(path)
            assert isinstance(found, StorageError), f"{path.name}: {found!r}"
            assert found.hint, f"{path.name}: no hint"
