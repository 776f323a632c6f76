"""Which plug-ins exist: a scan of folders. A plug-in is one file; nothing has to be registered."""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import Invalid

FOLDER = Path(__file__).parent / "plugins"


@cache
def kinds(family: str) -> tuple[str, ...]:
    """Kinds of a family, from file names only: ``twilio_sms.py`` is ``twilio-sms``."""
    return tuple(sorted(p.stem.replace("_", "-") for p in (FOLDER / family).glob("*.py") if not p.stem.startswith("_")))


def load(family: str, kind: str) -> ModuleType:
    """Import one plug-in.

    Raises:
        Invalid: when there is no such kind; the message suggests one.
    """
    if kind not in kinds(family):
        raise Invalid(f"there is no kind {kind!r} of {family}", hint=did_you_mean(kind, kinds(family)))
    return importlib.import_module(f"bcp.plugins.{family}.{kind.replace('-', '_')}")


def settings_class(family: str, kind: str) -> Any:
    """The settings model of a plug-in."""
    from bcp.contracts.plugin import PluginSettings  # noqa: PLC0415

    module = load(family, kind)
    found = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if c.__module__ == module.__name__ and issubclass(c, PluginSettings)
    ]
    if len(found) != 1:
        raise Invalid(f"the plug-in {family}/{kind} must define exactly one settings class, it has {len(found)}")
    return found[0]


@cache
def actions() -> dict[str, Any]:
    """All actions by kind, one object each."""
    from bcp.contracts.action import Action  # noqa: PLC0415

    out: dict[str, Any] = {}
    for name in kinds("actions"):
        module = load("actions", name)
        for _, found in inspect.getmembers(module, inspect.isclass):
            if found.__module__ == module.__name__ and issubclass(found, Action):
                out[found.kind] = found()
    return out


@cache
def probe_class(kind: str) -> Any:
    """The class of a kind of probe: what it is about, before there is one."""
    from bcp.contracts.probe import Probe  # noqa: PLC0415

    module = load("probes", kind)
    found = (c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == module.__name__)
    return next(c for c in found if issubclass(c, Probe))
