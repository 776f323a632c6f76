"""Expressions: Jinja2's syntax, sandboxed, without globals, with few filters, bounded in length and work.

Two forms: a bare condition (``when: "outputs.state == 'down'"``) and text with ``{{ }}`` in it. A text that is one
single ``{{ expression }}`` keeps the expression's type, so that a list stays a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, nodes

from bcp.kernel.sandbox import Sandbox

_EVALUATION_ERRORS = (
    TemplateError,
    ArithmeticError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    MemoryError,
    KeyError,
)
MAX_LENGTH = 2_000
MAX_RESULT = 200_000
_SINGLE = re.compile(r"^\s*\{\{(.*)\}\}\s*$", re.DOTALL)


class ExpressionError(ValueError):
    """An expression cannot be parsed, checked or evaluated. The message is one sentence."""


environment = Sandbox(autoescape=False)


def has_template(value: str) -> bool:
    """Does this text contain ``{{`` or ``{%``?"""
    return "{{" in value or "{%" in value or "{#" in value


def single(value: str) -> str | None:
    """The expression when the text is exactly one ``{{ }}``, else ``None``."""
    found = _SINGLE.match(value)
    if not found or "{{" in found[1] or "}}" in found[1]:
        return None
    return found[1].strip()


def parse_expression(text: str) -> nodes.Expr:
    """The syntax tree of a bare expression.

    Raises:
        ExpressionError: when it is no expression.
    """
    _bounded(text)
    try:
        tree = environment.parse("{{ (" + text + "\n) }}")
    except TemplateError as error:
        raise ExpressionError(f"not an expression: {error.message}") from error
    except (RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise ExpressionError("this expression is nested too deeply") from error
    body = tree.body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        raise ExpressionError("this is not one single expression")
    node = body[0].nodes[0]
    if isinstance(node, nodes.TemplateData):
        raise ExpressionError("this expression is empty")
    return node


def parse_template(text: str) -> nodes.Template:
    """The syntax tree of a text with ``{{ }}``; raises ``ExpressionError``."""
    _bounded(text)
    try:
        return environment.parse(text)
    except TemplateError as error:
        raise ExpressionError(f"not a template: {error.message}") from error
    except (RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise ExpressionError("this template is nested too deeply") from error


@lru_cache(maxsize=512)
def _compiled(text: str) -> Any:
    """An expression that was parsed and compiled, which takes a millisecond: plan, run and judge evaluate the same."""
    parse_expression(text)
    try:
        return environment.compile_expression(text, undefined_to_none=False)
    except _EVALUATION_ERRORS as error:
        raise ExpressionError(f"cannot evaluate {text!r}: {error}") from error


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """The value of a bare expression."""
    compiled = _compiled(text)
    try:
        found = compiled(**scope)
        if isinstance(found, StrictUndefined):
            str(found)  # raises, with the name
    except _EVALUATION_ERRORS as error:
        raise ExpressionError(f"cannot evaluate {text!r}: {error}") from error
    return found


def condition(text: str, scope: Mapping[str, Any]) -> bool:
    """The truth of a condition. Only true and false are accepted: an empty list is not an answer."""
    found = evaluate(text, scope)
    if not isinstance(found, bool):
        raise ExpressionError(f"{text!r} gives {type(found).__name__}, not true or false")
    return found


def resolve(value: Any, scope: Mapping[str, Any]) -> Any:
    """The value with every expression in it replaced, in nested data too."""
    if isinstance(value, str):
        return _resolve_text(value, scope)
    if isinstance(value, Mapping):
        return {k: resolve(v, scope) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [resolve(v, scope) for v in value]
    return value


def _resolve_text(text: str, scope: Mapping[str, Any]) -> Any:
    if not has_template(text):
        return text
    bare = single(text)
    if bare is not None:
        return evaluate(bare, scope)
    _bounded(text)
    try:
        out = environment.from_string(text).render(**scope)
    except _EVALUATION_ERRORS as error:
        raise ExpressionError(f"cannot evaluate {text!r}: {error}") from error
    if len(out) > MAX_RESULT:
        raise ExpressionError(f"{text[:60]!r} gives more than {MAX_RESULT} characters")
    return out


def _bounded(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"longer than {MAX_LENGTH} characters")
    depth = 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if depth > 30:
            raise ExpressionError("this expression is nested too deeply")
