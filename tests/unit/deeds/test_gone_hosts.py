"""A host or a relay that was taken out of ``bcp.yaml`` while mail waited there: the mail stays in the account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.relay_ledger import UNSEEN, Fate, Source, Told
from bcp.deeds.incident import Close, Declare, close, declare
from bcp.deeds.relay_gone import GivenUp, give_up
from bcp.deeds.unaccounted import count
from bcp.kernel.clock import iso
from bcp.kernel.errors import BcpError, Invalid, Refused

from .house import CONFIG, CONTACTS, House, person
from .test_unaccounted import ROW

HOSTS = "hosts: [{host: relay.test, preference: 10}]"
AGENT = "agent: {command: ['false', '{host}'], key: 'file:key'}"
R1, R2 = "mx-backup@r1.test", "mx-backup@r2.test"
TWO = CONFIG.replace(HOSTS, "hosts: [{host: r1.test}, {host: r2.test}], " + AGENT)
ONE = CONFIG.replace(HOSTS, "hosts: [{host: r1.test}], " + AGENT)
RENAMED = TWO.replace("mx-backup", "mx-spare")
NO_AGENT = CONFIG


def house(folder, text: str) -> House:
    (folder / "bcp.yaml").write_text(text)
    return House(folder)


@pytest.fixture
def folder(tmp_path):
    """The organisation, whose relay has two hosts with agents that do not answer."""
    (tmp_path / "key").write_text("k" * 40)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / ".bcp").mkdir()
    return tmp_path


def told(found: House, source: str, *rows: Fate, last: float = 1.0, ago: float = 0.0) -> None:
    ledger = found.app.running.books.ledger
    known = ledger.source(source)
    rows = tuple(replace(r, relay=source) for r in rows)
    messages = [Told(r.uid, last, (r,)) for r in rows]
    ledger.take(replace(known, stream="s", seq=known.seq + 1, digest="d"), messages, [])
    ledger.heard(Source(source, heard=found.app.clock.now() - ago))


def waiting(folder, ago: float = 3600.0) -> House:
    """The second host told of one mail that waits, and of one that was delivered."""
    made = house(folder, TWO)
    now = made.app.clock.now()
    told(made, R1, replace(ROW, status="sent", taken=now))
    here = replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", taken=now)
    told(made, R2, here, replace(here, uid="z3.1", queue_id="z3", message_id="m3", status="sent"), ago=ago)
    return made


@pytest.mark.parametrize("text", [ONE, RENAMED, NO_AGENT])
def test_mail_that_waits_at_a_host_which_left_the_settings_holds_the_incident(folder, text) -> None:
    before = waiting(folder)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    heard = before.app.running.books.ledger.source(R2).heard
    after = house(folder, text)
    found = count(after.app, made)
    assert found.people == 1 and found.names == (f"a@corp.test (deferred, {R2} z2)",)
    with pytest.raises(Refused) as refused:
        after.do(close(after.ground, person("bob"), Close(made.id, "over")))
    said = refused.value.message
    assert refused.value.rule == "mail-unaccounted"
    assert "r2.test" in said and "no longer in bcp.yaml" in said and iso(heard) in said, said
    over = after.do(close(after.ground, person("bob"), Close(made.id, "over", "its disk is burnt")))
    assert over.state == "closed"


@pytest.mark.parametrize("text", [ONE, RENAMED])
def test_it_stays_in_the_account_by_name_and_with_what_to_do(folder, text) -> None:
    waiting(folder)
    books = house(folder, text).app.running.books
    found = books.account()
    assert found is not None
    assert found.fates["waiting"] == 1 and not found.meets and R2 in found.unheard
    assert found.fates["delivered"] == 2, "what it delivered before was accepted, too"
    (said,) = [w for w in found.warnings if "no longer in bcp.yaml" in w and "r2.test" in w]
    assert "1 recipient(s) wait at r2.test" in said and "bcp relay take" in said and "bcp relay give-up" in said
    assert [f.recipient for f in found.by_name] == ["a@corp.test"]


def test_without_any_agent_left_the_account_is_there_while_the_ledger_has_mail(folder) -> None:
    waiting(folder)
    books = house(folder, NO_AGENT).app.running.books
    found = books.account()
    assert found is not None and found.fates == {"delivered": 2, "waiting": 1}


@pytest.mark.parametrize("looked", [True, False], ids=["watched", "only pulled"])
def test_mail_of_a_domain_that_left_stays_ours_where_it_was_accepted_before(folder, looked) -> None:
    """It waits for somebody whose domain was taken out of ``bcp.yaml`` meanwhile: it holds the incident, and is in the
    account by name. What the relay accepts for that domain after the hour is not ours."""
    import asyncio

    two = TWO.replace("domains:", "domains: [{name: corp.test}, {name: old.test}] #", 1)
    assert "old.test" in two
    before = house(folder, two)
    now = before.app.clock.now()
    row = replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", taken=now, recipient="x@old.test", to="x@old.test")
    told(before, R1, row, replace(row, uid="z3.1", queue_id="z3", message_id="m3", recipient="y@never.test"))
    told(before, R2)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    asyncio.run(before.app.running.books.pull()) if looked else before.app.running.books.account()
    after = house(folder, TWO)
    found = after.app.running.books.account()
    assert (
        found is not None and found.fates == {"waiting": 1} and [f.recipient for f in found.by_name] == ["x@old.test"]
    )
    (said,) = [w for w in found.warnings if "old.test" in w]
    assert said.startswith("old.test is no longer in bcp.yaml: 1 recipient(s)") and "0 after that do not" in said
    assert count(after.app, made).names == (f"x@old.test (deferred, {R1} z2)",)
    late = replace(row, uid="z4.1", queue_id="z4", message_id="m4", taken=now + 3700.0)
    told(after, R1, late)
    again = house(folder, TWO).app.running.books.account()
    assert again is not None and again.fates == {"waiting": 1}
    assert any("1 after that do not" in w for w in again.warnings)
    back = house(folder, two).app.running.books.account()
    assert back is not None and back.fates == {"waiting": 2} and not [w for w in back.warnings if "old.test" in w]


def test_it_ends_when_it_is_told_gone(folder) -> None:
    before = waiting(folder)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    again = house(folder, TWO)
    told(again, R2, replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", status="sent"), last=2.0)
    after = house(folder, ONE)
    assert not count(after.app, made).any
    found = after.app.running.books.account()
    assert found is not None and found.meets and found.unheard == ()


LONG = "4fR1Qx2hZnz9tK"


@pytest.mark.parametrize("mid", ["m2", ""])
def test_rows_that_are_told_again_under_another_name_count_once(folder, mid) -> None:
    """The relay got another name, and its agent tells all again; or an agent that began in the middle of the log saw
    how it ended, and a long queue id is never used again."""
    before = waiting(folder)
    told(before, R2, replace(ROW, uid=f"{LONG}.1", queue_id=LONG, message_id="m2", taken=before.app.clock.now()))
    told(before, R2, replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", status="sent"), last=2.0)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    after = house(folder, RENAMED)
    assert count(after.app, made).people == 1
    row = replace(ROW, uid=f"{LONG}.7", queue_id=LONG, message_id=mid, status="sent", taken=before.app.clock.now())
    told(after, "mx-spare@r2.test", row if mid else replace(row, kind=UNSEEN))
    found = after.app.running.books.account()
    assert found is not None and not found.fates.get("waiting") and not count(after.app, made).any
    assert found.accepted == 4 - (not mid)


def test_another_mail_of_that_id_is_another_mail(folder) -> None:
    """Another Message-ID; another recipient; a short queue id that an agent knows nothing else of."""
    before = waiting(folder)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    after = house(folder, RENAMED)
    row = replace(ROW, uid="z2.7", queue_id="z2", message_id="m2", status="sent", taken=after.app.clock.now())
    for other in (
        replace(row, message_id="m9"),
        replace(row, recipient="b@corp.test", to="b@corp.test"),
        replace(row, message_id="", kind=UNSEEN),
    ):
        told(after, "mx-spare@r2.test", other)
        assert count(after.app, made).people == 1
    told(after, "mx-spare@r2.test", row)
    assert not count(after.app, made).any


def rule(work) -> str:
    with pytest.raises(BcpError) as found:
        work()
    return found.value.rule


def test_a_named_person_gives_it_up_once_and_for_all(folder) -> None:
    """Its disk is burnt: no later incident asks again, the account has it by name, and a later word of its agent
    counts."""
    before = waiting(folder)
    made = before.do(declare(before.ground, person("alice"), Declare("x")))
    after = house(folder, ONE)
    assert after.do(give_up(after.ground, person("bob"), GivenUp(R2, " its disk is burnt "))) == 1
    assert not count(after.app, made).any
    books = after.app.running.books
    found = books.account()
    assert found is not None and found.fates == {"delivered": 2, "removed": 1} and found.meets and found.untold == 0
    (row,) = found.by_name
    assert (row.answer, row.told) == ("given up by bob: its disk is burnt", "no")
    assert any("given up by bob: its disk is burnt [given-up]" in w for w in found.warnings)
    (event,) = [e for e in after.book.events() if e.kind == "mail_given_up"]
    assert event.actor == "bob" and event.data["source"] == R2 and after.book.damage() == ""
    told(house(folder, TWO), R2, replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", status="sent"), last=2.0)
    found = books.account()
    assert found is not None and found.fates == {"delivered": 3}


def test_what_is_not_given_up(folder) -> None:
    waiting(folder)
    after = house(folder, ONE)

    def refused(source: str, reason: str = "x", who=None) -> str:
        return rule(lambda: after.do(give_up(after.ground, who or person("bob"), GivenUp(source, reason))))

    assert refused(R1) == "still-asked", "its agent tells"
    assert refused("mx-backup@r9.test") == refused("mx-backup") == "nothing-waits"
    assert refused(R2, " ") == "no-reason"
    assert refused(R2, who=person("bob", can=frozenset())) == "not-allowed"
    assert refused(R2, who=replace(person("bob"), contact="")) == "no-person"
    assert count(after.app, after.do(declare(after.ground, person("alice"), Declare("x")))).people == 1
    with pytest.raises(Invalid):
        after.do(give_up(after.ground, person("bob"), GivenUp(R2, "")))


def test_readiness_and_the_plan_of_a_drain_say_what_nobody_asks_for(folder) -> None:
    from types import SimpleNamespace

    from bcp.deeds.readiness.relays import machines
    from bcp.wiring.relay_books import DrainBooks

    def left(found: House) -> list[str]:
        checks = found.do(machines(found.app, SimpleNamespace(movers=("out",))))
        return [f"{c.subject} {c.state}" for c in checks if c.code == "relay-left-behind"]

    waiting(folder)
    assert left(house(folder, TWO)) == []
    after = house(folder, ONE)
    assert left(after) == ["r2.test risk"]
    said = DrainBooks(after.app.running.books, after.runs).says("mx-backup")
    assert said.startswith("the agent of mx-backup accounts")
    assert "no drain reaches this: 1 recipient(s) wait at" in said
    renamed = house(folder, RENAMED)
    assert "no drain" not in DrainBooks(renamed.app.running.books, renamed.runs).says("mx-spare"), "another relay's"
    after.do(give_up(after.ground, person("bob"), GivenUp(R2, "lost")))
    assert left(house(folder, ONE)) == []


def test_where_no_relay_ever_had_an_agent_no_ledger_is_made(folder) -> None:
    found = house(folder, NO_AGENT)
    books = found.app.running.books
    assert books.gone() == books.left_behind() == [] and books.account() is None
    assert not (folder / ".bcp" / "relays.db").exists()


def test_of_two_that_left_the_later_one_tells(folder) -> None:
    """Renamed, and removed after that: what both told counts once, where it was told last."""
    before = waiting(folder)
    renamed = house(folder, RENAMED)
    row = replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", taken=before.app.clock.now())
    told(renamed, "mx-spare@r2.test", replace(row, status="bounced", told="no"), ago=60.0)
    books = house(folder, NO_AGENT).app.running.books
    assert [g.name for g in books.gone()] == [R2, "mx-spare@r2.test", R1] and books.left_behind() == []
    found = books.account()
    assert found is not None and found.fates == {"delivered": 2, "bounced": 1}
    only = books.account(relays=["mx-spare"])
    assert only is not None and only.fates == {"bounced": 1} and only.relays == ("mx-spare@r2.test",)


def test_a_relay_that_got_another_name_is_not_missed(folder) -> None:
    """Its agents told everything again under the new one: nothing is said of the old."""
    before = waiting(folder)
    now = before.app.clock.now()
    renamed = house(folder, RENAMED)
    told(renamed, "mx-spare@r1.test", replace(ROW, status="sent", taken=now))
    row = replace(ROW, uid="z2.1", queue_id="z2", message_id="m2", taken=now)
    told(renamed, "mx-spare@r2.test", row, replace(row, uid="z3.1", queue_id="z3", message_id="m3", status="sent"))
    found = renamed.app.running.books.account()
    assert found is not None and found.fates == {"delivered": 2, "waiting": 1} and found.meets
    assert found.relays == ("mx-spare@r1.test", "mx-spare@r2.test") and found.warnings == ()


def test_a_host_that_left_is_asked_where_it_is_named(folder) -> None:
    """Its relay still says how agents are asked; of a relay that left nobody knows."""
    waiting(folder)
    books = house(folder, ONE).app.running.books
    asked = books.way_of(R2)
    assert asked is not None and asked.command == ["false", "r2.test"]

    def problems(*names: str) -> dict[str, bool]:
        import asyncio

        return {p.relay: bool(p.problem) for p in asyncio.run(books.pull(names))}

    assert problems() == problems("mx-backup") == {R1: True}, "not of itself: it may be dead, and others wait"
    assert problems(R2) == {R2: True}
    renamed = house(folder, RENAMED).app.running.books
    assert renamed.way_of(R2) is None and renamed.way_of("mx-backup") is None
    assert house(folder, ONE.replace(", '{host}'", "")).app.running.books.way_of(R2) is None, "one agent for all hosts"


def test_an_agent_that_comes_by_itself_from_a_host_that_left_is_heard(folder) -> None:
    import asyncio

    from bcp.relay.batch import HELLO, seal

    waiting(folder)
    push = ONE.replace("command: ['false', '{host}']", "push: true").replace(
        "{host: r1.test}", "{host: r1.test}, {host: r3.test}"
    )
    books = house(folder, push).app.running.books

    def hello(name: str) -> object:
        return asyncio.run(books.receive(name, seal(b"k" * 40, HELLO, {"relay": name})))

    assert hello(R2) is not None and hello(R1) is not None
    assert hello("mx-backup@stranger.test") is None and hello("other") is None
