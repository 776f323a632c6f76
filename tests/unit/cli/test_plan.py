"""A plan is started by a yes, and by nothing else."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bcp.cli.plan import confirm, describe, how_to_start
from bcp.cli.run import run
from bcp.contracts.action import Refusal
from bcp.kernel.errors import GateClosed, Refused
from bcp.plan.alike import together
from bcp.plan.model import Plan, PlannedStep

from .conftest import Terminal


def made(house, **more) -> Plan:
    """A plan that could be run now."""
    given = {"created": house.now, "expires": house.now + 3600, **more}
    return Plan(
        "plan-1", given["created"], given["expires"], "out", "", "", {}, ("corp.test",),
        house.app.configuration.fingerprint(), "real", "carol", False, (),
    ).sealed()  # fmt: skip


def test_a_plan_file_is_not_started_where_nobody_can_be_asked(house) -> None:
    """What stands in a pipe is no answer. There is no run, and the plan is not used up."""
    path = house.folder / "plan.json"
    plan = made(house)
    plan.write(path)
    with pytest.raises(GateClosed) as caught:
        run(str(path))
    assert caught.value.rule == "not-confirmed" and caught.value.exit_code == 5
    assert "there is no terminal" in caught.value.message and "--yes" in caught.value.hint
    assert house.runs.ids() == [] and house.runs.room.plans.used_by(plan.checksum) == ""


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "no\n", "yep\n", "j\n"])
def test_what_is_typed_and_is_no_yes_starts_nothing(house, monkeypatch, typed) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with pytest.raises(GateClosed) as caught:
        confirm(house.app, made(house), ask=True)
    assert caught.value.rule == "not-confirmed" and "terminal" not in caught.value.message


@pytest.mark.parametrize("typed", ["y\n", " YES \n"])
def test_a_yes_starts_it(house, monkeypatch, typed) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    confirm(house.app, made(house), ask=True)


def test_what_may_not_be_run_is_not_asked_about(house, monkeypatch) -> None:
    """A yes to an old plan would be a yes to nothing."""
    typed = Terminal("y\n")
    monkeypatch.setattr(sys, "stdin", typed)
    with pytest.raises(Refused) as caught:
        confirm(house.app, made(house, created=house.now - 20, expires=house.now - 10), ask=True)
    assert caught.value.rule == "plan-expired" and typed.tell() == 0


def test_a_plan_that_cannot_start_yet_says_what_it_waits_for() -> None:
    """The command to start it stands after what has to end first; a free one has only the command."""
    path = Path("plans/plan-1.json")
    busy = Refused("mx:corp.test: run run-7 is not over (holding)", hint="Go back (bcp failback run-7).")
    said = how_to_start(path, busy)
    assert "cannot be started yet" in said and said.index("bcp failback run-7") < said.index("bcp run plans/")
    assert how_to_start(path, None) == "\nRun it: bcp run plans/plan-1.json"


def test_a_check_and_the_switch_after_it_give_one_reason_once(house) -> None:
    """The right to write was missing, and both steps said so at length."""
    why = "AWS does not allow it: no policy allows route53:ChangeResourceRecordSets"
    check = Refusal("dns-not-ready", f"d0.test: we could not change its MX: {why}", "Attach the policy.")
    no = tuple(Refusal("dns.not-allowed", f"d{i}.test: {why}", "Attach the policy.") for i in range(2))
    steps = (
        PlannedStep("dns-writable", "ready", "dns.mx.check", "", "run", refusals=(check,)),
        PlannedStep("mx", "activation", "dns.mx.switch", "", "run", refusals=no),
    )
    text = " ".join(describe(replace(made(house), steps=steps)).split())
    assert text.count("no policy allows") == 1 and "x mx: d0.test, d1.test: AWS does not allow it" in text
    assert together([check.message, *(r.message for r in no)]) == [f"d0.test, d1.test: {why}"]


def test_a_reason_of_a_thousand_domains_stands_there_once(house) -> None:
    """With what to do about it; what another domain has stands apart."""
    dead = [Refusal("dns.unreadable", f"d{i}.test: the token has ended", "Renew it.") for i in range(1000)]
    other = Refusal("dns.cname", "x.test: it is an alias", "Use the name.", overridable=True)
    notes = tuple(f"d{i}.test: it shows only when it is done" for i in range(1000))
    step = PlannedStep("mx", "activation", "dns.mx.switch", "", "run", refusals=(*dead, other), notes=notes)
    text = " ".join(describe(replace(made(house), steps=(step,))).split())
    assert " x mx: d0.test, d1.test, d2.test and 997 more: the token has ended [dns.unreadable]" in text
    assert " - d0.test, d1.test, d2.test and 997 more: it shows only when it is done" in text
    assert text.count("Renew it.") == 1 and "x mx: x.test: it is an alias [dns.cname]" in text
    assert text.count("--override dns.cname") == 1 and "Refused: 1001 rules say no" in text
