"""How much work one evaluation of an expression or template may be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2.exceptions import SecurityError

MAX_WORK = 1_000_000
"""Characters, list items and loop rounds together. A list of 10,000 domains joined to one text is 200,000."""
MAX_TEXT = 400_000
"""Characters of one text, which is never made longer."""


class Budget:
    """What is left. ``spend`` raises ``SecurityError`` (of Jinja2) when it is used up, before the work is done."""

    __slots__ = ("left",)

    def __init__(self, left: int = MAX_WORK) -> None:
        self.left = left

    def spend(self, amount: float) -> None:
        """Take from it."""
        self.left -= int(amount) + 1
        if self.left < 0:
            raise SecurityError("this is too much work for an expression")

    def weigh(self, value: Any) -> Any:
        """The same value; its size is taken from the budget, with everything inside of it."""
        if isinstance(value, str):
            self.spend(len(value) / 16)
        elif isinstance(value, Mapping):
            self.spend(len(value))
            for key, inner in value.items():
                self.weigh(key)
                self.weigh(inner)
        elif isinstance(value, (list, tuple, set, frozenset)):
            self.spend(len(value))
            for inner in value:
                self.weigh(inner)
        return value

    def text(self, length: int) -> None:
        """A text of this length is about to be made."""
        if length > MAX_TEXT:
            raise SecurityError(f"this text would have more than {MAX_TEXT} characters")
        self.spend(length)

    def rounds(self, values: Iterable[Any], weight: int) -> Iterator[Any]:
        """Each value of a loop whose body writes ``weight`` characters of its own."""
        for value in values:
            self.spend(weight)
            yield value
