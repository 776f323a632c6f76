"""The world as actions see it. A dry run hands in services that read through and write not;
a drill hands in the lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bcp.contracts.dns import Accepted, Answer, Dns, Domain, InsideView, MxSet
from bcp.contracts.drain import Drains, NoDrains
from bcp.contracts.relay import Relay
from bcp.kernel.clock import Clock


@dataclass(frozen=True, slots=True)
class Order:
    """A message to be told to an audience."""

    audience: str
    template: str
    channels: tuple[str, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    strategy: str = "all"
    """``all``: by every channel. ``first``: each person by their first channel that takes it."""
    override_quiet: str = ""
    """Why quiet hours do not count this time; empty: they do."""


class Halt:
    """Says *no more*: what has not left stays here. Set when a run is aborted."""

    def __init__(self) -> None:
        self.on = False


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of one order, counted. The sum of the states is the number of deliveries."""

    channel: str
    people: int
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    unreachable: int = 0
    already: int = 0
    segments: int = 0
    failures: tuple[str, ...] = ()
    stopped: int = 0
    """Not sent, because the run was aborted before."""
    opted_out: int = 0
    quiet: int = 0
    """Left alone in their quiet hours."""


@dataclass(frozen=True, slots=True)
class SendForecast:
    """What a channel would have to carry for an order."""

    channel: str
    people: int
    messages: int
    segments: int
    seconds: float
    unreachable: int
    sample: str
    digest: str
    warnings: tuple[str, ...] = ()
    opted_out: int = 0
    quiet: int = 0


class Courier(Protocol):
    """Renders, counts and delivers messages, each once."""

    async def forecast(self, order: Order) -> list[SendForecast]:
        """Render for everybody and count, send nothing."""

    async def deliver(self, order: Order, key: str) -> list[Tally]:
        """Deliver; a delivery that was settled before is not repeated, one in doubt is asked about first."""

    async def arm(self, order: Order, key: str, at: float, prefix: str) -> tuple[int, int]:
        """Leave the message with the vendor for ``at``, and take back what was left there before under ``prefix``;
        both counted."""

    async def disarm(self, prefix: str) -> int:
        """Take back everything that still lies with a vendor under this prefix; how many."""

    def can_arm(self, order: Order) -> str:
        """Empty, or why it cannot be left with a vendor."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate ended with."""

    approved_by: tuple[str, ...]
    at: float
    how: str = ""


class Approvals(Protocol):
    """Asks people. Raises ``GateClosed`` on no, on silence, and on anything unclear."""

    async def wait(
        self,
        step: str,
        approvers: Sequence[str],
        count: int,
        timeout_s: float,
        *,
        exclude_initiator: bool,
        bound: str = "",
        about: str = "",
    ) -> Verdict:
        """Wait until enough different people said yes to exactly this plan.

        ``bound``: the checksum of another consequence that they say yes to (an undo that moves mail), and ``about``
        says it in words. Approvals that were given in advance count for plans only.
        """

    def answerable(self, approvers: Sequence[str], count: int, *, exclude_initiator: bool) -> str:
        """Empty, or why this gate could never open."""


@dataclass(frozen=True, slots=True)
class CanaryResult:
    """A test mail: who took it, and whether and when it arrived."""

    tag: str
    accepted_by: str
    accepted_at: float
    arrived_at: float | None
    detail: str = ""


class Mailer(Protocol):
    """Sends a test mail as an outside sender would."""

    async def canary(self, to: str, tag: str, *, timeout_s: float, expect: str) -> CanaryResult:
        """Look the MX up, deliver, and, when ``expect`` is ``delivered``, wait for its arrival."""

    async def arrived(self, tag: str) -> bool | None:
        """Has a mail with this tag arrived? ``None``: cannot tell."""


@dataclass(frozen=True, slots=True)
class ProcessResult:
    """How a program ended. Output is capped and without secrets."""

    code: int
    stdout: str
    stderr: str
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class HttpResult:
    """An HTTP answer. The body is capped and without secrets."""

    status: int
    body: str


class Outside(Protocol):
    """Programs and HTTP."""

    async def process(
        self, arguments: Sequence[str], *, timeout_s: float, environment: Mapping[str, str], cap: int
    ) -> ProcessResult:
        """Run a program without a shell. Raises ``InDoubt`` when it was cut off."""

    async def http(
        self, method: str, url: str, *, headers: Mapping[str, str], body: str, timeout_s: float, cap: int
    ) -> HttpResult:
        """One request. Raises ``NotSent``-like ``Transient`` when it did not leave,
        ``InDoubt`` when the answer was lost."""

    def reveal(self, reference: str) -> str:
        """A secret by reference, at the last moment."""


class Pages(Protocol):
    """The status page."""

    async def publish(self, entry: Mapping[str, Any], *, key: str) -> str:
        """Add or replace the entry of this key; returns where it can be read."""

    async def has(self, key: str) -> bool:
        """Is the entry of this key published?"""

    async def withdraw(self, key: str) -> None:
        """Take the entry back."""

    def render_order(self, order: Order) -> Mapping[str, Any]:
        """The entry a template gives."""


class Looker(Protocol):
    """Looks at the service and says what it sees."""

    async def verdict(self) -> Mapping[str, Any]:
        """``state``, ``class``, ``planes``, ``evidence``."""

    async def fresh(self) -> Mapping[str, Any]:
        """The same by a look of this moment, whatever a watch remembers: good evidence of now vetoes an old *down*."""


class Answers(Protocol):
    """What people sent back."""

    def people(self, audience: str) -> int:
        """How many are in this audience."""

    async def count(self, audience: str, since: float, digits: Sequence[str]) -> int:
        """How many different people of it have answered since then with one of these digits (any, when empty)."""


class NoAnswers:
    """Nobody answers, because nobody can be asked."""

    def people(self, audience: str) -> int:
        """Unknown."""
        return 0

    async def count(self, audience: str, since: float, digits: Sequence[str]) -> int:
        """None."""
        return 0


@dataclass(frozen=True, slots=True)
class Drained:
    """What the agent of a relay tells of the mail that came there for us, in recipients:
    ``accepted == sent + bounced + unaccounted + left``."""

    accepted: int
    sent: int
    bounced: int
    """Bounced or expired."""
    unaccounted: int
    """Removed by somebody, or gone without a word."""
    left: int
    """Still at the relay."""
    summary: str
    by_name: tuple[str, ...] = ()
    """A line for each recipient that did not get the mail."""
    warnings: tuple[str, ...] = ()
    """Why something may be missing here."""
    unheard: tuple[str, ...] = ()
    """Agents that were not heard: what their hosts took since is in none of these numbers."""


class RelayBooks(Protocol):
    """The ledger that the agents on the relays fill."""

    def says(self, relay: str) -> str:
        """What can be counted of this relay, or what cannot; empty: nobody knows."""

    async def drained(self, relay: str, domains: Sequence[str], run: str, since: float) -> Drained | None:
        """Of mail since MX was moved there by the run that this one goes back from, and since then at the latest;
        ``None``: the relay has no agent, or it was never heard."""


class NoBooks:
    """There is no ledger."""

    def says(self, relay: str) -> str:
        """Nothing."""
        return ""

    async def drained(self, relay: str, domains: Sequence[str], run: str, since: float) -> Drained | None:
        """Nothing."""
        return None


class Reports(Protocol):
    """Writes the report of a run."""

    async def write(self, run_id: str, formats: Sequence[str]) -> Mapping[str, str]:
        """Returns the path of each format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """Which run this is."""

    id: str
    playbook: str
    kind: str
    initiator: str
    checksum: str
    parent: str = ""
    started: float = 0.0
    zone: str = "UTC"
    """Time zone (IANA) of the people who read what it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything an action may touch."""

    clock: Clock
    run: RunInfo
    dry: bool
    domains: Mapping[str, Domain]
    dns: Mapping[str, Dns]
    relays: Mapping[str, Relay]
    courier: Courier
    approvals: Approvals
    mailer: Mailer
    outside: Outside
    pages: Pages
    looker: Looker
    reports: Reports
    recorded: Mapping[str, MxSet] = field(default_factory=dict)
    """For a failback: the MX each domain had before the run we come back from."""
    accepted: Accepted | None = None
    """Domains that the tenant accepts mail for, where somebody said so."""
    inside: InsideView | None = None
    """Resolvers inside our network, where the configuration names some."""
    outer: InsideView | None = None
    """Public resolvers, which tell senders where mail goes, where the configuration names some."""
    allow_shell: tuple[str, ...] = ()
    halt: Halt = field(default_factory=Halt)
    answers: Answers = field(default_factory=NoAnswers)
    drains: Drains = field(default_factory=NoDrains)
    """Drives drains mail by mail, says how they stand, and hears what people want of them."""
    books: RelayBooks = field(default_factory=NoBooks)


__all__ = [
    "Answer",
    "Answers",
    "Approvals",
    "CanaryResult",
    "Courier",
    "Drained",
    "Halt",
    "HttpResult",
    "Looker",
    "Mailer",
    "Order",
    "Outside",
    "Pages",
    "ProcessResult",
    "RelayBooks",
    "Reports",
    "RunInfo",
    "SendForecast",
    "Services",
    "Tally",
    "Verdict",
]
