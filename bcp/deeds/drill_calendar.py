"""The calendar of exercises: scheduled, reminded of, begun in their windows, missed and said so, planned again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bcp.contracts.exercise_book import DrillEvent
from bcp.deeds.who import RUN, Ground, Who
from bcp.drills.calendar import Act, Facts, Slot, judge, next_turn, read_slot, said_by, slot_of, window_of
from bcp.drills.fold import fold
from bcp.kernel.errors import Refused
from bcp.kernel.ids import new_id, new_token
from bcp.wiring import App

AHEAD_S = 3600.0
"""What was written down by so much in the future was written by a clock that was wrong."""


@dataclass(frozen=True, slots=True)
class Wish:
    """When somebody wants it."""

    wall: str
    zone: str = ""
    """Empty: the organisation's."""
    window_s: float = 3600.0
    every: str = ""
    surprise: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """An exercise that is scheduled and has not begun."""

    drill: str
    kind: str
    title: str
    slot: Slot
    reminded: frozenset[float]


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be done with a planned exercise now."""

    planned: Planned
    act: Act


def schedule(ground: Ground, who: Who, drill: str, wish: Wish) -> Slot:
    """Put it into the calendar, or at another time. Chance is drawn now and kept, so that a restart changes nothing.

    Raises:
        Refused: ``not-allowed``; ``drill-over``; ``in-the-past``.
        Missing: ``no-such-drill``.
        Invalid: ``no-time``, ``no-zone``, ``no-recurrence``, ``no-window``.
    """
    who.must(RUN)
    app = ground.app
    name = app.running.drills.find(drill)
    events = app.running.drills.events(name)
    found = fold(events)
    if found.record.state != "planned":
        hint = "Make the next one: bcp drill new"
        raise Refused(f"{name} is {found.record.state}", rule="drill-over", hint=hint)
    zone = wish.zone or app.settings.organisation.timezone
    slot = read_slot(wish.wall, zone, wish.window_s, wish.every, surprise=wish.surprise, seed=new_token(16))
    if window_of(slot)[1] <= app.clock.now():
        raise Refused(f"{wish.wall} is over", rule="in-the-past", hint="Name a time that is to come.")
    _write(app, name, who.person, slot, after=found.seq)
    return slot


def _write(app: App, drill: str, actor: str, slot: Slot, *, after: int) -> None:
    opens, closes = window_of(slot)
    data = {"at": opens, "until": closes, "surprise": slot.surprise, "slot": slot.to_data()}
    app.running.drills.append(drill, "scheduled", actor, data, after=after)


def planned(app: App) -> list[Planned]:
    """Everything in the calendar that has not begun, the next one first."""
    out = []
    for name in app.running.drills.drills():
        events = app.running.drills.events(name)
        found = fold(events)
        slots = [e for e in events if e.kind == "scheduled"]
        if found.record.state == "planned" and slots:
            slot = slot_of(slots[-1].data["slot"])
            title, kind = found.record.title, found.record.kind
            out.append(Planned(name, kind, title, slot, _reminded(events, slots[-1].seq)))
    return sorted(out, key=lambda p: window_of(p.slot)[0])


def _reminded(events: list[DrillEvent], since: int) -> frozenset[float]:
    rows = [e for e in events if e.kind == "reminded" and e.seq > since]
    return frozenset(float(r) for e in rows for r in e.data.get("before", ()))


def due(app: App, *, playing: bool, trouble: str) -> list[Due]:
    """What is to be done now; what waits is left out."""
    now = app.clock.now()
    found = [Due(p, judge(p.slot, Facts(now, p.reminded, playing, trouble))) for p in planned(app)]
    return [d for d in found if d.act.what != "wait"]


def still_due(app: App, one: Due, *, playing: bool, trouble: str) -> bool:
    """Is that still what is to be done with it? Asked at the moment of the deed: meanwhile others were told, which
    takes its time, and people may have moved or called it off, or an outage begun."""
    events = app.running.drills.events(one.planned.drill)
    slots = [e for e in events if e.kind == "scheduled"]
    if fold(events).record.state != "planned" or not slots:
        return False
    slot, told = slot_of(slots[-1].data["slot"]), _reminded(events, slots[-1].seq)
    return slot == one.planned.slot and judge(slot, Facts(app.clock.now(), told, playing, trouble)) == one.act


def note_reminded(app: App, one: Due, sent: int, failed: int) -> None:
    """A reminder went out, for itself and for those that nobody was there to send."""
    before = sorted({*said_by(one.planned.slot, one.act.remind_s), one.act.remind_s})
    app.running.drills.append(one.planned.drill, "reminded", "bcp", {"before": before, "sent": sent, "failed": failed})


def miss(app: App, one: Due) -> str:
    """It was not begun in its window: the next turn is planned, and it is said; returns the next one's id, or nothing.
    In this order, so that a kill in between leaves no series without a next turn."""
    following = again(app, one.planned.drill, one.planned.slot)
    reason = one.act.why
    if more := _gone_by(app, one.planned.slot, following):
        reason += f"; {more} more of its series went by unplanned"
    app.running.drills.append(one.planned.drill, "missed", "bcp", {"reason": reason})
    return following


def _gone_by(app: App, slot: Slot, following: str) -> int:
    """How many turns lie between a missed one and the one that follows it: nobody was there for these either."""
    slots = [e for e in app.running.drills.events(following) if e.kind == "scheduled"] if following else []
    return max(0, slot_of(slots[-1].data["slot"]).turn - slot.turn - 1) if slots else 0


def again(app: App, drill: str, slot: Slot) -> str:
    """The next turn of one that recurs, as a new exercise with the same outline; empty: there is none. Made once: what
    a process that was killed has begun of it is gone on with."""
    book = app.running.drills
    events = book.events(drill)
    if (known := next((e for e in events if e.kind == "next"), None)) is not None:
        return str(known.data.get("id", ""))
    made = _follower(app, drill)
    slots = [e for e in book.events(made) if e.kind == "scheduled"] if made else []
    found = slot_of(slots[-1].data["slot"]) if slots else next_turn(slot, app.clock.now())
    if found is None:
        return ""
    outline = _outline(events)
    if not made:
        made = new_id("drill", app.clock.now())
        book.append(made, "created", events[0].actor, {**outline, "follows": drill}, after=0)
    if not slots:
        _write(app, made, events[0].actor, found, after=book.events(made)[-1].seq)
    opens, _ = window_of(found)
    kind = outline["record"]["kind"]
    book.append(drill, "next", "bcp", {"at": opens, "id": made, "kind": kind, "schedule": found.every})
    return made


def _outline(events: Sequence[DrillEvent]) -> dict[str, Any]:
    outline = {**events[0].data}
    for event in events:
        if event.kind == "changed":
            outline["record"] = {**outline["record"], **(event.data.get("record") or {})}
    return outline


def _follower(app: App, drill: str) -> str:
    """The exercise that was made to follow this one; empty: there is none yet."""
    book = app.running.drills
    return next((n for n in book.drills() if book.events(n)[0].data.get("follows") == drill), "")


def begun(app: App, drill: str) -> str:
    """One of the calendar has begun: its next turn is planned at once, so that nothing is forgotten when it fails."""
    events = app.running.drills.events(drill)
    slots = [e for e in events if e.kind == "scheduled"]
    planned_before = any(e.kind == "next" for e in events)
    return again(app, drill, slot_of(slots[-1].data["slot"])) if slots and not planned_before else ""


def set_right(app: App) -> list[str]:
    """Turns that a clock far ahead planned, and that are to be earlier now that it is right: without this the rest of a
    series would wait for that far day. What a person planned by hand stays; returns the ids of the others."""
    out, now = [], app.clock.now()
    for one in planned(app):
        events = app.running.drills.events(one.drill)
        if events[0].at <= now + AHEAD_S or sum(e.kind == "scheduled" for e in events) > 1:
            continue
        slot = _as_it_was(app, events[0], now)
        found = next_turn(slot, now) if slot is not None else None
        if found is not None and window_of(found)[0] < window_of(one.slot)[0]:
            _write(app, one.drill, "bcp", found, after=events[-1].seq)
            out.append(one.drill)
    return out


def _as_it_was(app: App, first: DrillEvent, now: float) -> Slot | None:
    """The last turn that is behind us, given how an exercise of the far day begins: one that was missed on such a day
    is none."""
    while (before := str(first.data.get("follows", ""))) and first.at > now + AHEAD_S:
        events = app.running.drills.events(before)
        slots = [e for e in events if e.kind == "scheduled"]
        if not slots:
            return None
        first, slot = events[0], slot_of(slots[-1].data["slot"])
        if not any(e.kind == "missed" and e.at > now + AHEAD_S for e in events):
            return slot
        if first.at <= now + AHEAD_S:
            return replace(slot, turn=slot.turn - 1)
    return None


def mend(app: App) -> list[str]:
    """Next turns that a process which was killed could not plan any more; returns their ids. One that was called off
    ends its series."""
    out = []
    for name in app.running.drills.drills():
        events = app.running.drills.events(name)
        state = fold(events).record.state
        if state not in {"planned", "cancelled"} and (made := begun(app, name)):
            out.append(made)
    return out
