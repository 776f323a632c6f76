"""Send one message to one audience, as a run of its own; and stop such a send, never another run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bcp.deeds import announce
from bcp.deeds.abort import Abort, Aborted, abort
from bcp.deeds.plan import PlanRequest, make
from bcp.deeds.who import RUN, Ground, Who
from bcp.engine.state import FINAL
from bcp.kernel.errors import BcpError, Invalid, Missing, Refused
from bcp.plan.model import Plan

PLAYBOOK = "comms-send"
"""Name of the playbook that sends one message."""
CLASSES = "ABCDEFGH"


@dataclass(frozen=True, slots=True)
class Send:
    """One message to one audience."""

    message: str
    audience: str
    channels: Sequence[str] = ()
    """Empty: every channel that carries it."""
    letter: str = ""
    """Class of the outage; empty: that of the last verdict."""
    values: Mapping[str, str] = field(default_factory=dict)
    since: str = ""
    """When the outage began, as a person says it; empty: what we know ourselves."""


async def plan_send(ground: Ground, who: Who, wanted: Send) -> Plan:
    """The plan of a send. A rule that says no is raised, not shown:
    there is nothing to look at in a send that may not be.

    Raises:
        Refused: ``not-allowed``; ``draft`` (a person must finish it); whatever rule of the plan says no.
        Missing: ``no-such-message``, ``no-such-audience``.
        Invalid: the class, a value; a claim that no run made true.
    """
    who.must(RUN)
    app = ground.app
    if wanted.message not in app.world.pack:
        raise Missing(f"there is no message {wanted.message[:60]!r}", rule="no-such-message", hint="bcp comms list")
    if wanted.audience not in app.people.directory.audiences:
        raise Missing(f"there is no audience {wanted.audience[:60]!r}", rule="no-such-audience", hint="See bcp.yaml.")
    if app.world.pack.get(wanted.message).file.draft:
        raise Refused(f"{wanted.message} is a draft for a person", rule="draft", hint="It is never sent by us.")
    if wanted.letter and wanted.letter not in CLASSES:
        raise Invalid(f"{wanted.letter!r} is no class of outage", hint=", ".join(CLASSES))
    path = announce.playbook_of(
        app, wanted.audience, wanted.message, list(wanted.channels) or None, wanted.letter, wanted.values
    )
    made = await make(ground, who, PlanRequest(str(path), since=wanted.since))
    refusals = made.refusals()
    if refusals:
        _, first = refusals[0]
        raise Refused(first.message, rule=first.rule, hint=first.hint)
    return made


def sends(ground: Ground) -> list[str]:
    """Sends that are not over, the newest first."""
    runs = ground.app.running.runs
    out = []
    for run_id in reversed(runs.ids()):
        try:
            view = runs.view(run_id, effects=False)
        except BcpError:
            continue
        if view.plan["playbook"] == PLAYBOOK and view.state.status not in FINAL:
            out.append(run_id)
    return out


async def stop_send(ground: Ground, who: Who, run: str = "") -> Aborted:
    """Stop a send: what has not left stays here. Without a name: the newest that is not over.

    Raises:
        Refused: ``not-a-send`` (another run is never stopped this way); ``run-over``; ``not-allowed``.
        Missing: ``no-send``: none is under way.
    """
    runs = ground.app.running.runs
    if not run:
        found = sends(ground)
        if not found:
            hint = "bcp status --all. To end another run: bcp abort RUN"
            raise Missing("no send is under way", rule="no-send", hint=hint)
        return await abort(ground, who, Abort(found[0], "stop-send"))
    name = runs.find(run)
    if runs.view(name, effects=False).plan["playbook"] != PLAYBOOK:
        raise Refused(f"{name} is no send", rule="not-a-send", hint=f"To end it: bcp abort {name}")
    return await abort(ground, who, Abort(name, "stop-send"))
