"""Sentences of the program's own that are written down in English and can be said in the reader's language, too.

They are texts (``str``), so that books, logs and pages take them as they are; whoever writes to a person asks for the
person's language first. What a vendor or a person said is evidence, and stays as it was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.kernel.errors import BcpError
from bcp.pages.words import USUAL, words


class Said(str):
    """The sentence of a key with its values, in English. Make it with ``said``."""

    key: str
    values: Mapping[str, Any]

    def in_(self, language: str) -> str:
        """The same in this language; as it is where there is no catalogue of it."""
        found = words(language[:2])
        if found.language == USUAL:
            return str(self)
        return found(self.key, **{name: in_language(value, language) for name, value in self.values.items()})


class Reason(str):
    """Why something was refused or failed, as an error of ours says it in English. In another language it is said by
    its words where these are known, else by its rule; what is left is in the record. Make it with ``reason``."""

    rule: str

    def in_(self, language: str) -> str:
        """The English sentence in English; else the same, what its rule says, or where to look."""
        found = words(language[:2])
        if found.language == USUAL:
            return str(self)
        if (told := found.told(str(self), "reason.", "noted.")) != str(self):
            return told
        return in_rule(self.rule, language)


def said(key: str, **values: Any) -> Said:
    """The sentence of this key with these values. Raises ``KeyError`` for one that is not in the catalogue."""
    return written(words(USUAL)(key, **values), key, **values)


def written(english: str, key: str, **values: Any) -> Said:
    """A sentence that others wrote in English, and the key that says the same in other languages."""
    made = Said(english)
    made.key, made.values = key, values
    return made


def reason(message: str, rule: str = "") -> Reason:
    """Of an error: its message and its rule."""
    made = Reason(message)
    made.rule = rule
    return made


def because(error: BcpError) -> Reason:
    """Why an error of ours says no: of several faults that it lists the first, which is what there is to do first."""
    first = next(iter(getattr(error, "problems", ())), None)
    if first is None:
        return reason(error.message, error.rule)
    more = f" (the first of {len(error.problems)})" if len(error.problems) > 1 else ""  # type: ignore[attr-defined]
    return reason(f"{first.message}{more}", first.rule)


def in_rule(rule: str, language: str) -> str:
    """What this rule says, in this language; where to look for one that has no words (a plug-in's own)."""
    found = words(language[:2])
    if not rule:
        return found("ask.in-record")
    return found.known(f"rule.{rule}", found("ask.rule", rule=rule))


def in_language(text: Any, language: str) -> Any:
    """In this language where it is a sentence of ours; anything else as it is."""
    return text.in_(language) if isinstance(text, Said | Reason) else text
