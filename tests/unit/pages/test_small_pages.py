"""The call tree and the message preview."""

from __future__ import annotations

import re

import pytest

from bcp.comms.preview import page as preview
from bcp.comms.preview import shown
from bcp.contacts.tree import branches, page
from bcp.contracts.channel import Message
from bcp.contracts.contact import Contact
from bcp.pages.preview import NAMES, Shown
from bcp.pages.tree import Person, tree_page

HOSTILE = "<script>alert(1)</script>\"'&</style>"


def names(people: list[Person]) -> list[str]:
    return [n for p in people for n in (p.name, *names(p.below))]


def test_everybody_stands_in_the_tree_once_also_those_in_a_circle() -> None:
    people = [
        Contact("a", "A", manager="b"),
        Contact("b", "B", manager="a"),
        Contact("c", "C", manager="c"),
        Contact("d", "D", manager="gone"),
        Contact("e", "E", manager="c"),
    ]
    assert sorted(names(branches(people))) == ["A", "B", "C", "D", "E"]
    assert [p.name for p in branches(people)] == ["C", "D", "A"] and branches(people)[0].below[0].name == "E"


def test_the_tree_says_who_has_no_phone_and_is_safe() -> None:
    text = page(HOSTILE, [Contact("a", HOSTILE, phone="+49301", title=HOSTILE), Contact("b", "")], 0.0, "+4930")
    assert "<script" not in text and text.count("</style>") == 1 and text.count("no phone") == 1
    assert "Hotline +4930." in text and "<strong>b</strong>" in text and "made 1970-01-01T00:00:00Z" in text
    assert "Hotline" not in tree_page("Corp", [], 0, 0.0)


@pytest.mark.parametrize("form", [*NAMES, "fax"])
def test_each_form_has_its_frame(form) -> None:
    text = preview("t", "s", [Message("t", form, "de", "Subject", f"*strong* {HOSTILE}", segments=2, encoding="GSM-7")])
    assert "<script" not in text and NAMES.get(form, form) in text and '<section lang="de">' in text
    assert ('class="phone"' in text) is (form in {"sms", "voice"}) and ("<strong>strong</strong>" in text) is (
        form == "chat"
    )
    assert ("Subject" in text) is (form not in {"sms", "voice"})


def test_languages_stand_one_after_the_other() -> None:
    text = preview("t", "s", [Message("t", "sms", x, "", "hello") for x in ("en", "de", "en")])
    assert re.findall(r'<section lang="(..)">', text) == ["en", "de"] and text.count('class="bubble"') == 3


def test_sizes_are_said_in_what_the_channel_counts() -> None:
    assert Shown("sms", "en", "", "hello", 1, "GSM-7").size == "1 segment, 5 characters, GSM-7"
    assert Shown("voice", "en", "", "word " * 23).size == "about 10 s" and Shown("chat", "en", "", "x").size == ""


def test_the_character_that_costs_is_named() -> None:
    assert shown(Message("t", "sms", "en", "", "price ₽5", segments=1, encoding="UCS-2")).offender == "'₽'"
    assert shown(Message("t", "sms", "en", "", "price 5", segments=1)).offender == ""
    assert "makes it UCS-2" in preview("t", "s", [Message("t", "sms", "en", "", "price ₽5", segments=1)])
