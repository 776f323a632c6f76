"""The timeline of a run: one line for each thing that a person wants to know, and silence where silence was asked."""

from __future__ import annotations

import io
import sys

import pytest
from unit.cli.conftest import Terminal

from bcp.cli import live, render
from bcp.cli.live import Timeline
from bcp.engine.events import Progress


@pytest.fixture(autouse=True)
def out(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    fresh = render.Output()
    for module in (render, live):
        monkeypatch.setattr(module, "OUT", fresh)
    return fresh


def lines(capsys, *progress: Progress, start: float | None = 0.0, run: str = "") -> list[str]:
    timeline = Timeline(start, run)
    for p in progress:
        timeline(p)
    timeline.close()
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("progress", "told"),
    [
        (Progress(0, "phase_started", data={"phase": "hold"}), "Holding"),
        (Progress(0, "resumed"), "resumed"),
        (Progress(0, "undo_started"), "undoing"),
        (Progress(0, "stopped", text="by alice"), "stopped by alice"),
        (Progress(0, "stopped", text="stopped by TERM"), "stopped by TERM"),
        (Progress(0, "aborting", text="wrong button"), "aborting wrong button"),
        (Progress(0, "aborting"), "aborting"),
        (Progress(0, "run_finished", text="aborted by ann", data={"status": "aborted"}), "aborted by ann"),
        (Progress(0, "recovered"), "mail is back where it was"),
        (Progress(0, "note", text="look"), "look"),
        (Progress(0, "step_finished", "mx", data={"status": "ok"}), "✓ mx"),
        (Progress(0, "step_finished", "mx", "no", {"status": "failed"}), "✗ mx failed: no"),
        (Progress(0, "step_finished", "mx", "2 of 3", {"status": "ok", "outputs": {"left": {"c": 1}}}), "! mx: 2 of 3"),
        (Progress(0, "step_finished", "mx", "3 of 3", {"status": "ok", "outputs": {"left": {}}}), "✓ mx: 3 of 3"),
        (Progress(0, "step_progress", "mx", "250 of 1000 moved"), "  mx: 250 of 1000 moved"),
        (Progress(0, "step_finished", "mx", data={"status": "a new state"}), "* mx a new state"),
        (Progress(0, "undo_finished", "mx", data={"status": "undone"}), "↶ mx undone"),
        (Progress(0, "answer_refused", text="too late"), "! too late"),
        (Progress(0, "step_retry", "mx", "timeout"), "  mx: timeout; trying again"),
        (Progress(0, "run_finished", text="all well", data={"status": "done"}), "done all well"),
        (Progress(0, "run_finished", data={"status": "done"}), "done"),
    ],
)
def test_each_thing_is_one_line(capsys, progress, told) -> None:
    assert lines(capsys, progress) == [f"+   0.0s  {told}"]


def test_what_nobody_wants_to_know_is_no_line(capsys) -> None:
    assert lines(capsys, Progress(0, "something_else"), Progress(0, "step_started", "mx")) == []


def test_times_count_from_the_start_or_are_those_of_the_clock(capsys) -> None:
    assert lines(capsys, Progress(62.5, "resumed"), start=60.0) == ["+   2.5s  resumed"]
    assert lines(capsys, Progress(55.5, "resumed"), start=60.0) == ["+   0.0s  resumed"], "no time before the start"
    assert lines(capsys, Progress(62.5, "resumed"), start=None) == ["00:01:02 UTC  resumed"]


def test_a_gate_says_who_can_answer_how_and_until_when(capsys) -> None:
    gate = Progress(10, "gate", "go", "a yes", {"deadline": 70.0, "approvers": ["alice", "bob"], "checksum": "c" * 64})
    (told,) = lines(capsys, gate, run="run-7")
    assert told.endswith("? go: a yes from alice, bob; closes in 1m. Plan cccccccccccc. bcp approve run-7")
    asked, *rows = lines(capsys, Progress(10, "gate", "mx", "a yes", {**gate.data, "about": "Log in\n  Type: MX"}))
    assert asked.endswith("? mx: alice, bob: please do this; closes in 1m. bcp approve")
    assert rows == ["    Log in", "      Type: MX"]
    (late,) = lines(capsys, Progress(99, "gate", "go", "a yes", {**gate.data}))
    assert "closes in 0s" in late and late.endswith("bcp approve")


def test_a_run_that_holds_says_what_comes_next(capsys) -> None:
    (told,) = lines(capsys, Progress(0, "holding", data={"next": 3600.0}), run="run-7")
    assert told.endswith("holding; next update at 01:00 UTC. The way back: bcp failback run-7")


def test_quiet_is_quiet(capsys, out) -> None:
    out.quiet = True
    assert lines(capsys, Progress(0, "resumed")) == []


@pytest.mark.parametrize("encoding", ["ascii", "no-such-encoding"])
def test_where_marks_cannot_be_shown_there_are_stars(monkeypatch, encoding) -> None:
    class Old(io.StringIO):
        pass

    stream = Old()
    Old.encoding = encoding
    monkeypatch.setattr(sys, "stderr", stream)
    timeline = Timeline(0.0)
    timeline(Progress(0, "step_finished", "mx", data={"status": "ok"}))
    assert stream.getvalue() == "+   0.0s  * mx\n"


def test_at_a_terminal_what_is_waited_for_moves_and_goes(monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    timeline = Timeline(0.0)
    timeline(Progress(0, "step_started", "mx"))
    assert timeline._status is not None
    timeline(Progress(0, "step_started", "next"))
    timeline(Progress(0, "step_finished", "next", data={"status": "ok"}))
    assert timeline._status is None
    timeline.close()
    assert "next" in terminal.getvalue()
