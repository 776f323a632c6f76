"""What a named person may do about the evidence, with a reason: another key, and times that cannot be.

Neither hides anything: both stand in a signed head, are stamped and left with witnesses, and are told by every check.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bcp.deeds.evidence.anchor import Taken, anchor
from bcp.deeds.evidence.key import next_key, signing_key
from bcp.deeds.who import Who
from bcp.kernel.errors import Invalid, Refused
from bcp.kernel.secret import Secret
from bcp.store import standalone, standalone_clock
from bcp.store.files.anchors import Anchored, AnchorLog
from bcp.store.sqlite.heads import Heads, audit_of, chains
from bcp.wiring import App


async def rotate(app: App, who: Who, reason: str, *, to: Secret | None = None, lost: bool = False) -> Taken:
    """Another key signs from now on. The old one signs for the new one, and stays valid for what it signed.

    ``to``: the new key, where the configuration names it (``evidence: key:``); else one is made in the state folder.
    ``lost``: the old key is not there any more; the new one signs alone, and every check says so.

    Raises:
        Refused: (``no-person``) nobody has a name here.
        Invalid: (``no-reason``), (``evidence-key``), (``evidence-other-key``), (``evidence-key-wanted``).
        StorageError: the statement cannot be written.
    """
    _named(who, reason)
    state, given = app.configuration.state, app.settings.evidence.key
    told = {"by": who.person, "reason": reason}
    if lost:
        return await _alone(app, told)
    if given is not None and to is None:
        text = "bcp.yaml names the key of the evidence, so the new one has to be named, too"
        raise Invalid(text, rule="evidence-key-wanted", hint="bcp evidence rotate REASON --to file:secrets/new.key")
    new = signing_key(state, to) if to is not None else next_key(state)
    if new.public == signing_key(state, given).public:
        raise Invalid("that is the key that signs now", rule="evidence-key-wanted", hint="Make a new one first.")
    taken = await anchor(app, extra=lambda found, now: {"rotation": {**told, "next": new.public}})
    if given is not None:  # nothing is signed until the configuration names the new one
        return taken
    return await anchor(app)


async def _alone(app: App, told: Mapping[str, str]) -> Taken:
    """The old key is gone: the new one signs by itself."""
    found = AnchorLog(app.configuration.state).read()
    key = signing_key(app.configuration.state, app.settings.evidence.key)
    if not found.next_key or key.public == found.next_key:
        text = "the key that signed the newest head is here: it is not lost"
        raise Refused(text, rule="evidence-key-there", hint="bcp evidence rotate, without --lost")
    rotation = {**told, "lost": True}
    return await anchor(app, extra=lambda found, now: {"rotation": rotation}, lost=True)


async def explain(app: App, who: Who, reason: str) -> tuple[Taken, tuple[str, ...]]:
    """Say why times of the evidence cannot be: a clock that was wrong, and was set. Everything of that kind that is
    there now, and that nobody explained, is covered; nothing else is. Returned are the head, and what was explained.

    Raises:
        Refused: (``no-person``), (``nothing-to-explain``).
        Invalid: (``no-reason``).
        StorageError: the evidence cannot be read, or the statement cannot be written.
    """
    _named(who, reason)
    if not _left(app):
        text = "there is nothing to explain: no clock was moved"
        raise Refused(
            text, rule="nothing-to-explain", hint="What else is altered cannot be explained: bcp audit verify"
        )
    await anchor(app)  # what is explained stands in a head first
    left = _left(app)

    def extra(found: Anchored, now: Heads) -> Mapping[str, Any]:
        covers = [[o.kind, o.chain, o.first, o.last] for o in left]
        return {"explained": [{"by": who.person, "at": app.clock.now(), "reason": reason, "covers": covers}]}

    return await anchor(app, extra=extra), tuple(o.text for o in left)


def _left(app: App) -> list[standalone_clock.Odd]:
    room = app.running.room
    statements = standalone.statements_of(AnchorLog(room.folder).read().records)[0]
    audit, there = audit_of(room)[0], chains(room)
    told = set(standalone_clock.clock_damage(statements, audit, there))
    return [o for o in standalone_clock.odd(statements, audit, there) if o.text in told]


def _named(who: Who, reason: str) -> None:
    who.must_be_a_person()
    if not reason.strip():
        raise Invalid("a reason is needed", rule="no-reason", hint="Say what happened, in a sentence.")
