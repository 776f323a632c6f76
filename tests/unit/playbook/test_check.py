"""Expressions of playbooks are typed before anything runs: what can never be meant is refused, with the likely name."""

from __future__ import annotations

import pytest

from bcp.playbook.check import type_of, type_of_text
from bcp.playbook.expr import ExpressionError
from bcp.playbook.types import ANY, BOOLEAN, NONE, NUMBER, STRING, comparable, list_of, named, object_of, of_value

SCOPE = {
    "name": STRING,
    "count": NUMBER,
    "ok": BOOLEAN,
    "thing": ANY,
    "domains": list_of(STRING),
    "mixed": list_of(ANY),
    "run": object_of({"id": STRING, "age": NUMBER}),
    "open": object_of(None),
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("name", "string"),
        ("'x' ~ count", "string"),
        ("count + 1", "number"),
        ("thing + 1", "number"),
        ("name + 'x'", "string"),
        ("-count * 2 // 3 % 4 - 1 / 2", "number"),
        ("-thing", "number"),
        ("none", "none"),
        ("[1, 2]", "list of numbers"),
        ("[1, 'a']", "list"),
        ("[]", "list"),
        ("(1, 2)", "list of numbers"),
        ("{'a': 1}", "object"),
        ("{'a': 1}.a", "number"),
        ("run.id", "string"),
        ("run['age']", "number"),
        ("open.whatever", "any"),
        ("thing.whatever", "any"),
        ("domains[0]", "string"),
        ("domains[thing]", "string"),
        ("domains[1:]", "list of strings"),
        ("mixed[0]", "any"),
        ("open[name]", "any"),
        ("domains | first", "string"),
        ("domains | length", "number"),
        ("domains | join(',')", "string"),
        ("name | default('x')", "string"),
        ("thing | upper", "string"),
        ("domains | sort(reverse=true)", "list"),
        ("count == 1 and not ok or thing", "boolean"),
        ("1 < count <= 3", "boolean"),
        ("name in domains", "boolean"),
        ("name not in name", "boolean"),
        ("name in thing", "boolean"),
        ("'id' in run", "boolean"),
        ("name == none", "boolean"),
        ("nothing is defined", "boolean"),
        ("count is gt(2)", "boolean"),
        ("name if ok else 'x'", "string"),
        ("name if ok else 1", "any"),
        ("name if ok", "any"),
    ],
)
def test_an_expression_has_a_type(text, wanted) -> None:
    assert str(type_of(text, SCOPE)) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nam", "'nam' is not known here"),
        ("run.di", "'di' is not known here"),
        ("run['di']", "'di' is not known here"),
        ("name.id", "a string has no 'id'"),
        ("count.real", "a number has no 'real'"),
        ("domains[name]", "indexed by a number, not by a string"),
        ("name == count", "a string is compared with a number"),
        ("domains == name", "compared with a string"),
        ("ok < ok", "have no order"),
        ("domains > domains", "have no order"),
        ("thing < none", "have no order"),
        ("name in count", "needs a list on its right, not a number"),
        ("count in domains", "a number is never in a list of strings"),
        ("name and ok", "not a string; compare it"),
        ("not count", "not a number; compare it"),
        ("1 if name else 2", "not a string; compare it"),
        ("name + count", "cannot be added; ~ joins"),
        ("name * 2", "arithmetic needs numbers, not a string"),
        ("-name", "a string has no negative"),
        ("count | length", "does not take a number"),
        ("ok | join", "does not take a boolean"),
        ("name | uper", "the filter 'uper' is not known"),
        ("domains | random", "the filter 'random' is not known"),
        ("name is strng", "the test 'strng' is not known"),
        ("name is eq(nam)", "'nam' is not known here"),
        ("domains | join(nam)", "'nam' is not known here"),
        ("domains | sort(reverse=nam)", "'nam' is not known here"),
        ("name()", "not part of the language"),
        ("name.upper()", "not part of the language"),
        ("run.__class__", ""),
    ],
)
def test_what_can_never_be_meant_is_refused(text, words) -> None:
    with pytest.raises(ExpressionError) as caught:
        type_of(text, SCOPE)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["name ==", "(", "a b", "{{ name }}", "1 +* 2"])
def test_bad_syntax_is_an_error_of_the_expression(text) -> None:
    with pytest.raises(ExpressionError):
        type_of(text, SCOPE)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "string"),
        ("{{ count }}", "number"),
        ("n = {{ count }}", "string"),
        ("{{ domains }}", "list of strings"),
    ],
)
def test_a_value_is_what_its_only_expression_is_and_else_a_text(text, wanted) -> None:
    assert str(type_of_text(text, SCOPE)) == wanted


@pytest.mark.parametrize(
    "text", ["a {% if ok %}b{% endif %}", "a {{ nam }}", "{% for d in domains %}{{ d }}{% endfor %}"]
)
def test_loops_and_unknown_names_have_no_place_in_a_value(text) -> None:
    with pytest.raises(ExpressionError):
        type_of_text(text, SCOPE)


def test_types_of_data_and_of_names() -> None:
    assert [str(of_value(v)) for v in (True, None, 1.5, "x", {"a": 1}, [1, 2], [1, "a"], [], object())] == [
        "boolean", "none", "number", "string", "object", "list of numbers", "list", "list", "any",
    ]  # fmt: skip
    assert [str(named(n)) for n in ("list", "object", "duration", "integer", "unheard-of")] == [
        "list", "object", "number", "number", "any",
    ]  # fmt: skip
    assert comparable(ANY, NUMBER) and comparable(NONE, STRING) and not comparable(STRING, NUMBER)
