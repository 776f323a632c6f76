"""What a message outside of a run may claim: what runs made and verified, as long as it is so."""

from __future__ import annotations

from types import SimpleNamespace

from support import ROOT

from bcp.contracts.store import RunCard
from bcp.testing.clock import FakeClock
from bcp.wiring.app import App

OUT, BACK = ((ROOT / "playbooks" / f"exchange-{n}.yaml").read_text() for n in ("inbound-outage", "failback"))
DAY = 86_400.0


def facts(*runs: tuple[str, str, float], kind: str = "real") -> frozenset[str]:
    """Of runs as (playbook text, status, made), oldest first; every step was done."""
    class Everything(dict):
        def get(self, _key, _default=None):
            return SimpleNamespace(status="ok")

    views = {str(i): SimpleNamespace(plan={"playbook_text": t, "kind": kind, "created": at}, state=SimpleNamespace(status=s, steps=Everything())) for i, (t, s, at) in enumerate(runs)}
    cards = [RunCard(i, v.state.status, kind=kind, created=v.plan["created"], ended=v.plan["created"]) for i, v in views.items()]
    asked = lambda status, kind, since=0.0: [c for c in cards if c.status in status and c.kind == kind and c.ended >= since]  # noqa: E731
    app = SimpleNamespace(runs=SimpleNamespace(cards=asked, view=lambda name, effects: views[name]), clock=FakeClock(100 * DAY))
    return App.facts(app)


def test_a_run_that_holds_vouches_for_what_it_made() -> None:
    """And one that failed, a drill, or one of last month does not."""
    assert facts((OUT, "holding", 99 * DAY)) == {"mx-on-relay", "mail-flows"}
    assert facts((OUT, "failed", 99 * DAY)) == facts((OUT, "holding", 99 * DAY), kind="drill") == facts((BACK, "done", 80 * DAY)) == frozenset()


def test_after_the_way_back_people_may_be_told_so() -> None:
    """Until the next outage: what was delivered then says nothing of now."""
    back = facts((OUT, "done", 98 * DAY), (BACK, "done", 99 * DAY))
    assert back == {"mx-on-primary", "mail-flows", "queue-drained"}
    again = facts((OUT, "done", 97 * DAY), (BACK, "done", 98 * DAY), (OUT, "holding", 99 * DAY))
    assert "queue-drained" not in again and "mx-on-primary" not in again and "mx-on-relay" in again


def test_that_it_works_now_is_never_taken_from_a_run() -> None:
    """Only a look says so."""
    text = (ROOT / "playbooks" / "exchange-access-restored.yaml").read_text()
    assert facts((text, "done", 99.9 * DAY)) == frozenset()
