"""What every book of incidents and every table of accounts keeps, in a file or in memory.

class TestMine(BookSuite):
    def make(self, folder, clock):
        return MyBook(...)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bcp.contracts.book import Book
from bcp.contracts.hook import Alert
from bcp.contracts.incident import Asked, Question
from bcp.kernel.errors import Invalid, Missing
from bcp.server.signin.accounts import Accounts
from bcp.testing.clock import FakeClock
from bcp.testing.suite import Spoken

KEY = b"k" * 32
PASSWORD = "correct horse battery"  # noqa: S105 - of a test


def fails(kind: type[Exception], work: Any) -> None:
    """It raises this."""
    try:
        work()
    except kind:
        return
    raise AssertionError(f"no {kind.__name__} is raised")


class BookSuite(Spoken):
    """Incidents, questions and alerts behind one chain."""

    def make(self, folder: Path, clock: FakeClock) -> Book:
        """A new, empty book."""
        raise NotImplementedError

    def test_one_outage_has_one_incident(self, tmp_path: Path) -> None:
        """Opened again while it is open it is the same one, with the stronger mode."""
        book = self.make(tmp_path, FakeClock())
        first, new = book.open("mail", "t", "notify", "watch")
        again, second = book.open("mail", "u", "auto", "watch")
        assert new and not second and again.id == first.id and again.mode == "auto", f"{again}"
        book.change(first.id, "closed_by_hand", "ann", fields={"state": "closed"})
        assert book.current("mail") is None, "a closed incident is still the current one"
        other, third = book.open("mail", "v", "ask", "watch")
        assert third and other.id != first.id, "a closed incident was opened again by itself"
        assert [i.id for i in book.incidents()] == [other.id, first.id], "the newest does not stand first"
        assert book.incident("last").id == other.id, "last is not the newest"
        fails(Missing, lambda: book.incident("inc-nothing"))
        book.close()

    def test_everything_is_in_the_chain_in_order(self, tmp_path: Path) -> None:
        """Numbered without gaps, linked, the same when it is read again."""
        book = self.make(tmp_path, FakeClock())
        heads = [book.head()]
        for number in range(5):
            book.note("noted", "", "ann", number=number, text="ä")
            heads.append(book.head())
        found = book.events()
        assert [e.data["number"] for e in found] == list(range(5)), f"order: {found}"
        assert [e.seq for e in found] == list(range(1, 6)), "events have gaps"
        assert len(set(heads)) == 6, "the head does not change with what is added"
        assert [e.seq for e in book.events(limit=2)] == [4, 5], "limit is not the newest"
        assert [e.seq for e in book.events(limit=2, before=4)] == [2, 3], "before is not followed"
        assert book.damage() == "", book.damage()
        book.close()

    def test_a_transaction_is_whole_or_nothing(self, tmp_path: Path) -> None:
        """What was rolled back was never there, neither in rows nor in the chain."""
        book = self.make(tmp_path, FakeClock())
        book.note("before")
        book.begin()
        made, _ = book.open("mail", "t", "ask", "watch")
        book.rollback()
        assert [e.kind for e in book.events()] == ["before"], "an event of it is left"
        assert book.current("mail") is None, f"{made.id} is left"
        book.begin()
        book.open("mail", "t", "ask", "watch")
        book.commit()
        assert book.current("mail") is not None and book.damage() == "", f"lost, or broken: {book.damage()}"
        book.close()

    def test_a_question_is_asked_once_and_closed_once(self, tmp_path: Path) -> None:
        """Each asking is claimed by one; what a code or link proves is found; wrong tries are counted."""
        book = self.make(tmp_path, FakeClock())
        asked = Question("q-1", "inc-1", "run-1", "gate", "c" * 64, 10.0, 99.0, 1, (("ann", "bob"),))
        book.add_question(asked)
        assert book.question("q-1") == asked and book.question("q-2") is None, f"{book.question('q-1')}"
        assert book.question_at("run-1", "gate", 10.0) == asked, "a gate is asked about twice"
        one = Asked("ann", "sms", 0, 10.0, "claimed", "")
        claimed = [book.add_asked("q-1", one, yes="y", no="n", link="l") for _ in range(2)]
        assert claimed == [True, False], "one asking was claimed twice"
        assert book.by_link("l") == ("q-1", "ann") and book.by_link("x") is None, "a link leads elsewhere"
        assert book.proofs("q-1", "ann") == [("y", "n")], f"{book.proofs('q-1', 'ann')}"
        assert [book.add_wrong("q-1", "ann") for _ in range(3)] == [1, 2, 3], "wrong tries are not counted"
        assert book.wrong_tries("q-1", "bob") == 0, "another's wrong tries count"
        book.settle_asked("q-1", "ann", "sms", 0, "sent", "r")
        assert [a.state for a in book.asked_of("q-1")] == ["sent"], f"{book.asked_of('q-1')}"
        assert [q.id for q in book.questions(state="open")] == ["q-1"], "an open question is not found"
        assert [book.close_question("q-1", "yes") for _ in range(2)] == [True, False], "closed twice"
        assert book.questions(state="open") == [], "a closed question is open"
        book.close()

    def test_a_body_is_taken_once(self, tmp_path: Path) -> None:
        """The same alert again is a repeat; its end ends it; a receipt never goes back."""
        book = self.make(tmp_path, FakeClock())
        fire, over = Alert("a-1", "o", True, "t"), Alert("a-2", "o", False, "t")
        first = book.receive("am", "mail", [fire], "ask")
        again = book.receive("am", "mail", [fire], "ask")
        assert (first.new, first.opened, again.new, again.repeated) == (1, True, 0, 1), f"{first}, {again}"
        assert again.incident == first.incident and book.firing(first.incident) == 1, f"{again}"
        assert book.receive("am", "mail", [over], "ask").resolved and not book.firing(first.incident), "it still fires"
        assert [book.note_receipt("m", s, r, "") for s, r in (("sent", 2), ("queued", 1))] == [True, False], (
            "it went back"
        )
        assert not book.was_heard("sms", "m-1"), "heard before it was"
        book.note_heard("sms", "m-1")
        assert book.was_heard("sms", "m-1") and not book.was_heard("chat", "m-1"), "a text is heard twice"
        book.close()


class AccountsSuite(Spoken):
    """Accounts, sessions, tokens."""

    def make(self, folder: Path, clock: FakeClock) -> Accounts:
        """A new, empty table."""
        raise NotImplementedError

    def test_an_account_is_made_once_and_goes_with_everything_of_it(self, tmp_path: Path) -> None:
        """A name is one person's; a role ends sessions; what is removed is gone."""
        accounts = self.make(tmp_path, FakeClock())
        accounts.add("anna", "alice", "viewer", PASSWORD, email="Anna@corp.test")
        fails(Invalid, lambda: accounts.add("anna", "bob", "admin", PASSWORD))
        assert accounts.password_is("anna", PASSWORD) and not accounts.password_is("anna", "wrong"), "the password"
        found = accounts.by_email("anna@CORP.test")
        assert found is not None and found.name == "anna", "an address is not found in another case"
        cookie = accounts.begin("anna", "192.0.2.1")
        assert accounts.session(cookie) is not None, "a session is not there"
        accounts.set_role("anna", "admin")
        assert accounts.session(cookie) is None, "a session outlives the role that it was begun with"
        accounts.remove("anna")
        assert accounts.user("anna") is None and accounts.users() == [], "an account is left"
        accounts.close()

    def test_sessions_and_tokens_end(self, tmp_path: Path) -> None:
        """After their time, and when they are taken away."""
        clock = FakeClock()
        accounts = self.make(tmp_path, clock)
        accounts.add("anna", "alice", "admin", PASSWORD)
        cookie, token = accounts.begin("anna", "192.0.2.1"), accounts.add_token("ci", ["read"], clock.now() + 100)
        assert accounts.session(cookie) is not None and accounts.token(token) is not None, "they are not there"
        clock.set(clock.now() + 101.0)
        assert accounts.token(token) is None, "a token outlives its end"
        assert accounts.session(cookie) is None, "an idle session goes on"
        accounts.add_token("cd", ["read"], clock.now() + 100)
        fails(Invalid, lambda: accounts.add_token("cd", ["read"], clock.now() + 100))
        assert accounts.remove_token("cd") and not accounts.remove_token("cd"), "a token is removed twice"
        accounts.close()
