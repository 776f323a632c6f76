"""Emulators of Twilio, Slack and Graph over HTTP: they check what they are sent, keep a log, and can misbehave."""

from __future__ import annotations

from aiohttp import web

from bcp.lab.graph import GraphLab
from bcp.lab.net import only_loopback
from bcp.lab.slack import SlackLab
from bcp.lab.twilio import TwilioLab


class Vendors(TwilioLab, SlackLab, GraphLab):
    """All three on one port."""

    _runner: web.AppRunner | None = None

    async def start(self, address: str, port: int) -> None:
        """Listen."""
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._sms_create)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Messages.json", self._sms_list)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages/{message}.json", self._sms_update)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Calls.json", self._call_create)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Calls.json", self._call_list)
        app.router.add_get("/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json", self._numbers)
        app.router.add_get("/2010-04-01/Accounts/{sid}.json", self._account)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Balance.json", self._balance)
        app.router.add_post("/api/{method}", self._slack)
        app.router.add_get("/api/{method}", self._slack)
        app.router.add_get("/v1.0/users", self._users)
        app.router.add_get("/v1.0/users/delta()", self._delta)
        app.router.add_get("/v1.0/groups/{group}/transitiveMembers/graph.user", self._members)
        app.router.add_get("/v1.0/admin/serviceAnnouncement/healthOverviews", self._health)
        app.router.add_get("/v1.0/admin/serviceAnnouncement/issues", self._issues)
        app.router.add_get("/v1.0/users/{user}/mailFolders/inbox", self._inbox)
        app.router.add_get("/v1.0/domains", self._domains)
        app.router.add_get("/v1.0/domains/{domain}/serviceConfigurationRecords", self._records)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._openid)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, only_loopback(address), port).start()
        self.url = f"http://{address}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
