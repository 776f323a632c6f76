"""The call tree: who calls whom when nothing else works. One page to print."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bcp.pages.render import page


@dataclass(slots=True)
class Person:
    """Somebody in the tree, with those below."""

    name: str
    phone: str = ""
    about: tuple[str, ...] = ()
    below: list[Person] = field(default_factory=list)


def tree_page(
    organisation: str, top: Sequence[Person], count: int, at: float, hotline: str = "", zone: str = ""
) -> str:
    """The page. ``at`` is when it was made (epoch seconds)."""
    values = {"organisation": organisation, "top": top, "count": count, "at": at, "hotline": hotline}
    return page("tree.html", values, zone)
