"""What every plug-in's settings and arguments share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

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


class Model(BaseModel):
    """Frozen, refuses unknown keys, and takes field descriptions from the docstring under each field."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True)


class PluginSettings(Model):
    """Settings of one plug-in in ``bcp.yaml``. ``kind`` says which plug-in."""

    kind: str
    """Which plug-in."""


class Args(Model):
    """Arguments of an action: the ``with:`` of a step."""
