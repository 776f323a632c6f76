"""Watching in ``bcp.yaml``: how sure detection must be, who looks, what is kept, the test mail."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bcp.contracts.plugin import Duration, Model
from bcp.kernel.secret import Secret
from bcp.settings.names import MailAddress, Name


class RecheckSettings(Model):
    """How the outage is looked at again before something is written."""

    looks: Annotated[int, Field(ge=1, le=20)] = 2
    """How many looks; all must fail."""
    apart: Duration = 0.5
    """Time between them."""
    reuse: Duration = 10.0
    """A verdict of this process younger than this is used again."""


class DecideSettings(Model):
    """Decision times, from the first failure to the proposal to move MX."""

    b: Duration = 7200.0
    """Class B. Senders queue: delay notices begin after 4 h, the first senders give up after 24 h."""
    e: Duration = 1800.0
    """Class E, where the MX host does not resolve: some senders bounce on DNS errors."""
    f: Duration = 0.0
    """Class F. Every minute bounces mail for good."""


class VantageSettings(Model):
    """Another place that looks, and reports to us with `bcp probe --remote-to`."""

    key: Secret
    """Key shared with it, by reference; 32 characters or more."""
    note: str = ""
    """Where it is, for people."""
    network: str = ""
    """Its provider or network, such as `hetzner` or `our-office`.
    Vantage points of one network fail together and count once. Empty: a network of its own."""


class HistorySettings(Model):
    """What was seen, kept in one SQLite file in the state folder."""

    keep: Duration = 90 * 86400.0
    """Older observations are dropped."""
    max_mib: Annotated[int, Field(ge=1, le=10_000)] = 200
    """The file never grows beyond; the oldest observations go first."""


Share = Annotated[float, Field(gt=0, le=1)]


class DetectSettings(Model):
    """How the service is watched. `bcp explain --rules` says in words what the numbers imply."""

    interval: Duration = 60.0
    """Time between looks."""
    threshold: Annotated[int, Field(ge=1, le=100)] = 5
    """K of the leaky counter: failures (less successes) until a probe counts as down."""
    reject_threshold: Annotated[int, Field(ge=1, le=100)] = 3
    """The same for permanent refusals of the known-good recipient (class F)."""
    suspect: Annotated[int, Field(ge=1, le=100)] = 2
    """The counter at which the verdict is `suspect` and people are alerted."""
    need: Annotated[int, Field(ge=1, le=10)] = 2
    """How many independent ways of looking must agree about a plane (all, when it has fewer);
    or one and something that corroborates."""
    confirm_for: Duration | None = None
    """How long the plane must be down, and still be failing. Empty: one interval."""
    keep_firing_for: Duration = 1800.0
    """How long everything must be clear before an outage counts as over."""
    flap_percent: Annotated[float, Field(ge=1, le=100)] = 20.0
    """A plane that changed this much over the last 21 looks (Nagios' percent) is flapping:
    nothing is started by itself."""
    flap_low: Annotated[float, Field(ge=0, le=100)] = 5.0
    """It stops flapping at this percent."""
    partial_share: Share = 0.2
    """Share of failed looks, over the last 20, from which a plane is partly down although its counter clears."""
    switch_share: Share = 0.6
    """Share of failed looks below which only a person decides about MX."""
    target_share: Share = 0.5
    """Share of the targets of one kind of probe that must be down for this way of looking to be down."""
    stale_after: Annotated[int, Field(ge=2, le=100)] = 5
    """Looks without a known result after which a vantage point counts as silent.
    Silence is neither failure nor health."""
    clock_skew: Duration = 300.0
    """A vantage point whose clock differs by more is not believed."""
    decide: DecideSettings = DecideSettings()
    """Decision times."""
    dwell: Duration | None = None
    """Shortest time on the relay before a failback is proposed.
    Empty: 60 min, or four times the peacetime TTL of MX."""
    vantage: Name = "local"
    """Name of this machine as a vantage point."""
    network: str = ""
    """Provider or network of this machine."""
    key: Secret | None = None
    """Key with which this machine signs what it reports to another one (`bcp probe --remote-to`)."""
    vantages: dict[Name, VantageSettings] = Field(default_factory=dict)
    """Other vantage points. Three in different networks, one of them outside Microsoft's, are a good number."""
    concurrency: Annotated[int, Field(ge=1, le=10_000)] = 500
    """Looks at once."""
    history: HistorySettings = HistorySettings()
    """What was seen."""
    recheck: RecheckSettings = RecheckSettings()
    """Looks before a write."""
    probes: dict[Name, Any] = Field(default_factory=dict)
    """Probes by name. Empty: own MX, the MX hosts' names, SMTP to the canary, the known recipients and an unknown one,
    controls over DNS and (the first relay) SMTP, and a round trip where `canary: arrival:` is set."""


class CanarySettings(Model):
    """The test mail."""

    to: MailAddress | None = None
    """Mailbox that exists in Exchange and may get test mails."""
    known: Annotated[list[MailAddress], Field(max_length=9)] = Field(default_factory=list)
    """Other recipients that certainly exist. They are asked for and get no mail.
    With one at least, a mailbox that somebody deletes is told from an outage."""
    sender: str = ""
    """Envelope sender; empty is the null sender."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers that a sender would use. Empty: the system's."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """SMTP port of MX hosts."""
    arrival: Path | None = None
    """Maildir in which it arrives, to measure delivery. Empty: acceptance counts."""
