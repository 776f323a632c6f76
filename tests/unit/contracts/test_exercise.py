"""The record of an exercise: every field that an auditor asks for, and its plain-data form."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bcp.contracts.exercise import HOW, SCHEMA, DrillRecord, Finding, Objective, Signature
from bcp.contracts.exercise_parts import Component, CurvePoint, Failback, Mails, Receipts, Step
from bcp.contracts.exercise_plain import from_data, json_schema, to_data
from bcp.kernel.errors import Invalid

ASKED = {
    "id": ("id",),
    "type": ("kind",),
    "dry-run flag per step": ("steps.executed",),
    "scenario and source incident": ("scenario.name", "scenario.incident", "scenario.digest"),
    "plan and playbook version (hash)": ("playbooks.version", "playbooks.digest", "playbooks.plan"),
    "scope": ("scope_in", "scope_out"),
    "objectives and pass criteria fixed beforehand": (
        "objectives.target",
        "objectives.criterion",
        "objectives.fixed_at",
    ),
    "BIA link": ("bia",),
    "date, time, zone": ("planned_start", "started", "ended", "zone"),
    "participants": ("participants.name", "participants.role", "participants.attended"),
    "assumptions": ("assumptions", "expected", "method"),
    "simulated or real": ("components.real",),
    "step log": (
        "steps.planned_start",
        "steps.planned_end",
        "steps.started",
        "steps.ended",
        "steps.actor",
        "steps.command",
        "steps.input",
        "steps.output_digest",
        "steps.result",
        "steps.evidence",
    ),
    "detection": ("detection.outage_since", "detection.detected", "detection.by"),
    "decision and decider": ("decisions.at", "decisions.by", "decisions.result", "decisions.asked"),
    "propagation curve": ("propagation.at", "propagation.new", "propagation.asked"),
    "receipts": (
        "receipts.sent",
        "receipts.delivered",
        "receipts.failed",
        "receipts.acknowledged",
        "receipts.planned",
    ),
    "measured": ("objectives.achieved", "objectives.judged", "objectives.how", "mails.lost"),
    "failback": ("failback.run", "failback.mx_back", "failback.drained"),
    "deviations": ("deviations.text",),
    "issues": (
        "findings.severity",
        "findings.cause",
        "findings.owner",
        "findings.due",
        "findings.retest",
        "findings.urgent",
        "findings.reported_at",
    ),
    "feedback": ("feedback.text", "feedback.rating"),
    "shared fate": ("shared_fate.state", "shared_fate.chains"),
    "third parties": ("third_parties",),
    "conclusions": ("conclusions.text",),
    "approvals": ("signatures.name", "signatures.at", "signatures.digest", "signatures.stands"),
    "next drill": ("next_drill.at",),
    "integrity": ("integrity.chains", "integrity.clock_source"),
    "retention": ("retention.until", "retention.rule"),
}


def _properties(schema: dict[str, object], path: str) -> bool:
    """Is there such a field in the published schema?"""
    here = schema
    for part in path.split("."):
        properties = here.get("properties", {})
        if part not in properties:  # type: ignore[operator]
            return False
        here = properties[part]  # type: ignore[index]
        here = here.get("items", here)
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[1]]  # type: ignore[index]
    return True


@pytest.mark.parametrize("what", ASKED)
def test_every_thing_that_an_auditor_asks_for_is_a_field_of_the_published_schema(what: str) -> None:
    schema = json_schema()
    assert [p for p in ASKED[what] if not _properties(schema, p)] == []


def _full() -> DrillRecord:
    return DrillRecord(
        "drill-1",
        "lab",
        objectives=(Objective("rto_receive", 1800, achieved=12.5, judged="met", how="first-mail"),),
        steps=(Step("mx", "run-1", started=3.0, ended=4.0, executed=True),),
        propagation=(CurvePoint(5.0, 2, 3),),
        receipts=(Receipts("sms", planned=3, sent=3, unreachable=1),),
        mails=Mails("lab-count", sent=5, queue=((1.0, 2),)),
        failback=(Failback("run-2", decided_by=("alice",)),),
        findings=(Finding("f1", "Nobody answered", "high", evidence=("run-1#4",)),),
        signatures=(Signature("Ann", 7.0),),
        components=(Component("DNS", real=False),),
        scope_in=("corp.test",),
    )


def test_a_record_survives_json() -> None:
    record = _full()
    assert from_data(json.loads(json.dumps(to_data(record)))) == record
    assert to_data(record)["schema"] == SCHEMA


def test_a_record_fits_its_published_schema_and_nothing_more_is_allowed() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    check = jsonschema.Draft202012Validator(json_schema())
    data = to_data(_full())
    assert list(check.iter_errors(data)) == []
    assert list(check.iter_errors({**data, "colour": "red"}))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "no bcp.drill-record/1"),
        ({"schema": "bcp.drill-record/2"}, "bcp.drill-record/2"),
        ({"schema": SCHEMA, "id": "x"}, "kind"),
        ({"schema": SCHEMA, "id": "x", "kind": "party"}, "kind"),
        ({"schema": SCHEMA, "id": "x", "kind": "dry", "steps": [{"id": 1}]}, "steps.0"),
    ],
)
def test_what_is_no_record_is_refused_with_the_place(data: dict[str, object], said: str) -> None:
    with pytest.raises(Invalid, match=said) as told:
        from_data(data)
    assert told.value.rule == "drill-record"


def test_every_field_of_a_part_has_a_default_or_is_needed_to_name_it() -> None:
    needed = {f.name for f in dataclasses.fields(DrillRecord) if f.default is f.default_factory is dataclasses.MISSING}
    assert needed == {"id", "kind"}


@pytest.mark.parametrize(
    ("judged", "met"),
    [("met", True), ("missed", False), ("not-reached", False), ("not-known", None), ("not-measured", None)],
)
def test_only_what_was_reached_in_time_is_met(judged: str, met: bool | None) -> None:
    assert Objective("wrt", 1, judged=judged).met is met  # type: ignore[arg-type]


def test_a_record_is_met_only_when_every_objective_is() -> None:
    good, bad, open_ = (Objective("wrt", 1, judged=j) for j in ("met", "missed", "not-measured"))  # type: ignore[arg-type]
    assert DrillRecord("x", "dry").met is None
    assert DrillRecord("x", "dry", objectives=(good,)).met is True
    assert DrillRecord("x", "dry", objectives=(good, open_)).met is None
    assert DrillRecord("x", "dry", objectives=(good, open_, bad)).met is False


def test_per_cents_are_of_all_people_reachable_or_not() -> None:
    rows = Receipts("sms", planned=3, sent=2, unreachable=1)
    assert (rows.percent(rows.sent), rows.percent(rows.delivered)) == (50.0, None)
    assert Receipts("sms").percent(0) is None


def test_a_duration_needs_both_ends() -> None:
    assert DrillRecord("x", "dry", started=5.0).duration == 0
    assert DrillRecord("x", "dry", started=5.0, ended=8.0).duration == 3
    assert DrillRecord("x", "dry", started=9.0, ended=8.0).duration == 0


def test_how_it_was_measured_has_words() -> None:
    assert all(len(words) > 20 or code == "person" for code, words in HOW.items())
