"""The suites of probes, relays, hooks, directories and engines bite:
each bad plug-in is caught, a good one passes whole."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from bcp.contracts.contact import Contact
from bcp.contracts.directory import Changes, DirectoryPlugin, DirectorySettings, MailRecord
from bcp.contracts.dns import MxHost
from bcp.contracts.engine import EnginePlugin
from bcp.contracts.hook import Alert, Hook, HookPlugin, HookSettings, Received, mapping, needed, text_of
from bcp.contracts.journal import Claim, ClaimState
from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.contracts.relay import MailFate, QueuedMail, RelayPlugin, RelayProbe, RelaySettings
from bcp.kernel.errors import Invalid, Permanent, Transient
from bcp.kernel.secret import Secret
from bcp.kit.http import Http
from bcp.plugins.engines.embedded import EmbeddedJournal, EmbeddedStore
from bcp.testing.directory import DirectorySuite
from bcp.testing.engine import EngineSuite
from bcp.testing.hook import HookSuite
from bcp.testing.probe import ProbeSuite
from bcp.testing.relay import RelaySuite
from bcp.testing.suite import Suite, busy, failures
from bcp.testing.vendor import Answer, Asked


def unstretched(suite: type[Suite]) -> type[Suite]:
    """With the limits of a quiet machine: what is caught here is too slow by a little."""
    return type(suite.__name__, (suite,), {"patience": lambda self: 1.0})


def caught(suite: type[Suite], promise: str, says: str) -> None:
    """By this promise, in words that say how."""
    found = failures(unstretched(suite), promise)
    assert re.search(says, found.get(promise, "it passed")), found


# -- probes ----------------------------------------------------------------------------------------------------------


class TapSettings(ProbeSettings):
    """A tap."""

    kind: Literal["tap"] = "tap"
    """Which plug-in."""
    port: int
    """Where."""
    token: Secret
    """Who we are."""


class Tap(Probe[TapSettings]):
    """Says ``water`` when it is well: a good probe."""

    kind, plane, Settings = "tap", "edge", TapSettings

    async def read(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
        try:
            return await reader.readuntil(b"\n")
        finally:
            writer.close()

    async def look(self) -> Signal:
        try:
            async with asyncio.timeout(self.settings.timeout):
                return self.judged(await self.read())
        except TimeoutError:
            return self.saw(Result.FAIL, "timeout", "it says nothing")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            return self.saw(Result.FAIL, "closed", type(error).__name__)

    def judged(self, line: bytes) -> Signal:
        if line == b"water\n":
            return self.saw(Result.OK)
        return self.saw(Result.FAIL, "other", f"it says {line[:40]!r}")


class WholeTap(ProbeSuite):
    """The good tap."""

    plugin = ProbePlugin(api=1, settings=TapSettings, make=Tap)

    def settings(self) -> dict[str, Any]:
        return {"port": self.port, "token": self.secret("token")}

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"water\n")
        await writer.drain()


class NeverEnds(Tap):
    async def look(self) -> Signal:
        return self.judged(await self.read())


class GoesOnWhenCancelled(Tap):
    async def look(self) -> Signal:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)
            if FREE.is_set():
                return self.saw(Result.UNKNOWN, "free")


class Blocks(Tap):
    async def look(self) -> Signal:
        FREE.wait(60)
        return self.saw(Result.UNKNOWN, "free")


FREE = threading.Event()
"""Lets those go that hold the thread of a test that is over."""


@pytest.mark.parametrize("probe", [GoesOnWhenCancelled, Blocks])
def test_a_probe_that_never_ends_ends_the_test(probe) -> None:
    """Also one that holds the event loop, and one that swallows its cancellation."""
    FREE.clear()
    plugin = ProbePlugin(api=1, settings=TapSettings, make=probe)
    suite = type("Broken", (WholeTap,), {"plugin": plugin, "seconds": 0.2, "grace": 0.2})
    try:
        caught(suite, "test_nobody_there_is_no_ok", "did not end within 0.2 s, and not when it was cancelled")
    finally:
        FREE.set()


class Raises(Tap):
    async def look(self) -> Signal:
        return self.judged(await asyncio.wait_for(self.read(), self.settings.timeout))


class BelievesAnybody(Tap):
    def judged(self, line: bytes) -> Signal:
        return self.saw(Result.OK, "", "it answers")


class LiesAboutItsPlane(Tap):
    def judged(self, line: bytes) -> Signal:
        return Signal(self.name, "mailbox", Result.OK, self.clock.now())


class ForgetsItsClock(Tap):
    def judged(self, line: bytes) -> Signal:
        return Signal(self.name, self.settings.plane or self.plane, Result.OK, 5.0)


class SaysNothing(Tap):
    def judged(self, line: bytes) -> Signal:
        return super().judged(line) if line == b"water\n" else self.saw(Result.FAIL)


class SaysTooMuch(Tap):
    def judged(self, line: bytes) -> Signal:
        return super().judged(line) if line == b"water\n" else self.saw(Result.FAIL, "other", f"{line!r}" * 300)


class Leaks(Tap):
    kept: list[Any] = []

    async def read(self) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.settings.port)
        self.kept.append(writer)
        return await reader.readuntil(b"\n")


class LeaksWhileOthersClose(Leaks):
    """As a process in which much else goes on: what ends there must not hide it."""

    others: list[Any] = []

    async def read(self) -> bytes:
        if not self.kept:
            self.others.extend(open(os.devnull) for _ in range(60))
        elif self.others:
            self.others.pop().close()
            self.others.pop().close()
            self.others.pop().close()
        return await super().read()


class ShowsItsToken(Tap):
    def judged(self, line: bytes) -> Signal:
        return self.saw(Result.FAIL, "other", f"token {self.settings.token.reveal()} is refused")


class HoldsOn(Tap):
    async def look(self) -> Signal:
        try:
            return await super().look()
        except asyncio.CancelledError:
            await asyncio.sleep(3)
            raise


def test_a_good_probe_keeps_every_promise() -> None:
    """Else nobody could use the suite."""
    assert failures(WholeTap) == {}


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (NeverEnds, "test_it_ends_raises_nothing_and_believes_nobody", "silent: no end within"),
        (Raises, "test_it_ends_raises_nothing_and_believes_nobody", "closes at once: it raised IncompleteReadError"),
        (Raises, "test_nobody_there_is_no_ok", "ConnectionRefusedError"),
        (BelievesAnybody, "test_it_ends_raises_nothing_and_believes_nobody", "wrong protocol: taken for well"),
        (LiesAboutItsPlane, "test_well_is_seen", "speaks of 'mailbox' and is about 'edge'"),
        (ForgetsItsClock, "test_well_is_seen", "not dated by the clock"),
        (SaysNothing, "test_it_ends_raises_nothing_and_believes_nobody", "does not say how"),
        (SaysTooMuch, "test_it_ends_raises_nothing_and_believes_nobody", "characters of evidence"),
        (Leaks, "test_looks_leave_nothing_open", "more open files"),
        (LeaksWhileOthersClose, "test_looks_leave_nothing_open", "more open files"),
        (ShowsItsToken, "test_a_secret_shows_nowhere", "a secret shows"),
        (HoldsOn, "test_a_look_can_be_cancelled_at_once", "cancelling took"),
    ],
)
def test_a_bad_probe_is_caught(bad, promise, says) -> None:
    """Never ending, raising, lying about its plane, believing anybody."""
    Leaks.kept.clear()
    caught(type("Bad", (WholeTap,), {"plugin": ProbePlugin(api=1, settings=TapSettings, make=bad)}), promise, says)


# -- relays ----------------------------------------------------------------------------------------------------------


class BoxSettings(RelaySettings):
    """A box."""

    kind: Literal["box"] = "box"
    """Which plug-in."""
    folder: Path
    """Where it keeps its mail."""

    def published(self) -> tuple[MxHost, ...]:
        return (MxHost(10, "box.test."),)


class Box:
    """Keeps a queue and its ends in two files: a good relay."""

    can_count = True

    def __init__(self, name: str, settings: BoxSettings) -> None:
        self.name, self.settings, self.mx = name, settings, settings.published()

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        return [RelayProbe("127.0.0.1:25", False, message="nobody")]

    def rows(self) -> list[Any]:
        try:
            return [self.row(json.loads(line)) for line in (self.settings.folder / "queue").read_text().splitlines()]
        except (ValueError, TypeError, KeyError, RecursionError, OSError) as error:
            raise Transient("the queue cannot be read", hint="Look there.") from error

    def row(self, row: Any) -> QueuedMail:
        found = [str(r["address"]) for r in row["recipients"]]
        return QueuedMail(str(row["queue_id"]), str(row["sender"]), tuple(found), float(row["arrival_time"]))

    async def queue(self) -> list[QueuedMail]:
        return self.rows()

    async def drain(self, domains: Sequence[str]) -> str:
        return "asked"

    def ends(self) -> list[MailFate]:
        return [MailFate(*json.loads(line)) for line in (self.settings.folder / "ends").read_text().splitlines()]

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        wanted = set(queue_ids)
        final = [f for f in self.ends() if f.queue_id in wanted and f.status != "deferred"]
        return list({(f.queue_id, f.recipient): f for f in final}.values())


class WholeBox(RelaySuite):
    """The good box."""

    plugin = RelayPlugin(api=1, settings=BoxSettings, make=Box)

    def settings(self) -> dict[str, Any]:
        (self.folder / "queue").touch()
        (self.folder / "ends").touch()
        return {"folder": str(self.folder)}

    def hold(self, mails: Sequence[QueuedMail]) -> None:
        rows = [
            {
                "queue_id": m.queue_id,
                "sender": m.sender,
                "arrival_time": m.arrived,
                "recipients": [{"address": r} for r in m.recipients],
            }
            for m in mails
        ]
        (self.folder / "queue").write_text("".join(json.dumps(r) + "\n" for r in rows))

    def garble(self, listing: bytes) -> None:
        (self.folder / "queue").write_bytes(listing)

    def end(self, fates: Sequence[MailFate]) -> None:
        with (self.folder / "ends").open("a") as file:
            file.writelines(json.dumps([f.queue_id, f.recipient, f.status, f.detail]) + "\n" for f in fates)


class CountsTwice(Box):
    async def queue(self) -> list[QueuedMail]:
        return self.rows() * 2


class CountsARecipientTwice(Box):
    def row(self, row: Any) -> QueuedMail:
        found = super().row(row)
        return QueuedMail(found.queue_id, found.sender, found.recipients * 2, found.arrived)


class SeesOnePage(Box):
    async def queue(self) -> list[QueuedMail]:
        return self.rows()[:1_000]


class LosesARecipient(Box):
    def row(self, row: Any) -> QueuedMail:
        found = super().row(row)
        return QueuedMail(found.queue_id, found.sender, found.recipients[:1], found.arrived)


class EmptyWhenUnreadable(Box):
    async def queue(self) -> list[QueuedMail]:
        try:
            return self.rows()
        except Transient:
            return []


class LosesAFate(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return list({f.queue_id: f for f in await super().fates(queue_ids)}.values())


class TellsTwice(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return (await super().fates(queue_ids)) * 2


class TellsAll(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        return await super().fates([f.queue_id for f in self.ends()])


class DeferredIsAnEnd(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        first: dict[tuple[str, str], MailFate] = {}
        for f in self.ends():
            if f.queue_id in set(queue_ids):
                first.setdefault((f.queue_id, f.recipient), f)
        return list(first.values())


class LastWordIsAnEnd(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        wanted = set(queue_ids)
        return list({(f.queue_id, f.recipient): f for f in self.ends() if f.queue_id in wanted}.values())


class FirstEndCounts(Box):
    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        final = [f for f in self.ends() if f.queue_id in set(queue_ids) and f.status != "deferred"]
        return list({(f.queue_id, f.recipient): f for f in reversed(final)}.values())


class OtherHosts(Box):
    def __init__(self, name: str, settings: BoxSettings) -> None:
        super().__init__(name, settings)
        self.mx = (MxHost(10, "other.test."),)


class RaisesItsOwn(Box):
    async def drain(self, domains: Sequence[str]) -> str:
        raise KeyError("domain")


def test_a_good_relay_keeps_every_promise() -> None:
    """Else nobody could use the suite."""
    assert failures(WholeBox) == {}


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (CountsTwice, "test_what_it_holds_is_counted_once", "counted twice"),
        (CountsARecipientTwice, "test_what_it_holds_is_counted_once", "a recipient stands twice"),
        (SeesOnePage, "test_what_it_holds_is_counted_once", "lost:"),
        (LosesARecipient, "test_what_it_holds_is_counted_once", "lost:"),
        (EmptyWhenUnreadable, "test_what_cannot_be_read_is_no_empty_queue", "html: taken for a queue"),
        (LosesAFate, "test_what_became_of_each_is_told_once_and_of_all", "ends are lost"),
        (TellsTwice, "test_what_became_of_each_is_told_once_and_of_all", "told twice"),
        (TellsAll, "test_what_became_of_each_is_told_once_and_of_all", "were not asked for"),
        (DeferredIsAnEnd, "test_what_became_of_each_is_told_once_and_of_all", "told otherwise"),
        (LastWordIsAnEnd, "test_what_became_of_each_is_told_once_and_of_all", "have not ended"),
        (FirstEndCounts, "test_the_last_end_counts", "bounced"),
        (OtherHosts, "test_its_hosts_are_what_its_settings_publish", "is not what the settings publish"),
        (RaisesItsOwn, "test_draining_twice_does_no_harm", "KeyError"),
    ],
)
def test_a_bad_relay_is_caught(bad, promise, says) -> None:
    """Counting twice, losing a fate, taking garbage for an empty queue."""
    caught(type("Bad", (WholeBox,), {"plugin": RelayPlugin(api=1, settings=BoxSettings, make=bad)}), promise, says)


# -- hooks -----------------------------------------------------------------------------------------------------------


class BellSettings(HookSettings):
    """A bell."""

    kind: Literal["bell"] = "bell"
    """Which plug-in."""


class Bell(Hook[BellSettings]):
    """Rings: a good hook."""

    kind, signature, Settings, example = "bell", "X-Bell", BellSettings, "bell --to http://127.0.0.1:8080/hooks/bell"

    def alerts(self, body: Any, received: Received) -> list[Alert]:
        top = mapping(body, "the body")
        bell, state = needed(top, "bell"), needed(top, "state")
        if state not in {"rings", "quiet"}:
            raise Invalid("it neither rings nor is quiet", hint="Is it a bell?")
        labels = top.get("labels")
        return [self.alert(bell, state, labels if isinstance(labels, Mapping) else {})]

    def alert(self, bell: str, state: str, labels: Mapping[str, Any]) -> Alert:
        return Alert(
            f"{bell}|{state}",
            bell,
            state == "rings",
            f"{bell} {state}",
            "",
            {text_of(k): text_of(v) for k, v in labels.items()},
        )


class WholeBell(HookSuite):
    """The good bell."""

    plugin = HookPlugin(api=1, settings=BellSettings, make=Bell)

    def settings(self) -> dict[str, Any]:
        return {"auth": {"hmac": [self.secret("key")]}}

    def body(self, *, firing: bool, event: int = 1) -> Any:
        return {"bell": f"door-{event}", "state": "rings" if firing else "quiet", "labels": {"house": "ours"}}

    def proof(self, raw: bytes, key: str, at: float) -> tuple[dict[str, str], str]:
        import hashlib
        import hmac

        return {"x-bell": hmac.new(key.encode(), raw, hashlib.sha256).hexdigest()}, ""


class AcceptsUnsigned(Bell):
    def signed(self, received: Received) -> bool | None:
        return True if "x-bell" not in received.headers else None


class SignsOnlyTheKey(Bell):
    def signed(self, received: Received) -> bool | None:
        return len(received.headers.get("x-bell", "")) == 64


NUMBERS = itertools.count()


class UnstableIdentity(Bell):
    def alert(self, bell: str, state: str, labels: Mapping[str, Any]) -> Alert:
        found = super().alert(bell, state, labels)
        return Alert(f"{next(NUMBERS)}", found.outage, found.firing, found.title)


class OneIdentity(Bell):
    def alert(self, bell: str, state: str, labels: Mapping[str, Any]) -> Alert:
        return Alert("bell", "bell", state == "rings", "it rings")


class OutageOfEach(Bell):
    def alert(self, bell: str, state: str, labels: Mapping[str, Any]) -> Alert:
        return Alert(f"{bell}|{state}", f"{bell} {state}", state == "rings", "it rings")


class TrustsShapes(Bell):
    def alerts(self, body: Any, received: Received) -> list[Alert]:
        return [self.alert(body["bell"], body["state"], body["labels"])]


class KeepsEverything(Bell):
    def alert(self, bell: str, state: str, labels: Mapping[str, Any]) -> Alert:
        return Alert(f"{bell}|{state}", bell, state == "rings", bell, "", labels, str(labels.get("house")))


class NoExample(Bell):
    example = ""


class ShowsItsKey(Bell):
    def alerts(self, body: Any, received: Received) -> list[Alert]:
        if not isinstance(body, dict):
            raise Invalid(f"not signed with {self.settings.auth.hmac[0].reveal()}")
        return super().alerts(body, received)


def test_a_good_hook_keeps_every_promise() -> None:
    """Else nobody could use the suite."""
    assert failures(WholeBell) == {}


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (AcceptsUnsigned, "test_only_who_proves_itself_is_believed", "no proof: it is believed"),
        (SignsOnlyTheKey, "test_only_who_proves_itself_is_believed", "an altered body: it is believed"),
        (UnstableIdentity, "test_identities_are_stable", "another identity"),
        (OneIdentity, "test_a_body_is_an_outage_that_begins_and_ends", "cannot be told apart"),
        (OutageOfEach, "test_a_body_is_an_outage_that_begins_and_ends", "beginning and end have different outages"),
        (TrustsShapes, "test_any_json_is_understood_or_refused", "raised TypeError"),
        (TrustsShapes, "test_any_part_of_a_real_body_may_be_anything", "raised"),
        (KeepsEverything, "test_any_part_of_a_real_body_may_be_anything", "cannot be stored or shown"),
        (NoExample, "test_it_says_what_it_is_and_how_it_is_set_up", "example is empty"),
        (ShowsItsKey, "test_a_secret_shows_nowhere", "a secret shows"),
    ],
)
def test_a_bad_hook_is_caught(bad, promise, says) -> None:
    """Accepting an unsigned body, unstable identities, raising on hostile JSON."""
    caught(type("Bad", (WholeBell,), {"plugin": HookPlugin(api=1, settings=BellSettings, make=bad)}), promise, says)


# -- directories -----------------------------------------------------------------------------------------------------


class BookSettings(DirectorySettings):
    """A phone book."""

    kind: Literal["book"] = "book"
    """Which plug-in."""
    url: str
    """Where."""
    token: Secret
    """Who we are."""
    timeout: Duration = 10.0
    """For one reading."""


class Book:
    """People from a URL: a good directory."""

    def __init__(self, name: str, settings: BookSettings) -> None:
        self.name, self.settings = name, settings

    async def ask(self, path: str) -> Any:
        http = Http()
        try:
            reply = await http.request("GET", self.settings.url + path, timeout_s=self.settings.timeout)
        finally:
            await http.close()
        try:
            found = json.loads(reply.body)
        except (ValueError, RecursionError):
            found = None
        if reply.status != 200 or not isinstance(found, dict) or not self.whole(found):
            raise Transient(f"the phone book answers {reply.status} and no list", hint="Is it up?")
        return found

    def whole(self, found: dict[str, Any]) -> bool:
        return isinstance(found.get("rows"), list)

    async def changes(self, since: str = "") -> Changes:
        people: list[Contact] = []
        path: str | None = f"/people?since={since}"
        while path:
            page = await self.ask(path)
            people += [Contact(r["id"], r["name"]) for r in page["rows"]]
            path = page.get("next")
        return Changes(tuple(people), tuple(page.get("gone", ())), "1")

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        return {n: [r["id"] for r in (await self.ask(f"/group/{i}"))["rows"]] for n, i in groups.items()}

    async def managers(self) -> dict[str, str]:
        return {r["id"]: r["manager"] for r in (await self.ask("/managers"))["rows"]}

    async def mail_records(self, domain: str) -> list[MailRecord]:
        raise Permanent("it knows nothing of mail")

    async def health(self) -> dict[str, str]:
        return {}

    async def close(self) -> None:
        pass


class WholeBook(DirectorySuite):
    """The good phone book."""

    plugin = DirectoryPlugin(api=1, settings=BookSettings, make=Book)
    tells_mail = False
    timeout = "400ms"

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "token": self.secret("token"), "groups": self.groups}

    def respond(self, asked: Asked) -> Answer:
        if asked.path == "/people" and asked.fields.get("since"):
            return Answer(200, {"rows": [], "gone": ["b"]})
        if asked.path == "/people":
            last = "page" in asked.fields
            return Answer(
                200,
                {
                    "rows": [{"id": "b", "name": "Bob"}] if last else [{"id": "a", "name": "Alice"}],
                    "next": None if last else "/people?page=2",
                },
            )
        return Answer(200, {"rows": [{"id": "b", "manager": "a"}]})


class HalfIsEnough(Book):
    def whole(self, found: dict[str, Any]) -> bool:
        found.setdefault("rows", [])
        return True


class FirstPage(Book):
    async def changes(self, since: str = "") -> Changes:
        page = await self.ask(f"/people?since={since}")
        return Changes(tuple(Contact(r["id"], r["name"]) for r in page["rows"]), (), "1")


class ForgetsTheGone(Book):
    async def changes(self, since: str = "") -> Changes:
        found = await super().changes(since)
        return Changes(found.people, (), found.since)


class ShowsItsSecret(Book):
    def __repr__(self) -> str:
        return f"Book({self.settings.token.reveal()})"


def test_a_good_directory_keeps_every_promise() -> None:
    """Else nobody could use the suite."""
    assert failures(WholeBook) == {}


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (HalfIsEnough, "test_a_wrong_answer_is_an_error_and_no_empty_list", "an empty object: taken for an answer"),
        (HalfIsEnough, "test_half_of_the_people_are_nobody", "changes, nothing: 1 given"),
        (FirstPage, "test_people_are_read_whole", "not everybody"),
        (ForgetsTheGone, "test_changes_are_changes", "gone"),
        (ShowsItsSecret, "test_a_secret_shows_nowhere", "a secret shows"),
    ],
)
def test_a_bad_directory_is_caught(bad, promise, says) -> None:
    """Half an answer taken for a list of people."""
    caught(
        type("Bad", (WholeBook,), {"plugin": DirectoryPlugin(api=1, settings=BookSettings, make=bad)}), promise, says
    )


# -- engines ---------------------------------------------------------------------------------------------------------


class AgainStore(EmbeddedStore):
    """What was claimed by a process that died is done again."""

    def open(self, path: Path, clock: Any, *more: Any) -> Any:
        class Again(EmbeddedJournal):
            async def claim(
                self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any
            ) -> Claim:
                found = await super().claim(key, step, request, event=event, **data)
                return (
                    Claim(key, ClaimState.GO, None, found.claimed_at) if found.state is ClaimState.IN_DOUBT else found
                )

        return Again(path, clock)


class LateStore(EmbeddedStore):
    """A claim is answered before it is on disk."""

    def open(self, path: Path, clock: Any, *more: Any) -> Any:
        class Late(EmbeddedJournal):
            async def claim(
                self, key: str, step: str, request: Mapping[str, Any], *, event: str = "", **data: Any
            ) -> Claim:
                return Claim(key, ClaimState.GO, None, 1.0)

        return Late(path, clock)


class OverStore(EmbeddedStore):
    """A new run takes the place of an old one."""

    def create(self, path: Path, meta: Mapping[str, Any]) -> None:
        path.unlink(missing_ok=True)
        super().create(path, meta)


@pytest.mark.parametrize(
    ("bad", "promise", "says"),
    [
        (AgainStore, "test_what_was_claimed_and_not_settled_stays_in_doubt", "it would be done again"),
        (LateStore, "test_a_claim_is_on_disk_when_it_is_answered", "begun"),
        (LateStore, "test_what_was_settled_is_never_done_again", "it would be done again"),
        (OverStore, "test_a_run_is_made_once", "a second run was made over the first"),
    ],
)
def test_a_bad_engine_is_caught(bad, promise, says) -> None:
    """Repeating, answering too early, overwriting."""
    caught(type("Bad", (EngineSuite,), {"plugin": EnginePlugin(api=1, called="bad", make=bad)}), promise, says)


# -- a busy machine --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("load", "cores", "stretched"), [(0.2, 2, 1.0), (2.0, 2, 1.0), (6.0, 2, 3.0), (400.0, 2, 10.0)]
)
def test_limits_of_time_stretch_with_the_load_of_the_machine(monkeypatch, load, cores, stretched) -> None:
    """On a quiet machine they are what they say; they are never without end."""
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    assert busy() == stretched


def test_a_deadline_of_a_setting_stretches_too(monkeypatch) -> None:
    """A good answer is not late because others compute."""
    monkeypatch.setattr("bcp.testing.suite.busy", lambda: 3.0)
    assert (Suite().stretched("400ms"), Suite().stretched("2s")) == ("1200ms", "6000ms")
    assert unstretched(Suite)().stretched("400ms") == "400ms"


def test_where_the_load_is_not_known_nothing_is_stretched(monkeypatch) -> None:
    """Some systems do not tell."""

    def unknown():
        raise OSError

    monkeypatch.setattr("os.getloadavg", unknown)
    assert busy() == 1.0
