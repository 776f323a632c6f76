"""Questions and the answers to them: who is asked once, what proves an answer, how many tries there are."""

from __future__ import annotations

import pytest

from bcp.contracts.incident import Asked
from bcp.engine.gate import Answer
from bcp.incident import questions
from bcp.incident.book import Book
from bcp.incident.codes import MAX_WRONG, new_link, sealed
from bcp.kernel.errors import Invalid, Missing, Refused
from bcp.testing.clock import FakeClock

KEY = b"k" * 32


class House:
    """A book at a time that is told."""

    def __init__(self, path) -> None:
        self.clock = FakeClock(1000.0)
        self.book = Book(path, self.clock)

    def ask(self, run="run-1", *, opened=1000.0, people=(("ann", "bob"), ("kim",)), step="ask", incident="inc-1"):
        return questions.ask(
            self.book,
            incident=incident,
            run=run,
            step=step,
            checksum="c" * 64,
            opened=opened,
            deadline=2000.0,
            count=2,
            groups=people,
        )[0]

    def claim(self, asked, person, yes, no, *, link="", channel="sms", cycle=0):
        given = {"yes": yes, "no": no, "link": link, "key": KEY}
        return questions.claim(self.book, asked, person, channel, cycle, **given)

    def code(self, text, people=("ann",), at=None):
        return questions.by_code(self.book, list(people), text, KEY, at)

    def events(self, kind):
        return [(e.incident, e.actor, dict(e.data)) for e in self.book.events() if e.kind == kind]


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path / "b.db")
    yield made
    assert made.book.damage() == ""
    made.book.close()


def test_a_question_is_written_down_once(house) -> None:
    """With all that it is about; the same gate, opened again, is another question."""
    asked = house.ask()
    assert asked.id.startswith("q-")
    assert (asked.incident, asked.run, asked.step, asked.checksum) == ("inc-1", "run-1", "ask", "c" * 64)
    assert (asked.opened, asked.deadline, asked.count) == (1000.0, 2000.0, 2)
    assert asked.groups == (("ann", "bob"), ("kim",)) and asked.state == "open"
    assert house.ask() == asked and house.ask(opened=1001.0) != asked != house.ask(step="other")
    about = {"question": asked.id, "run": "run-1", "step": "ask", "checksum": "c" * 64}
    assert house.events("question")[0] == ("inc-1", "", {**about, "people": ["ann", "bob", "kim"], "until": 2000.0})
    assert len(house.events("question")) == 3
    assert questions.question(house.book, asked.id) == asked


def test_a_question_that_is_not_there(house) -> None:
    with pytest.raises(Missing) as caught:
        questions.question(house.book, "q-x")
    assert caught.value.rule == "no-such-question"


def test_questions_of_an_incident_and_those_that_wait(house) -> None:
    """Those of others are none of it."""
    one, two = house.ask(), house.ask("run-2", opened=1001.0)
    other = house.ask("run-3", incident="inc-2")
    assert {q.id for q in questions.open_questions(house.book)} == {one.id, two.id, other.id}
    questions.close(house.book, one, "approved by ann", rule="approved")
    assert {q.id for q in questions.open_questions(house.book)} == {two.id, other.id}
    assert [q.id for q in questions.questions_of(house.book, "inc-1")] == [two.id, one.id]
    assert questions.question(house.book, one.id).result == "approved by ann"


def test_a_question_is_closed_once(house) -> None:
    """With its end in the record, cut where it is too long."""
    asked = house.ask()
    questions.close(house.book, asked, "x" * 400, rule="no-answer")
    questions.close(house.book, asked, "again")
    assert house.events("question_closed") == [
        ("inc-1", "", {"question": asked.id, "run": "run-1", "result": "x" * 300, "rule": "no-answer"})
    ]


def test_a_person_is_asked_once_by_each_way_and_turn(house) -> None:
    """It is claimed before it leaves; how it went is in the record."""
    asked = house.ask()
    assert house.claim(asked, "ann", "111111", "222222")
    assert not house.claim(asked, "ann", "333333", "444444")
    house.clock.wall = 1004.0
    assert house.claim(asked, "ann", "333333", "444444", cycle=1) and house.claim(asked, "ann", "", "", channel="call")
    first = questions.asked_of(house.book, asked.id)[0]
    assert first == Asked("ann", "sms", 0, 1000.0, "claimed", "")
    house.clock.wall = 1005.0
    questions.settle(house.book, asked, "ann", "sms", 0, "sent", "r" * 400)
    assert house.events("asked") == [
        (
            "inc-1",
            "",
            {"question": asked.id, "person": "ann", "channel": "sms", "state": "sent", "detail": "r" * 300},
        )
    ]
    states = {(o.channel, o.cycle): o.state for o in questions.asked_of(house.book, asked.id)}
    assert states == {("sms", 0): "sent", ("sms", 1): "claimed", ("call", 0): "claimed"}


def test_what_was_about_to_leave_is_asked_again(house) -> None:
    """And said, where there was any."""
    assert questions.unsettled(house.book) == 0 and house.events("asked_again") == []
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    house.claim(asked, "bob", "111112", "222223")
    assert questions.unsettled(house.book) == 2
    assert house.events("asked_again") == [("", "", {"count": 2})]


# -- by code -----------------------------------------------------------------------------------------------------------


def test_a_code_answers_for_whom_it_was_made(house) -> None:
    """Yes and no; from the address that several share, for the one whose it is."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    house.claim(asked, "bob", "333333", "444444")
    yes, no = house.code("111111"), house.code("ok 444 444", ("ann", "bob"))
    assert (yes.question, yes.person, yes.yes) == (asked, "ann", True)
    assert (no.person, no.yes) == ("bob", False)
    assert house.code("333333", ("ann",)) is None and house.code("hello") is None
    assert house.code("111111", ("kim",)) is None and house.code("111111", ()) is None


def test_a_closed_question_takes_no_code(house) -> None:
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    questions.close(house.book, asked, "over")
    assert house.code("111111") is None


@pytest.mark.parametrize(("at", "counts"), [(None, True), (997.9, False), (998.0, True), (1500.0, True)])
def test_what_is_older_than_the_question_says_nothing_about_it(house, at, counts) -> None:
    """A second or two is how clocks differ."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    assert (house.code("111111", at=at) is not None) is counts


def test_both_codes_say_nothing(house) -> None:
    """Our own text, quoted back."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    assert house.code("111111 = yes, 222222 = no") is None
    assert house.book.wrong_tries(asked.id, "ann") == 0


def test_each_wrong_code_is_a_try_of_this_person_at_this_question(house) -> None:
    """Beside a right one it is none; of others it is none; all of a text count; none above the limit."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    house.claim(asked, "bob", "333333", "444444")
    tries = lambda who: house.book.wrong_tries(asked.id, who)  # noqa: E731
    assert house.code("999999") is None and (tries("ann"), tries("bob")) == (1, 0)
    assert house.code("111111 999999").yes and tries("ann") == 1
    assert house.code("999998 999997") is None and tries("ann") == 3
    assert house.events("wrong_code")[-1] == ("inc-1", "ann", {"question": asked.id, "wrong": 3})
    assert house.code("111111").yes
    assert house.code(" ".join(f"99999{n}" for n in range(4))) is None
    assert tries("ann") == MAX_WRONG == 5 and len(house.events("wrong_code")) == 5
    with pytest.raises(Refused) as caught:
        house.code("111111")
    assert caught.value.rule == "locked" and house.code("333333", ("bob",)).yes


def test_a_text_with_many_codes_answers_nothing(house) -> None:
    """Four may be two questions quoted back; five are guesses."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    four = "111111 999991 999992 999993"
    assert house.code(four).yes and house.book.wrong_tries(asked.id, "ann") == 0
    assert house.code(f"{four} 999994") is None and house.book.wrong_tries(asked.id, "ann") == 4


def test_a_question_that_is_locked_for_somebody_leaves_the_others_open(house) -> None:
    """Right for one question is not wrong for the other; a wrong code is a try at each."""
    one, two = house.ask(), house.ask("run-2", opened=1001.0)
    house.claim(one, "ann", "111111", "222222")
    house.claim(two, "ann", "333333", "444444")
    for n in range(5):
        house.code(f"33333 99999{n}", at=999.0)  # before the second one was asked: no try at it
    assert (house.book.wrong_tries(one.id, "ann"), house.book.wrong_tries(two.id, "ann")) == (5, 5)
    with pytest.raises(Refused):
        house.code("333333")


def test_tries_at_a_question_that_came_later_are_none(house) -> None:
    """What was written before it cannot be about it."""
    one, two = house.ask(), house.ask("run-2", opened=1500.0)
    house.claim(one, "ann", "111111", "222222")
    house.claim(two, "ann", "333333", "444444")
    for n in range(5):
        assert house.code(f"99999{n}", at=1400.0) is None
    assert (house.book.wrong_tries(one.id, "ann"), house.book.wrong_tries(two.id, "ann")) == (5, 0)
    assert house.code("444444").yes is False
    found = house.code("333333 111111")
    assert found.question == two and found.yes
    questions.check_tries(house.book, two, "ann")
    with pytest.raises(Refused, match="too many wrong codes"):
        questions.check_tries(house.book, one, "ann")


# -- by link, and what becomes of it -----------------------------------------------------------------------------------


def test_a_link_leads_to_its_question_and_person(house) -> None:
    """Only the one that was sent, while it is what was signed."""
    asked = house.ask()
    token = new_link(KEY, asked.id, "ann", asked.checksum)
    house.claim(asked, "ann", "111111", "222222", link=token)
    assert questions.by_link(house.book, token, KEY) == (asked, "ann")
    stranger = new_link(KEY, asked.id, "ann", asked.checksum)
    with pytest.raises(Refused) as caught:
        questions.by_link(house.book, stranger, KEY)
    assert caught.value.rule == "link" and "not known" in str(caught.value)
    with pytest.raises(Refused) as caught:
        questions.by_link(house.book, token, b"x" * 32)
    assert caught.value.rule == "link"
    with pytest.raises(Invalid):
        questions.by_link(house.book, "x", KEY)


def test_a_link_that_was_not_signed_for_what_is_asked_is_not_genuine(house) -> None:
    """Somebody wrote into the book."""
    asked = house.ask()
    token = new_link(KEY, asked.id, "bob", asked.checksum)
    house.claim(asked, "ann", "111111", "222222", link=token)
    with pytest.raises(Refused) as caught:
        questions.by_link(house.book, token, KEY)
    assert caught.value.rule == "link" and "not genuine" in str(caught.value)


def test_what_is_kept_of_codes_and_links_are_digests(house) -> None:
    """Nobody answers with what stands in the book; without codes there is nothing."""
    asked = house.ask()
    house.claim(asked, "ann", "111111", "222222")
    house.claim(asked, "bob", "", "")
    c = "c" * 64
    marks = sealed(KEY, asked.id, "ann", c, "111111"), sealed(KEY, asked.id, "ann", c, "222222")
    assert house.book.proofs(asked.id, "ann") == [marks]
    assert house.code("111111", ("bob",)) is None and set(house.book.proofs(asked.id, "bob")) <= {("", "")}


def test_an_answer_is_used_once(house) -> None:
    """And is handed to the gate as it judges them; people see by what it came."""
    asked = house.ask()
    assert questions.record(house.book, asked, "ann", yes=True, how="sms")
    assert not questions.record(house.book, asked, "ann", yes=False, how="link")
    house.clock.wall = 1010.0
    assert questions.record(house.book, asked, "bob", yes=False, how="console")
    c = "c" * 64
    assert questions.answers_of(house.book, asked) == [
        Answer("ann", 1000.0, True, c, "ask"),
        Answer("bob", 1010.0, False, c, "ask"),
    ]
    assert questions.how_of(house.book, asked) == [
        {"by": "ann", "at": 1000.0, "yes": True, "how": "sms"},
        {"by": "bob", "at": 1010.0, "yes": False, "how": "console"},
    ]
    first = {"question": asked.id, "yes": True, "how": "sms", "checksum": c}
    assert house.events("answered")[0] == ("inc-1", "ann", first)


def test_a_message_is_handled_once(house) -> None:
    """By its channel and id."""
    assert not questions.was_heard(house.book, "sms", "SM1")
    questions.note_heard(house.book, "sms", "SM1")
    assert questions.was_heard(house.book, "sms", "SM1")
    assert not questions.was_heard(house.book, "call", "SM1") and not questions.was_heard(house.book, "sms", "SM2")
