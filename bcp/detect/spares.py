"""What may fail of a look without any sender being lost by it: a part of which there is another one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import Result
from bcp.detect.counter import Stream
from bcp.detect.looks import IPV4_DEAD
from bcp.detect.quorum import agreed, votes


def sound(
    where: Sequence[str],
    seen_by: Sequence[tuple[str, Stream]],
    voting: Sequence[tuple[str, Stream]],
    networks: Mapping[str, str],
) -> bool:
    """Do as many places see it well as must see it fail for it to be down? Limited ones cannot tell."""
    limited = {v for v, _ in seen_by} - {v for v, _ in voting}
    places, poll = votes([v for v in where if v not in limited], [(v, _goes(s)) for v, s in voting], networks)
    return agreed(places, *poll)


_SPARES = frozenset({Meaning.UNREACHABLE, Meaning.NAMES, Meaning.SLOW})
"""Meanings of a part that fails and of which senders have another one, or only wait."""
_LAST = frozenset({IPV4_DEAD, "authoritative-silent"})
"""Kinds of those that are no such part."""


def _goes(stream: Stream) -> bool:
    """Is it well there, and has not failed as a whole for some time?"""
    last = stream.last
    if stream.fails_lately or last is None:
        return False
    part = last.result is Result.DEGRADED and meaning_of(last.kind) in _SPARES and last.kind not in _LAST
    return stream.seen is Result.OK or part
