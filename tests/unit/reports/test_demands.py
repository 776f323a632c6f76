"""A report is checked field by field against what auditors demand (``demands``)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from demands import DEMANDS, check, found, shown
from unit.drills.recorded import BACK, START, Story
from unit.reports.samples import full

from bcp.contracts.exercise import DrillRecord
from bcp.drills.alone import record_of_run
from bcp.drills.derive import Context
from bcp.pages.report import report_page
from bcp.reports.document import document
from bcp.reports.schema import json_schema
from bcp.reports.write import Look, ReportWriter

MADE = "2026-01-23T10:00:00Z"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bcp.engine.runner.POLL_S", 0.002)


def test_the_list_is_whole() -> None:
    """As many lines as the reference has items, and none twice."""
    assert len(DEMANDS) == len({d for d, _, _ in DEMANDS}) >= 50


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", ["tabletop", "dry", "lab", "live", "incident"])
def test_a_full_record_of_each_kind(kind: Any, language: str) -> None:
    data = document(replace(full(), kind=kind), "drill", made=MADE, language=language)
    check(data, report_page(data))
    jsonschema.validate(data, json_schema())


@pytest.mark.parametrize("kind", ["tabletop", "dry", "lab", "live", "incident"])
def test_an_empty_record_says_that_nothing_is_known(kind: Any) -> None:
    data = document(DrillRecord("drill-1", kind), "drill", made=MADE)
    page = report_page(data)
    check(data, page)
    assert shown(page, "detection.detected") == "not known"
    assert shown(page, "mails.lost") == "nobody counted"
    assert shown(page, "bia") == "not stated"
    assert data["answer"]["code"] == "not-yet"
    jsonschema.validate(data, json_schema())


def test_every_value_of_the_record_is_on_the_page() -> None:
    """What somebody wrote or measured is not lost on the way to paper."""
    data = document(full(), "drill", made=MADE)
    page = report_page(data)
    whole = shown_all(page)
    texts = [t for t in strings(data["record"]) if len(t) > 3]
    steered = {"entered", "measured", "planned", "resolvers", "live", "closed", "completed", "first-mail", "ledger",
               "relay-account", "drain", "until-well", "approved", "activation", "Europe/Berlin", "open", "high",
               "bcp.drill-record/1", "observation", "deviation", "feedback", "conclusion", "missed", "messages",
               "tabletop", "rto_receive", "rto_communicate", "rpo_messages", "mtpd", "approval", "notify", "began",
               "ended", "risk", "audience", "told-late", "dns.mx.switch"}  # fmt: skip
    lost = [t for t in texts if t not in steered and " ".join(t.split()) not in whole]
    assert lost == []


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for k, v in value.items() if k != "timeline" for t in strings(v)]
    if isinstance(value, list):
        return [t for v in value for t in strings(v)]
    return [value] if isinstance(value, str) else []


def shown_all(page: str) -> str:
    import re
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.replace("<wbr>", ""))).split())


def played(tmp_path: Path, *, yes: bool, back: bool = False) -> tuple[Story, str]:
    """A real run by the real engine: approved and held, or rejected."""
    story = Story(tmp_path / "state", outage={"at": START - 60.0, "exact": True, "source": "watch"})
    run = story.begin("run-1")
    story.answer(run, 120, "approve" if yes else "reject")
    assert story.process(run) == ("holding" if yes else "failed")
    if back:
        way = story.begin("run-2", BACK, parent=run)
        story.answer(way, story.clock.wall - START + 60)
        story.process(way)
    return story, run


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("yes", [True, False])
def test_a_real_run(tmp_path: Path, yes: bool, language: str) -> None:
    story, run = played(tmp_path, yes=yes, back=yes)
    context = Context("Corp", "Europe/Berlin", product="bcp")
    writer = ReportWriter(
        story.runs, tmp_path / "reports", "Corp", clock=story.clock, look=lambda: Look(language),
        record=lambda view, children: record_of_run(view, children, context),
    )  # fmt: skip
    import json

    paths = writer.write_now(run, ("html", "json", "csv"))
    data, page = json.loads(Path(paths["json"]).read_text()), Path(paths["html"]).read_text()
    check(data, page)
    jsonschema.validate(data, json_schema())
    assert (data["schema"], data["subject"], data["id"], data["run"]) == ("bcp.report/2", "run", run, run)
    assert data["record"]["integrity"]["chains"][0]["head"] == data["audit"]["head"]
    if not yes:
        assert data["answer"]["code"] == "no"
        assert data["answer"]["reached"] == 0
        assert {f["judged"] for f in data["figures"] if f["judged"]} == {"not-reached"}
    else:
        told = {o["audience"]: o for o in data["record"]["objectives"] if o["code"] == "rto_communicate"}
        said = {o["audience"]: o["achieved_s"] for o in data["objectives"] if o["objective"] == "rto_communicate"}
        assert {k: v["achieved"] for k, v in told.items()} == said, "record and run agree"
    assert Path(paths["csv"]).read_text().startswith("record,kind,finding,title,severity")


def test_the_paths_are_read_as_written() -> None:
    assert list(found({"a": [{"b": 1}, {"b": 2}]}, "a[].b")) == [1, 2]
    with pytest.raises(KeyError):
        list(found({"a": {}}, "a.b"))
