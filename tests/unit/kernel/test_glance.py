"""A value of bcp.yaml is found as YAML finds it, not as a pattern would."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.document import parse
from bcp.kernel.errors import Invalid
from bcp.kernel.glance import glance

STATE, ZONE = ("state",), ("organisation", "timezone")


def look(folder: Path, text: str) -> dict[tuple[str, ...], str]:
    path = folder / "bcp.yaml"
    path.write_text(text, encoding="utf-8")
    return glance(path, (STATE, ZONE))


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("state: here\n", "here"),
        ("state : here\n", "here"),
        ('"state": here\n', "here"),
        ("'state':\n  here\n", "here"),
        ("{version: 1, state: here}\n", "here"),
        ("state: 'it''s here'\n", "it's here"),
        ('state: "a\\tb # c"\n', "a\tb # c"),
        ("state: a#b # and a comment\n", "a#b"),
        ("notes: |\n  x\nstate: here\n", "here"),
        ("notes: >-\n\n  text\n\n  state: not this\nstate: here\n", "here"),
        ("other: {state: not this}\nstate: here\n", "here"),
        ("list:\n- state: not this\nstate: here\n", "here"),
        ("? {a: b}\n: state\nstate: here\n", "here"),
        ("? [state]\n: not this\nstate: here\n", "here"),
        ("\ufeffstate: here\n", "here"),
        ("state: >-\n  a long\n  name\n", "a long name"),
        ("state: first\nstate: second\n", "first"),
        ("state: here\norganisation: {timezone: UTC}\nbroken: [\n", "here"),
    ],
)
def test_where_it_stands(tmp_path: Path, text: str, state: str) -> None:
    assert look(tmp_path, text)[STATE] == state


@pytest.mark.parametrize("text", ["# state: no\n", "other:\n  state: no\n", "- state: no\n", "", "just text", "[]"])
def test_where_it_does_not_stand(tmp_path: Path, text: str) -> None:
    assert STATE not in look(tmp_path, text)


def test_a_value_inside_another(tmp_path: Path) -> None:
    text = "timezone: no\norganisation:\n  name: X\n  more: {timezone: no}\n  timezone: Europe/Berlin\n"
    assert look(tmp_path, text) == {ZONE: "Europe/Berlin"}


def test_what_is_no_yaml_is_said_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as found:
        look(tmp_path, "version: 1\n\tstate: here\n")
    (problem,) = found.value.problems
    assert (problem.line, problem.rule) == (2, "yaml.syntax")
    with pytest.raises(Invalid):
        glance(tmp_path / "none.yaml", (STATE,))


NAMES = st.sampled_from(["state", "timezone", "organisation", "x"])
TREES = st.recursive(
    st.text("ab: #'\"", min_size=1, max_size=6),
    lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=12,
)


@given(tree=st.dictionaries(NAMES, TREES, min_size=1, max_size=4))
def test_it_finds_what_the_whole_reader_finds(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    import yaml

    text = yaml.safe_dump(tree)
    data = parse(text).data
    want = {}
    if isinstance(data.get("state"), str):
        want[STATE] = data["state"]
    inner = data.get("organisation")
    if isinstance(inner, dict) and isinstance(inner.get("timezone"), str):
        want[ZONE] = inner["timezone"]
    found = look(tmp_path_factory.mktemp("g"), text)
    assert {k: v for k, v in found.items() if k in want} == want
    assert set(found) == set(want)
