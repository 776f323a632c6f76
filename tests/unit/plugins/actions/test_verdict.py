"""``verdict``: a look that must see something refuses the plan and fails the step where it sees something else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.contracts.action import StepInfo
from bcp.kernel.errors import Transient
from bcp.plugins.actions.verdict import LookVerdict, VerdictArgs

STEP = StepInfo("look", "run/look#0")


def services(state: str, **more: Any) -> Any:
    async def verdict() -> dict[str, Any]:
        return {"state": state, **more}

    return SimpleNamespace(looker=SimpleNamespace(verdict=verdict))


@pytest.mark.parametrize(
    ("must_be", "seen", "fits"),
    [
        ("", "down", True),
        ("", "unknown", True),
        ("healthy", "healthy", True),
        ("healthy", "unknown", False),
        ("healthy", "down", False),
        ("down", "down", True),
        ("down", "unknown", False),
    ],
)
def test_only_what_must_be_seen_will_do(must_be, seen, fits) -> None:
    args, action = VerdictArgs(must_be=must_be), LookVerdict()
    planned = asyncio.run(action.plan(args, services(seen), STEP))
    assert [r.rule for r in planned.refusals] == ([] if fits else ["steady-state"])
    if fits:
        assert asyncio.run(action.perform(args, services(seen), STEP)).changed is False
    else:
        with pytest.raises(Transient, match=f"says {seen}"):
            asyncio.run(action.perform(args, services(seen), STEP))


@pytest.mark.parametrize(("must_be", "facts"), [("healthy", ("service-healthy",)), ("down", ()), ("", ())])
def test_only_a_look_that_must_see_it_well_makes_that_claim_true(must_be, facts) -> None:
    assert LookVerdict().claims_facts(VerdictArgs(must_be=must_be)) == facts


def test_the_plan_tells_class_evidence_and_who_is_spared() -> None:
    seen = {"class": "B", "evidence": ["421 too busy", "more"], "spared": ["ok.test", "well.test"]}
    found = asyncio.run(LookVerdict().plan(VerdictArgs(), services("down", **seen), STEP))
    assert found.notes == (
        "the service is down, class B: 421 too busy",
        "well by themselves, and left alone: ok.test, well.test",
    )
    assert found.facts == {"state": "down", "class": "B"}
    seen |= {"spared": ["ok.test", "a.test", "b.test"], "spared_unseen": ["a.test"], "spared_unsure": ["b.test"]}
    assert asyncio.run(LookVerdict().plan(VerdictArgs(), services("down", **seen), STEP)).notes[1:] == (
        "well by themselves, and left alone: ok.test",
        "not confirmed down, and left alone: b.test",
        "cannot be seen, and left alone, as nothing shows that mail fails there: a.test",
    )
    done = asyncio.run(LookVerdict().perform(VerdictArgs(), services("down", **seen), STEP))
    assert done.summary == "down class B"
