"""RFC 2136 dynamic update with TSIG (RFC 8945): its settings. What goes over the wire is ``bcp.kit.dns_update``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from bcp.contracts.dns_settings import DnsPlugin, DnsSettings
from bcp.contracts.plugin import Model
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.secret import Secret
from bcp.kit.dns_update import Rfc2136

__all__ = ["PLUGIN", "Rfc2136", "Rfc2136Settings", "TsigKey"]


class TsigKey(Model):
    """A shared key."""

    name: str
    """Name of the key, as in the server's configuration."""
    algorithm: Literal["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"] = "hmac-sha256"
    """Algorithm; the server must have the same."""
    secret: Secret
    """Base64 secret, by reference."""


class Rfc2136Settings(DnsSettings):
    """A DNS primary that takes signed dynamic updates: BIND, Knot, PowerDNS and others."""

    kind: Literal["rfc2136"] = "rfc2136"
    """Which plug-in."""
    server: str
    """Address of the primary that takes updates: `192.0.2.1` or `192.0.2.1:5300`."""
    key: TsigKey
    """Key that may change MX, and best nothing else."""
    window: Annotated[int, Field(ge=1, le=256)] = 64
    """Requests under way at once on one connection."""

    @field_validator("server")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parse_endpoint(value)
        return value


PLUGIN = DnsPlugin(api=1, settings=Rfc2136Settings, make=Rfc2136)
