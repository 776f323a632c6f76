"""``bcp declare``: the deed with the person who sits at the terminal, or whose approval code is given."""

from __future__ import annotations

import json

import pytest

from bcp.cli.declare import declare
from bcp.cli.render import OUT
from bcp.kernel.errors import Invalid, Refused
from bcp.store.files.words import FILE, read_words


def test_who_sits_here_gives_the_word(house, monkeypatch, capsys) -> None:
    monkeypatch.setattr("bcp.wiring.people.login_name", lambda: "bob")
    declare("B", "bounces", lasts="2h")
    (line,) = read_words(house.folder / ".bcp" / FILE)
    assert (line.kind, line.who, line.outage_class, line.until - line.at) == ("is", "bob", "B", 7200)
    assert "Noted: bob says that it is class B: bounces. It ends at" in capsys.readouterr().out
    (event,) = house.book.events()
    assert (event.kind, event.actor, event.data["how"]) == ("word", "bob", "command line")


def test_with_a_code_it_is_the_word_of_its_person(house, monkeypatch, capsys) -> None:
    monkeypatch.setenv("BCP_APPROVAL_CODE", "kiwi-tulip-42")
    monkeypatch.setattr(OUT, "json", True)
    declare("maintenance", until="14:00", as_="alice")
    said = json.loads(capsys.readouterr().out)
    assert (said["who"], said["kind"], said["class"]) == ("alice", "maintenance", "")


def test_without_it_nobody_speaks_for_another(house, monkeypatch) -> None:
    monkeypatch.setattr("bcp.wiring.people.login_name", lambda: "bob")
    monkeypatch.setenv("BCP_APPROVAL_CODE", "wrong")
    with pytest.raises(Refused) as caught:
        declare("none", as_="alice")
    assert caught.value.rule == "not-proven"
    assert not read_words(house.folder / ".bcp" / FILE) and not house.book.events()


def test_what_cannot_be_declared_is_said_before_anybody_is_asked_for_a_code(house, monkeypatch) -> None:
    monkeypatch.setenv("BCP_APPROVAL_CODE", "wrong")
    with pytest.raises(Invalid) as caught:
        declare("Z", as_="alice")
    assert caught.value.rule == "no-such-word"
