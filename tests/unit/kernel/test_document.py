"""YAML as it is accepted here: how deep it may be nested."""

from __future__ import annotations

import pytest

from bcp.kernel.document import MAX_DEPTH, parse
from bcp.kernel.errors import Invalid


def lists(depth: int) -> str:
    """A list in a list in a list, on the second line."""
    return "# a comment\n" + "[" * depth + "]" * depth


def mappings(depth: int) -> str:
    """The same of mappings."""
    return "# a comment\n" + "{a: " * depth + "1" + "}" * depth


@pytest.mark.parametrize("made", [lists, mappings])
def test_what_is_nested_as_deep_as_allowed_is_read(made) -> None:
    level, depth = parse(made(MAX_DEPTH)).data, 0
    while isinstance(level, (list, dict)) and level:
        level, depth = (level[0] if isinstance(level, list) else level["a"]), depth + 1
    assert depth >= MAX_DEPTH - 1


@pytest.mark.parametrize("made", [lists, mappings])
@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 500])
def test_what_is_nested_deeper_is_refused_once_at_its_place(made, depth: int) -> None:
    """One problem, not one for every level below."""
    with pytest.raises(Invalid) as caught:
        parse(made(depth), "x.yaml")
    (problem,) = caught.value.problems
    assert (problem.rule, problem.file, problem.line) == ("yaml.depth", "x.yaml", 2)
    assert problem.column > MAX_DEPTH and str(MAX_DEPTH) in problem.message


@pytest.mark.parametrize("depth", [5_000, 100_000])
def test_what_is_nested_beyond_any_sense_is_no_fault_of_the_parser(depth: int) -> None:
    """It ends in words, not in the end of the process."""
    with pytest.raises(Invalid) as caught:
        parse(lists(depth))
    assert [p.rule for p in caught.value.problems] == ["yaml.syntax"]
