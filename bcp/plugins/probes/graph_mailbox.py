"""``graph-mailbox``: can mailboxes be opened? Several of them, because outages hit some databases and not others."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bcp.contracts.probe import OWN, Probe, ProbePlugin, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError
from bcp.plugins.vendors.graph import Graph, GraphAccess, NoToken, OurCredential


class GraphMailboxSettings(GraphAccess):
    """Monitor mailboxes. The application needs Mail.ReadBasic.All, limited to them by an application access policy."""

    kind: Literal["graph-mailbox"] = "graph-mailbox"
    """Which plug-in."""
    mailboxes: Annotated[list[str], Field(min_length=1, max_length=10)]
    """Monitor mailboxes; three or more, in different regions or on different databases."""


class GraphMailboxProbe(Probe[GraphMailboxSettings]):
    """Reads the inbox folder of each. Half of them must fail for *fail*; fewer is *degraded*. Without a token nothing can be said: the `entra` probe judges that."""

    kind = "graph-mailbox"
    plane = "mailbox"
    medium: ClassVar[str] = "https"
    Settings = GraphMailboxSettings

    def __init__(self, name: str, settings: GraphMailboxSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._graph: Graph | None = None

    async def look(self) -> Signal:
        """One look at every mailbox."""
        s = self.settings
        if self._graph is None:
            self._graph = Graph(s.tenant_id, s.client_id, s.client_secret.reveal(), api_url=s.api_url)
        found = await asyncio.gather(*(self._one(self._graph, m) for m in s.mailboxes))
        kinds = [k for k, _ in found]
        own = next(((k, t) for k, t in found if k.startswith(OWN)), None)
        if own is not None:
            return self.saw(Result.UNKNOWN, *own)
        if "no-token" in kinds:
            return self.saw(Result.UNKNOWN, "no-token", next(t for k, t in found if k == "no-token"))
        bad = [(k, t) for k, t in found if k]
        if not bad:
            return self.saw(Result.OK, "", f"{len(kinds)} mailboxes can be opened")
        text = f"{len(bad)} of {len(kinds)} mailboxes cannot be opened: {bad[0][1]}"
        return self.saw(Result.FAIL if len(bad) * 2 >= len(kinds) else Result.DEGRADED, bad[0][0], text)

    async def _one(self, graph: Graph, mailbox: str) -> tuple[str, str]:
        async def work(client: Any, configuration: Any) -> Any:
            folder = client.users.by_user_id(mailbox).mail_folders.by_mail_folder_id("inbox")
            return await folder.get(request_configuration=configuration())

        try:
            if await graph.call(work, self.settings.timeout) is None:
                return "no-folder", f"{mailbox}: Graph answers without a folder"
        except OurCredential as error:
            return OWN + "credential", error.message
        except NoToken as error:
            return "no-token", error.message
        except BcpError as error:
            status = int((error.outputs or {}).get("status", 0))
            kinds = {401: "no-token", 403: OWN + "permission", 404: OWN + "mailbox", 429: "throttled"}
            return kinds.get(status, "5xx" if status >= 500 else "timeout"), f"{mailbox}: {error.message}"
        return "", ""

    async def close(self) -> None:
        if self._graph is not None:
            await self._graph.close()


PLUGIN = ProbePlugin(api=1, settings=GraphMailboxSettings, make=GraphMailboxProbe)
