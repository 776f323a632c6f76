"""``acme-pager``: beeps over Acme's gateway, which answers 200 with the number of the message."""

from __future__ import annotations

import json
from typing import Literal

from bcp.contracts.channel import (
    Channel,
    ChannelPlugin,
    ChannelSettings,
    Check,
    Delivery,
    NotSent,
    RateLimited,
    Receipt,
)
from bcp.contracts.contact import Contact
from bcp.contracts.descriptor import Maturity
from bcp.contracts.plugin import Around, Duration, Flaw
from bcp.kernel.errors import InDoubt, Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, retry_after


class PagerSettings(ChannelSettings):
    """Acme's gateway."""

    kind: Literal["acme-pager"] = "acme-pager"
    """Which plug-in."""
    url: str
    """Where the gateway takes messages."""
    token: Secret
    """Token of our account, by reference."""
    timeout: Duration = 10.0
    """For one message."""

    def flaws(self, around: Around) -> list[Flaw]:
        """What only shows beside the rest of bcp.yaml: a gateway behind our own domain falls with it."""
        behind = [d for d in around.domains if self.url.partition("//")[2].partition("/")[0].endswith("." + d)]
        text = f"the gateway of {around.name!r} is a host of {', '.join(behind)}"
        return [Flaw("shared-fate", text, "Use a name of Acme's.", ("url",))] if behind else []


class Pager(Channel[PagerSettings]):
    """One request is one message. What the gateway does not say clearly is in doubt, never repeated."""

    kind = "acme-pager"
    form = "sms"
    Settings = PagerSettings

    def __init__(self, name: str, settings: PagerSettings) -> None:
        super().__init__(name, settings)
        self._http = Http(connections=settings.at_once())

    def address_of(self, contact: Contact) -> str:
        """The phone number."""
        return contact.phone

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand it over."""
        s = self.settings
        body = json.dumps({"to": delivery.address, "text": delivery.message.body})
        head = {"Authorization": f"Bearer {s.token.reveal()}"}
        try:
            reply = await self._http.request("POST", s.url, headers=head, data=body, timeout_s=s.timeout)
        except Transient as error:  # it did not leave
            raise NotSent(error.message, hint=error.hint) from error
        if reply.status == 429:
            raise RateLimited("Acme asks to slow down", retry_after_s=retry_after(reply.headers))
        if 300 <= reply.status < 500:
            raise Permanent(f"Acme refuses it: {reply.status}", hint="Check the token.")
        if reply.status != 200 or not (number := _number(reply.body)):
            raise InDoubt(f"Acme answers {reply.status}, and no number", hint="Look in Acme's list.")
        return Receipt(number)

    async def check(self) -> list[Check]:
        """The gateway has no question that sends nothing."""
        return [Check(self.name, "warn", "whether it works shows when something is sent")]

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()


def _number(body: str) -> str:
    """The number that the gateway gave; empty where this is not its answer."""
    try:
        found = json.loads(body)["number"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


PLUGIN = ChannelPlugin(api=1, settings=PagerSettings, make=Pager, maturity=Maturity.PREVIEW)
