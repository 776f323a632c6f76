"""Checks the ``with:`` of a step against its action's arguments. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from bcp.kernel.document import Document, Path_, did_you_mean, explain
from bcp.kernel.errors import Problem
from bcp.playbook.catalogue import ActionSpec
from bcp.playbook.check import Scope, type_of_text
from bcp.playbook.expr import ExpressionError, has_template, single
from bcp.playbook.types import Type


def check_arguments(
    document: Document, path: Path_, spec: ActionSpec, given: Mapping[str, Any], scope: Scope
) -> Iterator[Problem]:
    """Unknown keys, missing keys, wrong values, bad expressions."""
    fields = {f.alias or n: f for n, f in spec.args.model_fields.items()}
    dynamic: set[str] = set()
    for key, value in given.items():
        if key not in fields:
            yield document.problem(
                (*path, key),
                f"{spec.kind} has no argument {key!r}",
                hint=did_you_mean(key, fields),
                rule="unknown-argument",
                key=True,
            )
            continue
        kinds: list[Type] = []
        yield from _expressions(document, (*path, key), value, scope, kinds)
        if _has_expression(value):
            dynamic.add(key)
            if isinstance(value, str) and single(value) is not None and kinds:
                yield from _fits(document, (*path, key), key, kinds[0], fields[key])
    try:
        spec.args.model_validate({k: v for k, v in given.items() if k in fields})
    except ValidationError as error:
        for problem, entry in zip(
            explain(document, error, path, spec.args), error.errors(include_url=False, include_input=False), strict=True
        ):
            if not entry["loc"] or str(entry["loc"][0]) not in dynamic:
                yield problem


def _has_expression(value: Any) -> bool:
    if isinstance(value, str):
        return has_template(value)
    if isinstance(value, Mapping):
        return any(_has_expression(v) for v in value.values())
    return isinstance(value, list) and any(_has_expression(v) for v in value)


def _expressions(document: Document, path: Path_, value: Any, scope: Scope, kinds: list[Type]) -> Iterator[Problem]:
    if isinstance(value, str):
        try:
            kinds.append(type_of_text(value, scope))
        except ExpressionError as error:
            yield document.problem(path, str(error), rule="expression")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _expressions(document, (*path, key), inner, scope, kinds)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _expressions(document, (*path, index), inner, scope, kinds)


def _fits(document: Document, path: Path_, key: str, kind: Type, field: Any) -> Iterator[Problem]:
    """A list where a text belongs, and the like. Only the plain cases are judged."""
    annotation = field.annotation
    if any(type(m).__name__ == "BeforeValidator" for m in field.metadata):  # durations: text outside, a number inside
        return
    wanted = {str: "string", int: "number", float: "number", bool: "boolean"}.get(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin is list or origin is tuple:
        wanted = "list"
    if wanted and kind.name != "any" and kind.name != wanted:
        yield document.problem(path, f"{key} takes a {wanted}, this is a {kind}", rule="argument-type")
