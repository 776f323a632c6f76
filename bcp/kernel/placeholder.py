"""``{host}`` in words that are asked of one host after the other; what looks like it and is not is an error."""

from __future__ import annotations

import re

HOST = "{host}"
"""Stands for the host that is meant."""
_LIKE = re.compile(r"[$%]?\{+\s*host(?:s|name)?\s*\}+", re.IGNORECASE)


def host_words(words: list[str]) -> list[str]:
    """The same words.

    Raises:
        ValueError: one has a placeholder that would be handed on as it stands (``{hosts}``, ``{Host}``, ``${host}``).
    """
    for word in words:
        host_word(word)
    return words


def host_word(word: str) -> str:
    """The same for one word."""
    wrong = next((found for found in _LIKE.findall(word) if found != HOST), "")
    if wrong:
        raise ValueError(f"{wrong} is no placeholder: {HOST} stands for the host that is meant")
    return word
