"""``bcp snapshot``: what is kept of peacetime, what changed, and what could not be read."""

from __future__ import annotations

import json
from itertools import count

import pytest
import typer

from bcp.cli import render, snapshot
from bcp.deeds import peacetime
from bcp.detect.snapshot import Snapshot
from bcp.kernel.errors import Invalid

MX = {"hosts": [[0, "primary.test."]], "ttl_s": 3600}


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def taken(house, monkeypatch):
    """What the next look finds; looks are a minute apart."""
    times = count(house.app.clock.now() - 3600, 60)

    def put(*unreadable: str, **facts) -> None:
        async def take(app) -> Snapshot:
            return Snapshot(next(times), {"corp.test": facts}, {"mx-backup": {"spki": "aa"}}, unreadable=unreadable)

        monkeypatch.setattr(peacetime, "take", take)

    return put


@pytest.mark.parametrize("given", [{"show": True}, {"diff": True}])
def test_before_the_first_there_is_nothing_to_show(house, given) -> None:
    with pytest.raises(Invalid, match="no snapshot yet"):
        snapshot.snapshot(**given)


def test_the_second_is_compared_with_the_first(house, taken, capsys) -> None:
    taken(mx=MX, spf="v=spf1 -all")
    snapshot.snapshot()
    first = json.loads(capsys.readouterr().out)
    assert first["changes"] == [] and first["domains"]["corp.test"]["spf"] == "v=spf1 -all"
    with pytest.raises(Invalid, match="only one snapshot"):
        snapshot.snapshot(diff=True)
    taken(mx=MX, spf="v=spf1 ~all")
    snapshot.snapshot()
    (changed,) = json.loads(capsys.readouterr().out)["changes"]
    assert (changed["before"], changed["after"]) == ("v=spf1 -all", "v=spf1 ~all")
    snapshot.snapshot(diff=True)
    assert json.loads(capsys.readouterr().out)["changes"] == [changed]


def test_a_fact_that_could_not_be_read_is_said_by_the_exit_code_and_the_rest_is_kept(house, taken, capsys) -> None:
    taken("TLSA of primary.test: timeout", mx=MX)
    with pytest.raises(typer.Exit) as ended:
        snapshot.snapshot()
    assert ended.value.exit_code == 1 and len(house.app.world.snapshots.files()) == 1
    assert json.loads(capsys.readouterr().out)["unreadable"] == ["TLSA of primary.test: timeout"]


def test_for_people(house, taken, capsys, as_json) -> None:
    as_json.json = False
    taken(mx=MX, long="x" * 300, none="")
    snapshot.snapshot()
    assert "the first one" in capsys.readouterr().out
    snapshot.snapshot(show=True)
    told = capsys.readouterr().out
    assert "corp.test: MX 0 primary.test. (TTL 3600)" in told and "..." in told and "none:" not in told
    assert "relay mx-backup" in told
    taken("a", mx=None)
    with pytest.raises(typer.Exit):
        snapshot.snapshot()
    snapshot.snapshot(show=True)
    told = capsys.readouterr().out
    assert "corp.test: MX unknown" in told and "could not be read: a" in told


def test_where_nothing_changed_it_is_said(house, taken, capsys, as_json) -> None:
    as_json.json = False
    taken(mx=MX)
    snapshot.snapshot()
    snapshot.snapshot()
    assert "nothing changed since the last one" in capsys.readouterr().out
