"""What reports say, in each language: a catalogue of sentences in one data file a language (``en.json``, ``de.json``).

A key that a language lacks is a fault that the tests find. What a vendor or a person said is evidence and is shown as
it was written. Sentences that the program itself wrote down are kept in English, so that a record stays what it was;
``said`` and ``told`` say them in the reader's language.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from pkgutil import get_data

from bcp.pages.words.counts import counts

FOLDER = Path(__file__).parent
USUAL = "en"


def languages() -> tuple[str, ...]:
    """Languages in which a report can be written."""
    if FOLDER.is_dir():
        return tuple(sorted(p.stem for p in FOLDER.glob("*.json")))
    from zipfile import ZipFile  # the light way: all of bcp is one file

    with ZipFile(FOLDER.parents[2]) as file:
        inside = [Path(n) for n in file.namelist()]
    return tuple(sorted(p.stem for p in inside if p.suffix == ".json" and p.parts[-4:-1] == ("bcp", "pages", "words")))


def known_language(language: str) -> str:
    """The language itself where there is a catalogue of it, else English."""
    return language if language in languages() else USUAL


class Words:
    """The catalogue of one language."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language, self.texts = language, texts

    def __call__(self, key: str, **values: object) -> str:
        """The sentence of this key with its values. Raises ``KeyError`` for one that is not in the catalogue."""
        text = self.texts[key]
        return text.format(**values) if values else text

    def known(self, key: str, otherwise: str) -> str:
        """The sentence of this key; ``otherwise`` where the catalogue has none."""
        return self.texts.get(key, otherwise)

    def many(self, key: str, count: int, **values: object) -> str:
        """``1 person``, ``2 persons``: the sentence ``KEY.one`` or ``KEY.many``."""
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=count, **values)

    def listed(self, names: list[str]) -> str:
        """``a, b and c``."""
        if len(names) < 2:
            return "".join(names)
        return self("list.and", first=", ".join(names[:-1]), last=names[-1])

    def number(self, value: float, digits: int = 1) -> str:
        """A number as this language writes it; whole ones without a fraction."""
        said = f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{value:.0f}"
        return said.replace(".", self("number.point"))

    def percent(self, value: float | None) -> str:
        """``97.5 %``; empty for none."""
        return "" if value is None else f"{self.number(value)} %"

    def said(self, text: str, prefix: str) -> str:
        """A sentence of the program's own that was written down in English, in this language; any other as it is."""
        if self.language == USUAL or not text:
            return text
        key = _backwards(prefix).get(text)
        return self.texts[key] if key is not None else text

    def named(self, text: str) -> str:
        """The title of a shipped playbook, or the name of one of its steps, in this language; others are as they were
        written."""
        return self.said(text, "shipped.")

    def quoted(self, text: str) -> str:
        """What was written by others, or in English, marked as such for readers of another language."""
        return self("as-written", text=text) if text and self.language != USUAL else text

    def told_or_quoted(self, text: str, *prefixes: str) -> str:
        """``told``; words that stay as they were written are marked. Names (they have no blank) are not."""
        said = self.told(text, *prefixes)
        return self.quoted(said) if said == text and " " in text else said

    def told(self, text: str, *prefixes: str) -> str:
        """A sentence of the program's own that has values in it, in this language; any other as it is. Of several that
        were joined (``one; another``) each is told, and so are values that are sentences themselves (``INNER``)."""
        if self.language == USUAL or not text:
            return text
        found = self._one(text, prefixes)
        if found is not None:
            return found
        return "; ".join(self._one(p, prefixes) or counts(p, self.texts) or p for p in text.split("; "))

    def _one(self, text: str, prefixes: tuple[str, ...]) -> str | None:
        for pattern, key in _patterns(prefixes):
            if (match := pattern.fullmatch(text)) is not None:
                return self.texts[key].format(**{k: self.told(v, *INNER) for k, v in match.groupdict().items()})
        return None


INNER = ("value.", "reason.", "about.")
"""Keys of sentences that may stand in another one."""

ONE_WORD = frozenset({"id", "book", "channel"})
"""Values that have no blank in them: what fixes little else would fit too much."""


@lru_cache(maxsize=8)
def words(language: str = USUAL) -> Words:
    """The catalogue of this language, English where there is none."""
    name = known_language(language)
    raw = get_data(__name__, f"{name}.json")  # also from within a zip file
    assert raw is not None
    texts: dict[str, str] = json.loads(raw)
    return Words(name, texts)


@lru_cache(maxsize=8)
def _backwards(prefix: str) -> Mapping[str, str]:
    return {text: key for key, text in words().texts.items() if key.startswith(prefix)}


@lru_cache(maxsize=64)
def _patterns(prefixes: tuple[str, ...]) -> tuple[tuple[re.Pattern[str], str], ...]:
    """The English sentences below these prefixes as patterns of what was written; those that fix most come first."""
    found = [(key, text) for key, text in words().texts.items() if key.startswith(prefixes)]
    return tuple((re.compile(_pattern(text), re.DOTALL), key) for key, text in sorted(found, key=_fixed, reverse=True))


def _fixed(row: tuple[str, str]) -> int:
    return sum(len(literal) for literal, *_ in string.Formatter().parse(row[1]))


def _pattern(text: str) -> str:
    out, known = [], set[str]()
    for literal, name, _, _ in string.Formatter().parse(text):
        out.append(re.escape(literal))
        if name is not None:
            some = r"[\w.-]+" if name in ONE_WORD else ".+?"
            out.append(f"(?P={name})" if name in known else f"(?P<{name}>{some})")
            known.add(name)
    return "".join(out)
