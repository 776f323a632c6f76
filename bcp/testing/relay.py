"""What every relay keeps, ours or anybody's: nothing counted twice, nothing lost,
no garbage taken for an empty queue."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar

from bcp.contracts.dns import MxHost
from bcp.contracts.relay import MailFate, QueuedMail, Relay, RelayPlugin, RelayProbe
from bcp.kernel.errors import BcpError, Permanent
from bcp.testing.leaks import left_by
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.shape import awaited, insides, lacking, mistyped

FINAL = frozenset({"sent", "bounced", "expired"})
SLACK_S = 3.0
MANY = 1_200
"""More messages than one page of any API holds, and more than one shell command line should name."""

GARBAGE = {
    "html": b"<!doctype html><html><body>Guest network: please log in</body></html>\n",
    "cut off": b'{"queue_id": "4Q1", "sender": "a@b.test", "recipients": [{"addr',
    "another type": b"[1, 2, 3]\n",
    "fields of wrong types": b'{"queue_id": {"a": 1}, "recipients": "nobody", "arrival_time": []}\n',
    "half of a line after a whole one": b'{"queue_id": "4Q1", "sender": "a@b.test", "arrival_time": 1, '
    b'"recipients": [{"address": "c@d.test"}]}\n{"queue_id": "4Q2", "sender": "a@b.test", "recipi',
    "no recipients": b'{"queue_id": "4Q1", "sender": "a@b.test", "arrival_time": 1}\n',
    "recipients that are none": b'{"queue_id": "4Q1", "recipients": [null, 7], "arrival_time": 1}\n',
    "a number": b"42\n",
    "binary": bytes(range(256)) * 4,
    "nested too deeply": b"[" * 100_000,
    "an error in words": b"postqueue: fatal: Queue report unavailable - mail system is down\n",
}
"""What a listing of a queue may be in place of one."""


class RelaySuite(ConfiguredSuite):
    """It says what it holds, each message once; what became of each, each recipient once; and drains without harm."""

    plugin: ClassVar[RelayPlugin[Any]]
    counts: ClassVar[bool] = True
    """False: this relay cannot say what it holds (``can_count`` is false)."""
    tells_fates: ClassVar[bool] = True
    """False: it cannot say what became of a message."""
    drains: ClassVar[bool] = True
    """False: it cannot be asked to deliver here, because nobody is behind ``settings()``."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        """From now on the relay (or what stands for it) holds exactly these."""
        raise NotImplementedError("say in hold() how messages get into the queue")

    def end(self, fates: Sequence[MailFate]) -> None:
        """These ended so, in this order; ``deferred`` is a try that failed for now. Called again: these too."""
        raise NotImplementedError("say in end() how the relay learns what became of messages")

    def garble(self, listing: bytes) -> None:
        """From now on the listing of the queue is this."""
        raise NotImplementedError("say in garble() how a broken listing comes about")

    # -- helpers -----------------------------------------------------------------------------------------------------

    def make(self, **more: object) -> Relay:
        """The relay of ``settings()``."""
        given = self.model(
            **({"timeout": self.stretched("2s")} if "timeout" in self.plugin.settings.model_fields else {}), **more
        )
        return self.plugin.create("r", given)

    def mails(self, count: int) -> list[QueuedMail]:
        """Messages with one and with two recipients, some to the same address."""
        return [
            QueuedMail(
                f"4Q{i:06}Z", f"s{i % 7}@out.test", (f"a{i % 5}@corp.test", f"b{i}@corp.test")[: 1 + i % 2], 1000.0 + i
            )
            for i in range(count)
        ]

    async def outcome(self, work: Awaitable[Any]) -> Any:
        """What came: a value, or an error of the tree. Everything else is a broken promise, and is raised."""
        try:
            return await awaited(work)
        except BcpError as error:
            return error

    def _typed(self, found: Any, kind: type[Any]) -> None:
        """A list of these, with what the contract says in each field."""
        assert isinstance(found, list), f"no list, but {found!r}"
        wrong = [f"not a {kind.__name__}: {x!r:.80}" for x in found if not isinstance(x, kind)]
        wrong = wrong or [text for x in found if (text := mistyped(x))]
        assert not wrong, wrong[0]

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_it_has_every_method_of_the_contract(self) -> None:
        """A missing one would be found in the middle of an outage."""
        self.all_hold(lacking(Relay, self.make()))

    def test_its_hosts_are_what_its_settings_publish(self) -> None:
        """Absolute names in lower case, the same before and after it is made: nothing else may go into MX."""
        relay, published = self.make(), self.model().published()
        assert relay.mx == published, f"{relay.mx} is not what the settings publish: {published}"
        bad = [h for h in relay.mx if not isinstance(h, MxHost) or not h.host.endswith(".") or h.host != h.host.lower()]
        assert relay.mx and not bad, f"not a name for MX: {bad or 'none at all'}"
        assert relay.name == "r"
        assert relay.can_count is self.counts, f"can_count is {relay.can_count}"

    def test_what_it_holds_is_counted_once(self) -> None:
        """Every message, every recipient, once; asked again the same."""
        if not self.counts:
            return
        wanted = self.mails(MANY)
        self.hold(wanted)
        relay = self.make()
        for time in ("first", "second"):
            found = self.run(self.outcome(relay.queue()))
            self._typed(found, QueuedMail)
            twice = [i for i, n in Counter(m.queue_id for m in found).items() if n > 1]
            assert not twice, f"counted twice, the {time} time: {twice[:3]}"
            seen, held = (
                {(m.queue_id, r) for m in found for r in m.recipients},
                {(m.queue_id, r) for m in wanted for r in m.recipients},
            )
            assert sum(len(m.recipients) for m in found) == len(seen), f"a recipient stands twice, the {time} time"
            assert seen == held, f"lost: {sorted(held - seen)[:3]}, made up: {sorted(seen - held)[:3]}"
            assert {m.queue_id: m.arrived for m in found} == {m.queue_id: m.arrived for m in wanted}, (
                "when they arrived"
            )
            assert {m.queue_id: m.sender for m in found} == {m.queue_id: m.sender for m in wanted}, "who sent them"

    def test_what_came_and_went_since_is_counted(self) -> None:
        """The queue of this moment: an old answer would show an outage's mail as still there, or as delivered."""
        if not self.counts:
            return
        relay, (first, second) = self.make(), self.mails(2)
        for wanted in ([first], [second], [first, second], []):
            self.hold(wanted)
            found = self.run(self.outcome(relay.queue()))
            self._typed(found, QueuedMail)
            told, held = {m.queue_id for m in found}, {m.queue_id for m in wanted}
            assert told == held, f"an old queue is told: {sorted(told)} instead of {sorted(held)}"

    def test_asking_leaves_nothing_open(self) -> None:
        """The queue is asked for all through an outage: files, connections, threads and tasks do not add up."""
        if not self.counts:
            return
        self.hold(self.mails(2))
        relay = self.make()
        wrong = self.run(left_by(relay.queue, 5))
        assert not wrong, wrong

    def test_an_empty_queue_is_empty(self) -> None:
        """Nothing held is nothing counted."""
        if not self.counts:
            return
        self.hold([])
        assert self.run(self.outcome(self.make().queue())) == []

    def test_what_cannot_be_read_is_no_empty_queue(self) -> None:
        """HTML, half a listing, an error in words: an error of the tree. An empty list would close the incident."""
        if not self.counts:
            found = self.run(self.outcome(self.make().queue()))
            assert isinstance(found, Permanent), f"it cannot count, and says {found!r}"
            return

        async def look(listing: bytes) -> str:
            self.garble(listing)
            try:
                found = await self.outcome(self.make().queue())
            except Exception as error:  # exactly this is what is looked for
                return f"raised {type(error).__name__} outside of the error tree: {str(error)[:80]}"
            return "" if isinstance(found, BcpError) else f"taken for a queue: {found!r}"

        async def work() -> dict[str, str]:
            return {name: await look(listing) for name, listing in GARBAGE.items()}

        self.all_hold(self.run(work()))

    def test_what_became_of_each_is_told_once_and_of_all(self) -> None:
        """Recipient by recipient: two of one message may end differently; a try that failed for now is no end."""
        if not self.tells_fates:
            return
        mails = self.mails(MANY)
        rows, last = [], {}
        for i, m in enumerate(mails):
            for j, r in enumerate(m.recipients):
                status = ("sent", "bounced", "expired")[(i + j) % 3]
                rows += [MailFate(m.queue_id, r, "deferred", "later")] * (i % 2)
                if i % 7 == 5 and j == len(m.recipients) - 1:
                    continue  # its last word so far: it is tried again
                rows.append(MailFate(m.queue_id, r, status, f"{i}"))
                last[(m.queue_id, r)] = status
        held_back = mails[-1]
        self.hold([held_back])
        self.end([f for f in rows if f.queue_id != held_back.queue_id])
        asked = [m.queue_id for m in mails if m.queue_id != mails[3].queue_id] + ["4QUNKNOWNZ"]
        given = list(asked)
        found = self.run(self.outcome(self.make().fates(given)))
        assert given == asked, "it changes the list of queue ids that it was handed"
        self._typed(found, MailFate)
        twice = [k for k, n in Counter((f.queue_id, f.recipient) for f in found).items() if n > 1]
        assert not twice, f"told twice: {twice[:3]}"
        not_asked = {mails[3].queue_id, held_back.queue_id}
        wanted = {k: s for k, s in last.items() if k[0] not in not_asked}
        told = {(f.queue_id, f.recipient): f.status for f in found}
        lost, made_up = wanted.keys() - told.keys(), told.keys() - wanted.keys()
        assert not lost, f"{len(lost)} ends are lost: {sorted(lost)[:3]}"
        wrong = {k: (s, told[k]) for k, s in wanted.items() if told[k] != s}
        assert not wrong, f"told otherwise than they ended: {dict(list(wrong.items())[:3])}"
        assert not made_up, f"{len(made_up)} were not asked for, or have not ended: {sorted(made_up)[:3]}"
        assert set(told.values()) <= FINAL, f"not an end: {set(told.values()) - FINAL}"

    def test_what_is_still_held_has_not_ended(self) -> None:
        """Taken, tried, put back: none of it is an end. Whoever is told *sent* does not look for the mail again."""
        if not self.tells_fates:
            return
        mails = self.mails(3)
        self.hold(mails)
        relay, asked = self.make(), [m.queue_id for m in mails]
        tried = [MailFate(m.queue_id, r, "deferred", "later") for m in mails[1:] for r in m.recipients]
        found = {}
        for case, ends in {"just taken": [], "tried once": tried}.items():
            self.end(ends)
            told = self.run(self.outcome(relay.fates(asked)))
            found[case] = "" if told == [] else f"it holds them all, and says of their ends: {told!r}"
        self.all_hold(found)

    def test_the_last_end_counts(self) -> None:
        """A message that was put back and sent at last was sent."""
        if not self.tells_fates:
            return
        self.hold([])
        relay = self.make()
        for status, detail in (("bounced", "5.1.1"), ("sent", "250 ok")):
            self.end([MailFate("4QAAAAAAZ", "a@corp.test", status, detail)])
            found = self.run(relay.fates(["4QAAAAAAZ"]))
            told = [(f.recipient, f.status) for f in found]
            assert told == [("a@corp.test", status)], f"its last end is {status}, and it says {found}"

    def test_draining_twice_does_no_harm(self) -> None:
        """It answers in words, or with an error of the tree; what it holds is still counted once."""
        relay = self.make()
        if self.counts:
            self.hold(self.mails(3))

        domains = ["corp.test", "other.test"]

        async def work() -> list[Any]:
            return [await self.outcome(relay.drain(domains)) for _ in range(2)]

        drained = self.run(work())
        assert domains == ["corp.test", "other.test"], f"it changes the list of domains that it was handed: {domains}"
        if self.counts:
            held, wanted = self.run(self.outcome(relay.queue())), [m.queue_id for m in self.mails(3)]
            assert isinstance(held, list), f"after it was drained its queue cannot be read: {held!r}"
            told = sorted(m.queue_id for m in held)
            assert told == wanted, f"it held {wanted} when it was asked to deliver, and afterwards {told}"
        for found in drained:
            assert isinstance(found, (str, BcpError)), f"{found!r}"
            assert isinstance(found, str) or not self.drains, f"it cannot be drained: {found!r}"
            self.hides(found, getattr(found, "hint", ""))

    def test_a_probe_is_an_answer_and_in_time(self) -> None:
        """Nobody there, or whoever there: lines about addresses, none of which accepts.
        Never an error of another kind."""

        async def work() -> tuple[Any, float]:
            loop = asyncio.get_running_loop()
            start = loop.time()
            return await self.outcome(self.make().probe("corp.test", "alice@corp.test")), loop.time() - start

        found, took = self.run(work())
        self.hides(found)
        if isinstance(found, list):
            assert found, "no line about any address: nobody would hear that it cannot be reached"
            self._typed(found, RelayProbe)
            assert all(f.address for f in found), f"{found}"
            taking = [f.address for f in found if f.accepts]
            assert not taking, f"nobody is there, and {taking} is said to accept mail"
        else:
            assert isinstance(found, BcpError), f"{found!r}"
        limit = (
            float(getattr(self.model(), "timeout", 10.0)) * max(1, len(self.model().published()))
            + SLACK_S * self.patience()
        )
        assert took <= limit, f"it took {took:.1f} s"

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the relay, its settings, or its errors."""
        relay = self.make()
        self.hides(relay, insides(relay), self.model())
        if self.counts:
            self.garble(GARBAGE["html"])
            self._told(relay.queue())
            self.hold(self.mails(1))
            self._told(relay.queue())
        if self.tells_fates:
            self._told(relay.fates(["4Q000000Z"]))

    def _told(self, work: Awaitable[Any]) -> None:
        """It shows no secret in what it says."""
        found = self.run(self.outcome(work))
        self.hides(found, getattr(found, "hint", ""))
