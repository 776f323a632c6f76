"""One ticket an incident: looked up before it is made, updated while it is open, closed with the good news.

Tickets are known by a mark of ours that the system keeps as a field (a correlation id, a label). As long as one with it
is open there is no second one, whichever run, machine or repeat speaks.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from bcp.contracts.channel import Channel, ChannelSettings, Check, Delivery, NotSent, RateLimited, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import BcpError, InDoubt, Invalid, Permanent, Transient
from bcp.kernel.hashing import digest_text
from bcp.kernel.json_in import loads
from bcp.kit.http import Http, retry_after

OVER = frozenset({"restored", "after"})
"""Phases of a message that end an incident."""
MAX_TITLE = 150
NEWEST = 3
"""So many tickets are read for a text of which nobody knows whether it was taken: it is in the newest, if at all."""


class TicketSettings(ChannelSettings):
    """What ticket systems share."""

    mark: str = "bcp-continuity"
    """Our mark on the ticket: as long as one with it is open, it is updated and none is made."""
    timeout: Duration = 15.0
    """For one request."""

    def at_once(self) -> int:
        """One after the other: two at once would both find no ticket."""
        return 1


S = TypeVar("S", bound=TicketSettings)


class TicketChannel(Channel[S]):
    """A ticket system as a channel for the people on duty. A subclass says how a ticket is found, made, noted on,
    closed."""

    form = "chat"
    broadcast: ClassVar[bool] = True
    duty: ClassVar[bool] = True

    def __init__(self, name: str, settings: S) -> None:
        super().__init__(name, settings)
        self._http = Http(connections=2)

    def address_of(self, contact: Contact) -> str:
        """Whoever works on the ticket."""
        return self.name

    async def send(self, delivery: Delivery) -> Receipt:
        """Look for the open ticket; make it, or add to it, and close it where the news is that it is over."""
        message = delivery.message
        plain = message.body.replace("*", "").replace("`", "")
        text = f"{plain}\n\n{self._tag(delivery)}"
        title = (message.subject or " ".join(plain.split()))[:MAX_TITLE]
        ticket = await self.open_ticket()
        if not ticket:
            ticket = await self.make(title, text)
            return Receipt(ticket, "made")
        over = message.phase in OVER
        await (self.finish(ticket, text) if over else self.note(ticket, text))
        return Receipt(ticket, "closed" if over else "updated")

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Is the delivery's own tag in what was written to the newest tickets with our mark, open or closed?"""
        tag = self._tag(delivery)
        try:
            found = await self.written()
        except BcpError as error:
            said = f"{self.kind} cannot be asked whether it took it: {error.message}"
            raise InDoubt(said, hint="Ask again later: `bcp resume`.") from error
        return next((Receipt(ticket, "found") for ticket, text in found if tag in text), None)

    def _tag(self, delivery: Delivery) -> str:
        """What every text of ours ends with: whose it is, and which delivery."""
        return f"[{self.settings.mark} {digest_text(delivery.key)[:16]}]"

    @abstractmethod
    async def written(self) -> list[tuple[str, str]]:
        """The newest tickets with our mark, each with all that was written to it.

        Raises what ``ask`` raises, also where an answer does not show what was written.
        """

    @abstractmethod
    async def open_ticket(self) -> str:
        """Id of the open ticket with our mark; empty: there is none. Raises what ``ask`` raises."""

    @abstractmethod
    async def make(self, title: str, text: str) -> str:
        """Make one; its id. Raises as ``send`` does."""

    @abstractmethod
    async def note(self, ticket: str, text: str) -> None:
        """Add to it. Raises as ``send`` does."""

    @abstractmethod
    async def finish(self, ticket: str, text: str) -> None:
        """Add to it, and close it. Raises as ``send`` does."""

    @abstractmethod
    def headers(self) -> Mapping[str, str]:
        """Who we are."""

    async def ask(self, url: str, params: Mapping[str, str]) -> Any:
        """Read. Whatever goes wrong: nothing was sent.

        Raises:
            NotSent, RateLimited, Permanent.
        """
        try:
            return await self._call("GET", url, params=params)
        except (RateLimited, Permanent):
            raise
        except (InDoubt, Transient) as error:
            raise NotSent(f"the ticket could not be looked up: {error.message}", hint=error.hint) from error

    async def tell(self, method: str, url: str, body: Mapping[str, Any]) -> Any:
        """Write, once. Raises as ``send`` does."""
        try:
            return await self._call(method, url, body=body)
        except (RateLimited, NotSent):
            raise
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error

    async def _call(
        self, method: str, url: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        reply = await self._http.request(
            method,
            url,
            headers={"Content-Type": "application/json", "Accept": "application/json", **self.headers()},
            data=None if body is None else json.dumps(body),
            params=params,
            timeout_s=self.settings.timeout,
        )
        if reply.status == 429:
            raise RateLimited(f"{self.kind} asks to slow down", retry_after_s=retry_after(reply.headers))
        if 400 <= reply.status < 500 and reply.status not in {407, 408}:
            raise Permanent(f"{self.kind} refuses it: {reply.status}", hint="Are the credential and its rights right?")
        if reply.status == 204:
            return {}
        try:
            if not 200 <= reply.status < 300 or reply.cut:
                raise Invalid("")
            return loads(reply.body)
        except Invalid as error:
            text = f"{self.kind}'s address answers {reply.status}, and not as it does"
            raise InDoubt(text, hint="Is a proxy or a log-in page between?") from error

    async def check(self) -> list[Check]:
        """Look for our ticket: it shows that we may look, not that we may write."""
        try:
            ticket = await self.open_ticket()
        except BcpError as error:
            return [Check(self.name, "fail", error.message, error.hint)]
        return [Check(self.name, "ok", f"reachable; the open ticket is {ticket}" if ticket else "reachable")]

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()


def rows(data: Any, key: str) -> list[dict[str, Any]]:
    """The list of mappings under this key. Raises ``NotSent`` where there is none: then nothing was looked up."""
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list) or not all(isinstance(f, dict) for f in found):
        raise NotSent("the ticket could not be looked up: the answer has no list")
    return found


def text_in(row: Mapping[str, Any], key: str) -> str:
    """The text under this key; empty where it is null. Raises ``NotSent`` where it is no text: it was not shown."""
    found = row.get(key, 0)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise NotSent(f"the ticket could not be looked up: the answer has no {key}")
    return found
