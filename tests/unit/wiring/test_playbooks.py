"""Playbooks by name, and what a configuration can start: known before the day."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from support import ROOT

from bcp.kernel.errors import Missing
from bcp.playbook.catalogue import ChannelSpec
from bcp.settings.serve import ServeSettings
from bcp.wiring import bare_catalogue
from bcp.wiring.playbooks import Playbooks

MINE = (ROOT / "playbooks" / "exchange-inbound-outage.yaml").read_text()


def books(*folders: Path, channels: tuple[str, ...] | None = None, moves: bool = True, **serve) -> Playbooks:
    """Over these folders; ``channels``: those that are configured; ``moves``: there is a DNS back end."""
    settings = SimpleNamespace(playbooks=list(folders), serve=ServeSettings(**serve), dns={"main": {}} if moves else {})
    made = Playbooks(SimpleNamespace(settings=settings), SimpleNamespace(), SimpleNamespace())
    if channels is not None:
        from dataclasses import replace

        known = replace(
            bare_catalogue(), channels={c: ChannelSpec("sms" if c == "sms" else "chat", ()) for c in channels}
        )
        made.catalogue = lambda facts=frozenset(): known
    return made


def test_our_own_win_over_shipped_ones(tmp_path) -> None:
    """By name; a later folder over an earlier one."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "exchange-inbound-outage.yaml").write_text(MINE)
    made = books(tmp_path / "a", tmp_path / "b")
    assert made.files()["exchange-inbound-outage"] == tmp_path / "b" / "exchange-inbound-outage.yaml"
    assert made.load("exchange-inbound-outage").document.file.startswith(str(tmp_path / "b"))
    assert "exchange-failback" in made.files()


def test_a_playbook_by_path_and_one_that_is_not_there(tmp_path) -> None:
    """With a hint to what was meant."""
    path = tmp_path / "x.yaml"
    path.write_text(MINE)
    assert books().load(str(path)).book.name == "exchange-inbound-outage"
    with pytest.raises(Missing) as error:
        books().load("exchange-inbound-outag")
    assert error.value.rule == "no-such-playbook" and "exchange-inbound-outage" in error.value.hint


@pytest.mark.parametrize("name", ["", "nowhere", "Exchange-Inbound-Outage", "exchange-inbound-outage ", "messages"])
def test_only_a_name_of_a_playbook_is_one(tmp_path, name) -> None:
    """Letter by letter: the wrong playbook is worse than none."""
    (tmp_path / "notes.txt").write_text("no playbook")
    with pytest.raises(Missing) as error:
        books(tmp_path).load(name)
    assert error.value.rule == "no-such-playbook" and repr(name) in error.value.message


def test_a_choice_that_is_not_taken_is_named() -> None:
    """It does not exist, is not for that class, or would move MX where a switch cannot help."""
    wanted = {
        "A": "nowhere",
        "B": "exchange-outbound-failure",
        "D": "exchange-inbound-outage",
        "E": "exchange-inbound-outage",
    }
    found = books(playbooks=wanted).not_taken()
    assert found == {c: n for c, n in wanted.items() if c != "E"}


def test_what_cannot_start_here_is_known_before_the_day(tmp_path) -> None:
    """A channel that the playbook names and nobody configured; a file that cannot be read."""
    branded = tmp_path / "branded"
    branded.mkdir()
    (branded / "exchange-inbound-outage.yaml").write_text(MINE.replace("[urgent, chat, page]", "[slack]"))
    why = books(branded, channels=("sms",)).unready()
    assert "exchange-inbound-outage" in why and "slack" in why["exchange-inbound-outage"]
    (tmp_path / "exchange-inbound-outage.yaml").write_text(MINE.replace("[urgent, chat, page]", "[sms]"))
    assert "slack" not in books(tmp_path, channels=("sms",)).unready().get("exchange-inbound-outage", "")


def test_where_mx_is_not_ours_to_move_only_talking_is_proposed() -> None:
    """For whoever detects and talks: every class that can be told has a playbook, and none of them moves MX."""
    talks = books(moves=False)
    moved = {c: m for c, (m, _) in talks.chosen().items() if m}
    kept = {c: k for c, (_, k) in talks.chosen().items() if k}
    assert moved == {}
    assert (kept["B"], kept["F"], kept["A"]) == (
        "exchange-tell-inbound",
        "exchange-tell-inbound",
        "exchange-mailbox-access",
    )
    wanted = books(moves=False, playbooks={"E": "exchange-tell-inbound"})
    assert wanted.chosen()["E"][1] == "exchange-tell-inbound" and wanted.not_taken() == {}


def test_a_host_with_a_second_way_shares_the_fate_of_those_whom_both_ways_need() -> None:
    from bcp.wiring.playbooks import _of_both_ways

    hosts = {"a": SimpleNamespace(second="b"), "b": SimpleNamespace(second=""), "c": SimpleNamespace()}
    shared = {"a": ("entra", "isp"), "b": ("isp",), "c": ("entra",)}
    assert _of_both_ways(hosts, shared) == {"a": ("isp",), "b": ("isp",), "c": ("entra",)}
    assert _of_both_ways({"a": SimpleNamespace(second="gone")}, {"a": ("entra",)}) == {"a": ()}
