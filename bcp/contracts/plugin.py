"""What every plug-in's settings and arguments share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from bcp.contracts.descriptor import Plugin
from bcp.kernel.described import add_descriptions
from bcp.kernel.peers import network_of, proxy_network
from bcp.kernel.units import parse_duration


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError("write a duration, for example 90s, 30m or 2d")
    raise ValueError(f"a duration needs its unit: {value}s, {value}m or {value}h?")


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "description": "Such as 90s, 30m, 1h30m."}
    ),
]
"""Seconds inside, ``30m`` outside."""

Network = Annotated[str, AfterValidator(network_of)]
"""An address or a network of addresses, such as ``10.0.0.0/8``."""

Proxy = Annotated[str, AfterValidator(proxy_network)]
"""The same, of proxies that are believed."""


class Model(BaseModel):
    """Frozen, refuses unknown keys. The docstring under a field is its description in schemas and in the reference
    (``bcp.kernel.described.descriptions``): it is read when they are made, not when the class is."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """Pydantic's own, with the words under the fields."""
        made = handler(core_schema)
        add_descriptions(cls, handler.resolve_ref_schema(made), cls.__pydantic_fields__)
        return made


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong with settings that only shows beside the rest of the configuration. ``rule`` is a stable code."""

    rule: str
    message: str
    hint: str = ""
    key: tuple[str | int, ...] = ()
    """Where, below the plug-in's own section; empty: the section itself."""


@dataclass(frozen=True, slots=True)
class Around:
    """What plug-ins' settings may be compared with:
    the rest of ``bcp.yaml``, as far as it is any plug-in's business."""

    name: str
    """What this section is called."""
    domains: tuple[str, ...] = ()
    """Our mail domains."""
    public_url: str = ""
    """How vendors reach us; empty: they cannot."""


class PluginSettings(Model):
    """Settings of one plug-in in ``bcp.yaml``. ``kind`` says which plug-in."""

    kind: str
    """Which plug-in."""

    def fate(self) -> tuple[str, ...]:
        """Outside parties whose outage takes this down, e.g. ``microsoft``."""
        return ()

    def leans(self) -> tuple[str, ...]:
        """Outside parties that it needs from time to time only (a token for an hour): their outage takes it down
        later. Lint warns of it, where it refuses what is in ``fate``."""
        return ()

    def flaws(self, around: Around) -> Sequence[Flaw]:
        """What does not go with the rest of the configuration. Reads nothing but its arguments."""
        return ()


class Dependent(PluginSettings):
    """Settings of what may fall together with somebody else."""

    depends_on: list[str] = Field(default_factory=list)
    """Outside parties whose outage takes it down."""

    def fate(self) -> tuple[str, ...]:
        """What the operator wrote."""
        return tuple(self.depends_on)


PS = TypeVar("PS", bound=PluginSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured(Plugin, Generic[PS]):
    """A plug-in with a section in ``bcp.yaml``. Its kind is the one value that its settings take for ``kind``."""

    settings: type[PS]
    """Model of the section: everything documented, unknown keys refused."""

    @property
    def kind(self) -> str:
        """The default of ``kind`` in the settings."""
        return str(self.settings.model_fields["kind"].default)


class Args(Model):
    """Arguments of an action: the ``with:`` of a step."""
