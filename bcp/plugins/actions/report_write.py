"""``report.write``: the report of this run so far."""

from __future__ import annotations

from typing import Literal

from bcp.contracts.action import Access, Action, ActionPlugin, Finding, Happened, Outcome, Proposal, StepInfo
from bcp.contracts.plugin import Args
from bcp.contracts.services import Services


class ReportArgs(Args):
    """In which forms."""

    formats: list[Literal["html", "json"]] = ["html", "json"]
    """`html` is for people, `json` for machines."""


class ReportWrite(Action[ReportArgs]):
    """Writes `report.html` and `report.json`. Writing again replaces them."""

    kind = "report.write"
    access = Access.WRITE
    Args = ReportArgs
    final = "A report is not undone."
    outputs = {"html": "string", "json": "string"}

    async def plan(self, args: ReportArgs, services: Services, step: StepInfo) -> Proposal:
        """Nothing to show."""
        return Proposal(outputs={"html": "", "json": ""})

    async def perform(self, args: ReportArgs, services: Services, step: StepInfo) -> Outcome:
        """Write."""
        paths = await services.reports.write(services.run.id, args.formats)
        return Outcome(", ".join(paths.values()), {"html": paths.get("html", ""), "json": paths.get("json", "")})

    async def probe(self, args: ReportArgs, services: Services, step: StepInfo) -> Finding:
        """Writing it again does no harm."""
        return Finding(Happened.NO)


PLUGIN = ActionPlugin(api=1, make=ReportWrite)
