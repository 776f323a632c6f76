"""Google Cloud DNS by plain HTTP: every answer is a body or a ``Fault``.

Source: cloud.google.com/dns/docs/reference/rest/v1. Nothing is sent twice: aiohttp repeats neither POST nor PATCH.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bcp.contracts.dns import SentState
from bcp.kernel.errors import InDoubt, Invalid, Transient
from bcp.kernel.json_in import loads
from bcp.kit.http import Http, Reply, retry_after
from bcp.plugins.vendors.google_token import Tokens
from bcp.plugins.vendors.hosted import Fault, failed_well, not_of

API = "https://dns.googleapis.com"
CAP = 4_000_000
WAIT_S = 5.0
THROTTLED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RESOURCE_EXHAUSTED"})
DISABLED = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})


class CloudDns:
    """One account at one endpoint."""

    def __init__(self, tokens: Tokens, endpoint: str, timeout_s: float) -> None:
        self.tokens, self._base, self._timeout_s = tokens, (endpoint or API).rstrip("/") + "/dns/v1", timeout_s
        self._http = Http(connections=8)

    async def bearer(self) -> str:
        """A token that is good now. Raises ``Fault``."""
        return await self.tokens.bearer(self._http)

    async def call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, params: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        """One call. Raises ``Fault``.

        A token that is refused (401) was held too long, or taken back: nothing was done, so the call is made once more
        with a new one.
        """
        reply = await self._once(method, path, body, params)
        if reply.status == 401:
            self.tokens.forget()
            reply = await self._once(method, path, body, params)
        if reply.status == 401:
            self.tokens.forget()
        return told(reply, needs(method, path))

    async def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> Reply:
        token = await self.bearer()
        try:
            return await self._http.request(
                method,
                self._base + path,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
                data=None if body is None else json.dumps(body),
                params=params,
                timeout_s=self._timeout_s,
                cap=CAP,
                fresh=method != "GET",
            )
        except Transient as error:
            raise Fault(SentState.NOT_SENT, "unreachable", error.message, error.hint) from error
        except InDoubt as error:
            raise Fault(SentState.LOST, "silent", error.message) from error

    async def close(self) -> None:
        """Let connections go."""
        await self._http.close()


def not_google(what: object) -> Fault:
    """An answer that is none of Cloud DNS."""
    return not_of("Cloud DNS", what, "endpoint:.")


def needs(method: str, path: str) -> str:
    """The permission that a call needs (cloud.google.com/dns/docs/access-control): Google's *Forbidden* names none."""
    _, _, rest = path.partition("/managedZones")
    kind = rest.split("/")[2:3]
    if not rest:
        return "dns.managedZones.list"
    if kind == ["rrsets"]:
        return "dns.resourceRecordSets.list"
    if kind == ["changes"]:
        changes = "dns.changes.create, and dns.resourceRecordSets.create and .delete for this name and type"
        return changes if method == "POST" else "dns.changes.get"
    return "dns.managedZones.get"


def told(reply: Reply, right: str = "") -> Mapping[str, Any]:
    """The body of a good answer. Raises ``Fault`` for every other. ``right``: what the call needs. Pure."""
    wait = retry_after(reply.headers)
    slow = Fault(
        SentState.THROTTLED, "throttled", "Google asks us to slow down", wait_s=WAIT_S if wait is None else wait
    )
    if reply.status == 429:
        raise slow
    try:
        body = None if reply.cut else loads(reply.body)
    except Invalid:
        body = None
    if not isinstance(body, dict):
        raise not_google(reply.status)
    error, good = body.get("error"), 200 <= reply.status < 300
    if good and not error:
        return body
    if not isinstance(error, Mapping) or not isinstance(error.get("message"), str):
        raise not_google(reply.status)
    reasons, message = _reasons(error), " ".join(error["message"].split())[:400]
    if good:
        raise failed_well("Google", reply.status, message)
    if reasons & THROTTLED:
        raise slow
    raise _fault(reply.status, reasons, message, right)


def _reasons(error: Mapping[str, Any]) -> set[str]:
    """All words by which an error says what it is: of its list, of its details, and its status."""
    found = {str(error.get("status", ""))}
    for key in ("errors", "details"):
        rows = error.get(key)
        found |= {str(r.get("reason", "")) for r in rows if isinstance(r, Mapping)} if isinstance(rows, list) else set()
    return found - {""}


def _fault(status: int, reasons: set[str], message: str, right: str) -> Fault:
    """What an error answer means."""
    missing = status == 404 and "deletions" in message
    if status in {409, 412} or missing:
        return Fault(SentState.STALE, "stale", message)
    if status == 401:
        hint = "Make a new key, and check this machine's clock."
        return Fault(SentState.REFUSED, "credential", f"Google refuses the token: {message}", hint)
    if status == 403 and reasons & DISABLED:
        hint = "Check project:, and switch the Cloud DNS API on there."
        return Fault(SentState.REFUSED, "permission", f"Cloud DNS is not switched on: {message}", hint)
    if status == 403:
        hint = "Check project:, and give this account the roles that `bcp dns policy` prints."
        lacks = f" (this needs {right})" if right and "dns." not in message else ""
        return Fault(SentState.REFUSED, "permission", f"Google does not allow it: {message.rstrip(' .')}{lacks}", hint)
    if status == 404 or "parameters.project" in message:
        hint = "Check project: and zone_ids:."
        return Fault(SentState.REFUSED, "zone", f"Google knows no such zone or project: {message}", hint)
    if "cnameResourceRecordSetConflict" in reasons:
        hint = "An MX cannot stand beside a CNAME (RFC 1034 section 3.6.2)."
        return Fault(SentState.REFUSED, "cname", message, hint)
    if status >= 500:
        return Fault(SentState.LOST, "server", f"Google failed ({status}): {message}")
    return Fault(SentState.REFUSED, "server", f"Google refuses: {message}")
