"""The account of mail as a section of a report: sums, a picture by hour, and who did not get their mail. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bcp.pages.plots import Bar
from bcp.pages.times import Times
from bcp.pages.words import USUAL, Words, words

ENGLISH = words()

WIDE, HIGH = 1000.0, 100.0
"""Units of the picture."""
SHOWN = 100
"""Recipients that are named on paper; the data name more."""
TONES = (("delivered", "ok"), ("waiting", "busy"), ("held", "busy"), ("bounced", "warn"), ("expired", "warn"),
         ("removed", "bad"), ("unknown", "bad"))  # fmt: skip
"""Fates from the bottom of a bar to its top."""
SUMS = (
    "accepted", "delivered", "bounced", "expired", "removed", "held", "waiting", "unknown",
    "sender_not_told", "doubled", "perhaps_doubled", "late",
)  # fmt: skip
"""Rows of the table; each but the first is shown where it is not 0."""


def mail_section(data: Mapping[str, Any] | None, zone: str, w: Words = ENGLISH) -> dict[str, Any] | None:
    """What the template shows; ``None``: there is no account."""
    if not data:
        return None
    rows = [(w(f"mail.sum.{key}"), int(data[key])) for key in SUMS if key == "accepted" or data.get(key)]
    named = list(data["by_name"])
    return {
        "sentence": _sentence(data, w),
        "rows": rows,
        "hours": _hours(data["hours"], Times(zone, w.language)),
        "named": [_named(r, w) for r in named[:SHOWN]],
        "more": max(0, len(named) - SHOWN),
        "warnings": [_warned(str(text), w) for text in data["warnings"]],
        "before": w.said(str(data.get("before_the_switch", "")), "mail.before"),
    }


def _sentence(data: Mapping[str, Any], w: Words) -> str:
    if not data["ends_meet"]:
        return w("mail.apart")
    return w("mail.wait", **data) if data["open"] else w("mail.meet", **data)


def _hours(hours: Sequence[Mapping[str, Any]], times: Times) -> dict[str, Any] | None:
    """A bar an hour, its parts the fates."""
    if not hours:
        return None
    most, width = max(int(h["accepted"]) for h in hours), WIDE / len(hours)
    bars, words = list[Bar](), list[str]()
    for i, hour in enumerate(hours):
        base = HIGH
        for name, tone in TONES:
            height = HIGH * int(hour.get(name, 0)) / max(most, 1)
            base -= height
            if height:
                bars.append(Bar(tone, round(i * width, 1), round(base, 1), round(width * 0.8, 1), round(height, 1)))
        words.append(f"{times.when(hour['hour'])}: {hour['accepted']}")
    return {"bars": bars, "words": "; ".join(words), "first": times.when(hours[0]["hour"]), "most": most,
            "last": times.when(hours[-1]["hour"])}  # fmt: skip


_REMARK = re.compile(r"(?P<where>.+?: \S+: )(?P<text>.+) \[(?P<code>[a-z-]+)\]", re.DOTALL)
"""What an agent or our ledger remarked: relay and time, words, and the code that says the same."""


def _warned(text: str, w: Words) -> str:
    """What may be missing from the account, in this language."""
    if w.language == USUAL:
        return text
    if (found := _REMARK.fullmatch(text)) is None:
        return w.told(text, "mail.warn.")
    return f"{found['where']}{w.known('mail.remark.' + found['code'], found['text'])} [{found['code']}]"


def _named(row: Mapping[str, Any], w: Words) -> dict[str, str]:
    who = str(row["recipient"]) or w("mail.unnamed", count=row["people"])
    told = w.known(f"mail.told.{row['sender_told']}", "")
    return {
        "who": who,
        "from": str(row["from"]),
        "status": w.known(f"mail.fate-of.{row['status']}", str(row["status"])),
        "why": "; ".join(t for t in (str(row["answer"])[:200], told) if t),
        "relay": f"{row['relay']} {row['queue_id']}",
    }
