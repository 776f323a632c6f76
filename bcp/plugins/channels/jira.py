"""``jira``: one issue, by Jira Cloud's REST API (developer.atlassian.com/cloud/jira/platform/rest/v2).

Jira Service Management, Opsgenie's successor, raises alerts from issues of its project by its own rules.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import Field

from bcp.contracts.channel import ChannelPlugin
from bcp.kernel.errors import InDoubt
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.tickets import NEWEST, TicketChannel, TicketSettings, rows, text_in

COMMENTS, PAGES = 100, 10
"""Comments of an issue on a page, and so many pages are read at most."""


class JiraSettings(TicketSettings):
    """A site, a project, and a user that may write issues."""

    kind: Literal["jira"] = "jira"
    """Which plug-in."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+/?$")]
    """The site: `https://corp.atlassian.net`. Its log-in must not need Microsoft; an API token does not."""
    user: str
    """The user's e-mail address."""
    token: Secret
    """Its API token, by reference."""
    project: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]+$")]
    """Key of the project."""
    issue_type: str = "Task"
    """Type of the issue."""


class Jira(TicketChannel[JiraSettings]):
    """The issue is known by its label."""

    kind = "jira"
    Settings = JiraSettings

    def __init__(self, name: str, settings: JiraSettings) -> None:
        super().__init__(name, settings)
        self._made = ""
        """What we made: Jira's search learns of it a moment later."""

    @property
    def _api(self) -> str:
        return f"{self.settings.url.rstrip('/')}/rest/api/2"

    def headers(self) -> Mapping[str, str]:
        """Basic authentication with an API token."""
        pair = f"{self.settings.user}:{self.settings.token.reveal().strip()}"
        return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}

    async def open_ticket(self) -> str:
        """The newest issue with our label that is not done."""
        s = self.settings
        jql = f'project = "{s.project}" AND labels = "{s.mark}" AND statusCategory != Done ORDER BY created DESC'
        asked = {"jql": jql, "fields": "labels", "maxResults": "1"}
        for row in rows(await self.ask(f"{self._api}/search/jql", asked), "issues"):
            if isinstance(row.get("key"), str):
                return str(row["key"])
        return self._made

    async def written(self) -> list[tuple[str, str]]:
        """Descriptions, and the comments."""
        s, out = self.settings, []
        jql = f'project = "{s.project}" AND labels = "{s.mark}" ORDER BY created DESC'
        asked = {"jql": jql, "fields": "description", "maxResults": str(NEWEST)}
        for row in rows(await self.ask(f"{self._api}/search/jql", asked), "issues"):
            key, fields = text_in(row, "key"), row.get("fields")
            texts = [text_in(fields if isinstance(fields, dict) else {}, "description")]
            texts += await self._comments(key)
            out.append((key, "\n".join(texts)))
        return out

    async def _comments(self, key: str) -> list[str]:
        """All of them, page by page. Raises ``InDoubt`` where there is no end of them."""
        out: list[str] = []
        for page in range(PAGES):
            asked = {"orderBy": "-created", "maxResults": str(COMMENTS), "startAt": str(page * COMMENTS)}
            found = rows(await self.ask(f"{self._api}/issue/{quote(key, safe='')}/comment", asked), "comments")
            out += [text_in(said, "body") for said in found]
            if len(found) < COMMENTS:
                return out
        raise InDoubt(f"{key} has more comments than are read", hint="Look in Jira, then `bcp settle`.")

    async def make(self, title: str, text: str) -> str:
        """A new issue."""
        s = self.settings
        kinds = {"project": {"key": s.project}, "issuetype": {"name": s.issue_type}, "labels": [s.mark]}
        data = await self.tell(
            "POST", f"{self._api}/issue", {"fields": {**kinds, "summary": title, "description": text}}
        )
        self._made = _text_of(data, "key")
        return self._made

    async def note(self, ticket: str, text: str) -> None:
        """A comment."""
        _text_of(await self.tell("POST", f"{self._api}/issue/{ticket}/comment", {"body": text}), "id")

    async def finish(self, ticket: str, text: str) -> None:
        """A comment, and the transition that ends it. Without such a one a person closes it."""
        found = rows(await self.ask(f"{self._api}/issue/{ticket}/transitions", {}), "transitions")
        await self.note(ticket, text)
        self._made = ""
        ends = [t for t in found if _category(t) == "done" and isinstance(t.get("id"), str)]
        if ends:
            await self.tell("POST", f"{self._api}/issue/{ticket}/transitions", {"transition": {"id": ends[0]["id"]}})


def _category(transition: Mapping[str, Any]) -> str:
    to = transition.get("to")
    category = to.get("statusCategory") if isinstance(to, dict) else None
    return str(category.get("key", "")) if isinstance(category, dict) else ""


def _text_of(data: Any, key: str) -> str:
    """A text in an answer to a write: without it the answer is not Jira's."""
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, str) or not found:
        raise InDoubt("Jira's address answers, but not as Jira does", hint="Is a proxy in between?")
    return found


PLUGIN = ChannelPlugin(api=1, settings=JiraSettings, make=Jira)
