"""Reports of runs, drills and incidents, and the year, as files; what is asked wrongly is refused by a code."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from demands import check
from unit.deeds.house import House, person

from bcp.deeds.exercise import FindingOf, New, finding, make
from bcp.deeds.reports import write_report
from bcp.deeds.year import inventory, look_back, period, write_year
from bcp.drills.play import Play
from bcp.kernel.errors import BcpError, Invalid
from bcp.rehearse.scene import scenario_of
from bcp.reports.schema import json_schema

ALICE = person("alice")


@pytest.fixture
def drill(house: House) -> str:
    scene, _ = scenario_of("dry", "")
    found = make(house.ground, ALICE, New("dry", scene, Play(), "Quarter drill", ("rto_receive=30m",)))
    finding(house.ground, ALICE, found, FindingOf(title="No list", severity="high", owner="bob", due="2001-01-01"))
    return found


def test_a_drill(house: House, drill: str) -> None:
    for what in (drill, "last-drill"):
        name, paths = write_report(house.app, what, ("html", "json", "csv"))
        assert name == drill
    data = json.loads(Path(paths["json"]).read_text())
    check(data, Path(paths["html"]).read_text())
    jsonschema.validate(data, json_schema())
    assert (data["subject"], data["answer"]["code"]) == ("drill", "not-yet")
    assert "No list" in Path(paths["csv"]).read_text()


def test_a_run(house: House) -> None:
    house.run("run-1")
    name, paths = write_report(house.app, "last", language="de")
    assert name == "run-1"
    assert "Haben wir unsere Ziele erreicht?" in Path(paths["html"]).read_text()
    assert json.loads(Path(paths["json"]).read_text())["language"] == "de"


@pytest.mark.parametrize(
    ("what", "formats", "language", "rule"),
    [
        ("drill-none", ("html",), "", "no-such-drill"),
        ("inc-none", ("html",), "", "no-such-incident"),
        ("last-drill", ("pdf",), "", "no-such-format"),
        ("last-drill", ("html",), "xx", "no-such-language"),
    ],
)
def test_what_is_asked_wrongly(house: House, drill: str, what: str, formats: tuple[str, ...], language: str, rule: str):
    with pytest.raises(BcpError) as caught:
        write_report(house.app, what, formats, language)
    assert caught.value.rule == rule


def test_a_logo_that_is_none_is_said_to_whoever_asks_and_delays_no_run(house: House, drill: str) -> None:
    house.app.settings.organisation.__dict__["logo"] = Path("none.png")
    with pytest.raises(Invalid) as caught:
        write_report(house.app, drill)
    assert caught.value.rule == "no-logo"
    house.run("run-1")
    paths = house.app.running.reporter().write_now("run-1")
    assert "<img" not in Path(paths["html"]).read_text()
    (house.folder / "none.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    _, paths = write_report(house.app, drill)
    assert 'src="data:image/png' in Path(paths["html"]).read_text()


def test_the_year(house: House, drill: str) -> None:
    found = look_back(house.app)
    assert [h.id for h in found.held] == [drill]
    assert [(a.title, a.overdue) for a in found.actions] == [("No list", True)]
    paths = write_year(house.app, found)
    assert set(paths) == {"html", "json", "csv", "findings"}
    assert json.loads(Path(paths["json"]).read_text())["schema"] == "bcp.year/1"
    assert "No list" in Path(paths["findings"]).read_text()
    assert look_back(house.app, "2001-01-01", "2001-12-31").held == ()
    with pytest.raises(Invalid) as caught:
        write_year(house.app, found, ("pdf",))
    assert caught.value.rule == "no-such-format"


def test_a_real_run_of_which_no_incident_tells_is_an_outage_of_the_year(house: House, drill: str) -> None:
    run, _ = house.run("run-1"), house.run("run-2", parent="run-1")
    house.run("run-3", kind="drill")
    held = look_back(house.app).held
    assert sorted((h.id, h.kind) for h in held if h.id != drill) == [(run, "incident")]
    known, _ = house.book.open("exchange-online", "out", "ask", "alice")
    house.book.change(known.id, "run", fields={"runs": (run,)})
    assert [h.id for h in look_back(house.app).held if h.kind == "incident"] == [known.id]


@pytest.mark.parametrize(
    ("given", "rule"),
    [(("yesterday", ""), "no-date"), (("", "2026-13-01"), "no-date"), (("2026-02-01", "2026-01-01"), "no-date"),
     (("", "", "xx"), "no-such-language")],
)  # fmt: skip
def test_a_period_that_is_none(house: House, given: tuple[str, ...], rule: str) -> None:
    with pytest.raises(Invalid) as caught:
        look_back(house.app, *given)
    assert caught.value.rule == rule


def test_a_period_is_whole_days_of_the_organisation(house: House) -> None:
    house.app.settings.organisation.__dict__["timezone"] = "Europe/Berlin"
    since, until = period(house.app, "2026-03-29", "2026-03-29")
    assert since == 1774738800.0, "midnight in Berlin is 23:00 UTC of the day before"
    assert until == since + 23 * 3600, "the day on which clocks go forward"


def test_what_there_is_to_rehearse(house: House) -> None:
    there = inventory(house.app)
    assert set(there.classes) == set("ABCDEFGH")
    assert list(there.services) == [house.app.settings.service]
    assert set(there.channels) == set(house.app.settings.channels)
    assert set(there.audiences) == set(house.app.settings.audiences)
