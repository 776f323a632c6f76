"""``entra``: does sign-in work? The OpenID metadata, and a token that is really new."""

from __future__ import annotations

import json
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import OWN, THROTTLED, Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kernel.secret import Secret
from bcp.kit.fetch import Page, fetch
from bcp.plugins.vendors.graph import OWN_CODES


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
    """Client credentials are not covered by Entra's backup authentication: this fails when it fails. A refused credential of our own is our own fault, not an outage."""

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
            return self.saw(Result.UNKNOWN, THROTTLED, "OpenID metadata: 429")
        if page.status != 200:
            return self.saw(Result.FAIL, f"{page.status // 100}xx", f"OpenID metadata: {page.status}")
        try:
            fine = "token_endpoint" in json.loads(page.body)
        except (ValueError, TypeError):
            fine = False
        return None if fine else self.saw(Result.FAIL, "not-json", "OpenID metadata: unreadable")

    async def _token(self, base: str, secret: Secret) -> Signal:
        s = self.settings
        form = {
            "grant_type": "client_credentials",
            "client_id": s.client_id,
            "client_secret": secret.reveal(),
            "scope": s.scope,
        }
        page = await fetch(f"{base}/oauth2/v2.0/token", method="POST", data=form, timeout_s=s.timeout / 2)
        if page.status == 200 and '"access_token"' in page.body:
            self._next_token = self.clock.monotonic() + s.token_every
            return self.saw(Result.OK, "", f"a fresh token in {page.seconds:.1f} s")
        self._next_token = 0.0
        if page.problem:
            return self.saw(Result.FAIL, page.problem, f"token: {page.problem} {page.detail}".strip())
        code = next((c for c in OWN_CODES if c in page.body), "")
        if code:
            kind = OWN + ("clock" if code == "AADSTS700024" else "credential")
            return self.saw(Result.UNKNOWN, kind, f"token: Entra refuses our credential ({code})")
        if page.status == 429:
            return self.saw(Result.UNKNOWN, THROTTLED, "token: 429")
        found = page.body[page.body.find("AADSTS") :][:14] if "AADSTS" in page.body else ""
        return self.saw(Result.FAIL, f"{page.status // 100}xx", f"token: {page.status} {found}".strip())


PLUGIN = ProbePlugin(api=1, settings=EntraSettings, make=EntraProbe)
