"""What every plug-in says of itself: one ``PLUGIN`` in its module, checked by mypy against its family's contract.

A module of ours lies in ``bcp/plugins/<family>/``. One from outside is named by an entry point in the group
``bcp.plugins.<family>``: the entry point's name is the kind, its value the module (or ``module:PLUGIN``).
This file is light on purpose: whoever only lists kinds pays for no pydantic and no plug-in.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from bcp.kernel.text import summary

API = 1
"""Version of all contracts together. It rises when a plug-in written for the last one would no longer work."""


class Maturity(StrEnum):
    """How far a plug-in may be relied upon."""

    STABLE = "stable"
    """Its settings keep their meaning; tested against the real thing or its published specification."""
    PREVIEW = "preview"
    """It works and is tested; its settings may still change, and the changelog says how."""
    EXPERIMENTAL = "experimental"
    """Try it in a lab. It may change or go without notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """Base of the descriptors, one subclass a family (``ChannelPlugin``, ``RelayPlugin`` ...),
    each beside its contract.

    A subclass narrows ``make`` to what the family's contract demands, and adds a ``create`` that calls it.
    """

    family: ClassVar[str]
    """Name of the family and of its folder."""
    promises: ClassVar[type[Any] | None] = None
    """What ``make`` must give: checked by mypy in the plug-in's own file,
    and again at run time where it came from outside."""

    api: int
    """For which ``API`` it was written. Another version is refused in words, before anything of it is called."""
    maturity: Maturity = Maturity.STABLE
    """How far it may be relied upon."""
    make: Callable[..., Any]
    """The class, or a function, that gives the living thing."""

    @property
    def kind(self) -> str:
        """What ``kind:`` (or ``uses:``, for actions) calls it."""
        raise NotImplementedError

    @property
    def doc(self) -> str:
        """One line for people: what stands behind ``kind:`` in the module's docstring,
        else what ``make`` says of itself."""
        module = sys.modules.get(getattr(self.make, "__module__", ""))
        return summary(module).partition("``: ")[2] or summary(self.make)
