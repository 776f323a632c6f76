"""What people write of an exercise: refused with a rule where it must be, in the chain where it may be."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from unit.deeds.house import House, person

from bcp.contracts.exercise import DrillRecord, Scenario
from bcp.contracts.exercise_plain import from_data, to_data
from bcp.deeds.exercise import FindingOf, New, NoteOf, attend, cancel, close, finding, make, note, sign
from bcp.deeds.exercises import exercise_of, record_of, record_of_incident, records
from bcp.deeds.learn import propose
from bcp.drills.play import Play
from bcp.kernel.errors import Invalid, Missing, Refused

ALICE, NOBODY = person("alice"), person("eve", can=frozenset())
WANTED = New(
    "dry", Scenario("", "no story"), Play("out"), "Quarter drill", ("rto_receive=30m", "rto_communicate:staff=15m"),
    ("alice=facilitator", "Ms Guest=observer"), scope_out=("archive",), assumptions=("it is a weekday",),
    expected="mail flows by the relay", bia="https://intra.test/bia",
)  # fmt: skip


def house_with_a_book(house: House) -> House:
    (house.folder / "playbooks").mkdir(exist_ok=True)
    from unit.deeds.house import BOOK

    (house.folder / "playbooks" / "out.yaml").write_text(BOOK)
    return house


@pytest.fixture
def made(house: House) -> tuple[House, str]:
    return house, make(house_with_a_book(house).ground, ALICE, WANTED)


def ended(house: House, drill: str, outcome: str = "completed") -> None:
    book = house.app.running.drills
    book.append(drill, "began", "alice", {})
    book.append(drill, "ended", "alice", {"outcome": outcome})


def test_what_is_fixed_beforehand_is_in_the_record(made) -> None:
    house, drill = made
    found = record_of(house.app, drill)
    assert (found.id, found.kind, found.title, found.state) == (drill, "dry", "Quarter drill", "planned")
    assert [(o.code, o.audience, o.target, o.fixed_at > 0, bool(o.criterion)) for o in found.objectives] == [
        ("rto_receive", "", 1800.0, True, True),
        ("rto_communicate", "staff", 900.0, True, True),
    ]
    assert [(p.name, p.contact, p.role) for p in found.participants] == [
        ("Alice", "alice", "facilitator"),
        ("Ms Guest", "", "observer"),
    ]
    assert found.scope_in == ("corp.test",)
    assert (found.scope_out, found.bia, found.created_by) == (("archive",), "https://intra.test/bia", "alice")
    assert found.assumptions[0] == "it is a weekday"
    assert found.playbooks[0].name == "out"
    assert len(found.playbooks[0].digest) == 64
    assert {c.name: c.real for c in found.components}["DNS"] is True
    assert "rfc2136 (DNS host main)" in found.third_parties
    assert found.retention.until > "2026"
    assert found.integrity.chains[0].events == 1
    assert from_data(json.loads(json.dumps(to_data(found)))) == found


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"objectives": ("rto_receive=30m", "rto_receive=40m")}, "no-such-objective"),
        ({"objectives": ("rto_communicate:stuff=15m",)}, "no-such-audience"),
        ({"people": ("=facilitator",)}, "no-text"),
    ],
)
def test_what_could_only_be_meant_otherwise_is_refused(house: House, wrong: dict, rule: str) -> None:
    with pytest.raises((Invalid, Missing)) as caught:
        make(house_with_a_book(house).ground, ALICE, replace(WANTED, **wrong))
    assert caught.value.rule == rule


def test_a_record_that_is_kept_longer_than_calendars_go_can_be_read(house: House) -> None:
    drill = make(house_with_a_book(house).ground, ALICE, replace(WANTED, retention_years=1e308))
    assert record_of(house.app, drill).retention.until == ""


def test_objectives_of_the_playbook_count_where_nobody_named_others(house: House) -> None:
    from unit.deeds.house import BOOK

    house_with_a_book(house)
    text = BOOK + "objectives: {rto_receive: 45m, rpo_messages: 0, mtpd: 24h}\n"
    (house.folder / "playbooks" / "out.yaml").write_text(text)
    drill = make(house.ground, ALICE, replace(WANTED, objectives=("rto_receive=10m",)))
    found = {o.code: o.target for o in record_of(house.app, drill).objectives}
    assert found == {"rto_receive": 600.0, "rpo_messages": 0.0, "mtpd": 86_400.0}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"objectives": ("rto_receive",)}, "no-such-objective"),
        ({"objectives": ("rto_sleep=1h",)}, "no-such-objective"),
        ({"objectives": ("rto_receive:staff=1h",)}, "no-such-objective"),
        ({"objectives": ("rto_receive=soon",)}, "no-such-objective"),
        ({"objectives": ("rpo_messages=nan",)}, "no-such-objective"),
        ({"play": Play("nothing")}, "no-such-playbook"),
        ({"kind": "live"}, "no-drill-domain"),
        ({"kind": "live", "play": Play("out", domains=("elsewhere.test",))}, "no-drill-domain"),
        ({"kind": "live", "play": Play("out", domains=("corp.test",))}, "no-volunteers"),
        ({"title": "x" * 5000}, "text-too-long"),
        ({"play": Play("out", {"colour": "red"})}, "no-input"),
    ],
)
def test_what_cannot_be_an_exercise_is_refused(house: House, changes, rule: str) -> None:
    house_with_a_book(house)
    with pytest.raises((Invalid, Missing)) as told:
        make(house.ground, ALICE, replace(WANTED, **changes))
    assert told.value.rule == rule
    assert house.app.running.drills.drills() == []


@pytest.mark.parametrize(
    ("play", "said"),
    [
        (Play("out"), "needs domains"),
        (Play("out", domains=("corp.test", "elsewhere.test")), "elsewhere.test is not in bcp.yaml"),
        (Play("out", domains=("corp.test",)), "needs volunteers"),
        (Play("out", domains=("corp.test",), volunteers="choir"), "no audience 'choir'"),
    ],
)
def test_what_a_live_drill_lacks_is_named(house: House, play: Play, said: str) -> None:
    """What was typed wrong is told apart from what was left out."""
    house_with_a_book(house)
    with pytest.raises(Invalid, match=said):
        make(house.ground, ALICE, replace(WANTED, kind="live", play=play))


def test_a_live_drill_with_a_domain_and_volunteers(house: House) -> None:
    house_with_a_book(house)
    drill = make(
        house.ground, ALICE, replace(WANTED, kind="live", play=Play("out", domains=("corp.test",), volunteers="staff"))
    )
    found = exercise_of(house.app, drill)
    assert (found.play.domains, found.play.volunteers, found.record.scope_in) == (
        ("corp.test",),
        "staff",
        ("corp.test",),
    )


def test_who_may_not_run_may_write_nothing(made) -> None:
    house, drill = made
    for work in (
        lambda: make(house.ground, NOBODY, WANTED),
        lambda: note(house.ground, NOBODY, drill, NoteOf("x")),
        lambda: attend(house.ground, NOBODY, drill, "bob"),
        lambda: finding(house.ground, NOBODY, drill, FindingOf(title="x")),
        lambda: sign(house.ground, NOBODY, drill),
        lambda: close(house.ground, NOBODY, drill),
        lambda: cancel(house.ground, NOBODY, drill, "x"),
    ):
        with pytest.raises(Refused) as told:
            work()
        assert told.value.rule == "not-allowed"
    assert len(house.app.running.drills.events(drill)) == 1


def test_notes_go_where_they_belong(made) -> None:
    house, drill = made
    for kind in ("observation", "deviation", "feedback", "conclusion", "third-party", "decision"):
        note(house.ground, ALICE, drill, NoteOf(f"a {kind}", kind, rating=4 if kind == "feedback" else None))
    found = record_of(house.app, drill)
    assert [n.text for n in found.deviations] == ["a deviation"]
    assert [(n.text, n.rating, n.by) for n in found.feedback] == [("a feedback", 4, "alice")]
    assert [n.text for n in found.conclusions] == ["a conclusion"]
    assert found.third_parties[-1] == "a third-party"
    assert [(d.what, d.by, d.source) for d in found.decisions] == [("a decision", "alice", "entered")]
    assert {m.kind for m in found.timeline} >= {"observation", "deviation", "decision"}


def test_a_decision_that_reaches_an_objective(made) -> None:
    house, drill = made
    for wrong in ("rto_communicate:stuff", "rto_communicate", "wrt"):
        with pytest.raises(Invalid, match="is no objective of it"):
            note(house.ground, ALICE, drill, NoteOf("all are told", reaches=wrong))
    note(house.ground, ALICE, drill, NoteOf("all are told", reaches="rto_communicate:staff"))
    reached = exercise_of(house.app, drill).reaches[0]
    assert (reached["code"], reached["audience"]) == ("rto_communicate", "staff")
    assert record_of(house.app, drill).decisions[0].what == "all are told"


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        (NoteOf(" "), "no-text"),
        (NoteOf("x" * 4001), "text-too-long"),
        (NoteOf("x", "song"), "no-such-note"),
        (NoteOf("x", rating=3), "no-rating"),
        (NoteOf("x", "feedback", rating=6), "no-rating"),
        (NoteOf("x", "decision", "rto_sleep"), "no-such-objective"),
    ],
)
def test_what_is_no_note_is_refused(made, wanted: NoteOf, rule: str) -> None:
    house, drill = made
    with pytest.raises(Invalid) as told:
        note(house.ground, ALICE, drill, wanted)
    assert told.value.rule == rule


def test_attendance(made) -> None:
    house, drill = made
    attend(house.ground, ALICE, drill, "alice")
    attend(house.ground, ALICE, drill, "Ms Guest", absent=True)
    attend(house.ground, ALICE, drill, "bob", role="scribe")
    attend(house.ground, ALICE, drill, "bob", left=True)
    people = {p.name: p for p in record_of(house.app, drill).participants}
    assert (people["Alice"].attended, people["Alice"].role, people["Alice"].arrived > 0) == (True, "facilitator", True)
    assert people["Ms Guest"].attended is False
    assert (people["Bob"].contact, people["Bob"].role, people["Bob"].left > 0) == ("bob", "scribe", True)


def test_a_finding_from_its_raising_to_its_end(made) -> None:
    house, drill = made
    name = finding(house.ground, ALICE, drill, FindingOf(title="No phone list", severity="high", urgent=True))
    finding(house.ground, ALICE, drill, FindingOf(name, owner="bob", due="2027-01-31", cause="nobody prints"))
    finding(house.ground, ALICE, drill, FindingOf(name, state="done"))
    found = record_of(house.app, drill).findings[0]
    assert (found.title, found.severity, found.urgent, found.owner, found.due, found.state) == (
        "No phone list", "high", True, "bob", "2027-01-31", "done",
    )  # fmt: skip
    assert (found.raised_by, found.changed_by, found.done_at > 0, found.cause) == (
        "alice",
        "alice",
        True,
        "nobody prints",
    )


@pytest.mark.parametrize(
    ("wanted", "rule"),
    [
        (FindingOf(), "no-text"),
        (FindingOf(title="x", severity="awful"), "no-such-severity"),
        (FindingOf(title="x", state="lost"), "no-such-state"),
        (FindingOf(title="x", due="soon"), "no-date"),
        (FindingOf("f-none", state="done"), "no-such-finding"),
    ],
)
def test_what_is_no_finding_is_refused(made, wanted: FindingOf, rule: str) -> None:
    house, drill = made
    with pytest.raises((Invalid, Missing)) as told:
        finding(house.ground, ALICE, drill, wanted)
    assert told.value.rule == rule


def test_signed_closed_and_only_followed_up_afterwards(made) -> None:
    house, drill = made
    name = finding(house.ground, ALICE, drill, FindingOf(title="No phone list"))
    for work in (lambda: sign(house.ground, ALICE, drill), lambda: close(house.ground, ALICE, drill)):
        with pytest.raises(Refused) as told:
            work()
        assert told.value.rule == "drill-running"
    ended(house, drill)
    with pytest.raises(Refused) as told:
        close(house.ground, ALICE, drill)
    assert told.value.rule == "not-signed"
    sign(house.ground, ALICE, drill, "continuity manager")
    found = record_of(house.app, drill).signatures[0]
    assert (found.name, found.role, found.stands, found.how, len(found.digest)) == (
        "Alice", "continuity manager", True, "a test", 64,
    )  # fmt: skip
    close(house.ground, ALICE, drill)
    for work in (
        lambda: note(house.ground, ALICE, drill, NoteOf("late")),
        lambda: finding(house.ground, ALICE, drill, FindingOf(title="late")),
        lambda: finding(house.ground, ALICE, drill, FindingOf(name, title="another")),
        lambda: sign(house.ground, ALICE, drill),
    ):
        with pytest.raises(Refused) as told:
            work()
        assert told.value.rule == "drill-closed"
    finding(house.ground, ALICE, drill, FindingOf(name, state="done", owner="bob"))
    after = record_of(house.app, drill)
    assert (after.findings[0].state, after.signatures[0].stands, after.state) == ("done", True, "closed")


def test_a_note_after_the_signature_lets_it_fall(made) -> None:
    house, drill = made
    ended(house, drill)
    sign(house.ground, ALICE, drill)
    note(house.ground, ALICE, drill, NoteOf("one thing more", "conclusion"))
    assert record_of(house.app, drill).signatures[0].stands is False
    with pytest.raises(Refused) as told:
        close(house.ground, ALICE, drill)
    assert told.value.rule == "not-signed"
    sign(house.ground, ALICE, drill)
    close(house.ground, ALICE, drill)


def test_a_record_without_a_signature_says_why(made) -> None:
    house, drill = made
    ended(house, drill)
    close(house.ground, ALICE, drill, without="the manager has left")
    assert record_of(house.app, drill).state == "closed"


def test_only_a_person_of_the_contacts_signs(made) -> None:
    house, drill = made
    ended(house, drill)
    for who in (replace(ALICE, contact=""), replace(ALICE, name="root", contact="root")):
        with pytest.raises(Refused) as told:
            sign(house.ground, who, drill)
        assert told.value.rule == "no-person"


def test_nobody_signs_what_cannot_be_proved(made) -> None:
    house, drill = made
    ended(house, drill)
    house.app.running.drills.append(drill, "run", "alice", {"run": "run-gone"})
    with pytest.raises(Refused) as told:
        sign(house.ground, ALICE, drill)
    assert told.value.rule == "drill-damaged"


def test_called_off_before_it_began(made) -> None:
    house, drill = made
    cancel(house.ground, ALICE, drill, "the building is closed")
    found = record_of(house.app, drill)
    assert (found.state, found.outcome, found.reason) == ("cancelled", "not-begun", "the building is closed")
    with pytest.raises(Refused) as told:
        cancel(house.ground, ALICE, drill, "again")
    assert told.value.rule == "drill-running"


def test_what_is_not_there(house: House) -> None:
    with pytest.raises(Missing) as told:
        record_of(house.app, "last")
    assert told.value.rule == "no-such-drill"
    with pytest.raises(Missing) as told:
        record_of_incident(house.app, "inc-none")
    assert told.value.rule == "no-such-incident"


def test_a_signature_falls_when_a_run_is_written_anew(made) -> None:
    house, drill = made
    run = house.run("run-1")
    house.app.running.drills.append(drill, "run", "alice", {"run": run})
    ended(house, drill)
    sign(house.ground, ALICE, drill)
    assert record_of(house.app, drill).signatures[0].stands
    house.runs.path(run).unlink()
    house.run("run-1", initiator="mallory")
    assert record_of(house.app, drill).signatures[0].stands is False


def test_a_real_incident_gives_the_same_record(house: House) -> None:
    found, _ = house.book.open("exchange-online", "Mail is down", "ask", "watch")
    run = house.run("run-1", events=[("approved", "gate", {"actor": "alice"})])
    house.book.change(found.id, "run", fields={"runs": (run,), "state": "declared"})
    record = record_of_incident(house.app, found.id)
    assert (record.kind, record.title, record.state, record.runs) == ("incident", "Mail is down", "running", (run,))
    assert [d.by for d in record.decisions] == ["alice"]
    assert record.detection.detected == found.opened
    assert "incident_opened" in {m.kind for m in record.timeline}
    assert [r.id for r in records(house.app)] == [found.id]
    assert records(house.app, since=found.opened + 1) == []


def test_what_people_write_of_an_incident_stands_in_its_record(house: House) -> None:
    house_with_a_book(house)
    found, _ = house.book.open("exchange-online", "Mail is down", "ask", "watch")
    run = house.run("run-1")
    wanted = replace(WANTED, kind="incident", incidents=(found.id,), play=Play())
    for names, rule in (((), "no-incident"), ((found.id,), "incident-open")):
        with pytest.raises((Invalid, Refused)) as told:
            make(house.ground, ALICE, replace(wanted, incidents=names))
        assert told.value.rule == rule
    fields = {"state": "closed", "closed": found.opened + 7200, "runs": (run,)}
    house.book.change(found.id, "closed_by_hand", fields=fields)
    drill = make(house.ground, ALICE, replace(wanted, incidents=("last",)))
    note(house.ground, ALICE, drill, NoteOf("it was DNS", "conclusion"))
    record = record_of_incident(house.app, found.id)
    assert (record.id, record.conclusions[0].text, record.incidents) == (drill, "it was DNS", (found.id,))
    assert (record.started, record.duration, record.runs) == (found.opened, 7200.0, (run,))
    sign(house.ground, ALICE, drill)
    close(house.ground, ALICE, drill)
    assert record_of_incident(house.app, found.id).signatures[0].stands
    assert [r.id for r in records(house.app)] == [drill]


def test_the_product_proposes_once_and_takes_a_no(made) -> None:
    house, drill = made
    attend(house.ground, ALICE, drill, "Ms Guest", absent=True)
    note(house.ground, ALICE, drill, NoteOf("we called by phone instead", "deviation"))
    ended(house, drill)
    titles = propose(house.app, drill)
    assert any("Ms Guest" in t for t in titles)
    assert any("by phone" in t for t in titles)
    assert propose(house.app, drill) == []
    one = next(f for f in record_of(house.app, drill).findings if f.code == "absent")
    assert (one.state, bool(one.proposal), bool(one.place)) == ("proposed", True, True)
    finding(house.ground, ALICE, drill, FindingOf(one.id, state="dismissed"))
    assert propose(house.app, drill) == []


def test_records_are_values(made) -> None:
    house, drill = made
    assert isinstance(record_of(house.app, drill), DrillRecord)
