"""Plan files as they are read, and whether a plan may still be run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bcp.contracts.action import Refusal
from bcp.deeds.status import http_status
from bcp.kernel.errors import Invalid, Refused
from bcp.plan.model import Plan, PlannedStep, check_runnable, differences, from_data, read_plan, refuse, said_by, unread


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """Not there, a folder, a name that no file can have: the path is wrong, not the plan."""
    for path in (tmp_path / "none.json", tmp_path, tmp_path / ("x" * 300)):
        with pytest.raises(Invalid) as caught:
            read_plan(path)
        assert caught.value.rule == "plan-unreadable" and str(path) in caught.value.message
        assert http_status(caught.value) == 404


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"{", b"[" * 100_000, b"[]", b"{}", b'"x"', b"null"])
def test_a_file_that_is_no_plan_is_another_matter(tmp_path: Path, text: bytes) -> None:
    """It can be read, and is not what it should be."""
    path = tmp_path / "plan.json"
    path.write_bytes(text)
    with pytest.raises(Invalid) as caught:
        read_plan(path)
    assert caught.value.rule != "plan-unreadable"


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = Plan("plan-1", 1.0, 2.0, "p", "", "", {}, ("a.test",), "f", "real", "alice", False, ()).sealed()
    made.write(tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json").checksum == made.checksum


def plan(*steps: PlannedStep, **given: object) -> Plan:
    """One of these steps, valid from 1000 to 2000 s."""
    made = Plan("plan-1", 1000.0, 2000.0, "p", "", "text", {}, ("a.test",), "here", "real", "alice", False, steps)
    return replace(made, **given)


def step(name: str, would: str = "run", **given: object) -> PlannedStep:
    return PlannedStep(name, "activation", "shell", name, would, **given)


NO = Refusal("never-null-mx", "a null MX", "Say where mail goes.")
MAYBE = Refusal("ttl-old", "mx: its TTL is long", "Wait.", overridable=True)


@pytest.mark.parametrize(
    ("change", "given", "rule"),
    [
        ({}, {}, ""),
        ({}, {"now": 2000.0}, ""),
        ({}, {"now": 2000.1}, "plan-expired"),
        ({}, {"now": 940.0}, ""),
        ({}, {"now": 939.9}, "plan-expired"),
        ({}, {"configuration": "elsewhere"}, "plan-stale"),
        ({}, {"playbook_text": "text"}, ""),
        ({}, {"playbook_text": "another"}, "plan-stale"),
        ({"steps": (step("mx", refusals=(NO,)),)}, {}, "never-null-mx"),
        ({"steps": (step("mx", refusals=(MAYBE,)),)}, {}, "ttl-old"),
        ({"steps": (step("mx", refusals=(MAYBE,)),), "overrides": {"ttl-old": "I know"}}, {}, ""),
    ],
)
def test_a_plan_is_run_only_as_it_was_made(change, given, rule) -> None:
    wanted = {"now": 1500.0, "configuration": "here", "playbook_text": None, **given}
    now = wanted.pop("now")
    if not rule:
        check_runnable(plan(**change), now, **wanted)
        return
    with pytest.raises(Refused) as caught:
        check_runnable(plan(**change), now, **wanted)
    assert caught.value.rule == rule and caught.value.hint


def test_a_refusal_names_its_step_once_counts_the_others_and_says_how_to_go_on() -> None:
    with pytest.raises(Refused) as caught:
        check_runnable(plan(step("mx", refusals=(MAYBE, NO))), 1500.0, configuration="here", playbook_text=None)
    assert caught.value.message == "mx: its TTL is long (and 1 more)" and "--override ttl-old" in caught.value.hint
    assert said_by("mx", NO) == "mx: a null MX"


def test_what_moved_between_two_plans_is_told_step_by_step() -> None:
    old = plan(step("same"), step("gone"), step("facts", facts={"mx": "a"}), step("would", "skip"))
    new = plan(step("same"), step("facts", facts={"mx": "b" * 200}), step("would"), step("new"))
    told = differences(old, new)
    assert told[0] == "gone is gone" and told[-1] == "new is new" and "would: would run, not skip" in told
    assert told[1].startswith('facts: was {"mx": "a"}, is {"mx": "bbb') and told[1].endswith("...")
    assert differences(old, old) == []


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"schema": "bcp.plan/0"}, Invalid),
        ({"steps": [{}]}, Invalid),
        ({"steps": 7}, Invalid),
        ({"unknown": 1}, Invalid),
        ({"domains": ["b.test"]}, Refused),
        ({"overrides": {"never-null-mx": "because"}}, Refused),
    ],
)
def test_a_plan_that_was_changed_is_refused(change, error) -> None:
    """Whatever part of it: its checksum is what people said yes to."""
    data = plan(step("mx", refusals=(NO,))).sealed().to_data()
    assert from_data(data).checksum == data["checksum"]
    with pytest.raises(error) as caught:
        from_data({**data, **change})
    assert error is Invalid or caught.value.rule == "plan-changed"


def test_what_could_not_be_read_is_said_as_that_and_not_as_a_world_that_moved() -> None:
    """The host stumbled between the plan and the run: its MX is not known, and did not become none."""
    silent = Refusal("dns.silent", "mx: a.test: the host asks us to slow down", "Try again in 5s.")
    fresh = plan(step("mx", refusals=(NO, silent)))
    assert unread(fresh) == [("mx", silent)]
    assert unread(plan(step("mx", refusals=(NO, MAYBE)))) == []
    refuse([])
    with pytest.raises(Refused, match="slow down") as caught:
        refuse(unread(fresh))
    assert (caught.value.rule, caught.value.hint) == ("dns.silent", "Try again in 5s.")
