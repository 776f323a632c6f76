"""What an exercise proposes to learn: findings from its own data, each once, until people accept or dismiss them."""

from __future__ import annotations

from bcp.deeds.exercises import exercise_of, record_of
from bcp.drills.learn import proposals
from bcp.kernel.ids import new_token
from bcp.wiring import App


def propose(app: App, drill: str, actor: str = "bcp") -> list[str]:
    """Write down what the product proposes and has not proposed before; returns the titles.

    What was dismissed or done stays so: the same thing in the same exercise is not proposed twice.
    """
    found = exercise_of(app, drill)
    if found.record.state == "closed":
        return []
    known = {(f.code, f.title) for f in found.record.findings if f.code}
    titles = []
    for one in proposals(record_of(app, drill)):
        if (one.code, one.title) in known:
            continue
        data = {
            "id": f"p-{new_token(4)}", "title": one.title, "severity": one.severity, "state": "proposed",
            "proposal": one.proposal, "place": one.place, "code": one.code, "new": True,
            "evidence": [e for e in one.evidence if e],
        }  # fmt: skip
        app.running.drills.append(found.record.id, "finding", actor, data)
        titles.append(one.title)
    return titles
