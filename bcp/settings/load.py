"""Reads ``bcp.yaml`` and validates it whole, with the position of everything that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bcp.contracts.plugin import Model
from bcp.kernel.document import explain, read
from bcp.kernel.errors import Invalid, Problem
from bcp.kernel.glance import MAX_BYTES
from bcp.kernel.secret import Secret
from bcp.settings.cross import cross
from bcp.settings.families import read_sections
from bcp.settings.model import Configuration, Settings


def load(path: Path) -> Configuration:
    """Read ``bcp.yaml``. Raises ``Invalid`` with every problem found."""
    document = read(path, limit=MAX_BYTES)
    if not isinstance(document.data, dict):
        raise Invalid.of(
            [
                document.problem(
                    (),
                    "the configuration is a mapping: version, organisation, domains ...",
                    rule="config.shape",
                    hint="Make one with `bcp init`.",
                )
            ]
        )
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(document.data)
    except ValidationError as error:
        problems += explain(document, error, (), Settings)
    folder = path.resolve().parent
    read_in = read_sections(document, problems)
    plugins = {f: {n: _anchor(s, folder) for n, s in found.items()} for f, found in read_in.items()}
    if settings is not None:
        problems += cross(settings, document, plugins)
    if problems or settings is None:
        raise Invalid.of(sorted(problems, key=lambda p: (p.line, p.column)))
    return Configuration(_anchor(settings, folder), document, folder, plugins)


def _anchor(model: Any, folder: Path) -> Any:
    """Relative paths and secret files count from the configuration file."""
    changes: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        fresh = _anchored(value, folder)
        if fresh is not value:
            changes[name] = fresh
    return model.model_copy(update=changes) if changes else model


def _anchored(value: Any, folder: Path) -> Any:
    if isinstance(value, Secret):
        return Secret(value.reference, folder)
    if isinstance(value, Path):
        return value if value.is_absolute() else folder / value
    if isinstance(value, Model):
        return _anchor(value, folder)
    if isinstance(value, dict):
        return {k: _anchored(v, folder) for k, v in value.items()}
    if isinstance(value, list):
        return [_anchored(v, folder) for v in value]
    return value
