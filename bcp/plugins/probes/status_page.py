"""``status-page``: a public status page or feed, by URL. Weak: it may be late, wrong, or down itself."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import DISPROVES, Probe, ProbePlugin, ProbeSettings, Result, Role, Signal
from bcp.kit.fetch import fetch

_TAGS = re.compile(r"<[^<>]{0,500}>")


def _compiles(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error
    return text


Pattern = Annotated[str, Field(min_length=2, max_length=200), AfterValidator(_compiles)]


class StatusPageProbeSettings(ProbeSettings):
    """One page."""

    kind: Literal["status-page"] = "status-page"
    """Which plug-in."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$")]
    """The page or feed."""
    down: Pattern = (
        r"(?i)(service (degradation|interruption)|outage|incident).{0,200}(exchange|outlook)"
        r"|(exchange|outlook).{0,200}(service (degradation|interruption)|outage|incident)"
    )
    """Text that says it is down. Tags are taken out before."""
    up: Pattern = (
        r"(?i)no (known )?(active )?(incidents|issues)|all systems operational|everything.{0,20}up and running"
    )
    """Text that says all is well."""
    every: Duration | None = 120.0
    """Time between looks."""
    verify: bool = True
    """False: certificates are not checked (a lab)."""


class StatusPageProbe(Probe[StatusPageProbeSettings]):
    """Looks for words. Two weak signs corroborate, one does not; silence and what is not understood are *unknown*."""

    kind = "status-page"
    plane = "declared"
    role: ClassVar[Role] = Role.DECLARED
    medium: ClassVar[str] = "https"
    quick: ClassVar[bool] = False
    Settings = StatusPageProbeSettings

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        host = s.url.split("/")[2]
        page = await fetch(s.url, timeout_s=s.timeout, verify=s.verify)
        if page.problem or page.status != 200:
            return self.saw(
                Result.UNKNOWN, page.problem or "status", f"{host} cannot be read: {page.problem or page.status}"
            )
        text = " ".join(_TAGS.sub(" ", page.body).split())
        if found := re.search(s.down, text):
            return self.saw(Result.DEGRADED, "declared", f"{host}: {found.group(0)[:80]}")
        if re.search(s.up, text):
            return self.saw(Result.OK, DISPROVES, f"{host} says all is well")
        return self.saw(Result.UNKNOWN, "none", f"{host} says nothing that is understood")


PLUGIN = ProbePlugin(api=1, settings=StatusPageProbeSettings, make=StatusPageProbe)
