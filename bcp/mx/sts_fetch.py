"""Get a domain's MTA-STS policy as a sender would (RFC 8461 section 3.3): the TXT record, then the file over HTTPS."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bcp.contracts.dns import HostFacts, StsPolicy
from bcp.kernel.errors import Transient
from bcp.kit.fetch import Page, fetch
from bcp.mx.sts import read_policy, record_of

LookUp = Callable[[str], Awaitable[HostFacts]]
Texts = Callable[[str], Awaitable[tuple[str, ...]]]


async def fetch_policy(
    domain: str, texts: Texts, look_up: LookUp, *, ca_file: Path | None = None, timeout_s: float = 10.0, port: int = 443
) -> StsPolicy:
    """The policy as a sender would get it now. Never raises for what the other side does."""
    try:
        record = record_of(await texts(f"_mta-sts.{domain}"))
    except Transient as error:
        return StsPolicy(unasked=error.message)
    if not record:
        return StsPolicy()
    host = f"mta-sts.{domain}"
    facts = await look_up(host)
    if not facts.addresses:
        return StsPolicy(True, record=record, problem=f"{host}: {facts.problem}")
    origin = f"https://{host}" if port == 443 else f"https://{host}:{port}"
    page = await fetch(
        f"{origin}/.well-known/mta-sts.txt",
        timeout_s=timeout_s,
        cap=65_536,
        ca_file=ca_file,
        addresses=facts.addresses,
    )
    if problem := _unusable(page):
        return StsPolicy(True, record=record, problem=problem)
    policy = read_policy(page.body)
    return StsPolicy(True, policy.mode, policy.patterns, policy.max_age_s, policy.problem, record=record)


_SAID = {
    "timeout": "it did not come in time",
    "tls": "its certificate is not valid",
    "refused": "the connection was refused",
    "unreachable": "there is no connection",
    "unresolved": "its name does not resolve",
    "closed": "the connection broke off",
    "not-http": "what came is not HTTP",
}


def _unusable(page: Page) -> str:
    if page.problem:
        detail = f" ({page.detail})" if page.detail else ""
        return _SAID.get(page.problem, page.problem) + detail
    if page.status in range(300, 400):
        return f"the server redirects ({page.status}), which senders do not follow (RFC 8461 section 3.3)"
    return "" if page.status == 200 else f"the server answers {page.status}"
