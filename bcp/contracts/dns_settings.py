"""What the settings of every DNS back end share, and the descriptor of its module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import Field, field_validator

from bcp.contracts.dns_writer import Writer, WriterFactory
from bcp.contracts.plugin import Configured, Dependent, Duration
from bcp.kernel.clock import Clock
from bcp.kernel.endpoint import parse_endpoint


class DnsSettings(Dependent):
    """Settings that every DNS back end has. A back end's own settings subclass this."""

    authoritative: list[str] = Field(default_factory=list)
    """Addresses of all authoritative servers. Empty: found from the NS records."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for looking up hosts. Empty: the system's."""
    timeout: Duration = 5.0
    """For one answer."""
    settle: Duration = 4.0
    """How long to keep reading back before a change that was accepted counts as not visible (inline signing)."""
    second: str = ""
    """A second way to the same zones: the name of another back end under `dns:` (another credential, another interface,
    or RFC 2136 at a hidden primary). Used where this one cannot be reached or refuses our credential, never beside
    it."""
    ca_file: Path | None = None
    """Certificates (PEM) of a private authority that signs the MTA-STS policy host, beside the system's."""

    @field_validator("authoritative", "resolvers")
    @classmethod
    def _endpoints(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_endpoint(text)
        return value


S = TypeVar("S", bound=DnsSettings)
S_contra = TypeVar("S_contra", bound=DnsSettings, contravariant=True)


class PolicyText(Protocol[S_contra]):
    """The least privilege that a host can give: MX of these domains, and nothing else where the host knows such a
    thing. The text is ready to paste: a policy document of the vendor, lines of a server's configuration, or, where
    there is no document, the words of the form in which it is set. It holds no secret."""

    def __call__(self, settings: S_contra, zones: Mapping[str, str], /) -> str:
        """``zones``: by domain, the zone that it is kept in (the domain itself, where it is the top of its zone).

        No input or output: what is not known (the id of a zone) is left as wide as it must be, and the text says so
        where its format has room for a remark.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a DNS back end's module."""

    family: ClassVar[str] = "dns"
    promises: ClassVar[type[Any] | None] = Writer

    make: WriterFactory[S]
    """The back end's class, or a function that makes one of a name, settings, a clock and zones."""
    policy: PolicyText[S] | None = None
    """What its credential should be allowed, as text to paste. ``None``: the back end has nothing to say about it."""

    def create(self, name: str, settings: S, clock: Clock, zones: Mapping[str, str]) -> Writer:
        """The back end of these settings. ``zones`` names the zone of each domain for which the operator wrote one."""
        return self.make(name, settings, clock, zones)
