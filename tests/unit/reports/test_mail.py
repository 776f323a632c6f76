"""The account of mail in a report: of which stretch of time, and what is said beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from deeds.house import House
from deeds.test_unaccounted import ROW, guarded, told  # noqa: F401 - a fixture

from bcp.relay.sums import Account
from bcp.reports.mail import AFTER_S, BEFORE_S, mail_account

OK = {"status": "ok", "outputs": {}}
BACK = """\
version: 1
name: back
title: Back
activation:
  - {id: mx, uses: dns.mx.switch, with: {domains: "{{ domains }}", to: recorded}, undo: automatic}
"""
CALM = """\
version: 1
name: calm
title: Calm
activation:
  - {id: tool, uses: shell, with: {run: [true]}, irreversible: a test}
"""


class Asked:
    """A ledger that remembers what it was asked."""

    def __init__(self, found: Account | None) -> None:
        self.found, self.times = found, tuple[float, ...]()

    def __call__(self, since: float, until: float, back: float) -> Account | None:
        self.times = (since, until, back)
        return self.found


def runs(house: House, *, back: bool) -> tuple[Any, list[Any]]:
    house.run("run-1", events=[("run_started", "", {}), ("step_finished", "mx", dict(OK))])
    if not back:
        return house.runs.view("run-1"), []
    events = [("run_started", "", {}), ("step_started", "mx", {}), ("step_finished", "mx", dict(OK))]
    house.run("run-2", text=BACK, parent="run-1", events=events)
    return house.runs.view("run-1"), [house.runs.view("run-2")]


def test_it_is_of_the_time_in_which_the_relay_took_mail(guarded) -> None:  # noqa: F811
    asked = Asked(Account({"delivered": 2}))
    view, children = runs(guarded, back=True)
    found = mail_account(view, children, asked, ["old"])
    since, until, back = asked.times
    assert since == view.state.started - BEFORE_S
    assert back == children[0].state.steps["mx"].ended > 0 and until == back + AFTER_S
    assert found is not None and found["accepted"] == 2 and "message trace" in found["before_the_switch"]
    assert found["warnings"] == ["old has no agent: what it took is not in here"]


def test_while_mx_is_there_it_has_no_end(guarded) -> None:  # noqa: F811
    asked = Asked(Account({}))
    view, children = runs(guarded, back=False)
    assert mail_account(view, children, asked, []) is not None and asked.times[1:] == (0.0, 0.0)


def test_what_moves_no_mx_has_none(guarded) -> None:  # noqa: F811
    guarded.run("run-1", text=CALM)
    assert mail_account(guarded.runs.view("run-1"), [], Asked(Account({})), []) is None


def test_where_no_relay_has_an_agent_there_is_none(guarded) -> None:  # noqa: F811
    view, children = runs(guarded, back=False)
    assert mail_account(view, children, Asked(None), []) is None


def test_the_report_that_is_written_has_it(guarded) -> None:  # noqa: F811
    view, _ = runs(guarded, back=False)
    told(guarded, replace(ROW, status="bounced", told="no", answer="550 <no> such user", taken=view.state.started))
    paths = guarded.app.running.reporter().write_now("run-1")
    page = open(paths["html"]).read()
    assert "Every mail, accounted for" in page and "550 &lt;no&gt; such user; the sender was not told" in page
    assert '"mail_account"' in open(paths["json"]).read()
