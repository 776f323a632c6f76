"""YAML files with exact positions, and pydantic's findings translated into them.

The YAML accepted is deliberately small: YAML 1.2's core scalars (``yes``, ``no``, ``on``, ``off`` and ``12:30`` are
text, not booleans and numbers), no duplicate keys, no anchors or tags, bounded size and depth.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bcp.kernel.errors import Invalid, Problem
from bcp.kernel.text import byte_place

MAX_BYTES = 1_000_000
MAX_DEPTH = 40
Path_ = tuple[str | int, ...]

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]
    """Composes nodes with the scalars of YAML 1.2's core schema."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false|True|False|TRUE|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]{0,17})$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?(?:[0-9]{1,17}\.[0-9]{1,17}(?:[eE][-+]?[0-9]{1,2})?)$", "-+0123456789"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: plain data, and for each path in it the line and column where it stands."""

    file: str
    text: str
    data: Any
    keys: Mapping[Path_, tuple[int, int]] = field(repr=False)
    values: Mapping[Path_, tuple[int, int]] = field(repr=False)

    def place(self, path: Path_, *, key: bool = False) -> tuple[int, int]:
        """Line and column of a value (or of its key). Of the nearest parent when the path is not in the file."""
        table = self.keys if key else self.values
        while path:
            found = table.get(path) or self.values.get(path)
            if found:
                return found
            path = path[:-1]
        return self.values.get((), (1, 1))

    def problem(
        self, path: Path_, message: str, *, hint: str = "", rule: str = "", key: bool = False, severity: str = "error"
    ) -> Problem:
        """A problem at a path of this document."""
        line, column = self.place(path, key=key)
        return Problem(message, self.file, line, column, hint, rule, severity)


def read(path: Path, *, limit: int = MAX_BYTES) -> Document:
    """Read and parse a file of ``limit`` bytes at most.

    Raises:
        Invalid: when it cannot be read, is not UTF-8 or is not the YAML accepted here.
    """
    return parse(read_text(path, limit=limit), str(path))


def read_text(path: Path, *, limit: int = MAX_BYTES) -> str:
    """The text of a file of ``limit`` bytes at most. Raises ``Invalid``: it cannot be read, or is not UTF-8."""
    try:
        size = path.stat().st_size
        if size > limit:
            raise Invalid(f"{path} has {size} bytes; at most {limit} are read", hint="Is this the right file?")
        raw = path.read_bytes()
    except OSError as error:
        raise Invalid(
            f"cannot read {path}: {error.strerror or error}", hint="Check the path and its permissions."
        ) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "Save the file as UTF-8."
        problem = Problem("this byte is not UTF-8", str(path), *byte_place(error), hint, "yaml.encoding")
        raise Invalid.of([problem]) from error


def parse(text: str, file: str = "<text>") -> Document:
    """Parse a text; the same errors as ``read``."""
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise Invalid.of([yaml_problem(error, file)]) from error
    except (ValueError, RecursionError) as error:  # characters YAML forbids; nesting beyond any sense
        raise Invalid.of([Problem(f"this is not YAML: {error}", file, 1, 1, "", "yaml.syntax")]) from error
    finally:
        if loader is not None:
            loader.dispose()
    walk = _Walk(file)
    data = walk.build(node, (), 0) if node is not None else None
    if walk.problems:
        raise Invalid.of(walk.problems)
    return Document(file, text, data, walk.keys, walk.values)


def yaml_problem(error: yaml.YAMLError, file: str) -> Problem:
    """What is wrong with a text that is no YAML, and where."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    hint = "Indent with spaces, not tabs; quote text that contains ': ' or starts with { [ * & ! % @ `."
    return Problem(
        f"this is not YAML: {what}" + (f" ({context})" if context else ""), file, line, column, hint, "yaml.syntax"
    )


class _Walk:
    """Turns nodes into data and remembers where each stood."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.keys: dict[Path_, tuple[int, int]] = {}
        self.values: dict[Path_, tuple[int, int]] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()
        self._seen: set[int] = set()

    def build(self, node: Any, path: Path_, depth: int) -> Any:
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.values[path] = place
        if depth > MAX_DEPTH:
            return self._bad(place, f"nested deeper than {MAX_DEPTH} levels", "yaml.depth")
        if id(node) in self._seen and not isinstance(node, yaml.ScalarNode):
            return self._bad(place, "anchors and aliases are not accepted here", "yaml.alias", "Write it out twice.")
        self._seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:"):
            return self._bad(place, f"the tag {node.tag} is not accepted", "yaml.tag", "Remove it.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        return self._scalar(node, place)

    def _mapping(self, node: Any, path: Path_, depth: int) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._bad(place, "a key must be text", "yaml.key")
                continue
            key = key_node.value
            if key in out:
                first = self.keys[(*path, key)][0]
                self._bad(
                    place,
                    f"the key {key!r} stands here twice (first in line {first})",
                    "yaml.duplicate-key",
                    "Remove one.",
                )
                continue
            self.keys[(*path, key)] = place
            out[key] = self.build(value_node, (*path, key), depth + 1)
        return out

    def _scalar(self, node: Any, place: tuple[int, int]) -> Any:
        kind = node.tag.rsplit(":", 1)[1]
        text: str = node.value
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in {"int", "float"}:
            try:
                return int(text) if kind == "int" else float(text)
            except ValueError:
                return self._bad(place, f"{text!r} is no number", "yaml.tag", "Remove the tag.")
        if kind != "str":
            return self._bad(place, f"the tag !!{kind} is not accepted", "yaml.tag", "Remove it.")
        return text

    def _bad(self, place: tuple[int, int], message: str, rule: str, hint: str = "") -> None:
        if len(self.problems) < 20:
            self.problems.append(Problem(message, self.file, *place, hint, rule))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``Did you mean 'x'?`` or a list of what is known. A beginning goes before a likeness."""
    options = sorted(str(k) for k in known)
    begun = [o for o in options if len(word) >= 3 and o.startswith(word)]
    close = begun if len(begun) == 1 else difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(options[:20])}{', ...' if len(options) > 20 else '.'}" if options else ""


def explain(document: Document, error: Any, base: Path_, model: Any) -> list[Problem]:
    """Pydantic's ``ValidationError`` as problems with positions and, for unknown keys, a suggestion."""
    problems = []
    for entry in error.errors(include_url=False, include_context=True, include_input=False):
        path = base + _in_document(document, base, entry["loc"])
        problems.append(_one(document, path, entry, model))
    return problems


def _in_document(document: Document, base: Path_, loc: Iterable[str | int]) -> Path_:
    """Pydantic's path without the parts it adds itself (names of union members, ``function-before`` and the like)."""
    path: Path_ = ()
    for part in loc:
        candidate = (*path, part)
        if base + candidate in document.values or base + candidate in document.keys:
            path = candidate
        elif isinstance(part, str) and (
            "[" in part or part in {"function-before", "function-after"} or part[:1].isupper()
        ):
            continue
        else:
            path = candidate
    return path


def _one(document: Document, path: Path_, entry: Mapping[str, Any], model: Any) -> Problem:
    kind, name = entry["type"], (path[-1] if path else "")
    if kind == "extra_forbidden":
        hint = did_you_mean(str(name), _field_names(model, path))
        return document.problem(path, f"unknown key {name!r}", hint=hint, rule="unknown-key", key=True)
    if kind == "missing":
        return document.problem(
            path[:-1], f"the key {name!r} is missing", rule="missing-key", hint=f"Add {name}: under this entry."
        )
    message = str(entry["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in {"literal_error", "enum"}:
        expected = str(entry.get("ctx", {}).get("expected", ""))
        message = f"must be {expected}"
    if kind in NAMED and (there := _value(document.data, path)) is not None:
        message += f", not {there!r:.60}"
    said = next((str(p) for p in reversed(path) if isinstance(p, str)), "") if kind == "literal_error" else ""
    said = name if isinstance(name, str) else said
    return document.problem(path, f"{said}: {message}" if said else message, rule="value")


NAMED = frozenset({"literal_error", "enum", "greater_than", "greater_than_equal", "less_than", "less_than_equal"})
"""Kinds of mistakes of which the value that was found is said. It is a word or a number, and never a secret."""


def _value(data: Any, path: Path_) -> str | int | float | None:
    """The word or number that stands there."""
    for part in path:
        try:
            data = data[part]
        except (LookupError, TypeError):
            return None
    return data if isinstance(data, (str, int, float)) else None


def _field_names(model: Any, path: Path_) -> list[str]:
    """Names of the fields of the model that sits at the parent of this path."""
    for part in path[:-1]:
        fields = getattr(model, "model_fields", None)
        if fields and isinstance(part, str) and (found := _field(fields, part)) is not None:
            model = _inner_model(found.annotation)
        else:
            continue
    fields = getattr(model, "model_fields", {}) or {}
    return [f.alias or n for n, f in fields.items()]


def _field(fields: Mapping[str, Any], name: str) -> Any:
    return next((f for n, f in fields.items() if name in {n, f.alias}), None)


def _inner_model(annotation: Any) -> Any:
    """The model inside ``list[M]``, ``dict[str, M]``, ``M | None``."""
    import typing

    if hasattr(annotation, "model_fields"):
        return annotation
    for argument in typing.get_args(annotation):
        found = _inner_model(argument)
        if found is not None:
            return found
    return None
