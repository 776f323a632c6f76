"""``shell``: only programs that the configuration names."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.kernel.errors import Permanent
from bcp.plugins.actions.shell import Shell, ShellArgs

STEP = StepInfo("run-it", "run/run-it#0")


@pytest.mark.parametrize(
    ("allowed", "refused"), [((), True), (("other",), True), (("tool",), False), (("tool-box",), True)]
)
def test_a_program_that_is_not_named_is_refused_in_the_plan_and_not_run(allowed, refused) -> None:
    services = SimpleNamespace(allow_shell=allowed, outside=None)
    found = asyncio.run(Shell().plan(ShellArgs(run=["tool", "x"]), services, STEP))
    assert [r.rule for r in found.refusals] == (["shell-not-allowed"] if refused else [])
    assert all(not r.overridable and "'tool'" in r.message and "allow" in r.hint for r in found.refusals)
    if refused:
        with pytest.raises(Permanent, match="not among the programs"):
            asyncio.run(Shell().perform(ShellArgs(run=["tool", "x"]), services, STEP))
