"""Whom the messages of a run reached: people of an audience by the ledger of deliveries. Pure.

An audience counts as told when a channel took the first message for 95 of 100 of its people (*RTO-communicate* of ISO
22301 exercises for e-mail continuity). A chat channel or a page has no addressees: where an audience is told by such
channels only, it is told when one of them took the message.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from bcp.contracts.effect import parse
from bcp.engine.store import RunView

ENOUGH = 0.95
WELL = frozenset({"ok", "unchanged"})
EVERYBODY = "all"
"""The addressee of a message to a place that everybody reads."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far one audience was reached. ``at``: when a channel had taken the message by which enough were, as the
    ledger knows it (of places: the end of the step); ``None``: not enough."""

    audience: str
    at: float | None
    fraction: float | None
    """Part of the people that a channel took a message for; ``None``: nobody counts (places only)."""
    people: int = 0
    step: str = ""
    event: str = ""
    """The end of that step in the journal of its run, for whoever cites it: ``run-...#17``."""


def reached(view: RunView, internal: Collection[str] = ()) -> dict[str, Reach]:
    """Of each audience that the activation was to tell. ``internal``: audiences of the people on call."""
    taken = _taken(view)
    out: dict[str, Reach] = {}
    for audience, planned in _planned(view, internal).items():
        steps = [s for name in planned if (s := view.state.steps.get(name)) is not None and s.status in WELL]
        done = sorted((s for s in steps if s.outputs.get("sent")), key=lambda s: s.ended)
        people = max((_people(f) for rows in planned.values() for f in rows), default=0)
        out[audience] = _reach(audience, people, [(s.id, s.ended, taken.get(s.id)) for s in done], planned)
    return out


def _reach(
    audience: str,
    people: int,
    done: list[tuple[str, float, Mapping[str, float] | None]],
    planned: Mapping[str, list[Mapping[str, Any]]],
) -> Reach:
    known = [t for _, _, t in done if t is not None]
    wrote = any(t.keys() - {EVERYBODY} for t in known)
    forecasts = [f for rows in planned.values() for f in rows]
    page = bool(known) and not wrote and all(len(rows) == 1 for rows in planned.values())  # for one person, by one way
    addressed = people > 0 and (wrote or any(_addressed(f, page) for f in forecasts))
    if not addressed or (done and not known):  # places only, or a run of which the ledger was not read
        first = done[0] if done else None
        return Reach(audience, first[1] if first else None, None, people, first[0] if first else "")
    took_first: dict[str, tuple[float, str]] = {}
    """Of each person when the first message was taken, and in which step."""
    for at, person, step in sorted((min(at, end), p, s) for s, end, took in done for p, at in (took or {}).items()):
        if person != EVERYBODY:
            took_first.setdefault(person, (at, step))
    fraction = min(1.0, len(took_first) / people)
    for number, (at, step) in enumerate(sorted(took_first.values()), 1):
        if number >= ENOUGH * people:
            return Reach(audience, at, fraction, people, step)
    return Reach(audience, None, fraction, people)


def _planned(view: RunView, internal: Collection[str]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Of each audience the steps of the activation that tell it, with their forecasts."""
    out: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for step in view.plan["steps"]:
        for forecast in step["forecasts"] if step["phase"] == "activation" else ():
            audience = str(forecast["audience"])
            if audience not in internal:
                out.setdefault(audience, {}).setdefault(str(step["id"]), []).append(forecast)
    return out


def _people(forecast: Mapping[str, Any]) -> int:
    return int(forecast.get("people") or 0)


def _addressed(forecast: Mapping[str, Any], page: bool = False) -> bool:
    """Does this channel write to each person? A place takes one message for everybody, and misses nobody. Of one
    message for one person the forecast cannot say; ``page``: what was taken was for everybody."""
    people, messages = _people(forecast), int(forecast.get("messages") or 0)
    return messages > 1 or int(forecast.get("unreachable") or 0) > 0 or (people == 1 and messages == 1 and not page)


def _taken(view: RunView) -> dict[str, dict[str, float]]:
    """Of each step the people for whom a channel took its message, and when; places are ``EVERYBODY``."""
    out: dict[str, dict[str, float]] = {}
    for effect in view.record.effects:
        if effect.request.get("channel") is None or (effect.outcome or {}).get("state") != "sent":
            continue
        try:
            key = parse(effect.key)
        except ValueError:
            continue
        person, at = key.parts[-1] if key.parts else EVERYBODY, effect.settled_at or math.inf
        mine = out.setdefault(key.step, {})
        mine[person] = min(at, mine.get(person, at))
    return out
