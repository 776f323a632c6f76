"""``bcp lab``: orders reach a lab that runs, and nobody is told that a lab runs that does not."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bcp.cli import lab, render
from bcp.kernel.errors import Invalid


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))


@pytest.mark.parametrize("order", [lambda f: lab.break_("451", f), lab.heal, lab.count])
def test_where_no_lab_runs_it_is_said(tmp_path, order) -> None:
    with pytest.raises(Invalid, match="no lab runs"):
        order(tmp_path)


def test_a_count_that_is_cut_off_is_no_lab(tmp_path) -> None:
    (tmp_path / "count.json").write_text('{"sent": 1')
    with pytest.raises(Invalid, match="no lab runs"):
        lab.count(tmp_path)


def test_a_way_to_break_it_that_there_is_not_is_refused_with_the_likely_one(tmp_path) -> None:
    (tmp_path / "count.json").write_text("{}")
    with pytest.raises(Invalid, match="not a way to break it") as caught:
        lab.break_("hagn", tmp_path)
    assert "hang" in caught.value.hint and not (tmp_path / "order").exists()


def test_an_order_is_left_for_the_lab(tmp_path, capsys) -> None:
    (tmp_path / "count.json").write_text('{"sent": 3, "lost": ["a", "b"]}')
    lab.break_("451", tmp_path)
    assert (tmp_path / "order").read_text() == "451"
    lab.heal(tmp_path)
    assert (tmp_path / "order").read_text() == "heal"
    capsys.readouterr()
    lab.count(tmp_path)
    assert json.loads(capsys.readouterr().out)["lost"] == ["a", "b"]


def test_a_lab_runs_takes_orders_and_ends_by_itself(tmp_path: Path, monkeypatch, capsys) -> None:
    """Broken as ordered, counted, and gone after its time."""
    monkeypatch.setattr(lab.render, "say", lambda text: said.append(text))
    said: list[str] = []
    (tmp_path / "order").write_text("451")
    assert threading.current_thread() is threading.main_thread()  # its signals can be heard
    lab.up(tmp_path, seconds=0.5)
    assert "lab: 451" in said and not (tmp_path / "order").exists()
    found = json.loads((tmp_path / "count.json").read_text())
    assert (found["lost"], found["duplicated"]) == ([], []) and found["mx"]


def test_records_are_entered_by_hand_as_at_a_registrar(tmp_path: Path, monkeypatch, capsys) -> None:
    """The order says what is saved; the lab serves it from then on."""
    (tmp_path / "count.json").write_text("{}")
    lab.enter("MX.Backup.test.", 10, 60, tmp_path)
    assert (tmp_path / "order").read_text() == "enter 10 mx.backup.test 60"
    monkeypatch.setattr(lab.render, "say", lambda text: None)
    lab.up(tmp_path, seconds=0.5, dns="manual")
    assert json.loads((tmp_path / "count.json").read_text())["mx"] == "10 mx.backup.test."
    assert "kind: manual" in (tmp_path / "bcp.yaml").read_text()


@pytest.mark.parametrize("name", ["relay", "", "a b.test"])
def test_what_is_no_host_name_is_not_entered(tmp_path: Path, name: str) -> None:
    (tmp_path / "count.json").write_text("{}")
    with pytest.raises(Invalid, match="not entered"):
        lab.enter(name, 10, 60, tmp_path)
    assert not (tmp_path / "order").exists()


def test_a_lab_with_a_host_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="hetzner"):
        lab.up(tmp_path, seconds=0.5, dns="hetzner")
