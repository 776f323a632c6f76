"""A German report is German: what the program wrote down in English is said in the reader's language, wherever it
stands; what people, vendors and files said is shown as it was."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml
from unit.drills.recorded import OUT, START, Story
from unit.drills.test_learn import CASES

from bcp.contracts.exercise import DrillRecord, Finding, Scenario
from bcp.contracts.exercise_parts import Decision, Detection, Moment
from bcp.drills.derive import Context, derive
from bcp.drills.fold import Exercise
from bcp.drills.learn import proposals
from bcp.drills.outline import assumptions, components
from bcp.drills.scenario import SCENARIOS
from bcp.engine.gate import Answer, Gate, hopeless, judge
from bcp.engine.holds import SAID
from bcp.mx.forecast import Compared, Forecast, Parts, Term
from bcp.mx.forecast_words import comparison, sentence
from bcp.pages.report import report_page
from bcp.pages.words import words
from bcp.pages.year import year_page
from bcp.replay import shipped
from bcp.reports.document import document
from bcp.reports.model import report_data
from bcp.reports.year import Inventory, to_data, year_of

EN, DE = words("en"), words("de")
WRITTEN = ("learn.", "reason.", "noted.", "about.", "value.")
ENGLISH = frozenset(
    "the of and not is by were which that this with from to for when who has have been it its nobody somebody after "
    "before until as or but than into whether cannot could would are be there begins began said".split()
)
PLAYBOOK = OUT.replace("Mail goes to the relay", "Mail geht an das Relay")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


def written() -> list[str]:
    return [k for k in EN.texts if k.startswith(WRITTEN)]


def shipped_titles() -> dict[str, str]:
    """What exercises are made of: what the lab breaks, and the outages of the past (a month and a year)."""
    past = {n: p for n, p in shipped().items() if re.fullmatch(r"[a-z]{3}-20\d\d-.*", n)}
    assert len(past) >= 18
    titles = {n: str(yaml.safe_load(p.read_text())["title"]) for n, p in past.items()}
    return titles | {s.name: s.title for s in SCENARIOS.values()}


@pytest.mark.parametrize(("name", "title"), sorted(shipped_titles().items()))
def test_what_exercises_are_made_of_has_a_title_in_each_language(name: str, title: str) -> None:
    key = f"scenario.{name}"
    assert EN.texts[key] == title and DE.texts[key] != title
    assert DE.told(title, "scenario.") == DE.texts[key] and EN.told(title, "scenario.") == title
    mine = DrillRecord("drill-1", "lab", title, scenario=Scenario(name, title), state="ended", outcome="completed")
    page = report_page(document(mine, "drill", made="2026-01-01T00:00:00Z", language="de"))
    shown = " ".join(unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())
    assert title not in shown and shown.count(DE.texts[key]) >= 3, "the headline, the facts, the annex"


def test_a_title_that_somebody_gave_stays_as_it_was_written() -> None:
    mine = DrillRecord("drill-1", "lab", "Autumn drill", scenario=Scenario("own", "Our own outage"), state="ended")
    page = report_page(document(mine, "drill", made="2026-01-01T00:00:00Z", language="de"))
    assert "Autumn drill" in page and "Our own outage" in page


@pytest.mark.parametrize("prefix", WRITTEN)
def test_each_sentence_is_found_again_with_its_values(prefix: str) -> None:
    """None is mistaken for another one, whatever its values are."""
    for key in (k for k in EN.texts if k.startswith(prefix)):
        names = [n for _, n, _, _ in string.Formatter().parse(EN.texts[key]) if n]
        values = {n: f"wert{i}" for i, n in enumerate(dict.fromkeys(names))}
        assert DE.told(EN.texts[key].format(**values), prefix) == DE.texts[key].format(**values), key
        assert any(len(literal.split()) for literal, *_ in string.Formatter().parse(EN.texts[key])), key


def test_what_somebody_else_said_stays_as_it_was() -> None:
    for text in ("550 5.1.1 no such user", "we phoned everybody", "", "a; b", "it is over", "rejected"):
        assert DE.told(text, *WRITTEN) == text
    assert EN.told("rejected by ann", "reason.") == "rejected by ann"
    assert DE.told("rejected by ann; we phoned", "reason.") == "abgelehnt von ann; we phoned"


def english(text: str) -> list[str]:
    return [w for w in re.findall(r"[a-zäöüß']+", text.lower()) if w in ENGLISH]


@pytest.mark.parametrize("case", CASES)
def test_each_proposal_is_said_in_german(case: str) -> None:
    record, code, _ = CASES[case]
    found = next(p for p in proposals(record) if p.code == code)
    for text in (found.title, found.proposal):
        said = DE.told(text, "learn.")
        assert said != text, text


def program_sentences() -> Iterator[str]:
    """Reasons as the program makes them, by the functions that make them."""
    yield from SAID.values()
    yield hopeless(frozenset({"ann"}), 2, set(), exclude_initiator=False)
    gate = Gate("gate", "c", 100.0, 200.0, frozenset({"ann", "bob"}), 1, "bob", True)
    yield judge(gate, [], 250.0).closed
    yield judge(gate, [], 10.0).closed
    yield judge(gate, [Answer("ann", 150.0, False, "c", "gate")], 160.0).closed
    wrong = [
        Answer("ann", 150.0, True, "other", "gate"), Answer("ann", 150.0, True, "c", "x"),
        Answer("ann", 1.0, True, "c", "gate"), Answer("ann", 9999.0, True, "c", "gate"),
        Answer("ann", 201.0, True, "c", "gate"), Answer("eve", 150.0, True, "c", "gate"),
        Answer("bob", 150.0, True, "c", "gate"),
    ]  # fmt: skip
    for answer in wrong:
        yield from (why for _, why in judge(gate, [answer], 202.0).rejected)


def test_the_reasons_that_the_engine_gives_are_known() -> None:
    texts = list(program_sentences())
    assert len(set(texts)) == len(SAID) + 1 + 3 + 7
    for text in texts:
        assert DE.told(text, "reason.") != text, text
        assert not english(DE.told(text, "reason.")), DE.told(text, "reason.")


@pytest.mark.parametrize("term", Term)
def test_a_forecast_is_known(term: Term) -> None:
    parts = Parts(*(60.0 if t is term else 1.0 for t in Term))
    said = DE.told(sentence(Forecast(parts, 30.0, 90.0, term, None, 0)), "noted.")
    assert not english(said), said
    for what in ("switched", "first-mail"):
        for achieved in (30.0, 60.0, 90.0):
            told = DE.told(comparison(Compared(what, 60.0, achieved)), "noted.")
            assert not english(told), told


def visible(page: str) -> Iterator[str]:
    """What a reader sees; what was typed, and hashes, are no words."""
    page = re.sub(r"<(style|script|code|pre)[^>]*>.*?</\1>", " ", page.replace("<wbr>", ""), flags=re.DOTALL)
    for text in re.split(r"<[^>]+>", page):
        said = re.sub(r"\((?:serve|Regel)[^)]*\)", "", " ".join(unescape(text).split()))
        if said and not said.startswith("{"):
            yield said


def no_english(page: str) -> None:
    found = {t: english(t) for t in visible(page) if english(t)}
    assert found == {}


def found_in(record: DrillRecord) -> DrillRecord:
    """With what the product proposes of it."""
    rows = [
        Finding(f"p-{i}", p.title, p.severity, proposal=p.proposal, place=p.place, code=p.code, state="proposed")
        for i, p in enumerate(proposals(record))
    ]
    return replace(record, findings=tuple(rows))


def base(kind: Any, **more: Any) -> DrillRecord:
    return DrillRecord(
        "drill-1", kind, "Übung", "ended", components=components(kind), assumptions=assumptions(kind, ()), method=kind,
        third_parties=("rfc2136 (DNS host main)", "smtp (relay mx-backup)", "twilio-sms (channel sms)"), **more,
    )  # fmt: skip


def rejected(story: Story, run: str) -> str:
    story.answer(run, 120, "reject")
    return story.process(run)


def unanswered(story: Story, run: str) -> str:
    return story.process(run)


def aborted(story: Story, run: str) -> str:
    story.answer(run, 20)
    story.process(run)
    story.clock.pass_(400)
    story.runs.tell(run, "abort", "p2", reason="es stimmte nicht")
    return story.process(run, undo_by="p1")


def resumed(story: Story, run: str) -> str:
    story.answer(run, 30)
    story.process(run, stop_at=38)
    story.clock.pass_(1200)
    return story.process(run)


PLAYED = [("live", rejected), ("incident", unanswered), ("live", aborted), ("lab", resumed)]


@pytest.mark.parametrize(("kind", "play"), PLAYED, ids=[p.__name__ for _, p in PLAYED])
def test_a_report_of_what_really_happened(tmp_path: Path, kind: Any, play: Any) -> None:
    story = Story(tmp_path, outage={"at": START - 60.0, "exact": True, "source": "watch"})
    run = story.begin("run-1", PLAYBOOK)
    play(story, run)
    context = Context("Firma", "Europe/Berlin", product="bcp 1.0")
    record = found_in(derive(Exercise(base(kind), runs=(run,)), [story.view(run)], [], context))
    detail = report_data(story.view(run), organisation="Firma")
    data = document(record, "drill", made="2026-01-23T10:00:00Z", language="de", runs=[detail])
    assert record.findings
    no_english(report_page(data))


ENDS = [
    ("missed", "not-begun", "its window went by while nothing was there to begin it"),
    ("ended", "aborted", "something real came between: the incident inc-1 is open"),
    ("ended", "aborted", "something real came between: the run run-9 is holding"),
    ("ended", "interrupted", "stopped by a person or by the end of the program"),
    ("ended", "interrupted", "the process that played it ended"),
    ("ended", "aborted", "ended by the facilitator after inject 3 of 9"),
    ("ended", "aborted", "the watch of the real service says down"),
    ("ended", "aborted", "the drill cannot be watched: der Datenträger ist voll"),
    ("ended", "aborted", "the relay mx-backup does not take mail for corp.test: 192.0.2.1:25: 451 ; "
     "run-1 was left as it is, look where MX points: bcp status"),
    ("ended", "rejected", "out ended failed: gate: rejected by bob"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "outcome", "reason"), ENDS)
def test_why_it_ended_in_a_report_and_in_the_year(state: Any, outcome: Any, reason: str) -> None:
    record = replace(
        base("live", outcome=outcome, reason=reason, started=START, ended=START + 10), state=state,
        detection=Detection(START, True, "the exercise began; nothing was broken", START, "declared by the exercise",
                            "B", ("exercise: class B is played, nothing is broken",)),
        decisions=(Decision(START, "ann", "abort: es reicht", "aborted", START - 5, "asked for it"),),
        timeline=(Moment(START, "began", "", "ann"), Moment(START + 10, "ended", reason, "ann")),
    )  # fmt: skip
    record = found_in(record)
    no_english(report_page(document(record, "drill", made="2026-01-23T10:00:00Z", language="de")))
    year = year_of([record], Inventory(), START - 1, START + 99, DE, now=START + 99, organisation="Firma")
    no_english(year_page(to_data(year)))
