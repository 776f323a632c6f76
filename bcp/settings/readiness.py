"""``readiness:`` and ``evidence:`` in bcp.yaml: what is looked at in peacetime, who hears of it, who witnesses it."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from bcp.contracts.plugin import Duration, Model
from bcp.kernel.endpoint import parse_endpoint
from bcp.kernel.secret import Secret
from bcp.settings.names import Name

Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#]+(/\S*)?$")]
DAY_S = 86_400.0


class CopiesSettings(Model):
    """Copies of the state folder, made by a job of yours."""

    folder: Path
    """Folder in which they appear, as this machine sees it. Its newest file counts."""
    max_age: Duration = 26 * 3600.0
    """The newest may be this old."""


class ReadinessSettings(Model):
    """Readiness (`bcp ready`)."""

    every: Duration = 900.0
    """How often the daemon looks at everything."""
    playbooks: list[Name] = Field(default_factory=list)
    """Which playbooks must be ready. Empty: those that an outage would call for, their ways back, and your own."""
    owner: list[str] = Field(default_factory=list)
    """Who gets the weekly message: `group:NAME`, `audience:NAME` or ids of contacts. Empty: nobody."""
    channels: list[Name] = Field(default_factory=list)
    """By which channels, or roles. Empty: e-mail, else chat, else text messages."""
    day: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    """On which day of the week ..."""
    hour: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    """... and when, in the organisation's time zone."""
    warn_before: Duration = 21 * DAY_S
    """So long before something ends (a certificate, a secret) it is a risk."""
    expires: dict[str, str] = Field(default_factory=dict)
    """Until when secrets are valid, by reference: `"env:SLACK_TOKEN": 2027-03-31`. Certificates and tokens that say it
    themselves (JWT) need no line."""
    time: list[str] = Field(default_factory=list)
    """Time servers that are asked (SNTP, RFC 4330): addresses or names with an optional port. Empty: the kernel's word
    is taken."""
    copies: CopiesSettings | None = None
    """Where copies of the state folder are."""
    drill_every: Duration = 92 * DAY_S
    """How old the last drill of a playbook may be."""

    @field_validator("expires", mode="before")
    @classmethod
    def _dates(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {k: v.isoformat() if isinstance(v, date) else v for k, v in value.items()}

    @field_validator("expires")
    @classmethod
    def _days(cls, value: dict[str, str]) -> dict[str, str]:
        for reference, day in value.items():
            if not re.match(r"^(env|file|keyring):.+$", reference):
                raise ValueError("a secret is named by its reference: env:NAME, file:PATH or keyring:SERVICE/USER")
            date.fromisoformat(day)
        return value

    @field_validator("time")
    @classmethod
    def _servers(cls, value: list[str]) -> list[str]:
        for text in value:
            if not re.fullmatch(r"[A-Za-z0-9.-]+(:\d{1,5})?", text):
                parse_endpoint(text)
        return value


class TimestampSettings(Model):
    """A time-stamping authority (RFC 3161)."""

    url: Url
    """Where it takes requests over HTTP (RFC 3161 section 3.4)."""
    ca: Path
    """File with the certificate of its authority (PEM). A copy is kept with the evidence, for later readers."""
    policy: Annotated[str, StringConstraints(pattern=r"^([0-2](\.\d+)+)?$")] = ""
    """Object identifier of the policy that is asked for. Empty: the authority's own."""
    timeout: Duration = 15.0
    """For one request."""


class WitnessSettings(Model):
    """Somebody else who keeps the signed heads: a folder, a web address or a channel. One of them."""

    folder: Path | None = None
    """A folder that somebody else keeps (a share of another machine). One file a head."""
    url: Url | None = None
    """Web address to which each head is sent (POST, JSON)."""
    token: Secret | None = None
    """Bearer token for it, by reference."""
    channel: Name | None = None
    """A channel by which a head is sent as text ..."""
    to: str = ""
    """... to this contact (its id). Left out: to the channel's place."""

    @model_validator(mode="after")
    def _one(self) -> WitnessSettings:
        if sum(v is not None for v in (self.folder, self.url, self.channel)) != 1:
            raise ValueError("a witness is one of folder, url and channel")
        return self


class EvidenceSettings(Model):
    """Evidence that stands (`bcp evidence`, `bcp audit verify`)."""

    every: Duration = 3600.0
    """How often the daemon takes the heads of all chains, and lets others witness them."""
    key: Secret | None = None
    """Ed25519 key that signs the heads (32 bytes in hex, `openssl rand -hex 32`). Left out: a file in the state
    folder, made at the first head."""
    timestamps: dict[Name, TimestampSettings] = Field(default_factory=dict)
    """Time-stamping authorities."""
    witnesses: dict[Name, WitnessSettings] = Field(default_factory=dict)
    """Others who keep the heads."""
