"""An answer counts only when everything about it is right: who, when, to what, in which state of the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.deeds.answer import Answer, Asked, answer, goes_on, why_not
from bcp.deeds.who import Who
from bcp.incident import questions
from bcp.kernel.errors import BcpError, Invalid, Missing, Refused

from .house import ALL, House, person

SUM = "a" * 64
GOOD = Asked(SUM, 1000.0, frozenset({"alice", "bob"}), ("carol",), run="run-1")


def rule(asked: Asked, by: str = "alice", *, yes: bool = True, checksum: str = SUM[:12], now: float = 900.0) -> str:
    found = why_not(asked, by, yes=yes, checksum=checksum, now=now)
    return found.rule if found is not None else ""


@pytest.mark.parametrize("checksum", ["", SUM[:12], SUM])
@pytest.mark.parametrize("yes", [True, False])
@pytest.mark.parametrize("now", [0.0, 999.9, 1000.0])
def test_a_right_answer_counts(checksum, yes, now) -> None:
    assert rule(GOOD, checksum=checksum, yes=yes, now=now) == ""


@pytest.mark.parametrize(
    ("change", "given", "expected"),
    [
        ({"over": "done"}, {}, "run-over"),
        ({"over": "aborted"}, {"yes": False}, "run-over"),
        ({"closed": "approved by bob"}, {}, "closed"),
        ({}, {"checksum": "b" * 12}, "wrong-checksum"),
        ({}, {"by": "eve"}, "not-an-approver"),
        ({}, {"by": "carol"}, "not-an-approver"),
        ({"people": frozenset({"alice", "carol"})}, {"by": "carol"}, "initiator"),
        ({"answered": {"alice"}}, {}, "answered"),
        ({}, {"now": 1000.1}, "too-late"),
        ({"opened": 500.0}, {"now": 497.9}, "clock-set-back"),
        ({"opened": 500.0}, {"now": 497.9, "yes": False}, "clock-set-back"),
        ({"performed": False}, {}, "nobody-performs"),
        ({"performed": False}, {"yes": False}, "nobody-performs"),
    ],
)
def test_what_is_wrong_has_a_code(change, given, expected) -> None:
    """One by one; for a no as for a yes."""
    assert rule(replace(GOOD, **change), **given) == expected


def test_who_started_may_say_no() -> None:
    """Stopping is always allowed to those who are asked."""
    assert rule(replace(GOOD, people=frozenset({"carol"})), "carol", yes=False) == ""


def refused(house: House, who, given: Answer) -> str:
    with pytest.raises(BcpError) as caught:
        house.do(answer(house.ground, who, given))
    return caught.value.rule


def waiting(house: House, **given) -> str:
    return house.run(events=[house.gate(**given)])


# -- at a gate of a run, as the command line gives it ------------------------------------------------------------------


def test_a_yes_is_told_to_the_run_with_what_it_was_bound_to(house) -> None:
    """And whoever works on it in this process is woken."""
    house.adopted = True
    run = waiting(house)
    done = house.do(answer(house.ground, person("alice"), Answer(True, run=run, checksum=SUM[:4])))
    assert (done.run, done.step, done.by, done.checksum) == (run, "gate", "alice", SUM)
    (told,) = house.signals(run)
    assert (told.kind, told.actor, told.data["checksum"], told.data["step"]) == ("approve", "alice", SUM, "gate")
    assert house.woken == [run]


def test_a_yes_that_nobody_will_act_on_is_refused_in_words(house) -> None:
    """No process works on the run and no daemon serves this state: a yes would be lost."""
    run = waiting(house)
    assert refused(house, person("alice"), Answer(True, run=run)) == "nobody-performs"
    assert house.signals(run) == []


def test_an_answer_by_a_clock_that_was_set_back_is_refused_in_words(house) -> None:
    """The gate counts nothing that was given before it was open: a yes that is taken all the same would be lost."""
    house.adopted = True
    run = waiting(house, opened=3.0)
    assert refused(house, person("alice"), Answer(True, run=run)) == "clock-set-back"
    assert refused(house, person("alice"), Answer(False, run=run)) == "clock-set-back"
    assert house.signals(run) == []
    within = house.run("run-2", events=[house.gate(opened=1.5)])
    assert house.do(answer(house.ground, person("alice"), Answer(True, run=within))).run == within


def test_what_a_person_stopped_no_daemon_goes_on_with(house) -> None:
    """So a yes to it is refused, too; what the daemon stopped when it ended it goes on with."""
    house.adopted = True
    mine = house.run("run-1", events=[house.gate(), ("stopped", "", {"by": "signal"})])
    its = house.run("run-2", events=[house.gate(), ("stopped", "", {"by": "daemon"})])
    assert refused(house, person("alice"), Answer(True, run=mine)) == "nobody-performs"
    assert house.do(answer(house.ground, person("alice"), Answer(True, run=its))).run == its


@pytest.mark.parametrize(
    ("who", "given", "expected"),
    [
        (person("alice", can=frozenset({"run"})), {}, "not-allowed"),
        (replace(person("alice"), contact=""), {}, "no-person"),
        (person("carol"), {}, "not-an-approver"),
        (person("alice"), {"checksum": "beef"}, "wrong-checksum"),
        (person("alice"), {"step": "other"}, "no-open-gate"),
        (person("alice"), {"run": "run-9"}, "no-such-run"),
    ],
)
def test_each_wrong_answer_leaves_the_run_alone(house, who, given, expected) -> None:
    house.adopted = True
    run = waiting(house)
    assert refused(house, who, Answer(True, **{"run": run, **given})) == expected
    assert house.signals(run) == []


def test_an_answer_is_used_once(house) -> None:
    """What the run has heard; an answer at an earlier gate of the same run is another one."""
    house.adopted = True
    said = ("answered", "gate", {"actor": "alice", "yes": True, "checksum": SUM, "at": house.now})
    old = ("answered", "gate", {"actor": "bob", "yes": True, "checksum": "b" * 64, "at": house.now - 9999})
    run = house.run(events=[old, house.gate(), said])
    assert refused(house, person("alice"), Answer(True, run=run)) == "answered"
    assert house.do(answer(house.ground, person("bob"), Answer(True, run=run))).by == "bob"


def test_two_open_gates_have_to_be_told_apart(house) -> None:
    """The plan's own and that of an undo."""
    house.adopted = True
    undo = ("gate_opened", "undo", {**house.gate()[2], "checksum": "b" * 64})
    run = house.run(events=[house.gate(), undo])
    assert refused(house, person("alice"), Answer(True, run=run)) == "several-gates"
    done = house.do(answer(house.ground, person("alice"), Answer(True, run=run, step="undo")))
    assert done.checksum == "b" * 64


def test_a_run_that_is_over_takes_no_answer(house) -> None:
    house.adopted = True
    run = house.run(
        events=[house.gate(), ("gate_closed", "gate", {"result": "x"}), ("run_finished", "", {"status": "failed"})]
    )
    assert refused(house, person("alice"), Answer(True, run=run)) == "run-over"


# -- to a question of the book, as every other door gives it -----------------------------------------------------------


def asked(house: House, run: str = "", **given):
    data = {
        "incident": "",
        "run": run,
        "step": "gate" if run else "plan:p1",
        "checksum": SUM,
        "opened": house.now - 10,
        "deadline": house.now + 600,
        "count": 1,
        "groups": [["alice", "bob"]],
    }
    return questions.ask(house.book, **{**data, **given})[0]


def test_a_question_of_a_run_is_told_and_written_down(house) -> None:
    house.adopted = True
    run = waiting(house)
    q = asked(house, run)
    done = house.do(answer(house.ground, person("bob"), Answer(False, question=q.id, checksum=SUM)))
    assert done.question == q.id and not done.yes
    assert [s.kind for s in house.signals(run)] == ["reject"]
    assert [(a.by, a.yes) for a in questions.answers_of(house.book, q)] == [("bob", False)]


def test_a_question_about_a_plan_has_no_run_to_be_told(house) -> None:
    q = asked(house)
    assert house.do(answer(house.ground, person("bob"), Answer(True, question=q.id, checksum=SUM))).run == ""
    assert refused(house, person("bob"), Answer(True, question=q.id, checksum=SUM)) == "answered"


@pytest.mark.parametrize(
    ("who", "checksum", "change", "expected"),
    [
        ("carol", SUM, {}, "not-an-approver"),
        ("alice", "b" * 64, {}, "wrong-checksum"),
        ("alice", "short", {}, "wrong-checksum"),
        ("alice", SUM, {"deadline": 1.0}, "too-late"),
    ],
)
def test_wrong_answers_to_questions(house, who, checksum, change, expected) -> None:
    q = asked(house, **change)
    assert refused(house, person(who), Answer(True, question=q.id, checksum=checksum)) == expected
    assert questions.answers_of(house.book, q) == []


def test_somebody_who_was_not_asked_is_in_the_record(house) -> None:
    """An attempt leaves a trace."""
    q = asked(house)
    refused(house, person("carol"), Answer(True, question=q.id, checksum=SUM))
    assert [e.kind for e in house.book.events()][-1] == "answer_refused"


def test_a_closed_question_says_how_it_ended(house) -> None:
    q = asked(house)
    questions.close(house.book, q, "approved by bob")
    assert refused(house, person("alice"), Answer(True, question=q.id, checksum=SUM)) == "closed"


def test_a_question_whose_gate_is_closed_takes_no_answer(house) -> None:
    """The book did not notice yet that the run went on."""
    house.adopted = True
    run = house.run(events=[house.gate(), ("gate_closed", "gate", {"result": "approved"})])
    assert refused(house, person("alice"), Answer(True, question=asked(house, run).id, checksum=SUM)) == "closed"


def test_what_is_not_there(house) -> None:
    assert refused(house, person("alice"), Answer(True, question="q-none", checksum=SUM)) == "no-such-question"
    with pytest.raises(Missing):
        house.do(answer(house.ground, person("alice"), Answer(True)))
    assert issubclass(Missing, Invalid) and not issubclass(Missing, Refused)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], True),  # killed
        ([("phase_started", "", {"phase": "hold"})], True),
        ([("stopped", "", {"by": "daemon"})], True),
        ([("stopped", "", {"by": "signal"})], False),
        ([("stopped", "", {"by": "told"})], False),
        (
            [
                ("step_started", "mx", {}),
                ("step_finished", "mx", {"status": "in_doubt"}),
                ("stopped", "", {"by": "daemon"}),
            ],
            False,
        ),
        ([("run_finished", "", {"status": "done"})], False),
    ],
)
def test_which_runs_a_daemon_goes_on_with(house, events, expected) -> None:
    """Whoever started them."""
    assert goes_on(house.runs.view(house.run(events=events))) is expected


def test_rights_are_the_doors_word() -> None:
    assert ALL == {"run", "approve"}


def test_whoever_is_refused_is_told_what_to_do() -> None:
    """Not only that they may not."""
    used = why_not(replace(GOOD, answered={"alice"}), "alice", yes=True, checksum=SUM, now=900.0)
    assert used is not None and "bcp abort" in used.hint
    nobody = Who("ci")
    for must, hint in ((lambda: nobody.must("run"), "bcp user"), (nobody.must_be_a_person, "--as CONTACT")):
        with pytest.raises(Refused) as caught:
            must()
        assert hint in caught.value.hint


def test_a_no_is_told_as_one_also_by_who_started(house) -> None:
    """With its reason, and by which door it came."""
    house.adopted = True
    run = waiting(house, people=("alice", "carol"))
    who = person("carol")
    assert refused(house, who, Answer(True, run=run)) == "initiator"
    done = house.do(answer(house.ground, who, Answer(False, run=run, reason="not now")))
    assert (done.yes, done.by, done.question) == (False, "carol", "")
    (told,) = house.signals(run)
    assert (told.kind, told.actor, told.data["reason"], told.data["how"]) == ("reject", "carol", "not now", who.how)


def test_what_is_written_into_the_book_of_an_answer(house) -> None:
    """By which door it came; of one that does not count, to which question and why."""
    q = asked(house, incident="inc-1")
    who = person("alice")
    house.do(answer(house.ground, who, Answer(True, question=q.id)))
    assert [h["how"] for h in questions.how_of(house.book, q)] == [who.how]
    eve = person("carol")
    refused(house, eve, Answer(True, question=q.id))
    last = house.book.events()[-1]
    about = {"question": q.id, "how": eve.how, "rule": "not-an-approver"}
    assert (last.kind, last.incident, last.actor, dict(last.data)) == ("answer_refused", "inc-1", "carol", about)


def test_nothing_is_asked_where_neither_a_run_nor_a_question_is_named(house) -> None:
    """With its code."""
    assert refused(house, person("alice"), Answer(True)) == "no-open-gate"


def test_a_question_leads_to_its_own_gate(house) -> None:
    """Of several that are open."""
    house.adopted = True
    kind, _, data = house.gate()
    run = house.run(events=[(kind, "gate", data), (kind, "second", data)])
    q = asked(house, run, step="gate")
    assert house.do(answer(house.ground, person("alice"), Answer(True, question=q.id))).step == "gate"


def test_what_is_refused_names_its_run(house) -> None:
    """And a gate that somebody else closed in the book is closed."""
    run = waiting(house)
    with pytest.raises(Refused) as caught:
        house.do(answer(house.ground, person("alice"), Answer(True, run=run)))
    assert caught.value.rule == "nobody-performs" and run in str(caught.value) and run in caught.value.hint
    house.adopted = True
    q = asked(house, run)
    questions.close(house.book, q, "approved by bob")
    assert refused(house, person("alice"), Answer(True, question=q.id)) == "closed"
