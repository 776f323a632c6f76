"""The plain-data form of a record (``bcp.drill-record/1``) and its published JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bcp.contracts.exercise import SCHEMA, DrillRecord
from bcp.kernel.errors import Invalid

SCHEMA_ID = "https://bcp.invalid/drill-record.v1.json"


@cache
def _adapter() -> TypeAdapter[DrillRecord]:
    return TypeAdapter(DrillRecord)


def to_data(record: DrillRecord) -> dict[str, Any]:
    """The record as JSON's own types: lists, mappings, texts, numbers."""
    found: dict[str, Any] = _adapter().dump_python(record, mode="json")
    return found


def from_data(data: Mapping[str, Any]) -> DrillRecord:
    """A record from its plain data.

    Raises:
        Invalid: it is none, or of another version.
    """
    if data.get("schema") != SCHEMA:
        raise Invalid(f"this is no {SCHEMA}: {str(data.get('schema'))[:60]!r}", rule="drill-record")
    try:
        return _adapter().validate_python(dict(data))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise Invalid(f"this is no {SCHEMA}: {place}: {first['msg']}", rule="drill-record") from error


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the plain data, with every field's meaning."""
    made = _adapter().json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **made}
