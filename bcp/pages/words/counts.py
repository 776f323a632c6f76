"""Counts that a step wrote down (``sms 3 (1 failed), mail 2``; ``5 delivered, 1 waiting``) in another language."""

from __future__ import annotations

import re
from collections.abc import Mapping

_WORDS = "delivered|bounced|expired|removed|held|waiting|unknown|failed|in doubt|stopped before they left"
_COUNT = re.compile(rf"(?P<count>\d+) (?P<word>{_WORDS})")
_ROW = re.compile(rf"[\w.-]+ \d+(?: \(\d+ (?:{_WORDS})\))*|\d+ (?:{_WORDS})")


def counts(text: str, texts: Mapping[str, str]) -> str | None:
    """The same with its words from ``texts`` (keys ``tally.WORD``); ``None``: it is no such list of counts."""
    if not all(_ROW.fullmatch(row) for row in text.split(", ")):
        return None
    return _COUNT.sub(lambda m: f"{m['count']} {texts['tally.' + m['word'].replace(' ', '-')]}", text)
