"""Expressions do what playbooks need, and no more work than they may."""

from __future__ import annotations

import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from markupsafe import Markup

from bcp.kernel.budget import MAX_TEXT, Budget
from bcp.kernel.sandbox import FILTERS, Sandbox

PLAIN, HTML = Sandbox(), Sandbox(autoescape=True)
SCOPE = {"domains": [f"d{i}.example" for i in range(10_000)], "n": 3, "text": "a\nb", "deep": [["x"]], "none": None}


def render(text: str, env: Sandbox = PLAIN) -> str:
    """The text."""
    return env.from_string(text).render(**SCOPE)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("{{ domains | length }}", "10000"),
        ("{{ domains | join(',') | length }}", str(sum(map(len, SCOPE["domains"])) + 9_999)),
        ("{% for d in domains %}.{% endfor %}", "." * 10_000),
        ("{{ text | indent(2) }}", "a\n  b"),
        ("{{ text | indent(2, true) }}", "  a\n  b"),
        ("{{ text | replace('a', 'ccc') }}", "ccc\nb"),
        ("{{ 'aaa' | replace('a', 'b', 2) }}", "bba"),
        ("{{ 'x' ~ n ~ none }}", "x3None"),
        ("{{ 'd3.example' in domains }}", "True"),
        ("{{ n == 3 and 'a' != 'b' and 1 < n <= 3 }}", "True"),
        ("{{ [3, 1, 2] | sort | join }}", "123"),
        ("{{ [1, 1, 2] | unique | list | length }}", "2"),
        ("{{ 2.345 | round(1) }}", "2.3"),
        ("{{ 'A' ~ 'b' | upper | lower | title }}", "AB"),
        ("{{ missing | default('x') }}", "x"),
        ("{% set a = 'x' %}{{ a + a }}", "xx"),
        ("{{ 7 % 4 * 2 }}", "6"),
        ("{% if deep %}{{ deep | first | first }}{% endif %}", "x"),
        ("{% for a in [1, 2] %}{% for b in [1, 2] %}{{ loop.index }}{% endfor %}{% endfor %}", "1212"),
        ("{{ deep | string }}", "[['x']]"),
    ],
)
def test_what_playbooks_need(text, want) -> None:
    """Big lists included."""
    assert render(text) == want


def test_html_is_escaped_and_markup_stays() -> None:
    """Joining text with markup escapes the text."""
    assert HTML.from_string("{{ a ~ b }}{{ a }}").render(a="<", b=Markup("<b>")) == "&lt;<b>&lt;"
    assert HTML.from_string("{{ [a, b] | join }}").render(a="<", b=Markup("<b>")) == "&lt;<b>"


GROW = "{% set a = [a, a, a, a, a, a, a, a] %}" * 9
BOMBS = [
    "{{ 'a' | indent(900000000, true) }}",
    "{{ 'a' | indent('x' | replace('x', 'yyyyyyyyyy'), true) | indent(400000, true) }}",
    "{{ 'aaaaaaaaaa'" + " | replace('a', 'aaaaaaaaaaaaaaaaaaaa')" * 6 + " | length }}",
    "{{ 'aaaa' | replace('', 'x' | indent(300000, true)) }}",
    "{% set a = 'xxxxxxxxxxxxxxxxxxxx' %}" + "{% set a = a ~ a ~ a ~ a ~ a ~ a ~ a ~ a %}" * 9 + "{{ a | length }}",
    "{% set a = 'xxxxxxxxxxxxxxxxxxxx' %}" + "{% set a = a + a + a + a + a + a + a + a %}" * 9 + "{{ a | length }}",
    "{% set a = ['x'] %}" + "{% set a = a + a + a + a + a + a + a + a %}" * 9 + "{{ a | length }}",
    "".join(f"{{% for i{n} in 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' | list %}}" for n in range(7))
    + "."
    + "{% endfor %}" * 7,
    "{% for a in domains %}{% for b in domains %}{% if a in domains %}{% endif %}{% endfor %}{% endfor %}",
    "{% for a in domains %}{% for b in domains %}" + "x" * 500 + "{% endfor %}{% endfor %}",
    "{% set t = 'x' | indent(300000, true) %}{% for a in domains %}{% for b in domains %}{% set y = t[::-1] %}"
    + "{% endfor %}{% endfor %}",
    "{% set t = 'x' | indent(300000, true) %}{% for a in domains %}{% for b in domains %}"
    + "{% if '  y' is in t %}{% endif %}{% endfor %}{% endfor %}",
    "{% set a = 'x' %}" + GROW + "{{ a }}",
    "{% set a = 'x' %}" + GROW + "{{ a | string | length }}",
    "{% set a = 'x' %}" + GROW + "{{ a ~ 'x' }}",
    "{% set a = 'x' %}"
    + GROW
    + "{% set b = 'x' %}"
    + GROW.replace("a", "b").replace("set b = [b", "set b = [b")
    + "{{ a == b }}",
    "{% set a = 'x' %}" + GROW + "{{ a | join | length }}",
    "{% set a = 'x' %}" + GROW + "{{ a | sort }}",
    "{{ 1.5 | round(1000000000) }}",
    "{{ 1.5 | round(999999999, 'ceil') }}",
    "{{ (domains | join) ~ (domains | join) ~ (domains | join) ~ (domains | join) }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 999999999999999999 * 999999999999999999 }}",
    "{{ 'x' * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
]


@pytest.mark.parametrize("text", BOMBS)
def test_what_grows_is_refused_before_it_has_grown(text) -> None:
    """In a moment, and without the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(TemplateError):
        render(text)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - before.ru_utime < 3.0
    assert after.ru_maxrss - before.ru_maxrss < 100_000  # KiB


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a'._loop }}",
        "{{ 'a' | _loop(0) }}",
        "{{ 'a' | _concat }}",
        "{{ [] | map('e') }}",
        "{{ domains.append('x') }}",
        "{{ ''.__class__ }}",
        "{{ cycler }}",
        "{{ range(9) }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ],
)
def test_what_is_not_there(text) -> None:
    """Neither calls nor globals nor our own filters."""
    with pytest.raises(TemplateError):
        render(text)


def test_every_evaluation_has_a_budget_of_its_own() -> None:
    """A message rendered for 100 people is not refused for the last one."""
    template = PLAIN.from_string("{{ domains | join(',') }}")
    for _ in range(20):
        template.render(**SCOPE)
    expression = PLAIN.compile_expression("'d9.example' in domains")
    assert all(expression(**SCOPE) for _ in range(200))


def test_the_budget_counts_what_it_is_given() -> None:
    """By size, inside too; and it is used up, not below it."""
    budget = Budget(10)
    assert budget.weigh("x" * 15) == "x" * 15 and budget.left == 9
    budget.weigh(["x", {"a": 1}])
    with pytest.raises(TemplateError):
        budget.spend(9)
    with pytest.raises(TemplateError):
        Budget().text(MAX_TEXT + 1)
    Budget().text(MAX_TEXT)


WORDS = st.sampled_from(
    ["domains", "'x'", "n", "[n, 'x']", "missing", "deep", "none", "{'a': domains}", "-1", "1e9", "true"]
)
ARGS = st.sampled_from(["", "(900000000)", "('x', 'yy')", "(true, 5)", "(-1)", "(none)", "('')", "(domains)"])


@settings(max_examples=300, deadline=None)
@given(WORDS, st.lists(st.tuples(st.sampled_from(FILTERS), ARGS), max_size=4))
def test_any_chain_of_filters_ends_in_a_moment(word, chain) -> None:
    """With a value, or with one of the errors that the caller knows."""
    began = time.process_time()
    try:
        render("{{ " + word + "".join(f" | {f}{a}" for f, a in chain) + " }}")
    except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, KeyError):
        pass
    assert time.process_time() - began < 3.0


def test_a_text_is_compiled_once_and_filled_each_time() -> None:
    """The same template object, and never the values of the last time."""
    box = Sandbox()
    first = box.from_string("{{ n }} of {{ domains | length }}")
    assert box.from_string("{{ n }} of {{ domains | length }}") is first
    assert [first.render(n=i, domains=["a"] * i) for i in (1, 2)] == ["1 of 1", "2 of 2"]


def test_a_text_that_does_not_compile_fails_each_time() -> None:
    """An error is not kept as a template."""
    box = Sandbox()
    for _ in range(2):
        with pytest.raises(TemplateError):
            box.from_string("{{ n ")
