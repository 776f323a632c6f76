"""A fault in a plug-in is its step's failure, recorded; only a journal that fails stops the run."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Access, Action, Finding, Happened, Outcome, StepInfo
from bcp.contracts.journal import ClaimState
from bcp.contracts.plugin import Args
from bcp.engine.perform import Performer
from bcp.kernel.errors import InDoubt, Permanent, StorageError, Transient
from bcp.testing.clock import FakeClock


class Step(Action[Args]):
    """Raises what the test says, in its work and when it is asked about it."""

    kind = "some"
    access = Access.WRITE
    Args = Args

    def __init__(self, error, answer=None) -> None:
        self.error, self.answer = error, answer

    async def perform(self, args, services, step):
        raise self.error

    async def probe(self, args, services, step):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Ledger:
    """What a claim needs of a journal."""

    run_id = "run"

    def __init__(self) -> None:
        self.rows: dict[str, object] = {}

    async def claim(self, key, *_, **__):
        return SimpleNamespace(key=key, state=ClaimState.GO, claimed_at=0.0, outcome=None)

    async def doubt(self, key, why):
        self.rows[key] = "in_doubt"

    async def settle(self, key, record, **_):
        self.rows[key] = record


def performer(action, notes):
    async def note(kind, **data):
        notes.append((kind, data))

    book = SimpleNamespace(defaults=SimpleNamespace(retry=SimpleNamespace(count=0, delay=1, backoff=1)))
    services = SimpleNamespace(clock=FakeClock(), dry=False)
    loaded = SimpleNamespace(book=book)
    return Performer(
        loaded,
        {"some": action},
        services,
        Ledger(),
        {},
        {},
        SimpleNamespace(steps={}),
        note,
        note,
        lambda *a: None,
        None,
    )  # type: ignore[arg-type]


def placed(**more):
    step = SimpleNamespace(uses="some", when=None, for_each=None, with_={}, **more)
    return SimpleNamespace(id="tell", step=step)


@pytest.mark.parametrize("error", [KeyError("sid"), ExceptionGroup("sends", [TypeError("no list"), ValueError()])])
def test_a_fault_is_the_step_s_failure(error, monkeypatch) -> None:
    """Alone, or in a group as sends side by side raise it."""
    notes: list = []
    found = performer(Step(error), notes)

    async def attempts(*_):
        raise error

    monkeypatch.setattr(found, "_attempts", attempts)
    asyncio.run(found.perform(placed(), asyncio.Event()))
    ((kind, data),) = notes
    first = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
    assert kind == "step_finished" and data["status"] == "failed"
    assert data["error"].startswith(f"fault in some: {type(first).__name__}") and data["hint"] == "Please report this."


@pytest.mark.parametrize(
    "error", [StorageError("disk full"), ExceptionGroup("sends", [ValueError(), StorageError("disk full")])]
)
def test_a_journal_that_fails_pauses_the_run(error, monkeypatch) -> None:
    """Also beside a fault of another kind: no step fails because of it."""
    notes: list = []
    found = performer(Step(error), notes)

    async def attempts(*_):
        raise error

    monkeypatch.setattr(found, "_attempts", attempts)
    with pytest.raises((StorageError, ExceptionGroup)):
        asyncio.run(found.perform(placed(), asyncio.Event()))
    assert notes == []


def claimed(action):
    """One write that fails in its work; the error, the ledger's row, what was noted."""
    notes: list = []
    found = performer(action, notes)
    info = StepInfo("tell", "run/tell#0", 0, None, 5.0)

    async def work():
        with pytest.raises((InDoubt, Transient)) as error:
            await found._claimed(placed(), action, Args(), info)
        return error.value

    return asyncio.run(work()), found.journal.rows["run/tell#0"], notes


@pytest.mark.parametrize("answer", [KeyError("rows"), ExceptionGroup("reads", [TypeError()]), TimeoutError()])
def test_a_probe_that_breaks_says_nothing_and_the_write_stays_in_doubt(answer) -> None:
    """Not *failed*, which would undo or repeat what may have happened."""
    error, row, notes = claimed(Step(ZeroDivisionError("lost"), answer))
    assert type(error) is InDoubt and row == "in_doubt"
    assert [n for n in notes if n[0] == "doubt_stands"]


def test_a_write_that_did_not_happen_may_be_tried_again() -> None:
    """Its probe knows."""
    error, row, _ = claimed(Step(ZeroDivisionError("lost"), Finding(Happened.NO)))
    assert type(error) is Transient and row["state"] == "void"


def test_a_write_that_happened_is_done() -> None:
    """Whatever its own work raised."""
    action = Step(ZeroDivisionError("lost"), Finding(Happened.YES, Outcome("found")))
    found = performer(action, [])
    info = StepInfo("tell", "run/tell#0", 0, None, 5.0)
    assert asyncio.run(found._claimed(placed(), action, Args(), info)) == Outcome("found")


def test_a_definite_failure_stays_one() -> None:
    """It is settled as failed, and raised as it is."""
    action = Step(Permanent("no"))
    found = performer(action, [])
    with pytest.raises(Permanent) as error:
        asyncio.run(found._claimed(placed(), action, Args(), StepInfo("tell", "run/tell#0", 0, None, 5.0)))
    assert error.value.message == "no" and found.journal.rows["run/tell#0"]["state"] == "failed"
