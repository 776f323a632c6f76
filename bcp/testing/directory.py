"""What every directory keeps, ours or anybody's: half an answer is no list of people,
and nobody is forgotten by mistake."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from bcp.contracts.contact import Contact
from bcp.contracts.directory import Changes, DirectoryPlugin, DirectoryService, MailRecord, TellsDomains
from bcp.kernel.errors import BcpError
from bcp.testing.leaks import left_by
from bcp.testing.plugin import ConfiguredSuite
from bcp.testing.shape import insides, lacking, mistyped
from bcp.testing.suite import shows
from bcp.testing.vendor import WRONG_ANSWERS, Answer, Asked, FakeVendor, Fault

SLACK_S = 3.0


class DirectorySuite(ConfiguredSuite):
    """People, groups and managers over HTTP, in peacetime: whole, or an error of the tree."""

    plugin: ClassVar[DirectoryPlugin[Any]]
    speaks_http: ClassVar[bool] = True
    """False: it does not speak HTTP to ``self.url`` (it reads a file). Then only the rest is looked at."""
    tells_changes: ClassVar[bool] = True
    """False: it is always asked for everybody."""
    tells_mail: ClassVar[bool] = True
    """False: it knows nothing of MX records and of health."""
    timeout: ClassVar[str] = "1s"
    seconds: ClassVar[float] = 90.0
    """Five questions and some fifty answers to each, over a vendor's own library."""
    groups: ClassVar[dict[str, str]] = {"oncall": "group-1"}
    """Groups that are asked for: name here, id there."""
    people: tuple[str, ...] = ("Alice", "Bob")
    """Names of everybody on the pages of ``respond``. Say more than these two, on three pages, with several on each:
    then it shows whether somebody is lost where a page ends."""
    many: ClassVar[int] = 0
    """More people than a page, or a limit, of this directory holds, such as 1201: where ``respond`` gives whoever
    stands in ``self.people``. Then it shows whether somebody beyond a limit is lost. 0: nobody looks."""
    in_groups: ClassVar[Mapping[str, tuple[str, ...]]] = {"oncall": ("Bob",)}
    """Names of who is in each of ``groups``."""
    under: ClassVar[Mapping[str, str]] = {"Bob": "Alice"}
    """Who is whose manager, by names."""
    phones: ClassVar[Mapping[str, str]] = {}
    """Numbers as ``respond`` gives them, by name. They are not to be changed on the way: the caller checks them."""

    # -- what an author gives --------------------------------------------------------------------------------------

    def respond(self, asked: Asked) -> Answer:
        """What the directory answers when all is well:
        Alice and Bob are people, Alice is Bob's manager, Bob is on call.

        The people come on two pages at least, where the directory has pages. Asked for changes: Bob is gone.
        """
        raise NotImplementedError("say in respond() what the directory answers")

    # -- helpers -----------------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        """A directory that nobody has asked."""
        super().setup_method()
        self.url = "http://127.0.0.1:9"

    def make(self) -> DirectoryService:
        """The directory of ``settings()``."""
        more = {"timeout": self.stretched(self.timeout)} if "timeout" in self.plugin.settings.model_fields else {}
        return self.plugin.create("d", self.model(**more))

    @contextlib.asynccontextmanager
    async def at(
        self, fault: Answer | bytes | Fault | None = None, *, after: int = 0
    ) -> AsyncIterator[tuple[DirectoryService, FakeVendor]]:
        """The directory at a server that has this fault, after so many good answers."""
        vendor = FakeVendor(self.respond)
        await vendor.start()
        self.url = vendor.url
        if fault is not None:
            bad: Fault = fault if callable(fault) else lambda asked: fault
            vendor.fault = lambda asked: bad(asked) if len(vendor.asked) > after else self.respond(asked)
        directory = self.make()
        try:
            yield directory, vendor
        finally:
            await directory.close()
            await vendor.stop()

    def _asks(self, d: DirectoryService) -> dict[str, Callable[[], Awaitable[Any]]]:
        found: dict[str, Callable[[], Awaitable[Any]]] = {
            "changes": d.changes, "members": lambda: d.members(self.groups), "managers": d.managers,
        }  # fmt: skip
        if self.tells_mail:
            found |= {"mail_records": lambda: d.mail_records("corp.test"), "health": d.health}
        if isinstance(d, TellsDomains):
            found["accepted_domains"] = d.accepted_domains
        return found

    # -- promises ----------------------------------------------------------------------------------------------------

    def test_people_are_read_whole(self) -> None:
        """Everybody on every page, each once, with an id; what it gives can be asked with the next time."""

        async def work() -> tuple[Changes, dict[str, list[str]], dict[str, str]]:
            async with self.at() as (d, _):
                asked = dict(self.groups)
                found = await d.changes(), await d.members(asked), await d.managers()
                assert asked == self.groups, f"it changes what it was handed: {asked} instead of {self.groups}"
                return found

        found, members, managers = self.run(work())
        assert isinstance(found, Changes), f"no changes, but {found!r:.80}"
        wrong = mistyped(found)
        assert not wrong, wrong
        self.all_hold({f"{p.name}": self._number_wrong(p) for p in found.people})
        assert all(isinstance(p, Contact) and p.id for p in found.people), f"{found.people}"
        ids = [p.id for p in found.people]
        assert len(ids) == len(set(ids)), f"somebody stands twice: {ids}"
        names = {p.name: p.id for p in found.people}
        assert set(names) == set(self.people), f"not everybody, or somebody else: {sorted(names)}"
        assert bool(found.since) is self.tells_changes, f"since is {found.since!r}"
        assert set(members) == set(self.groups), f"groups: {sorted(members)}"
        wanted = {g: sorted(names[n] for n in who) for g, who in self.in_groups.items()}
        told = {g: sorted(ids) for g, ids in members.items()}
        assert told == wanted, f"in the groups ({', '.join(wanted)}: on call, say) are {wanted}, and it says {members}"
        above = {names[n]: names[boss] for n, boss in self.under.items()}
        assert managers == above, f"managers: {managers} instead of {above}"

    def test_everybody_is_read_however_many_they_are(self) -> None:
        """Whoever stands behind a limit is told nothing in an outage, and nobody notices."""
        if not self.many:
            return
        self.people = tuple(f"Person {i}" for i in range(self.many))

        async def work() -> Changes:
            async with self.at() as (d, _):
                return await d.changes()

        names = [p.name for p in self.run(work()).people]
        lost = set(self.people) - set(names)
        assert not lost, f"{len(lost)} of {self.many} people are lost behind a limit, {sorted(lost)[0]} among them"
        assert len(names) == self.many, f"{len(names)} people of {self.many}: somebody stands twice"

    def test_two_of_a_kind_are_kept_apart(self) -> None:
        """Two tenants in one process: what one says is never told for the other, nor is it asked with its secret."""
        if not self.speaks_http:
            return

        async def work() -> tuple[dict[str, str], list[Asked]]:
            async with self.at() as (one, _):
                for ask in self._asks(one).values():
                    await ask()
            with self.as_another():
                async with self.at(Answer(500, "down")) as (other, vendor):
                    ends = {what: await self._outcome(ask()) for what, ask in self._asks(other).items()}
                    wrong = {w: "" if isinstance(e, BcpError) else f"the other tenant's: {e}" for w, e in ends.items()}
                    return wrong, vendor.asked

        wrong, asked = self.run(work())
        self.all_hold(wrong)
        mixed = [a for a in asked if shows((a.target, dict(a.headers), a.body.decode("latin-1")))]
        assert not mixed, f"the second tenant was asked with a secret of the first: {mixed[0].method} {mixed[0].path}"

    def _number_wrong(self, person: Contact) -> str:
        """What is wrong with somebody's number; empty: nothing."""
        wanted = self.phones.get(person.name, person.phone)
        return "" if person.phone == wanted else f"the number is {wanted!r}, and it says {person.phone!r}"

    def test_nobody_has_a_number_that_the_directory_did_not_give(self) -> None:
        """Numbers and addresses are as they stand there: a text to a number that was made up goes to a stranger."""

        async def work() -> tuple[Changes, str]:
            given: list[str] = []
            async with self.at() as (d, vendor):

                def kept(asked: Asked) -> Answer:
                    answer = self.respond(asked)
                    given.append(answer.wire().decode("utf-8", "replace"))
                    return answer

                vendor.fault = kept
                found = await d.changes()
                return found, " ".join(given) if vendor.asked else ""

        found, given = self.run(work())
        if given:  # else it is not asked over HTTP
            odd = {f"{p.name} {p.phone}": "" if p.phone in given else "no answer has this number" for p in found.people}
            self.all_hold(odd)

    def test_changes_are_changes(self) -> None:
        """Asked with what it gave: who is gone, and nobody who did not change."""
        if not self.tells_changes:
            return

        async def work() -> tuple[Changes, Changes]:
            async with self.at() as (d, _):
                first = await d.changes()
                return first, await d.changes(first.since)

        first, then = self.run(work())
        wrong = mistyped(then)
        assert not wrong, wrong
        bob = next(p.id for p in first.people if p.name == "Bob")
        assert then.gone == (bob,), f"gone: {then.gone}"
        assert not then.people, f"changed: {then.people}"
        assert then.since, "nothing to ask with the next time"

    def test_mail_and_health_are_what_the_provider_says(self) -> None:
        """Records with a host, and states in words."""
        if not self.tells_mail:
            return

        async def work() -> tuple[list[MailRecord], dict[str, str]]:
            async with self.at() as (d, _):
                return await d.mail_records("corp.test"), await d.health()

        records, health = self.run(work())
        assert records, "no record"
        assert all(isinstance(r, MailRecord) and r.host for r in records), f"{records}"
        assert all(isinstance(k, str) and isinstance(v, str) for k, v in health.items()), f"{health}"

    def test_a_wrong_answer_is_an_error_and_no_empty_list(self) -> None:
        """HTML, nothing, half of it, without end: never *everybody has left*."""
        if not self.speaks_http:
            return

        async def one(name: str, answer: Answer | bytes) -> list[tuple[str, str]]:
            out = []
            async with gate, self.at(answer) as (d, _):
                for what, ask in self._asks(d).items():
                    loop = asyncio.get_running_loop()
                    start = loop.time()
                    try:
                        found = await asyncio.wait_for(ask(), 8 * self.patience())
                        out.append((f"{what}, {name}", f"taken for an answer: {str(found)[:60]}"))
                    except BcpError as error:
                        self.hides(error, error.hint)
                        took = loop.time() - start
                        out.append(
                            (f"{what}, {name}", "" if took < 2 + SLACK_S * self.patience() else f"it took {took:.1f} s")
                        )
                    except TimeoutError:
                        out.append((f"{what}, {name}", f"no end within {8 * self.patience():.0f} s"))
                    except Exception as error:  # exactly this is what is looked for
                        out.append((f"{what}, {name}", f"raised {type(error).__name__} outside of the error tree"))
            return out

        async def work() -> dict[str, str]:
            return dict(
                x for rows in await asyncio.gather(*(one(n, a) for n, a in WRONG_ANSWERS.items())) for x in rows
            )

        gate = asyncio.Semaphore(8)
        self.all_hold(self.run(work()))

    def test_half_of_the_people_are_nobody(self) -> None:
        """The second page fails: an error. People who stood there would be taken for gone."""
        if not self.speaks_http:
            return

        async def one(what: str, answer: Answer | bytes | Fault) -> str:
            async with self.at(answer, after=1) as (d, vendor):
                try:
                    found = await self._asks(d)[what]()
                except BcpError:
                    return ""
                count = len(found.people) if isinstance(found, Changes) else len(found)
                return f"{count} given, and the second answer was none" if len(vendor.asked) > 1 else ""

        async def work() -> dict[str, str]:
            broken: dict[str, Answer | bytes | Fault] = {
                "500, with people": lambda asked: replace(self.respond(asked), status=500),
                "html": WRONG_ANSWERS["html"],
                "nothing": WRONG_ANSWERS["an empty object"],
            }
            return {
                f"{what}, {name}": await one(what, answer)
                for what in ("changes", "members", "managers")
                for name, answer in broken.items()
            }

        self.all_hold(self.run(work()))

    def test_a_page_elsewhere_is_not_asked(self) -> None:
        """A next link to another host would carry our token there."""
        if not self.speaks_http:
            return

        async def work() -> tuple[Any, str, list[Asked]]:
            vendor, stranger = FakeVendor(self.respond), FakeVendor(lambda asked: Answer(200, b"{}"))
            await vendor.start()
            await stranger.start()
            self.url = vendor.url
            other = stranger.url.replace("127.0.0.1", "localhost")

            def elsewhere(asked: Asked) -> Answer:
                answer = self.respond(asked)
                raw = answer.wire().partition(b"\r\n\r\n")[2]
                raw = raw.replace(vendor.url.encode(), other.encode()).replace(b'"/', b'"' + other.encode() + b"/")
                return Answer(answer.status, raw, {"Content-Type": "application/json"})

            vendor.fault = elsewhere
            directory = self.make()
            try:
                return await self._outcome(directory.changes()), other, stranger.asked
            finally:
                await directory.close()
                await vendor.stop()
                await stranger.stop()

        found, other, strangers = self.run(work())
        assert not strangers, f"a link to another host was followed: {strangers[0].method} {strangers[0].target[:60]}"
        if isinstance(
            found, Changes
        ):  # it has no pages, or the link that it gave is not one: it must not be asked with
            assert other not in found.since, "it would ask another host the next time"
        else:
            self.hides(found, found.hint)

    async def _outcome(self, work: Awaitable[Any]) -> Any:
        try:
            return await work
        except BcpError as error:
            return error

    def test_asking_leaves_nothing_open(self) -> None:
        """It is asked every night, for years: files, connections, threads and tasks do not add up."""

        async def work() -> dict[str, str]:
            async with self.at() as (d, _):
                asks = {name: ask for name, ask in self._asks(d).items() if name in {"changes", "members"}}
                return {name: await left_by(ask, 6) for name, ask in asks.items()}

        self.all_hold(self.run(work()))

    def test_it_has_every_method_of_the_contract(self) -> None:
        """A missing one would be found when somebody needs it."""
        directory = self.make()
        self.all_hold(lacking(DirectoryService, directory))
        self.run(directory.close())

    def test_a_secret_shows_nowhere(self) -> None:
        """Not in the directory, its settings, or its errors."""

        async def work() -> None:
            async with self.at() as (d, vendor):
                for _ in range(1 + self.speaks_http):
                    for ask in self._asks(d).values():
                        found = await self._outcome(ask())
                        self.hides(found, getattr(found, "hint", ""))
                    vendor.fault = lambda asked: Answer(500, "x")
                self.hides(d, insides(d), self.model())

        self.run(work())
