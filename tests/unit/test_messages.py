"""The message pack: every cell, in every class and language; what lint refuses; texts for the ear; previews."""

from __future__ import annotations

import json

import pytest
from support import ROOT, bcp

from bcp.comms.lint import LONG, TAKEN, lint_message
from bcp.comms.pack import FORMS, load_message, load_pack
from bcp.comms.preview import page
from bcp.comms.render import render
from bcp.comms.speech import clock, speak

PACK = load_pack([ROOT / "playbooks" / "messages"])
AUDIENCES = ("employees", "executives", "customers", "partners", "helpdesk", "oncall")
PHASES = ("investigating", "identified", "monitoring", "restored", "after")
CELLS = [f"{a}-{p}" for a in AUDIENCES for p in PHASES]


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_complete(name) -> None:
    """Text message of one segment, chat, voice, long form, and a page for those outside;
    both languages, classes A to G; no placeholder left."""
    template = PACK.get(name)
    needed = {"sms", "chat", "voice", "email"} | (
        {"page"} if name.split("-")[0] in {"employees", "customers", "partners"} else set()
    )
    assert needed <= template.forms() and template.file.one_segment
    for form in template.forms():
        assert {"en", "de"} <= set(getattr(template.file, form))
        for language in ("en", "de"):
            for letter in "ABCDEFG":
                message = render(template, form, language, language, {**LONG, "outage_class": letter}, drill=False)
                assert (
                    message.body
                    and "{{" not in message.body
                    and "  " not in message.body.replace("\n", " ").replace("   ", "  ")
                ) or form in {"email", "page", "chat"}
                if form == "sms":
                    assert message.segments == 1 and message.encoding == "GSM-7", (letter, language, message.body)


def test_the_shipped_pack_has_no_problem() -> None:
    """Neither errors nor warnings."""
    found = [p for name in PACK.names() for p in lint_message(PACK.get(name), languages=("en", "de"))]
    assert [p.message for p in found] == []


def test_a_drill_is_marked_first_and_last_also_in_voice() -> None:
    """Nobody mistakes an exercise."""
    for form in ("sms", "chat", "voice"):
        body = render(
            PACK.get("employees-investigating"), form, "en", "en", {**LONG, "outage_class": "A"}, drill=True
        ).body
        assert body.startswith("EXERCISE") and body.endswith("EXERCISE")


@pytest.mark.parametrize(("language", "button"), [("en", "with a button"), ("de", "mit einem Knopf")])
def test_a_button_is_spoken_of_where_there_is_one(language, button) -> None:
    """Not in Teams, where a workflow posts a card that nobody can press."""
    for there in (True, False):
        values = {**LONG, "outage_class": "B", "ask": {**LONG["ask"], "buttons": there}}
        body = render(PACK.get("question"), "chat", language, language, values, drill=False).body
        assert (button in body) is there and "bcp incident answer" in body


def test_claims_depend_on_the_class() -> None:
    """That the backup keeps mail may be said in B, E and F, after the switch; nothing of the kind in A."""
    template = PACK.get("employees-identified")
    assert template.claims(["B"]) == ("mx-on-relay",) and template.claims(["A"]) == ()
    for name in (c for c in PACK.names() if c.endswith("-restored")):
        for letter in "ABCDEFG":
            claimed = set(PACK.get(name).claims([letter]))
            assert "service-healthy" in claimed or {"mx-on-primary", "mail-flows"} <= claimed, (name, letter)
    assert set(template.claims([])) == {"mx-on-relay"}


def test_nobody_is_told_the_opposite_by_another_cell() -> None:
    """In class F people are to resend once new mail is safe, and not before;
    in class G nobody blames Microsoft or says that all has arrived."""

    def text(name: str, letter: str) -> str:
        return render(PACK.get(name), "sms", "en", "en", {**LONG, "outage_class": letter}, drill=False).body

    for audience in ("customers", "partners"):
        assert "resend" not in text(f"{audience}-identified", "F") and "send it again" in text(
            f"{audience}-identified", "F"
        )
    assert "send it again" in text("customers-monitoring", "F")
    for name in CELLS:
        assert "Microsoft" not in text(name, "G"), name
    assert "may still come in" in text("customers-restored", "G") and "may still come in" in text(
        "employees-restored", "G"
    )
    for letter in "ABCDEFG":
        (draft,) = (
            render(
                PACK.get("regulator-investigating"), "email", "en", "en", {**LONG, "outage_class": letter}, drill=False
            ).body,
        )
        assert ("third party" in draft) == (letter != "G")


def test_an_organisation_overrides_a_single_phrase_and_a_single_message(tmp_path) -> None:
    """Without forking the pack."""
    (tmp_path / "_lexicon.yaml").write_text('version: 1\nclasses:\n  A:\n    en: {do: "Use the red phone."}\n')
    own = (
        (ROOT / "playbooks" / "messages" / "customers-after.yaml")
        .read_text()
        .replace("We are sorry that", "We apologise that")
    )
    (tmp_path / "customers-after.yaml").write_text(own)
    pack = load_pack([ROOT / "playbooks" / "messages", tmp_path])
    text = render(
        pack.get("employees-investigating"), "sms", "en", "en", {**LONG, "outage_class": "A"}, drill=False
    ).body
    assert "Use the red phone. Exchange mailboxes" in text
    assert (
        "We apologise"
        in render(pack.get("customers-after"), "sms", "en", "en", {**LONG, "outage_class": "A"}, drill=False).body
    )


MESSAGE = """version: 1
name: mine
title: Mine
phase: investigating
audiences: [employees]
one_segment: true
sms:
  en: "SMS"
page:
  en: {subject: Down, body: "It is down. Next news at {{ next_update }}."}
"""


def problems(tmp_path, sms="It is down. Next news {{ next_update }}.", **changes):
    text = MESSAGE.replace("SMS", sms)
    for old, new in changes.items():
        text = text.replace(old, new)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return lint_message(load_message(path), languages=("en",))


@pytest.mark.parametrize(
    ("sms", "rule", "words"),
    [
        ("It is down: https://bit.ly/x1", "link-shortener", "bit.ly"),
        ("Down. Reply STOP if read.", "taken-word", "STOP"),
        ("Down. Reply YES if read.", "taken-word", "YES"),
        ("Down. Antworten Sie END.", "taken-word", "END"),
        ("Down. Answer with CANCEL.", "taken-word", "CANCEL"),
        ("EX1112414 is down.", "product-code", "EX1112414"),
        ("It is down \u2013 caf\u00ea " + "x" * 80, "two-segments", "'ê'"),
        ("long " * 40, "two-segments", "segments"),
        ("{{ nothing }}", "message.render", "nothing"),
    ],
)
def test_lint_refuses(tmp_path, sms, rule, words) -> None:
    """At its line, with what to do."""
    found = [p for p in problems(tmp_path, sms) if p.severity == "error"]
    assert [p.rule for p in found] == [rule], found
    assert found[0].line == 8 and words in found[0].message and (found[0].hint or rule == "message.render")


def test_lint_names_the_place_of_an_expensive_character(tmp_path) -> None:
    """The character and its position, counted from one in the finished text."""
    (found,) = problems(tmp_path, "Down, ê! " + "y" * 70)
    assert "'ê' at 7 makes it UCS-2" in found.message


@pytest.mark.parametrize(("words", "rules"), [(22, []), (23, ["long-sentence"])])
def test_lint_warns_of_a_sentence_that_nobody_reads_to_its_end(tmp_path, words, rules) -> None:
    """Once, with its length; two short ones are none."""
    found = problems(tmp_path, " ".join(["go"] * words) + ".")
    assert [(p.rule, p.severity) for p in found] == [(r, "warning") for r in rules]
    assert not rules or f"{words} words" in found[0].message
    assert problems(tmp_path, " ".join(["go"] * 12) + ". " + " ".join(["go"] * 12) + ".") == []


def test_lint_wants_every_language_and_every_field(tmp_path) -> None:
    """A missing cell, a notice without its next update."""
    path = tmp_path / "mine.yaml"
    path.write_text(MESSAGE.replace("SMS", "Down."))
    assert {p.rule for p in lint_message(load_message(path), languages=("en", "de"))} == {"missing-language"}
    found = problems(tmp_path, **{" Next news at {{ next_update }}.": ""})
    assert [p.rule for p in found] == ["missing-field"] and "next_update" in found[0].message


@pytest.mark.parametrize(
    ("voice", "noise"),
    [
        ("Reply 1 = read.", "="),
        ("Look at run-20260122-174500-x7kq.", "run-"),
        ("Look at b c p status", "s"),
        ("Use EDI / phone.", "/"),
    ],
)
def test_lint_hears_what_cannot_be_said(tmp_path, voice, noise) -> None:
    """Marks, numbers of runs, an end without a pause: a warning."""
    path = tmp_path / "mine.yaml"
    path.write_text(MESSAGE.replace("SMS", "Down.") + f'voice:\n  en: "{voice}"\n')
    (found,) = lint_message(load_message(path), languages=("en",))
    assert found.rule == "not-for-the-ear" and found.severity == "warning" and repr(noise) in found.message


def test_lint_wants_a_way_to_check_that_it_is_real(tmp_path) -> None:
    """A warning for an e-mail within the company; strangers have no phone book of ours."""
    path = tmp_path / "mine.yaml"
    mail = (
        'email:\n  en: {subject: Down, body: "It is down since {{ since }}. Next news at {{ next_update }}. {{ '
        'org.signature }}"}\n'
    )
    path.write_text(MESSAGE.replace("SMS", "Down.") + mail)
    (found,) = lint_message(load_message(path), languages=("en",))
    assert (found.rule, found.severity) == ("missing-check", "warning") and "org.hotline" in found.hint
    path.write_text((MESSAGE.replace("SMS", "Down.") + mail).replace("[employees]", "[customers]"))
    assert lint_message(load_message(path), languages=("en",)) == []


def test_digits_are_fine_as_answers(tmp_path) -> None:
    """And no word that a carrier takes is asked for anywhere in the pack."""
    assert problems(tmp_path, "Down. Reply 1 = read, 2 = help. Next {{ next_update }}.") == []
    assert "yes" in TAKEN and "stop" in TAKEN


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("Next news at 10:30 UTC.", "en", "Next news at ten thirty U T C."),
        ("at 09:05", "en", "at nine oh five"),
        ("at 07:00 UTC", "en", "at zero seven hundred hours U T C"),
        ("um 21:45 UTC", "de", "um einundzwanzig Uhr fünfundvierzig U T C"),
        ("um 13:01", "de", "um dreizehn Uhr eins"),
        ("*Call* +49 30 123456", "en", "Call plus, four nine, three zero, one two three four five six"),
        ("https://status.example.com/now.", "en", "status.example.com / now."),
    ],
)
def test_texts_for_the_ear(text, language, spoken) -> None:
    """Times in words, numbers digit by digit, no marks."""
    assert speak(text, language) == spoken


def test_every_time_of_the_day_can_be_said() -> None:
    """In both languages, without digits."""
    for hour in range(24):
        for minute in range(60):
            for language in ("en", "de"):
                said = clock(hour, minute, language)
                assert said and not any(c.isdigit() for c in said)


def test_previews_escape_and_need_no_network() -> None:
    """A page without scripts or requests; values cannot break out."""
    values = {**LONG, "outage_class": "B", "org": {**LONG["org"], "name": "<script>alert(1)</script>"}}
    messages = [render(PACK.get("employees-investigating"), f, "en", "en", values, drill=False) for f in FORMS]
    text = page("x", "y", messages)
    assert "<strong>Do not resend mail.</strong>" in text
    assert (
        "<script" not in text
        and "&lt;script&gt;" in text
        and "http"
        not in text.split("</style>")[1].replace("https://status.contoso.example", "").replace("http-equiv", "")
    )


def test_the_command_line(tmp_path) -> None:
    """List, lint, preview; a page; exit codes; 80 columns."""
    done = bcp("comms", "list", cwd=tmp_path)
    assert done.returncode == 0 and "employees-investigating" in done.stdout
    done = bcp("comms", "lint", cwd=tmp_path)
    assert done.returncode == 0 and "0 error(s), 0 warning(s)" in done.stdout
    done = bcp(
        "comms", "preview", "employees-identified", "--class", "E", "--language", "de", "--html", "p.html", cwd=tmp_path
    )
    assert (
        done.returncode == 0
        and "Ersatzsystem" in done.stdout
        and (tmp_path / "p.html").read_text().startswith("<!doctype html>")
    )
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    wrong = bcp("comms", "preview", "employes-identified", cwd=tmp_path)
    assert wrong.returncode == 2 and "employees-identified" in wrong.stderr
    (tmp_path / "mine.yaml").write_text(MESSAGE.replace("SMS", "Down. Reply YES."))
    bad = bcp("comms", "lint", "mine.yaml", "--output", "json", cwd=tmp_path)
    assert bad.returncode == 2 and json.loads(bad.stdout)["problems"][0]["rule"] == "taken-word"
