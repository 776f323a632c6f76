"""``https``: does a web front door answer: Outlook on the web, autodiscover, a control site?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.probe import OWN, Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kit.fetch import Page, fetch

LIMITED = "429"


class HttpsProbeSettings(ProbeSettings):
    """One URL to look at."""

    kind: Literal["https"] = "https"
    """Which plug-in."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
    """Where to look. Without a login: it tells whether the front door stands, nothing about mailboxes."""
    expect: list[Annotated[int, Field(ge=100, le=599)]] = Field(default_factory=list)
    """Status codes that are well. Empty: everything below 500; a redirect to a login page or a 401 is well.
    429 limits this prober, and says nothing."""
    slow: Annotated[float, Field(gt=0)] = 5.0
    """Seconds after which the answer is *degraded*."""
    verify: bool = True
    """False: certificates are not checked (a lab)."""


class HttpsProbe(Probe[HttpsProbeSettings]):
    """One GET. Redirects are answers and are not followed; at most 64 KiB are read, and nothing is unpacked."""

    kind = "https"
    plane = "edge"
    medium: ClassVar[str] = "https"
    Settings = HttpsProbeSettings

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        page = await fetch(s.url, timeout_s=s.timeout, verify=s.verify)
        host = s.url.split("/")[2]
        if page.problem:
            return self._broken(page, host)
        if s.control:  # whatever it says, HTTPS works from here
            return self.saw(Result.OK, "", f"{host} answers {page.status}")
        if page.status == 429 and 429 not in s.expect:
            return self.saw(Result.UNKNOWN, LIMITED, f"{host} answers 429: it limits this address, and says no more")
        good = page.status in s.expect if s.expect else page.status < 500
        numbers = {"seconds": round(page.seconds, 3)}
        if not good:
            kind = "5xx" if page.status >= 500 else "unexpected"
            return self.saw_parts(Result.FAIL, kind, f"{host} answers {page.status}", numbers=numbers)
        if page.seconds > s.slow:
            text = f"{host} answers {page.status} after {page.seconds:.1f} s"
            return self.saw_parts(Result.DEGRADED, "slow", text, numbers=numbers)
        return self.saw_parts(Result.OK, "", f"{host} answers {page.status}", numbers=numbers)

    def _broken(self, page: Page, host: str) -> Signal:
        if "not yet valid" in page.detail:
            return self.saw(
                Result.UNKNOWN, OWN + "clock", f"{host}: its certificate is not yet valid: is our clock wrong?"
            )
        return self.saw(Result.FAIL, page.problem, f"{host}: {page.problem}{': ' + page.detail if page.detail else ''}")


PLUGIN = ProbePlugin(api=1, settings=HttpsProbeSettings, make=HttpsProbe)
