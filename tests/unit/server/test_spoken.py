"""What German readers are told: nothing of it is half English, and it says the same."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from unit.server.test_ask import START, World, going, opened, view

from bcp.comms.pack import load_pack
from bcp.contracts.dns import MxHost, MxSet, SwapOrder
from bcp.contracts.incident import Incident
from bcp.contracts.store import RunCard
from bcp.detect.decide import Decision
from bcp.detect.planes import PlaneView
from bcp.engine.gate import Answer
from bcp.engine.holds import SAID
from bcp.engine.moves import ANYWAY, GATE, Consequence
from bcp.incident import questions
from bcp.kernel.errors import Invalid, Problem, Refused, StorageError
from bcp.mx.by_hand import amiss
from bcp.pages.words import words
from bcp.pages.words.said import because, in_language, reason, said, written
from bcp.plugins.dns import manual
from bcp.server.parts import spoken
from bcp.server.parts.books import ended_badly
from bcp.server.parts.drills import _missed
from bcp.server.parts.matter import choices_of, labels_of, matter_of
from bcp.server.parts.say import Speaker
from bcp.wiring.shipped import SHIPPED

DE = words("de")
ENGLISH = re.compile(
    r"\b(the|is|are|was|goes|back|our|own|look|says|that|although|would|could|not|no|yes|change|changes|messages?|"
    r"mail|start|started|missed|begins|next|rule|down|seen|enter|entered|add|delete|save|seconds|run)\b",
    re.IGNORECASE,
)
MX = {"corp.test": ("10 mx.backup.test.", "0 exchange.test.")}


def english_in(text: str) -> list[str]:
    """Words of English prose. Names of commands are not."""
    return ENGLISH.findall(re.sub(r"bcp \w+( \w+)?|`[^`]*`|\{\w+\}", "", text))


@pytest.mark.parametrize("code", ["", *SAID])
@pytest.mark.parametrize("towards", ["primary", "relay"])
def test_the_consequence_of_an_undo_is_german(code: str, towards: str, monkeypatch) -> None:
    found = Consequence("run-1", towards, {**MX, **{f"d{i}.test": ("10 a.", "0 b.") for i in range(6)}})
    monkeypatch.setattr(spoken, "moves_of", lambda app, v: (found, ["group:oncall"], 1))
    question = SimpleNamespace(
        run="run-1", step=ANYWAY if code else GATE, checksum=found.anyway(code) if code else found.checksum
    )
    core: Any = SimpleNamespace(app=SimpleNamespace(running=SimpleNamespace(runs=SimpleNamespace(view=_view))))
    short, although, whole = asyncio.run(spoken._undo(core, question, DE))
    assert not english_in(f"{short} {although} {whole}"), whole
    assert short in whole and "corp.test: von 10 mx.backup.test. nach 0 exchange.test." in whole
    assert "2 weitere" in whole
    assert (although == DE(f"ask.although.{code}") and although in whole) if code else not although
    assert ("Relay" in short) == (towards == "relay")


def _view(run: str, effects: bool = True) -> Any:
    return SimpleNamespace(id=run)


def test_a_consequence_that_is_another_one_now_is_not_named(monkeypatch) -> None:
    """Whoever says yes is bound to what stood in the question, so nothing else may stand in it."""
    found = Consequence("run-1", "primary", MX)
    monkeypatch.setattr(spoken, "moves_of", lambda app, v: (found, [], 1))
    core: Any = SimpleNamespace(app=SimpleNamespace(running=SimpleNamespace(runs=SimpleNamespace(view=_view))))
    for checksum in ("another", found.anyway("primary-down")):
        question: Any = SimpleNamespace(run="run-1", step=GATE, checksum=checksum)
        short, although, whole = asyncio.run(spoken._undo(core, question, DE))
        assert (short, although) == (DE("ask.undo"), "") and "corp.test" not in whole and not english_in(whole)


def test_what_a_registrar_is_to_be_told_is_german() -> None:
    old = MxSet((MxHost(0, "exchange.test."),), 3600)
    new = MxSet((MxHost(10, "mx.backup.test."),), 300)
    orders = [SwapOrder("corp.test", old, new), SwapOrder("sub.corp.test", old, new)]
    for settings in (
        manual.ManualSettings(registrar="IONOS", url="https://r.example", account="firm, safe 3"),
        manual.ManualSettings(),
    ):
        text = manual.words(orders, settings, {"sub.corp.test": "corp.test"})
        wrong = [(10, "mx.bakcup.test."), (1, "mx.backup.test."), (10, "mx.backup.test.corp.test.")]
        odd = [amiss(orders[0], MxSet((MxHost(*w),), 300)) for w in wrong]
        odd.append(amiss(orders[0], MxSet((*old.hosts, *new.hosts), 300)))
        assert all(odd)
        for why in ("", "Nothing has changed yet. ", "Said to be done, and the servers do not serve it. ", *odd):
            german = spoken.by_hand(why + text, DE)
            left = re.sub(r"Type: MX|Host( name)?:|Points to:|Value:|Priority:|TTL:|safe 3", "", german)
            assert not english_in(left), german
            assert (
                german.count("mx.backup.test") == 2 + why.count("mx.backup.test")
                and "zuerst eintragen" in german
                and "dann löschen" in german
            )
            assert ("Anmelden bei IONOS" in german) == bool(settings.registrar)


def test_a_question_goes_out_whole_in_the_language_of_its_reader(tmp_path) -> None:
    """The values of a German one are German; those of an English one are what they were."""

    async def run() -> None:
        w = World(tmp_path)
        found = view(gate=opened())
        w.gate(found)
        made, _ = questions.ask(
            w.core.book, incident=w.incident, run="run-1", step="approve", checksum=found.plan["checksum"],
            opened=START, deadline=START + 60.0, count=1, groups=[["alice"]],
        )  # fmt: skip
        matter = await matter_of(w.core, made)
        assert await spoken.asked_in(w.core, made, matter, "en") == {}
        assert await spoken.asked_in(w.core, made, matter, "fr") == {}, "no catalogue: English, as before"
        for language in ("de", "de-AT"):
            ask = await spoken.asked_in(w.core, made, matter, language)
            text = " ".join(ask.values()).replace(*_named(matter.forecast))
            assert not english_in(text), text
            assert set(ask) == {"forecast", "short", "although", "seen", "what"}

    going(run)


def test_who_is_asked_again_about_a_way_back_reads_that_the_last_try_failed_and_why(tmp_path) -> None:
    """Asked every five minutes for the same, nobody knew what had become of the yes before."""

    async def run() -> None:
        w = World(tmp_path)
        w.gate(view(gate=opened(), parent="run-0"))
        for i, why in enumerate(("the token has ended", "the host is silent")):
            failed = RunCard(f"run-{i + 2}", "failed", parent="run-0", created=START + i, reason=why)
            w.core.running.all.append(failed)
        made, _ = questions.ask(
            w.core.book, incident=w.incident, run="run-1", step="approve", checksum="c", opened=START,
            deadline=START + 60.0, count=1, groups=[["alice"]],
        )  # fmt: skip
        matter = await matter_of(w.core, made)
        values = w.asker._values(made, matter)
        assert values["ask"]["forecast"].startswith("The last try failed (the host is silent). ")
        ask = await spoken.asked_in(w.core, made, matter, "de")
        assert ask["forecast"].startswith("Der letzte Versuch ist gescheitert (") and "silent" not in ask["forecast"]

    going(run)


def _named(forecast: str) -> tuple[str, str]:
    """Targets are names, not prose."""
    return forecast.partition(": ")[2].partition(";")[0] or "\0", ""


def test_forecasts_are_counted_in_both_languages() -> None:
    assert spoken.forecast(["MX a."], 1, [3, 4], DE) == "1 Änderung: MX a.; 7 Nachrichten"
    assert spoken.forecast(list("abcd"), 4, [1], DE) == "4 Änderungen: a, b, c ...; 1 Nachricht"
    assert spoken.forecast([], 0, [], DE) == "keine Änderung"


@pytest.mark.parametrize("asks", ["start", "undo", "hand"])
def test_buttons_say_what_a_yes_does_in_the_language_of_the_place(asks: str) -> None:
    question: Any = SimpleNamespace(id="q-1")
    matter: Any = SimpleNamespace(asks=asks)
    assert labels_of(asks) == labels_of(asks, "en") != labels_of(asks, "de")
    yes, no = choices_of(question, matter, "de")
    assert (yes.label, no.label) == labels_of(asks, "de") and (yes.value, no.value) == ("q-1:yes", "q-1:no")
    assert not english_in(yes.label + no.label)


def plane(name: str, status: str) -> PlaneView:
    return PlaneView(name, status, ())


def test_what_is_seen_is_told_plane_by_plane() -> None:
    found = Decision(
        "down", ("B", "A"), views=(plane("inbound", "down"), plane("mailbox", "partial"), plane("dns", "ok"))
    )
    assert spoken.seen(found, DE) == "gestört: Mails von außen und Postfächer"
    assert spoken.what(found, "exchange-online", DE) == (
        "Mails von außen (Klasse B) und Zugang zu Postfächern (Klasse A)"
    )
    calm = Decision("unknown")
    assert spoken.seen(calm, DE) == "unser eigener Blick sagt: nicht bekannt"
    assert spoken.what(calm, "exchange-online", DE) == "exchange-online ist nicht bekannt"


@pytest.mark.parametrize("rule", [*spoken.ENDS, "something-new"])
def test_how_a_question_ended_is_told_by_its_rule(rule: str) -> None:
    text = spoken.ended(rule, [], DE)
    assert text and not english_in(text.replace("something-new", ""))
    who = spoken.ended(rule, [Answer("bob", START, False, "c"), Answer("eve", START, True, "c")], DE)
    assert ("bob" in who, "eve" in who) == (rule == "rejected", False)


def test_an_incident_is_called_by_its_classes_and_else_as_it_was_called() -> None:
    one = Incident("inc-1", "s", "opened", START, title="Alert: mail is down")
    assert spoken.title(one, DE) == "Alert: mail is down"
    assert spoken.title(replace(one, classes=("F",)), DE) == "gültige Adressen werden abgewiesen (Klasse F)"


NOTICES = (
    said("ask.notice.proposed", name="p"),
    said("ask.notice.waits", name="p", at="10:00"),
    said("ask.notice.wish", why=reason("there is no playbook", "no-such-playbook")),
    said("ask.notice.no-playbook", letters="D", why=reason("sign-in fails")),
    said("ask.notice.cannot", name="p", why=reason("the world has moved", "facts-moved")),
    said("ask.notice.not-yet", name="p", why=reason("the relay is silent", "relay-not-ready")),
    said("ask.notice.cannot-now", name="p", why=reason("the key has ended", "dns.unreadable")),
    said("ask.notice.anew", name="p", why=reason("the world has moved", "plan-stale")),
    said("ask.failed-before", why=reason("the token has ended")),
    written("MX does not stand where this run put it", "ask.notice.reverted", domains="corp.test: 0 a."),
    ended_badly("r-1", "failed", "mx: no server answers", "dns.silent"),
    ended_badly("r-1", "in_doubt", "", ""),
    _missed("its window went by while nothing was there to begin it", "drill-2"),
    _missed("its window went by while nothing was there to begin it", ""),
    said("ask.drill.begins"),
    said("ask.drill.between", at="A", until="B", zone="UTC"),
    said("ask.drill.urgent", title="Tür offen"),
)


@pytest.mark.parametrize("text", NOTICES, ids=str)
def test_notices_are_english_for_the_record_and_german_for_german_readers(text) -> None:
    assert isinstance(text, str) and in_language(text, "en") == str(text) == in_language(text, "fr")
    german = in_language(text, "de")
    assert german != str(text)
    codes = ("relay-not-ready", "no-such-playbook", "facts-moved", "dns.silent")
    for code in codes:
        german = german.replace(code, "")
    assert not english_in(german), german


def test_a_sentence_that_is_none_of_ours_stays() -> None:
    assert in_language("the vendor said no", "de") == "the vendor said no"
    assert in_language(reason("no room", ""), "de") == DE("ask.in-record")
    assert in_language(reason("no room", ""), "en-GB") == "no room"


def test_a_notice_is_told_in_the_language_of_each_person(tmp_path) -> None:
    w = World(tmp_path)
    w.core.app.settings.organisation.language = "de"
    speaker = Speaker(w.core)
    one = Incident("inc-1", "s", "opened", START, title="inbound transport (class B)", classes=("B",))
    text = said("ask.notice.proposed", name="p")
    for language, what, result in (
        ("en", "inbound transport (class B)", "proposed: p; start it with bcp run p"),
        ("de", "Mails von außen (Klasse B)", "Vorschlag: p; starten mit bcp run p"),
        ("", "Mails von außen (Klasse B)", "Vorschlag: p; starten mit bcp run p"),
    ):
        ask = speaker._noticed(one, text, "sms", language)["ask"]
        assert (ask["what"], ask["result"]) == (what, result)


@pytest.mark.parametrize("rule", [*spoken.NO_COUNT, "something-new"])
def test_whoever_answers_is_told_in_their_language_why_it_does_not_count(rule: str) -> None:
    people = [SimpleNamespace(id="alice", language="de"), SimpleNamespace(id="bob", language="en")]
    app: Any = SimpleNamespace(
        people=SimpleNamespace(directory=SimpleNamespace(contacts=people)),
        settings=SimpleNamespace(organisation=SimpleNamespace(language="de")),
    )
    error = Refused("the run is over (done)", rule=rule)
    assert spoken.does_not_count(app, error, "bob") == error.message
    for person in ("alice", "", "nobody"):
        assert not english_in(spoken.does_not_count(app, error, person).replace("something-new", ""))
    assert spoken.noted(app, "bob", "c" * 64, yes=True) == f"Yes from bob, noted at {'c' * 12}."
    assert spoken.noted(app, "alice", "c" * 64, yes=False) == f"Nein von alice, vermerkt zu {'c' * 12}."


def test_what_is_put_into_a_text_is_in_the_language_of_the_text() -> None:
    """A French reader of a German house gets the German text, so its parts are German, too."""
    pack = load_pack([SHIPPED / "messages"])
    core: Any = SimpleNamespace(
        app=SimpleNamespace(
            world=SimpleNamespace(pack=pack), settings=SimpleNamespace(organisation=SimpleNamespace(language="de"))
        )
    )
    for language, used in (("fr", "de"), ("", "de"), ("en", "en"), ("de-AT", "de"), ("en-GB", "en")):
        assert spoken.language_of(core, "question", "sms", language) == used
    assert spoken.language_of(core, "question", "page", "fr") == "fr", "it has no such form"
    del core.app.world.pack
    assert spoken.language_of(core, "question", "sms", "") == "de"


def test_an_answer_that_could_not_be_taken_is_not_said_to_be_refused() -> None:
    app: Any = SimpleNamespace(
        people=SimpleNamespace(directory=SimpleNamespace(contacts=[])),
        settings=SimpleNamespace(organisation=SimpleNamespace(language="de")),
    )
    text = spoken.does_not_count(app, StorageError("the disk is full"), "alice")
    assert text == DE("ask.no-count.not-taken") and not english_in(text)


def test_contacts_that_cannot_be_read_now_take_back_no_answer() -> None:
    class People:
        @property
        def directory(self) -> Any:
            raise Invalid("contacts.csv cannot be read")

    app: Any = SimpleNamespace(people=People(), settings=SimpleNamespace(organisation=SimpleNamespace(language="de")))
    assert spoken.noted(app, "alice", "c" * 64, yes=True).startswith("Ja von alice")


def test_an_error_that_lists_faults_is_said_by_the_first() -> None:
    faults = [Problem("a step has no way back", rule="write-without-undo"), Problem("x", rule="cycle")]
    said_why = because(Invalid.of(faults))
    assert said_why == "a step has no way back (the first of 2)"
    assert in_language(said_why, "de") == DE("rule.write-without-undo")
    assert because(Invalid.of(faults[:1])) == "a step has no way back"
    assert because(Refused("no", rule="cooldown")).in_("de") == DE("rule.cooldown")


def test_a_rule_without_words_of_its_own_here_is_said_by_those_it_has() -> None:
    """A question that ended, an answer that does not count; only a plug-in's own rule is looked up in the record."""
    assert spoken.ended("plan-expired", [], DE) == "der Plan ist abgelaufen"
    assert spoken.refused_in(Refused("no", rule="not-allowed"), "de") == (
        "Die Antwort zählt nicht: diese Person darf das nicht."
    )
    strange = spoken.refused_in(Refused("no", rule="x.own"), "de")
    assert (
        "x.own" in strange and "bcp incident show" in strange and "bcp incident show" in spoken.ended("x.own", [], DE)
    )


@pytest.mark.parametrize(("state", "letters"), [("declared", ("B",)), ("opened", ())])
def test_after_a_restart_a_question_names_what_was_declared(tmp_path, state, letters) -> None:
    """Before the first look *exchange-online is unknown* is nothing on which somebody could move mail; what no look of
    ours has confirmed is not said to be so."""

    async def run() -> None:
        w = World(tmp_path)
        w.core.book.change(w.incident, "moved", "watch", fields={"state": state, "classes": "B"})
        made = SimpleNamespace(incident=w.incident)
        w.core.found = Decision("unknown")
        assert (await spoken.believed(w.core, made)).classes == letters
        w.core.found = Decision("healthy")
        assert (await spoken.believed(w.core, made)).classes == ()

    going(run)
