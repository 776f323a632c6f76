"""The report as one self-contained HTML page that prints well."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from bcp.kernel.units import format_duration

_STYLE = """
:root{color-scheme:light dark;--ink:#1c1c1c;--soft:#5c6470;--back:#fff;--card:#f5f6f8;--line:#cfd5dd;--ok:#1a7f37;--bad:#b3261e;--warn:#8a5a00;--bar:#4c78a8}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebf0;--soft:#a3acb9;--back:#15181d;--card:#1f242b;--line:#3a424d;--ok:#7bd88f;--bad:#ff8a80;--warn:#f0b84a;--bar:#7fa8d6}}
*{box-sizing:border-box}body{margin:0 auto;max-width:64rem;padding:1rem 1.2rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.2rem 0}h2{font-size:1.15rem;margin:1.6rem 0 .5rem;border-bottom:1px solid var(--line)}.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-size:.92em}td,th{overflow-wrap:break-word;text-align:left;padding:.3rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
.scroll{overflow-x:auto}td:first-child,td:nth-child(2){white-space:nowrap}.ok{color:var(--ok)}.bad{color:var(--bad)}.warn{color:var(--warn)}.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:.6rem}
.facts div{background:var(--card);padding:.5rem .7rem;border-radius:.4rem}.facts b{display:block;font-size:1.15rem}code{font-size:.9em}svg text{fill:var(--ink);font:12px system-ui,sans-serif}
@media print{body{max-width:none;font-size:11pt}h2{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}svg{min-width:0!important}
table td,table td:first-child,table td:nth-child(2){white-space:normal;overflow-wrap:anywhere}}
"""
_GOOD = {"ok", "unchanged", "done", "would_run", "undone", "holding"}
_BAD = {"failed", "undo_failed", "aborted"}


def page(data: Mapping[str, Any]) -> str:
    """The whole page."""
    drill = " (EXERCISE)" if data["kind"] == "drill" else ""
    parts = [
        f"<p class=soft>{escape(str(data['organisation']))}{drill}</p><h1>{escape(data['playbook'])}: {_mark(data['status'])}</h1>",
        f"<p>Run <code>{escape(data['run'])}</code>, started {escape(data['started'])} by {escape(data['initiator'])}"
        + (f", ended {escape(data['ended'])}" if data["ended"] else "")
        + (f". {escape(data['reason'])}" if data["reason"] else "")
        + "</p>",
        _facts(data),
        _objectives(data),
        _chart(data),
        _steps(data),
        _changes(data),
        _messages(data),
        _texts(data),
        _answers(data),
        _doubts(data),
        _mails(data),
        _timeline(data),
        _audit(data),
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(data['playbook'])} {escape(data['run'])}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(p for p in parts if p)
        + "\n</body></html>\n"
    )


def _mark(status: str) -> str:
    kind = "ok" if status in _GOOD else ("bad" if status in _BAD else "warn")
    return f'<span class="{kind}">{escape(status)}</span>'


def _facts(data: Mapping[str, Any]) -> str:
    achieved = data["achieved"]
    rows = [
        ("First mail path", achieved.get("rto_receive_s")),
        ("First message", achieved.get("rto_communicate_s")),
        ("MX switched", achieved.get("switched_s")),
        ("Caches safe", achieved.get("caches_safe_s")),
    ]
    cells = "".join(f"<div>{n}<b>{escape(format_duration(float(v)))}</b></div>" for n, v in rows if v is not None)
    approvals = ", ".join(f"{a['by']} ({a['at']})" for a in data["approvals"])
    return (
        f"<div class=facts>{cells}</div><p class=soft>Counted from: {escape(achieved['counted_from'])}, {escape(achieved['outage_since'])}. "
        f"Approved by: {escape(approvals) or 'nobody was asked'}. Plan {escape(data['checksum'][:12])}.</p>"
        + "".join(
            f"<p class=warn>Overridden: {escape(r)} because {escape(why)}</p>" for r, why in data["overrides"].items()
        )
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    titles = "".join(f"<th>{h}</th>" for h in head)
    return (
        f"<div class=scroll><table><tr>{titles}</tr>"
        + "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
        + "</table></div>"
    )


def _objectives(data: Mapping[str, Any]) -> str:
    if not data["objectives"]:
        return ""
    rows = [
        [
            escape(o["objective"]),
            format_duration(o["target_s"]),
            format_duration(o["achieved_s"]) if o["achieved_s"] is not None else "not measured",
            '<span class="warn">unknown</span>'
            if o["met"] is None
            else ('<span class="ok">met</span>' if o["met"] else '<span class="bad">missed</span>'),
        ]
        for o in data["objectives"]
    ]
    return "<h2>Objectives</h2>" + _table(["Objective", "Target", "Achieved", ""], rows)


def _chart(data: Mapping[str, Any]) -> str:
    steps = [s for s in data["steps"] if s["from_s"] is not None]
    if not steps:
        return ""
    end = max(max(s["to_s"] or s["from_s"] for s in steps), 0.001)
    rows = []
    for i, step in enumerate(steps):
        x, width = 190 + 690 * step["from_s"] / end, max(3.0, 690 * ((step["to_s"] or end) - step["from_s"]) / end)
        colour = (
            "var(--bad)" if step["status"] in _BAD else ("var(--bar)" if step["status"] in _GOOD else "var(--warn)")
        )
        y = 18 * i + 4
        rows.append(
            f'<text x="0" y="{y + 11}">{escape(step["id"][:26])}</text><rect x="{x:.1f}" y="{y}" width="{min(width, 880 - x):.1f}" height="13" rx="2" fill="{colour}">'
            f"<title>{escape(step['id'])}: {escape(step['status'])}</title></rect>"
        )
    height = 18 * len(steps) + 26
    axis = f'<text x="190" y="{height - 4}">0</text><text x="880" y="{height - 4}" text-anchor="end">{format_duration(end)}</text>'
    return f'<h2>Time</h2><div class=scroll><svg viewBox="0 0 890 {height}" role="img" aria-label="When each step ran" style="min-width:36rem;width:100%">{"".join(rows)}{axis}</svg></div>'


def _steps(data: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(s["id"]),
            escape(s["phase"]),
            _mark(s["status"]),
            escape(s["summary"] or s["error"])
            + (f"<br><span class=soft>{escape(s['hint'])}</span>" if s["hint"] else ""),
            f"{s['to_s'] - s['from_s']:.2f}\u00a0s" if s["to_s"] is not None and s["from_s"] is not None else "",
        ]
        for s in data["steps"]
    ]
    return "<h2>Steps</h2>" + _table(["Step", "Phase", "State", "", "Took"], rows)


def _changes(data: Mapping[str, Any]) -> str:
    rows = [[escape(c["target"]), escape(c["before"]), escape(c["after"]), escape(c["undo"])] for c in data["changes"]]
    return "<h2>Changes planned</h2>" + _table(["What", "Before", "After", "Undo"], rows) if rows else ""


def _messages(data: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(m["step"]),
            escape(str(m["channel"])),
            str(m["sent"]),
            str(m["failed"]),
            str(m["in_doubt"]),
            str(m["segments"] or ""),
            escape("; ".join([*_ends(m), *m["reasons"]])),
        ]
        for m in data["messages"]
    ]
    return (
        "<h2>Messages</h2>" + _table(["Step", "Channel", "Taken", "Failed", "In doubt", "Segments", ""], rows)
        if rows
        else ""
    )


def _ends(m: Mapping[str, Any]) -> list[str]:
    """What became of them, as far as it was reported."""
    left = [f"{m['scheduled']} left with the vendor"] if m["scheduled"] else []
    told = m.get("reported", {})
    silent = m["sent"] - sum(told.values())
    ends = [f"{n} {status}" for status, n in told.items()] + (
        [f"{silent} without a report"] if told and silent > 0 else []
    )
    return [*left, *ends]


def _texts(data: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(t["at"][11:19]),
            escape(t["step"]),
            escape(f"{t['form']}, {t['language']}"),
            str(t["taken"]),
            escape(f"{t['subject']}\n{t['body']}".strip()).replace("\n", "<br>"),
        ]
        for t in data.get("texts", [])
    ]
    return "<h2>What was said</h2>" + _table(["UTC", "Step", "As", "Taken", "Words"], rows) if rows else ""


def _answers(data: Mapping[str, Any]) -> str:
    """Who answered what, counted; the silent by name, as somebody has to go and look."""
    found = data.get("answers") or {}
    if not found:
        return ""
    rows = [[escape(d), escape(str(a["means"])), str(len(a["people"]))] for d, a in found["answers"].items()]
    silent = ", ".join(escape(str(p)) for p in found["silent"][:200]) + (" ..." if len(found["silent"]) > 200 else "")
    return (
        f"<h2>Answers</h2><p>{found['people']} people asked; as of {escape(str(found['at']))}.</p>"
        + _table(["Digit", "Means", "People"], [*rows, ["", "unclear", str(len(found["unclear"]))]])
        + f"<p>Silent: {len(found['silent'])}{'. ' + silent if silent else ''}</p>"
    )


def _doubts(data: Mapping[str, Any]) -> str:
    rows = [[escape(d["key"]), escape(d["state"]), escape(d["claimed"])] for d in data["in_doubt"]]
    settled = [
        [
            escape(d["step"]),
            f"settled by {escape(str(d['by']))}: happened = {escape(str(d['happened']))}",
            escape(d["at"]),
        ]
        for d in data["doubts_settled"]
    ]
    return (
        "<h2>In doubt</h2>" + _table(["Effect", "", "When"], rows + settled)
        if rows or settled
        else "<h2>In doubt</h2><p>Nothing.</p>"
    )


def _mails(data: Mapping[str, Any]) -> str:
    extra = data["extra"]
    if "sent" not in extra:
        return ""
    rows = [[k, escape(str(extra[k]))] for k in ("sent", "delivered", "bounced", "lost", "duplicated") if k in extra]
    text = "<h2>Every mail counted</h2>" + _table(["Mails", ""], rows)
    bounced = extra.get("bounced_numbers") or []
    return text + (
        f"<p>Returned to their senders by Exchange before the switch: {escape(', '.join(str(n) for n in bounced))}</p>"
        if bounced
        else ""
    )


def _timeline(data: Mapping[str, Any]) -> str:
    rows = [
        [
            escape(t["at"]),
            escape(t["kind"].replace("_", " ")),
            escape(t["step"]),
            escape(t["actor"]),
            escape(f"{t['status']} {t['text']}".strip()),
        ]
        for t in data["timeline"]
    ]
    return "<h2>Timeline</h2>" + _table(["UTC", "What", "Step", "Who", ""], rows)


def _audit(data: Mapping[str, Any]) -> str:
    audit = data["audit"]
    state = (
        f'<span class="bad">{escape(audit["damage"])}</span>' if audit["damage"] else '<span class="ok">unbroken</span>'
    )
    return f"<h2>Evidence</h2><p>{audit['events']} events, chain {state}, head <code>{escape(audit['head'])}</code>. Check it with <code>bcp audit verify {escape(data['run'])}</code>.</p>"
