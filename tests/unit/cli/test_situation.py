"""The first sentence at night: where mail goes, what was seen, what to do; from the files alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bcp.cli.situation import data, holding_runs, last_move, unfinished, words
from bcp.cli.situation import situation as of_cards
from bcp.contracts.store import RunCard, RunQuery
from bcp.engine.state import StepState
from bcp.pages.front import next_step, sentence
from bcp.store.files.hindrance import Hindrance, note_hindrances, read_hindrances
from bcp.store.files.look import note_look, read_look
from bcp.store.files.mails import note_mails, read_mails
from bcp.store.sqlite.history import LookRows
from bcp.testing.clock import FakeClock

SERVICE = "exchange-online"


class Runs:
    def __init__(self, *cards: RunCard) -> None:
        self.clock, self.given = FakeClock(), cards

    def cards(self, query: RunQuery) -> list[RunCard]:
        return [c for c in self.given if not c.over and c.moves_mx] if query.unfinished else list(self.given)


def situation(runs: Runs, *rest: Any) -> Any:
    return of_cards(unfinished(runs), runs.clock.now(), *rest)  # type: ignore[arg-type]


def card(name: str = "run-1", status: str = "holding", **more: Any) -> RunCard:
    given = {"moves_mx": True, "targets": ("mx:corp.test",), "playbook": "exchange-inbound-outage", **more}
    return RunCard(name, status, **given)


def seen(folder: Path, at: float, **more: Any) -> None:
    rows = LookRows(folder / "history.db")
    said = SimpleNamespace(
        state="down", stage="active", classes=("B",), planes=(), action="hold", confidence=90, since=at, evidence=()
    )
    rows.round(said, at, {"state": "down", "stage": "active", "classes": ["B"], "since": at - 600, **more})
    rows.close()


def view(step: StepState | None = None, *, live: bool = True, kind: str = "real") -> Any:
    steps = {step.id: step} if step is not None else {}
    return SimpleNamespace(state=SimpleNamespace(steps=steps), plan={"outage": {}, "kind": kind}, live=live, id="run-1")


def looked(folder: Path, at: float, **more: Any) -> None:
    """As ``bcp verdict`` leaves it."""
    saw = {"state": "down", "stage": "confirmed", "since": at - 60, "action": "wait", "why": "mail waits"}
    note_look(folder, at, {**saw, "classes": ["B"], "playbook": "exchange-inbound-outage", **more})


def test_a_look_of_a_person_is_told_and_leads_on_and_not_back_to_itself(tmp_path: Path) -> None:
    """Nothing watches: what ``bcp verdict`` has just seen stands, and an old one is said to be old."""
    runs = Runs()
    now = runs.clock.now()
    looked(tmp_path, now - 5)
    s = situation(runs, tmp_path, SERVICE, "")
    assert sentence(s).startswith("exchange-online was down at ") and not s.watching
    assert "bcp verdict" not in next_step(s) and "bcp serve" in next_step(s)
    assert "mail waits. `bcp plan exchange-inbound-outage` shows what would be done." in next_step(s)
    seen(tmp_path, now - 1, state="healthy")
    assert sentence(situation(runs, tmp_path, SERVICE, "")).startswith("exchange-online is healthy")
    looked(tmp_path, now - 400)
    (tmp_path / "history.db").unlink()
    assert "(bcp verdict)" in next_step(situation(runs, tmp_path, SERVICE, ""))


@pytest.mark.parametrize("junk", ["", "[]", '{"at": true}', '{"at": 1, "since": 0, "classes": [3]}'])
def test_a_damaged_look_is_none(tmp_path: Path, junk: str) -> None:
    looked(tmp_path, 1.0)
    assert read_look(tmp_path) is not None
    (tmp_path / "look.json").write_text(junk)
    assert read_look(tmp_path) is None


def test_whose_yes_waits_is_said_with_the_run_that_waits(tmp_path: Path) -> None:
    s = situation(Runs(), tmp_path, SERVICE, "", None, None, "run-9")
    told = next_step(replace(s, yes_by=("alice", "bob")))
    assert "go on with run-9" in told and "alice and bob said yes to it" in told


def test_nothing_was_ever_seen_or_run(tmp_path: Path) -> None:
    s = situation(Runs(), tmp_path, SERVICE, "")
    assert sentence(s) == "Nothing has looked at exchange-online yet. No run of ours has moved MX."
    assert not s.looked


@pytest.mark.parametrize(
    ("last", "said"),
    [
        (
            card(status="done", moved_at=1_800_000_000.0),
            "run-1 moved MX at 08:00 UTC and is over; `bcp dns watch` shows it now.",
        ),
        (
            card("run-2", "done", moved_at=1_800_000_000.0, parent="run-1"),
            "run-2 moved MX back at 08:00 UTC and is over; `bcp dns watch` shows it now.",
        ),
        (
            card(status="aborted", moved_at=1_800_000_000.0, changed=True),
            "run-1 moved MX at 08:00 UTC and is over; `bcp dns watch` shows it now.",
        ),
        (card(status="failed", moved_at=1_800_000_000.0), "No run of ours has moved MX."),
        (card(status="done"), "No run of ours has moved MX."),
        (None, "No run of ours has moved MX."),
    ],
)
def test_a_run_that_is_over_and_left_mx_elsewhere_is_named(tmp_path: Path, last: Any, said: str) -> None:
    """It does not hold, so nothing of ours goes back from it by itself: nobody may read that MX was never moved."""
    s = of_cards([], FakeClock().now(), tmp_path, SERVICE, "", None, last)
    assert sentence(s).endswith(said)


def test_an_undo_that_failed_is_remembered_behind_a_way_back_that_waits(tmp_path: Path) -> None:
    """It was aborted and MX not put back, while another asks to go back: nobody may read that MX points to Exchange."""
    left = card(status="aborted", moved_at=1_800_000_000.0, changed=True)
    waits = card("run-2", "waiting", parent="run-1")
    runs = Runs(waits, left)
    assert last_move(runs) == left and last_move(Runs(waits, card(status="failed"))) == waits
    s = of_cards([waits], runs.clock.now(), tmp_path, SERVICE, "", None, left)
    assert "run-1 moved MX" in sentence(s) and "points to it" not in sentence(s)


def test_mail_is_on_the_relay_and_the_watch_sees_it_down(tmp_path: Path) -> None:
    runs = Runs(card(moved_at=FakeClock().now() - 300))
    now = runs.clock.now()
    seen(tmp_path, now - 5, action="hold", why="the relay takes the mail")
    note_mails(tmp_path, now - 10, 312)
    s = situation(runs, tmp_path, SERVICE, "")
    assert "is down since" in sentence(s)
    assert sentence(s).endswith("which holds 312 mails.")
    assert next_step(s) == "Next: hold: the relay takes the mail."
    assert data(s)["mx_run"] == "run-1"
    assert data(s)["mails_held"] == 312


def test_a_count_of_before_the_switch_is_no_count(tmp_path: Path) -> None:
    runs = Runs(card(moved_at=FakeClock().now() - 300))
    note_mails(tmp_path, runs.clock.now() - 301, 312)
    assert situation(runs, tmp_path, SERVICE, "").mails.count is None


def test_a_watch_that_ended_is_said_to_be_old(tmp_path: Path) -> None:
    runs = Runs()
    seen(tmp_path, runs.clock.now() - 3600)
    said = sentence(situation(runs, tmp_path, SERVICE, ""))
    assert "was down at" in said
    assert "nothing has looked since (1h)" in said


def test_the_runs_own_look_counts_where_nothing_watches(tmp_path: Path) -> None:
    runs = Runs()
    now = runs.clock.now()
    look = StepState(
        "real", "before", "ok", ended=now - 4, outputs={"state": "down", "class": "B", "evidence": [], "since": now - 9}
    )
    s = situation(runs, tmp_path, SERVICE, "", view(look))
    assert sentence(s).startswith("exchange-online is down since")
    assert "(class B)" in sentence(s)


def test_what_a_drill_saw_is_not_how_things_stand(tmp_path: Path) -> None:
    runs = Runs()
    look = StepState("real", "before", "ok", ended=runs.clock.now() - 4, outputs={"state": "down", "evidence": []})
    said = sentence(situation(runs, tmp_path, SERVICE, "", view(look, kind="drill")))
    assert said.startswith("Nothing has looked at exchange-online yet.")


@pytest.mark.parametrize("live", [True, False])
def test_a_gate_that_waits_is_what_is_next(tmp_path: Path, live: bool) -> None:
    runs = Runs()
    seen(tmp_path, runs.clock.now() - 5)
    gate = StepState(
        "approve", "activation", "waiting", gate={"deadline": runs.clock.now() + 600, "approvers": ["alice", "bob"]}
    )
    said = next_step(situation(runs, tmp_path, SERVICE, "", view(gate, live=live)))
    assert ("an answer by alice or bob until" in said) is live


@pytest.mark.parametrize("cards", [[], [card("run-0", moved_at=5.0)]])
def test_a_switch_in_doubt_is_told_as_that(tmp_path: Path, cards: list[RunCard]) -> None:
    """Neither *not moved* nor *at the relay*: the answer to the write was lost."""
    runs = Runs(*cards)
    doubtful = view(StepState("mx", "activation", "in_doubt"))
    doubtful.plan["steps"] = [{"id": "mx", "uses": "dns.mx.switch"}]
    s = situation(runs, tmp_path, SERVICE, "", doubtful)
    assert sentence(s).endswith("Whether run-1 moved MX is in doubt: `bcp dns watch` shows where it points now.")
    assert next_step(s) == "Next: look where MX points, and settle what is in doubt: `bcp status run-1` says how."
    assert data(s)["mx"] == "in-doubt"


@pytest.mark.parametrize(
    ("step", "state", "live", "doubt"),
    [
        ("mx", "claimed", False, True),
        ("mx", "claimed", True, False),
        ("mx", "settled", False, False),
        ("tell", "claimed", False, False),
    ],
)
def test_a_switch_whose_process_was_killed_at_it_is_in_doubt(tmp_path: Path, step, state, live, doubt) -> None:
    """*No run of ours has moved MX* was said while it pointed to the relay."""
    at_work = view(StepState(step, "activation", "running"), live=live)
    at_work.plan["steps"] = [{"id": "mx", "uses": "dns.mx.switch"}, {"id": "tell", "uses": "notify"}]
    at_work.record = SimpleNamespace(effects=[SimpleNamespace(step=step, state=state)])
    said = sentence(situation(Runs(), tmp_path, SERVICE, "", at_work))
    assert ("Whether run-1 moved MX is in doubt" in said) is doubt


def test_a_text_in_doubt_is_no_doubt_about_mx(tmp_path: Path) -> None:
    told = view(StepState("tell", "activation", "in_doubt"))
    told.plan["steps"] = [{"id": "mx", "uses": "dns.mx.switch"}, {"id": "tell", "uses": "notify"}]
    assert sentence(situation(Runs(), tmp_path, SERVICE, "", told)).endswith("No run of ours has moved MX.")


def test_a_live_drill_that_has_its_domain_at_the_relay_is_told(tmp_path: Path) -> None:
    runs = Runs(card("run-3", moved_at=5.0, kind="drill"))
    said = sentence(situation(runs, tmp_path, SERVICE, ""))
    assert said.endswith("MX of a live drill's domain is at the relay (run-3); no other was moved.")


def test_a_run_that_holds_is_shown_however_old(tmp_path: Path) -> None:
    runs = Runs(card("run-9", "done", moves_mx=False), card("run-1", moved_at=5.0))
    held = holding_runs(unfinished(runs))
    assert [c.id for c in held] == ["run-1"]
    said = words(situation(runs, tmp_path, SERVICE, ""), held, "run-9")
    assert "Still holding: run-1" in said
    assert "The way back: bcp failback run-1" in said
    assert "Still holding" not in words(situation(runs, tmp_path, SERVICE, ""), held, "run-1")


def test_the_way_back_is_not_offered_while_it_runs(tmp_path: Path) -> None:
    runs = Runs(card("run-2", "running", parent="run-1"), card("run-1", moved_at=5.0))
    s = situation(runs, tmp_path, SERVICE, "")
    assert s.mx.relay
    assert "bcp failback" not in words(s, (), "run-2")


def test_on_the_way_back_nothing_is_to_be_done(tmp_path: Path) -> None:
    back = card("run-2", "running", parent="run-1")
    runs = Runs(back, card("run-1", moved_at=FakeClock().now() - 300))
    s = situation(runs, tmp_path, SERVICE, "")
    assert s.mx.relay
    seen(tmp_path, runs.clock.now() - 5, state="healthy", stage="recovering")
    moved = Runs(card("run-2", "running", parent="run-1", moved_at=runs.clock.now() - 9, draining=True), runs.given[1])
    s = situation(moved, tmp_path, SERVICE, "")
    assert "MX points to it again since" in sentence(s) and sentence(s).endswith("the relay delivers what it kept.")
    tries = Runs(card("run-2", "running", parent="run-1", moved_at=runs.clock.now() - 9), runs.given[1])
    assert sentence(situation(tries, tmp_path, SERVICE, "")).endswith("what the relay kept comes next.")


def test_a_drill_moves_nothing(tmp_path: Path) -> None:
    assert not situation(Runs(card(kind="drill", moved_at=5.0)), tmp_path, SERVICE, "").mx.relay


@pytest.mark.parametrize("junk", ["", "{", "[]", '{"at": 1}', '{"at": true, "count": 1}', '{"at": 1, "count": -1}'])
def test_a_damaged_count_is_none(tmp_path: Path, junk: str) -> None:
    (tmp_path / "mails.json").write_text(junk)
    assert read_mails(tmp_path) is None


def test_a_count_is_kept(tmp_path: Path) -> None:
    note_mails(tmp_path, 7.5, 3)
    assert read_mails(tmp_path) == (7.5, 3)
    assert json.loads((tmp_path / "mails.json").read_text())["count"] == 3


def test_a_history_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"no database" * 99)
    assert not situation(Runs(), tmp_path, SERVICE, "").looked


def test_the_name_of_a_group_is_no_domain(tmp_path) -> None:
    """``concurrency: {group: "mx:all"}`` is a name beside the domains' own."""
    targets = ("mx:all", "mx:corp.test", "mx:side.test", "service:exchange-online")
    found = situation(Runs(card(targets=targets, moved_at=1.0)), tmp_path, SERVICE, "UTC")
    assert found.mx.domains == ("corp.test", "side.test") and "Mail of 2 domains" in sentence(found)


@pytest.mark.parametrize(
    ("back", "at_relay"),
    [
        ({"status": "done", "moved_at": 1_800_000_060.0}, False),
        ({"status": "done", "moved_at": 1_800_000_060.0, "released": ("mx:two.test",)}, True),  # a part of it stayed
        ({"status": "failed", "moved_at": 1_800_000_060.0}, True),
        ({"status": "done"}, True),
        ({"status": "done", "moved_at": 1_800_000_060.0, "parent": "run-0"}, True),
    ],
)
@pytest.mark.parametrize("status", ["holding", "running", "stopped"])
def test_mail_is_back_once_the_way_back_is_over_though_its_run_writes_its_report(tmp_path, status, back, at_relay):
    """Or was stopped over it: whoever looks in that second must not read that mail goes to the relay."""
    held = card(status=status, moved_at=1_800_000_000.0)
    last = card("run-2", **{"parent": "run-1", **back})
    s = of_cards([held], FakeClock().now(), tmp_path, SERVICE, "", None, last)
    assert s.mx.relay is at_relay
    assert ("moved MX back" in sentence(s)) is not at_relay


@pytest.mark.parametrize(("state", "shown"), [("healthy", True), ("down", False)])
def test_why_the_way_back_is_not_proposed_stands_in_the_first_lines(tmp_path: Path, state: str, shown: bool) -> None:
    """Of the direction that is wanted now, with what to do; what a daemon of yesterday wrote is not told."""
    runs = Runs(card(moved_at=50.0))
    now = runs.clock.now()
    seen(tmp_path, now - 1, state=state, stage="recovering", action="failback")
    note_hindrances(tmp_path, [Hindrance(now, "back", "run-1", "x.test: the key has ended", "Renew it.", "dns.silent")])
    s = situation(runs, tmp_path, SERVICE, "")
    told = "mend what keeps the way back of run-1 from being proposed: x.test: the key has ended. Renew it. It is tried"
    assert (told in next_step(s)) is shown and (told in data(s)["hindered"]) is shown
    note_hindrances(tmp_path, [Hindrance(now - 7200, "back", "run-1", "old", "", "")])
    assert situation(runs, tmp_path, SERVICE, "").hindered == ""


def test_what_a_new_daemon_writes_anew_waits_for_no_disk(tmp_path: Path, monkeypatch) -> None:
    """They are written in the loop that starts runs, at times when disks are slow."""
    monkeypatch.setattr("os.fsync", lambda handle: pytest.fail("it waits for the disk"))
    note_hindrances(tmp_path, [Hindrance(1.0, "back", "run-1", "x", "", "")])
    note_mails(tmp_path, 1.0, 3)
    assert read_hindrances(tmp_path)[0].text == "x" and read_mails(tmp_path) == (1.0, 3)


@pytest.mark.parametrize("junk", ["", "{}", "[1]", '[{"at": true}]', '[{"at": 1}]'])
def test_a_damaged_word_of_what_hinders_is_none(tmp_path: Path, junk: str) -> None:
    (tmp_path / "hindered.json").write_text(junk)
    assert read_hindrances(tmp_path) == []


def test_a_domain_of_which_nobody_knows_is_not_counted_as_at_the_relay(tmp_path) -> None:
    """Of 1,000 domains 600 were there, and the sentence said 750."""
    states = {"corp.test": "applied", "side.test": "applied", "lost.test": "unknown"}
    left = {"lost.test": {"state": "unknown", "why": "it fell silent"}}
    mx = StepState("mx", "activation", status="ok", outputs={"states": states, "left": left})
    state = SimpleNamespace(steps={"mx": mx}, status="holding")
    record = SimpleNamespace(events=(), effects=())
    plan = {"domains": list(states), "steps": [{"id": "mx", "uses": "dns.mx.switch"}]}
    view = SimpleNamespace(id="run-1", live=False, plan=plan, state=state, record=record)
    held = card(targets=tuple(f"mx:{d}" for d in states), moved_at=1.0)
    found = situation(Runs(held), tmp_path, SERVICE, "UTC", view)
    assert found.mx.domains == ("corp.test", "side.test") and "Mail of 2 domains" in sentence(found)
