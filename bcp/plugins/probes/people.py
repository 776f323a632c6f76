"""``people``: what people report: an operator, a help desk. `bcp report-problem` writes it down."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import PlaneName, Probe, ProbePlugin, Result, Role, Signal, StoredProbeSettings
from bcp.kernel.clock import Clock
from bcp.kit.problems import read_problems


class PeopleSettings(StoredProbeSettings):
    """How many reports count."""

    kind: Literal["people"] = "people"
    """Which plug-in."""
    plane: PlaneName | None = "mailbox"
    """What the reports are about."""
    count: Annotated[int, Field(ge=1, le=1000)] = 3
    """So many different people ..."""
    within: Duration = 900.0
    """... in this time. One who declares (`--declare`) is enough."""


class PeopleProbe(Probe[PeopleSettings]):
    """Counts people, not reports. Nobody reporting says nothing."""

    kind = "people"
    plane = "mailbox"
    role: ClassVar[Role] = Role.PEOPLE
    state_path: ClassVar[str] = "problems.jsonl"
    Settings = PeopleSettings

    def __init__(self, name: str, settings: PeopleSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._had = False

    async def look(self) -> Signal:
        """One look at the reports."""
        s = self.settings
        plane = s.plane or self.plane
        since = self.clock.now() - s.within
        found = [p for p in (read_problems(s.store) if s.store else ()) if p.plane == plane and p.at >= since]
        withdrawn = max((p.at for p in found if p.kind == "resolved"), default=0.0)
        found = [p for p in found if p.kind != "resolved" and p.at > withdrawn]
        declared = [p for p in found if p.kind == "declared"]
        people = {p.who for p in found}
        if declared or len(people) >= s.count:
            self._had = True
            what = f"{declared[-1].who} declares it" if declared else f"{len(people)} people"
            return self.saw(Result.FAIL, "people", f"{what}: {found[-1].text[:120]}")
        if found:
            return self.saw(Result.UNKNOWN, "few", f"{len(people)} of {s.count} people: {found[-1].text[:80]}")
        if self._had:
            return self.saw(Result.OK, "", "nobody reports it any more")
        return self.saw(Result.UNKNOWN, "silent", "nobody reports anything")


PLUGIN = ProbePlugin(api=1, settings=PeopleSettings, make=PeopleProbe)
