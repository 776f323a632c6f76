"""What an SMTP answer says about the service, and what it says about us. Exchange Online's codes, and the general ones.

Sources: RFC 3463; Microsoft's list of non-delivery codes (fix-error-code-451-4-7-500-699, email non-delivery reports).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bcp.contracts.probe import OWN, REJECTS, THROTTLED, ProbeSettings
from bcp.kit import smtp
from bcp.kit.smtp import Talk

_ENHANCED = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_CONNECTOR = {"5.7.64", "5.7.51"}
"""TenantAttribution, RestrictDomainsToIPAddresses: our connector does not know this sender."""


def judge(talk: Talk) -> str:
    """Kind of failure: refused, timeout, closed, tls, 4xx, 5xx, rejects, throttled, own-connector; empty for success."""
    if talk.ok:
        return ""
    if not talk.code or talk.kind == "closed":
        return talk.kind
    found = _ENHANCED.search(talk.text)
    code = found.group(0) if found else ""
    if code in _CONNECTOR:
        return OWN + "connector"
    policy = bool(found) and found is not None and found.group(2) == "7"
    if policy and 500 <= int(found.group(3)) <= 708:  # type: ignore[union-attr]
        return THROTTLED
    if talk.code >= 500:
        if policy or talk.stage != "rcpt":
            return THROTTLED if policy or talk.stage in {"greeting", "mail"} else "5xx"
        return REJECTS
    return "4xx"


class SmtpTarget(ProbeSettings):
    """A mail host to speak with."""

    host: str
    """Name or address of the mail host."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """Port."""
    addresses: list[str] = Field(default_factory=list)
    """Addresses, where the name should not be resolved."""
    sender: str = ""
    """Sender of the probe; empty is the null sender."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for the host name. Empty: the system's."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One address."""

    address: str
    talk: Talk
    kind: str


async def look_at(
    addresses: Sequence[str], port: int, *, recipient: str, sender: str, timeout_s: float, tls_name: str = ""
) -> list[Seen]:
    """A conversation with every address, side by side, each with the whole deadline."""
    talks = await asyncio.gather(
        *(
            smtp.rcpt(a, port, recipient=recipient, sender=sender, timeout_s=timeout_s, tls_name=tls_name)
            for a in addresses
        )
    )
    return [Seen(a, t, judge(t)) for a, t in zip(addresses, talks, strict=True)]
