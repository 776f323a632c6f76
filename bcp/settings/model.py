"""``bcp.yaml``: the operator's configuration, read and validated whole, with the position of everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, field_validator

from bcp.contracts.hook import HookSettings
from bcp.contracts.plugin import Duration, Model, PluginSettings
from bcp.contracts.relay import RelaySettings
from bcp.kernel.document import Document, did_you_mean, explain, read
from bcp.kernel.errors import Invalid, Problem
from bcp.kernel.hashing import digest
from bcp.kernel.names import domain_name, host_name
from bcp.kernel.secret import Secret
from bcp.playbook.expr import ExpressionError, parse_expression
from bcp.settings.families import flaws, read_sections
from bcp.settings.serve import ServeSettings

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
MailAddress = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]


class Organisation(Model):
    """Who we are, as messages say it."""

    name: str
    """Name that people know."""
    hotline: str = ""
    """Number that people can call; printed in the phone book before the day."""
    status_page: str = ""
    """Where people look."""
    signature: str = "IT service desk"
    """Who says so."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    """Default language of messages."""
    languages: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]] = Field(default_factory=list)
    """Languages in which every message must be complete (`bcp comms lint`). Empty: not checked."""
    timezone: str = "UTC"
    """IANA time zone in which people read times on pages: `Europe/Berlin`. Machines get UTC."""

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from bcp.contacts.quiet import zone_of  # noqa: PLC0415 - rarely set, and costs start-up

        zone_of(value)
        return value

    def said(self) -> dict[str, str]:
        """What messages know as ``org``."""
        return {
            "name": self.name,
            "hotline": self.hotline,
            "status_page": self.status_page,
            "signature": self.signature,
        }


class PrimaryMx(Model):
    """One MX host of Exchange Online in peacetime. Take it from Graph `serviceConfigurationRecords`, never from a pattern."""

    host: str
    """Host name."""
    preference: Annotated[int, Field(ge=0, le=65535)] = 0
    """Preference."""

    @field_validator("host")
    @classmethod
    def _absolute(cls, value: str) -> str:
        return host_name(value)


class DomainSettings(Model):
    """An accepted mail domain."""

    name: str
    """The domain, in A-label form."""
    dns: Name
    """Which back end under `dns:` holds its MX."""
    zone: str = ""
    """The zone, where it is not found by itself."""
    primary: list[PrimaryMx] = Field(default_factory=list)
    """Its MX in peacetime: where failback goes when nothing was recorded."""
    primary_ttl: Annotated[int, Field(ge=1, le=86400)] = 3600
    """TTL of the MX in peacetime, in seconds."""

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return domain_name(value)

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return domain_name(value) if value else ""


class ContactsSettings(Model):
    """Where people are known from. A file on this machine, because a directory may be what is down."""

    file: Path | None = None
    """CSV or YAML."""
    snapshot: Path | None = None
    """Snapshot made by `bcp contacts snapshot`."""
    max_age: Duration = 7 * 86400.0
    """A snapshot older than this is warned about."""
    key: Secret | None = None
    """Key that encrypts the snapshot, by reference; 32 characters or more."""
    signing_key: Secret | None = None
    """Private key that signs it, where it is made (`bcp contacts keygen`)."""
    trusted_key: str = ""
    """Public key: snapshots that are not signed by it are refused."""


class AudienceSettings(Model):
    """A named set of contacts."""

    groups: list[str] = Field(default_factory=list)
    """Everybody in one of these groups of the contacts file."""
    people: list[str] = Field(default_factory=list)
    """Ids of contacts, told first."""
    where: str = ""
    """Expression over a contact, such as `'sales' in groups and language == 'de'`. Beside groups it narrows them."""
    first: list[str] = Field(default_factory=list)
    """Who is told first: ids and `group:NAME`."""
    quiet: Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$")] = ""
    """Hours in which text messages and calls wait for nobody and are not sent: `22:00-07:00`. A contact's own win."""
    timezone: str = ""
    """IANA time zone of those who have none of their own."""

    @field_validator("where")
    @classmethod
    def _expression(cls, value: str) -> str:
        from bcp.contacts.directory import matcher  # noqa: PLC0415

        try:
            matcher(value)
        except Invalid as error:
            raise ValueError(f"{error.message}. {error.hint}") from error
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        from bcp.contacts.quiet import zone_of  # noqa: PLC0415

        zone_of(value)
        return value


class StandingApproval(Model):
    """A named person's yes, given in peacetime, to automatic runs of one playbook for certain classes of outage."""

    playbook: Name
    """For which playbook."""
    classes: list[Literal["B", "E", "F"]]
    """For which classes. Others are never automatic."""
    by: str
    """Id of the contact who gives it."""
    until: str
    """Last day, YYYY-MM-DD."""

    @field_validator("until")
    @classmethod
    def _date(cls, value: str) -> str:
        from datetime import date  # noqa: PLC0415

        return date.fromisoformat(value).isoformat()


class ApprovalSettings(Model):
    """How approvals are proven and what was approved in advance."""

    codes: dict[str, Secret] = Field(default_factory=dict)
    """Personal approval code of each contact id, for `bcp approve --as`. Without one, only the contact's own login may approve."""
    standing: list[StandingApproval] = Field(default_factory=list)
    """Approvals given in advance."""


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
    """Its provider or network, such as `hetzner` or `our-office`. Vantage points of one network fail together and count once. Empty: a network of its own."""


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
    """How many independent ways of looking must agree about a plane (all, when it has fewer); or one and something that corroborates."""
    confirm_for: Duration | None = None
    """How long the plane must be down, and still be failing. Empty: one interval."""
    keep_firing_for: Duration = 1800.0
    """How long everything must be clear before an outage counts as over."""
    flap_percent: Annotated[float, Field(ge=1, le=100)] = 20.0
    """A plane that changed this much over the last 21 looks (Nagios' percent) is flapping: nothing is started by itself."""
    flap_low: Annotated[float, Field(ge=0, le=100)] = 5.0
    """It stops flapping at this percent."""
    partial_share: Share = 0.2
    """Share of failed looks, over the last 20, from which a plane is partly down although its counter clears."""
    switch_share: Share = 0.6
    """Share of failed looks below which only a person decides about MX."""
    target_share: Share = 0.5
    """Share of the targets of one kind of probe that must be down for this way of looking to be down."""
    stale_after: Annotated[int, Field(ge=2, le=100)] = 5
    """Looks without a known result after which a vantage point counts as silent. Silence is neither failure nor health."""
    clock_skew: Duration = 300.0
    """A vantage point whose clock differs by more is not believed."""
    decide: DecideSettings = DecideSettings()
    """Decision times."""
    dwell: Duration | None = None
    """Shortest time on the relay before a failback is proposed. Empty: 60 min, or four times the peacetime TTL of MX."""
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
    """Probes by name. Empty: own MX, the MX hosts' names, SMTP to the canary, the known recipients and an unknown one, controls over DNS and (the first relay) SMTP, and a round trip where `canary: arrival:` is set."""


class CanarySettings(Model):
    """The test mail."""

    to: MailAddress | None = None
    """Mailbox that exists in Exchange and may get test mails."""
    known: Annotated[list[MailAddress], Field(max_length=9)] = Field(default_factory=list)
    """Other recipients that certainly exist. They are asked for and get no mail. With one at least, a mailbox that somebody deletes is told from an outage."""
    sender: str = ""
    """Envelope sender; empty is the null sender."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers that a sender would use. Empty: the system's."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """SMTP port of MX hosts."""
    arrival: Path | None = None
    """Maildir in which it arrives, to measure delivery. Empty: acceptance counts."""


class ShellSettings(Model):
    """Programs that `shell` steps may run."""

    allow: list[str] = Field(default_factory=list)
    """Names or absolute paths, exactly as playbooks write them."""


class SnapshotSettings(Model):
    """Snapshots of peacetime (`bcp snapshot`)."""

    max_age: Duration = 7 * 86400.0
    """`bcp doctor` warns about an older one."""


class PlanSettings(Model):
    """Plans."""

    valid_for: Duration = 3600.0
    """A plan older than this is refused."""


class Settings(Model):
    """The configuration file, version 1."""

    version: Literal[1]
    """Version of the format."""
    organisation: Organisation
    """Who we are."""
    service: Name = "exchange-online"
    """What we protect."""
    state: Path = Path(".bcp")
    """Folder for runs, plans and reports, relative to this file. On a local disk."""
    domains: Annotated[list[DomainSettings], Field(min_length=1)]
    """Our mail domains, the most important first."""
    dns: dict[Name, Any]
    """DNS back ends by name; `kind` chooses the plug-in."""
    relays: dict[Name, Any] = Field(default_factory=dict)
    """Backup relays by name."""
    channels: dict[Name, Any] = Field(default_factory=dict)
    """Channels by name."""
    contacts: ContactsSettings = ContactsSettings()
    """People."""
    audiences: dict[Name, AudienceSettings] = Field(default_factory=dict)
    """Named sets of people."""
    directories: dict[Name, Any] = Field(default_factory=dict)
    """Where snapshots of people and of the tenant's own records come from, in peacetime; `kind` chooses the plug-in."""
    graph: Any = None
    """Microsoft Graph, for snapshots: a directory of the kind `graph` under this name, without saying so."""
    approvals: ApprovalSettings = ApprovalSettings()
    """Approvals."""
    detect: DetectSettings = DetectSettings()
    """Detection."""
    canary: CanarySettings = CanarySettings()
    """Test mail."""
    regulators: Path | None = None
    """Reporting clocks of our own; else the shipped ones (DORA, NIS2)."""
    prices: dict[Name, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """Price of one segment or message, by channel, for forecasts."""
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = "EUR"
    """In which currency."""
    playbooks: list[Path] = Field(default_factory=list)
    """Folders with our own playbooks. The shipped ones are always there; one of ours with the same name wins."""
    messages: list[Path] = Field(default_factory=list)
    """Folders with our own messages; the same."""
    shell: ShellSettings = ShellSettings()
    """Programs."""
    snapshot: SnapshotSettings = SnapshotSettings()
    """Peacetime."""
    serve: ServeSettings = ServeSettings()
    """The daemon."""
    plan: PlanSettings = PlanSettings()
    """Plans."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, those of every plug-in, and where they came from."""

    settings: Settings
    document: Document
    folder: Path
    plugins: Mapping[str, Mapping[str, PluginSettings]]
    """By family (``dns``, ``relays``, ``channels``, ``probes``, ``triggers``) and name."""

    @property
    def state(self) -> Path:
        """The state folder, absolute."""
        return self.path(self.settings.state)

    def path(self, path: Path) -> Path:
        """A path relative to the configuration file, absolute."""
        return path if path.is_absolute() else self.folder / path

    def fingerprint(self) -> str:
        """Digest of the configuration. It holds references to secrets, never their values."""
        return digest(self.document.data)


MAX_CONFIG_BYTES = 20_000_000
"""Ten thousand domains with their probes."""


def load(path: Path) -> Configuration:
    """Read ``bcp.yaml``. Raises ``Invalid`` with every problem found."""
    document = read(path, limit=MAX_CONFIG_BYTES)
    if not isinstance(document.data, dict):
        raise Invalid.of(
            [
                document.problem(
                    (),
                    "the configuration is a mapping: version, organisation, domains ...",
                    rule="config.shape",
                    hint="Make one with `bcp init`.",
                )
            ]
        )
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        problems += explain(document, error, (), Settings)
    folder = path.resolve().parent
    read_in = read_sections(document, problems)
    plugins = {f: {n: _anchor(s, folder) for n, s in found.items()} for f, found in read_in.items()}
    if settings is not None:
        problems += _cross(settings, document, plugins)
    if problems or settings is None:
        raise Invalid.of(sorted(problems, key=lambda p: (p.line, p.column)))
    return Configuration(_anchor(settings, folder), document, folder, plugins)


def _anchor(model: Any, folder: Path) -> Any:
    """Relative paths and secret files count from the configuration file."""
    changes: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        fresh = _anchored(value, folder)
        if fresh is not value:
            changes[name] = fresh
    return model.model_copy(update=changes) if changes else model


def _anchored(value: Any, folder: Path) -> Any:
    if isinstance(value, Secret):
        return Secret(value.reference, folder)
    if isinstance(value, Path):
        return value if value.is_absolute() else folder / value
    if isinstance(value, Model):
        return _anchor(value, folder)
    if isinstance(value, dict):
        return {k: _anchored(v, folder) for k, v in value.items()}
    if isinstance(value, list):
        return [_anchored(v, folder) for v in value]
    return value


def _cross(settings: Settings, document: Document, plugins: Mapping[str, Mapping[str, Any]]) -> list[Problem]:
    """References between sections, and things that would fall together."""
    problems: list[Problem] = []
    seen: set[str] = set()
    relays = [r for r in plugins["relays"].values() if isinstance(r, RelaySettings)]
    relay_hosts = {h.host for r in relays for h in r.published()}
    for i, domain in enumerate(settings.domains):
        if domain.dns not in settings.dns:
            problems.append(
                document.problem(
                    ("domains", i, "dns"),
                    f"there is no DNS back end {domain.dns!r}",
                    rule="unknown-reference",
                    hint=did_you_mean(domain.dns, settings.dns),
                )
            )
        if domain.name in seen:
            problems.append(
                document.problem(
                    ("domains", i, "name"),
                    f"the domain {domain.name} stands here twice",
                    rule="duplicate-domain",
                    hint="Remove one.",
                )
            )
        seen.add(domain.name)
        for j, host in enumerate(domain.primary):
            if host.host in relay_hosts:
                problems.append(
                    document.problem(
                        ("domains", i, "primary", j, "host"),
                        f"{host.host} is a relay and the primary of {domain.name}",
                        rule="relay-is-primary",
                        hint="They must be different hosts.",
                    )
                )
    ours = tuple(d.name for d in settings.domains)
    problems += flaws(document, plugins, ours, settings.serve.public_url)
    for name, hook in plugins["triggers"].items():
        assert isinstance(hook, HookSettings)
        try:
            parse_expression(hook.when or "true")
        except ExpressionError as error:
            problems.append(
                document.problem(
                    ("serve", "hooks", name, "when"),
                    f"the condition of the hook {name!r}: {error}",
                    rule="expression",
                    hint="For example labels.service == 'exchange'.",
                )
            )
    for i, standing in enumerate(settings.approvals.standing):
        if not standing.classes:
            problems.append(
                document.problem(
                    ("approvals", "standing", i, "classes"),
                    "a standing approval for no class approves nothing",
                    rule="value",
                    hint="classes: [F]",
                )
            )
    return problems
