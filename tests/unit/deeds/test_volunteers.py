"""Who goes on with a run of a live drill by hand tells volunteers alone, as the drill did."""

from __future__ import annotations

import pytest

from bcp.contracts.exercise import Scenario
from bcp.deeds.exercise import New, make
from bcp.deeds.plan import request_for
from bcp.deeds.stand_ins import EmulatedChannel
from bcp.deeds.volunteers import as_exercised
from bcp.drills.play import Play
from bcp.settings import load
from bcp.wiring import App, make_app

from .house import BOOK, CONFIG, House, person

MORE = """\
channels:
  sms: {kind: twilio-sms, account_sid: "env:X", auth_token: "env:X", from: "+15005550006"}
  status-page: {kind: status-page, folder: public}
"""
BACK = """\
version: 1
name: back
title: Back
activation: [{id: rest, uses: wait, with: {for: 1s}}]
"""
VOLUNTEERS = CONFIG.replace(
    "audiences: {staff: {groups: [staff]}}", "audiences: {staff: {groups: [staff]}, volunteers: {people: [carol]}}"
)


@pytest.fixture
def left(house: House) -> House:
    """A live drill whose process is gone, and whose run holds."""
    (house.folder / "bcp.yaml").write_text(VOLUNTEERS + MORE)
    (house.folder / "playbooks" / "out.yaml").write_text(BOOK)
    (house.folder / "playbooks" / "back.yaml").write_text(BACK)
    found = House(house.folder)
    play = Play("out", domains=("corp.test",), volunteers="volunteers")
    drill = make(found.ground, person("alice"), New("live", Scenario("", "none"), play))
    found.holding(kind="drill")
    found.holding("run-2", kind="drill")
    found.app.running.drills.append(drill, "run", "alice", {"run": "run-1"})
    return found


def told(app: App) -> tuple[list[str], dict[str, bool]]:
    people = [c.id for c in app.people.directory.members("staff")]
    return people, {n: isinstance(c, EmulatedChannel) for n, c in app.world.channels.items()}


@pytest.mark.parametrize("times", [1, 2])
def test_volunteers_alone_and_nothing_that_everybody_reads(left: House, times: int) -> None:
    for _ in range(times):
        as_exercised(left.app, "run-1")
    assert told(left.app) == (["carol"], {"sms": False, "status-page": True})
    assert [c.id for c in left.app.people.directory.people(["group:oncall"])] == ["alice", "bob"], "gates ask as always"


def test_a_run_of_nothing_live_is_left_as_it_is(left: House) -> None:
    as_exercised(left.app, "run-2")
    assert told(left.app) == (["alice", "bob", "carol"], {"sms": False, "status-page": False})


def test_its_way_back_is_an_exercise_too(left: House) -> None:
    """Planned by hand it was a real one: everybody would have been told that mail is back."""
    loaded = left.app.playbooks.load("back")
    request = request_for(left.app, loaded, inputs={}, domains=("corp.test",), parent="run-1")
    assert request.kind == "drill"
    assert told(left.app)[0] == ["carol"]
    app = make_app(load(left.folder / "bcp.yaml"))
    assert request_for(app, loaded, inputs={}, domains=("corp.test",)).kind == "real"
