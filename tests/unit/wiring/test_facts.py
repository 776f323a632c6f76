"""What a message outside of a run may claim: what runs made and verified, as long as it is so."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from support import ROOT

from bcp.wiring.facts import SAME_OUTAGE_S, facts_of, switch_time

OUT, BACK = ((ROOT / "playbooks" / f"exchange-{n}.yaml").read_text() for n in ("inbound-outage", "failback"))
DAY = 86_400.0


def facts(*runs: tuple[str, str, float], kind: str = "real") -> frozenset[str]:
    """Of runs as (playbook text, status, made), oldest first; every step was done."""

    class Everything(dict):
        def get(self, _key, _default=None):
            return SimpleNamespace(status="ok")

    views = [
        SimpleNamespace(
            plan={"playbook_text": t, "kind": kind, "created": at}, state=SimpleNamespace(status=s, steps=Everything())
        )
        for t, s, at in runs
    ]
    return facts_of(views, 100 * DAY)


def test_a_run_that_holds_vouches_for_what_it_made() -> None:
    """And one that failed, a drill, or one of last month does not."""
    assert facts((OUT, "holding", 99 * DAY)) == {"mx-on-relay", "mail-flows"}
    assert (
        facts((OUT, "failed", 99 * DAY))
        == facts((OUT, "holding", 99 * DAY), kind="drill")
        == facts((BACK, "done", 80 * DAY))
        == frozenset()
    )


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


def test_a_hundred_later_sends_do_not_hide_where_mx_points() -> None:
    """However many messages an outage takes: what the switch made stays known."""
    notify = (ROOT / "playbooks" / "exchange-access-restored.yaml").read_text()
    later = [(notify, "done", 99.5 * DAY)] * 100
    assert "mx-on-relay" in facts((OUT, "holding", 99 * DAY), *later)


def run(uses: str, started: float, ended: float, *, status: str = "ok", kind: str = "real", parent: str = ""):
    """A run with one step."""
    return SimpleNamespace(
        plan={"kind": kind, "parent": parent, "steps": [{"id": "s", "uses": uses}]},
        state=SimpleNamespace(started=started, steps={"s": SimpleNamespace(status=status, ended=ended)}),
    )


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        ([run("dns.mx.switch", 100.0, 160.0)], 60.0),
        ([run("dns.mx.switch", 100.0, 160.0, status="unchanged")], 60.0),
        ([run("notify", 100.0, 130.0), run("dns.mx.switch", 110.0, 190.0)], 90.0),
        ([run("dns.mx.switch", 100.0, 160.0, status="failed")], None),
        ([run("dns.mx.switch", 100.0, 160.0, kind="drill")], None),
        ([run("dns.mx.switch", 100.0, 160.0, parent="run-1")], None),
        ([run("dns.mx.switch", 99.0, 160.0)], None),
        ([run("dns.mx.switch", 100.0 + SAME_OUTAGE_S, 100.0 + SAME_OUTAGE_S + 5)], None),
        ([], None),
    ],
)
def test_the_time_to_receive_is_that_of_the_first_switch_of_this_outage(views, expected) -> None:
    """No drill, no way back, no failed one, none of another day."""
    assert switch_time(views, 100.0) == expected
