"""``bcp incident``: where there has never been one, and what is told, answered and proven where there are some."""

from __future__ import annotations

import json
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import typer

from bcp.cli import incident, render
from bcp.incident import questions
from bcp.kernel.errors import Invalid, Missing, Refused


@pytest.mark.parametrize(
    "command",
    [lambda: incident.show("last"), lambda: incident.show("inc-1"), incident.verify],
    ids=["show", "by-name", "verify"],
)
def test_without_a_book_there_are_no_incidents(house, command) -> None:
    """It is said, and looking makes no book."""
    house.book.close()
    path = house.folder / ".bcp" / "incidents.db"
    for one in path.parent.glob("incidents.db*"):
        one.unlink()
    with pytest.raises(Missing) as caught:
        command()
    assert caught.value.rule == "no-such-incident" and "bcp serve" in caught.value.hint
    assert not path.exists()


def test_a_list_of_nothing_is_no_error_and_makes_no_book(house, capsys) -> None:
    house.book.close()
    for one in (house.folder / ".bcp").glob("incidents.db*"):
        one.unlink()
    incident.list_()
    assert capsys.readouterr().out == "None yet.\n" and not (house.folder / ".bcp" / "incidents.db").exists()


def test_a_name_that_no_incident_has_is_refused(house) -> None:
    """Beside one that is there."""
    house.book.open("exchange-online", "t", "auto", "watch")
    with pytest.raises(Missing) as caught:
        incident.show("inc-nothing")
    assert caught.value.rule == "no-such-incident"


# -- where there are some --------------------------------------------------------------------------------------------


@pytest.fixture
def said(monkeypatch, capsys):
    """What the command answered, as programs read it."""
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return lambda: json.loads(capsys.readouterr().out)


@pytest.fixture
def outage(house) -> str:
    """An incident that is open."""
    found, _ = house.book.open("exchange-online", "mail does not arrive", "auto", "watch")
    return found.id


def asked(house, incident: str, step: str = "gate", run: str = "") -> str:
    """A question of it that waits for Alice or Bob."""
    now = house.app.clock.now()
    made, _ = questions.ask(
        house.book,
        incident=incident,
        run=run or house.run(f"run-{step}", events=[house.gate()]),
        step=step,
        checksum="a" * 64,
        opened=now - 10,
        deadline=now + 600,
        count=1,
        groups=[["alice", "bob"]],
    )
    return made.id


def test_the_newest_stand_first(house, outage, said) -> None:
    incident.list_()
    assert [(i["id"], i["title"]) for i in said()["incidents"]] == [(outage, "mail does not arrive")]


def test_for_people_an_empty_book_says_so(house, monkeypatch, capsys) -> None:
    incident.list_()
    assert capsys.readouterr().out == "None yet.\n"


def test_one_is_shown_with_what_was_asked_and_answered(house, outage, capsys) -> None:
    name = asked(house, outage)
    questions.record(house.book, questions.question(house.book, name), "bob", yes=False, how="text")
    house.book.change(outage, "run", fields={"runs": ("run-gate",)})
    incident.show()
    told = capsys.readouterr().out
    assert told.startswith(outage) and "question  open: run-gate, plan aaaaaaaaaaaa" in told
    assert "bob: no (text)" in told and "runs      run-gate" in told and "opened    2" in told


def test_times_are_those_of_the_organisation_and_say_so(house, outage, capsys, monkeypatch) -> None:
    """At night nobody adds hours up: ``bcp status`` says 18:41 CET, so does the timeline."""
    opened = datetime.fromtimestamp(house.book.incident(outage).opened, ZoneInfo("Asia/Tokyo"))
    ours = incident.make_app

    def far_away() -> object:
        app = ours()
        render.OUT.zone = "Asia/Tokyo"
        return app

    monkeypatch.setattr(incident, "make_app", far_away)
    monkeypatch.setattr(render, "OUT", render.Output())
    incident.show()
    told = capsys.readouterr().out
    assert f"opened    {opened:%Y-%m-%d %H:%M:%S} JST" in told and f"  {opened:%H:%M:%S} opened" in told
    incident.list_()
    assert f"{opened:%Y-%m-%d %H:%M:%S} JST" in capsys.readouterr().out


def test_a_storm_of_alerts_buries_no_answer(house, outage, capsys, monkeypatch) -> None:
    """What was asked and answered stands on one screen; programs get every alert."""
    for n in range(300):
        house.book.note("alert_firing", outage, "alertmanager", title=f"disk {n}")
    name = asked(house, outage)
    questions.record(house.book, questions.question(house.book, name), "bob", yes=False, how="text")
    incident.show()
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if "alert firing" in line]
    assert len(shown) == incident.MOST_ALERTS and "disk 0" in shown[0] and "disk 299" in shown[-1]
    assert any("294 more" in line for line in lines) and any("answered bob" in line for line in lines)
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    incident.show()
    assert len([e for e in json.loads(capsys.readouterr().out)["events"] if e["kind"] == "alert_firing"]) == 300


def test_programs_get_the_questions_as_data(house, outage, said) -> None:
    name = asked(house, outage)
    incident.show(outage)
    found = said()
    assert [(q["id"], q["state"]) for q in found["questions"]] == [(name, "open")] and found["events"]


def test_an_answer_is_a_yes_or_a_no(house) -> None:
    with pytest.raises(Invalid, match="what you decide"):
        incident.answer()


def test_where_nothing_waits_there_is_nothing_to_answer(house, outage) -> None:
    with pytest.raises(Refused) as caught:
        incident.answer(yes=True)
    assert caught.value.rule == "no-open-gate"


def test_of_several_questions_one_must_be_named(house, outage) -> None:
    names = {asked(house, outage, "gate"), asked(house, outage, "other")}
    with pytest.raises(Invalid) as caught:
        incident.answer(yes=True)
    assert caught.value.rule == "several-gates" and all(n in caught.value.hint for n in names)


def test_a_question_that_there_is_not(house, outage) -> None:
    with pytest.raises(Missing) as caught:
        incident.answer("q-nothing", yes=True)
    assert caught.value.rule == "no-such-question"


def test_a_yes_reaches_the_run_that_waits(house, outage, said, monkeypatch) -> None:
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    name = asked(house, outage)
    with pytest.raises(Refused) as caught:
        incident.answer(name, yes=True, as_="alice", checksum="b" * 12)
    assert caught.value.rule == "wrong-checksum" and house.signals("run-gate") == []
    with pytest.raises(Refused) as caught:
        incident.answer(name, yes=True, as_="alice", checksum="a" * 12)
    assert caught.value.rule == "nobody-performs"  # no process works on it
    lock = house.runs.lock("run-gate")
    assert lock.take()
    with lock:
        incident.answer(name, yes=True, as_="alice", checksum="a" * 12)
    found = said()
    assert (found["answer"], found["by"], found["run"]) == ("approve", "alice", "run-gate")
    assert [s.kind for s in house.signals("run-gate")] == ["approve"]


def test_a_person_declares_closes_and_opens_again(house, said, monkeypatch) -> None:
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    incident.declare("nobody gets mail", "be", "alice")
    made = said()
    assert (made["state"], made["classes"]) == ("declared", ["B", "E"])
    incident.close(made["id"], "it works again", "alice")
    assert said()["state"] == "closed"
    incident.reopen(made["id"], "it does not", "alice")
    assert said()["state"] != "closed"


def test_the_chain_of_the_book_is_proven(house, outage, said) -> None:
    incident.verify()
    found = said()
    assert found["ok"] is True and found["head"] == house.book.head()


def test_a_changed_book_is_said_by_the_exit_code(house, outage, said) -> None:
    import sqlite3

    house.book.close()
    with sqlite3.connect(house.folder / ".bcp" / "incidents.db") as connection:
        (table,) = (n for (n,) in connection.execute("select name from sqlite_master where name = 'event'"))
        connection.execute(f"update {table} set actor = 'somebody else'")
    with pytest.raises(typer.Exit) as ended:
        incident.verify()
    found = said()
    assert ended.value.exit_code == 1 and found["ok"] is False and found["damage"]
