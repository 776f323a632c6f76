"""A forecast of this configuration: its rules, its host, how long approvals took, and the TTLs of a plan."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.dns import ByHand, Capabilities
from bcp.contracts.journal import Event
from bcp.detect.rules import Rules
from bcp.mx.forecast import Term
from bcp.wiring.forecast import approval_waits, class_of, expected, ttls_of

RULES = Rules(interval_s=60, threshold=5, reject_threshold=3, confirm_for_s=60, decide_b_s=7200, decide_e_s=1800)
QUICK = Capabilities()
HANDS = Capabilities(by_hand=ByHand(("a",), ("b",), lambda orders: "", remind_s=600, appear_s=120))


@pytest.mark.parametrize(
    ("outage", "detection", "decision"),
    [
        ("B", 360, 6900),  # 60 + 7,200 - 360
        ("E", 360, 1500),  # 60 + 1,800 - 360
        ("F", 240, 0),  # three refusals: 3 x 60 + 60; 60 + 0 - 240 is none
        ("?", 360, 6900),
    ],
)
def test_each_class_has_its_rules(outage, detection, decision) -> None:
    found = expected(RULES, 600, [], {"main": (QUICK, 1)}, 3600, outage)
    assert (found.parts.detection_s, found.parts.decision_s, found.parts.approval_s) == (detection, decision, 600)
    assert found.first_s == detection + decision + 602 and found.approvals == 0


def test_past_approvals_are_believed_before_the_setting() -> None:
    found = expected(RULES, 600, [30.0, 90.0, 3000.0], {"main": (QUICK, 1)}, 3600)
    assert found.parts.approval_s == 90 and found.approvals == 3


def test_the_slowest_host_counts_and_its_advice() -> None:
    found = expected(RULES, 60, [], {"main": (QUICK, 900), "form": (HANDS, 1)}, 300, "F")
    assert found.parts.host_s == 720 and found.advice is not None and found.advice.term is Term.HOST


def run(*events: tuple[str, str, float], started: float = 0.0) -> Any:
    made = [SimpleNamespace(kind=k, step=s, at=at) for k, s, at in events]
    return SimpleNamespace(record=SimpleNamespace(events=made), state=SimpleNamespace(started=started))


def test_an_approval_lasts_from_the_question_to_the_last_yes() -> None:
    assert Event  # what is imitated
    views = [
        run(("gate_opened", "a", 100.0), ("approved", "a", 160.0), ("approved", "a", 190.0)),
        run(("gate_opened", "a", 100.0), ("gate_opened", "a", 150.0), ("approved", "a", 160.0)),  # asked again
        run(("gate_opened", "a", 100.0)),  # nobody answered
        run(("approved", "a", 100.0)),  # never asked: given in advance
        run(("gate_opened", "a", 200.0), ("approved", "a", 100.0)),  # a clock that went back
    ]
    assert approval_waits(views) == [90.0, 60.0, 0.0]


def test_only_runs_before_the_plan_count() -> None:
    views = [run(("gate_opened", "a", 1.0), ("approved", "a", 3.0), started=s) for s in (10.0, 20.0, 30.0)]
    assert len(approval_waits(views, before=20.0)) == 1 and len(approval_waits(views)) == 3


def mx(ttl: int, host: str = "a.test.") -> dict[str, Any]:
    return {"hosts": [[0, host]], "ttl_s": ttl}


def test_the_ttls_of_what_a_plan_moves() -> None:
    plan = {
        "steps": [
            {"outputs": {
                "before": {"a.test": mx(3600), "b.test": mx(60)},
                "after": {"a.test": mx(300), "b.test": mx(60)},
            }},
            {"outputs": {"before": "odd", "after": {}}},
            {"outputs": {}},
            {},
        ]
    }  # fmt: skip
    assert ttls_of(plan) == {"a.test": 3600.0}, "b stays as it is"


BOOK = "version: 1\nname: x\ntitle: X\ncovers: {}\nactivation:\n  - {{id: a, uses: verdict}}\n"


@pytest.mark.parametrize(
    ("covers", "right"), [("[B, E, F]", "B"), ("[E]", "E"), ("[F]", "F"), ("[F, E]", "E"), ("[A]", "B")]
)
def test_the_class_of_a_plan(covers, right) -> None:
    assert class_of({"playbook_text": BOOK.format(covers)}) == right


@pytest.mark.parametrize("text", ["", "name: [", "version: 9"])
def test_a_playbook_that_cannot_be_read_is_class_b(text) -> None:
    assert class_of({"playbook_text": text}) == "B" and class_of({}) == "B"
