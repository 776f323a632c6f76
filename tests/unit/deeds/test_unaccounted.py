"""An incident with mails whose fate nobody knows is not closed, unless a named person says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.relay_ledger import MAIL, Fate, Remark, Source, Told
from bcp.deeds import incident as deed
from bcp.deeds.incident import Close, Declare, close, declare
from bcp.deeds.unaccounted import Unaccounted, ask_and_count, count
from bcp.incident.wording import event_words
from bcp.kernel.errors import Refused

from .house import CONFIG, CONTACTS, House, person

AGENT = CONFIG.replace(
    "hosts: [{host: relay.test, preference: 10}]",
    "hosts: [{host: relay.test, preference: 10}], agent: {command: ['false'], key: 'file:key'}",
)
ROW = Fate(
    relay="mx-backup", uid="q1.1", queue_id="q1", kind=MAIL, recipient="a@corp.test", to="a@corp.test",
    status="deferred", at=1.0, answer="450", via="", remote_id="", tries=1, risky=0, told="", people=1, taken=0.0,
    sender="o@x", size=1, message_id="m", client="", tls="",
)  # fmt: skip


@pytest.fixture
def guarded(tmp_path) -> House:
    """The organisation, whose relay has an agent that does not answer."""
    (tmp_path / "bcp.yaml").write_text(AGENT)
    (tmp_path / "key").write_text("k" * 40)
    (tmp_path / "contacts.csv").write_text(CONTACTS)
    (tmp_path / "playbooks").mkdir()
    (tmp_path / ".bcp").mkdir()
    return House(tmp_path)


def told(house: House, *rows: Fate, heard: float = 0.0) -> None:
    ledger = house.app.running.books.ledger
    source = ledger.source("mx-backup")
    messages = [Told(r.uid, 1.0, (r,)) for r in rows]
    ledger.take(replace(source, stream="s", seq=source.seq + 1, digest="d"), messages, [])
    ledger.heard(Source("mx-backup", heard=heard or house.app.clock.now()))


def opened(house: House):
    return house.do(declare(house.ground, person("alice"), Declare("x")))


def refused(house: House, wanted: Close) -> Refused:
    with pytest.raises(Refused) as found:
        house.do(close(house.ground, person("bob"), wanted))
    return found.value


def test_who_still_waits_at_the_relay_keeps_it_open(guarded) -> None:
    made = opened(guarded)
    told(guarded, replace(ROW, taken=1000.0), replace(ROW, uid="q2.1", recipient="b@else.test"))
    error = refused(guarded, Close(made.id, "over"))
    assert error.rule == "mail-unaccounted" and "a@corp.test (deferred, mx-backup q1)" in error.message
    assert "b@else.test" not in error.message, "that is nobody's of ours"
    assert guarded.book.incident(made.id).state == "declared"
    told(guarded, replace(ROW, status="sent"))
    assert guarded.do(close(guarded.ground, person("bob"), Close(made.id, "over"))).state == "closed"


def test_a_named_person_closes_it_with_a_reason_that_stays(guarded) -> None:
    made = opened(guarded)
    told(guarded, replace(ROW, status="unknown", taken=made.opened))
    assert refused(guarded, Close(made.id, "over", "  ")).rule == "mail-unaccounted"
    over = guarded.do(close(guarded.ground, person("bob"), Close(made.id, "over", "its sender sent it again")))
    assert over.state == "closed"
    (event,) = [e for e in guarded.book.events(made.id) if e.kind == "closed_by_hand"]
    assert event.actor == "bob" and event.data["unaccounted_reason"] == "its sender sent it again"
    assert (event.data["unaccounted"], event.data["names"]) == (1, ["a@corp.test (unknown, mx-backup q1)"])
    assert guarded.book.damage() == ""
    assert event_words(event) == (
        "over; its sender sent it again; a test; not accounted for: 1 recipient(s): a@corp.test (unknown, mx-backup q1)"
    )
    silent = replace(event, data={**event.data, "unaccounted": 0, "silent": ["r2"], "gone": ["r3 left"]})
    assert event_words(silent).endswith("a test; what they took is not known: r2; r3 left")


def test_where_all_is_accounted_for_nothing_more_is_said(guarded) -> None:
    made = opened(guarded)
    told(guarded, replace(ROW, status="bounced"))
    guarded.do(close(guarded.ground, person("bob"), Close(made.id, "over", "not needed")))
    (event,) = [e for e in guarded.book.events(made.id) if e.kind == "closed_by_hand"]
    assert "unaccounted_reason" not in event.data


def test_what_vanished_long_before_is_another_matter(guarded) -> None:
    made = opened(guarded)
    told(guarded, replace(ROW, status="unknown", taken=made.opened - 7200))
    assert not count(guarded.app, made).any


def test_an_agent_that_is_silent_after_a_switch_is_not_nothing(guarded) -> None:
    made = opened(guarded)
    assert not count(guarded.app, made).any, "no run of it moved MX"
    lost = replace(made, runs=("run-lost",))
    assert count(guarded.app, lost).silent == ("mx-backup",)
    told(guarded, heard=guarded.app.clock.now() - 1000)
    assert count(guarded.app, lost).any
    told(guarded)
    assert not count(guarded.app, lost).any


def test_a_relay_that_died_a_minute_ago_took_nobody_knows_what(guarded) -> None:
    """Closing asks the agent, and it does not answer: that it did so a minute ago tells nothing of that minute."""
    lost = replace(opened(guarded), runs=("run-lost",))
    told(guarded, replace(ROW, status="sent"), heard=guarded.app.clock.now() - 60)
    assert not count(guarded.app, lost).any, "nobody has asked it since"
    found = guarded.do(ask_and_count(guarded.app, lost))
    assert found.silent == ("mx-backup",) and "mx-backup was not heard: what it took is not known" in found.text()


def test_an_agent_that_comes_by_itself_is_missed_sooner(guarded) -> None:
    """It comes every ten seconds, and every five minutes where it was not heard."""
    pushed = (guarded.folder / "bcp.yaml").read_text().replace("command: ['false']", "push: true")
    (guarded.folder / "bcp.yaml").write_text(pushed)
    house = House(guarded.folder)
    lost, now = replace(opened(house), runs=("run-lost",)), house.app.clock.now()
    told(house, heard=now - 330)
    assert not count(house.app, lost).any
    told(house, heard=now - 400)
    assert count(house.app, lost).silent == ("mx-backup",)


def test_a_log_that_was_not_read_keeps_it_open(guarded) -> None:
    """An agent that answers, and reads nothing, or lost a part of its log while the incident lasted."""
    lost = replace(opened(guarded), runs=("run-lost",))
    now, ledger = guarded.app.clock.now(), guarded.app.running.books.ledger
    told(guarded)
    ledger.heard(Source("mx-backup", heard=now, read=now, problem="permission denied", blind=now - 60))
    (said,) = count(guarded.app, lost).unread
    assert "cannot read its log" in said and "permission denied" in said and said in count(guarded.app, lost).text()
    assert count(guarded.app, lost).data()["unread"] == [said]
    assert not count(guarded.app, replace(lost, runs=())).any, "no run of it moved MX"
    ledger.heard(Source("mx-backup", heard=now, read=now))
    assert not count(guarded.app, lost).any, "it has read on"
    ledger.remark(Remark("mx-backup", lost.opened - 7200, "log-lost", "rotated away long ago"))
    assert not count(guarded.app, lost).any
    ledger.remark(Remark("mx-backup", now, "log-lost", "rotated away"))
    assert count(guarded.app, lost).unread == ("mx-backup: rotated away [log-lost]",)


def test_a_relay_without_an_agent_is_counted_by_its_drain(house) -> None:
    made = opened(house)
    outputs = {"unaccounted": 2, "left": 0, "by_name": ["q1 to a@corp.test: gone"]}
    run = house.run(
        events=[("step_finished", "mx", {"status": "ok", "outputs": outputs}), ("run_finished", "", {"status": "done"})]
    )
    house.book.change(made.id, "run_started", fields={"runs": (run,)})
    found = count(house.app, house.book.incident(made.id))
    assert (found.people, found.names) == (2, ("q1 to a@corp.test: gone",))


def test_in_words() -> None:
    assert not Unaccounted().any and Unaccounted().text() == ""
    many = Unaccounted(5, ("a", "b", "c", "d"), ("r2",))
    assert many.text() == (
        "the fate of 5 recipient(s) is not known: a, b, c and 2 more;"
        " the agent of r2 was not heard: what it took is not known"
    )
    assert many.data() == {"unaccounted": 5, "names": ["a", "b", "c", "d"], "silent": ["r2"]}


def test_every_door_says_it(guarded) -> None:
    """The same deed behind the command, the console and the API: its field is theirs."""
    from bcp.server.doors.api_models import CloseIn

    assert CloseIn(reason="x").unaccounted == "" and CloseIn(reason="x", unaccounted="y").unaccounted == "y"
    assert deed.Close("i", "r").unaccounted == ""


def test_a_host_that_did_not_answer_the_drain_keeps_it_open(house) -> None:
    made = opened(house)
    outputs = {"unaccounted": 0, "left": 0, "by_name": ["bounced by name"], "unheard": ["relay2.test"]}
    run = house.run(
        events=[("step_finished", "mx", {"status": "ok", "outputs": outputs}), ("run_finished", "", {"status": "done"})]
    )
    house.book.change(made.id, "run_started", fields={"runs": (run,)})
    found = count(house.app, house.book.incident(made.id))
    assert (found.people, found.names, found.dead) == (0, (), ("relay2.test",)) and found.any
    assert found.text() == "relay2.test did not answer the drain: what it holds is not known"
    assert found.data()["silent"] == ["relay2.test"]


def test_the_pulse_of_each_host_is_a_check_of_readiness(guarded) -> None:
    """Also of relays whose machines are not ours: never heard, heard, silent."""
    import asyncio
    from types import SimpleNamespace

    from bcp.deeds.readiness.relays import machines

    text = AGENT.replace("{host: relay.test, preference: 10}", "{host: r1.test}, {host: r2.test}")
    (guarded.folder / "bcp.yaml").write_text(text.replace("['false']", "['false', '{host}']"))
    house = House(guarded.folder)
    now = house.app.clock.now()

    def pulses() -> dict[str, str]:
        found = asyncio.run(machines(house.app, SimpleNamespace(movers=("out",))))  # type: ignore[arg-type]
        assert all(c.playbooks == ("out",) for c in found)
        return {c.subject: c.state for c in found if c.code == "relay-agent"}

    assert pulses() == {"r1.test": "unknown", "r2.test": "unknown"}
    assert house.app.running.books.mails_an_hour() == {"mx-backup": 0.0}
    house.app.running.books.ledger.heard(Source("mx-backup@r1.test", heard=now))
    house.app.running.books.ledger.heard(Source("mx-backup@r2.test", heard=now - 3600))
    assert pulses() == {"r1.test": "ok", "r2.test": "fail"}


def test_what_is_most_often_not_meant_is_said_by_config_check(guarded, monkeypatch, capsys) -> None:
    from bcp.cli.setup import check

    text = AGENT.replace("{host: relay.test, preference: 10}", "{host: r1.test}, {host: r2.test}")
    (guarded.folder / "bcp.yaml").write_text(text)
    monkeypatch.chdir(guarded.folder)
    monkeypatch.delenv("BCP_CONFIG", raising=False)
    check()
    assert "mx-backup has 2 hosts and one agent" in capsys.readouterr().out.replace("\n", " ")
