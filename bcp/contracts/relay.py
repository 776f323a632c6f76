"""What a backup relay promises: it takes mail, says what it holds, and lets it go when asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, final, runtime_checkable

from pydantic import Field, PrivateAttr, model_validator

from bcp.contracts.dns import MxHost
from bcp.contracts.plugin import Configured, Dependent, Duration, Model
from bcp.contracts.relay_machine import HostWord, HostWords, RelayMachine
from bcp.kernel.secret import Secret


@dataclass(frozen=True, slots=True)
class WayOut:
    """A mail host outside of what may be down, against which our own way out of port 25 can be tried."""

    host: str
    addresses: tuple[str, ...] = ()
    port: int = 25
    recipient: str = ""
    """Whom it takes mail for; empty: as `RelaySettings.whom` of our first domain."""


class AgentWay(Model):
    """How to reach the agent on the relay (`bcp relay agent`), which accounts for every recipient."""

    url: HostWord = ""
    """Where it answers, through a tunnel: `http://127.0.0.1:8025`. `{host}`: see `command`."""
    command: HostWords = Field(default_factory=list)
    """Or a program that asks it: `[ssh, relay, bcp, relay, agent, --settings, /etc/bcp-agent.conf]`. No shell. With
    `{host}` each host of the relay has an agent of its own, called `RELAY@HOST` in its settings (`name`)."""
    push: bool = False
    """Or it comes by itself: `push = https://...` in its settings is where `bcp serve` answers. Of several hosts each
    has an agent of its own, called `RELAY@HOST`."""
    key: Secret
    """The key that the agent has, too: `bcp relay agent --new-key FILE`."""
    timeout: Duration = 60.0
    """For one answer."""

    @model_validator(mode="after")
    def _one_way(self) -> AgentWay:
        if bool(self.url) + bool(self.command) + self.push != 1:
            raise ValueError("the agent of a relay is asked by url: or by command:, or comes (push: true): one of them")
        return self


class RelaySettings(Dependent):
    """What the settings of every relay have."""

    agent: AgentWay | None = None
    """How to reach its agent. Without one its log and its queue tell what became of mail, and not of all of it."""
    _known: Mapping[str, str] = PrivateAttr(default_factory=dict)
    """Of each domain somebody who exists there."""

    def knows(self, known: Mapping[str, str]) -> None:
        """Tell it who exists, by domain: where the configuration says so."""
        self._known = known

    def whom(self, domain: str) -> str:
        """Whom it is asked about, by readiness and by runs alike: `probe_recipient`, else somebody who is known to
        exist, else postmaster."""
        named = str(getattr(self, "probe_recipient", ""))
        return named or self._known.get(domain.lower().rstrip("."), "") or f"postmaster@{domain}"

    def published(self) -> tuple[MxHost, ...]:
        """Its hosts as they stand in MX when mail goes there. No other host may be called a relay's."""
        return ()

    def machine(self) -> RelayMachine | None:
        """What its machine is to be, where we set it up (``bcp relay kit``); ``None``: it is somebody else's."""
        return None

    def way_out(self) -> WayOut | None:
        """Where a probe can try our own network; ``None``: nowhere."""
        return None


@dataclass(frozen=True, slots=True)
class RelayProbe:
    """One SMTP conversation up to RCPT, without sending anything."""

    address: str
    accepts: bool
    open_relay: bool = False
    code: int = 0
    message: str = ""
    tls: str = ""
    """``none``, or the problem with its certificate, or ``ok``."""
    spki_sha256: str = ""
    """Digest of the certificate's public key, for TLSA 3 1 1."""
    host: str = ""
    """Which MX host this address belongs to; empty: not known."""
    chain: tuple[bytes, ...] = ()
    """The certificates that it showed, its own first (DER), for all other TLSA records."""


def passed_over(dead: RelayProbe, probes: Sequence[RelayProbe]) -> bool:
    """A host that does not answer at all is passed over by senders (RFC 5321 section 5.1), where another host of the
    relay takes mail at every address. One that answers, and not with yes, is not passed over: it defers or bounces."""
    others: dict[str, bool] = {}
    for p in probes:
        if p.host != dead.host:
            others[p.host] = others.get(p.host, True) and p.accepts
    return bool(dead.host) and dead.code == 0 and any(others.values())


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """One message the relay holds."""

    queue_id: str
    sender: str
    recipients: tuple[str, ...]
    arrived: float
    reason: str = ""
    """Why the last try failed, in the words of whoever refused it."""
    queue: str = ""
    """Which of the relay's queues it is in (Postfix: ``active``, ``deferred``, ...); empty: not told."""


@dataclass(frozen=True, slots=True)
class MailFate:
    """What became of one recipient of a queued message:
    ``sent``, ``bounced``, ``expired``, ``deleted`` (by a person)."""

    queue_id: str
    recipient: str
    """Address, in lower case; empty: every recipient of the message that has no fate of its own."""
    status: str
    detail: str = ""


FATES = frozenset({"sent", "bounced", "expired", "deleted"})
"""Ways in which a message ends at a relay."""


@runtime_checkable
class OnItsWord(Protocol):
    """A relay of which some things cannot be seen. Plans and reports name them."""

    on_its_word: tuple[str, ...]
    """Each a sentence without an end: "the service keeps mail for 5 days"."""


@runtime_checkable
class SeveralHosts(Protocol):
    """A relay of several hosts, which are asked one by one."""

    @property
    def unheard(self) -> Mapping[str, str]:
        """Hosts that did not answer when they were asked last, and what was said instead. What such a host holds is
        not known: it is not nothing."""


def unheard_of(relay: object) -> Mapping[str, str]:
    """Hosts of a relay that did not answer the last time; none where it does not say."""
    return relay.unheard if isinstance(relay, SeveralHosts) else {}


def taken_on_word(relay: object) -> str:
    """What must be believed of a relay, in one sentence; empty: nothing."""
    words = relay.on_its_word if isinstance(relay, OnItsWord) else ()
    return f"taken on its word: {'; '.join(words)}" if words else ""


@final
class Relay(Protocol):  # type: ignore[misc] # a protocol that nobody inherits from: that is meant
    """A backup mail host.

    Not to be inherited from: whoever did would inherit every method that they forget, and pass for whole. Write a class
    of its own; mypy compares it with this one where ``PLUGIN`` is made.
    """

    name: str
    mx: tuple[MxHost, ...]
    can_count: bool

    async def probe(self, domain: str, recipient: str) -> list[RelayProbe]:
        """Ask each address of the relay whether it would take mail for this recipient."""

    async def queue(self) -> list[QueuedMail]:
        """Everything it holds now. Raises ``Permanent`` when it has no way to say."""

    async def drain(self, domains: Sequence[str]) -> str:
        """Ask it to try delivery now. Returns its answer. Asking twice does no harm."""

    async def fates(self, queue_ids: Sequence[str]) -> list[MailFate]:
        """What became of each recipient of these messages; only those it can tell.

        A queue id can be used again: what is older than the message as ``queue`` told it belongs to another one.
        """


S = TypeVar("S", bound=RelaySettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a relay's module."""

    family: ClassVar[str] = "relays"
    promises: ClassVar[type[Any] | None] = Relay

    make: Callable[[str, S], Relay]
    """The relay's class, or a function that makes one of a name and settings."""

    def create(self, name: str, settings: S) -> Relay:
        """The relay of these settings, under this name."""
        return self.make(name, settings)
