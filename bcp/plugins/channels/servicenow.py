"""``servicenow``: one incident record, by the Table API (docs.servicenow.com, REST Table API)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.channel import ChannelPlugin
from bcp.kernel.errors import InDoubt
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.tickets import NEWEST, TicketChannel, TicketSettings, rows, text_in

WRITTEN = ("description", "work_notes", "close_notes")
"""Fields in which our texts are."""


class ServiceNowSettings(TicketSettings):
    """An instance and a user that may write incidents."""

    kind: Literal["servicenow"] = "servicenow"
    """Which plug-in."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+/?$")]
    """The instance: `https://corp.service-now.com`. Its log-in must not need Microsoft."""
    user: str
    """Name of the user."""
    password: Secret
    """Its password, by reference."""
    table: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")] = "incident"
    """Table of the records."""
    fields: dict[str, str] = Field(default_factory=dict)
    """More fields of a new record: `assignment_group`, `urgency`."""
    resolved: str = "6"
    """State of a record that is resolved."""
    close_code: str = "Resolved by request"
    """Its resolution code, as the instance wants it."""


class ServiceNow(TicketChannel[ServiceNowSettings]):
    """The record is known by its ``correlation_id``."""

    kind = "servicenow"
    Settings = ServiceNowSettings

    @property
    def _table(self) -> str:
        return f"{self.settings.url.rstrip('/')}/api/now/table/{self.settings.table}"

    def headers(self) -> Mapping[str, str]:
        """Basic authentication."""
        pair = f"{self.settings.user}:{self.settings.password.reveal().strip()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    async def open_ticket(self) -> str:
        """The active record with our correlation id."""
        query = f"correlation_id={self.settings.mark}^active=true^ORDERBYDESCsys_created_on"
        asked = {"sysparm_query": query, "sysparm_fields": "sys_id,correlation_id,active", "sysparm_limit": "1"}
        for row in rows(await self.ask(self._table, asked), "result"):
            if row.get("correlation_id") == self.settings.mark and isinstance(row.get("sys_id"), str):
                return str(row["sys_id"])
        return ""

    async def written(self) -> list[tuple[str, str]]:
        """Description, work notes and closing notes. Journals are shown only where display values are asked for."""
        asked = {
            "sysparm_query": f"correlation_id={self.settings.mark}^ORDERBYDESCsys_created_on",
            "sysparm_fields": ",".join(("sys_id", "correlation_id", *WRITTEN)),
            "sysparm_display_value": "true",
            "sysparm_limit": str(NEWEST),
        }
        found = rows(await self.ask(self._table, asked), "result")
        mine = [r for r in found if r.get("correlation_id") == self.settings.mark]
        return [(text_in(r, "sys_id"), "\n".join(text_in(r, name) for name in WRITTEN)) for r in mine]

    async def make(self, title: str, text: str) -> str:
        """A new record."""
        mine = {"short_description": title, "description": text, "correlation_id": self.settings.mark}
        return _id_of(await self.tell("POST", self._table, {**self.settings.fields, **mine}))

    async def note(self, ticket: str, text: str) -> None:
        """A work note."""
        _id_of(await self.tell("PATCH", f"{self._table}/{ticket}", {"work_notes": text}))

    async def finish(self, ticket: str, text: str) -> None:
        """Resolved, with the good news as the closing note."""
        over = {"state": self.settings.resolved, "close_code": self.settings.close_code, "close_notes": text}
        _id_of(await self.tell("PATCH", f"{self._table}/{ticket}", over))


def _id_of(data: Any) -> str:
    """The record's id in an answer to a write: without it the answer is not ServiceNow's."""
    result = data.get("result") if isinstance(data, dict) else None
    ident = result.get("sys_id") if isinstance(result, dict) else None
    if not isinstance(ident, str) or not ident:
        raise InDoubt("ServiceNow's address answers, but not as ServiceNow does", hint="Is a proxy in between?")
    return ident


PLUGIN = ChannelPlugin(api=1, settings=ServiceNowSettings, make=ServiceNow)
