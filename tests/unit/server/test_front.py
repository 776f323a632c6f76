"""Where MX is, as the runs tell it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.action import TO_PRIMARY
from bcp.playbook.load import loads
from bcp.server.console.front import where_mx_is

BOOK = """version: 1
name: book
title: A book
covers: [B]
concurrency: {{group: "mx:x"}}
activation:
  - {{id: mx, uses: dns.mx.switch, with: {{domains: ["corp.test"], to: {to}}}, undo: automatic}}
always:
  - {{id: report, uses: report.write}}
"""


@dataclass
class View:
    """As much of a run as is looked at."""

    id: str
    to: str
    status: str
    text: str = ""
    state: Any = field(init=False)
    plan: Any = field(init=False)

    def __post_init__(self) -> None:
        self.state = SimpleNamespace(steps={"mx": SimpleNamespace(status=self.status, ended=1000.0)})
        self.plan = {
            "playbook_text": self.text or BOOK.format(to=self.to),
            "domains": ["corp.test"],
            "playbook": "book",
        }


def test_the_book_of_these_tests_is_one() -> None:
    assert loads(BOOK.format(to="relay")).book.name == "book"


@pytest.mark.parametrize("status", ["ok", "unchanged"])
def test_a_switch_that_stands_decides(status) -> None:
    found = where_mx_is([View("r1", "relay", status)])
    assert found.relay and found.since == 1000.0 and found.domains == ("corp.test",) and found.run == "r1"


@pytest.mark.parametrize(
    "status",
    ["pending", "running", "failed", "undone", "undo_failed", "in_doubt", "skipped", "not_reached", "would_run"],
)
def test_one_that_was_not_done_or_was_undone_decides_nothing(status) -> None:
    assert not where_mx_is([View("r1", "relay", status)]).relay
    assert where_mx_is([View("r2", "before", status), View("r1", "relay", "ok")]).run == "r1"


def test_an_undo_that_failed_leaves_nobody_sure_where_mx_points() -> None:
    """It may stand at the relay: nobody reads that mail goes to Exchange."""
    found = where_mx_is([View("r2", "before", "failed"), View("r1", "relay", "undo_failed")])
    assert (found.relay, found.left_by, found.left_at) == (False, "r1", 1000.0)


@pytest.mark.parametrize(("status", "doubt"), [("in_doubt", "r2"), ("failed", ""), ("undone", "")])
def test_a_newer_one_in_doubt_is_named_beside_what_an_older_one_left(status, doubt) -> None:
    assert where_mx_is([View("r2", "before", status), View("r1", "relay", "ok")]).doubt == doubt
    assert where_mx_is([View("r2", "relay", "ok"), View("r1", "relay", "in_doubt")]).doubt == ""
    assert where_mx_is([View("r2", "relay", status)]).doubt == doubt


@pytest.mark.parametrize("to", sorted(TO_PRIMARY))
def test_the_way_back_is_newer_than_the_way_there(to) -> None:
    assert not where_mx_is([View("r2", to, "ok"), View("r1", "relay", "ok")]).relay
    assert where_mx_is([View("r3", "relay", "ok"), View("r2", to, "ok"), View("r1", "relay", "ok")]).run == "r3"


def test_no_run_and_a_run_that_cannot_be_read_decide_nothing() -> None:
    assert not where_mx_is([]).relay
    assert where_mx_is([View("r2", "relay", "ok", text=": not yaml ["), View("r1", "relay", "ok")]).run == "r1"


def test_runs_are_read_only_as_far_as_needed() -> None:
    def views():
        yield View("r2", "relay", "ok")
        raise AssertionError("read too far")

    assert where_mx_is(views()).run == "r2"
