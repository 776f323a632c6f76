"""Which names exist in an expression, and of what type. Used by lint; the plan and the engine fill in the values."""

from __future__ import annotations

from collections.abc import Mapping

from bcp.playbook.catalogue import Catalogue
from bcp.playbook.load import Loaded, Placed
from bcp.playbook.types import ANY, BOOLEAN, NUMBER, STRING, Type, list_of, named, object_of, of_value

RUN = object_of(
    {"id": STRING, "kind": STRING, "playbook": STRING, "initiator": STRING, "automatic": BOOLEAN, "parent": STRING}
)


def base_scope(loaded: Loaded) -> dict[str, Type]:
    """Names that exist before any step ran."""
    book = loaded.book
    return {
        "domains": list_of(STRING),
        "inputs": object_of({n: named(i.type) for n, i in book.inputs.items()}),
        "vars": object_of({n: ANY if isinstance(v, str) and "{{" in v else of_value(v) for n, v in book.vars.items()}),
        "run": RUN,
        "service": object_of({"name": STRING}),
        "snapshot": object_of({"taken": STRING, "age": NUMBER, "domains": ANY}),
    }


def outputs_type(placed: Placed, catalogue: Catalogue) -> Type:
    """The type of ``outputs`` of a step; a list of them when it has ``for_each``."""
    spec = catalogue.actions.get(placed.step.uses)
    fields = object_of({n: named(t) for n, t in spec.outputs.items()}) if spec else object_of(None)
    return object_of({"items": list_of(fields)}) if placed.step.for_each is not None else fields


def steps_scope(before: Mapping[str, Placed], catalogue: Catalogue) -> Type:
    """The type of ``steps`` for a step that these steps precede."""
    return object_of(
        {
            i: object_of(
                {"outputs": outputs_type(p, catalogue), "state": STRING, "summary": STRING, "attempts": NUMBER}
            )
            for i, p in before.items()
        }
    )


def ancestors(loaded: Loaded, step_id: str) -> set[str]:
    """Every step that is certainly over when this one starts: its needs, theirs, and all earlier phases."""
    by_id = {s.id: s for s in loaded.steps}
    own = by_id[step_id]
    order = [s.phase for s in loaded.steps]
    earlier = {s.id for s in loaded.steps if s.phase != own.phase and order.index(s.phase) < order.index(own.phase)}
    found: set[str] = set()
    waiting = list(own.needs)
    while waiting:
        need = waiting.pop()
        if need in by_id and need not in found:
            found.add(need)
            waiting.extend(by_id[need].needs)
    return (found | earlier) - {step_id}
