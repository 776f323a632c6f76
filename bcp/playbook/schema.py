"""The JSON Schema of playbooks, made from the models and the actions, for editors. Pure."""

from __future__ import annotations

from typing import Any

from bcp.playbook.catalogue import Catalogue
from bcp.playbook.model import Playbook

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def playbook_schema(catalogue: Catalogue) -> dict[str, Any]:
    """Schema of version 1, with each action's arguments under ``with``."""
    schema = Playbook.model_json_schema(by_alias=True)
    step = schema["$defs"]["Step"]
    step["properties"]["uses"] = {
        "description": "The action.",
        "anyOf": [{"const": kind, "description": spec.summary} for kind, spec in sorted(catalogue.actions.items())],
    }
    step["allOf"] = []
    for kind, spec in sorted(catalogue.actions.items()):
        arguments = spec.args.model_json_schema(by_alias=True)
        schema["$defs"].update(arguments.pop("$defs", {}))
        for name, prop in arguments.get("properties", {}).items():
            arguments["properties"][name] = _or_expression(prop)
        step["allOf"].append(
            {"if": {"properties": {"uses": {"const": kind}}}, "then": {"properties": {"with": arguments}}}
        )
    return {
        "$schema": DRAFT,
        "$id": "https://bcp.invalid/playbook.v1.json",
        **schema,
        "title": "bcp playbook, version 1",
    }


def _or_expression(prop: dict[str, Any]) -> dict[str, Any]:
    described = {k: v for k, v in prop.items() if k in {"description", "default", "title"}}
    return {
        **described,
        "anyOf": [{k: v for k, v in prop.items() if k not in described}, {"type": "string", "pattern": r"\{\{.*\}\}"}],
    }
