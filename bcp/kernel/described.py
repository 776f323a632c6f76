"""What stands under a field: the docstring below each annotated attribute of a class, read when somebody asks for it.

Nothing in a running program needs these words; the reference, the JSON Schemas and the editor's hints do. Pydantic's
own ``use_attribute_docstrings`` parses the source of every model while it is imported, which was a tenth of the start
of every command.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any


def descriptions(cls: type) -> dict[str, str]:
    """Field -> the docstring under it, also under fields that were inherited. Empty where the source cannot be read.

    A field that a subclass declares anew without words has none: its meaning may be another.
    """
    found: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        said = _own(one)
        for name in inspect.get_annotations(one):
            found.pop(name, None)
            if name in said:
                found[name] = said[name]
    return found


def add_descriptions(cls: type, schema: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Write them into the properties of a JSON Schema of ``cls``. What a field says by itself stays.

    ``fields``: pydantic's own of a model, where it has some: a property is named by its field or by the field's alias.
    """
    properties = schema.get("properties", {})
    for name, text in descriptions(cls).items():
        field = fields.get(name)
        if field is not None and field.description is not None:
            continue
        key = name if name in properties or field is None else field.alias
        if key in properties:
            properties[key]["description"] = text


def _own(cls: type) -> Mapping[str, str]:
    """Docstrings in the body of this class alone."""
    try:
        source = inspect.getsource(sys.modules[cls.__module__])
    except (KeyError, OSError, TypeError):  # no such module, no source, a module written in C
        return {}
    body = _classes(source).get(cls.__qualname__)
    return {} if body is None else _under(body)


def _under(body: ast.ClassDef) -> dict[str, str]:
    """Name of an annotated attribute -> the text on the line below it."""
    found: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if not (isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            found[before.target.id] = inspect.cleandoc(after.value.value)
    return found


@cache
def _classes(source: str) -> Mapping[str, ast.ClassDef]:
    """Every class of a module by its qualified name; the module is parsed once. A file that was changed for another
    program since it was loaded has none."""
    try:
        return dict(_within(ast.parse(source), ""))
    except SyntaxError:
        return {}


def _within(scope: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Classes in a scope and in those below it, named as ``__qualname__`` names them."""
    for node in ast.iter_child_nodes(scope):
        if isinstance(node, ast.ClassDef):
            yield prefix + node.name, node
            yield from _within(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _within(node, f"{prefix}{node.name}.<locals>.")
        else:
            yield from _within(node, prefix)
