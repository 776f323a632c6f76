"""``shell``: only programs that the configuration names."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import Happened, StepInfo
from bcp.contracts.services import ProcessResult
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


class Outside:
    """Programs that end with this."""

    def __init__(self, code: int = 0, out: str = "", err: str = "") -> None:
        self.found, self.ran = ProcessResult(code, out, err), []

    async def process(self, arguments, **given) -> ProcessResult:
        self.ran.append((list(arguments), given))
        return self.found

    def reveal(self, reference: str) -> str:
        return f"<{reference}>"


def services(outside: Outside, *allowed: str) -> SimpleNamespace:
    return SimpleNamespace(allow_shell=allowed, outside=outside)


def perform(outside: Outside, **given):
    args = ShellArgs(**{"run": ["tool", "-x"], **given})
    return asyncio.run(Shell().perform(args, services(outside, "tool"), STEP))


def test_a_program_that_ends_well_leaves_its_output() -> None:
    outside = Outside(out="done", err="a note")
    done = perform(outside, environment={"A": "plain", "TOKEN": "env:T"}, timeout="3s", output_cap=7)
    assert done.outputs == {"code": 0, "stdout": "done", "stderr": "a note"}
    assert outside.ran == [
        (["tool", "-x"], {"timeout_s": 3.0, "environment": {"A": "plain", "TOKEN": "<env:T>"}, "cap": 7})
    ]


@pytest.mark.parametrize(("out", "err", "told"), [("", "no room", "no room"), ("only here", "", "only here")])
def test_a_program_that_fails_is_named_with_its_last_words(out, err, told) -> None:
    with pytest.raises(Permanent, match=f"tool ended with 3: {told}"):
        perform(Outside(3, out, err))


@pytest.mark.parametrize(
    ("probe", "allowed", "code", "happened"),
    [
        (["check"], ("tool", "check"), 0, Happened.YES),
        (["check"], ("tool", "check"), 1, Happened.NO),
        (["check"], ("tool", "check"), 2, Happened.UNKNOWN),
        (["check"], ("tool",), 0, Happened.UNKNOWN),
        ([], ("tool",), 0, Happened.UNKNOWN),
    ],
    ids=["yes", "no", "cannot tell", "not allowed", "it has none"],
)
def test_its_own_probe_tells_whether_it_happened(probe, allowed, code, happened) -> None:
    outside = Outside(code)
    found = asyncio.run(Shell().probe(ShellArgs(run=["tool"], probe=probe), services(outside, *allowed), STEP))
    assert found.happened is happened
    assert len(outside.ran) == (1 if probe and "check" in allowed else 0)
