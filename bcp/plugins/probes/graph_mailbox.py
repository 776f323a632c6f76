"""``graph-mailbox``: can mailboxes be opened? Several of them, because outages hit some databases and not others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.probe import OWN, Part, ProbePlugin, Result, Signal
from bcp.kernel.errors import BcpError
from bcp.plugins.vendors.graph import UNREADABLE, Graph, GraphAccess, GraphProbe, NoToken, OurCredential

BY_STATUS = {401: "no-token", 403: OWN + "permission", 404: OWN + "mailbox", 429: "429"}
FAILS = frozenset({"5xx", "timeout", "refused", "closed"})
"""What is a failure of the service. A limit of our application (429), a mailbox that is not there, an answer that is
none of Graph's say nothing of the others' mailboxes."""


class GraphMailboxSettings(GraphAccess):
    """Monitor mailboxes. The application needs Mail.ReadBasic.All, limited to them by an application access policy."""

    kind: Literal["graph-mailbox"] = "graph-mailbox"
    """Which plug-in."""
    mailboxes: Annotated[list[str], Field(min_length=1, max_length=10)]
    """Monitor mailboxes; three or more, in different regions or on different databases."""


class GraphMailboxProbe(GraphProbe[GraphMailboxSettings]):
    """Reads the inbox folder of each. Each is a part; half of those that say anything must fail for *fail*, fewer is
    *degraded*. 429 limits our application and is no outage.
    Without a token nothing can be said: the `entra` probe judges that."""

    kind = "graph-mailbox"
    plane = "mailbox"
    medium: ClassVar[str] = "https"
    Settings = GraphMailboxSettings

    async def look(self) -> Signal:
        """One look at every mailbox."""
        s = self.settings
        parts = await asyncio.gather(*(self._one(self.graph(), m) for m in s.mailboxes))
        known = [p for p in parts if p.result is not Result.UNKNOWN]
        if not known:
            own = next((p for p in parts if p.kind.startswith(OWN)), parts[0])
            return self.saw_parts(Result.UNKNOWN, own.kind, own.evidence, parts=parts)
        bad = [p for p in known if p.result is Result.FAIL]
        unseen = [p for p in parts if p.result is Result.UNKNOWN]
        aside = f"; not counted: {unseen[0].evidence}" if unseen else ""
        if not bad:
            text = f"{len(known)} of {len(parts)} mailboxes can be opened{aside}"
            return self.saw_parts(Result.OK, "", text, parts=parts)
        text = f"{len(bad)} of {len(known)} mailboxes cannot be opened: {bad[0].evidence}{aside}"
        result = Result.FAIL if len(bad) * 2 >= len(known) else Result.DEGRADED
        return self.saw_parts(result, bad[0].kind, text, parts=parts)

    async def _one(self, graph: Graph, mailbox: str) -> Part:
        async def work(client: Any, configuration: Any) -> Any:
            folder = client.users.by_user_id(mailbox).mail_folders.by_mail_folder_id("inbox")
            return await folder.get(request_configuration=configuration())

        kind, text = await self._read(graph, mailbox, work)
        result = Result.OK if not kind else Result.FAIL if kind in FAILS else Result.UNKNOWN
        return Part(result, kind, text, recipient=mailbox.lower())

    async def _read(self, graph: Graph, mailbox: str, work: Callable[[Any, Any], Awaitable[Any]]) -> tuple[str, str]:
        try:
            found = await graph.call(work, self.settings.timeout)
        except OurCredential as error:
            return OWN + "credential", error.message
        except NoToken as error:
            return "no-token", error.message
        except BcpError as error:
            told = error.outputs or {}
            status = int(told.get("status", 0))
            kind = BY_STATUS.get(status) or ("5xx" if status >= 500 else str(told.get("why", UNREADABLE)))
            return kind, f"{mailbox}: {error.message}"
        if not isinstance(getattr(found, "id", None), str):
            return UNREADABLE, f"{mailbox}: Graph answers without a folder"
        return "", f"{mailbox} can be opened"


PLUGIN = ProbePlugin(api=1, settings=GraphMailboxSettings, make=GraphMailboxProbe)
