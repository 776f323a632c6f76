"""Which statements a public text makes about where mail goes: the truth as data, by language.

A text says what its words say, whichever template it came from: these are phrases of the shipped messages
(``test_words.py`` holds that every message that claims a place says so here, in each language and form, and that no
text says two things).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

SAYS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "relay": {
        "en": (
            r"kept by (?:our|the) backup", r"our backup keeps", r"mail to us is kept", r"new mail (?:to us )?is safe",
        ),
        "de": (
            r"bewahrt .{0,40}unser Ersatzsystem", r"unser Ersatzsystem bewahrt", r"nimmt (?:jetzt|weiter) unser",
            r"Mails an uns kommen später an",
            r"Neue(?: Mails)?(?: an uns)? sind (?:jetzt )?sicher",
        ),
    },
    "primary": {
        "en": (
            r"mail works again", r"mail from outside reaches us directly again", r"goes to Exchange (?:Online )?again",
            r"mail from outside arrives again", r"mail to us arrives again", r"mail to you works again",
        ),
        "de": (
            r"Mails? geh(?:t|en) wieder", r"erreichen uns .{0,20}Mails von außen wieder",
            r"Mails? von außen komm(?:t|en) wieder an", r"gehen Mails .{0,60}wieder an Exchange",
            r"gehen wieder an Exchange",
        ),
    },
}  # fmt: skip
"""Place, language, phrases. ``relay``: the backup keeps mail now; ``primary``: mail reaches Exchange now."""
_ALL = {
    place: re.compile("|".join(p for phrases in by.values() for p in phrases), re.IGNORECASE | re.DOTALL)
    for place, by in SAYS.items()
}


def places_in(text: str) -> set[str]:
    """Where mail goes, as this text says; empty: it does not say."""
    return {place for place, phrase in _ALL.items() if phrase.search(text)}
