"""Postfix's log, read for one question: what became of each recipient of these messages. Pure.

A queue id is short-lived unless ``enable_long_queue_ids`` is set (postconf(5)): the same id can stand for another
message a month later. Its life ends with ``removed``; only the last life, and only lines that are not older than asked
for, are ours. ``postsuper -r`` gives a message a new id, which the log ties to the old one by ``orig_id=``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC

from bcp.kit.log_dates import Dating
from bcp.kit.mail_log import Line, Not, Reader

FINAL = frozenset({"sent", "bounced", "expired", "deleted"})
"""``deferred`` is not: it is tried again."""
_BARE = re.compile(r"(?:[^\s:]+ +){0,4}postfix[^\s/]*/(?P<daemon>[\w/.-]+)\[\d+\]: (?P<text>.*)", re.DOTALL)
"""A line without a date that anybody can read: a few words of it, perhaps a host, then the program. A colon before that
is the end of another program's name: it quotes."""
_SAID = re.compile(r"(?P<id>[0-9A-Za-z]{5,25}): (?P<text>.*)", re.DOTALL)
_ADDRESS = r'<(?:"(?:[^"\\]|\\.)*"|[^">])*>'
_TO = re.compile(
    rf"to=(?P<to>{_ADDRESS})(?:, orig_to=(?P<orig>{_ADDRESS}))?.*?, status=(?P<status>[\w-]+) ?(?P<detail>.*)$",
    re.DOTALL,
)
_GIVEN_UP = re.compile(r"^from=<[^>]*>, status=(?:force-)?expired")
_OLD_ID = re.compile(r"\borig_id=([0-9A-Za-z]{6,20})\b")
SLACK_S = 26 * 3600.0
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
    for ident, daemon, said in _lines(text, since, now):
        life = lives.get(ident)
        if life is None or (life.over and not _ends(said)):
            life = lives[ident] = Life()
        _take(life, daemon, said)
    later: dict[str, list[str]] = {}
    for ident, life in lives.items():
        if life.follows:
            later.setdefault(life.follows, []).append(ident)
    return {i: _followed(i, lives, later) for i in wanted if i in lives}


class _NoYear(Dating):
    """Nobody knows what time it is: a date without a year says nothing."""

    def classic(self, text: str, year: int | None = None) -> float | None:
        return super().classic(text, year) if year is not None else None


def _lines(text: str, since: float, now: float | None) -> Iterator[tuple[str, str, str]]:
    """Queue id, daemon and words. A line that cannot be dated is believed."""
    reader = Reader(_NoYear(UTC, 0.0) if now is None else Dating(UTC, now))
    for raw in text.split("\n"):
        if "postfix" not in raw:
            continue
        found = reader.read(raw.encode("utf-8", "replace"))
        at, daemon, said = (found.at, found.daemon, found.text) if isinstance(found, Line) else _bare(found, raw)
        match = _SAID.match(said)
        if match is not None and not (since and at and at < since - SLACK_S):
            yield match["id"], daemon, match["text"]


def _bare(why: Not, raw: str) -> tuple[float, str, str]:
    found = _BARE.match(raw.rstrip("\r")) if why is Not.BROKEN else None
    return (0.0, found["daemon"].rpartition("/")[2], found["text"]) if found else (0.0, "", "")


def _ends(said: str) -> bool:
    """Lines that may come after ``removed`` and begin no new life."""
    return said.startswith(("removed", "sender non-delivery", "sender delay", "sender delivery status"))


def _take(life: Life, daemon: str, said: str) -> None:
    if to := _TO.match(said):
        if to["status"] in FINAL:
            for address in {to["to"][1:-1].lower(), (to["orig"] or to["to"])[1:-1].lower()}:
                life.fates[address] = (to["status"], to["detail"][:300])
    elif _GIVEN_UP.match(said):
        life.all_left = ("expired", "the relay gave up and told the sender")
    elif daemon == "postsuper" and said == "removed":
        life.all_left, life.over = ("deleted", "removed from the queue by a person (postsuper)"), True
    elif daemon == "pickup" and (old := _OLD_ID.search(said)):
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
