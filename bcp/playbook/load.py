"""A playbook file into a model whose every step has an id, a phase and its needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bcp.kernel.document import Document, Path_, explain, parse, read
from bcp.kernel.errors import Invalid
from bcp.playbook.model import PHASES, Playbook, Step


@dataclass(frozen=True, slots=True)
class Placed:
    """A step with its final id, its phase, what it waits for, and where it stands in the file."""

    id: str
    phase: str
    step: Step
    needs: tuple[str, ...]
    path: Path_


@dataclass(frozen=True, slots=True)
class Loaded:
    """A playbook, its steps in order, and its text."""

    book: Playbook
    document: Document
    steps: tuple[Placed, ...]

    def phase(self, name: str) -> list[Placed]:
        """The steps of one phase, in file order."""
        return [s for s in self.steps if s.phase == name]

    def step(self, step_id: str) -> Placed:
        """One step by id."""
        return next(s for s in self.steps if s.id == step_id)


def load(path: Path) -> Loaded:
    """Read a playbook file. Raises ``Invalid`` with every problem's position."""
    return _load(read(path))


@lru_cache(maxsize=32)
def loads(text: str, file: str = "<playbook>") -> Loaded:
    """The same from a text, such as the one kept in a plan. A run, its plan and its report ask for the same one many
    times: what a text means is worked out once, and nobody changes it."""
    return _load(parse(text, file))


def _load(document: Document) -> Loaded:
    if not isinstance(document.data, dict):
        raise Invalid.of(
            [
                document.problem(
                    (), "a playbook is a mapping: version, name, title, activation ...", rule="playbook.shape"
                )
            ]
        )
    try:
        book = Playbook.model_validate(document.data)
    except ValidationError as error:
        raise Invalid.of(explain(document, error, (), Playbook)) from error
    return Loaded(book, document, tuple(_place(book)))


def _place(book: Playbook) -> Iterator[Placed]:
    for phase in PHASES:
        earlier: Placed | None = None
        for index, (step, path) in enumerate(_entries(book, phase)):
            step_id = step.id or _automatic_id(phase, step, index)
            needs = (
                tuple(step.needs)
                if step.needs is not None
                else ((earlier.id,) if earlier and phase in _ORDERED else ())
            )
            earlier = Placed(step_id, phase, step, needs, path)
            yield earlier


_ORDERED = frozenset({"activation", "after"})


def _entries(book: Playbook, phase: str) -> list[tuple[Step, Path_]]:
    if phase in {"before", "after"}:
        steps: list[Step] = getattr(book.steady_state, phase)
        return [(s, ("steady_state", phase, i)) for i, s in enumerate(steps)]
    return [(s, (phase, i)) for i, s in enumerate(getattr(book, phase))]


def _automatic_id(phase: str, step: Step, index: int) -> str:
    word = "".join(c if c.isalnum() and c.isascii() else "-" for c in step.uses.lower()).strip("-")[:30]
    return f"{phase}-{word}-{index + 1}"


def settle_timeout(placed: Placed, book: Playbook) -> float:
    """Seconds this step may take."""
    return placed.step.timeout if placed.step.timeout is not None else book.defaults.timeout


def input_values(book: Playbook, given: dict[str, str]) -> dict[str, Any]:
    """The inputs as typed values.

    Raises:
        Invalid: for unknown, missing and mistyped ones.
    """
    from bcp.kernel.document import did_you_mean

    out: dict[str, Any] = {}
    for name in given:
        if name not in book.inputs:
            raise Invalid(f"{book.name} has no input {name!r}", hint=did_you_mean(name, book.inputs))
    for name, spec in book.inputs.items():
        if name in given:
            out[name] = _typed(name, spec.type, given[name])
        elif spec.default is not None:
            out[name] = spec.default
        elif spec.required:
            raise Invalid(f"the input {name!r} is required", hint=f"Add --input {name}=... {spec.description}".strip())
        else:
            out[name] = {"string": "", "number": 0, "boolean": False, "list": []}[spec.type]
    return out


def _typed(name: str, kind: str, text: str) -> Any:
    try:
        if kind == "number":
            return int(text) if text.isascii() and text.lstrip("-").isdigit() else float(text)
        if kind == "boolean":
            return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise Invalid(
            f"the input {name!r} must be a {kind}, not {text!r}", hint="Booleans are true or false."
        ) from error
    return [part.strip() for part in text.split(",") if part.strip()] if kind == "list" else text
