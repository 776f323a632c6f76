"""What became of one order: judged from what the host said and what stands there now. The second counts. Pure."""

from __future__ import annotations

from bcp.contracts.dns_writer import (
    Capabilities,
    Guard,
    Reading,
    Sent,
    SentState,
    Swap,
    SwapOrder,
    SwapState,
    Trouble,
)
from bcp.contracts.mx import MxSet
from bcp.kernel.units import format_duration

PASSING = frozenset({"throttled", "unreachable", "silent", "unreadable-now"})
"""Codes of a refusal that may be over in a moment: nothing was changed, and the same order may be sent again later."""

LONGEST_S = 3_600.0
"""Longer pauses are read as this one (``kit.http.retry_after``): the host may have asked for more."""

CARRYING = "the host is still carrying it to its servers"
"""What is told of a change that stands, while the host says that it is not yet at all its servers."""
UNREAD = "unread"
"""Code of an end that could not be looked up at the host: the change was sent."""
NOT_VISIBLE = "not-visible"
"""Code of an end that was accepted and does not show."""
SENT_AND = "the change was sent, and "
"""What is said of it begins so; why it cannot be looked up follows."""
MIXED = "mixed"
"""Code of an end in which records of two parties, or different sets at two hosts, stand side by side."""
_UNREADABLE = {
    Trouble.NO_ZONE: "zone",
    Trouble.TWO_ZONES: "two-zones",
    Trouble.NOT_ALLOWED: "credential",
}
SETTLE_HINT = "Read the MX at the host, then `bcp settle`."


def check_order(order: SwapOrder, capabilities: Capabilities) -> Swap | None:
    """Why an order must not be sent at all; ``None`` when it may. The last line of defence: plans refuse this
    before."""
    why = ""
    if not order.new.hosts:
        why = f"refusing to leave {order.domain} without MX"
    elif order.new.null:
        why = f"refusing to publish a null MX for {order.domain}: nobody could send it mail (RFC 7505)"
    elif order.old.null:
        why = f"{order.domain} has a null MX: it takes no mail by its owner's will (RFC 7505)"
    if why:
        return Swap(order.domain, SwapState.REFUSED, None, why, "Nothing was sent. Plan again.", "invalid")
    low, high = capabilities.min_ttl_s, capabilities.max_ttl_s
    if not low <= order.new.ttl_s <= high:
        why = f"this host takes TTLs from {low} to {high} s, not {order.new.ttl_s}"
        return Swap(order.domain, SwapState.REFUSED, None, why, "Set ttl: in the playbook. Nothing was sent.", "ttl")
    return None


def check_reading(order: SwapOrder, fresh: Reading) -> Swap | None:
    """For hosts whose write needs a token: does the fresh reading still show what the plan saw? ``None``: yes."""
    if fresh.problem:
        return unreadable(order.domain, fresh)
    if fresh.cname:
        return _alias(order, fresh)
    if order.new.equal(fresh.mx) and fresh.wildcard is None:
        return Swap(order.domain, SwapState.ALREADY, fresh.mx)
    if not order.old.same(fresh.mx) or bool(order.wildcard) is not (fresh.wildcard is not None):
        return _conflict(order, fresh.mx)
    return None


def unreadable(domain: str, fresh: Reading) -> Swap:
    """It could not be read, so that nothing was sent. The code says whether that may be over in a moment."""
    code = _UNREADABLE.get(fresh.trouble, "unreadable-now" if fresh.trouble.passing else "unreadable")
    return Swap(domain, SwapState.REFUSED, None, fresh.problem, "Nothing was sent.", code)


def awaited(order: SwapOrder, sent: Sent, now: Reading) -> bool:
    """Was a change accepted or lost that does not show yet: the old set stands, or it cannot be read for a moment?"""
    asked = sent.state in {SentState.ACCEPTED, SentState.LOST}
    return asked and (still_old(order, now) or (bool(now.problem) and now.trouble.passing))


def mixture(order: SwapOrder, swap: Swap) -> SwapOrder | None:
    """Where our records stand beside those of somebody who wrote in the same moment: the order that takes ours out
    again and leaves the other's whole set. ``None``: it is no mixture.

    A host without a compare-and-swap can make one: what was added between our reading and our batch survives it.
    """
    if swap.state is not SwapState.CONFLICT or swap.found is None or not swap.change:
        return None
    ours, there = set(order.new.hosts), set(swap.found.hosts)
    before = set() if order.wildcard else set(order.old.hosts)
    if not ours < there:
        return None
    others = (there - ours) | before
    if not others - before:
        return None
    return SwapOrder(order.domain, swap.found, MxSet(tuple(sorted(others)), order.old.ttl_s))


def put_back(swap: Swap, order: SwapOrder, now: Reading) -> Swap:
    """The end of a swap that ended in a mixture. ``order`` is what takes it apart, ``now`` what was read after that."""
    ours = set(order.old.hosts) - set(order.new.hosts)
    if now.mx is not None and not now.problem and not ours & set(now.mx.hosts):
        text = f"somebody else wrote it in the same moment; our records were taken out again, {now.mx} stands there"
        return swap._replace(found=now.mx, message=text)
    text = f"somebody else wrote it in the same moment, and now records of both stand there: {now.mx or order.old}"
    hint = f"Set {order.domain} by hand to what is meant: {order.new} is the other's set."
    return swap._replace(state=SwapState.UNKNOWN, message=text, hint=hint, code=MIXED)


def decide(order: SwapOrder, sent: Sent, now: Reading) -> Swap:
    """How one order ended, after it was read back."""
    return _decide(order, sent, now)._replace(change=sent.change)


def _decide(order: SwapOrder, sent: Sent, now: Reading) -> Swap:
    if now.problem:
        return _unread(order, sent, now)
    if now.cname:
        return _alias(order, now)
    if stands(order, now):
        state = SwapState.APPLIED if sent.state is SentState.ACCEPTED else SwapState.ALREADY
        return Swap(order.domain, state, now.mx, _said(order, sent, now) if state is SwapState.APPLIED else "")
    if sent.state is SentState.ACCEPTED:
        return _accepted_unseen(order, now)
    if sent.state is SentState.STALE:
        return _conflict(order, now.mx)
    if sent.state is SentState.LOST:
        message = f"no answer to the change ({sent.message}); it may still be applied"
        if now.mx is None:
            message = f"no answer to the change ({sent.message}), and {order.domain} has no MX at all now"
            return Swap(order.domain, SwapState.UNKNOWN, None, message, set_by_hand(order), sent.code)
        return Swap(order.domain, SwapState.UNKNOWN, now.mx, message, sent.hint or SETTLE_HINT, sent.code)
    return _refused(order, sent, now.mx)


def _said(order: SwapOrder, sent: Sent, now: Reading) -> str:
    """What is to be told of an order that was applied: what the host said, and a TTL that it made another."""
    if now.mx is None or now.mx.ttl_s == order.new.ttl_s:
        return sent.message
    other = f"the host made the TTL {now.mx.ttl_s} s"
    return f"{sent.message}; {other}" if sent.message else other


def stands(order: SwapOrder, now: Reading) -> bool:
    """Does the new set stand there? Where the order is about the TTL alone, it counts; else the host may have its
    own."""
    if now.mx is None or now.wildcard is not None:
        return False
    about_ttl = order.new.same(order.old) and not order.wildcard
    return order.new.equal(now.mx) if about_ttl else order.new.same(now.mx)


def still_old(order: SwapOrder, now: Reading) -> bool:
    """Does exactly what the order expects still stand there?"""
    return not now.problem and not now.cname and order.old.same(now.mx) and not stands(order, now)


def may_resend(order: SwapOrder, swap: Swap, sent: Sent, now: Reading, guard: Guard) -> bool:
    """May the same order be sent once more?

    Only while the old set stands. After a throttle nothing was changed: yes. After a lost answer only where the
    host itself refuses a stale order, because the first may still arrive.
    """
    if not still_old(order, now) or swap.state in {SwapState.APPLIED, SwapState.ALREADY}:
        return False
    if sent.state is SentState.STALE and now.mx is not None and now.wildcard is None:
        return now.mx.ttl_s != order.old.ttl_s  # somebody moved the TTL alone in the same moment: that is no conflict
    return sent.state is SentState.THROTTLED or (sent.state is SentState.LOST and guard is Guard.STRONG)


def _unread(order: SwapOrder, sent: Sent, now: Reading) -> Swap:
    """It cannot be read back. What is certain without reading stays certain."""
    if sent.state in {SentState.REFUSED, SentState.NOT_SENT, SentState.THROTTLED}:
        return _refused(order, sent, None)
    return Swap(order.domain, SwapState.UNKNOWN, None, f"{SENT_AND}{now.problem}", SETTLE_HINT, UNREAD)


def _accepted_unseen(order: SwapOrder, now: Reading) -> Swap:
    if still_old(order, now):
        message = f"the host accepted the change and still serves {now.mx}; it may still come"
        return Swap(order.domain, SwapState.UNKNOWN, now.mx, message, SETTLE_HINT, NOT_VISIBLE)
    return _conflict(order, now.mx)


def _conflict(order: SwapOrder, found: MxSet | None) -> Swap:
    if found is not None and order.old.same(found):
        moved = found.ttl_s != order.old.ttl_s
        why = "its TTL is being changed" if moved else "it comes from a wildcard, or was changed and changed back"
        message = f"the host refused the condition although {found} stands there: {why}"
        return Swap(order.domain, SwapState.CONFLICT, found, message, "Nothing was changed. Plan again.", "stale")
    there = str(found) if found else "no MX at all"
    message = f"expected {order.old}, found {there}, wanted {order.new}"
    return Swap(
        order.domain,
        SwapState.CONFLICT,
        found,
        message,
        "Somebody else changed it. Look who, then plan again." if found else set_by_hand(order),
        "stale",
    )


def after_lost(order: SwapOrder, swap: Swap) -> Swap:
    """The end of an order that was sent again after a lost answer. A refused condition beside the old set is no
    conflict: the first one may have been made, and what reads is behind."""
    if swap.state is not SwapState.CONFLICT or swap.found is None or not order.old.same(swap.found):
        return swap
    message = f"the first answer was lost, and the host refuses the condition although {swap.found} is read there"
    return swap._replace(state=SwapState.UNKNOWN, message=message, hint=SETTLE_HINT, code="lost")


def wait_of(seconds: float) -> str:
    """How long a host asks us to wait, in words."""
    return f"{format_duration(seconds)}{' or longer' if seconds >= LONGEST_S else ''}"


def set_by_hand(order: SwapOrder) -> str:
    """What to do where there is no MX: a host that deletes before it creates may leave it so."""
    return f"Mail for {order.domain} fails: set its MX by hand at once, to {order.new}, or as it was, to {order.old}."


def _alias(order: SwapOrder, now: Reading) -> Swap:
    hint = "An MX cannot stand beside a CNAME (RFC 1034 section 3.6.2)."
    return Swap(order.domain, SwapState.REFUSED, now.mx, f"{order.domain} is a CNAME to {now.cname}", hint, "cname")


def _refused(order: SwapOrder, sent: Sent, found: MxSet | None) -> Swap:
    if sent.state is SentState.THROTTLED:
        message = sent.message or "the host asks us to wait"
        if sent.retry_after_s >= 1:
            message += f"{',' if sent.message else ''} for {wait_of(sent.retry_after_s)}"
        hint = sent.hint or "Nothing was changed. Try again after that time."
        return Swap(order.domain, SwapState.REFUSED, found, message, hint, "throttled")
    return Swap(
        order.domain, SwapState.REFUSED, found, sent.message or "the host refuses this change", sent.hint, sent.code
    )
