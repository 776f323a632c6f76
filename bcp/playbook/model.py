"""The playbook file, version 1."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from bcp.contracts.plugin import Duration, Model

StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,47}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
OutageClass = Literal["A", "B", "C", "D", "E", "F", "G", "H"]


class Retry(Model):
    """How often a definite failure is tried again. What is in doubt is never retried."""

    count: Annotated[int, Field(ge=0, le=20)] = 0
    """Further attempts after the first."""
    delay: Duration = 1.0
    """Wait before the second attempt."""
    backoff: Annotated[float, Field(ge=1, le=10)] = 1.0
    """The wait is multiplied by this each time."""


class Undo(Model):
    """A step of its own that reverses the step it belongs to."""

    uses: str
    """The action."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """Its arguments."""


class Step(Model):
    """One entry of a phase."""

    id: StepId | None = None
    """Name of the step for `needs` and `steps.<id>`. Given automatically where it is left out."""
    name: str = ""
    """What people read."""
    uses: str
    """The action, for example `dns.mx.switch`."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """The action's arguments. Texts may contain `{{ expressions }}`."""
    when: str = ""
    """Condition. False: the step is skipped, and so are those that need it."""
    needs: list[StepId] | None = None
    """Steps that must be done first. Left out: the step before it in the file. `[]`: nothing, it starts at once."""
    for_each: str | list[Any] | None = None
    """A list; the step is done once for each `item`."""
    timeout: Duration | None = None
    """The step fails when it takes longer."""
    retry: Retry | None = None
    """Repeat after a definite failure."""
    continue_on_error: bool = False
    """True: the run goes on when this step fails."""
    undo: Literal["automatic", "none"] | Undo = "none"
    """How to reverse it after a later failure: `automatic` from the recorded before-value, or a step of its own."""
    irreversible: str = ""
    """Why this write cannot be undone. Needed where there is no `undo`."""
    every: Duration | None = None
    """In `hold` only: repeat at this interval."""
    expect: str = ""
    """Condition over `outputs`; the step fails when it is false."""
    within: Duration | None = None
    """Keep trying (every few seconds) for that long before calling it failed. For checks."""


class Input(Model):
    """A value given when the playbook is started."""

    type: Literal["string", "number", "boolean", "list"] = "string"
    """Kind of value."""
    required: bool = False
    """True: the run is refused without it."""
    default: Any = None
    """Used when it is not given."""
    description: str = ""
    """What it is for."""


class VerdictTrigger(Model):
    """Our own detection proposes this playbook."""

    service: str = "exchange-online"
    """Which service."""
    state: Literal["down", "degraded"] = "down"
    """Which state."""
    classes: list[OutageClass] = Field(default_factory=list)
    """Which classes of outage."""


class WebhookTrigger(Model):
    """Another monitor proposes this playbook."""

    source: str
    """Which sender."""
    when: str = ""
    """Condition over the payload."""


class Trigger(Model):
    """One way in which this playbook is proposed. A trigger never decides."""

    verdict: VerdictTrigger | None = None
    """By our own detection."""
    webhook: WebhookTrigger | None = None
    """By a call from outside."""


class Objectives(Model):
    """Targets that the report compares with what was achieved."""

    rto_receive: Duration | None = None
    """From outage to the first mail taken by the relay."""
    rto_communicate: Duration | None = None
    """From outage to the first message to the audience."""
    rpo_messages: Annotated[int, Field(ge=0)] | None = None
    """How many mails may be lost."""
    wrt: Duration | None = None
    """Work recovery time: from the verified way back until the relay is drained and accounted for."""
    mtpd: Duration | None = None
    """Longest tolerable disruption: from outage until mail is back and the relay is drained."""


class Concurrency(Model):
    """More targets of a run, beside the domains whose MX it moves.
    Two runs with a target in common never run side by side."""

    group: str
    """`mx:{{ domains | join(',') }}` names domains, in any order; any other text is one target."""


class Cooldown(Model):
    """Rest after a run on the same target."""

    period: Duration = 3600.0
    """How long."""
    lift: Literal["acknowledge", "never"] = "acknowledge"
    """`acknowledge`: a person may lift it early with `bcp acknowledge`."""


class Limits(Model):
    """Bounds on what happens without a person."""

    automatic_runs: Annotated[int, Field(ge=0, le=10)] = 1
    """How many runs may start by themselves ..."""
    per: Duration = 86400.0
    """... in this time."""


class Defaults(Model):
    """For steps that do not say otherwise."""

    timeout: Duration = 300.0
    """Step timeout."""
    retry: Retry = Retry()
    """Step retry."""


class SteadyState(Model):
    """Checks before (is the outage real?) and after (does mail flow?)."""

    before: list[Step] = Field(default_factory=list)
    """Read-only; also checked again under the lock, before the first write."""
    after: list[Step] = Field(default_factory=list)
    """Checked after the activation."""


class Recovery(Model):
    """The way back."""

    playbook: Name
    """Playbook that `bcp failback` runs."""
    automatic: Literal[False] = False
    """Going back is always a person's decision."""


class Playbook(Model):
    """A declarative answer to one kind of outage."""

    version: Literal[1]
    """Version of the language."""
    name: Name
    """The same as the file's name."""
    title: str
    """One line for people."""
    description: str = ""
    """When to use it, when not."""
    covers: list[OutageClass] = Field(default_factory=list)
    """Outage classes it is for."""
    triggers: list[Trigger] = Field(default_factory=list)
    """What proposes it."""
    objectives: Objectives = Objectives()
    """Targets."""
    inputs: dict[str, Input] = Field(default_factory=dict)
    """Values given at the start."""
    vars: dict[str, Any] = Field(default_factory=dict)
    """Values used in several places."""
    concurrency: Concurrency | None = None
    """What may not run twice at once."""
    cooldown: Cooldown | None = None
    """Rest after a run."""
    limits: Limits = Limits()
    """Bounds on automatic runs."""
    defaults: Defaults = Defaults()
    """For all steps."""
    ready: list[Step] = Field(default_factory=list)
    """Read-only checks that everything needed is there."""
    steady_state: SteadyState = SteadyState()
    """Checks before and after."""
    activation: list[Step]
    """What is done."""
    hold: list[Step] = Field(default_factory=list)
    """What is repeated while we run on the backup."""
    recovery: Recovery | None = None
    """The way back."""
    always: list[Step] = Field(default_factory=list)
    """Done at the end, whatever happened."""


PHASES = ("ready", "before", "activation", "after", "hold", "always")
"""The order in which the lists of steps are worked through."""
