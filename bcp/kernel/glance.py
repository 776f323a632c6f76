"""A few values of a YAML file, read without building or checking the rest: for commands that must be quick and work
even where another part of the file is wrong."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import yaml

from bcp.kernel.document import read_text, yaml_problem
from bcp.kernel.errors import Invalid

MAX_BYTES = 20_000_000
"""Largest configuration that is read: ten thousand domains with their probes."""
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def glance(path: Path, wanted: Collection[tuple[str, ...]], must: tuple[str, ...] = ()) -> dict[tuple[str, ...], str]:
    """The scalars at these paths of mappings (``("organisation", "timezone")``), as they are written; no others.

    Read as YAML and not by a pattern: a key in a comment, in a block of text or deeper in another mapping is not the
    one that is meant. Of a key that is given twice the first counts; whoever checks the file refuses it.

    ``must``: the one that is needed. What is no YAML after it is forgiven, and what stands after that is not found.

    Raises:
        Invalid: the file cannot be read, or is no YAML up to where the last of them (or ``must``) stands.
    """
    text = read_text(path, limit=MAX_BYTES)
    found: dict[tuple[str, ...], str] = {}
    stack: list[list[str | None]] = []
    try:
        for event in yaml.parse(text, Loader=_Loader):
            _take(event, stack, wanted, found)
            if len(found) == len(wanted):
                break
    except yaml.YAMLError as error:
        if not must or must not in found:  # what was read before it stands
            raise Invalid.of([yaml_problem(error, str(path))]) from error
    return found


def _take(
    event: Any, stack: list[list[str | None]], wanted: Collection[tuple[str, ...]], found: dict[tuple[str, ...], str]
) -> None:
    """One event. ``stack``: of every open mapping its key that waits for a value; a list for each, ``["", None]`` for
    what is no mapping."""
    if isinstance(event, yaml.MappingStartEvent):
        stack.append([None])
    elif isinstance(event, yaml.SequenceStartEvent):
        stack.append(["", None])
    elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
        stack.pop()
        _value_over(stack)
    elif isinstance(event, yaml.ScalarEvent) and stack:
        top = stack[-1]
        if len(top) == 1 and top[0] is None:
            top[0] = str(event.value)
            return
        path = tuple(str(s[0]) for s in stack)
        if path in wanted and all(len(s) == 1 for s in stack):
            found.setdefault(path, str(event.value))
        _value_over(stack)
    elif isinstance(event, yaml.AliasEvent):
        _value_over(stack)


def _value_over(stack: list[list[str | None]]) -> None:
    """A value has been read: the mapping that it stands in waits for its next key. What stands where a key should be
    and is no text is a key that nobody asks for."""
    if stack and len(stack[-1]) == 1:
        stack[-1][0] = None if stack[-1][0] is not None else "?"
