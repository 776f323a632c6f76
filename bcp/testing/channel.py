"""What every channel keeps, ours or anybody's."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from typing import Any

from bcp.contracts.channel import Inbound, NotSent, RateLimited, Receipt
from bcp.contracts.contact import Contact
from bcp.kernel.errors import BcpError, InDoubt, Invalid, Permanent, Transient
from bcp.testing.channel_stage import NOW, OTHER, ChannelStage
from bcp.testing.leaks import left_by
from bcp.testing.shape import checks_wrong, fits, insides, mistyped
from bcp.testing.suite import SECRET, shows
from bcp.testing.vendor import HANG, WRONG_ANSWERS, Answer, Asked, work_left_behind

__all__ = ["NOW", "OTHER", "ChannelSuite"]

FORMS = frozenset({"sms", "voice", "chat", "email", "page"})
ABOUT_AN_HOUR_S = 86_400.0
OUTCOMES = (RateLimited, NotSent, Permanent, InDoubt)
SLACK_S = 2.0
"""How much longer than its time-out a channel may take on a busy machine."""


class ChannelSuite(ChannelStage):
    """One message for one address, an honest outcome, no hidden repeat, no secret shown, no wait without end."""

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_says_what_it_is(self) -> None:
        """Kind, form, pace and fate, before anything is sent; nothing is read or opened to make it."""
        channel = self.make()
        assert channel.kind == self.plugin.kind, f"the class says {channel.kind}, its settings {self.plugin.kind}"
        assert channel.form in FORMS, f"no such form of a message: {channel.form}"
        assert channel.settings.at_once() >= 1, "at_once() must let at least one through"
        assert all(isinstance(f, str) for f in channel.fate()), "fate() is a tuple of names"
        assert type(channel).Settings is self.plugin.settings, "Settings of the class are not those of PLUGIN"

    def test_somebody_without_an_address_has_none(self) -> None:
        """An empty contact gives an empty address, or the place of a broadcast; never an error."""
        channel = self.make()
        found = channel.address_of(Contact("nobody"))
        assert found == ("" if not channel.broadcast else channel.address_of(Contact("alice"))), f"{found!r}"

    def test_a_message_is_taken_once_and_has_a_receipt(self) -> None:
        """One message is one request, which holds the message and whom it is for; and the receipt has an id."""

        async def work() -> tuple[Any, list[Asked], Any, list[Asked]]:
            async with self.at() as (channel, vendor):
                found = await self.outcome(channel.send(self.delivery(channel)))
                first = [a for a in vendor.asked if self.is_send(a)]
                other = await self.outcome(channel.send(self._another(channel)))
                return found, first, other, [a for a in vendor.asked if self.is_send(a)][len(first) :]

        found, sent, other, again = self.run(work())
        assert isinstance(found, Receipt), f"no receipt, but {found!r}"
        assert isinstance(found.id, str) and found.id and found.id != "None", f"the receipt has no id: {found!r}"
        assert len(sent) == 1 or not self.speaks_http, f"{len(sent)} requests for one message"
        assert len(again) <= 1, f"{len(again)} requests for the second message of one channel"
        for asked, words, number in ((sent, "resend", "12025550101"), (again, "again", "12025550102")):
            whom = {} if self.plugin.make.broadcast else {"whom_it_is_for": number}
            lacks = asked[0].lacks(the_message=words, **whom) if self.speaks_http and asked else ""
            assert not lacks, lacks
        same = isinstance(other, Receipt) and other.id == found.id
        named = {a.partition(b"\r\n\r\n")[2] for a in self.answered}
        assert not same or len(named) < 2, (
            f"two messages have one receipt, {found.id!r}, and the vendor told them apart: {sorted(named)}"
        )

    def test_outcomes_are_typed_and_nothing_is_repeated(self) -> None:
        """Slow down, no, nobody knows, not sent: four different errors, and one request each."""
        if not self.speaks_http:
            return
        wanted: dict[str, tuple[Answer | bytes, type[BcpError]]] = {
            "429": (Answer(429, "{}", {"Retry-After": "7"}), RateLimited if self.tells_rate else InDoubt),
            "refused": (self.refusal(), Permanent if self.tells_refusal else InDoubt),
            "503": (Answer(503, "upstream"), InDoubt),
            "hang": (HANG, InDoubt),
        }

        async def one(fault: Answer | bytes, kind: type[BcpError]) -> str:
            async with self.at(fault) as (channel, vendor):
                found = await self.outcome(channel.send(self.delivery(channel)))
                await work_left_behind()
                sends = len([a for a in vendor.asked if self.is_send(a)])
            if type(found) is not kind:
                return f"{found!r} instead of {kind.__name__}"
            if isinstance(found, RateLimited) and found.retry_after_s != 7.0:
                return f"the vendor said 7 s, the channel {found.retry_after_s}"
            return f"{sends} requests for one message: a hidden repeat" if sends > 1 else ""

        async def work() -> dict[str, str]:
            out = {name: await one(fault, kind) for name, (fault, kind) in wanted.items()}
            async with self.at() as (channel, vendor):
                await vendor.stop()
                found = await self.outcome(channel.send(self.delivery(channel)))
                gone = NotSent if self.tells_refusal else InDoubt
                out["gone"] = "" if type(found) is gone else f"{found!r} instead of {gone.__name__}"
            out["500, with the words of a yes"] = await self._failed_in_good_words()
            return out

        self.all_hold(self.run(work()))

    async def _failed_in_good_words(self) -> str:
        """What is wrong with how it takes a vendor's good answer that comes as an error; empty: nothing."""
        async with self.at() as (channel, vendor):

            def failed(asked: Asked) -> Answer:
                answer = vendor.respond(asked)
                return replace(answer, status=500) if self.is_send(asked) else answer

            vendor.fault = failed
            found = await self.outcome(channel.send(self.delivery(channel)))
            await work_left_behind()
            sends = len([a for a in vendor.asked if self.is_send(a)])
        if type(found) is not InDoubt:
            return f"{found!r} instead of InDoubt"
        return f"{sends} requests for one message: a hidden repeat" if sends > 1 else ""

    def test_two_of_a_kind_are_kept_apart(self) -> None:
        """Two accounts at one vendor, in one process: neither sends by the other's."""
        if not self.speaks_http:
            return

        async def work() -> list[Asked]:
            async with self.at() as (one, _):
                await self.outcome(one.send(self.delivery(one)))
                with self.as_another():
                    async with self.at() as (other, vendor):
                        await self.outcome(other.send(self.delivery(other)))
                        return vendor.asked

        asked = self.run(work())
        assert asked, "the message of the second account went out by the first one"
        mixed = [a for a in asked if shows((a.target, dict(a.headers), a.body.decode("latin-1")))]
        assert not mixed, f"the second account was used with a secret of the first: {mixed[0].method} {mixed[0].path}"

    def test_sending_leaves_nothing_open(self) -> None:
        """Thousands are told, and told again while the vendor fails: connections, files, threads, tasks do not add
        up."""

        async def work() -> dict[str, str]:
            out = {}
            for name, fault in {"well": None, **({"503": Answer(503, "x")} if self.speaks_http else {})}.items():
                async with self.at(fault) as (channel, _):
                    out[name] = await left_by(lambda c=channel: self.outcome(c.send(self.delivery(c))), 3)  # type: ignore[misc]
            return out

        self.all_hold(self.run(work()))

    def test_a_silent_vendor_is_waited_for_no_longer_than_the_timeout(self) -> None:
        """Its own deadline, whatever the other side does."""
        if not self.speaks_http:
            return

        async def work() -> float:
            loop = asyncio.get_running_loop()
            times = []
            for everywhere in (False, True):
                async with self.at(HANG) as (channel, vendor):
                    if everywhere:
                        vendor.fault = lambda asked: HANG
                    start = loop.time()
                    await self.outcome(channel.send(self.delivery(channel)))
                    times.append(loop.time() - start)
            return max(times)

        took, allowed = self.run(work()), float(getattr(self.model(), "timeout", 10.0)) + SLACK_S * self.patience()
        assert took <= allowed, f"it took {took:.1f} s, {allowed:.1f} s are allowed"

    def test_a_send_can_be_cancelled_at_once(self) -> None:
        """Stop-send does not wait for a vendor."""
        if not self.speaks_http:
            return

        async def work() -> tuple[float, Any]:
            async with self.at(HANG, **({"timeout": "30s"} if hasattr(self.model(), "timeout") else {})) as (c, vendor):
                task = asyncio.ensure_future(c.send(self.delivery(c)))
                while not vendor.asked and not task.done():
                    await asyncio.sleep(0.005)
                loop = asyncio.get_running_loop()
                start = loop.time()
                task.cancel()
                (end,) = await asyncio.gather(task, return_exceptions=True)
                return loop.time() - start, end

        took, end = self.run(work())
        assert took < SLACK_S * self.patience(), f"cancelling took {took:.1f} s"
        assert not isinstance(end, Receipt), f"it was cancelled before the vendor answered, and says {end!r}"

    def test_a_wrong_answer_is_an_outcome_and_no_yes(self) -> None:
        """HTML, nothing, half of it, another type or charset, without end: an error of the tree, never a receipt."""
        if not self.speaks_http:
            return

        async def look(answer: Answer | bytes) -> str:
            async with self.at(answer) as (channel, vendor):
                found = await self.outcome(channel.send(self.delivery(channel)))
                sends = len([a for a in vendor.asked if self.is_send(a)])
            self.hides(found)
            name = next(n for n, a in WRONG_ANSWERS.items() if a is answer)
            if sends > 1:
                return f"{sends} requests for one message: it repeats by itself, or follows a redirect with our secret"
            if isinstance(found, Receipt):
                return "" if name in self.yes_too else f"taken for a yes: {found!r}"
            if not isinstance(found, OUTCOMES):
                return f"{type(found).__name__} is no outcome of a send: {found}"
            after = found.retry_after_s if isinstance(found, RateLimited) else None
            if after is not None and not (math.isfinite(after) and 0 <= after <= ABOUT_AN_HOUR_S):
                return f"it would wait {after} s"
            return ""

        self.all_hold(self.run(self._each(look)))

    def test_what_was_taken_is_found_and_what_was_not_is_not(self) -> None:
        """After a lost answer: found when it was taken, ``None`` only when it provably was not."""

        async def work() -> tuple[Any, Any, Any, Any]:
            async with self.at() as (channel, vendor):
                before = await self.outcome(channel.find(self.delivery(channel)))

                def lost(asked: Asked) -> Answer | bytes:
                    answer = vendor.respond(asked)
                    return Answer(503, "upstream") if self.is_send(asked) else answer

                vendor.fault = lost
                sent = await self.outcome(channel.send(self.delivery(channel)))
                vendor.fault = None
                after = await self.outcome(channel.find(self.delivery(channel)))
                theirs = frozenset({after.id}) if isinstance(after, Receipt) else frozenset[str]()
                never = replace(self._another(channel), others=theirs)
                return before, sent, after, await self.outcome(channel.find(never))

        before, sent, after, never = self.run(work())
        if not self.can_find:
            assert isinstance(before, InDoubt), f"it cannot ask, and yet says {before!r}"
            return
        assert before is None, f"nothing was sent, and it found {before!r}"
        assert isinstance(sent, InDoubt if self.speaks_http else Receipt), f"{sent!r}"
        assert isinstance(after, Receipt) and after.id, f"it was taken, and find says {after!r}"
        assert not isinstance(never, Receipt), f"another message was never sent, and it is found as {never!r}"

    def test_a_wrong_answer_never_means_that_nothing_was_sent(self) -> None:
        """``None`` from ``find`` allows a second sending: only the vendor's own empty list may say so."""
        if not (self.can_find and self.speaks_http):
            return

        async def look(answer: Answer | bytes) -> str:
            async with self.at() as (channel, vendor):
                vendor.fault = lambda asked: answer
                found = await self.outcome(channel.find(self.delivery(channel)))
            name = next(n for n, a in WRONG_ANSWERS.items() if a is answer)
            if found is None and name in self.none_too:
                return ""
            return "" if isinstance(found, InDoubt) else f"{found!r} instead of InDoubt"

        self.all_hold(self.run(self._each(look)))

    def test_what_people_sent_back_is_asked_without_harm(self) -> None:
        """``answers`` and ``reports`` give what they promise, or an error that may be tried again."""

        async def look(answer: Answer | bytes) -> str:
            async with self.at() as (channel, vendor):
                vendor.fault = lambda asked: answer
                for ask in (channel.answers, channel.reports):
                    found = await self.outcome(ask(NOW))
                    if wrong := self._told_wrong(found):
                        return wrong
            return ""

        async def work() -> dict[str, str]:
            out = await self._each(look)
            async with self.at() as (channel, _):
                await self.outcome(channel.send(self.delivery(channel)))
                for ask in (channel.answers, channel.reports):
                    out[f"{ask.__name__}, all is well"] = self._told_wrong(await self.outcome(ask(NOW - 60)))
            return out

        self.all_hold(self.run(work()))

    def _told_wrong(self, found: Any) -> str:
        """What is wrong with answers or reports; empty: nothing."""
        if isinstance(found, list):
            bad = [x for x in found if not isinstance(x, Inbound)]
            return f"not an answer: {bad[0]!r}" if bad else next(filter(None, map(mistyped, found)), "")
        if isinstance(found, dict):
            odd = {k: v for k, v in found.items() if not fits((k, v), tuple[str, tuple[str, str]])}
            return f"a report is an id with a status and an error code, not {odd}" if odd else ""
        return "" if isinstance(found, (Transient, Permanent, InDoubt)) else f"{found!r}"

    def test_the_check_is_lines_and_never_an_error(self) -> None:
        """``bcp doctor`` shows what it says, whoever answers, or nobody."""

        async def look(answer: Answer | bytes) -> str:
            async with self.at() as (channel, vendor):
                vendor.fault = lambda asked: answer
                return checks_wrong(await channel.check())

        async def work() -> dict[str, str]:
            out = await self._each(look) if self.speaks_http else {}
            async with self.at() as (channel, _):
                out["all is well"] = checks_wrong(found := await channel.check())
                self.hides(*found)
            return out

        self.all_hold(self.run(work()))

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the channel, its settings, what it says, what it raises, what it logs or prints."""

        async def work() -> None:
            for fault in (None, self.refusal(), Answer(503, "x"), Answer(200, "<html>"), HANG, b""):
                async with self.at(fault) as (channel, _):
                    found = await self.outcome(channel.send(self.delivery(channel)))
                    self.hides(
                        channel, insides(channel), channel.settings, channel.place(), found, getattr(found, "hint", "")
                    )
                    self.hides(*await channel.check(), await self.outcome(channel.find(self.delivery(channel))))
                    self.hides(*[await self.outcome(ask(NOW)) for ask in (channel.answers, channel.reports)])

        self.run(work())

    def test_a_secret_is_read_when_it_is_used(self) -> None:
        """One that is not there yet stops what needs it, not the making of a channel: ``bcp doctor`` names it then."""
        given = self.model()
        unread = [f for f in self.folder.iterdir() if f.is_file() and SECRET in f.read_text(errors="replace")]
        for file in unread:
            file.unlink()
        try:
            self.plugin.create("c", given)
        except BcpError as error:
            raise AssertionError(f"it is read when the channel is made: {error.message}") from error

    def test_it_can_be_closed_twice_and_before_it_is_used(self) -> None:
        """Closing is never what fails."""

        async def work() -> None:
            unused = self.make()
            await unused.close()
            async with self.at() as (channel, _):
                await self.outcome(channel.send(self.delivery(channel)))
                await channel.close()

        self.run(work())

    def test_leaving_for_later_is_refused_in_words_where_it_cannot(self) -> None:
        """``can_schedule`` says why not, and then ``schedule`` refuses; where it can, what is left has a receipt."""

        async def work() -> tuple[str, Any]:
            async with self.at() as (channel, _):
                why = channel.can_schedule()
                found = await self.outcome(channel.schedule(self.delivery(channel), NOW + 3600))
                return why, found

        why, found = self.run(work())
        wanted: tuple[type, ...] = (Invalid, Permanent) if why else (Receipt,)
        assert isinstance(found, wanted), f"whether it can: {why or 'yes'}; and it does {found!r}"
        assert why or getattr(found, "id", ""), f"a receipt without an id: {found!r}"
