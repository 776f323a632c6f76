"""MTA-STS (RFC 8461): what senders find when they look for a domain's policy. Parsing is pure; ``fetch_policy`` reads."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from bcp.contracts.dns import HostFacts, StsPolicy
from bcp.kernel.errors import Transient
from bcp.kit.fetch import Page, fetch

MODES = ("enforce", "testing", "none")
LookUp = Callable[[str], Awaitable[HostFacts]]
Texts = Callable[[str], Awaitable[tuple[str, ...]]]


def record_of(texts: Sequence[str]) -> str:
    """The TXT record that announces a policy; empty when there is none, or more than one (section 3.1: then none counts)."""
    found = [t for t in texts if t.replace(" ", "").lower().partition(";")[0] == "v=stsv1"]
    return found[0] if len(found) == 1 else ""


def parse_policy(text: str) -> tuple[str, list[str]]:
    """Mode and ``mx`` patterns of a policy (section 3.2). An unknown mode is no mode: empty."""
    policy = read_policy(text)
    return policy.mode, list(policy.patterns)


def read_policy(text: str) -> StsPolicy:
    """A policy's body, or what is wrong with it. Unknown keys are allowed; the first of a repeated key counts."""
    fields: dict[str, str] = {}
    patterns: list[str] = []
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        name, value = key.strip().lower(), value.strip().lower()
        if colon and name == "mx":
            patterns.append(value.rstrip("."))
        elif colon:
            fields.setdefault(name, value)
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    problem = ""
    if fields.get("version") != "stsv1":
        problem = "it does not begin with version: STSv1"
    elif mode not in MODES:
        problem = f"its mode is {mode!r}" if mode else "it has no mode"
    elif not (age.isascii() and age.isdigit()):
        problem = "it has no max_age in seconds"
    elif mode != "none" and not patterns:
        problem = "it names no mx"
    return StsPolicy(True, mode, tuple(patterns), int(age) if not problem else 0, problem)


def policy_matches(pattern: str, host: str) -> bool:
    """Does an ``mx`` pattern cover a host? ``*.`` stands for exactly one label (section 4.1)."""
    name, wanted = host.rstrip(".").lower(), pattern.rstrip(".").lower()
    if wanted.startswith("*."):
        return name.partition(".")[2] == wanted[2:] and not name.startswith(".")
    return name == wanted


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
