"""What is really broken in an outage file, and what follows from it: harm and misses are judged by truth. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from bcp.contracts.plugin import Model
from bcp.detect.moments import Moment_

Name = Literal["none", "A", "B", "C", "D", "E", "E-edge", "F", "G", "H"]
MOVING = frozenset({"B", "E", "F"})
"""Classes in which moving MX keeps mail. ``E`` is that the MX host does not resolve; ``E-edge`` is only the web."""


def _classes(value: Any) -> Any:
    return value.replace("+", " ").split() if isinstance(value, str) else value


class TruthEntry(Model):
    """From when to when what is broken, of which domain."""

    from_: Moment_ | None = Field(default=None, alias="from")
    """When it begins. Empty: at the start."""
    until: Moment_ | None = None
    """When it is over. Empty: at the end."""
    class_: Annotated[
        list[Name],
        BeforeValidator(_classes),
        WithJsonSchema({"type": "string", "description": "none, A to H, E-edge; several as A+B."}),
    ] = Field(alias="class")
    """What is broken: `A` to `H`, `E-edge` for the web front door alone, `none`; several as `A+B`."""
    domain: str = ""
    """Of which domain. Empty: of all."""
    part: bool = False
    """True: of a part of the mail, so that a person must be asked, and no switch is due."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One entry in seconds after the start."""

    begin: float
    end: float
    classes: frozenset[str]
    domain: str = ""
    part: bool = False


def stretches(entries: Sequence[TruthEntry], start: float, length: float) -> tuple[Stretch, ...]:
    """The entries, in seconds. ``none`` is no class."""
    return tuple(
        Stretch(
            e.from_.seconds(start) if e.from_ else 0.0,
            e.until.seconds(start) if e.until else length,
            frozenset(e.class_) - {"none"},
            e.domain,
            e.part,
        )
        for e in entries
    )


def true_at(truth: Sequence[Stretch], t: float, domain: str = "", *, slack_s: float = 0.0) -> frozenset[str]:
    """Classes that hold of a domain (empty: of any) at ``t``, or held no longer ago than ``slack_s``."""
    mine = [s for s in truth if not domain or s.domain in {"", domain}]
    return frozenset().union(*(s.classes for s in mine if s.begin <= t < s.end + slack_s))


def letters(classes: frozenset[str]) -> frozenset[str]:
    """As the verdict names them: ``E-edge`` is E."""
    return frozenset(c[0] for c in classes)
