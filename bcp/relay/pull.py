"""The main node asks the agents: batch after batch, until there is nothing new."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bcp.contracts.relay import AgentWay
from bcp.contracts.relay_ledger import RelayLedger, Remark
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Refused, StorageError
from bcp.kit.relay_agent import ask_by_command, ask_by_url
from bcp.relay.batch import Request, checked_key
from bcp.relay.intake import TAKEN, take_reply

MOST = 10_000
"""Batches in one go."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of asking one relay. ``problem``: why it ended early; empty when all that there was is here."""

    relay: str
    batches: int = 0
    problem: str = ""
    rule: str = ""


async def pull(
    relay: str, way: AgentWay, ledger: RelayLedger, clock: Clock, doors: Mapping[str, str] | None = None
) -> Pulled:
    """Ask until nothing new comes; one that comes by itself is not asked. What goes wrong is noted in the ledger; only
    ``StorageError`` is raised. ``doors``: see ``bcp.relay.sources.next_doors``."""
    taken = 0
    if way.push:
        return Pulled(relay)
    try:
        key = checked_key(way.key.reveal().encode(), way.key.reference)
        for _ in range(MOST):
            done, more = await _once(relay, way, key, ledger, clock, doors or {})
            taken += done == TAKEN
            if not more:
                break
    except StorageError:
        raise
    except BcpError as error:
        _note(relay, ledger, error, clock.now())
        return Pulled(relay, taken, error.message, error.rule)
    source = ledger.source(relay)
    if source.blind and source.problem:
        return Pulled(relay, taken, f"its agent does not read: {source.problem}", "agent-unread")
    return Pulled(relay, taken)


async def _once(
    relay: str, way: AgentWay, key: bytes, ledger: RelayLedger, clock: Clock, doors: Mapping[str, str]
) -> tuple[str, bool]:
    source = ledger.source(relay)
    request = Request(relay, source.stream, source.seq, secrets.token_hex(8))
    asked: Mapping[str, str] = {
        "relay": relay,
        "stream": request.stream,
        "after": str(request.after),
        "nonce": request.nonce,
        "seal": request.sealed(key),
    }
    left = clock.now()
    raw = await (
        ask_by_url(way.url, asked, way.timeout) if way.url else ask_by_command(way.command, asked, way.timeout)
    )
    return take_reply(ledger, request, raw, key, clock.now(), left, doors)


def _note(relay: str, ledger: RelayLedger, error: BcpError, now: float) -> None:
    ledger.heard(replace(ledger.source(relay), problem=error.message[:300]))
    if isinstance(error, Refused) and error.rule in {"reply-replayed", "batch-forged", "batch-unreadable"}:
        ledger.remark(Remark(relay, now, error.rule, error.message))
