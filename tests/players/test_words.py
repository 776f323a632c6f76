"""The phrases by which a game knows what a text says are those of the shipped messages: no claim goes unheard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import pytest

from bcp.comms.lint import LONG
from bcp.comms.pack import FORMS, Pack, load_pack
from bcp.comms.render import render
from bcp.kernel.errors import Invalid
from bcp.wiring.shipped import SHIPPED
from players.words import places_in

CLASSES = "ABCDEFGH"
PLACES = {"mx-on-relay": "relay", "mx-on-primary": "primary", "service-healthy": "primary"}


@cache
def pack() -> Pack:
    """The shipped messages."""
    return load_pack([SHIPPED / "messages"])


SENT = [n for n in pack().names() if not pack().get(n).file.draft]


def texts(name: str, letter: str) -> Iterator[tuple[str, str, str]]:
    """Form, language, and all the words; of a class of which nothing is said: nothing."""
    template = pack().get(name)
    for form in FORMS:
        for language in getattr(template.file, form):
            try:
                made = render(template, form, language, language, {**LONG, "outage_class": letter}, drill=False)
            except Invalid:
                continue
            yield form, language, f"{made.subject} {made.body}"


@pytest.mark.parametrize("name", SENT)
def test_no_text_says_more_than_its_message_claims(name) -> None:
    """A text that says where mail goes belongs to a message that claims it, or goes out before it is true."""
    for letter in CLASSES:
        may = {PLACES[c] for c in pack().get(name).claims([letter]) if c in PLACES}
        for form, language, text in texts(name, letter):
            assert places_in(text) <= may, (letter, form, language, text)


@pytest.mark.parametrize("name", [n for n in SENT if set(pack().get(n).file.claims) & {"mx-on-relay", "mx-on-primary"}])
def test_a_message_about_the_switch_says_so_in_every_form_and_language(name) -> None:
    """Nobody hears less than the others, and a game hears all of them."""
    (claimed,) = {PLACES[c] for c in pack().get(name).file.claims if c in PLACES}
    for form, language, text in texts(name, "B"):
        assert places_in(text) == {claimed}, (form, language, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Contoso IT: Do not resend mail. Exchange has a fault; mail to us is kept and comes later.", {"relay"}),
        ("Mail geht wieder seit 11:00.", {"primary"}),
        ("Wir wissen noch nichts.", set()),
        ("Mail works again. Our backup keeps mail to us.", {"relay", "primary"}),
    ],
)
def test_what_a_text_says_is_read_from_its_words(text, said) -> None:
    """In both languages, and also where it contradicts itself."""
    assert places_in(text) == said


CALLS, RESENDS = re.compile(r"Ask senders to call|Absender (?:weiter )?um Anruf"), re.compile(r"resend|erneut")


@pytest.mark.parametrize("name", ["employees-identified", "employees-monitoring", "employees-restored"])
def test_wrong_refusals_are_sent_again_once_new_mail_is_safe(name) -> None:
    """Customers are asked to send again what came back: employees are not told to have them call instead."""
    for form, language, text in texts(name, "F"):
        assert not CALLS.search(text) and RESENDS.search(text), (form, language, text)


def test_before_mail_is_safe_nobody_is_asked_to_resend() -> None:
    """It would come back once more."""
    for form, language, text in texts("employees-investigating", "F"):
        assert CALLS.search(text) and not re.search(r"\bresend|erneut(?:es)? send", text, re.IGNORECASE), (
            form,
            language,
            text,
        )
