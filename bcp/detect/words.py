"""A person's word: "it is B", "it is not", "we are in maintenance until 14:00". It weighs, is shown, and ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PLANES_OF: dict[str, tuple[str, ...]] = {
    "A": ("mailbox",),
    "B": ("inbound",),
    "C": ("outbound",),
    "D": ("auth",),
    "E": ("dns", "edge"),
    "F": ("inbound",),
    "G": ("gateway",),
    "H": ("zone",),
}
"""What a class is an outage of."""
IS, IS_NOT, MAINTENANCE, WITHDRAWN = "is", "is-not", "maintenance", "withdrawn"
KINDS = (IS, IS_NOT, MAINTENANCE, WITHDRAWN)
LONGEST_S = 24 * 3600.0
"""A word ends by itself after a day at the latest."""


@dataclass(frozen=True, slots=True)
class Word:
    """One declaration. Times are wall time."""

    kind: str
    """``is``, ``is-not``, ``maintenance``, or ``withdrawn``, which takes back what the same person said."""
    who: str
    at: float
    until: float
    outage_class: str = ""
    """With ``is``: A to H."""
    text: str = ""

    def say(self) -> str:
        """For people."""
        what = {
            IS: f"says that it is class {self.outage_class}",
            IS_NOT: "says that it is no outage",
            MAINTENANCE: "has declared maintenance",
            WITHDRAWN: "takes back what they said",
        }[self.kind]
        return f"{self.who} {what}{': ' + self.text if self.text else ''}"


def active(words: Iterable[Word], wall: float) -> tuple[Word, ...]:
    """Those that hold now: the newest of each person and kind, not over, not from the future, not taken back.

    What contradicts itself ("it is", "it is not" by one person) is what was said last.
    """
    newest: dict[tuple[str, str], Word] = {}
    for word in sorted(words, key=lambda w: w.at):
        if word.kind not in KINDS or word.at > wall:
            continue
        topic = MAINTENANCE if word.kind == MAINTENANCE else "outage"
        if word.kind == WITHDRAWN:
            newest = {k: w for k, w in newest.items() if k[0] != word.who}
        else:
            newest[(word.who, topic)] = word
    return tuple(w for w in newest.values() if w.at <= wall < min(w.until, w.at + LONGEST_S))


def backed_by(words: Iterable[Word]) -> frozenset[str]:
    """Planes that persons say are down."""
    return frozenset(p for w in words if w.kind == IS for p in PLANES_OF.get(w.outage_class, ()))
