"""What the report of an exercise must hold at least, written from the standards and not from our code.

The union of ISO 22301:2019 clause 8.5, NIST SP 800-84 section 6.5 (after-action report), DORA RTS 2024/1774 article 25
and FFIEC BCM 2019. Each line: what is demanded, where a program finds it in the data, and where a reader of the page
does (``data-field``). ``[]`` goes into each element of a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

DEMANDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("id", ("record.id",), ("id",)),
    ("type: tabletop, functional, live", ("record.kind",), ("kind",)),
    ("dry-run flag for each step", ("record.steps[].executed",), ("step.dry",)),
    ("scenario", ("record.scenario.title", "record.scenario.digest"), ("scenario", "scenario.digest")),
    ("source incident", ("record.scenario.incident",), ("scenario.incident",)),
    ("plan", ("record.playbooks[].plan", "record.playbooks[].checksum"), ("playbook.plan", "playbook.checksum")),
    ("playbook, version and hash", ("record.playbooks[].version", "record.playbooks[].digest"), ("playbook.digest",)),
    ("scope in and out", ("record.scope_in", "record.scope_out"), ("scope_in", "scope_out")),
    ("objectives", ("record.objectives[].code", "record.objectives[].target"), ("objectives",)),
    ("pass criteria", ("record.objectives[].criterion",), ("objective.criterion",)),
    ("fixed beforehand", ("record.objectives[].fixed_at",), ("objective.fixed_at",)),
    ("link to the BIA", ("record.bia",), ("bia",)),
    ("date, time", ("record.started", "record.ended", "record.planned_start"), ("started", "ended", "planned_start")),
    ("zone", ("record.zone", "zone"), ("zone",)),
    ("duration", ("record.started", "record.ended"), ("duration",)),
    ("participants with roles", ("record.participants[].name", "record.participants[].role"), ("participants",)),
    ("attendance", ("record.participants[].attended",), ("participants",)),
    ("assumptions", ("record.assumptions",), ("assumptions",)),
    ("method", ("record.method",), ("method",)),
    ("expected outcome", ("record.expected",), ("expected",)),
    ("simulated against real components", ("record.components[].real",), ("components",)),
    ("step log: planned start and end", ("record.steps[].planned_start", "record.steps[].planned_end"), ("steps",)),
    ("step log: actual start and end", ("record.steps[].started", "record.steps[].ended"), ("steps",)),
    ("step log: actor", ("record.steps[].actor",), ("steps",)),
    ("step log: command", ("record.steps[].command",), ("step.command",)),
    ("step log: input", ("record.steps[].input",), ("step.input",)),
    ("step log: digest of the output", ("record.steps[].output_digest",), ("step.output_digest",)),
    ("step log: result", ("record.steps[].result",), ("steps",)),
    ("step log: reference to evidence", ("record.steps[].evidence",), ("evidence",)),
    ("detection time", ("record.detection.outage_since", "record.detection.detected"), ("detection.detected",)),
    ("decision time", ("record.decisions[].at", "record.decisions[].asked"), ("decisions",)),
    ("decider", ("record.decisions[].by",), ("decisions",)),
    ("propagation curve", ("record.propagation[].at", "record.propagation[].new"), ("propagation",)),
    ("receipts by channel: sent", ("record.receipts[].sent",), ("receipts",)),
    ("receipts by channel: delivered", ("record.receipts[].delivered",), ("receipts",)),
    ("receipts by channel: failed", ("record.receipts[].failed",), ("receipts",)),
    ("receipts by channel: acknowledged", ("record.receipts[].acknowledged",), ("receipts",)),
    ("targets against measured RTO, RPO, WRT", ("record.objectives[].achieved", "record.objectives[].judged"),
     ("objectives",)),
    ("how each was measured", ("figures[].measured", "figures[].how"), ("objective.measured", "figures")),
    ("mail accounted for", ("record.mails.lost", "record.mails.how"), ("mails.lost", "mails.how")),
    ("failback", ("record.failback",), ("failback",)),
    ("deviations", ("record.deviations",), ("deviations",)),
    ("issues with severity", ("record.findings[].severity",), ("findings",)),
    ("root cause", ("record.findings[].cause",), ("finding.cause",)),
    ("owner", ("record.findings[].owner",), ("findings",)),
    ("due date", ("record.findings[].due",), ("findings",)),
    ("re-test", ("record.findings[].retest",), ("finding.retest",)),
    ("urgent findings sent separately", ("record.findings[].urgent", "record.findings[].reported_at"),
     ("finding.urgent", "finding.reported_at")),
    ("participants' feedback", ("record.feedback",), ("feedback",)),
    ("result of the shared-fate check", ("record.shared_fate.state", "record.shared_fate.chains"), ("shared_fate",)),
    ("third parties involved", ("record.third_parties",), ("third_parties",)),
    ("conclusions", ("record.conclusions",), ("conclusions",)),
    ("approvals: name and date", ("record.signatures",), ("signatures",)),
    ("next drill", ("record.next_drill.at",), ("next_drill",)),
    ("integrity: hash-chained log", ("record.integrity.chains[].head",), ("integrity.chains", "chain.head")),
    ("signature", ("record.signatures",), ("signatures",)),
    ("clock source", ("record.integrity.clock_source",), ("integrity.clock_source",)),
    ("retention", ("record.retention",), ("retention",)),
)  # fmt: skip
"""All that is demanded."""
OF_ROWS = {
    "step": "record.steps", "objective": "record.objectives", "playbook": "record.playbooks",
    "finding": "record.findings", "chain": "record.integrity.chains", "evidence": "record.steps",
}  # fmt: skip
"""Fields that a page shows for each row: where there is no row there is none, and the table says so."""


def found(data: Any, path: str) -> Iterator[Any]:
    """What stands at this path. Raises ``KeyError`` where the field is not there."""
    head, _, rest = path.partition(".")
    value = data[head.removesuffix("[]")]
    for one in value if head.endswith("[]") else [value]:
        if rest:
            yield from found(one, rest)
        else:
            yield one


def shown(page: str, field: str) -> str:
    """What the page says in all places of this field, without tags; empty: it has none."""
    out = []
    for start in re.finditer(rf'<(dd|table|p)[^>]* data-field="{re.escape(field)}"[^>]*>', page):
        end = page.index(f"</{start.group(1)}>", start.end())
        out.append(re.sub(r"<[^>]+>", " ", page[start.end() : end].replace("<wbr>", "")))
    return " ".join(unescape(" ".join(out)).split())


def check(data: Mapping[str, Any], page: str) -> None:
    """Every demand is met by the data and by the page; what is unknown says so and is not left away."""
    for demand, paths, fields in DEMANDS:
        for path in paths:
            list(found(data, path))
        for field in fields:
            rows = OF_ROWS.get(field.partition(".")[0])
            if "." in field and rows is not None and not next(found(data, rows)):
                continue
            if field == "evidence" and not data["record"]["steps"]:
                continue
            assert shown(page, field), f"{demand}: the page has no {field}"
    for figure in data["figures"]:
        assert figure["measured"], figure
        assert figure["display"], figure
        assert (figure["value"] is None) == (figure["how"] in NOT_MEASURED), figure
    broken = data["record"]["outcome"] in {"aborted", "rejected", "interrupted"}
    if broken or any(o["judged"] not in {"met"} for o in data["record"]["objectives"]):
        assert data["answer"]["code"] != "yes"


NOT_MEASURED = {"not-measured", "not-reported", "end", "open"}
"""How it is known that there is no figure."""
