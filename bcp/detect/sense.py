"""What makes no sense in an outage file although each value is well-formed: times that run backwards, words that nobody
knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bcp.contracts.kinds import BY_NAME
from bcp.contracts.probe import OWN
from bcp.detect.moments import When
from bcp.detect.scenario import OutageFile
from bcp.kernel.document import did_you_mean

Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Nonsense:
    """Something at a place of the file. ``error``: it cannot be played; else it is played, and probably not meant."""

    place: Place
    says: str
    hint: str = ""
    error: bool = True


def nonsense(file: OutageFile) -> tuple[Nonsense, ...]:
    """All of it, in the order of the file."""
    return (*_places(file), *_truths(file), *_moments(file), *_table(file))


def _places(file: OutageFile) -> Iterator[Nonsense]:
    if file.length <= 0:
        yield Nonsense(("length",), "nothing can be played in no time", "Say how long, for example 6h.")
    for i, name in enumerate(file.vantages):
        if name in file.vantages[:i]:
            yield Nonsense(("vantages", i), f"the vantage point {name!r} stands here twice", "Remove one.")


def _truths(file: OutageFile) -> Iterator[Nonsense]:
    if not file.truth:
        text = "it names no truth, so nothing tells harm from help"
        yield Nonsense((), text, "Add truth: A (what is really broken), or truth: none.", error=False)
    named = {d.lower() for p in file.probes.values() for d in (*p.domains, *map(str, p.parts.get("domain", ())))}
    for i, entry in enumerate(file.truth):
        yield from _span(file, ("truth", i), ("from", entry.from_), ("until", entry.until))
        if entry.domain and entry.domain.lower() not in named:
            text = f"no probe looks at {entry.domain} apart"
            hint = did_you_mean(entry.domain, named) or "Name it in domains: or in parts: of a probe."
            yield Nonsense(("truth", i, "domain"), text, hint, error=False)


def _moments(file: OutageFile) -> Iterator[Nonsense]:
    for i, moment in enumerate(file.timeline):
        yield from _span(file, ("timeline", i), ("at", moment.at), ("until", moment.until))
        kind = moment.kind
        if kind and kind not in BY_NAME and not kind.startswith(OWN):
            text = f"{kind!r} is no word for what was seen; it counts as broken"
            yield Nonsense(("timeline", i, "kind"), text, did_you_mean(kind, BY_NAME), error=False)


def _table(file: OutageFile) -> Iterator[Nonsense]:
    before = 0.0
    for i, told in enumerate(file.table):
        yield from _span(file, ("table", i), ("at", told.at), ("until", None))
        at = told.at.seconds(file.start)
        if at < before:
            yield Nonsense(("table", i, "at"), "it is read before the one above it", "Write them in their order.")
        before = max(before, at)


def _span(
    file: OutageFile, place: Place, begin: tuple[str, When | None], end: tuple[str, When | None]
) -> Iterator[Nonsense]:
    first = begin[1].seconds(file.start) if begin[1] else 0.0
    if begin[1] and first > file.length:
        yield Nonsense(
            (*place, begin[0]), "it begins when all is over", "Make length: longer, or let it begin earlier."
        )
    elif end[1] and end[1].seconds(file.start) <= first:
        yield Nonsense(
            (*place, end[0]), "it ends before it begins", f"{end[0]}: is later than {begin[0]}:, both from the start."
        )
