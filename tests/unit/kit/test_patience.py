"""Places that are asked side by side: one that hangs, one that is slow, one that comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bcp.kernel.errors import InDoubt, Transient
from bcp.kit.patience import Patience, _said
from bcp.kit.postfix_machines import Machines


class Places:
    """What each does when it is asked: answers, or does not until it is let."""

    def __init__(self, *hang: str) -> None:
        self.hang, self.asked, self.free = set(hang), list[str](), asyncio.Event()

    async def ask(self, place: str) -> str:
        self.asked.append(place)
        number = len(self.asked)
        if place in self.hang:
            await self.free.wait()
        if place == "broken":
            raise Transient("broken", hint="")
        return f"{place} {number}"


def play(work: Callable[[], object]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):  # a test that waits for what hangs ends
            await work()  # type: ignore[misc]

    asyncio.run(bounded())


def test_one_that_was_silent_is_not_waited_for_and_not_asked_twice() -> None:
    async def work() -> None:
        places, patience = Places("b"), Patience(0.0)
        for _ in range(3):
            found = await patience.ask("ab", places.ask, {"b"})
            assert str(found["a"]).startswith("a ") and isinstance(found["b"], InDoubt)
        assert places.asked.count("a") == 3 and places.asked.count("b") == 1
        places.free.set()
        places.hang.clear()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        again = await Patience.ask(patience, "ab", places.ask, {"b"})
        while not isinstance(again["b"], str):
            again = await patience.ask("ab", places.ask, {"b"})
        assert again["b"] != "b 2", "what it said to the question of before is old"

    play(work)


def test_one_that_is_slow_and_alive_is_waited_for_again() -> None:
    """It answers later than anybody waits for one that was silent: its late answer shows that it lives."""

    async def work() -> None:
        places, patience = Places("b"), Patience(0.0)
        await patience.ask("ab", places.ask, {"b"})
        places.free.set()
        await asyncio.wait([patience._open["b"]])
        places.free.clear()
        asyncio.get_running_loop().call_later(0.01, places.free.set)
        assert isinstance((await patience.ask("ab", places.ask, {"b"}))["b"], str)

    play(work)


def test_one_that_answered_before_is_waited_for_as_long_as_it_may_need() -> None:
    async def work() -> None:
        places, patience = Places(), Patience(0.0, 0.0)
        first = await patience.ask("ab", places.ask, ())
        assert all(isinstance(v, str) for v in first.values()), "never heard before"
        places.hang.add("b")
        patience._took["b"] = 0.0
        found = await patience.ask("ab", places.ask, ())
        assert isinstance(found["b"], InDoubt) and "not waited for" in found["b"].message

    play(work)


def test_where_nobody_answers_all_are_waited_for() -> None:
    async def work() -> None:
        places, patience = Places("b"), Patience(0.0, 0.0)
        asyncio.get_running_loop().call_soon(places.free.set)
        found = await patience.ask(["broken", "b"], places.ask, {"b", "broken"})
        assert isinstance(found["broken"], Transient) and found["b"] == "b 2"
        places.free.clear()
        assert isinstance((await patience.ask("ab", places.ask, {"b"}))["b"], InDoubt)
        asyncio.get_running_loop().call_soon(places.free.set)
        found = await patience.ask(["broken", "b"], places.ask, {"b", "broken"})
        assert found["b"] == "b 4", "the question that is open still"

    play(work)


def test_a_question_that_was_given_up_is_no_fault() -> None:
    async def work() -> None:
        task = asyncio.ensure_future(Places("a").ask("a"))
        task.cancel()
        await asyncio.wait([task])
        assert isinstance(_said("a", task), InDoubt)

    play(work)


def test_a_fault_of_ours_is_not_taken_for_silence() -> None:
    async def fault(_: str) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(Machines({"a": None, "b": None}, lambda _t: []).queue(fault))  # type: ignore[dict-item]


def test_the_living_host_is_seen_while_another_hangs() -> None:
    """As a drain looks: the first time nobody knows, from then on the living one's queue is fresh at every look."""

    async def work() -> None:
        places = Places("b")
        two = Machines({"a": None, "b": None}, lambda _text: [])  # type: ignore[dict-item]
        two._patience, two.dead["b"] = Patience(0.0), "it did not answer when it was told to keep"
        for number in range(1, 4):
            assert await two.queue(places.ask) == [] and list(two.dead) == ["b"]
            assert places.asked.count("a") == number

    play(work)
