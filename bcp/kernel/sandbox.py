"""Jinja2 with nothing in it that a playbook or a message should not be able to do."""

from __future__ import annotations

from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment


class Sandbox(ImmutableSandboxedEnvironment):
    """No globals, a short list of filters and tests, no multiplication of text, no powers."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=StrictUndefined, **options)
        self.globals.clear()
        known = self.filters
        keep = (
            "join",
            "length",
            "count",
            "default",
            "d",
            "upper",
            "lower",
            "title",
            "capitalize",
            "trim",
            "first",
            "last",
            "sort",
            "unique",
            "min",
            "max",
            "sum",
            "round",
            "int",
            "float",
            "string",
            "replace",
            "list",
            "abs",
            "indent",
            "e",
            "escape",
        )
        self.filters = {name: known[name] for name in keep}
        tests = (
            "defined",
            "undefined",
            "none",
            "string",
            "number",
            "boolean",
            "mapping",
            "sequence",
            "in",
            "eq",
            "ne",
            "lt",
            "le",
            "gt",
            "ge",
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "true",
            "false",
            "odd",
            "even",
        )
        self.tests = {name: self.tests[name] for name in tests if name in self.tests}

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Only numbers are multiplied, only like is added to like, nothing is raised to a power."""
        if operator == "**":
            raise SecurityError("powers are not allowed")
        plain = (int, float)
        if operator in "*%" and not (isinstance(left, plain) and isinstance(right, plain)):
            raise SecurityError(f"{operator} is for numbers only")
        if operator == "+" and isinstance(left, str) != isinstance(right, str):
            raise SecurityError("+ joins text with text or adds numbers; use ~ to join different kinds")
        if operator == "*" and max(abs(left), abs(right)) > 1e15:
            raise SecurityError("this number is too large")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Nothing can be called: methods of values are not part of the language. Loops and macros in templates use none."""
        raise SecurityError("calls are not part of the language; use a filter")
