"""What a relay tells of itself, judged: each promise ok, at risk, and broken."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.relay_machine import RelayMachine
from bcp.kernel.errors import Transient
from bcp.relay_kit.watch import Around, MachineFacts, facts_in, judge, needed, unreachable

NOW = 1_800_000_000.0
DAY = 86400.0
RAW: dict[str, Any] = {
    "host": "relay.test", "relay": "r", "now": int(NOW), "postfix": "3.7.11", "running": True, "disk_total": 10**11,
    "disk_free": 5 * 10**10, "inodes_free": 10**6, "queued": 0, "oldest": None, "list_made": int(NOW - 3600),
    "list_count": 100, "unknown_code": 550, "certificate_end": int(NOW + 60 * DAY), "keeps": False, "soft_bounce": True,
    "minfree": 200 * 2**20, "clock_synchronised": True, "hops": [{"hop": "ex.test:25", "says": "220 ready"}],
}  # fmt: skip
GOOD = facts_in(json.dumps(RAW))
MACHINE = RelayMachine.model_validate({"watch": {"mails_an_hour": 1000}})
AROUND = Around(NOW, {"zen.test": ""})


def state(code: str, facts: MachineFacts = GOOD, machine: RelayMachine = MACHINE, around: Around = AROUND) -> str:
    found = {c.code: c for c in judge(facts, machine, around)}
    if code not in found:
        return "absent"
    assert found[code].subject == "relay.test" and found[code].says
    assert (found[code].state == "ok") == (not found[code].hint), found[code]
    return found[code].state


def test_a_relay_that_is_well_is_well_in_everything() -> None:
    assert {c.state for c in judge(GOOD, MACHINE, AROUND)} == {"ok"}
    assert len({c.code for c in judge(GOOD, MACHINE, AROUND)}) == 8


@pytest.mark.parametrize(
    ("code", "change", "wanted"),
    [
        ("relay-running", {"running": False}, "fail"),
        ("relay-disk", {"disk_free": 200 * 2**20}, "fail"),
        ("relay-disk", {"inodes_free": 100}, "fail"),
        ("relay-disk", {"disk_free": 2 * 10**9}, "fail"),
        ("relay-disk", {"disk_free": 4 * 10**9}, "risk"),
        ("relay-disk", {"disk_free": 6 * 10**9}, "ok"),
        ("relay-queue-age", {"queued": 3, "oldest": NOW - 60}, "ok"),
        ("relay-queue-age", {"queued": 3, "oldest": NOW - 7200}, "risk"),
        ("relay-list-age", {"list_made": None}, "fail"),
        ("relay-list-age", {"list_says": 100}, "ok"),
        ("relay-list-age", {"list_says": 101}, "fail"),
        ("relay-list-age", {"list_signed": False}, "fail"),
        ("relay-list-age", {"list_signed": True}, "ok"),
        ("relay-list-age", {"odd_recipients": ("+eve@corp.test", "-bob@corp.test")}, "fail"),
        ("relay-running", {"units_off": ("postfix is masked",)}, "risk"),
        ("relay-running", {"units_off": ("postfix is masked",), "running": False}, "fail"),
        ("relay-list-age", {"list_count": 0}, "fail"),
        ("relay-list-age", {"list_made": NOW - 4 * DAY, "unknown_code": 450}, "risk"),
        ("relay-list-age", {"unknown_code": 450}, "risk"),
        ("relay-renewal", {"certificate_end": None}, "fail"),
        ("relay-renewal", {"certificate_end": NOW - 1}, "fail"),
        ("relay-renewal", {"certificate_end": NOW + 19 * DAY}, "risk"),
        ("relay-renewal", {"certificate_end": NOW + 21 * DAY}, "ok"),
        ("relay-exchange", {"hops": {}}, "unknown"),
        ("relay-exchange", {"hops": {"a:25": "220 x", "b:25": ""}}, "fail"),
        ("relay-exchange", {"hops": {"a:25": "421 busy"}}, "fail"),
        ("relay-clock", {"now": NOW + 4}, "ok"),
        ("relay-clock", {"now": NOW - 30}, "risk"),
        ("relay-clock", {"now": NOW + 90}, "fail"),
        ("relay-clock", {"clock_synchronised": False}, "risk"),
        ("relay-clock", {"clock_synchronised": None}, "ok"),
        ("relay-keeps", {"keeps": True}, "risk"),
        ("relay-soft-bounce", {"soft_bounce": False}, "risk"),
    ],
)
def test_each_fact_by_itself(code, change, wanted) -> None:
    assert state(code, replace(GOOD, **change)) == wanted


def test_while_a_drain_runs_its_traces_are_none() -> None:
    draining = replace(AROUND, draining=True)
    facts = replace(GOOD, keeps=True, queued=9, oldest=NOW - 9000)
    assert state("relay-keeps", facts, around=draining) == "absent"
    assert state("relay-queue-age", facts, around=draining) == "ok"


def test_a_disk_is_measured_against_an_outage_as_long_as_it_may_last() -> None:
    """The ledger's count wins over the settings'; without either nobody knows."""
    machine = RelayMachine.model_validate(
        {"watch": {"outage": "2h", "mail_size": 1000, "mails_an_hour": 7}, "spare": 50}
    )
    assert needed(machine, 0.0) == 50 + 7 * 2 * 1000 and needed(machine, 9.0) == 50 + 9 * 2 * 1000
    assert needed(RelayMachine(), 0.0) == 0 and state("relay-disk", machine=RelayMachine()) == "risk"


def test_a_quiet_ledger_and_a_short_outage_make_the_forecast_no_smaller() -> None:
    """The busiest hour and the longest outage that anybody knows count; a ledger of canaries proves nothing."""
    machine = RelayMachine.model_validate({"watch": {"outage": "2h", "mail_size": 1000, "mails_an_hour": 7}})
    assert needed(machine, 1.0) == machine.minfree + 7 * 2 * 1000
    assert needed(machine, 1.0, 36_000.0) == machine.minfree + 7 * 10 * 1000
    around = replace(AROUND, mails_an_hour=1000.0)
    assert state("relay-disk", replace(GOOD, disk_free=2 * 10**9), RelayMachine(), around) == "fail"
    assert state("relay-disk", GOOD, RelayMachine(), around) == "risk"
    assert state("relay-disk", GOOD, around=replace(AROUND, mtpd=100 * DAY)) == "fail"


@pytest.mark.parametrize(
    ("listed", "wanted"),
    [({}, "absent"), ({"a": "", "b": "192.0.2.1"}, "risk"), ({"a": "?", "b": ""}, "unknown"), ({"a": ""}, "ok")],
)
def test_blocklists(listed, wanted) -> None:
    assert state("relay-blocklist", around=replace(AROUND, listed=listed)) == wanted


@pytest.mark.parametrize(("at", "wanted"), [(None, "unknown"), (NOW - 60, "ok"), (NOW - 700, "fail")])
def test_the_agents_pulse_where_there_is_to_be_one(at, wanted) -> None:
    machine = RelayMachine(agent=True)
    assert state("relay-agent", machine=machine, around=replace(AROUND, agent_at=at)) == wanted
    assert state("relay-agent", around=replace(AROUND, agent_at=at)) == "absent"


def test_a_relay_that_cannot_be_asked_is_unknown_and_not_well() -> None:
    assert unreachable("relay.test", "no route").state == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"disk_free": "much"},
        {"running": 1},
        {"now": None},
        {"hops": "x"},
        {"oldest": "old"},
        {"queued": True},
        {"units_off": "postfix"},
        {"odd_recipients": "eve@corp.test"},
        {"list_says": "x"},
        {"now": 1e300},
    ],
)
def test_facts_of_wrong_types_are_no_facts(change) -> None:
    with pytest.raises(Transient):
        facts_in(json.dumps(RAW | change))


@given(st.text(max_size=200))
def test_whatever_the_relay_prints_is_facts_or_an_error_of_the_tree(text) -> None:
    with pytest.raises(Transient):
        facts_in(text)


def test_an_agent_that_lives_and_does_not_read_is_no_agent() -> None:
    """It answers in time, and counts nothing."""
    machine = MACHINE.model_copy(update={"agent": True})
    around = replace(AROUND, agent_at=NOW - 5, agent_trouble="mail.log: permission denied")
    (found,) = [c for c in judge(GOOD, machine, around) if c.code == "relay-agent"]
    assert found.state == "fail" and "permission denied" in found.says and "no mail is counted" in found.says
    (silent,) = [c for c in judge(GOOD, machine, replace(around, agent_at=NOW - 601)) if c.code == "relay-agent"]
    assert silent.state == "fail" and "heard of" in silent.says


@pytest.mark.parametrize(("loaded", "wanted"), [(True, "ok"), (False, "fail"), (None, "absent"), ("x", "absent")])
def test_rules_that_are_not_in_the_kernel_are_no_firewall(loaded, wanted) -> None:
    """A relay whose firewall is somebody else's, or whose program is older, says nothing of it."""
    facts = facts_in(json.dumps({**RAW, "firewall": loaded}))
    assert state("relay-firewall", facts) == wanted
