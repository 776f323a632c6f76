"""``bcp abort`` at a terminal: mail moves back by a yes to what was shown, and by nothing else."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from bcp.cli import end
from bcp.deeds import run as deed
from bcp.engine.runner import Ending
from bcp.kernel.errors import GateClosed

from .conftest import Terminal


@pytest.fixture
def abort(house, monkeypatch):
    """The command for a run that holds, as Alice, at a terminal of her own."""
    monkeypatch.setattr(house.app.people, "whoami", lambda claimed="": "alice")
    monkeypatch.setattr(end, "make_app", lambda: house.app)
    monkeypatch.setattr(end, "ground_of", lambda app: house.ground)
    house.holding()
    house.adopted = True

    def go(typed: str | None = None, **more: str) -> None:
        if typed is not None:
            monkeypatch.setattr(sys, "stdin", Terminal(typed))
        end.abort("run-1", **{"reason": "a test", "as_": "", "consequence": "", "anyway": "", **more})

    return go


@pytest.mark.parametrize("typed", [None, "", "n\n", "nay\ny\n"], ids=["pipe", "end", "no", "nay"])
def test_mail_stays_where_it_is_unless_somebody_says_yes(house, abort, typed) -> None:
    """The run is told nothing; how to do it without a terminal is said, with what was shown."""
    with pytest.raises(GateClosed) as caught:
        abort(typed)
    assert caught.value.rule == "not-confirmed" and "mail stays where it is" in caught.value.message
    assert ("no terminal" in caught.value.message) is (typed is None)
    assert "--consequence" in caught.value.hint and "bcp failback run-1" in caught.value.hint
    assert house.signals("run-1") == [] and house.woken == []


def test_one_yes_is_not_enough_where_the_look_speaks_against_it(house, abort) -> None:
    """The service is down: mail would go to where it fails."""
    with pytest.raises(GateClosed) as caught:
        abort("y\nn\n")
    assert caught.value.rule == "second-yes" and house.signals("run-1") == []


def test_a_yes_is_bound_to_what_was_shown(house, abort) -> None:
    """And reaches the run, under the name of who said it."""
    house.seen = "healthy"
    abort("y\n")
    (told,) = house.signals("run-1")
    assert (told.kind, told.actor, told.data["reason"]) == ("abort", "alice", "a test")
    assert len(told.data["consequence"]) == 64


def ends(house, monkeypatch, ending: Ending) -> None:
    """Nobody works on the run: it is gone on with here, and ends like this."""

    async def resume(*args, **more) -> Ending:
        return ending

    monkeypatch.setattr(deed, "resume", resume)
    house.holding()
    end.work_on(house.app, "run-1", asks=True)


@pytest.mark.parametrize(("said", "rule"), [("", "undo-refused"), ("service-well", "service-well")])
def test_a_run_that_holds_after_its_end_was_asked_for_is_a_closed_gate(house, monkeypatch, said, rule) -> None:
    """Whoever gave the command hears that mail was not moved, by an exit code of its own."""
    with pytest.raises(GateClosed, match="run-1 still holds: nobody said yes") as caught:
        ends(house, monkeypatch, Ending("holding", 0, "nobody said yes", "bcp abort run-1", said))
    assert (caught.value.rule, caught.value.exit_code, caught.value.hint) == (rule, 5, "bcp abort run-1")


def test_a_run_that_was_undone_is_no_error(house, monkeypatch, capsys) -> None:
    ends(house, monkeypatch, Ending("aborted", 0, "a test", ""))
    assert "run-1" in capsys.readouterr().out


def test_a_way_back_names_what_another_run_holds_at_the_relay(monkeypatch, capsys) -> None:
    """*Done* with nothing beside it, and the other domains are forgotten."""
    from bcp.cli import end, situation
    from bcp.contracts.store import RunCard

    def held(name, *domains):
        return RunCard(name, "holding", moves_mx=True, moved_at=5.0, targets=tuple(f"mx:{d}" for d in domains))

    cards = [held("run-1", "one.test"), held("run-2", "a.test", "b.test", "c.test", "d.test")]
    monkeypatch.setattr("bcp.cli.common.runs", lambda: None)
    monkeypatch.setattr(situation, "unfinished", lambda runs: cards)
    end._others("run-1")
    said = " ".join(capsys.readouterr().err.split())
    assert "a.test, b.test, c.test and 1 more: mail still goes to the relay by run-2." in said
    assert "bcp failback run-2" in said and "run-1" not in said


@pytest.mark.parametrize(("towards", "named"), [("primary", True), ("relay", False)])
def test_a_way_back_is_no_way_back_of_its_own(towards, named) -> None:
    """Who ends one is not sent to `bcp failback` of the same run."""
    shown = SimpleNamespace(run="run-1", consequence="c" * 64, anyway="", moves=SimpleNamespace(towards=towards))
    assert ("bcp failback run-1" in end._how(shown)) is named and "bcp abort run-1" in end._how(shown)
