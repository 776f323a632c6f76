"""Actions and services that record what they do in a file, one line an effect, as no crash can take back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bcp.contracts.action import Access, Action, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services
from bcp.kernel.errors import InDoubt, Permanent, Transient


class Recorder:
    """Appends lines to a file with one ``write`` each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, line: str) -> None:
        """One line, atomically (``O_APPEND``)."""
        handle = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            os.write(handle, (line + "\n").encode())
        finally:
            os.close(handle)

    def lines(self) -> list[str]:
        """Everything written so far."""
        return self.path.read_text().splitlines() if self.path.exists() else []


class EffectArgs(Args):
    """How the effect behaves."""

    ms: float = 3.0
    """How long it takes."""
    fail: int = 0
    """The first so many attempts fail with a definite, passing error."""
    dies: bool = False
    """True: it fails for good."""
    probe: bool = True
    """Can it tell afterwards whether it happened?"""
    unclear: bool = False
    """True: its answer is lost after it happened."""


class Effect(Action[EffectArgs]):
    """Writes one line named after its key. The probe looks for that line; undo writes another."""

    kind = "test.effect"
    access = Access.WRITE
    Args = EffectArgs
    undoable = True
    outputs = {"line": "string"}

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    async def plan(self, args: EffectArgs, services: Services, step: StepInfo) -> Proposal:
        """Nothing to read."""
        return Proposal(outputs={"line": step.key})

    async def perform(self, args: EffectArgs, services: Services, step: StepInfo) -> Outcome:
        """Take half the time, do it, take the other half."""
        await asyncio.sleep(args.ms / 2000)
        if args.dies:
            raise Permanent("it does not work")
        if step.attempt < args.fail:
            raise Transient("not yet")
        self.recorder.write(f"do {step.key}")
        await asyncio.sleep(args.ms / 2000)
        if args.unclear:
            raise InDoubt("the answer was lost")
        return Outcome("done", {"line": step.key})

    async def probe(self, args: EffectArgs, services: Services, step: StepInfo) -> Finding:
        """Look for the line."""
        await asyncio.sleep(args.ms / 4000)
        if not args.probe:
            return Finding(Happened.UNKNOWN, detail="it cannot tell")
        if f"do {step.key}" in self.recorder.lines():
            return Finding(Happened.YES, Outcome("found", {"line": step.key}))
        return Finding(Happened.NO)

    async def undo(self, args: EffectArgs, before: Mapping[str, Any], services: Services, step: StepInfo) -> Outcome:
        """Write the reverse, unless it stands there."""
        line = f"undo {before.get('line')}"
        await asyncio.sleep(args.ms / 2000)
        if line not in self.recorder.lines():
            self.recorder.write(line)
        return Outcome("undone")
