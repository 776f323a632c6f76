"""What a probe promises: one dated look, with its evidence, and the difference between *fail* and *unknown*."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

from bcp.contracts.plugin import PluginSettings
from bcp.kernel.clock import Clock

S = TypeVar("S", bound=PluginSettings)


class Result(StrEnum):
    """What one look found."""

    OK = "ok"
    DEGRADED = "degraded"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Signal:
    """One dated observation."""

    probe: str
    plane: str
    result: Result
    at: float
    kind: str = ""
    """What kind of failure, for classification: refused, timeout, 4xx, 5xx, nxdomain, servfail ..."""
    evidence: str = ""
    control: bool = False
    """A control probe looks at something unrelated, to tell the prober's own sickness from the service's."""
    data: Mapping[str, str] = field(default_factory=dict)


class Probe(ABC, Generic[S]):
    """One way of looking. Never raises: what goes wrong on our side is ``unknown``."""

    kind: ClassVar[str]
    plane: ClassVar[str]
    Settings: ClassVar[type[PluginSettings]]

    def __init__(self, name: str, settings: S, clock: Clock) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock

    @abstractmethod
    async def look(self) -> Signal:
        """Look once, within the probe's own deadline."""
