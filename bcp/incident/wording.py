"""Events in words. Pure."""

from __future__ import annotations

from bcp.incident.model import Event


def event_words(e: Event) -> str:
    """What an event says, without ids that nobody reads."""
    d = e.data
    if e.kind == "opened":
        return f"{d.get('title', '')} ({d.get('mode', '')})"
    if e.kind == "moved":
        return f"{d.get('state')}, class {' '.join(d.get('classes', [])) or '?'}: {'; '.join(d.get('evidence', []))}"
    if e.kind in {"answered", "answer_refused", "wrong_code"}:
        word = {True: "yes", False: "no"}.get(d.get("yes", ""), "")
        return f"{word} {d.get('how', '')} {d.get('text', '')}".strip()
    if e.kind == "asked":
        return f"{d.get('person')} by {d.get('channel')}: {d.get('state')}" + (
            f" ({d.get('detail')})" if d.get("state") != "sent" else ""
        )
    if e.kind == "question":
        return f"{', '.join(d.get('people', []))} about plan {str(d.get('checksum'))[:12]}"
    names = ("title", "playbook", "mode", "run", "status", "result", "text", "reason", "why", "how", "peer")
    return "; ".join(str(d[n]) for n in names if d.get(n))[:400]
