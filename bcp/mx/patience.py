"""How long a host that stumbles is borne with: readings that failed for a moment are asked for again.

One 502 of a gateway, or a host that says *not now*, refuses no plan and leaves no change in doubt. A host that hangs is
not asked again: it would hang again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bcp.contracts.dns_writer import Reading, Sent, SentState, Swap, SwapOrder, SwapState, Trouble
from bcp.contracts.mx import MxSet
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, Transient
from bcp.mx.outcome import NOT_VISIBLE, SENT_AND, UNREAD, decide, still_old

if TYPE_CHECKING:
    from bcp.contracts.dns import Answer

Read = Callable[[Sequence[str]], Awaitable[list[Reading]]]
PAUSES_S = (0.5, 1.0, 2.0)
"""Before each further look at what failed for a moment."""
LONGEST_S = 10.0
"""Longest of these pauses, where the host itself says when it may be asked again."""
QUICK_S = 2.0
"""Where no domain could be read and this took longer, the host hangs."""
LATE_S = 15.0
"""So long a change whose answer never came may still appear, after all else was tried. A host that answered with an
error has ended its work on it, and is not waited for."""
LATE_AGAIN_S = 3.0
SILENT = frozenset({"silent", "timeout", "lost", "fault"})
"""Codes of an answer that never came."""


async def read_patiently(read: Read, domains: Sequence[str], clock: Clock) -> list[Reading]:
    """What stands at each domain, in order. Only what failed for a moment is read again.

    A host that cannot be reached at all is tried twice more: a second way may be waiting for its turn.
    """
    began = clock.monotonic()
    found = await read(domains)
    for count, pause in enumerate(PAUSES_S):
        again = [i for i, r in enumerate(found) if r.trouble.passing and (r.trouble is Trouble.SILENT or count < 2)]
        hangs = len(again) == len(found) and clock.monotonic() - began > QUICK_S
        wait = max([pause, *(found[i].retry_after_s for i in again)])
        if not again or hangs or wait > LONGEST_S:
            break
        await clock.sleep(wait)
        began = clock.monotonic()
        for i, fresh in zip(again, await read([domains[i] for i in again]), strict=True):
            found[i] = fresh
    return found


async def appeared_late(read: Read, lost: Mapping[int, SwapOrder], ends: dict[int, Swap], clock: Clock) -> None:
    """Look, for some time, whether an order whose answer never came, or that was accepted and does not show, is applied
    after all: ``ends`` is corrected.

    Whoever calls a run failed that moved an MX a moment later has lost it.
    """
    until = clock.monotonic() + LATE_S
    while clock.monotonic() < until:
        left = {i: o for i, o in lost.items() if ends[i].state is SwapState.UNKNOWN and o.old.same(ends[i].found)}
        if not left:
            return
        await clock.sleep(LATE_AGAIN_S)
        for (i, order), now in zip(left.items(), await read([o.domain for o in left.values()]), strict=True):
            if not now.problem and not still_old(order, now):
                state = SentState.ACCEPTED if ends[i].code == NOT_VISIBLE else SentState.LOST
                ends[i] = decide(order, Sent(order.domain, state, ends[i].code, change=ends[i].change), now)


def served_by_all(answers: Sequence[Answer], domain: str, wanted: MxSet) -> bool:
    """Does each authoritative address that answers serve it, and one at least? Pure."""
    told = [a for a in answers if a.domain == domain and not a.problem]
    return bool(told) and all(wanted.same(a.mx) for a in told)


async def seen_at_the_servers(
    ask: Callable[[Sequence[str]], Awaitable[list[Answer]]],
    orders: Sequence[SwapOrder],
    ends: dict[int, Swap],
    patience_s: float,
    clock: Clock,
) -> None:
    """What was sent and cannot be read back at the host (its credential has just ended, say): the authoritative servers
    know. Where all that answer serve the new set it was moved: ``ends`` is corrected. Anything else stays in doubt, and
    so does an order about the TTL alone.
    """
    until, pause = clock.monotonic() + patience_s, 0.25
    about_hosts = {i for i, o in enumerate(orders) if not o.new.same(o.old)}
    while blind := {orders[i].domain: i for i in about_hosts if ends[i].code == UNREAD}:
        answers = await ask(list(blind))
        for domain, i in blind.items():
            if served_by_all(answers, domain, orders[i].new):
                state = SwapState.APPLIED if ends[i].change else SwapState.ALREADY
                text = (
                    f"its servers say so, the host cannot be read: {ends[i].message.removeprefix(SENT_AND).rstrip('.')}"
                )
                ends[i] = ends[i]._replace(state=state, found=orders[i].new, message=text, hint="", code="")
        if clock.monotonic() >= until:
            return
        await clock.sleep(pause)
        pause = min(1.0, pause * 2)


def fault_of(error: BaseException) -> tuple[str, Trouble]:
    """An exception of a back end in words. Errors of the tree speak for themselves."""
    if isinstance(error, Transient):
        return error.message, Trouble.SILENT
    if isinstance(error, BcpError):
        return error.message, Trouble.ERROR
    if isinstance(error, (TimeoutError, OSError)):
        return f"the DNS host cannot be reached ({type(error).__name__})", Trouble.SILENT
    return f"fault in the DNS back end: {type(error).__name__}: {error}", Trouble.ERROR
