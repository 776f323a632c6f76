"""Everything that one round of looks has brought, as its verdict is concluded from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bcp.detect import own as ours
from bcp.detect.course import Course
from bcp.detect.memory import PlaneMemory
from bcp.detect.planes import PlaneView, ProbeView
from bcp.detect.rules import Rules
from bcp.detect.survey import Backing, Survey
from bcp.detect.words import Word


@dataclass(frozen=True, slots=True)
class Round:
    """Everything that one round has brought."""

    rules: Rules
    now: float
    wall: float
    course: Course
    views: tuple[PlaneView, ...]
    whole: Survey
    apart: Mapping[str, Survey]
    spared: tuple[str, ...]
    memory: Mapping[tuple[str, str], PlaneMemory]
    lanes: Mapping[str, ProbeView]
    backing: Backing
    own: tuple[ours.Own, ...]
    looked: frozenset[str]
    interrupted: bool
    vantages: tuple[str, ...]
    controls: int | None
    """How many control probes there are; ``None``: one fails somewhere."""
    notes: tuple[str, ...]
    fresh: bool = True
    """Is there a look at inbound mail or the MX host's name that is of now?"""
    words: tuple[Word, ...] = ()
    ours: frozenset[str] = frozenset()
    """Probes that are refused for what we are: a connector, a certificate, an address, a greeting of ours."""
    unseen: frozenset[str] = frozenset()
    """Of the spared domains those of which nobody sees inbound mail or the MX host's name."""
    relay_unseen: bool = False
    """From no place does a control over SMTP answer: the relay is dead, or our way to it is."""

    def of(self, plane: str, domain: str = "") -> PlaneMemory:
        """What is remembered of a plane."""
        return self.memory.get((plane, domain)) or PlaneMemory()
