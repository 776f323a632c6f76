"""The sections of ``bcp.yaml`` that belong to plug-ins:
each is validated by the model of its ``kind``, ours or another's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bcp import registry
from bcp.contracts.plugin import Around, PluginSettings
from bcp.kernel.document import Document, Path_, did_you_mean, explain
from bcp.kernel.errors import Invalid, Problem

Found = Mapping[str, Mapping[str, PluginSettings]]
"""Settings of plug-ins by family and name."""


@dataclass(frozen=True, slots=True)
class Section:
    """Where the plug-ins of one family stand."""

    family: str
    path: Path_
    kind: str = ""
    """A section that stands for one plug-in of this kind, instead of a mapping of names."""


SECTIONS = (
    Section("dns", ("dns",)),
    Section("relays", ("relays",)),
    Section("channels", ("channels",)),
    Section("probes", ("detect", "probes")),
    Section("triggers", ("serve", "hooks")),
    Section("callers", ("serve", "callers")),
    Section("callers", ("serve", "twilio"), kind="twilio"),
    Section("callers", ("serve", "slack"), kind="slack"),
    Section("directories", ("directories",)),
    Section("directories", ("graph",), kind="graph"),
)


def alone(family: str) -> tuple[str, ...]:
    """Kinds of a family that have a section of their own: their name is their kind."""
    return tuple(s.kind for s in SECTIONS if s.family == family and s.kind)


def place_of(family: str, name: str) -> str:
    """The path below which a plug-in of ``serve:`` is called from outside."""
    return f"/{name}" if name in alone(family) else f"/{family}/{name}"


def read_sections(document: Document, problems: list[Problem]) -> dict[str, dict[str, PluginSettings]]:
    """The settings of every plug-in. What is wrong is added to ``problems``, with its position."""
    out: dict[str, dict[str, PluginSettings]] = {s.family: {} for s in SECTIONS}
    for section in SECTIONS:
        for name, path, raw in _entries(document.data, section):
            found = _validated(document, section, path, raw, problems)
            if found is not None:
                out[section.family][name] = found
    return out


def _entries(data: Any, section: Section) -> Iterator[tuple[str, Path_, Any]]:
    """Name, place and content of what stands in a section. Other shapes are reported by the model around it."""
    for part in section.path:
        data = data.get(part) if isinstance(data, dict) else None
    if section.kind:
        if data is not None:
            yield section.kind, section.path, data
    elif isinstance(data, dict):
        for name, raw in data.items():
            yield str(name), (*section.path, name), raw


def _validated(
    document: Document, section: Section, path: Path_, raw: Any, problems: list[Problem]
) -> PluginSettings | None:
    if not isinstance(raw, dict):
        problems.append(document.problem(path, f"{path[-1]} must be a mapping with kind:", rule="config.shape"))
        return None
    kind = raw.get("kind", section.kind or None)
    if not isinstance(kind, str):
        hint = f"kind: {' | '.join(registry.kinds(section.family))}"
        problems.append(document.problem(path, "the key 'kind' is missing", rule="missing-key", hint=hint))
        return None
    if not registry.has(section.family, kind):
        hint = did_you_mean(kind, registry.kinds(section.family))
        text = f"there is no kind {kind!r} of {section.family}"
        problems.append(document.problem((*path, "kind"), text, rule="unknown-kind", hint=hint))
        return None
    try:
        model = registry.settings_class(section.family, kind)
    except Invalid as error:  # a package from outside that cannot be used
        problems.append(document.problem((*path, "kind"), error.message, rule="plugin-broken", hint=error.hint))
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems.extend(explain(document, error, path, model))
        return None


def flaws(document: Document, plugins: Found, domains: tuple[str, ...], public_url: str) -> Iterator[Problem]:
    """What plug-ins' settings say is wrong beside the rest of the configuration."""
    for section in SECTIONS:
        for name, path, _ in _entries(document.data, section):
            settings = plugins[section.family].get(name)
            if settings is None:
                continue
            for flaw in settings.flaws(Around(name, domains, public_url)):
                yield document.problem((*path, *flaw.key), flaw.message, rule=flaw.rule, hint=flaw.hint)


def add_schemas(schema: dict[str, Any]) -> None:
    """Put every kind's settings into the JSON Schema of ``bcp.yaml``:
    editors then complete plug-ins from outside, too."""
    for section in SECTIONS:
        place, above = schema, schema
        for part in section.path:
            above = _resolved(schema, place)
            place = above["properties"][part]
        if section.kind:
            above["properties"][section.path[-1]] = _model_schema(
                schema, section.family, section.kind, needs_kind=False
            )
        else:
            options = [_model_schema(schema, section.family, k) for k in registry.each(section.family)]
            place["additionalProperties"] = {"oneOf": options}


def _resolved(schema: dict[str, Any], place: dict[str, Any]) -> dict[str, Any]:
    """What a reference of pydantic's schema refers to."""
    for one in (place, *place.get("allOf", ()), *place.get("anyOf", ())):
        if "$ref" in one:
            found: dict[str, Any] = schema["$defs"][one["$ref"].rpartition("/")[2]]
            return found
    return place


def _model_schema(schema: dict[str, Any], family: str, kind: str, *, needs_kind: bool = True) -> dict[str, Any]:
    model = registry.settings_class(family, kind).model_json_schema(by_alias=True)
    schema["$defs"].update(model.pop("$defs", {}))
    model["properties"]["kind"] = {"const": kind}
    if needs_kind:
        model.setdefault("required", []).append("kind")
    return model
