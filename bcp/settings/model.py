"""``bcp.yaml`` as a whole: the operator's configuration, version 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from bcp.contracts.plugin import Duration, Model, PluginSettings
from bcp.kernel.document import Document
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.hashing import digest
from bcp.kernel.names import domain_name, host_name
from bcp.settings.detect import CanarySettings, DetectSettings
from bcp.settings.names import Name, NameOrNames
from bcp.settings.people import ApprovalSettings, AudienceSettings, ContactsSettings, Organisation
from bcp.settings.readiness import EvidenceSettings, ReadinessSettings
from bcp.settings.serve import ServeSettings


class PrimaryMx(Model):
    """One MX host of Exchange Online in peacetime.
    Take it from Graph `serviceConfigurationRecords`, never from a pattern."""

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
    dns: NameOrNames | None = None
    """Which back end under `dns:` holds its MX. A list where several hosts serve the zone: all of them are changed,
    or none. Left out: its MX is never moved by us; we look and talk."""
    zone: str = ""
    """The zone, where it is not found by itself."""
    primary: list[PrimaryMx] = Field(default_factory=list)
    """Its MX in peacetime: where failback goes when nothing was recorded."""
    primary_ttl: Annotated[int, Field(ge=1, le=86400)] = 3600
    """TTL of the MX in peacetime, in seconds."""
    managed_by: Literal["", "octodns", "external-dns", "terraform", "pulumi", "dnscontrol", "other"] = ""
    """Infrastructure as code that keeps its records: plans say what keeps it from putting an MX back. Marks that a tool
    leaves in DNS are found without it."""

    @property
    def back_ends(self) -> tuple[str, ...]:
        """Names of the back ends that serve its zone; none: its MX is never moved by us."""
        return (self.dns,) if isinstance(self.dns, str) else tuple(self.dns or ())

    @field_validator("dns")
    @classmethod
    def _dns(cls, value: str | list[str] | None) -> str | list[str] | None:
        if isinstance(value, list) and len(set(value)) < len(value):
            raise ValueError("a back end stands here twice")
        if isinstance(value, list) and not value:
            raise ValueError("the list is empty: name a back end, or leave dns: out")
        return value[0] if isinstance(value, list) and len(value) == 1 else value

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return domain_name(value)

    @field_validator("zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return domain_name(value) if value else ""


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
    approval: Duration = 600.0
    """How long an approval usually takes, for forecasts, until there were some in real runs."""


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
    dns: dict[Name, Any] = Field(default_factory=dict)
    """DNS back ends by name; `kind` chooses the plug-in. None: MX is never moved; we look and talk."""
    resolvers: dict[Name, str] = Field(
        default_factory=lambda: {"google": "8.8.8.8", "cloudflare": "1.1.1.1", "quad9": "9.9.9.9"}
    )
    """Public resolvers that `bcp dns watch` asks what senders are told, by name; addresses with an optional port."""
    inside_resolvers: dict[Name, str] = Field(default_factory=dict)
    """Resolvers that machines inside our network ask, by name; addresses with an optional port. Where they tell another
    MX than the world gets (split DNS), plans and `bcp dns check` say so."""
    rdap: Annotated[str, StringConstraints(pattern=r"^https?://\S*\{domain\}\S*$")] = "https://rdap.org/domain/{domain}"
    """Where `bcp dns check --rdap` asks what the registry says about a domain (RDAP). Nothing else asks."""
    accepted_domains: Path | None = None
    """File with the domains that the tenant accepts mail for: one a line, or what `Get-AcceptedDomain | Export-Csv`
    writes. Plans and `bcp doctor` compare it with `domains`. Left out: what the last snapshot has from Graph."""
    relays: dict[Name, Any] = Field(default_factory=dict)
    """Backup relays by name."""
    channels: dict[Name, Any] = Field(default_factory=dict)
    """Channels by name."""
    roles: dict[Name, list[Name]] = Field(default_factory=dict)
    """Which channels play each role that playbooks name: `urgent`, `chat`, `page`, or one of your own. What is left out
    is played by what fits: text messages, else e-mail; chat; the status page."""
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
    readiness: ReadinessSettings = ReadinessSettings()
    """Readiness."""
    evidence: EvidenceSettings = EvidenceSettings()
    """Evidence."""

    @field_validator("resolvers", "inside_resolvers")
    @classmethod
    def _addresses(cls, value: dict[str, str]) -> dict[str, str]:
        for text in value.values():
            parse_endpoint(text)
        return value


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
