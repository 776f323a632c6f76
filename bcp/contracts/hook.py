"""What a hook promises: it knows its sender's way to prove who it is, and turns one body into alerts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import Field, field_validator, model_validator

from bcp.contracts.plugin import Configured, Duration, Model, PluginSettings, Proxy
from bcp.kernel.errors import BcpError, Invalid
from bcp.kernel.peers import is_private_way
from bcp.kernel.secret import Secret
from bcp.kernel.text import one_line

HOOK_WINDOW_S = 300.0
"""A signed time further from our clock than this is refused (Standard Webhooks, "Verifying timestamps")."""


class Unauthentic(BcpError):
    """The sender did not prove who it is."""


@dataclass(frozen=True, slots=True)
class Received:
    """One request, as it came. Header names are in lower case; ``peer`` is the address of the connection."""

    raw: bytes
    headers: Mapping[str, str]
    at: float
    peer: str = ""
    token: str = ""
    """What stood in the path behind the source."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing that a monitoring system says."""

    identity: str
    """The id of the sender's message: the same when it is delivered again, another one for each new event. Empty where
    a sender has none and repeats the state of an alert: then it is news when its state changes."""
    outage: str
    """What ties the beginning and the end of one outage together, at this sender."""
    firing: bool
    title: str
    started: str = ""
    """When it began, as the sender writes it; tells a new outage of the same name from an old one."""
    labels: Mapping[str, Any] = field(default_factory=dict)
    """What conditions of playbooks may ask about."""
    url: str = ""


class BasicAuth(Model):
    """HTTP basic authentication (RFC 7617)."""

    user: str
    """User."""
    passwords: Annotated[list[Secret], Field(min_length=1)]
    """Passwords that are valid now, by reference."""


class JwtAuth(Model):
    """A signed token of an identity provider (RFC 7519), such as Azure Monitor's secure webhook."""

    issuer: str
    """Who must have issued it."""
    audience: str
    """For whom."""
    keys: str
    """URL (https) or file with the issuer's keys (JWKS).
    The last good ones are kept: the provider may be what is down."""
    role: str = ""
    """App role that the token must carry."""

    @field_validator("keys")
    @classmethod
    def _keys(cls, value: str) -> str:
        if "://" in value and not is_private_way(value):
            raise ValueError("write https://... or a file: whoever alters the keys on the way can sign as the provider")
        return value


class ProxyAuth(Model):
    """A client certificate that a proxy in front of us has checked (mTLS)."""

    from_: Annotated[list[Proxy], Field(alias="from", min_length=1)]
    """Addresses or networks of the proxies. From anybody else the headers mean nothing."""
    header: str = "X-Client-Verify"
    """Header in which the proxy says how the check went."""
    value: str = "SUCCESS"
    """What it says when all is well."""
    subject_header: str = "X-Client-DN"
    """Header with the certificate's subject."""
    subjects: Annotated[list[str], Field(min_length=1)]
    """Subjects that may call."""


class HookAuth(Model):
    """How the sender proves who it is. Any one that is configured suffices.
    Lists hold every secret that is valid now."""

    bearer: list[Secret] = Field(default_factory=list)
    """Tokens for `Authorization: Bearer` (or the header named below)."""
    header: str = ""
    """Another header in which the token comes, for senders that can set headers but not Authorization."""
    basic: BasicAuth | None = None
    """User and password."""
    hmac: list[Secret] = Field(default_factory=list)
    """Keys of signatures over the raw body, in the sender's own form."""
    signature_header: str = ""
    """Header with the signature, where it is not the sender's usual one."""
    timestamp_header: str = ""
    """Header with the signed time (Grafana: the one set there). Empty: no time is signed."""
    path: list[Secret] = Field(default_factory=list)
    """Tokens at the end of the URL, for senders that can do nothing else.
    They are kept out of our logs, not out of others'."""
    jwt: JwtAuth | None = None
    """Tokens of an identity provider."""
    proxy: ProxyAuth | None = None
    """Client certificates, checked by a proxy."""

    @model_validator(mode="after")
    def _some(self) -> HookAuth:
        if not any((self.bearer, self.basic, self.hmac, self.path, self.jwt, self.proxy)):
            raise ValueError("say how the sender proves who it is: bearer, basic, hmac, path, jwt or proxy")
        return self


class HookSettings(PluginSettings):
    """What every hook has. Its URL is `/hooks/NAME`."""

    auth: HookAuth
    """How the sender proves who it is."""
    mode: Literal["notify", "ask", "auto"] = "ask"
    """What may follow once our own look agrees: tell people; start the playbook up to its gate and ask; start it."""
    when: str = ""
    """Condition over an alert: `labels`, `title`, `firing`. Alerts for which it is false are taken and left alone."""
    playbook: str = ""
    """Which playbook. Empty: the one that fits the class which our own look finds."""
    window: Duration = HOOK_WINDOW_S
    """Where a time is signed: how far it may be from our clock."""


S = TypeVar("S", bound=HookSettings)


class Hook(ABC, Generic[S]):
    """One kind of sender."""

    kind: ClassVar[str]
    signature: ClassVar[str] = ""
    """The sender's usual signature header."""
    prefix: ClassVar[str] = ""
    """What stands before the hex digits in it."""
    many: ClassVar[str] = ""
    """What separates several signatures during a rotation; empty: there is one."""
    forms: ClassVar[bool] = False
    """It may send a form (application/x-www-form-urlencoded) instead of JSON: fields become the body's keys."""
    example: ClassVar[str] = ""
    """For the docs: how to set the sender up."""
    Settings: ClassVar[type[HookSettings]]

    def __init__(self, name: str, settings: S) -> None:
        self.name, self.settings = name, settings
        self.key_store: Path | None = None
        """Where keys of identity providers are kept."""

    def signed(self, received: Received) -> bool | None:
        """Does the sender's own kind of signature hold? ``None``: it has none but the usual HMAC over the raw body."""
        return None

    @abstractmethod
    def alerts(self, body: Any, received: Received) -> list[Alert]:
        """What it says. Raises ``Invalid`` for a body of another shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPlugin(Configured[S], Generic[S]):
    """``PLUGIN`` of a hook's module."""

    family: ClassVar[str] = "triggers"
    promises: ClassVar[type[Any] | None] = Hook

    make: type[Hook[S]]
    """The hook: a complete class, made with its name and its settings."""

    def create(self, name: str, settings: S) -> Hook[S]:
        """The hook of these settings, under this name."""
        return self.make(name, settings)


def text_of(value: Any, limit: int = 200) -> str:
    """A short text of whatever came, for titles and identities; never a nested thing."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return one_line(
        str(value)[: limit * 4].encode("utf-8", "replace").decode(), limit
    )  # lone surrogates cannot be stored


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """The same as a mapping. Raises ``Invalid``."""
    if not isinstance(value, Mapping):
        raise Invalid(f"{what} is not an object", hint="Is this the sender that the hook's kind says?")
    return value


def needed(body: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is there. Raises ``Invalid``."""
    for name in names:
        found = text_of(body.get(name), 500)
        if found:
            return found
    raise Invalid(f"the body has no {' or '.join(names)}", hint="Is this the sender that the hook's kind says?")
