"""One MX host of a relay, as ``bcp.yaml`` names it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator

from bcp.contracts.plugin import Model
from bcp.kernel.names import host_name


class RelayHost(Model):
    """One MX host of the relay."""

    host: str
    """Name that is published as MX."""
    preference: Annotated[int, Field(ge=0, le=65535)] = 10
    """MX preference; lower is tried first."""
    addresses: list[str] = Field(default_factory=list)
    """Addresses to probe, where the name cannot be resolved from here. Empty: the name is resolved."""

    @field_validator("host")
    @classmethod
    def _absolute(cls, value: str) -> str:
        return host_name(value)
