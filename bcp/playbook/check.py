"""Type checks of expressions against the names that will exist when they run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jinja2 import nodes

from bcp.kernel.document import did_you_mean
from bcp.playbook.expr import ExpressionError, environment, has_template, parse_expression, parse_template, single
from bcp.playbook.types import ANY, BOOLEAN, NONE, NUMBER, STRING, Type, comparable, list_of, object_of, of_value

Scope = Mapping[str, Type]
_FILTER_TYPES: dict[str, Type] = {
    "join": STRING,
    "length": NUMBER,
    "count": NUMBER,
    "upper": STRING,
    "lower": STRING,
    "title": STRING,
    "capitalize": STRING,
    "trim": STRING,
    "round": NUMBER,
    "int": NUMBER,
    "float": NUMBER,
    "string": STRING,
    "replace": STRING,
    "sum": NUMBER,
    "abs": NUMBER,
    "indent": STRING,
    "e": STRING,
    "escape": STRING,
    "sort": list_of(ANY),
    "unique": list_of(ANY),
    "list": list_of(ANY),
}


def type_of(text: str, scope: Scope) -> Type:
    """The type of a bare expression.

    Raises:
        ExpressionError: for bad syntax, unknown names, filters and tests, calls, and senseless comparisons.
    """
    return _Checker(scope).visit(parse_expression(text))


def type_of_text(text: str, scope: Scope) -> Type:
    """The type of a value that may contain ``{{ }}``."""
    if not has_template(text):
        return STRING
    bare = single(text)
    if bare is not None:
        return type_of(bare, scope)
    _Checker(scope).template(parse_template(text))
    return STRING


class _Checker:
    """Walks a syntax tree. Methods are named after Jinja2's nodes."""

    def __init__(self, scope: Scope) -> None:
        self.scope = dict(scope)

    def template(self, tree: nodes.Template) -> None:
        for node in tree.body:
            if not isinstance(node, nodes.Output):
                raise ExpressionError("only {{ }} is allowed here; loops and conditions belong in message templates")
            for part in node.nodes:
                self.visit(part)

    def visit(self, node: nodes.Node) -> Type:
        method: Callable[[nodes.Node], Type] | None = getattr(self, "on_" + type(node).__name__.lower(), None)
        if method is None:
            raise ExpressionError(f"{type(node).__name__.lower()} is not part of the language")
        return method(node)

    def on_templatedata(self, node: nodes.TemplateData) -> Type:
        return STRING

    def on_const(self, node: nodes.Const) -> Type:
        return of_value(node.value)

    def on_name(self, node: nodes.Name) -> Type:
        if node.name not in self.scope:
            raise ExpressionError(f"{node.name!r} is not known here. {did_you_mean(node.name, self.scope)}")
        return self.scope[node.name]

    def on_getattr(self, node: nodes.Getattr) -> Type:
        return self._member(self.visit(node.node), node.attr)

    def on_getitem(self, node: nodes.Getitem) -> Type:
        base, index = self.visit(node.node), node.arg
        if isinstance(index, nodes.Const) and isinstance(index.value, str):
            return self._member(base, index.value)
        if isinstance(index, nodes.Slice):
            return base
        kind = self.visit(index)
        if base.name == "list" and kind.name not in {"number", "any"}:
            raise ExpressionError(f"a list is indexed by a number, not by a {kind}")
        return (base.item or ANY) if base.name == "list" else ANY

    def _member(self, base: Type, name: str) -> Type:
        if base.name == "any":
            return ANY
        if base.name != "object":
            raise ExpressionError(f"a {base} has no {name!r}")
        if base.fields is None:
            return ANY
        if name not in base.fields:
            raise ExpressionError(f"{name!r} is not known here. {did_you_mean(name, base.fields)}")
        return base.fields[name]

    def on_compare(self, node: nodes.Compare) -> Type:
        left = self.visit(node.expr)
        for operand in node.ops:
            right = self.visit(operand.expr)
            self._comparison(left, operand.op, right)
            left = right
        return BOOLEAN

    def _comparison(self, left: Type, op: str, right: Type) -> None:
        if op in {"in", "notin"}:
            if right.name not in {"list", "string", "object", "any"}:
                raise ExpressionError(f"'in' needs a list on its right, not a {right}")
            if right.name == "list" and right.item is not None and not comparable(left, right.item):
                raise ExpressionError(f"a {left} is never in a {right}")
            return
        if not comparable(left, right):
            raise ExpressionError(f"a {left} is compared with a {right}; they are never equal")
        if op not in {"eq", "ne"} and {left.name, right.name} & {"boolean", "list", "object", "none"}:
            raise ExpressionError(f"a {left} and a {right} have no order")

    def on_and(self, node: nodes.And) -> Type:
        return self._logic(node.left, node.right)

    def on_or(self, node: nodes.Or) -> Type:
        return self._logic(node.left, node.right)

    def on_not(self, node: nodes.Not) -> Type:
        return self._logic(node.node)

    def _logic(self, *parts: nodes.Node) -> Type:
        for part in parts:
            kind = self.visit(part)
            if kind.name not in {"boolean", "any"}:
                raise ExpressionError(f"and, or and not take true or false, not a {kind}; compare it with something")
        return BOOLEAN

    def on_test(self, node: nodes.Test) -> Type:
        if node.name not in environment.tests:
            raise ExpressionError(f"the test {node.name!r} is not known. {did_you_mean(node.name, environment.tests)}")
        if node.name not in {"defined", "undefined"}:
            self.visit(node.node)
        for argument in node.args:
            self.visit(argument)
        return BOOLEAN

    def on_filter(self, node: nodes.Filter) -> Type:
        if node.name not in environment.filters:
            raise ExpressionError(
                f"the filter {node.name!r} is not known. {did_you_mean(node.name, environment.filters)}"
            )
        kind = self.visit(node.node) if node.node is not None else ANY
        for argument in node.args:
            self.visit(argument)
        for keyword in node.kwargs:
            self.visit(keyword.value)
        if node.name in {"first", "last", "min", "max"}:
            return kind.item or ANY
        if node.name in {"length", "count", "join"} and kind.name in {"number", "boolean", "none"}:
            raise ExpressionError(f"the filter {node.name!r} does not take a {kind}")
        if node.name in {"default", "d"}:
            return kind
        return _FILTER_TYPES.get(node.name, ANY)

    def on_condexpr(self, node: nodes.CondExpr) -> Type:
        self._logic(node.test)
        first = self.visit(node.expr1)
        second = self.visit(node.expr2) if node.expr2 is not None else NONE
        return first if first.name == second.name else ANY

    def on_concat(self, node: nodes.Concat) -> Type:
        for part in node.nodes:
            self.visit(part)
        return STRING

    def on_add(self, node: nodes.Add) -> Type:
        left, right = self.visit(node.left), self.visit(node.right)
        if not comparable(left, right):
            raise ExpressionError(f"a {left} and a {right} cannot be added; ~ joins as text")
        return left if left.name != "any" else right

    def _arithmetic(self, node: nodes.BinExpr) -> Type:
        for part in (node.left, node.right):
            kind = self.visit(part)
            if kind.name not in {"number", "any"}:
                raise ExpressionError(f"arithmetic needs numbers, not a {kind}")
        return NUMBER

    on_sub = on_mul = on_div = on_floordiv = on_mod = _arithmetic

    def on_neg(self, node: nodes.Neg) -> Type:
        kind = self.visit(node.node)
        if kind.name not in {"number", "any"}:
            raise ExpressionError(f"a {kind} has no negative")
        return NUMBER

    def on_list(self, node: nodes.List) -> Type:
        kinds = [self.visit(item) for item in node.items]
        return list_of(kinds[0] if kinds and len({k.name for k in kinds}) == 1 else ANY)

    on_tuple = on_list

    def on_dict(self, node: nodes.Dict) -> Type:
        fields = {}
        for pair in node.items:
            kind = self.visit(pair.value)
            if isinstance(pair.key, nodes.Const):
                fields[str(pair.key.value)] = kind
        return object_of(fields)
