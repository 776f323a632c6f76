"""Azure Resource Manager by plain HTTP: every answer is a body or a ``Fault``.

Source: learn.microsoft.com/rest/api/dns (2018-05-01). Errors of the DNS provider have no envelope (``code``,
``message``), those of Resource Manager have one (``error``). Nothing is sent twice; of what was dropped before an
answer GET alone is asked again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bcp.contracts.dns import SentState
from bcp.kernel.errors import InDoubt, Invalid, Transient
from bcp.kernel.json_in import loads
from bcp.kit.http import Http, Reply, retry_after
from bcp.plugins.vendors.azure_token import Tokens
from bcp.plugins.vendors.hosted import Fault, failed_well, not_of

API = "https://management.azure.com"
VERSION = "2018-05-01"
CAP = 4_000_000
WAIT_S = 5.0
ABSENT = "absent"
"""The record set does not exist; the zone does."""
NO_ZONE = frozenset(
    {
        "ResourceNotFound",
        "ResourceGroupNotFound",
        "SubscriptionNotFound",
        "ParentResourceNotFound",
        "InvalidSubscriptionId",
    }
)
_NOT_YET = re.compile(r"not yet valid|not valid before|\bnbf\b", re.IGNORECASE)
"""Words for a token whose time has not begun."""
_LOCKED_AT = re.compile(r"scope\(s\) are locked: ('[^.]+')")
_DENIED = re.compile(r"^The client '([^']+)'.* perform action '([^']+)' over scope '(.*?)(?:/providers/[^']*)?'")
"""Who may not do what, and in which group: the record set would make it another sentence for each domain."""
LOCKED = frozenset({"ScopeLocked", "ReadOnlyDisabledSubscription"})


class Arm:
    """One identity at one endpoint."""

    def __init__(self, tokens: Tokens, api_url: str, timeout_s: float, ca_file: Path | None) -> None:
        self.tokens, self._base, self._timeout_s = tokens, (api_url or API).rstrip("/"), timeout_s
        self._http = Http(connections=8, ca_file=ca_file)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """One call. ``path`` begins with a slash, or is a link that the API gave. Raises ``Fault``.

        A token that is refused (401) was held too long, or taken back: nothing was done, so the call is made once more
        with a new one.
        """
        reply = await self._once(method, path, body, headers or {})
        if reply.status == 401:
            self.tokens.forget()
            reply = await self._once(method, path, body, headers or {})
        if reply.status == 401:
            self.tokens.forget()
        return told(reply)

    async def _once(self, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Reply:
        url = self._url(path)
        token = await self.tokens.bearer()
        try:
            return await self._http.request(
                method,
                url,
                headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json", **headers},
                data=None if body is None else json.dumps(body),
                timeout_s=self._timeout_s,
                cap=CAP,
                fresh=method != "GET",
            )
        except Transient as error:
            raise Fault(SentState.NOT_SENT, "unreachable", error.message, error.hint) from error
        except Invalid as error:
            raise Fault(SentState.REFUSED, "invalid", error.message, error.hint) from error
        except InDoubt as error:
            raise Fault(SentState.LOST, "silent", error.message) from error

    def _url(self, path: str) -> str:
        """A link that leads elsewhere would take the token there."""
        if path.startswith("/"):
            return f"{self._base}{path}{'&' if '?' in path else '?'}api-version={VERSION}"
        if _origin(path) != _origin(self._base):
            raise not_azure("a link to another host")
        return path

    async def close(self) -> None:
        """Let connections go."""
        self.tokens.close()
        await self._http.close()


def _origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: Azure writes the usual port out in its links."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port


def not_azure(what: object) -> Fault:
    """An answer that is none of Azure."""
    return not_of("Azure's API", what, "api_url:.")


def told(reply: Reply) -> Mapping[str, Any]:
    """The body of a good answer. Raises ``Fault`` for every other. Pure."""
    if reply.status == 429:
        wait = retry_after(reply.headers)
        text = "Azure asks us to slow down"
        raise Fault(SentState.THROTTLED, "throttled", text, wait_s=WAIT_S if wait is None else wait)
    try:
        body = None if reply.cut else loads(reply.body)
    except Invalid:
        body = None
    if reply.status == 202:  # taken, and still being carried out: its body, if any, is of the operation
        return {"etag": ""}
    if not isinstance(body, dict):
        raise not_azure(reply.status)
    code, message = _error(body)
    if 200 <= reply.status < 300:
        if code:
            raise failed_well("Azure", reply.status, f"{message} ({code})")
        tag = reply.headers.get("etag")
        return body if tag is None or isinstance(body.get("etag"), str) else {**body, "etag": tag}
    if not code:
        raise not_azure(reply.status)
    raise _fault(reply.status, code, message)


def _error(body: Mapping[str, Any]) -> tuple[str, str]:
    error = body.get("error", body)
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), str):
        return "", ""
    return str(error["code"]), " ".join(str(error.get("message") or "it says no, and not why").split())[:400]


def _fault(status: int, code: str, message: str) -> Fault:
    """What an error answer means."""
    if status == 412 or code == "PreconditionFailed":
        return Fault(SentState.STALE, "stale", message)
    if code in LOCKED:
        hint = "Take the lock away (portal: Locks), or ask who set it: with it the MX cannot be moved."
        locked = _LOCKED_AT.search(message)
        text = f"a lock stands on {locked[1]}" if locked else f"a lock stands on this zone: {message}"
        return Fault(SentState.REFUSED, "locked", text, hint)
    if status == 401 and _NOT_YET.search(message):
        hint = "Set this machine's clock (NTP); where it is right, theirs differ: wait some minutes."
        text = f"Azure's clock says that a token of Microsoft's sign-in has not begun: {message}"
        return Fault(SentState.REFUSED, "clock", text, hint)
    if status == 401:
        hint = "Check tenant_id: and subscription_id:, and this machine's clock."
        return Fault(SentState.REFUSED, "credential", f"Azure refuses the token ({code}): {message}", hint)
    if status == 403:
        hint = "Assign the role that `bcp dns policy` prints to this identity."
        denied = _DENIED.search(message)
        text = f"Azure does not allow {denied[2]} to client {denied[1]} in {denied[3]}" if denied else ""
        return Fault(SentState.REFUSED, "permission", text or f"Azure does not allow it: {message}", hint)
    if code in NO_ZONE:
        hint = "Check subscription_id:, resource_group: and zone_ids:."
        return Fault(SentState.REFUSED, "zone", f"Azure knows no such zone ({code}): {message}", hint)
    if status == 404:
        return Fault(SentState.REFUSED, ABSENT, message)
    if status >= 500:
        return Fault(SentState.LOST, "server", f"Azure failed ({status} {code}): {message}")
    return Fault(SentState.REFUSED, "server", f"Azure refuses: {message} ({code})")
