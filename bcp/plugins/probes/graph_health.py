"""``graph-health``: what Microsoft itself says, through Graph's service health.
Late, and behind the sign-in that may be down: it corroborates, it never decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import DISPROVES, OWN, Probe, ProbePlugin, Result, Role, Signal
from bcp.kernel.errors import BcpError
from bcp.plugins.vendors.graph import GraphAccess, GraphProbe, NoToken, OurCredential

STATUS: dict[str, tuple[Result, str]] = {
    "serviceInterruption": (Result.FAIL, "interruption"),
    "serviceDegradation": (Result.FAIL, "degradation"),
    "extendedRecovery": (Result.FAIL, "degradation"),
    "restoringService": (Result.FAIL, "degradation"),
    "investigating": (Result.DEGRADED, "investigating"),
    "verifyingService": (Result.OK, DISPROVES),
    "serviceRestored": (Result.OK, DISPROVES),
    "postIncidentReviewPublished": (Result.OK, DISPROVES),
    "serviceOperational": (Result.OK, DISPROVES),
    "falsePositive": (Result.OK, ""),
}
"""What each status is worth. A status that is not here (investigationSuspended, those reserved for the future, those of
next year) says nothing: *unknown*, never healthy."""


@dataclass(frozen=True, slots=True)
class Issue:
    """An open issue, as far as it was understood."""

    id: str
    status: str
    origin: str
    title: str
    advisory: bool = False
    """Microsoft calls it an advisory: some people, some feature; no incident."""


class GraphHealthSettings(GraphAccess):
    """A tenant, and an application with ServiceHealth.Read.All."""

    kind: Literal["graph-health"] = "graph-health"
    """Which plug-in."""
    service: str = "Exchange Online"
    """The service's name in the service health dashboard."""
    every: Duration | None = 60.0
    """Not more often: Graph allows 240 requests in 60 s and 800 an hour to one application."""


class GraphHealthProbe(GraphProbe[GraphHealthSettings]):
    """Reads `/admin/serviceAnnouncement/healthOverviews` and `/issues`;
    every status of the enumeration has one meaning, an unknown one has none."""

    kind = "graph-health"
    plane = "declared"
    role: ClassVar[Role] = Role.DECLARED
    medium: ClassVar[str] = "https"
    quick: ClassVar[bool] = False
    Settings = GraphHealthSettings

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        try:
            status, issues = await self.graph().call(self._read, s.timeout)
        except OurCredential as error:
            return self.saw(Result.UNKNOWN, OWN + "credential", error.message)
        except NoToken as error:
            return self.saw(Result.UNKNOWN, "no-token", error.message)
        except BcpError as error:
            kind = {403: OWN + "permission", 429: "429"}.get((error.outputs or {}).get("status", 0), "no-answer")
            return self.saw(Result.UNKNOWN, kind, f"service health cannot be read: {error.message}")
        return judge(self, s.service, status, issues)

    async def _read(self, client: Any, configuration: Any) -> tuple[str, list[Issue]]:
        announcement = client.admin.service_announcement
        overviews = await announcement.health_overviews.get(request_configuration=configuration())
        wanted = self.settings.service.casefold()
        mine = [o for o in (overviews.value if overviews else None) or () if (o.service or "").casefold() == wanted]
        found = await announcement.issues.get(request_configuration=configuration())
        issues = [
            Issue(
                str(i.id)[:40],
                _text(i.status),
                _text(i.origin),
                str(i.title or ""),
                _text(i.classification) == "advisory",
            )
            for i in (found.value if found else None) or ()
            if not i.is_resolved and (i.service or "").casefold() == wanted
        ]
        return (_text(mine[0].status) if mine else ""), issues


def _text(value: Any) -> str:
    """Value of an enumeration; empty for one that the library does not know."""
    return str(getattr(value, "value", value) or "")


def judge(probe: Probe[Any], service: str, status: str, issues: Sequence[Issue]) -> Signal:
    """The worst of the overview and the open issues. An issue of our own making is our own fault."""
    ids = ",".join(i.id for i in issues)
    ours = [i for i in issues if i.origin == "customer"]
    seen = [(status, "")] + [(i.status, i.id) for i in issues if i.origin != "customer"]
    known = [(*STATUS[s], s, i) for s, i in seen if s in STATUS]
    rank = [Result.FAIL, Result.DEGRADED, Result.OK]
    worst = min(known, key=lambda k: (rank.index(k[0]), k[1] != "interruption"), default=None)
    if worst is None or (worst[0] is Result.OK and ours):
        if ours:
            return probe.saw(
                Result.UNKNOWN, OWN + "declared", f"Microsoft says it is on our side: {ours[0].id}", issues=ids
            )
        return probe.saw(
            Result.UNKNOWN, "none", f"Microsoft's status of {service} says nothing: {status or 'missing'}", issues=ids
        )
    result, kind, name, issue = worst
    theirs = [i for i in issues if i.origin != "customer"]
    if result is Result.FAIL and theirs and all(i.advisory for i in theirs):
        result, kind = Result.DEGRADED, "advisory"  # the overview turns red for an advisory too
    party = " (third party)" if any(i.origin == "thirdParty" and i.id == issue for i in issues) else ""
    return probe.saw(
        result, kind, f"Microsoft says {name} for {service}{' ' + issue if issue else ''}{party}", issues=ids
    )


PLUGIN = ProbePlugin(api=1, settings=GraphHealthSettings, make=GraphHealthProbe)
