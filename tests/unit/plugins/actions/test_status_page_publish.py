"""``status_page.publish``: an entry has a key, is found by it, and can be withdrawn."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from bcp.contracts.action import Happened, StepInfo
from bcp.plugins.actions.status_page_publish import Publish, PublishArgs

STEP = StepInfo("page", "run/page#0")
ARGS = PublishArgs(template="customers-investigating", audience="customers", variables={"a": 1})


class Pages:
    """A page in memory."""

    def __init__(self) -> None:
        self.there: dict[str, Any] = {}

    def render_order(self, order: Any) -> dict[str, Any]:
        return {"title": order.template, "phase": "investigating", "for": order.audience, **order.variables}

    async def publish(self, entry: Any, *, key: str) -> str:
        self.there[key] = entry
        return "public/index.html"

    async def has(self, key: str) -> bool:
        return key in self.there

    async def withdraw(self, key: str) -> None:
        self.there.pop(key, None)


def test_a_plan_shows_the_entry_and_publishes_nothing() -> None:
    pages = Pages()
    found = asyncio.run(Publish().plan(ARGS, SimpleNamespace(pages=pages), STEP))
    assert found.changes[0].after == "customers-investigating" and pages.there == {}


def test_once_published_it_is_found_and_after_undo_it_is_not() -> None:
    pages, action = Pages(), Publish()
    services = SimpleNamespace(pages=pages)

    async def work() -> list[Happened]:
        before = (await action.probe(ARGS, services, STEP)).happened
        done = await action.perform(ARGS, services, STEP)
        assert done.outputs == {"where": "public/index.html", "key": "run/page#0"}
        again = await action.perform(ARGS, services, STEP)
        assert len(pages.there) == 1 and again.outputs == done.outputs
        between = await action.probe(ARGS, services, STEP)
        assert between.outcome.outputs["key"] == "run/page#0"
        await action.undo(ARGS, done.outputs, services, STEP)
        return [before, between.happened, (await action.probe(ARGS, services, STEP)).happened]

    assert asyncio.run(work()) == [Happened.NO, Happened.YES, Happened.NO]
