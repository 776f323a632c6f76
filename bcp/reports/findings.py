"""Findings as a table for a spreadsheet (CSV, RFC 4180). Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from bcp.contracts.exercise import DrillRecord, Finding
from bcp.kernel.clock import iso

COLUMNS = (
    "record", "kind", "finding", "title", "severity", "state", "cause", "owner", "due", "retest", "urgent", "proposal",
    "place", "raised_by", "raised_at", "done_at", "reported_at", "evidence",
)  # fmt: skip
"""The first line. New columns are added at the end."""
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would take for a formula."""


def findings_csv(records: Iterable[DrillRecord]) -> str:
    """One line a finding. Times are UTC (ISO 8601)."""
    rows = [_row(r, f) for r in records for f in r.findings]
    return table_csv(COLUMNS, rows)


def _row(record: DrillRecord, f: Finding) -> list[str]:
    return [
        record.id, record.kind, f.id, f.title, f.severity, f.state, f.cause, f.owner, f.due, f.retest,
        "yes" if f.urgent else "no", f.proposal, f.place, f.raised_by, *map(_time, (f.raised_at, f.done_at)),
        _time(f.reported_at), " ".join(f.evidence),
    ]  # fmt: skip


def _time(at: float) -> str:
    return iso(at) if at else ""


def table_csv(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Lines of a table; what a spreadsheet would take for a formula is made text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(list(columns))
    for row in rows:
        writer.writerow([f"'{c}" if c.startswith(RISKY) else c for c in row])
    return out.getvalue()
