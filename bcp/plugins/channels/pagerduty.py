"""``pagerduty``: an alarm through PagerDuty's Events API v2 (developer.pagerduty.com/docs/events-api-v2).

Our key is the ``dedup_key``: the same message sent again is merged into the same alert, so a repeat wakes nobody twice.
"""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field

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
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.kernel.hashing import digest_text
from bcp.kernel.json_in import loads
from bcp.kernel.secret import Secret
from bcp.kit.http import Http, Reply, retry_after

ENQUEUE = "https://events.pagerduty.com"
MAX_SUMMARY = 1_024
"""Longer summaries are refused (Events API v2, payload)."""
QUIET = frozenset({"restored", "after", "correction"})
"""Phases that are good news or no news: an alarm for them is of the lowest severity."""


class PagerDutySettings(ChannelSettings):
    """An integration of the type *Events API v2* of one service."""

    kind: Literal["pagerduty"] = "pagerduty"
    """Which plug-in."""
    routing_key: Secret
    """The integration key, by reference."""
    source: str = "bcp"
    """What PagerDuty shows as the affected system."""
    timeout: Duration = 10.0
    """For one request."""
    api_url: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Another base URL: `https://events.eu.pagerduty.com` for accounts in Europe."""


class PagerDuty(Channel[PagerDutySettings]):
    """One alert a message, for the people on duty."""

    kind = "pagerduty"
    form = "chat"
    broadcast: ClassVar[bool] = True
    duty: ClassVar[bool] = True
    Settings = PagerDutySettings

    def __init__(self, name: str, settings: PagerDutySettings) -> None:
        super().__init__(name, settings)
        self._http = Http(connections=2)

    def address_of(self, contact: Contact) -> str:
        """Whoever is on duty there."""
        return self.name

    async def send(self, delivery: Delivery) -> Receipt:
        """Trigger one alert."""
        mine = digest_text(delivery.key)[:32]
        text = " ".join(delivery.message.body.replace("*", "").replace("`", "").split())
        event = {
            "routing_key": self.settings.routing_key.reveal().strip(),
            "event_action": "trigger",
            "dedup_key": mine,
            "payload": {
                "summary": text[:MAX_SUMMARY],
                "source": self.settings.source,
                "severity": "info" if delivery.message.phase in QUIET else "critical",
                "custom_details": {"text": delivery.message.body, "key": delivery.key},
            },
        }
        url = (self.settings.api_url or ENQUEUE).rstrip("/") + "/v2/enqueue"
        try:
            reply = await self._http.request(
                "POST",
                url,
                headers={"Content-Type": "application/json"},
                data=json.dumps(event),
                timeout_s=self.settings.timeout,
            )
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        return receipt_of(reply, mine)

    async def check(self) -> list[Check]:
        """Nothing can be asked without waking somebody; the key can be read."""
        self.settings.routing_key.reveal()
        return [Check(self.name, "warn", "PagerDuty cannot be asked without an alarm", "Try it: bcp comms send")]

    async def close(self) -> None:
        """Close the pool."""
        await self._http.close()


def receipt_of(reply: Reply, mine: str) -> Receipt:
    """What PagerDuty's answer means. Only ``202`` with its own words and our key is a yes."""
    if reply.status == 429:
        raise RateLimited("PagerDuty asks to slow down", retry_after_s=retry_after(reply.headers))
    try:
        body = loads(reply.body) if not reply.cut else None
    except Invalid:
        body = None
    said = body if isinstance(body, dict) else {}
    if reply.status == 202 and said.get("status") == "success" and said.get("dedup_key") == mine:
        return Receipt(mine, "accepted")
    if reply.status == 400 and said.get("status") == "invalid event":
        errors = said.get("errors")
        why = "; ".join(str(e) for e in errors[:3])[:200] if isinstance(errors, list) else "invalid event"
        raise Permanent(f"PagerDuty refuses it: {why}", hint="Is the integration key that of an Events API v2 service?")
    raise InDoubt(f"PagerDuty's address answers {reply.status}, and not as PagerDuty does", hint="Is a proxy between?")


PLUGIN = ChannelPlugin(api=1, settings=PagerDutySettings, make=PagerDuty)
