"""Services of actions that need the whole application."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bcp.comms.answers import tally
from bcp.comms.courier import Courier
from bcp.contracts.channel import Page
from bcp.contracts.services import Order
from bcp.kernel.errors import Invalid

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from bcp.wiring.app import App


class Replies:
    """What people sent back on any channel, counted by person."""

    def __init__(self, app: App) -> None:
        self.app = app

    def people(self, audience: str) -> int:
        """How many are in this audience."""
        return len(self.app.directory.members(audience))

    async def count(self, audience: str, since: float, digits: Sequence[str]) -> int:
        """How many different people have answered so."""
        inbound = await self.app.inbound(since)
        found = tally(self.app.directory.members(audience), inbound, since, dict.fromkeys(digits, ""))
        return len(found.answered)


class SitePages:
    """The status page as actions see it: the first ``status-page`` channel."""

    def __init__(self, app: App, courier: Courier) -> None:
        self.app, self.courier = app, courier

    def _page(self) -> Page:
        for channel in self.app.channels.values():
            if isinstance(channel, Page):
                return channel
        raise Invalid("there is no status page", hint="Add a channel of kind: status-page.")

    def render_order(self, order: Order) -> Mapping[str, Any]:
        """The entry a message gives."""
        message = self.courier.render_for(order, "page", self.app.settings.organisation.language)
        return {
            "title": message.subject,
            "html": message.html,
            "text": message.body,
            "template": message.template,
            "language": message.language,
            "phase": self.app.pack.get(order.template).file.phase,
        }

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        """Publish it."""
        return self._page().publish(key, self.app.clock.now(), entry)

    async def has(self, key: str) -> bool:
        """Is it there?"""
        return self._page().has(key)

    async def withdraw(self, key: str) -> None:
        """Take it back."""
        self._page().withdraw(key)


def login_name() -> str:
    """The login of whoever runs this process, by user id, not by what the environment claims."""
    try:
        import pwd  # noqa: PLC0415

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return getpass.getuser()
