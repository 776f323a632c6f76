"""What every engine keeps: a claim is on disk before the effect;
what was claimed and not settled is in doubt, for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, ClassVar

from bcp.contracts.descriptor import API
from bcp.contracts.engine import EnginePlugin
from bcp.contracts.journal import ClaimState, Journal, JournalStore
from bcp.kernel.errors import BcpError, StorageError
from bcp.testing.clock import FakeClock
from bcp.testing.suite import Suite


class EngineSuite(Suite):
    """Journals of runs: made, opened, read, told."""

    plugin: ClassVar[EnginePlugin]
    """The descriptor that the module calls ``PLUGIN``."""

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
            one.close()

        self.run(work())

    def test_many_at_once_are_all_kept_and_each_once(self) -> None:
        """Two hundred claims side by side, each twice: one goes."""
        self.new()

        async def work() -> None:
            one = self.open()
            found = await asyncio.gather(*(one.claim(f"k{i % 200}", "step", {"i": i}) for i in range(400)))
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
            await one.consume(found[:2])
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
        for path in (self.folder / f"run-c{self.store.suffix}", rubbish, empty):
            found = outcome(path)
            assert isinstance(found, StorageError), f"{path.name}: {found!r}"
            assert found.hint, f"{path.name}: no hint"
