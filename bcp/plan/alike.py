"""What is said of many domains in the same words, as one line. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

_OF_A_DOMAIN = re.compile(r"([\w-]+(?:\.[\w-]+)+): (.+)", re.DOTALL)
SHOWN = 3
"""So many domains are named; of the others their number is told."""


def together(messages: Iterable[str]) -> list[str]:
    """Each reason once, with the first of the domains that it is said of: a credential that has ended is one reason
    for a thousand of them."""
    found: dict[str, list[str]] = {}
    for message in messages:
        of = _OF_A_DOMAIN.fullmatch(message)
        found.setdefault(of[2] if of else message, []).extend([of[1]] if of else [])
    said = {text: names for text, names in found.items() if not repeated(text, found)}
    return [f"{_some(list(dict.fromkeys(names)))}: {text}" if names else text for text, names in said.items()]


def repeated(text: str, others: Container[str]) -> bool:
    """Does it end with what another one says alone: a check before a step and the step itself have one reason?
    ``others`` are looked up, not walked through: of ten thousand domains each may have a reason of its own."""
    parts = text.split(": ")
    return any(": ".join(parts[i:]) in others for i in range(1, len(parts)))


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
