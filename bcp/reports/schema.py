"""The published JSON Schema of ``bcp.report/2``."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from bcp.reports.shape import SCHEMA, Front

SCHEMA_ID = "https://bcp.invalid/report.v2.json"
_TEXT, _LIST, _OBJECT = {"type": "string"}, {"type": "array"}, {"type": "object"}
RUN: dict[str, tuple[dict[str, str], str]] = {
    "run": (_TEXT, "Id of the run."),
    "playbook": (_TEXT, "Name of the playbook."),
    "title": (_TEXT, "Its title."),
    "kind": (_TEXT, "`real` or `drill`."),
    "initiator": (_TEXT, "Who began it."),
    "automatic": ({"type": "boolean"}, "Begun by the watch, not by a person."),
    "plan": (_TEXT, "Id of the plan."),
    "checksum": (_TEXT, "Checksum of the plan, which people approved."),
    "status": (_TEXT, "How the run stands: done, holding, failed, aborted ..."),
    "reason": (_TEXT, "Why it ended so."),
    "started": (_TEXT, "ISO 8601, UTC."),
    "ended": (_TEXT, "ISO 8601, UTC; empty: it is not over."),
    "domains": (_LIST, "Domains that it is about."),
    "overrides": (_OBJECT, "Rules that a person overrode, with the reason."),
    "approvals": (_LIST, "Who approved, when, at which step, by which way."),
    "objectives": (_LIST, "Targets against what was achieved, as the run alone knows it."),
    "achieved": (_OBJECT, "Seconds from the start of the outage, and what that start is counted from."),
    "steps": (_LIST, "Each step with its state, result and times."),
    "changes": (_LIST, "Changes that were planned: before, after, how to undo."),
    "messages": (_LIST, "Deliveries counted by step and channel, with receipts and reasons."),
    "texts": (_LIST, "Every text as it left, and how many took it."),
    "mails": (_LIST, "The relay's queue over time: [time, mails]."),
    "timeline": (_LIST, "Events of the run."),
    "in_doubt": (_LIST, "Effects that were begun and of which nobody knows whether they happened."),
    "doubts_settled": (_LIST, "What people said of such effects."),
    "audit": (_OBJECT, "The run's chain of hashes: events, head, damage."),
    "follows": (_LIST, "Runs that went back from this one."),
    "extra": (_OBJECT, "What the lab counted."),
}
"""Fields of one run, as ``bcp.report/1`` had them."""


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12). The report of a run has the fields of that run at the top, too."""
    made = TypeAdapter(Front).json_schema()
    properties = {n: {**kind, "description": says} for n, (kind, says) in RUN.items()}
    run = {"type": "object", "description": "The detail of one run.", "properties": properties, "required": list(RUN)}
    made["$defs"]["Run"] = run
    made["properties"]["schema"] = {"const": SCHEMA, "description": "Name and version of this form."}
    made["properties"]["runs"] = {
        "type": "array", "items": {"$ref": "#/$defs/Run"}, "description": "The detail of each run, the oldest first.",
    }  # fmt: skip
    made["required"] += ["schema", "runs"]
    made["additionalProperties"] = True
    made["description"] = "A report of a run, a drill or an incident. New fields may be added; none goes away."
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": SCHEMA_ID, **made}
