"""A change that a person makes: asked for in exact words, waited for, and believed only when the servers serve it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bcp.contracts.action import NoLongerHolds, StepInfo
from bcp.contracts.dns import ByHand, Dns, MxHost, MxSet, Reading, Swap, SwapOrder, SwapState
from bcp.contracts.services import Halt, Services
from bcp.kernel.errors import GateClosed, NoAnswer
from bcp.kernel.hashing import digest
from bcp.mx.judged import Judged, no, note, together
from bcp.mx.read import by_back_end

LOOK_EVERY_S = 2.0
"""Between two looks at the authoritative servers."""
JUDGE_EVERY_S = 60.0
"""Between two judgements of whether it should still be entered."""
SURE = 2
"""So many judgements in a row say that it should not: one may fall between two states."""
HARM = frozenset({"service-well", "domain-well", "service-down"})
"""What makes harm of what was asked for: mail would leave a server that works, or go to a dead one."""


@dataclass
class _Hand:
    """One request to people, for the domains of one host."""

    orders: Sequence[SwapOrder]
    hands: ByHand
    dns: Dns
    services: Services
    step: StepInfo
    halt: Halt
    seen: dict[str, Reading] = field(default_factory=dict)
    withdrawn: str = ""
    """Why nobody is asked any longer."""
    against: int = 0
    judged: float = 0.0

    def __post_init__(self) -> None:
        self.judged = self.services.clock.monotonic()

    async def harms(self) -> bool:
        """Would it do harm by now? People take their time, and the world goes on meanwhile."""
        now = self.services.clock.monotonic()
        if self.withdrawn or now - self.judged < JUDGE_EVERY_S:
            return bool(self.withdrawn)
        self.judged = now
        try:
            await self.step.still()
        except NoLongerHolds as error:
            self.against = self.against + 1 if HARM & set(error.broken) else 0
            self.withdrawn = error.message if self.against >= SURE else ""
        else:
            self.against = 0
        return bool(self.withdrawn)

    async def look(self) -> bool:
        """Is everything served as it was asked for?"""
        self.seen = {r.domain: r for r in await self.dns.read([o.domain for o in self.orders])}
        return all(stands(o, self.seen[o.domain].mx) for o in self.orders)

    async def until_seen(self, seconds: float, *, asking: bool = False) -> bool:
        """Look again and again. ``asking``: nobody has said yet that it is done; it ends when that would do harm."""
        clock = self.services.clock
        end = clock.monotonic() + seconds
        while not await self.look():
            if clock.monotonic() >= end or self.halt.on:
                return False
            if asking and await self.harms():
                return False
            await clock.sleep(LOOK_EVERY_S)
        return True

    async def ask(self, who: Sequence[str], seconds: float, why: str) -> bool:
        """Ask these people, and look meanwhile. True: it is seen, or somebody says that it is done.

        Raises:
            GateClosed: somebody says no, or nobody could be asked.
        """
        text = f"{why}{self.hands.words(self.left)}"
        bound = digest([[o.domain, o.old.to_data(), o.new.to_data()] for o in self.orders])
        approvals = self.services.approvals
        asked = asyncio.ensure_future(
            approvals.wait(self.step.id, who, 1, seconds, exclude_initiator=False, bound=bound, about=text)
        )
        looked = asyncio.ensure_future(self.until_seen(seconds, asking=True))
        try:
            await asyncio.wait([asked, looked], return_when=asyncio.FIRST_COMPLETED)
            if looked.done() and looked.result():
                return True
            if looked.done() and (self.halt.on or self.withdrawn):
                return False
            await asked
            return True
        except NoAnswer:
            return False
        finally:
            for task in (asked, looked):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, GateClosed):
                    await task

    @property
    def left(self) -> list[SwapOrder]:
        """What is not served yet: nobody is asked to enter what stands there."""
        return [o for o in self.orders if not stands(o, self.seen[o.domain].mx)]

    def why(self, *, said: bool) -> str:
        """What is told to those who are asked next: what the servers serve in place of it, where they serve any."""
        left = self.left
        done = (
            f"{len(self.orders) - len(left)} of {len(self.orders)} are done. " if len(left) < len(self.orders) else ""
        )
        if found := "".join(amiss(o, self.seen[o.domain].mx) or unclear(self.seen[o.domain]) for o in left):
            return done + found
        if said:
            return f"{done}Said to be done, and the servers do not serve it. "
        return done or "Nothing has changed yet. "


def amiss(order: SwapOrder, mx: MxSet | None) -> str:
    """What somebody entered otherwise than it was asked for, and what to do about it. Empty: nothing shows. Pure."""
    there, wanted, before = set(mx.hosts) if mx else set(), set(order.new.hosts), set(order.old.hosts)
    strange = sorted(there - wanted - before)
    if not strange:
        both = wanted <= there and not there <= wanted
        return f"{order.domain} has the new record and still the old one: delete the old one. " if both else ""
    named = ", ".join(map(str, strange))
    return f"{order.domain} now has {named}; that is not what was asked for: {_slip(strange[0], order)} "


def unclear(reading: Reading) -> str:
    """What is told where the servers do not say the same, or say nothing: neither *changed* nor *unchanged* is true."""
    return f"{reading.domain}: {reading.problem}. " if reading.problem else ""


def _slip(entered: MxHost, order: SwapOrder) -> str:
    """How a record differs from the one that was meant."""
    for host in order.new.hosts:
        if entered.host == host.host:
            return f"the priority must be {host.preference}."
        if entered.host.startswith(host.host) and order.domain.endswith(entered.host[len(host.host) :].rstrip(".")):
            return "the form added the zone's name to the host: end the host with a dot."
    return f"the host must be exactly {order.new.hosts[0].host.rstrip('.')}."


def requested(orders: Sequence[SwapOrder], services: Services) -> Judged:
    """Where people enter records: what they will be asked to do; refused where nobody could be asked."""
    out = []
    for name, group in by_back_end([o.domain for o in orders], services).items():
        hands = services.dns[name].capabilities.by_hand
        if hands is None:
            continue
        why = services.approvals.answerable(hands.who, 1, exclude_initiator=False)
        if why:
            hint = f"Name somebody: dns: {name}: who: in bcp.yaml."
            out.append(no("dns.nobody-enters", f"{name}: nobody could be asked to enter records: {why}", hint))
        out.append(note(f"{name}: {hands.words([o for o in orders if o.domain in set(group)])}"))
    return together(out)


def stands(order: SwapOrder, mx: MxSet | None) -> bool:
    """Is the new set served? A form may have a TTL of its own; where the order is about the TTL, it counts."""
    return order.new.equal(mx) if order.new.same(order.old) else order.new.same(mx)


def still_to_come(orders: Sequence[SwapOrder], seen: Mapping[str, Reading], services: Services, since: float) -> str:
    """What to tell where people were asked for so long that it was given up, and what was asked for is not served: that
    somebody may still enter it. Empty: it is not so. ``since``: when they were first asked; 0 is not known.
    """
    out = []
    for order in orders:
        host = services.dns[services.domains[order.domain].dns]
        hands, there = getattr(getattr(host, "capabilities", None), "by_hand", None), seen[order.domain]
        if (
            hands is not None
            and not stands(order, there.mx)
            and since
            and services.clock.now() - since >= hands.give_up_s
        ):
            wrong = amiss(order, there.mx).strip() or f"{order.domain} is served as {there.problem or there.mx}."
            out.append(f"{wrong} It was asked for {order.new}, and somebody may still enter it.")
    return " ".join(out)


async def entered(
    orders: Sequence[SwapOrder], hands: ByHand, dns: Dns, services: Services, step: StepInfo, halt: Halt
) -> list[Swap]:
    """Have these records entered by a person, and say how each domain ended.

    The first person is asked; when nothing changes in time, or a yes is not seen, others are asked, until it is given
    up or ``halt`` is set. Nothing is ever believed but what every authoritative server serves.
    """
    hand, clock = _Hand(orders, hands, dns, services, step, halt), services.clock
    end, who, why = clock.monotonic() + hands.give_up_s, hands.who, ""
    if await hand.look():
        return [_end(o, hand.seen, "") for o in orders]
    while (left := end - clock.monotonic()) > 0 and not (halt.on or hand.withdrawn):
        try:
            said = await hand.ask(who, min(hands.remind_s, left), why)
        except GateClosed as no:
            return [_end(o, hand.seen, no.message, refused=True) for o in orders]
        if said and await hand.until_seen(min(hands.appear_s, max(0.0, end - clock.monotonic()))):
            break
        who = hands.escalate
        why = hand.why(said=said)
    return [_end(o, hand.seen, hand.withdrawn) for o in orders]


def _end(order: SwapOrder, seen: Mapping[str, Reading], why: str, *, refused: bool = False) -> Swap:
    """How one domain ended, by what the servers serve."""
    domain, reading = order.domain, seen[order.domain]
    if stands(order, reading.mx):
        assert reading.mx is not None
        odd = "" if reading.mx.ttl_s == order.new.ttl_s else f"entered with a TTL of {reading.mx.ttl_s} s"
        return Swap(domain, SwapState.APPLIED, reading.mx, odd)
    if reading.mx is not None and not order.old.same(reading.mx):
        text = f"expected {order.new}, and the servers serve {reading.mx}"
        hint = amiss(order, reading.mx).strip() or "Somebody entered something else."
        if refused or not {h.host for h in order.new.hosts} & {h.host for h in reading.mx.hosts}:
            return Swap(domain, SwapState.CONFLICT, reading.mx, text, f"{hint} Look, then plan again.")
        # mail goes there, if only in part: the run stays open, so that it can go on, and back, when it is corrected
        return Swap(domain, SwapState.UNKNOWN, reading.mx, text, f"{hint} Then `bcp settle`.", "not-visible")
    if refused and reading.problem:
        text = f"whether it was entered is not known: {why}, and {reading.problem}"
        hint = "See what stands at the registrar, then `bcp settle`."
        return Swap(domain, SwapState.UNKNOWN, None, text, hint, "unread")
    if refused:
        text, hint = f"it was not entered: {why}", "Nothing was changed. Plan again when somebody can enter it."
        return Swap(domain, SwapState.REFUSED, reading.mx, text, hint, "by-hand")
    text = f"it is not served: {reading.problem or reading.mx}; somebody may still enter it"
    if why:
        text = f"nobody is asked any longer: {why}. By now {text}"
    hint = "See whether it was entered and saved at the registrar, then `bcp settle`."
    return Swap(domain, SwapState.UNKNOWN, reading.mx, text, hint, "not-visible")
