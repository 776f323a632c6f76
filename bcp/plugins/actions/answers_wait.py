"""``answers.wait``: wait until enough people have answered, or the time is over;
what happens then is the playbook's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bcp.contracts.action import Access, Action, ActionPlugin, Outcome, Proposal, Refusal, StepInfo
from bcp.contracts.plugin import Args, Duration
from bcp.contracts.services import Services
from bcp.kernel.errors import BcpError
from bcp.kernel.units import format_duration


class AnswersWaitArgs(Args):
    """Whose answers, how many, how long."""

    audience: str
    """Audience that was asked."""
    min: Annotated[int, Field(ge=1)] = 1
    """So many different people must answer."""
    within: Duration = 600.0
    """In this time, counted from when the step first began, also over a restart."""
    digits: list[Annotated[str, Field(pattern=r"^[0-9]$")]] = Field(default_factory=list)
    """Only these answers count. Empty: any digit."""
    ask_every: Duration = 15.0
    """Time between looks at what came in."""


class AnswersWait(Action[AnswersWaitArgs]):
    """Ends as soon as enough have answered, and at the latest when the time is over.
    It never fails for want of answers: `when: "not steps.ID.outputs.enough"` tells the next group."""

    kind = "answers.wait"
    access = Access.READ
    Args = AnswersWaitArgs
    waits = True
    outputs = {"enough": "boolean", "answered": "number", "people": "number"}

    async def plan(self, args: AnswersWaitArgs, services: Services, step: StepInfo) -> Proposal:
        """Refuse what nobody could ever answer."""
        people = services.answers.people(args.audience)
        refusals = (
            (
                Refusal(
                    "answers.too-few-people",
                    f"{step.id}: {args.min} must answer and {people} are in {args.audience}",
                    "Lower min, or add people.",
                ),
            )
            if people < args.min
            else ()
        )
        note = f"{step.id}: waits up to {format_duration(args.within)} for {args.min} of {people} in {args.audience}"
        return Proposal(
            refusals=refusals, notes=(note,), outputs={"enough": True, "answered": args.min, "people": people}
        )

    async def perform(self, args: AnswersWaitArgs, services: Services, step: StepInfo) -> Outcome:
        """Look again and again."""
        end = (step.claimed_at or services.clock.now()) + args.within
        answered, trouble = 0, ""
        while True:
            try:
                answered = await services.answers.count(args.audience, services.run.started, args.digits)
                trouble = ""
            except BcpError as error:  # a channel that cannot be asked now may be asked again
                trouble = f"; the last look failed: {error.message}"
            left = end - services.clock.now()
            if answered >= args.min or left <= 0 or services.dry:
                break
            await services.clock.sleep(min(args.ask_every, max(0.05, left)))
        enough = answered >= args.min
        people = services.answers.people(args.audience)
        said = f"{answered} of {people} answered" + ("" if enough else f", {args.min} were wanted") + trouble
        return Outcome(said, {"enough": enough, "answered": answered, "people": people}, changed=False)


PLUGIN = ActionPlugin(api=1, make=AnswersWait)
