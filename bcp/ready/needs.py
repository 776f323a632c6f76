"""What a playbook rests on: whom it tells by what, who must approve, which relay takes mail, whether it moves MX.

Read from the playbook as it is written; what an expression computes at run time cannot be known before and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bcp.contracts.roles import expand
from bcp.contracts.traits import Trait
from bcp.playbook.catalogue import Catalogue
from bcp.playbook.load import Loaded, Placed


@dataclass(frozen=True, slots=True)
class Telling:
    """A step that tells people something."""

    audience: str
    channels: tuple[str, ...]
    """Channels by name, roles resolved; those whose form the message has not are left out."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A step that waits for people to say yes."""

    step: str
    references: tuple[str, ...]
    """``group:NAME``, ``audience:NAME`` or ids of contacts."""
    least: int
    """How many different people must say yes."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Everything that one playbook rests on."""

    playbook: str
    title: str = ""
    moves_mx: bool = False
    relays: tuple[str, ...] = ()
    tellings: tuple[Telling, ...] = ()
    gates: tuple[Gate, ...] = ()
    mtpd: float = 0.0
    """How long an outage it must be able to bear, in seconds; 0: it does not say."""

    @property
    def channels(self) -> frozenset[str]:
        """Every channel that it would use."""
        return frozenset(c for t in self.tellings for c in t.channels)

    @property
    def audiences(self) -> dict[str, tuple[str, ...]]:
        """Every audience that it tells, with all channels by which it does."""
        found: dict[str, dict[str, None]] = {}
        for telling in self.tellings:
            found.setdefault(telling.audience, {}).update(dict.fromkeys(telling.channels))
        return {a: tuple(c) for a, c in found.items()}


def needs_of(loaded: Loaded, catalogue: Catalogue, relays: Iterable[str]) -> Needs:
    """What this playbook rests on, in an organisation with these things. ``relays``: the names of its relays."""
    steps = loaded.steps
    movers = [p for p in steps if catalogue.has(p.step.uses, Trait.MOVES_MX)]
    return Needs(
        loaded.book.name,
        loaded.book.title,
        bool(movers),
        _relays(steps, movers, catalogue, tuple(relays)),
        tuple(t for t in (_telling(p, catalogue) for p in steps) if t is not None),
        tuple(g for g in (_gate(p) for p in steps if catalogue.has(p.step.uses, Trait.GATE)) if g is not None),
        loaded.book.objectives.mtpd or 0.0,
    )


def _relays(
    steps: Iterable[Placed], movers: Iterable[Placed], catalogue: Catalogue, known: tuple[str, ...]
) -> tuple[str, ...]:
    named = [str(r) for p in steps if isinstance(r := p.step.with_.get("relay"), str) and "{{" not in r and r]
    to_relay = any(catalogue.actions[p.step.uses].to_relay(p.step.with_) for p in movers)
    drains = any(catalogue.has(p.step.uses, Trait.DRAINS) for p in steps)
    return tuple(dict.fromkeys(named or (known if to_relay or drains else ())))


def _telling(placed: Placed, catalogue: Catalogue) -> Telling | None:
    if not catalogue.has(placed.step.uses, Trait.TELLS):
        return None
    audience, given = placed.step.with_.get("audience"), placed.step.with_.get("channels")
    if not _plain(audience) or not isinstance(given, list) or not all(map(_plain, given)):
        return None
    known = catalogue.channels or {}
    names = [n for n in expand(given, known, catalogue.playing) if n in known]
    message = catalogue.messages.get(str(placed.step.with_.get("template", "")))
    if message is not None:
        names = [n for n in names if n in given or known[n].form in message.forms]
    return Telling(str(audience), tuple(names))


def _gate(placed: Placed) -> Gate | None:
    given, least = placed.step.with_.get("from"), placed.step.with_.get("min", 1)
    if not isinstance(given, list) or not all(map(_plain, given)) or not isinstance(least, int):
        return None
    return Gate(placed.id, tuple(map(str, given)), least)


def _plain(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "{{" not in value


def users(needs: Iterable[Needs], what: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Things with the playbooks that use them, from playbooks with the things they use: the map turned round."""
    found: dict[str, dict[str, None]] = {}
    for need in needs:
        for thing in what.get(need.playbook, ()):
            found.setdefault(thing, {})[need.playbook] = None
    return {thing: tuple(books) for thing, books in found.items()}
