"""The catalogue of reports: no gap in any language, no key that is not used, the same values in each sentence."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from bcp.contracts.exercise import HOW
from bcp.drills.measure import CODES
from bcp.drills.outline import KINDS, NOTES, PARTS, assumptions
from bcp.pages.palette import STATES
from bcp.pages.words import known_language, languages, words
from bcp.reports.achieved import SOURCES

ROOT = Path(__file__).parents[3] / "bcp"
EN = words("en")


def values(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", languages())
def test_every_language_says_everything_with_the_same_values(language: str) -> None:
    mine = words(language)
    assert mine.language == language
    assert set(mine.texts) == set(EN.texts)
    for key, text in mine.texts.items():
        assert text.strip(), key
        if not key.startswith("time."):
            assert values(text) == values(EN.texts[key]), key


def test_a_translation_is_one() -> None:
    """Hardly a sentence of several words is the same in two languages."""
    german = words("de").texts
    same = [k for k, v in EN.texts.items() if " " in v and german[k] == v and values(v) != set(re.findall(r"\w+", v))]
    assert [k for k in same if not k.startswith("time.")] == []


def test_what_the_code_asks_for_is_there() -> None:
    """Whole keys in templates and modules."""
    asked: set[str] = set()
    for path in (ROOT / "pages" / "templates").rglob("*.html"):
        asked |= set(re.findall(r"\bt\([\"']([a-z._-]+)[\"'][,)]", path.read_text()))
    for name in ("reports", "pages"):
        for path in (ROOT / name).glob("*.py"):
            asked |= set(re.findall(r"\b(?:w|words|texts)\(\s*\"([a-z._-]+)\"[,)]", path.read_text()))
    assert len(asked) > 80
    assert asked - {k.removesuffix(".one") for k in EN.texts} - set(EN.texts) == {"en"}


def test_codes_of_the_record_have_words() -> None:
    for code in HOW:
        assert f"how.{code}" in EN.texts
    for code, text in CODES.items():
        assert EN.texts[f"criterion.{code}"].replace("{audience}", "the audience") == text
    for kind in (*KINDS, "incident"):
        assert f"kind.{kind}" in EN.texts
    assert {f"state.{s}" for s in STATES} == {k for k in EN.texts if k.startswith("state.")}
    for state, look in STATES.items():
        assert EN.texts[f"state.{state}"] == look.word


@pytest.mark.parametrize("text", [*PARTS, *NOTES.values(), *SOURCES.values(), *(assumptions(k, ())[-1] for k in KINDS)])
def test_what_the_program_writes_into_a_record_is_translated(text: str) -> None:
    german = words("de")
    prefixes = ("part.", "part-note.", "from.", "assumes.")
    said = [german.said(text, p) for p in prefixes]
    same = {"relay", "mail", "playbooks", "Relay"}
    assert any(s != text for s in said) or text in same, text


def test_numbers_and_lists() -> None:
    german = words("de")
    assert (EN.percent(97.5), german.percent(97.5), german.percent(None)) == ("97.5 %", "97,5 %", "")
    assert EN.listed(["a"]) == "a"
    assert EN.listed(["a", "b", "c"]) == "a, b and c"
    assert german.listed(["a", "b"]) == "a und b"
    assert EN.many("conclusions", 1) == "1 conclusion"
    assert words("xx").language == "en" == known_language("xx")
    assert german.said("something a person wrote", "part.") == "something a person wrote"


@pytest.mark.parametrize(
    ("text", "prefix", "german"),
    [
        ("Ms Guest (observer) was not there", "learn.", "Ms Guest (Beobachtung) war nicht da"),
        ("Ms Guest (cook) was not there", "learn.", "Ms Guest (cook) war nicht da"),
        ("Name a deputy for facilitator, and exercise with the deputy.", "learn.", "für Leitung benennen"),
        ("playbook step mx", "place.", "Schritt mx des Playbooks"),
        ("people", "place.", "Personen"),
        ("contacts; bcp.yaml: audiences", "place.", "Kontakte; bcp.yaml: audiences"),
        ("noted", "noted.", "im Übungsbuch festgehalten"),
        ("lab", "noted.", "Labor"),
        ("invented", "noted.", "erfunden"),
        ("probes of the organisation's rules, at lab speed", "noted.", "nach den Regeln der Organisation"),
    ],
)
def test_roles_and_places_are_said_in_the_language_of_the_report(text: str, prefix: str, german: str) -> None:
    """What stands inside of a sentence, too; a role that somebody made up stays as it is."""
    assert german in words("de").told(text, prefix) and EN.told(text, prefix) == text
