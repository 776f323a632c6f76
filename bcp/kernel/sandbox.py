"""Jinja2 with nothing in it that a playbook or a message should not be able to do, and with bounded work.

Names are few, calls do not exist. What is left can still be made to grow (a text indented by a million, loops in
loops, a list that holds itself eight times): every filter, loop, comparison, joining and output pays from a budget,
which each evaluation gets anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer
from markupsafe import Markup

from bcp.kernel.budget import MAX_TEXT, Budget

FILTERS = (
    "join", "length", "count", "default", "d", "upper", "lower", "title", "capitalize", "trim", "first", "last",
    "sort", "unique", "min", "max", "sum", "round", "int", "float", "string", "replace", "list", "abs", "indent",
    "e", "escape",
)  # fmt: skip
TESTS = (
    "defined", "undefined", "none", "string", "number", "boolean", "mapping", "sequence", "in", "eq", "ne", "lt", "le",
    "gt", "ge", "==", "!=", "<", "<=", ">", ">=", "true", "false", "odd", "even",
)  # fmt: skip
_LOOP, _CONCAT, _WEIGH = "_loop", "_concat", "_weigh"
"""Filters of ours that the tree is rewritten with. A name that begins so cannot be written: see ``_Bounded``."""


class BoundedContext(Context):
    """The names of one evaluation, and what it may still cost."""

    budget: Budget

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.budget = Budget()

    def derived(self, locals: dict[str, Any] | None = None) -> Context:  # Jinja2's name
        """A part of the same evaluation pays from the same budget."""
        context = super().derived(locals)
        if isinstance(context, BoundedContext):
            context.budget = self.budget
        return context


class _Bounded(NodeTransformer):
    """Makes loops, joinings, comparisons and slices pay."""

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # Jinja2's name
        if node.name.startswith("_"):
            raise SecurityError(f"there is no filter {node.name!r}")
        return self.generic_visit(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:
        data = sum(len(d.data) for d in node.find_all(nodes.TemplateData))
        self.generic_visit(node)
        assert isinstance(node.iter, nodes.Expr)
        node.iter = _filter(node.iter, _LOOP, nodes.Const(data))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:
        self.generic_visit(node)
        return _filter(nodes.List(node.nodes, lineno=node.lineno), _CONCAT)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:
        self.generic_visit(node)
        node.expr = _filter(node.expr, _WEIGH)
        for operand in node.ops:
            operand.expr = _filter(operand.expr, _WEIGH)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:
        """``is eq``, ``is in`` and the like compare, too."""
        self.generic_visit(node)
        if node.args:
            node.node, node.args = _filter(node.node, _WEIGH), [_filter(a, _WEIGH) for a in node.args]
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Slice):
            node.node = _filter(node.node, _WEIGH)
        return node


def _filter(expr: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(expr, name, list(args), [], None, None, lineno=expr.lineno)


class Sandbox(ImmutableSandboxedEnvironment):
    """No globals, a short list of filters and tests, no multiplication of text, no powers, bounded work."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self, **options: Any) -> None:
        super().__init__(undefined=StrictUndefined, optimized=False, finalize=_finalize, **options)
        self.context_class = BoundedContext
        self._compiled = lru_cache(maxsize=1024)(super().from_string)  # shipped texts are 600
        self.globals.clear()
        self.filters = {name: _paying(name, self.filters[name]) for name in FILTERS}
        self.filters |= {_LOOP: _loop, _CONCAT: _concat, _WEIGH: _weigh}
        self.tests = {name: self.tests[name] for name in TESTS if name in self.tests}

    def from_string(self, source: Any, *args: Any, **kwargs: Any) -> Template:
        """As Jinja's; a text that was compiled before is not compiled again."""
        if isinstance(source, str) and not args and not kwargs:
            return self._compiled(source)
        return super().from_string(source, *args, **kwargs)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        return super()._generate(_Bounded().visit(source), *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Only numbers are multiplied, only like is added to like, nothing is raised to a power."""
        if operator == "**":
            raise SecurityError("powers are not allowed")
        plain = (int, float)
        if operator in "*%" and not (isinstance(left, plain) and isinstance(right, plain)):
            raise SecurityError(f"{operator} is for numbers only")
        if operator == "+" and isinstance(left, str) != isinstance(right, str):
            raise SecurityError("+ joins text with text or adds numbers; use ~ to join different kinds")
        if operator == "+" and not isinstance(left, plain):
            context.budget.text(_length(left) + _length(right))
        if operator == "*" and max(abs(left), abs(right)) > 1e15:
            raise SecurityError("this number is too large")
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Nothing can be called: methods of values are not part of the language.
        Loops and macros in templates use none."""
        raise SecurityError("calls are not part of the language; use a filter")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict, set, frozenset)) else 1


@pass_context
def _finalize(context: BoundedContext, value: Any) -> Any:
    """Every output pays for what it writes."""
    if not isinstance(value, (str, Undefined)):
        context.budget.weigh(value)
    context.budget.spend(_length(value))
    return value


@pass_context
def _loop(context: BoundedContext, values: Any, weight: int) -> Any:
    return values if isinstance(values, Undefined) else context.budget.rounds(values, weight)


@pass_context
def _concat(context: BoundedContext, parts: list[Any]) -> str:
    texts = []
    for part in parts:
        if not isinstance(part, (str, Undefined)):
            context.budget.weigh(part)
        texts.append(part if isinstance(part, Markup) else str(part))
    context.budget.text(sum(map(len, texts)))
    return Markup("").join(texts) if any(isinstance(t, Markup) for t in texts) else "".join(texts)


@pass_context
def _weigh(context: BoundedContext, value: Any) -> Any:
    return value if isinstance(value, Undefined) else context.budget.weigh(value)


def _paying(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    """A filter of Jinja2's that pays for what it is given and for what it gives, before it makes it."""
    wants = getattr(original, "jinja_pass_arg", None)

    @pass_context
    def paying(context: BoundedContext, value: Any, *args: Any, **kwargs: Any) -> Any:
        budget = context.budget
        for one in () if isinstance(value, Undefined) else (value, *args, *kwargs.values()):
            budget.weigh(one)
        if name in _FORECASTS and not isinstance(value, Undefined):
            budget.text(_FORECASTS[name](value, *args, **kwargs))
        first: dict[str, tuple[Any, ...]] = {"context": (context,), "eval_context": (context.eval_ctx,)}
        given = first.get(wants.name if wants is not None else "", (context.environment,) if wants else ())
        return original(*given, value, *args, **kwargs)

    return paying


def _indented(value: Any, width: Any = 4, *_: Any, **__: Any) -> int:
    size = len(width) if isinstance(width, str) else int(width)
    text = str(value)
    return len(text) + (text.count("\n") + 1) * max(0, size)


def _replaced(value: Any, old: Any, new: Any, count: Any = None, **__: Any) -> int:
    text, what = str(value), str(old)
    times = text.count(what) if count is None else min(text.count(what), max(0, int(count)))
    return len(text) + times * len(str(new))


def _joined(value: Any, d: Any = "", *_: Any, **__: Any) -> int:
    if isinstance(value, str) or not isinstance(value, (list, tuple, dict, set, frozenset)):
        value = list(value) if hasattr(value, "__iter__") else [value]
    return sum(len(str(v)) if isinstance(v, str) else 20 for v in value) + len(value) * len(str(d))


def _rounded(value: Any, precision: Any = 0, *_: Any, **__: Any) -> int:
    return 1 if abs(int(precision)) <= 15 else MAX_TEXT + 1


_FORECASTS: dict[str, Callable[..., int]] = {
    "indent": _indented, "replace": _replaced, "join": _joined, "round": _rounded,
}  # fmt: skip
"""Length of what a filter is about to make, where that can be much more than what it is given."""
