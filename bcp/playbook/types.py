"""The small type system of expressions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Type:
    """``string``, ``number``, ``boolean``, ``none``, ``any``,
    ``list`` (of ``item``) or ``object`` (with ``fields``)."""

    name: str
    item: Type | None = None
    fields: Mapping[str, Type] | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if self.name == "list" and self.item is not None and self.item.name != "any":
            return f"list of {self.item}s"
        return self.name


ANY = Type("any")
STRING = Type("string")
NUMBER = Type("number")
BOOLEAN = Type("boolean")
NONE = Type("none")


def list_of(item: Type) -> Type:
    """A list type."""
    return Type("list", item)


def object_of(fields: Mapping[str, Type] | None) -> Type:
    """An object type; ``None`` = any field."""
    return Type("object", None, fields)


def named(name: str) -> Type:
    """The type an action's ``outputs`` or a playbook's ``inputs`` names, e.g. ``string`` or ``list``."""
    if name == "list":
        return list_of(ANY)
    if name == "object":
        return object_of(None)
    if name == "duration":
        return NUMBER
    return {"string": STRING, "number": NUMBER, "integer": NUMBER, "boolean": BOOLEAN}.get(name, ANY)


def of_value(value: object) -> Type:
    """The type of plain data."""
    if isinstance(value, bool):
        return BOOLEAN
    if value is None:
        return NONE
    if isinstance(value, (int, float)):
        return NUMBER
    if isinstance(value, str):
        return STRING
    if isinstance(value, Mapping):
        return object_of({str(k): of_value(v) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        kinds = {of_value(v).name for v in value}
        return list_of(of_value(value[0]) if len(kinds) == 1 else ANY)
    return ANY


def comparable(left: Type, right: Type) -> bool:
    """May ``==`` sensibly be asked of these? Text against a number may not: it is never what was meant."""
    loose = {"any", "none"}
    return left.name in loose or right.name in loose or left.name == right.name
