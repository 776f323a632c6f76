"""The account of mail as a section of a report: sums, a picture by hour, and who did not get their mail. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bcp.pages.plots import Bar
from bcp.pages.times import Times

WIDE, HIGH = 1000.0, 100.0
"""Units of the picture."""
SHOWN = 100
"""Recipients that are named on paper; the data name more."""
TONES = (("delivered", "ok"), ("waiting", "busy"), ("held", "busy"), ("bounced", "warn"), ("expired", "warn"),
         ("removed", "bad"), ("unknown", "bad"))  # fmt: skip
"""Fates from the bottom of a bar to its top."""
SUMS = (
    ("accepted", "Accepted"),
    ("delivered", "Delivered"),
    ("bounced", "Bounced"),
    ("expired", "Expired"),
    ("removed", "Removed"),
    ("held", "Held"),
    ("waiting", "Waiting"),
    ("unknown", "Fate not known"),
    ("sender_not_told", "Sender not told"),
    ("doubled", "Delivered twice"),
    ("perhaps_doubled", "Perhaps delivered twice"),
    ("late", "Late senders after the way back"),
)
_TOLD = {"told": "the sender was told", "no": "the sender was not told", "failed": "the bounce failed",
         "made": "a bounce is under way"}  # fmt: skip


def mail_section(data: Mapping[str, Any] | None, zone: str) -> dict[str, Any] | None:
    """What the template shows; ``None``: there is no account."""
    if not data:
        return None
    rows = [(label, int(data[key])) for key, label in SUMS if key == "accepted" or data.get(key)]
    named = list(data["by_name"])
    return {
        "sentence": _sentence(data),
        "rows": rows,
        "hours": _hours(data["hours"], zone),
        "named": [_named(r) for r in named[:SHOWN]],
        "more": max(0, len(named) - SHOWN),
        "warnings": list(data["warnings"]),
        "before": str(data.get("before_the_switch", "")),
    }


def _sentence(data: Mapping[str, Any]) -> str:
    if data["ends_meet"] and not data["open"]:
        return f"The ends meet: each of {data['accepted']} recipients has a known fate."
    if data["ends_meet"]:
        return f"{data['open']} of {data['accepted']} recipients still wait at the relay."
    return "The ends do not meet: see below what is missing."


def _hours(hours: Sequence[Mapping[str, Any]], zone: str) -> dict[str, Any] | None:
    """A bar an hour, its parts the fates."""
    if not hours:
        return None
    most, width, times = max(int(h["accepted"]) for h in hours), WIDE / len(hours), Times(zone)
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


def _named(row: Mapping[str, Any]) -> dict[str, str]:
    who = str(row["recipient"]) or f"{row['people']} recipient(s) that no line names"
    told = _TOLD.get(str(row["sender_told"]), "")
    return {
        "who": who,
        "from": str(row["from"]),
        "status": str(row["status"]),
        "why": "; ".join(t for t in (str(row["answer"])[:200], told) if t),
        "relay": f"{row['relay']} {row['queue_id']}",
    }
