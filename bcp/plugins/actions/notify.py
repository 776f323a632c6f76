"""``notify``: tell an audience something by its channels."""

from __future__ import annotations

from typing import Any, Literal

from bcp.contracts.action import Access, Action, ActionPlugin, Forecast, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Order, Services, Tally
from bcp.kernel.errors import InDoubt, Permanent

NOBODY: dict[str, Any] = {"sent": 0, "failed": 0, "unknown": 0, "unreachable": 0, "channels": {}}
"""Outputs of a step that told nobody."""


class NotifyArgs(Args):
    """Whom, what, how."""

    audience: str
    """Audience from bcp.yaml."""
    template: str
    """Message by name."""
    channels: list[str]
    """Roles (`urgent`, `chat`, `page`), or channels by their names in bcp.yaml. Each channel carries its form of the
    message; a role that nobody plays here is left out."""
    variables: dict[str, Any] = {}
    """Further values for the message."""
    strategy: Literal["all", "first"] = "all"
    """`all`: by every channel. `first`: each person by the first of their channels that takes it."""
    override_quiet: str = ""
    """Why quiet hours do not count this time; it is kept with the run. Empty: they count."""


class Notify(Action[NotifyArgs]):
    """Delivers one message to everybody in an audience, each delivery once."""

    kind = "notify"
    access = Access.WRITE
    tells = speaks = True
    Args = NotifyArgs
    claims_itself = True
    outputs = {"sent": "number", "failed": "number", "unknown": "number", "unreachable": "number", "channels": "object"}
    final = "What was said cannot be unsaid: send a correction."

    async def plan(self, args: NotifyArgs, services: Services, step: StepInfo) -> Proposal:
        """Render everything, count everything, send nothing."""
        rows = await services.courier.forecast(_order(args))
        forecasts = tuple(
            Forecast(
                r.channel,
                args.audience,
                r.people,
                r.messages,
                r.segments,
                r.seconds,
                r.unreachable,
                r.sample,
                r.warnings,
            )
            for r in rows
        )
        facts = {r.channel: [r.messages, r.digest] for r in rows}  # not the rendered text: it holds the time
        return Proposal(
            forecasts=forecasts,
            notes=() if rows else (f"{step.id}: {_nobody(args)}",),
            facts=facts,
            outputs={
                "sent": sum(r.messages for r in rows),
                "failed": 0,
                "unknown": 0,
                "unreachable": 0,
                "channels": {},
            },
        )

    async def perform(self, args: NotifyArgs, services: Services, step: StepInfo) -> Outcome:
        """Deliver."""
        tallies = await services.courier.deliver(_order(args), step.key)
        return _outcome(tallies) if tallies else Outcome(_nobody(args), dict(NOBODY), changed=False)


def _order(args: NotifyArgs) -> Order:
    return Order(args.audience, args.template, tuple(args.channels), args.variables, args.strategy, args.override_quiet)


def _nobody(args: NotifyArgs) -> str:
    return f"no channel here plays {' or '.join(args.channels) or 'any role'}: nobody is told"


def _outcome(tallies: list[Tally]) -> Outcome:
    total = {
        name: sum(getattr(t, name) for t in tallies) for name in ("sent", "failed", "unknown", "unreachable", "already")
    }
    taken = total["sent"] + total["already"]
    details = {
        t.channel: {
            "people": t.people,
            "sent": t.sent + t.already,
            "failed": t.failed,
            "unknown": t.unknown,
            "unreachable": t.unreachable,
            "segments": t.segments,
            "failures": list(t.failures),
            "stopped": t.stopped,
            "opted_out": t.opted_out,
            "quiet": t.quiet,
        }
        for t in tallies
    }
    summary = ", ".join(
        f"{t.channel} {t.sent + t.already}"
        + (f" ({t.failed} failed)" if t.failed else "")
        + (f" ({t.unknown} in doubt)" if t.unknown else "")
        + (f" ({t.stopped} stopped before they left)" if t.stopped else "")
        for t in tallies
    )
    outputs = {
        "sent": taken,
        "failed": total["failed"],
        "unknown": total["unknown"],
        "unreachable": total["unreachable"],
        "channels": details,
    }
    if not taken and total["unknown"]:
        raise InDoubt(
            f"nothing is known to have arrived: {summary}", hint="Look at the vendor's log, then `bcp settle`."
        )
    if not taken and (total["failed"] or total["unreachable"]):
        reasons = "; ".join(dict.fromkeys(f.partition(": ")[2] for t in tallies for f in t.failures))
        raise Permanent(
            f"nobody was reached: {summary}" + (f" - {reasons}" if reasons else ""), hint="Use another channel."
        )
    return Outcome(summary, outputs, changed=bool(total["sent"]))


PLUGIN = ActionPlugin(api=1, make=Notify)
