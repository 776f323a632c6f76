"""YAML as it is accepted here: how deep it may be nested, what may be a key, and in which encoding."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from bcp.kernel.document import MAX_DEPTH, explain, parse, read
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


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "? {a: 1}\n: 1\n", "x: 1\n? [a]\n: 1\n"])
def test_only_text_is_a_key(text: str) -> None:
    """Other keys have no name that a message or a path could show."""
    with pytest.raises(Invalid) as caught:
        parse(text)
    (problem,) = caught.value.problems
    assert problem.rule == "yaml.key" and problem.line == (2 if text.startswith("x") else 1)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path, encoding: str) -> None:
    """No question mark ever stands in somebody's name."""
    path = tmp_path / "x.yaml"
    path.write_bytes("a: 1\nb: Müller\n".encode(encoding))
    with pytest.raises(Invalid) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert (problem.rule, problem.file) == ("yaml.encoding", str(path)) and "UTF-8" in problem.hint
    assert (problem.line, problem.column) == ((2, 5) if encoding == "cp1252" else (1, 1))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_utf_8_is_read_with_and_without_its_mark(tmp_path, encoding: str) -> None:
    """Windows' editors write one."""
    path = tmp_path / "x.yaml"
    path.write_bytes("b: Müller\n".encode(encoding))
    assert read(path).data == {"b": "Müller"}


class Door(BaseModel):
    """A model with a word and a number."""

    kind: Literal["front", "back"]
    port: int = Field(le=65535)


def test_an_error_about_a_value_names_the_value_that_was_found() -> None:
    """Whoever reads it need not look the line up."""
    document = parse("kind: bakc\nport: 70000\n")
    with pytest.raises(ValidationError) as caught:
        Door.model_validate(document.data)
    kind, port = explain(document, caught.value, (), Door)
    assert kind.message == "kind: must be 'front' or 'back', not 'bakc'" and (kind.line, kind.column) == (1, 7)
    assert port.message.endswith(", not 70000") and port.line == 2
