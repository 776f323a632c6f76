"""The verdict as a person reads it at night: what it is, since when, what to do and by when."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from bcp.cli import verdict_view as view
from bcp.detect.cases import Case
from bcp.detect.verdict import Decision


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.mark.parametrize("encoding", ["ascii", "no-such-encoding"])
def test_where_blocks_cannot_be_drawn_there_are_letters(monkeypatch, encoding) -> None:
    class Old(io.StringIO):
        pass

    Old.encoding = encoding
    monkeypatch.setattr(sys, "stdout", Old())
    assert view.can_draw() is False
    assert view.spark(["ok", "down", "odd"], 5) == "  _#?"


def test_only_the_last_rounds_are_drawn() -> None:
    assert len(view.spark(["ok"] * 99, 10)) == 10 and len(view.spark([], 10)) == 10


@pytest.mark.parametrize(
    ("decision", "line"),
    [
        (Decision("healthy"), "x is healthy"),
        (Decision("healthy", stage="closed"), "x is healthy (the outage is over)"),
        (Decision("down", stage="confirmed"), "x is down"),
        (Decision("unknown", stage="unknown"), "x is unknown"),
    ],
)
def test_the_headline(decision, line) -> None:
    assert view.headline(decision, "x") == line


def test_the_headline_names_every_class_in_words() -> None:
    told = view.headline(Decision("down", ("B", "E"), confidence=80, stage="confirmed"), "x")
    assert told.startswith("x is down, class B (") and " and E (" in told and told.endswith("), 80 % sure")


def test_another_day_is_named() -> None:
    (line,) = view.clock_lines(Decision("down", clock=((86_500.0, "decide"),)), 70.0)
    assert line.startswith("  2 Jan 00:01 UTC ")


def test_what_is_only_known_to_be_at_least_says_so() -> None:
    told = view.full(Decision("down", ("B",), since=100.0), "x", 100.3, {}, "", exact=False)
    assert "At least since 00:01 UTC (1s)." in told


@pytest.mark.parametrize(("stage", "shown"), [("confirmed", True), ("active", False), ("recovering", False)])
def test_no_clock_runs_for_senders_while_the_relay_takes_the_mail(stage, shown) -> None:
    decision = Decision("down", ("B",), stage=stage, clock=((500.0, "Exim gives up"),))
    assert ("Exim gives up" in view.full(decision, "x", 100.0, {}, "")) is shown


def test_the_clock_counts_down_and_up() -> None:
    decision = Decision("down", clock=((100.0, "decide"), (40.0, "confirmed")))
    first, second = view.clock_lines(decision, 70.0)
    assert "decide (in 30s)" in first and "confirmed (30s ago)" in second and "00:01 UTC" in first


@pytest.mark.parametrize(
    ("action", "playbook", "count"),
    [("switch", "book", 2), ("switch", "", 1), ("watch", "book", 1), ("none", "book", 1), ("fix-own", "book", 1)],
)
def test_a_playbook_is_named_where_there_is_something_to_do(action, playbook, count) -> None:
    found = view.proposal(Decision("down", action=action, why="mail bounces"), 0.0, playbook)
    assert len(found) == count and "mail bounces" in found[0]


@pytest.mark.parametrize(("at", "told"), [(3600.0, True), (0.0, False), (None, False)])
def test_a_time_to_decide_that_is_past_is_not_named(at, told) -> None:
    (line,) = view.proposal(Decision("down", action="watch", why="w", decide_at=at), 1.0, "")
    assert ("by 01:00 UTC" in line) is told


@pytest.mark.parametrize(
    ("spared", "words"),
    [
        ((), "It is of a.test."),
        (("b.test",), "b.test is well and left alone"),
        (tuple(f"{n}.test" for n in "bcdefgh"), "and 2 more are well and left alone"),
    ],
)
def test_domains_that_are_well_are_left_alone_by_name(spared, words) -> None:
    told = view.full(Decision("down", domains=("a.test",), spared=spared), "x", 0.0, {}, "")
    assert words in " ".join(told.split())


def test_a_domain_that_nobody_sees_is_not_called_well() -> None:
    cases = (Case("b.test", well=True), Case("c.test", unseen=True), Case("d.test"))
    found = Decision("down", domains=("a.test",), spared=("b.test", "c.test", "d.test"), cases=cases)
    told = " ".join(view.full(found, "x", 0.0, {}, "").split())
    assert "b.test is well and left alone" in told and "d.test is not confirmed down, and left alone" in told
    assert "c.test cannot be seen, and is left alone: nothing shows that mail fails there" in told


def test_everything_for_a_person_who_has_to_decide() -> None:
    decision = Decision(
        "down", ("B",), since=100.0, action="switch", why="mail is put off", evidence=("421 too busy",),
        notes=("421 too busy", "a note"), flapping=True, flap=62.0, words=("alice says that it is B",),
        clock=((100.0, "confirmed"),),
    )  # fmt: skip
    told = view.full(decision, "x", 190.0, {}, "book", reasons=True)
    assert "Since 00:01 UTC (1m 30s)." in told and "! alice says that it is B." in told
    assert "It is flapping (62 %)" in told and "Playbook: book (bcp plan book)" in told
    assert told.count("421 too busy") == 1 and ". a note" in told
    for head in ("For:\n  + nothing", "Against:\n  - nothing", "What would change it:\n  * nothing that is known"):
        assert head in told
    assert "For:" not in view.full(decision, "x", 190.0, {}, "book")


def test_it_says_what_is_not_broken_and_what_nobody_can_see() -> None:
    """People ask for it first. While all is well there is nothing to say."""
    from bcp.contracts.probe import Role
    from bcp.detect.planes import PlaneView, WayView

    look = WayView("x", Role.LOOK, True, False, False, False, False, 0.0, 0, 1, None, None)
    views = tuple(PlaneView(n, s, (look,)) for n, s in (("mailbox", "ok"), ("auth", "ok"), ("dns", "unknown")))
    text = view.full(Decision("down", ("B",), views=views), "x", 0.0, {}, "")
    assert "Not broken: mailboxes can be opened; people can sign in." in text
    assert "Nobody can see whether the MX host's name resolves." in text
    calm = view.full(Decision("healthy", views=views), "x", 0.0, {}, "")
    assert "Not broken" not in calm and "Nobody can see" not in calm
    assert view.works_lines(Decision("down")) == []


@pytest.mark.parametrize(
    ("evidence", "rounds", "told"),
    [
        (("smtp: 451 later",), (), "  inbound   down"),
        ((), (), "  inbound   down    smtp: 451 later"),
        ((), ("down",), "█ smtp: 451 later"),
    ],
)
def test_a_single_look_shows_no_rounds_and_says_its_evidence_once(evidence, rounds, told) -> None:
    way = SimpleNamespace(down=True, suspect=False, share=0.0, role=SimpleNamespace(value="look"))
    plane = SimpleNamespace(name="inbound", status="down", ways=(way,))
    decision = SimpleNamespace(views=(plane,), evidence=evidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view, "evidence_of", lambda found: "smtp: 451 later")
        (line,) = view.plane_lines(decision, {"inbound": rounds})
    assert line == told if not rounds else line.endswith(told)
