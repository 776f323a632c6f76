"""What the settings of every DNS back end share: how the half that is the same for all hosts finds and asks servers."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from bcp.contracts.plugin import Duration, PluginSettings
from bcp.kernel.endpoint import parse_endpoint


class DnsSettings(PluginSettings):
    """Settings that every DNS back end has. A back end's own settings subclass this."""

    authoritative: list[str] = Field(default_factory=list)
    """Addresses of all authoritative servers. Empty: found from the NS records."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for looking up hosts. Empty: the system's."""
    timeout: Duration = 5.0
    """For one answer."""
    settle: Duration = 4.0
    """How long to keep reading back before a change that was accepted counts as not visible (inline signing)."""
    ca_file: Path | None = None
    """Certificates (PEM) of a private authority that signs the MTA-STS policy host, beside the system's."""
    depends_on: list[str] = Field(default_factory=list)
    """Outside parties whose outage takes this host down, for example `microsoft`."""

    @field_validator("authoritative", "resolvers")
    @classmethod
    def _endpoints(cls, value: list[str]) -> list[str]:
        for text in value:
            parse_endpoint(text)
        return value
