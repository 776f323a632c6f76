"""``shell``: run a program. No shell reads it: arguments are a list."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bcp.contracts.action import (
    Access,
    Action,
    ActionPlugin,
    Change,
    Finding,
    Happened,
    Outcome,
    Proposal,
    Refusal,
    StepInfo,
)
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.errors import Permanent


class ShellArgs(Args):
    """The program."""

    run: Annotated[list[str], Field(min_length=1, max_length=100)]
    """Program and arguments, each an item. The program must be allowed in bcp.yaml under `shell: allow`."""
    environment: dict[str, str] = {}
    """Further environment variables. A value such as `env:TOKEN` is a secret by reference.
    Nothing else is inherited but PATH, HOME and LANG."""
    timeout: Duration = 60.0
    """It is ended after that."""
    output_cap: Annotated[int, Field(ge=0, le=1_000_000)] = 20_000
    """Characters kept of each output."""
    probe: list[str] = []
    """Program that tells after a crash whether it happened: exit code 0 = yes, 1 = no, anything else = cannot tell."""


class Shell(Action[ShellArgs]):
    """Runs one program. Exit code 0 is success. Its output is capped and secrets are taken out."""

    kind = "shell"
    access = Access.WRITE
    Args = ShellArgs
    outputs = {"code": "number", "stdout": "string", "stderr": "string"}

    async def plan(self, args: ShellArgs, services: Services, step: StepInfo) -> Proposal:
        """Show the program; refuse one that is not allowed."""
        refusals = (
            ()
            if args.run[0] in services.allow_shell
            else (
                Refusal(
                    "shell-not-allowed",
                    f"{step.id}: {args.run[0]!r} is not among the programs allowed",
                    "Add it to shell: allow: in bcp.yaml.",
                ),
            )
        )
        return Proposal(
            changes=(Change(f"program {args.run[0]}", "", " ".join(args.run), "see undo of the step"),),
            refusals=refusals,
            facts={"run": args.run},
            outputs={"code": 0, "stdout": "", "stderr": ""},
        )

    async def perform(self, args: ShellArgs, services: Services, step: StepInfo) -> Outcome:
        """Run it."""
        if args.run[0] not in services.allow_shell:
            raise Permanent(
                f"{args.run[0]!r} is not among the programs allowed", hint="Add it to shell: allow: in bcp.yaml."
            )
        environment = {
            k: services.outside.reveal(v) if v.startswith(("env:", "file:", "keyring:")) else v
            for k, v in args.environment.items()
        }
        found = await services.outside.process(
            args.run, timeout_s=args.timeout, environment=environment, cap=args.output_cap
        )
        if found.code != 0:
            raise Permanent(
                f"{args.run[0]} ended with {found.code}: {(found.stderr or found.stdout).strip()[-300:]}",
                hint="Run it by hand to see more.",
            )
        return Outcome("ended with 0", {"code": 0, "stdout": found.stdout, "stderr": found.stderr})

    async def probe(self, args: ShellArgs, services: Services, step: StepInfo) -> Finding:
        """Ask the program's own probe, when it has one."""
        if not args.probe or args.probe[0] not in services.allow_shell:
            return Finding(Happened.UNKNOWN, detail=f"only a person can see whether {args.run[0]} did its work")
        found = await services.outside.process(args.probe, timeout_s=args.timeout, environment={}, cap=1000)
        if found.code == 0:
            return Finding(
                Happened.YES, Outcome("its probe says that it happened", {"code": 0, "stdout": "", "stderr": ""})
            )
        return Finding(
            Happened.NO if found.code == 1 else Happened.UNKNOWN, detail=f"its probe ended with {found.code}"
        )


PLUGIN = ActionPlugin(api=1, make=Shell)
