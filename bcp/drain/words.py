"""What Exchange's answer means for a drain, read from what Postfix noted of the last try. Pure.

Sources: learn.microsoft.com, "Email non-delivery reports in Exchange Online" (5.2.121, 5.2.122, 4.7.26), "Fix error
code 451 4.7.500-699", "STOREDRV.Deliver" throttling (432 4.3.2); RFC 5321 section 4.2, RFC 3463.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_SAID = re.compile(
    r"(?:said|(?P<greeted>refused to talk to me)): (?P<reply>[245]\d\d)[ -](?:(?P<status>[245]\.\d{1,3}\.\d{1,3})\b)?"
)
HOUR_S = 3600.0
MINUTE_S = 60.0


class Told(StrEnum):
    """What an answer means."""

    THROTTLED = "throttled"
    """Too fast: slow down, it will be taken later."""
    MAILBOX = "mailbox"
    """This mailbox, or this pair, has had enough for now; others may go on."""
    REFUSED = "refused"
    """No for good."""
    KEPT = "kept"
    """It was not tried: the relay keeps it (``defer_transports``) until it is released once more."""
    TROUBLE = "trouble"
    """Another temporary failure: a connection, a time-out."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer and for how long the mail should rest; 0: as long as any other."""

    told: Told
    rest_s: float = 0.0


def read(reason: str) -> Reading:
    """What the reason of a deferral says."""
    if reason == "deferred transport":  # postfix/src/qmgr: what defer_transports keeps
        return Reading(Told.KEPT)
    found = _SAID.search(reason)
    if found is None:
        return Reading(Told.TROUBLE)
    code, status = found["reply"], found["status"] or ""
    if found["greeted"]:  # before any mail was named: too many connections, or too many mails in them
        return Reading(Told.THROTTLED if code.startswith("4") else Told.TROUBLE)
    if status in {"5.2.121", "5.2.122"}:  # the hourly limit of a mailbox: "try again in an hour"
        return Reading(Told.MAILBOX, HOUR_S)
    if code == "432":
        return Reading(Told.MAILBOX, MINUTE_S)
    if code.startswith("5"):
        return Reading(Told.REFUSED)
    if status.startswith("4.7.") or code == "421" or status in {"4.3.2", "4.4.318"}:
        return Reading(Told.THROTTLED)
    return Reading(Told.TROUBLE)
