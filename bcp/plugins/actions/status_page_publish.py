"""``status_page.publish``: put an entry on the static status page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.contracts.action import Access, Action, ActionPlugin, Change, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Order, Services


class PublishArgs(Args):
    """What to say."""

    template: str
    """Message by name; its `page` form is used."""
    audience: str = ""
    """For whom it is written, when the message is for certain audiences only."""
    variables: dict[str, Any] = {}
    """Further values for the message."""


class Publish(Action[PublishArgs]):
    """Adds an entry to the page and its feed. Publishing the same entry again changes nothing."""

    kind = "status_page.publish"
    access = Access.WRITE
    speaks = True
    Args = PublishArgs
    undoable = True
    outputs = {"where": "string", "key": "string"}

    async def plan(self, args: PublishArgs, services: Services, step: StepInfo) -> Proposal:
        """Show the entry."""
        entry = services.pages.render_order(_order(args))
        return Proposal(
            changes=(Change("status page", "", str(entry["title"]), "the entry is withdrawn"),),
            facts={"title": entry["title"], "phase": entry["phase"]},
            outputs={"where": "", "key": step.key},
        )

    async def perform(self, args: PublishArgs, services: Services, step: StepInfo) -> Outcome:
        """Publish."""
        where = await services.pages.publish(services.pages.render_order(_order(args)), key=step.key)
        return Outcome(f"published at {where}", {"where": where, "key": step.key})

    async def probe(self, args: PublishArgs, services: Services, step: StepInfo) -> Finding:
        """Is the entry there?"""
        if await services.pages.has(step.key):
            return Finding(Happened.YES, Outcome("was published", {"where": "", "key": step.key}))
        return Finding(Happened.NO)

    async def undo(self, args: PublishArgs, before: Mapping[str, Any], services: Services, step: StepInfo) -> Outcome:
        """Withdraw the entry."""
        await services.pages.withdraw(str(before["key"]))
        return Outcome("withdrawn")


def _order(args: PublishArgs) -> Order:
    return Order(args.audience, args.template, (), args.variables)


PLUGIN = ActionPlugin(api=1, make=Publish)
