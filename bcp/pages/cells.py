"""Annexes as values that one template draws: sections with pairs and tables of cells. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bcp.kernel.units import format_duration
from bcp.pages.words import Words

WRITTEN = ("reason.", "noted.", "from.", "mail.warn.", "scenario.")
"""Keys of sentences that the program writes into records."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Something that is shown: words, a time, a state, a hash, or a list of words."""

    value: object = ""
    kind: Literal["text", "time", "state", "code", "list", "none"] = "text"


@dataclass(frozen=True, slots=True)
class Pair:
    """A name and what is said of it. ``name``: the field of the record, for programs that read the page."""

    field: str
    label: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; ``more`` stands below it over its whole width."""

    cells: tuple[Cell, ...]
    more: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its first column names the row."""

    field: str
    heads: tuple[str, ...]
    rows: tuple[Row, ...]
    empty: str = ""
    """What is said where there is no row."""
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One annex."""

    id: str
    title: str
    note: str = ""
    """Where its figures come from."""
    pairs: tuple[Pair, ...] = ()
    tables: tuple[Table, ...] = field(default=())


class Cells:
    """Makers of cells in one language: what is empty says so."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def none(self, key: str = "not-stated") -> Cell:
        """Nothing is known of it, in words."""
        return Cell(self.words(key), "none")

    def text(self, value: object, empty: str = "not-stated") -> Cell:
        """Words; a sentence that says that there are none."""
        said = "" if value is None else str(value)
        return Cell(said) if said else self.none(empty)

    def span(self, begun: float, ended: float) -> Cell:
        """How long it took; not known where one of both is not, or where the clock was set back meanwhile."""
        known = begun and ended and ended >= begun
        return self.text(format_duration(round(ended - begun, 1)) if known else "", "not-known")

    def told(self, value: object, empty: str = "not-stated") -> Cell:
        """Words that the program wrote down in English, in the reader's language; others as they are."""
        said = "" if value is None else self.words.told_or_quoted(str(value), *WRITTEN)
        return Cell(said) if said else self.none(empty)

    def all_told(self, values: Iterable[object], empty: str = "none") -> Cell:
        """Several of those."""
        return self.listed((self.words.told_or_quoted(str(v), *WRITTEN) for v in values), empty)

    def time(self, at: object, empty: str = "not-known") -> Cell:
        """A moment; 0 is none."""
        return Cell(float(at), "time") if isinstance(at, int | float) and at else self.none(empty)

    def code(self, value: object, empty: str = "none") -> Cell:
        """A hash, a name of a file, something typed."""
        return Cell(str(value), "code") if value else self.none(empty)

    def state(self, value: object, empty: str = "not-known") -> Cell:
        """A state in its colour and word."""
        return Cell(str(value), "state") if value else self.none(empty)

    def listed(self, values: Iterable[object], empty: str = "none") -> Cell:
        """Several."""
        found = [str(v) for v in values]
        return Cell(found, "list") if found else self.none(empty)

    def flag(self, value: object) -> Cell:
        """Yes, no, or not known."""
        return self.none("not-known") if value is None else Cell(self.words("yes" if value else "no"))

    def pair(self, name: str, cell: Cell) -> Pair:
        """A field of the record with its label."""
        return Pair(name, self.words(f"label.{name}"), cell)

    def table(self, name: str, heads: Sequence[str], rows: Iterable[Row], empty: str = "none") -> Table:
        """A table; ``heads`` are keys of the catalogue."""
        return Table(name, tuple(self.words(f"head.{h}") for h in heads), tuple(rows), self.words(empty))

    def section(self, name: str, pairs: Iterable[Pair] = (), tables: Iterable[Table] = (), note: str = "") -> Section:
        """An annex with its title; ``note`` is a key of the catalogue."""
        said = self.words(f"how.{note}") if note else ""
        return Section(name, self.words(f"annex.{name}"), said, tuple(pairs), tuple(tables))
