"""Plug-ins: one file each, complete, named after what they are."""

from __future__ import annotations

import pytest

from bcp import registry
from bcp.kernel.described import descriptions

FAMILIES = tuple(f for f in registry.families() if f not in {"actions", "engines"})


@pytest.mark.parametrize(("family", "kind"), [(f, k) for f in FAMILIES for k in registry.kinds(f)])
def test_settings_say_their_kind_and_everything_is_described(family, kind) -> None:
    """The reference and the editor's hints are made from this."""
    settings = registry.settings_class(family, kind)
    assert settings.model_fields["kind"].default == kind
    assert (settings.__doc__ or "").strip()
    for name, field in settings.model_fields.items():
        assert field.description or descriptions(settings).get(name), f"{family}/{kind}: {name} has no docstring"


@pytest.mark.parametrize("kind", sorted(registry.actions()))
def test_actions_are_complete(kind) -> None:
    """File name, docstring, described arguments, declared outputs, an undo or a reason."""
    action = registry.actions()[kind]
    assert type(action).__module__.rsplit(".", 1)[1] == kind.replace(".", "_")
    assert (type(action).__doc__ or "").strip() and action.outputs
    for name, field in action.Args.model_fields.items():
        assert field.description or descriptions(action.Args).get(name), f"{kind}: {name} has no docstring"
    if action.undoable:
        assert type(action).undo is not type(action).__mro__[1].undo
