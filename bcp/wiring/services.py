"""Services of actions over people and the world: replies counted, the status page written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bcp.comms.answers import tally
from bcp.comms.courier import Courier
from bcp.contracts.channel import Page
from bcp.contracts.services import Order
from bcp.kernel.clock import Clock
from bcp.kernel.errors import Invalid, StorageError, Transient
from bcp.wiring.people import People
from bcp.wiring.world import World


class Replies:
    """What people sent back on any channel, counted by person."""

    def __init__(self, people: People, world: World) -> None:
        self._people, self._world = people, world

    def people(self, audience: str) -> int:
        """How many are in this audience."""
        return len(self._people.directory.members(audience))

    async def count(self, audience: str, since: float, digits: Sequence[str]) -> int:
        """How many different people have answered so."""
        inbound = await self._world.inbound(since)
        found = tally(self._people.directory.members(audience), inbound, since, dict.fromkeys(digits, ""))
        return len(found.answered)


class SitePages:
    """The status page as actions see it: the first channel that keeps a page."""

    def __init__(self, world: World, courier: Courier, clock: Clock) -> None:
        self._world, self.courier, self.clock = world, courier, clock

    def _page(self) -> Page:
        for channel in self._world.channels.values():
            if isinstance(channel, Page):
                return channel
        raise Invalid("there is no status page", hint="Add a channel of kind: status-page.")

    def render_order(self, order: Order) -> Mapping[str, Any]:
        """The entry a message gives."""
        message = self.courier.render_for(order, "page", self._world.settings.organisation.language)
        return {
            "title": message.subject,
            "html": message.html,
            "text": message.body,
            "template": message.template,
            "language": message.language,
            "phase": self._world.pack.get(order.template).file.phase,
        }

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        """Publish it."""
        with _page_alone():
            return self._page().publish(key, self.clock.now(), entry)

    async def has(self, key: str) -> bool:
        """Is it there?"""
        with _page_alone():
            return self._page().has(key)

    async def withdraw(self, key: str) -> None:
        """Take it back."""
        with _page_alone():
            self._page().withdraw(key)


@contextmanager
def _page_alone() -> Iterator[None]:
    """A page whose folder fails is that step's failure: only a journal that fails pauses the run."""
    try:
        yield
    except StorageError as error:
        raise Transient(error.message, hint=error.hint) from error
