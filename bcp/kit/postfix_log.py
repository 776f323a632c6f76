"""Postfix's log, read for one question: what became of each recipient of these messages. Pure.

A queue id is short-lived unless ``enable_long_queue_ids`` is set (postconf(5)): the same id can stand for another
message a month later. Its life ends with ``removed``; only the last life, and only lines that are not older than asked
for, are ours. ``postsuper -r`` gives a message a new id, which the log ties to the old one by ``orig_id=``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial

FINAL = frozenset({"sent", "bounced", "expired", "deleted"})
"""``deferred`` is not: it is tried again."""
_LINE = re.compile(
    r"^(?P<when>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+)?.*?"
    r"\bpostfix[^/\s]*/(?P<daemon>[\w/-]+?)\[\d+\]: (?P<id>[0-9A-Za-z]{6,20}): (?P<text>.*)$"
)
_TO = re.compile(r"^to=<(?P<to>[^>]*)>(?:, orig_to=<(?P<orig>[^>]*)>)?.*?, status=(?P<status>[\w-]+) ?(?P<detail>.*)$")
_GIVEN_UP = re.compile(r"^from=<[^>]*>, status=(?:force-)?expired")
_OLD_ID = re.compile(r"\borig_id=([0-9A-Za-z]{6,20})\b")
SLACK = timedelta(hours=26)
"""Lines without a zone are in the relay's local time."""


@dataclass(slots=True)
class Life:
    """What one queue id went through between its birth and ``removed``."""

    fates: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By recipient in lower case: (status, detail). Both the address delivered to and the one it was sent to."""
    all_left: tuple[str, str] | None = None
    """The fate of every recipient that has none of its own: expired, or deleted by a person."""
    follows: str = ""
    """The id under which it was queued before."""
    over: bool = False


def fates_of(text: str, wanted: Collection[str], *, since: float = 0.0, now: float | None = None) -> dict[str, Life]:
    """The last life of each wanted queue id, followed through every requeueing.

    ``since``: lines older than this (epoch seconds) speak of other messages. ``now`` dates lines that carry no year.
    """
    lives: dict[str, Life] = {}
    for match in _lines(text, since, now):
        ident, said = match["id"], match["text"]
        life = lives.get(ident)
        if life is None or (life.over and not _ends(said)):
            life = lives[ident] = Life()
        _take(life, match["daemon"], said)
    later: dict[str, list[str]] = {}
    for ident, life in lives.items():
        if life.follows:
            later.setdefault(life.follows, []).append(ident)
    return {i: _followed(i, lives, later) for i in wanted if i in lives}


def _lines(text: str, since: float, now: float | None) -> Iterator[re.Match[str]]:
    older = lru_cache(64)(partial(_is_older, since=since, now=now))  # most lines share their second with the one before
    for line in text.split("\n"):
        match = _LINE.match(line.rstrip("\r"))
        if match is not None and not (since and older(match["when"])):
            yield match


def _is_older(when: str | None, since: float, now: float | None) -> bool:
    """A line that cannot be dated is believed."""
    at = _at(when or "", now)
    return at is not None and at < datetime.fromtimestamp(since, UTC) - SLACK


def _at(when: str, now: float | None) -> datetime | None:
    """RFC 3339, journald's short-iso, or the classic form without a year (the last one that is not in the future)."""
    try:
        if when[:1].isdigit():
            found = datetime.fromisoformat(when)
            return found if found.tzinfo else found.replace(tzinfo=UTC)
        if not when or now is None:
            return None
        today = datetime.fromtimestamp(now, UTC)
        for year in (today.year, today.year - 1):
            found = datetime.strptime(f"{year} {when}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            if found <= today + SLACK:
                return found
    except ValueError:
        return None
    return None


def _ends(said: str) -> bool:
    """Lines that may come after ``removed`` and begin no new life."""
    return said.startswith(("removed", "sender non-delivery", "sender delay", "sender delivery status"))


def _take(life: Life, daemon: str, said: str) -> None:
    if to := _TO.match(said):
        if to["status"] in FINAL:
            for address in {to["to"].lower(), (to["orig"] or to["to"]).lower()}:
                life.fates[address] = (to["status"], to["detail"][:300])
    elif _GIVEN_UP.match(said):
        life.all_left = ("expired", "the relay gave up and told the sender")
    elif daemon == "postsuper" and said == "removed":
        life.all_left, life.over = ("deleted", "removed from the queue by a person (postsuper)"), True
    elif old := _OLD_ID.search(said):
        life.follows = old[1]
    elif said == "removed":
        life.over = True


def _followed(ident: str, lives: dict[str, Life], later: dict[str, list[str]]) -> Life:
    """One life out of all that a message had under its ids. A later id knows better. ``later``: by the id before."""
    out, seen = Life(), set[str]()
    at: str | None = ident
    while at is not None and at not in seen:
        seen.add(at)
        life = lives[at]
        out.fates.update(life.fates)
        out.all_left = life.all_left or out.all_left
        out.over = life.over
        at = next((new for new in later.get(at, ()) if new not in seen), None)
    return out
