"""Whatever reaches a person who reads German is German to the end: pages of links, calls, texts, buttons, e-mails,
notices, the status page. Only what people, vendors and files said stays as it was."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.deeds.house import CONFIG, House
from unit.server.visits import SERVE, Place, Visit

from bcp.comms.lint import LONG
from bcp.comms.pack import FORMS, load_pack
from bcp.comms.render import render
from bcp.contracts.caller import Answered, Caller, Keyed, Pressed, Said, Texted, language_of
from bcp.contracts.channel import Delivery, Inbound, Message
from bcp.detect.decide import BOUNCES, CONDITIONS
from bcp.engine.moves import GATE
from bcp.incident import questions
from bcp.incident.codes import new_link
from bcp.incident.patience import PASSING
from bcp.kernel.errors import Refused, StorageError
from bcp.pages.mail import mail_section
from bcp.pages.status import Entry, status_page
from bcp.pages.words import words
from bcp.pages.words.said import in_language, reason
from bcp.plugins.callers.twilio import PLUGIN as TWILIO
from bcp.plugins.channels.hotline import Hotline, HotlineSettings
from bcp.plugins.channels.twilio_voice import TwilioVoice, TwilioVoiceSettings
from bcp.server.console import links
from bcp.server.doors.callers import Callers
from bcp.server.doors.guard import Throttle
from bcp.server.parts import tongue
from bcp.wiring.shipped import SHIPPED

EN, DE = words("en"), words("de")
PACK = load_pack([SHIPPED / "messages"])
CONTACTS = """\
id,name,email,phone,slack,language,groups
alice,Alice,alice@corp.test,+12025550101,,de,staff;oncall
bob,Bob,bob@corp.test,+12025550102,,,staff;oncall
carol,Carol,carol@corp.test,+12025550103,,en,staff
"""
HAND = {"gate": "gate", "about": "Log in; go to: the domain's DNS records"}
_WORD = re.compile(r"[A-Za-zÄÖÜäöüß]{2,}")


def _vocabulary(texts: list[str]) -> set[str]:
    return {w.lower() for t in texts for w in _WORD.findall(re.sub(r"\{\w+\}|bcp [a-z ]+", " ", t))}


GERMAN = _vocabulary([*DE.texts.values(), *(str(getattr(PACK.get(n).file, f).get("de", "")) for n in PACK.names()
                                          for f in FORMS)])  # fmt: skip
SAME = {"exchange", "online", "name", "corp", "it", "test", "out", "gate", "program", "true", "mx", "primary", "relay"}
"""Names that these tests give, and names of things."""
PRODUCT = _vocabulary(list(EN.texts.values())) - GERMAN - SAME
"""Words of the English catalogue that are no German ones."""


def english_in(text: str) -> set[str]:
    """Words of the product that are English. Commands, addresses and names are not."""
    plain = re.sub(r"<(style|script)\b.*?</\1>|<[^>]+>|https?://\S+|`[^`]*`|bcp [a-z]+(?: [a-z]+)?|\S+@\S+", " ", text,
                   flags=re.DOTALL)  # fmt: skip
    plain = re.sub(r"[\w.-]+\.(?:test|example)\b|\b(?:run|inc|exchange)-[\w-]+", " ", unescape(plain))
    return {w for w in _WORD.findall(plain) if w.lower() in PRODUCT}


def test_the_judge_of_these_tests_knows_english_when_it_sees_it() -> None:
    assert len(PRODUCT) > 600
    assert english_in("Nothing was answered.") and english_in("You are") and english_in("no answer in time")
    assert not english_in("Ohne Antwort geschieht nichts. Ansehen: bcp incident show")


# -- the page of a link --------------------------------------------------------------------------------------------


class GermanPlace(Place):
    """The organisation in German; Carol reads English."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = CONFIG.replace("{name: Corp}", "{name: Corp, language: de}")
        (folder / "bcp.yaml").write_text(config + SERVE)
        (folder / "contacts.csv").write_text(CONTACTS)
        (folder / "am.key").write_text("a-bearer-of-monitoring\n")
        (folder / "playbooks").mkdir()
        (folder / ".bcp").mkdir()
        self.house = House(folder)


@pytest.fixture
def place(tmp_path, monkeypatch) -> GermanPlace:
    monkeypatch.setattr(links, "WRONG", Throttle(3, 300.0))
    return GermanPlace(tmp_path)


def link(v: Visit, incident: str, person: str = "alice", step: str = "gate") -> str:
    """The token of a link that was sent to this person."""
    now = v.house.app.clock.now()
    asked, _ = questions.ask(
        v.house.book, incident=incident, run="run-gate", step=step, checksum="a" * 64, opened=now - 10,
        deadline=now + 600, count=1, groups=[["alice", "bob", "carol"]],
    )  # fmt: skip
    token = new_link(v.daemon.key, asked.id, person, asked.checksum)
    with v.house.book:
        questions.claim(v.house.book, asked, person, "sms", 0, yes="", no="", link=token, key=v.daemon.key)
    return token


def german(page: str) -> str:
    """A page that is German, and says so."""
    assert '<html lang="de">' in page
    assert "width=device-width" in page
    assert not english_in(page), (english_in(page), page)
    return page


def gate(place: Place, step: str = "gate", about: str = "") -> tuple[str, str, dict[str, Any]]:
    kind, _, data = place.house.gate(people=("alice", "bob", "carol"), starters=())
    return kind, step, {**data, "about": about}


def test_a_link_is_read_and_answered_in_german(place) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[gate(place)])

    async def work(v: Visit) -> None:
        token = link(v, found.id)
        shown = german(await v.get(f"/a/{token}"))
        assert "Ja, starten" in shown and "Ohne Antwort geschieht nichts." in shown and "Beobachtet" in shown
        assert "noch einmal" in german(await v.post(f"/a/{token}", 400, answer="perhaps"))
        assert "Ihr Ja ist vermerkt, alice." in german(await v.post(f"/a/{token}", 200, answer="yes"))
        german(await v.get(f"/a/{token}", 410))

        async def late(*args: Any, **more: Any) -> str:
            raise Refused("it came too late", rule="too-late")

        v.daemon.hearer.answer = late
        again = german(await v.post(f"/a/{link(v, found.id, 'bob')}", 409, answer="no"))
        assert "Nicht beantwortet" in again and "zu spät" in again

    place.visit(work)


@pytest.mark.parametrize(("step", "about", "yes"), [(GATE, "mail goes back", "Ja, Mails zurückleiten"),
                                                    ("gate", HAND["about"], "Ja, es ist eingetragen")])  # fmt: skip
def test_what_else_is_asked_is_german_too(place, step, about, yes) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[gate(place, step, about)])

    async def work(v: Visit) -> None:
        assert yes in german(await v.get(f"/a/{link(v, found.id, step=step)}"))

    place.visit(work)


def test_whoever_reads_english_gets_the_page_in_english(place) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[gate(place)])

    async def work(v: Visit) -> None:
        token = link(v, found.id, "carol")
        answer = await v.browser.get(f"/a/{token}", headers={"Accept-Language": "de"})
        assert '<html lang="en">' in answer.text and "Yes, start it" in answer.text, "a person's own language counts"
        assert "Ja, starten" in german(await v.get(f"/a/{link(v, found.id, 'bob')}")), "bob names none"

    place.visit(work)


def test_a_stranger_reads_why_a_link_does_not_work(place) -> None:
    async def work(v: Visit) -> None:
        for header, language in (("de-AT,en;q=0.5", "de"), ("en", "en"), ("xx", "de")):
            answer = await v.browser.get("/a/forged", headers={"Accept-Language": header})
            assert answer.status_code == 404 and f'<html lang="{language}">' in answer.text
            assert language == "en" or german(answer.text)
        german((await v.browser.get("/a/forged", headers={"Accept-Language": "de"})).text)
        assert "Zu viele" in german(await v.get("/a/forged", 429))

    place.visit(work)


def test_how_a_question_ended_is_said_in_german(place) -> None:
    found, _ = place.house.book.open("exchange-online", "no mail", "auto", "watch")
    place.house.run("run-gate", events=[gate(place)])

    async def work(v: Visit) -> None:
        token = link(v, found.id)
        asked, _ = questions.by_link(v.house.book, token, v.daemon.key)
        questions.close(v.house.book, asked, "not approved: rejected by bob", rule="rejected")
        assert "abgelehnt von bob" in german(await v.get(f"/a/{token}", 410))

    place.visit(work)


@pytest.mark.parametrize(
    ("header", "language"),
    [("de", "de"), ("fr,de;q=0.4,en;q=0.3", "de"), ("en-US,de;q=0.9", "en"), ("de;q=0,en;q=0.1", "en"), ("", "de"),
     ("de;q=x,en", "en"), ("*", "de"), (",;,;q=", "de"), ("DE", "de"), ("x" * 9000, "de")],
)  # fmt: skip
def test_what_a_browser_asks_for(header, language) -> None:
    app: Any = SimpleNamespace(settings=SimpleNamespace(organisation=SimpleNamespace(language="de")))
    assert tongue.of_stranger(app, header) == language


# -- calls, texts, buttons ------------------------------------------------------------------------------------------


class Hearer:
    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails

    async def answer(self, asked, person, *, yes, how):
        if self.fails:
            raise self.fails
        return DE("ask.noted.yes", by=person, plan="c" * 12)

    async def text(self, channel, message):
        raise Refused("too many wrong codes; answer in another way", rule="locked")


def door(place: GermanPlace, *, fails: Exception | None = None, link: bool = True) -> Callers:
    async def do(work):
        if not link:
            raise Refused("this link is not known", rule="link")
        return (SimpleNamespace(id="q-1"), "alice")

    daemon: Any = SimpleNamespace(app=place.house.app, hearer=Hearer(fails), key=b"k", state=place.folder / ".bcp",
                                  writer=SimpleNamespace(do=do))  # fmt: skip
    return Callers(daemon)


MINE = Inbound("+12025550101", "1", 5.0, "m")
FULL = StorageError("the disk is full")
HEARD: tuple[tuple[Said, dict[str, Any]], ...] = (
    (Answered("t", True), {}),
    (Answered("t", None), {}),
    (Answered("t", None), {"link": False}),
    (Answered("t", True), {"link": False}),
    (Answered("t", True), {"fails": Refused("it came too late", rule="too-late")}),
    (Answered("t", True), {"fails": FULL}),
    (Keyed(MINE), {}),
    (Keyed(Inbound("+12025550101", "", 5.0, "m")), {}),
    (Texted(MINE), {}),
    (Pressed("alice@corp.test", "q-1:perhaps"), {}),
    (Pressed("UNOBODY", "q-1:yes"), {}),
    (Pressed("alice@corp.test", "q-1:yes"), {}),
    (Pressed("alice@corp.test", "q-1:yes"), {"fails": FULL}),
    (Pressed("alice@corp.test", "q-1:yes"), {"fails": Refused("it came too late", rule="too-late")}),
)


@pytest.mark.parametrize(("said", "given"), HEARD, ids=str)
def test_whoever_answers_hears_german_by_a_german_voice(place, said, given) -> None:
    text = asyncio.run(door(place, **given).hear("voice", said))
    assert text and not english_in(text), text
    if isinstance(said, Answered | Keyed):
        assert language_of(text) == "de"
        body = caller().reply(said, text).body
        assert re.findall("<Say[^>]*>", body) == ['<Say language="de-DE">'], body


def test_a_book_that_cannot_be_written_is_said_in_german(place) -> None:
    class Broken(Callers):
        async def _hear(self, name, said):
            raise FULL

    text = asyncio.run(Broken(door(place).daemon).hear("chat", Pressed("alice@corp.test", "q-1:yes")))
    assert text == DE("reply.not-written")


def caller() -> Caller[Any]:
    return TWILIO.create("twilio", TWILIO.settings.model_validate({"auth_token": "env:X"}))


def test_a_voice_reads_each_language_as_its_own(tmp_path) -> None:
    """Also the prompt that asks for a key, and what a caller of the hotline hears."""
    s = {"account_sid": "env:X", "auth_token": "env:X", "from": "+15005550006"}
    voice = TwilioVoice("voice", TwilioVoiceSettings.model_validate(s))
    line = Hotline("line", HotlineSettings(file=tmp_path / "hotline.xml"))
    for language, code in (("de", "de-DE"), ("en", "en-GB"), ("de-at", "de-DE"), ("xx", "en-GB")):
        one = Delivery("k", "+1", Message("question", "voice", language, "", "A & B"), 0.0, (), "https://x.example/k")
        asyncio.run(line.send(one))
        for text in (voice.twiml(one), line.settings.file.read_text()):
            assert re.findall("<Say[^>]*>", text) == [f'<Say language="{code}">'] and "A &amp; B" in text
    assert "<Gather" in voice.twiml(one)


def test_nothing_is_read_aloud_without_its_language() -> None:
    root = Path(links.__file__).parents[2]
    assert [p.name for p in root.rglob("*.py") if "<Say" in p.read_text()] == ["twiml.py"]


# -- messages -------------------------------------------------------------------------------------------------------

ASK = {"what": "Mails von außen (Klasse B)", "seen": "gestört: Mails von außen", "short": DE("ask.undo.primary"),
       "forecast": "2 Änderungen: MX corp.test.", "although": DE("ask.although.primary-down"),
       "result": DE("ask.closed.no-answer")}  # fmt: skip


@pytest.mark.parametrize("name", PACK.names())
def test_every_shipped_message_is_german(name) -> None:
    template = PACK.get(name)
    for letter in "ABCDEFG":
        for asks in ("start", "undo", "hand") if name == "question" else ("start",):
            values = {**LONG, "outage_class": letter, "ask": {**LONG["ask"], **ASK, "asks": asks}}
            values |= {"org": {**LONG["org"], "name": "Corp"}, "wrong": "Alles geht.", "right": "Kalender gehen nicht."}
            for form in sorted(template.forms()):
                made = render(template, form, "de", "de", values, drill=letter == "A")
                text = f"{made.subject} {made.title} {made.body} {made.html}"
                assert made.language == "de" and not english_in(text), (form, english_in(text), text)


def test_a_chat_text_that_goes_by_mail_has_a_german_subject() -> None:
    for name in PACK.names():
        file = PACK.get(name).file
        if file.chat and "de" in file.chat and not file.email and not file.page:
            assert file.titles.get("de") and PACK.get(name).text("email", "de", "en")[1] == file.titles["de"], name
            assert PACK.get(name).text("email", "en", "en")[1] == file.title


# -- reasons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [BOUNCES, *(c.why for c in CONDITIONS)])
def test_why_nothing_is_moved_is_said_in_german(text) -> None:
    said = in_language(reason(text), "de")
    assert said not in {text, DE("ask.in-record")} and not english_in(said)


@pytest.mark.parametrize("rule", sorted({*PASSING, *(k[5:] for k in EN.texts if k.startswith("rule."))}))
def test_a_rule_that_says_no_says_why_in_german(rule) -> None:
    said = in_language(reason("its own English words", rule), "de")
    assert said == DE(f"rule.{rule}") and not english_in(said)


def test_titles_of_shipped_playbooks_have_german_ones() -> None:
    for path in sorted(SHIPPED.glob("*.yaml")):
        title = re.search(r"^title: (.+)$", path.read_text(), re.MULTILINE)[1]
        assert EN(f"playbook.{path.stem}") == title
        assert not english_in(DE.said(title, "playbook."))
    assert DE.said("Unser eigenes", "playbook.") == "Unser eigenes"


# -- the status page and the account of mail ------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["", "investigating", "monitoring", "restored"])
def test_the_status_page_is_german(phase) -> None:
    entries = [Entry("k", 1_700_000_000.0, "Mails kommen spät", "<p>Bitte warten.</p>", "x", "t", "de", phase)]
    german(status_page("", entries if phase else [], "Europe/Berlin", "de"))


def test_the_account_of_mail_is_german() -> None:
    warned = [
        "r1: its agent was never heard: what it took is not in here",
        "r1: its agent was heard last at 2026-01-22T16:45:00Z: what it took since is not in here",
        "r1: its agent was heard last at 2026-01-22T16:45:00Z: what it took since, and what became of the 3 "
        "recipient(s) that waited there, is not in here",
        "r1: its agent has not read the log since 2026-01-22T16:45:00Z",
        "r1: its clock is +70 s off ours; times here are by its clock",
        "r1: lines of its log that could not be used: 3",
        "r2 has no agent: what it took is not in here",
        "r1: 2026-01-22T16:45:00Z: the journal was cut before it was read: what came next may be missing [log-lost]",
    ]
    fates = ("sent", "bounced", "expired", "removed", "queued", "deferred", "held", "unknown")
    rows = [{"recipient": "", "people": 2, "from": "o@x.test", "status": f, "answer": "", "sender_told": "no",
             "relay": "r1", "queue_id": "q1"} for f in fates]  # fmt: skip
    data = {"accepted": 8, "delivered": 1, "open": 0, "ends_meet": True, "hours": [], "by_name": rows,
            "warnings": warned, "before_the_switch": EN("mail.before")}  # fmt: skip
    found = mail_section(data, "UTC", DE)
    told = [found["sentence"], found["before"], *found["warnings"], *(f"{r['status']} {r['why']} {r['who']}"
                                                                     for r in found["named"])]  # fmt: skip
    for text in told:
        assert not english_in(re.sub(r"\[[a-z-]+\]", "", text)), text
    assert mail_section(data, "UTC")["warnings"] == warned, "English stays as it was written"
    assert [r["status"] for r in mail_section(data, "UTC")["named"]] == list(fates)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sms 3 (1 failed), mail 2", "sms 3 (1 gescheitert), mail 2"),
        ("nobody was reached: sms 0 (2 failed)", "niemand wurde erreicht: sms 0 (2 gescheitert)"),
        ("8 recipient(s) accepted: 7 delivered, 1 waiting", "8 Empfänger angenommen: 7 zugestellt, 1 wartend"),
        ("2 of 5 answered, 3 were wanted; the last look failed: 503", "2 von 5 haben geantwortet, 3 sollten es sein; "
         "der letzte Versuch nachzusehen schlug fehl: 503"),
        ("550 no such user", "550 no such user"), ("3 failed logins", "3 failed logins"),
    ],
)  # fmt: skip
def test_what_rarer_steps_wrote_down(text, said) -> None:
    assert DE.told(text, "noted.", "reason.") == said and EN.told(text, "noted.") == text
