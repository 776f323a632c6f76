"""What people answer: digits, counted by person, the latest one; who is silent. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bcp.contracts.channel import Inbound
from bcp.contracts.contact import Contact

_DIGIT = re.compile(r"^\W*([0-9])(?:\D|$)")


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's latest answer."""

    contact: str
    digit: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class AnswerTally:
    """Everybody in exactly one place: answered with a digit, said something else, or silent."""

    answered: tuple[Answer, ...]
    unclear: tuple[Answer, ...]
    silent: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """People by digit."""
        return dict(sorted(Counter(a.digit for a in self.answered).items()))


def digit_of(text: str) -> str:
    """The digit that an answer begins with; empty for anything else.
    ``1``, ``1 ok``, ``#2`` and ``(1)`` count; ``10`` does not."""
    found = _DIGIT.match(text.strip())
    return found[1] if found else ""


def tally(
    people: Sequence[Contact], inbound: Iterable[Inbound], since: float, allowed: Mapping[str, str]
) -> AnswerTally:
    """Who answered what since then. A later answer replaces an earlier one;
    one that is no digit asked for is unclear."""
    by_address = {a: p.id for p in people for a in (p.phone, p.email, p.slack) if a}
    latest: dict[str, Answer] = {}
    for message in sorted(inbound, key=lambda m: m.at):
        person = by_address.get(message.sender)
        if person is None or message.at < since:
            continue
        digit = digit_of(message.text)
        known = digit if not allowed or digit in allowed else ""
        if not known and person in latest and latest[person].digit:
            continue  # "thanks" after "1" does not undo the 1
        latest[person] = Answer(person, known, message.at, message.text[:160])
    answered = tuple(a for a in latest.values() if a.digit)
    unclear = tuple(a for a in latest.values() if not a.digit)
    silent = tuple(p.id for p in people if p.id not in latest)
    return AnswerTally(answered, unclear, silent)
