"""A command line that cannot be understood: said like every other error, with what was probably meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer

from bcp.kernel.errors import Invalid

UsageError: Any = typer.BadParameter.__mro__[1]
"""What Typer raises for an unknown command or option and a missing argument; it has no public name for it."""
Abort = typer.Abort
MEANT = {
    "failover": "bcp plan exchange-inbound-outage shows what moving mail to the relay would do; bcp run does it.",
    "switch": "bcp plan exchange-inbound-outage shows what moving mail to the relay would do; bcp run does it.",
    "start": "bcp run PLAYBOOK starts one; bcp playbook list names them.",
    "rollback": "bcp failback moves mail back; bcp abort ends a run and undoes it.",
    "recover": "bcp failback moves mail back once Exchange Online works again.",
    "restore": "bcp failback moves mail back once Exchange Online works again.",
    "stop": "bcp abort ends a run; bcp comms stop ends a send.",
    "cancel": "bcp abort ends a run; bcp comms stop ends a send.",
    "yes": "bcp approve answers the gate that waits.",
    "no": "bcp reject answers the gate that waits.",
    "check": "bcp doctor checks everything here; bcp config check the configuration alone.",
    "test": "bcp doctor checks everything here; bcp drill run plays a whole outage.",
    "mx": "bcp status says where mail goes; bcp snapshot shows what DNS serves.",
    "send": "bcp comms send AUDIENCE MESSAGE sends one message.",
    "sms": "bcp comms send AUDIENCE MESSAGE --channel sms sends one message.",
    "log": "bcp status --timeline shows every event of a run; bcp incident show those of an incident.",
    "logs": "bcp status --timeline shows every event of a run; bcp incident show those of an incident.",
    "health": "bcp verdict looks now; bcp history shows what was seen.",
    "up": "bcp verdict looks now; bcp history shows what was seen.",
}
"""Words that people type at night for what has another name here."""


def help_asked(words: Sequence[str]) -> list[str]:
    """``help`` as a command is ``--help``: of the whole, or of the command that follows it."""
    found = list(words)
    place = next((i for i, w in enumerate(found) if not w.startswith("-")), None)
    if place is None or found[place] != "help":
        return found
    return [*found[:place], *found[place + 1 :], "--help"]


def invalid(error: Any, words: Sequence[str]) -> Invalid:
    """The usage error as one of ours."""
    text = str(error.format_message())
    unknown = next((w for w in words if f"'{w}'" in text and text.startswith("No such command")), "")
    if unknown:
        said, _, guess = text.partition(". ")
        above = getattr(getattr(error, "ctx", None), "command_path", "bcp") or "bcp"
        meant = MEANT.get(unknown, "") if above == "bcp" else ""
        hint = meant or guess.strip() or f"All commands: {above} --help"
        return Invalid(f"{said[:1].lower()}{said[1:]}".rstrip("."), hint=hint, rule="no-such-command")
    where = getattr(getattr(error, "ctx", None), "command_path", "bcp") or "bcp"
    return Invalid(f"{text[:1].lower()}{text[1:]}".rstrip("."), hint=f"How it is used: {where} --help", rule="usage")
