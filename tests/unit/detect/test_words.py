"""A person's word: it holds, it ends, the newest counts."""

from __future__ import annotations

from bcp.detect.words import IS, IS_NOT, MAINTENANCE, WITHDRAWN, Word, active, backed_by
from bcp.store.files.words import Line, add_word, read_words


def word(kind=IS, who="Kim", at=100.0, until=200.0, letter="B"):
    return Word(kind, who, at, until, letter if kind == IS else "")


def test_a_word_holds_from_when_it_is_said_until_it_ends() -> None:
    """At its end it is over; it never holds for more than a day; none from the future."""
    assert active([word()], 100.0) == (word(),) and active([word()], 199.9)
    assert active([word()], 200.0) == () and active([word()], 99.9) == ()
    long = word(until=1e9)
    assert active([long], 100.0 + 86_399) and not active([long], 100.0 + 86_400)
    assert active([word("nonsense")], 150.0) == ()


def test_the_newest_word_of_a_person_counts() -> None:
    """It is B; no, it is not. Maintenance is another matter. Others keep theirs."""
    said = [word(), word(IS_NOT, at=110.0), word(MAINTENANCE, at=105.0), word(who="Alex")]
    assert {(w.who, w.kind) for w in active(said, 150.0)} == {("Kim", IS_NOT), ("Kim", MAINTENANCE), ("Alex", IS)}
    assert {w.who for w in active([*said, word(WITHDRAWN, at=120.0)], 150.0)} == {"Alex"}


def test_what_a_word_backs() -> None:
    """The planes of its class; a denial backs nothing."""
    assert backed_by([word()]) == {"inbound"} and backed_by([word(letter="E")]) == {"dns", "edge"}
    assert backed_by([word(IS_NOT), word(MAINTENANCE)]) == frozenset()
    assert word().say() == "Kim says that it is class B" and "maintenance" in word(MAINTENANCE).say()


def test_words_are_kept_line_by_line(tmp_path) -> None:
    """What cannot be read is skipped."""
    path = tmp_path / "state" / "words.jsonl"
    assert read_words(path) == []
    line = Line("is", "Kim", 100.0, 200.0, "B", "sure")
    add_word(path, line)
    with path.open("a") as handle:
        handle.write('garbage\n[]\n{"kind": "is"}\n{"kind": "is", "who": "x", "at": NaN, "until": 1}\n')
    add_word(path, line)
    assert read_words(path) == [line, line]
