"""The key of an effect in a run's ledger, as a value: which run, step, round, item and attempt, and what of it.

Written ``RUN/STEP[@ROUND][[ITEM]][!undo][#ATTEMPT][/PART...]``. A key is stable over ambiguous failures: whoever asks a
vendor or a server *did this happen?* asks with it. ``parse`` is the only place that takes one apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_STEP = re.compile(
    r"^(?P<step>[^@\[!#/]+)(?:@(?P<round>\d+))?(?:\[(?P<item>\d+)\])?(?P<undo>!undo)?(?:#(?P<attempt>\d+))?$"
)


@dataclass(frozen=True, slots=True)
class EffectKey:
    """One effect of one step. ``None``: the step has no rounds, items or attempts of its own."""

    run: str
    step: str
    round: int | None = None
    item: int | None = None
    attempt: int | None = None
    undo: bool = False
    parts: tuple[str, ...] = ()
    """Of a step that claims each of its effects itself: for a delivery the channel and the person."""

    def __str__(self) -> str:
        """The key as the ledger keeps it."""
        round_ = "" if self.round is None else f"@{self.round}"
        item = "" if self.item is None else f"[{self.item}]"
        attempt = "" if self.attempt is None else f"#{self.attempt}"
        head = f"{self.run}/{self.step}{round_}{item}{'!undo' if self.undo else ''}{attempt}"
        return "/".join((head, *self.parts))

    def try_(self, attempt: int) -> EffectKey:
        """The same effect, tried for the n-th time (from 0)."""
        return replace(self, attempt=attempt)

    def names(self, text: str) -> bool:
        """Does a person mean this effect by this text: its key, or its step?"""
        return text in (str(self), self.step)


def parse(text: str) -> EffectKey:
    """A key from the ledger.

    Raises:
        ValueError: it is none.
    """
    run, slash, rest = text.partition("/")
    head, *parts = rest.split("/")
    found = _STEP.match(head)
    if not run or not slash or found is None:
        raise ValueError(f"{text!r} is no key of an effect")
    round_, item, attempt = (None if found[n] is None else int(found[n]) for n in ("round", "item", "attempt"))
    return EffectKey(run, found["step"], round_, item, attempt, found["undo"] is not None, tuple(parts))


def step_of(text: str) -> str:
    """The step of a key; the text itself when it is no key (an order outside of a run)."""
    try:
        return parse(text).step
    except ValueError:
        return text
