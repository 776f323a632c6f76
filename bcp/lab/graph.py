"""Microsoft Graph and Entra, as far as they are used: users, groups, service health, mailboxes, records, tokens."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from bcp.lab.vendor_lab import VendorLab


class GraphLab(VendorLab):
    """One tenant."""

    async def _users(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        start = int(request.query.get("$skiptoken", 0))
        rows = self.users[start : start + self.page_size]
        page: dict[str, Any] = {"@odata.context": "x", "value": rows}
        if start + self.page_size < len(self.users):
            page["@odata.nextLink"] = f"{self.url}/v1.0/users?$skiptoken={start + self.page_size}"
        return web.json_response(page)

    async def _members(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        ids = self.members.get(request.match_info["group"])
        if ids is None:
            return web.json_response(
                {"error": {"code": "Request_ResourceNotFound", "message": "no such group"}}, status=404
            )
        start = int(request.query.get("$skiptoken", 0))
        page: dict[str, Any] = {"value": [{"id": i} for i in ids[start : start + self.page_size]]}
        if start + self.page_size < len(ids):
            page["@odata.nextLink"] = f"{self.url}{request.path}?$skiptoken={start + self.page_size}"
        return web.json_response(page)

    async def _delta(self, request: web.Request) -> web.Response:
        """All users, page by page; with a delta token only what changed since (``changes``: users, or ids that are
        gone)."""
        await self._note(request, dict(request.query))
        base = f"{self.url}/v1.0/users/delta()"
        token = request.query.get("$deltatoken")
        if token is not None and int(token) > len(self.changes):
            return web.json_response(
                {"error": {"code": "syncStateNotFound", "message": "the token is too old"}}, status=410
            )
        if token is not None:
            rows = self.changes[int(token) :]
            return web.json_response(
                {"@odata.context": "x", "value": rows, "@odata.deltaLink": f"{base}?$deltatoken={len(self.changes)}"}
            )
        start = int(request.query.get("$skiptoken", 0))
        page: dict[str, Any] = {"@odata.context": "x", "value": self.users[start : start + self.page_size]}
        if start + self.page_size < len(self.users):
            page["@odata.nextLink"] = f"{base}?$skiptoken={start + self.page_size}"
        else:
            page["@odata.deltaLink"] = f"{base}?$deltatoken={len(self.changes)}"
        return web.json_response(page)

    async def _health(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        return web.json_response(
            {"@odata.context": "x", "value": [{"id": "Exchange", "service": "Exchange Online", "status": self.health}]}
        )

    async def _issues(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        return web.json_response({"@odata.context": "x", "value": self.issues})

    async def _inbox(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        status = self.mailbox_faults.get(request.match_info["user"], self.mailbox_faults.get("*", 200))
        if status == 0:
            await asyncio.sleep(3600)
        if status != 200:
            return web.json_response({"error": {"code": "x", "message": "the lab says no"}}, status=status)
        return web.json_response({"id": "inbox", "displayName": "Inbox"})

    async def _domains(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        rows = [{"id": d, "isVerified": True, "supportedServices": ["Email"]} for d in self.domains]
        return web.json_response({"@odata.context": "x", "value": rows})

    async def _records(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        domain = request.match_info["domain"]
        rows = [
            {
                "@odata.type": "#microsoft.graph.domainDnsMxRecord",
                "id": "1",
                "label": domain,
                "recordType": "Mx",
                "supportedService": "Email",
                "ttl": 3600,
                "mailExchange": self.mx_record or f"{domain.replace('.', '-')}.mail.protection.outlook.com",
                "preference": 0,
            },
            {
                "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
                "id": "2",
                "label": domain,
                "recordType": "Txt",
                "supportedService": "Email",
                "ttl": 3600,
                "text": "v=spf1 include:spf.protection.outlook.com -all",
            },
        ]
        return web.json_response({"@odata.context": "x", "value": rows})

    async def _openid(self, request: web.Request) -> web.Response:
        if self.entra == "hang":
            await asyncio.sleep(3600)
        if self.entra == "metadata-503":
            return web.Response(status=503)
        tenant = request.match_info["tenant"]
        return web.json_response({"token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token", "issuer": "x"})

    async def _token(self, request: web.Request) -> web.Response:
        self.tokens += 1
        form = await request.post()
        if self.entra == "token-503":
            return web.Response(status=503)
        if self.entra.startswith("AADSTS"):
            return web.json_response({"error": "x", "error_description": f"{self.entra}: the lab says no"}, status=401)
        if form.get("grant_type") != "client_credentials" or not form.get("client_secret"):
            return web.json_response({"error": "invalid_request"}, status=400)
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": "lab-token"})
