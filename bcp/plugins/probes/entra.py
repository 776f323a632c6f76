"""``entra``: does sign-in work? The OpenID metadata, and a token that is really new."""

from __future__ import annotations

import json
import re
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import OWN, Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.kit.fetch import Page, fetch
from bcp.plugins.vendors.graph import OWN_CODES

LIMITED, UNREADABLE = "429", "unreadable"
_CODE = re.compile(r"AADSTS\d{4,8}")


class EntraSettings(ProbeSettings):
    """A tenant and an application."""

    kind: Literal["entra"] = "entra"
    """Which plug-in."""
    tenant_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    """Directory (tenant) id."""
    client_id: str = ""
    """Application id. Empty: only the metadata is looked at."""
    client_secret: Secret | None = None
    """Client secret, by reference."""
    authority: Annotated[str, Field(pattern=r"^https?://[^\s/@]+$")] = "https://login.microsoftonline.com"
    """Where people sign in; national clouds differ."""
    scope: str = "https://graph.microsoft.com/.default"
    """What the token would be for."""
    token_every: Duration = 300.0
    """A fresh token is asked for this often, and at every look while it fails. Cached tokens would hide the outage."""


class EntraProbe(Probe[EntraSettings]):
    """Client credentials are not covered by Entra's backup authentication: this fails when it fails.
    A refused credential of our own is our own fault, not an outage."""

    kind = "entra"
    plane = "auth"
    medium: ClassVar[str] = "https"
    Settings = EntraSettings

    def __init__(self, name: str, settings: EntraSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._next_token = 0.0

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        base = f"{s.authority}/{s.tenant_id}"
        page = await fetch(f"{base}/v2.0/.well-known/openid-configuration", timeout_s=s.timeout / 2)
        bad = self._metadata(page)
        if bad is not None:
            self._next_token = 0.0
            return bad
        if not s.client_id or s.client_secret is None or self.clock.monotonic() < self._next_token:
            return self.saw(Result.OK, "", "the OpenID metadata can be read")
        return await self._token(base, s.client_secret)

    def _metadata(self, page: Page) -> Signal | None:
        if page.problem:
            return self.saw(Result.FAIL, page.problem, f"OpenID metadata: {page.problem} {page.detail}".strip())
        if page.status in {400, 404}:
            return self.saw(Result.UNKNOWN, OWN + "tenant", f"OpenID metadata: {page.status}: is tenant_id right?")
        if page.status == 429:
            return self.saw(Result.UNKNOWN, LIMITED, "OpenID metadata: 429: a limit, no outage")
        if page.status >= 500:
            return self.saw(Result.FAIL, "5xx", f"OpenID metadata: {page.status}")
        found = _object(page)
        if page.status != 200 or not isinstance(found.get("token_endpoint"), str):
            text = f"OpenID metadata: {page.status}, and no metadata: {_start(page)}"
            return self.saw(Result.UNKNOWN, UNREADABLE, text)
        return None

    async def _token(self, base: str, secret: Secret) -> Signal:
        s = self.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": s.client_id,
            "client_secret": secret.reveal(),
            "scope": s.scope,
        }
        page = await fetch(f"{base}/oauth2/v2.0/token", method="POST", data=form, timeout_s=s.timeout / 2)
        found = _object(page)
        token = found.get("access_token")
        if page.status == 200 and isinstance(token, str) and token:
            self._next_token = self.clock.monotonic() + s.token_every
            return self.saw_parts(
                Result.OK, "", f"a fresh token in {page.seconds:.1f} s", numbers={"seconds": round(page.seconds, 3)}
            )
        self._next_token = 0.0
        return self._no_token(page, str(found.get("error_description") or found.get("error") or ""))

    def _no_token(self, page: Page, said: str) -> Signal:
        if page.problem:
            return self.saw(Result.FAIL, page.problem, f"token: {page.problem} {page.detail}".strip())
        own = next((c for c in OWN_CODES if f"{c}:" in f"{said}:"), "")
        if own:
            kind = OWN + ("clock" if own == "AADSTS700024" else "credential")
            return self.saw(Result.UNKNOWN, kind, f"token: Entra refuses our credential ({own})")
        if page.status == 429:
            return self.saw(Result.UNKNOWN, LIMITED, "token: 429: a limit, no outage")
        if page.status >= 500:
            return self.saw(Result.FAIL, "5xx", f"token: {page.status}")
        code = _CODE.search(said)
        if code is None:  # a proxy, a portal, a page: not Entra's word
            return self.saw(Result.UNKNOWN, UNREADABLE, f"token: {page.status}, and no answer of Entra: {_start(page)}")
        return self.saw(Result.FAIL, "4xx", f"token: {page.status} {code.group(0)}")


def _object(page: Page) -> dict[str, object]:
    """The body as a JSON object; empty when it is anything else."""
    try:
        found = json.loads(page.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _start(page: Page) -> str:
    return repr(" ".join(page.body.split())[:60])


PLUGIN = ProbePlugin(api=1, settings=EntraSettings, make=EntraProbe)
