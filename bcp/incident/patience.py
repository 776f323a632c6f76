"""Which refusals can pass by themselves, and how long to wait before asking again. Pure.

An outage goes on while a relay restarts or a name server hangs for twenty seconds. What was refused for such a
reason is tried again for as long as the outage lasts, and said once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bcp.kernel.errors import BcpError, InDoubt, Transient

PASSING = frozenset(
    {
        "cannot-plan",  # a fact could not be read in time
        "cooldown",  # the target rests; it ends, or a person lifts it
        "dane.not-checked",
        "dns-not-ready",
        "dns.not-proven",
        "dns.servers-disagree",  # a secondary that is late catches up
        "dns.silent",
        "dns.target-no-address",
        "dns.target-unknown",
        "dns.unreadable",
        "mta-sts.unreadable",
        "one-run-per-target",  # the other run ends
        "plan-expired",
        "plan-stale",  # the world moved while the plan was made: a fresh plan sees the new one
        "relay-not-ready",
        "run-live",
        "steady-state",  # one look fell between two states
    }
)
"""Rules whose no can become a yes without anybody changing the configuration or the playbook."""
FIRST_S, MOST_S = 5.0, 60.0
"""The first wait, and the longest, in seconds; each is twice the one before."""


def may_try_again(error: BcpError) -> bool:
    """Can this pass: transient by its kind or by its rule? What is in doubt is never tried again blindly."""
    if isinstance(error, InDoubt):
        return False
    return isinstance(error, Transient) or error.rule in PASSING


def wait_s(attempt: int) -> float:
    """How long to wait after this attempt; the first is 0."""
    return float(min(MOST_S, FIRST_S * 2 ** min(attempt, 10)))


_OF_A_DOMAIN = re.compile(r"([\w-]+(?:\.[\w-]+)+): (.+)", re.DOTALL)


def together(messages: Iterable[str]) -> list[str]:
    """Each reason once, with the first of the domains that it is said of: a credential that has ended is one reason
    for a thousand of them."""
    found: dict[str, list[str]] = {}
    for message in messages:
        of = _OF_A_DOMAIN.fullmatch(message)
        found.setdefault(of[2] if of else message, []).extend([of[1]] if of else [])
    said = {text: names for text, names in found.items() if not repeated(text, found)}
    return [f"{_some(list(dict.fromkeys(names)))}: {text}" if names else text for text, names in said.items()]


def repeated(text: str, others: Iterable[str]) -> bool:
    """Does it end with what another one says alone: a check before a step and the step itself have one reason?"""
    return any(text.endswith(f": {other}") for other in others)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
