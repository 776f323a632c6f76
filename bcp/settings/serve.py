"""``serve:`` in bcp.yaml: what the daemon listens to, whom it asks, who may look at its console."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from bcp.contracts.plugin import Duration, Model, Proxy
from bcp.kernel.peers import is_private_way
from bcp.kernel.secret import Secret

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,63}$")]


class AskSettings(Model):
    """How people are asked when something is to be decided."""

    groups: Annotated[list[str], Field(min_length=1)] = ["group:oncall"]
    """Whom to ask before a playbook that has no gate of its own:
    `group:NAME` or ids, in the order in which they are asked."""
    min: Annotated[int, Field(ge=1, le=5)] = 1
    """How many of them must say yes (two-person rule: 2)."""
    timeout: Duration = 1800.0
    """How long such a question stands. A gate of a playbook has its own `timeout`."""
    channels: list[Name] = Field(default_factory=list)
    """By which channels, or roles (`urgent`, `chat`). Empty: every one that carries `sms` or `chat`."""
    after: Duration = 300.0
    """When nobody of a group has answered for this long, the next group is asked too."""
    cycles: Annotated[int, Field(ge=1, le=10)] = 2
    """How often all groups are gone through."""
    poll: Duration = 5.0
    """How often vendors are asked for answers while a question is open, where they cannot call us."""


class OidcSettings(Model):
    """Sign-in by an identity provider, beside the local one. It may be the very thing that is down."""

    issuer: str
    """Issuer URL (https)."""
    client_id: str
    """Client id."""
    client_secret: Secret
    """Client secret, by reference."""
    name: str = "Company sign-in"
    """What the button says."""
    claim: str = "email"
    """Which claim is compared with the e-mail address of an account."""

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if not is_private_way(value):
            raise ValueError("write https://...: whoever alters what it says on the way can log in as anybody")
        return value


class ConsoleSettings(Model):
    """The console in the browser."""

    enabled: bool = True
    """False: hooks and API only."""
    idle: Duration = 3600.0
    """A session ends after this long without a request ..."""
    session: Duration = 43_200.0
    """... and after this long in any case."""
    oidc: OidcSettings | None = None
    """Identity provider."""


class HeartbeatSettings(Model):
    """A sign of life to an outside check, which tells people when it stops."""

    url: Secret
    """Check URL, by reference: whoever knows it can fake the sign of life."""
    every: Duration = 60.0
    """How often. It stops when the watch has not finished a round for three intervals."""


class ServeSettings(Model):
    """The daemon (`bcp serve`)."""

    listen: str = "127.0.0.1:8080"
    """Address and port. Put a proxy with TLS in front for everything that is not this machine."""
    public_url: str = ""
    """How people and vendors reach us, for links and signatures: `https://bcp.example.org`."""
    proxies: list[Proxy] = Field(default_factory=list)
    """Addresses or networks (`10.0.0.0/8`) of proxies whose X-Forwarded-For is believed."""
    key: Secret | None = None
    """Key that signs links and codes, 32 characters or more.
    Empty: a file in the state folder, made at the first start."""
    verdict: Literal["notify", "ask", "auto"] = "ask"
    """What may follow when our own detection confirms an outage."""
    playbooks: dict[Literal["A", "B", "C", "D", "E", "F", "G", "H"], Name] = Field(default_factory=dict)
    """Which playbook to choose for an outage class, where several fit: `B: exchange-inbound-outage`. It counts where
    the playbook covers the class and moves MX only where that is called for; `bcp serve --check` shows the choice."""
    oncall: Name = "oncall"
    """Audience that is told of incidents, refusals and questions that nobody answered."""
    hooks: dict[Name, Any] = Field(default_factory=dict)
    """Senders by name; `kind` chooses the plug-in. The URL of each is `/hooks/NAME`."""
    max_body: Annotated[int, Field(ge=1024, le=20_000_000)] = 2_000_000
    """Largest body that is read, in bytes."""
    ask: AskSettings = AskSettings()
    """Questions."""
    callers: dict[Name, Any] = Field(default_factory=dict)
    """Vendors that call us, by name; `kind` chooses the plug-in. The URL of each is `/callers/NAME/...`."""
    slack: Any = None
    """Buttons in Slack: a caller of the kind `slack` under this name, without saying so. Its URL is `/slack/...`."""
    twilio: Any = None
    """Calls of Twilio: a caller of the kind `twilio` under this name, without saying so. Its URL is `/twilio/...`."""
    console: ConsoleSettings = ConsoleSettings()
    """The console."""
    heartbeat: HeartbeatSettings | None = None
    """Sign of life."""
    traces: str = ""
    """OTLP/HTTP endpoint for traces; needs the extra `otel`. Empty: none."""
    status_page: Path | None = None
    """Folder that is served at /status/. Empty: that of the first `status-page` channel."""

    @field_validator("listen")
    @classmethod
    def _address(cls, value: str) -> str:
        if not re.fullmatch(r"(\[[0-9a-f:]+\]|[^:\s]+):\d{1,5}", value) or int(value.rpartition(":")[2]) > 65535:
            raise ValueError("write HOST:PORT, for example 127.0.0.1:8080")
        return value

    @field_validator("public_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@\\]+(/[^\s?#\\]*)?", value):
            raise ValueError("write the whole address, for example https://bcp.example.org")
        if value and not is_private_way(value):
            raise ValueError("public_url must be https, except on this machine: approvals travel over it")
        return value.rstrip("/")

    def address(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
