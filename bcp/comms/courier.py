"""The courier: one claim per recipient, message and channel; nothing is sent twice, nothing is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from zlib import crc32

from bcp.comms.pack import Pack, Template
from bcp.comms.recipients import Recipients, Row, mask, recipients, warnings
from bcp.comms.render import render
from bcp.comms.tallies import Count, summed, together
from bcp.comms.window import Window
from bcp.comms.words import Words, text_digest
from bcp.contacts.directory import Directory
from bcp.contracts.channel import Channel, Delivery, Message, NotSent, RateLimited, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.effect import step_of
from bcp.contracts.journal import Claim, ClaimState, Journal
from bcp.contracts.roles import expand
from bcp.contracts.services import Halt, Order, SendForecast, Tally
from bcp.kernel.calm import calm
from bcp.kernel.clock import Clock
from bcp.kernel.errors import BcpError, InDoubt, Invalid, Permanent, Transient, fault_in, storage_in
from bcp.kernel.hashing import digest_text
from bcp.kernel.secret import redact

Variables = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard we may push one channel."""

    concurrency: int = 20
    attempts: int = 4
    slowed: int = 10
    """How often we may be told to slow down with one message before it counts as failed."""
    longest_wait_s: float = 60.0
    ask_after_s: tuple[float, ...] = (1.0, 5.0)
    """Pauses before asking the vendor whether a delivery in doubt was taken."""


LIST_LAGS_S = 600.0
"""A vendor's list is asked more than once about claims younger than this."""
ARMED = "armed"


class Courier:
    """Delivers orders through channels, each delivery once, through the journal's ledger."""

    def __init__(
        self,
        directory: Directory,
        pack: Pack,
        channels: Mapping[str, Channel[Any]],
        journal: Journal | None,
        clock: Clock,
        variables: Variables,
        *,
        language: str = "en",
        drill: bool = False,
        paces: Mapping[str, Pace] | None = None,
        halt: Halt | None = None,
        roles: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.directory, self.pack, self.channels = directory, pack, channels
        self.journal, self.clock, self.variables = journal, clock, variables
        self.language, self.drill, self.paces = language, drill, dict(paces or {})
        self.halt = halt or Halt()
        self.roles = dict(roles or {})

    @cached_property
    def _words(self) -> Words:
        assert self.journal is not None, "a courier without a journal only forecasts"
        return Words(self.journal)

    def channel(self, name: str) -> Channel[Any]:
        """A channel by its name in the configuration. Raises ``Invalid``."""
        from bcp.kernel.document import did_you_mean

        if name not in self.channels:
            raise Invalid(f"there is no channel {name!r}", hint=did_you_mean(name, self.channels))
        return self.channels[name]

    def names(self, order: Order) -> tuple[str, ...]:
        """The channels of an order: roles are those who play them and have a form for this message."""
        forms = self.pack.get(order.template).forms()
        asked = frozenset(order.channels)
        found = expand(order.channels, self.channels, self.roles)
        return tuple(n for n in found if n in asked or self.channel(n).form in forms)

    def render_for(self, order: Order, form: str, language: str) -> Message:
        """The finished message of an order in one form and language. Raises ``Invalid``."""
        return self._render(self.pack.get(order.template), order, form, language)

    def _render(self, template: Template, order: Order, form: str, language: str) -> Message:
        return render(
            template, form, language or self.language, self.language, self.variables(order.variables), drill=self.drill
        )

    def _recipients(self, order: Order, channel: Channel[Any], only: Collection[str] | None = None) -> Recipients:
        template = self.pack.get(order.template)
        return recipients(
            order,
            channel,
            self.directory,
            lambda language: self._render(template, order, channel.form, language),
            now=self.clock.now(),
            language=self.language,
            only=only,
        )

    async def forecast(self, order: Order) -> list[SendForecast]:
        """Render for everybody and count; send nothing. Raises ``Invalid`` as ``deliver`` would."""
        out = []
        for name in self.names(order):
            channel = self.channel(name)
            found = self._recipients(order, channel)
            rows = found.rows
            sizes = [m.segments or 1 for _, _, m in rows]
            out.append(
                SendForecast(
                    name,
                    found.people,
                    len(rows),
                    sum(m.segments for _, _, m in rows),
                    channel.seconds_for(sizes),
                    len(found.missing),
                    rows[0][2].body if rows else "",
                    digest_text(self.pack.get(order.template).document.text)[:16],
                    tuple(warnings(rows)),
                    len(found.opted_out),
                    len(found.quiet),
                )
            )
        return out

    async def deliver(self, order: Order, key: str) -> list[Tally]:
        """Deliver. Repeating with the same key repeats no delivery that was settled."""
        if order.strategy == "first":
            return await self._first(order, key)
        names, tallies = self.names(order), dict[str, Tally]()

        async def one(name: str) -> None:
            tallies[name], _ = await self._channel(order, name, key)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))
        return [tallies[name] for name in names]

    def can_arm(self, order: Order) -> str:
        """Empty, or why it cannot be left with a vendor."""
        return next((f"{n}: {why}" for n in self.names(order) if (why := self.channel(n).can_schedule())), "")

    async def arm(self, order: Order, key: str, at: float, prefix: str) -> tuple[int, int]:
        """Leave the message with the vendor for ``at``; then take back what was left there before.
        In this order: never without one."""
        assert self.journal is not None
        left = 0
        for name in self.names(order):
            channel = self.channel(name)
            rows = self._recipients(order, channel).rows
            await self._words.write_down(step_of(key), (m for _, _, m in rows))
            for person, address, message in rows:
                claim = await self._claim(name, f"{key}/{ARMED}/{name}/{person}", address, message)
                if claim.state is ClaimState.DONE:
                    left += 1
                    continue
                delivery = Delivery(claim.key, address, message, claim.claimed_at or self.clock.now())
                receipt = (
                    await self._settle_doubt(channel, claim, delivery) if claim.state is ClaimState.IN_DOUBT else None
                )
                receipt = receipt or await channel.schedule(delivery, at)
                await self.journal.settle(
                    claim.key, {"state": "scheduled", "receipt": receipt.id, "channel": name, "at": at}
                )
                left += 1
        return left, await self.disarm(prefix, keep=f"{key}/{ARMED}/")

    async def disarm(self, prefix: str, *, keep: str = "") -> int:
        """Take back everything that still lies with a vendor under this prefix, but ``keep``."""
        assert self.journal is not None
        effects = {e.key: e for e in await self.journal.effects(prefix)}
        back = 0
        for key, effect in effects.items():
            outcome = effect.outcome or {}
            done = effects.get(f"{key}/back")
            if (
                outcome.get("state") != "scheduled"
                or (keep and key.startswith(keep))
                or (done and done.state == "settled")
            ):
                continue
            if float(outcome["at"]) > self.clock.now():
                await self.journal.claim_soon(f"{key}/back", effect.step, {"channel": outcome["channel"]})
                await self.channel(str(outcome["channel"])).unschedule(str(outcome["receipt"]))
                await self.journal.settle(f"{key}/back", {"state": "taken-back"})
                back += 1
        return back

    async def _first(self, order: Order, key: str) -> list[Tally]:
        """Each person by their first channel; by the next one where that has no address, is unwanted,
        or failed for good."""
        order = replace(order, channels=self.names(order))
        places = [n for n in order.channels if self.channel(n).broadcast]
        orders = {c.id: self._own_order(c, order) for c in self.directory.members(order.audience)}
        sums: dict[str, Tally] = {}
        for name in places:
            sums[name], _ = await self._channel(order, name, key)
        waiting = set(orders)
        for turn in range(max((len(o) for o in orders.values()), default=0)):
            by_channel: dict[str, set[str]] = {}
            for person in waiting:
                if turn < len(orders[person]):
                    by_channel.setdefault(orders[person][turn], set()).add(person)
            for name in (n for n in order.channels if n in by_channel):
                tally, reached = await self._channel(order, name, key, by_channel[name])
                sums[name] = together(sums[name], tally) if name in sums else tally
                waiting -= reached
        return [sums[n] for n in order.channels if n in sums]

    def _own_order(self, contact: Contact, order: Order) -> list[str]:
        """This person's own order of the channels of the order, then the rest."""
        usual = [n for n in order.channels if not self.channel(n).broadcast]
        own = [n for word in contact.channels for n in usual if word in (n, self.channel(n).form)]
        return list(dict.fromkeys((*own, *usual)))

    async def _channel(
        self, order: Order, name: str, key: str, only: Collection[str] | None = None
    ) -> tuple[Tally, set[str]]:
        """One channel; the tally, and who was reached or may have been."""
        channel, pace = self.channel(name), self.paces.get(name, Pace())
        found = self._recipients(order, channel, only)
        rows = found.rows
        await self._words.write_down(step_of(key), (m for _, _, m in rows))
        window, tally = Window(pace.concurrency), Count()
        queue: Iterator[Row] = iter(rows)
        reached: set[str] = set()

        # While one text is on its way the next claim goes to disk, where the vendor can be asked about claims that a
        # crash leaves behind; elsewhere a claim is made only when its text leaves.
        ahead = type(channel).find is not Channel.find

        def claim(row: Row) -> Awaitable[Claim]:
            return self._claim(name, f"{key}/{name}/{row[0]}", row[1], row[2])

        def take() -> Row | None:
            """The next recipient; nobody any more once the run is aborted."""
            if self.halt.on:
                tally.states["stopped"] += sum(1 for _ in queue)
                return None
            return next(queue, None)

        async def worker() -> None:
            row = take()  # one shared iterator: the order is kept
            claimed = claim(row) if row is not None else None
            while row is not None and claimed is not None:
                mine = await claimed
                following = take()
                claimed = claim(following) if following is not None and ahead else None
                async with window:
                    if await self._one(channel, mine, row[1], row[2], pace, window, tally):
                        reached.add(row[0])
                if following is not None and claimed is None:
                    claimed = claim(following)
                row = following

        with calm():
            async with asyncio.TaskGroup() as group:
                for _ in range(min(pace.concurrency, len(rows))):
                    group.create_task(worker())
            for settlement in tally.settling:
                await settlement
        return summed(name, found, tally), reached

    def _claim(self, channel: str, key: str, address: str, message: Message) -> Awaitable[Claim]:
        assert self.journal is not None, "a courier without a journal only forecasts"
        request = {
            "channel": channel,
            "to": mask(address),
            "text": text_digest(message.body),
            "segments": message.segments,
        }
        return self.journal.claim_soon(key, step_of(key), request)

    async def _one(
        self,
        channel: Channel[Any],
        claim: Claim,
        address: str,
        message: Message,
        pace: Pace,
        window: Window,
        tally: Count,
    ) -> bool:
        """Deliver one; true when it was taken, or may have been."""
        journal, key = self.journal, claim.key
        assert journal is not None
        delivery = Delivery(key, address, message, claim.claimed_at or self.clock.now())
        if claim.state is ClaimState.DONE:
            taken = (claim.outcome or {}).get("state") == "sent"
            tally.states["already" if taken else "failed"] += 1
            return taken
        try:
            receipt = (
                await self._settle_doubt(channel, claim, delivery, pace) if claim.state is ClaimState.IN_DOUBT else None
            ) or await self._send(channel, delivery, pace, window)
        except (Permanent, Transient, Invalid) as error:
            await journal.settle(key, {"state": "failed", "reason": error.message})
            tally.states["failed"] += 1
            tally.failures.append(f"{mask(address)}: {error.message}")
            return False
        except Exception as error:  # in doubt, or a fault of the channel, after which nobody knows
            if storage_in(error):
                raise
            why = error.message if isinstance(error, BcpError) else fault_in(channel.kind, error).message
            await journal.doubt(key, redact(why))
            tally.states["unknown"] += 1
            tally.failures.append(f"{mask(address)}: in doubt: {redact(why)}")
            return True
        else:
            tally.settling.append(journal.settle_soon(key, {"state": "sent", "receipt": receipt.id}))
            tally.states["sent"] += 1
            tally.segments += message.segments
            return True

    async def _settle_doubt(
        self, channel: Channel[Any], claim: Claim, delivery: Delivery, pace: Pace | None = None
    ) -> Receipt | None:
        """Did a delivery that a crash left behind arrive, with the text it had then? ``None``:
        it did not, and may be sent with the text of now."""
        texts = self._words.under(claim)
        if texts is None:
            raise InDoubt("the text it had before the crash is not known", hint="Look at the vendor's log.")
        young = self.clock.now() - claim.claimed_at < LIST_LAGS_S
        for pause in (pace or Pace()).ask_after_s if young else (0.0,):
            await self.clock.sleep(pause)
            for text in texts:
                if found := await self._find(channel, replace(delivery, message=text)):
                    return found
        await self._words.retell(step_of(claim.key), claim, delivery.message)
        return None

    async def _find(self, channel: Channel[Any], delivery: Delivery) -> Receipt | None:
        """Ask the vendor. Where its list shows numbers alone, what is known to be another delivery's is left out."""
        if channel.by_number:
            assert self.journal is not None
            effects = await self.journal.effects(delivery.key.partition("/")[0])
            known = ((e.outcome or {}).get("receipt") for e in effects if e.key != delivery.key)
            delivery = replace(delivery, others=frozenset(str(r) for r in known if r))
        return await channel.find(delivery)

    async def _send(self, channel: Channel[Any], delivery: Delivery, pace: Pace, window: Window) -> Receipt:
        last: BcpError | None = None
        attempt = slowed = 0
        while attempt < pace.attempts and slowed < pace.slowed:
            try:
                receipt = await channel.send(delivery)
            except RateLimited as error:  # never processed: safe to repeat, and no attempt of the vendor's
                window.slow_down()
                last = error
                wait = max(
                    error.retry_after_s or 0.0, 0.25 * 2**slowed * (0.75 + crc32(delivery.key.encode()) % 512 / 1024)
                )
                slowed += 1
                async with window.aside():
                    await self.clock.sleep(min(pace.longest_wait_s, wait))
            except NotSent as error:
                last = error
                wait = error.retry_after_s if error.retry_after_s is not None else 0.5 * 2**attempt
                attempt += 1
                async with window.aside():
                    await self.clock.sleep(min(pace.longest_wait_s, wait))
            except InDoubt:
                async with window.aside():
                    found = await self._ask(channel, delivery, pace.ask_after_s)
                if found is not None:
                    return found
                attempt += 1
                last = NotSent("the vendor says it was not taken")
            else:
                window.went_well()
                return receipt
        raise last or NotSent("no attempt was made")

    async def _ask(self, channel: Channel[Any], delivery: Delivery, pauses: tuple[float, ...]) -> Receipt | None:
        """Ask the vendor. A *no* counts only when it is said after every pause."""
        for pause in pauses:
            await self.clock.sleep(pause)
            found = await self._find(channel, delivery)
            if found is not None:
                return found
        return None
