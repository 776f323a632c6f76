"""Providers as somebody else plays them. By default one of each kind of play; all of them with ``BCP_STRANGE=1``."""

from __future__ import annotations

import os

import pytest

from bcp.testing.lab import Lab
from strange.commands import NEW, OLD, Town
from strange.house import Fault
from strange.play import BACK, THERE, Outage, own_mx

ALL = bool(os.environ.get("BCP_STRANGE"))
KINDS = ("azure", "cloudflare", "google", "route53")
whole = pytest.mark.skipif(not ALL, reason="BCP_STRANGE=1 plays all of them")
FAULTS = {
    "none": [],
    "busy": [Fault("busy", count=2)],
    "broken": [Fault("broken")],
    "broken-after": [Fault("broken-after")],
    "lost": [Fault("lost")],
    "cut": [Fault("cut")],
    "page": [Fault("page")],
    "reads": [Fault("page", "read", 3), Fault("busy", "read", 2)],
}


@pytest.fixture
def town(tmp_path):
    made: list[Town] = []

    def make(kind: str) -> Town:
        made.append(Town(tmp_path, kind))
        return made[-1]

    yield make
    for one in made:
        one.house.stop()


@pytest.mark.parametrize("kind", KINDS if ALL else ("azure",))
def test_somebody_elses_edit_between_read_and_write_is_kept_and_told(town, kind) -> None:
    """At a host without a compare-and-swap it is overwritten in place, and that is told."""
    t = town(kind)
    two = t.zones[1]
    t.house.edit = lambda: t.house.put(two, two.name, "MX", ["5 somebody.else.test."], 60)
    code, said, mx = t.run(Fault("edit"))
    assert code == 1 and "NOT moved: 1 of 3 domains - two.test: conflict" in said, said
    assert mx == [NEW, "5 somebody.else.test", NEW], said


@whole
@pytest.mark.parametrize("kind", KINDS)
def test_three_domains_move_through_losses_each_once(town, kind) -> None:
    t = town(kind)
    code, said, mx = t.run(Fault("lost", count=2))
    assert (code, mx, t.changed) == (0, [NEW] * 3, 3), said
    for zone in t.zones:
        t.house.put(zone, zone.name, "MX", [f"{OLD}."], 60)
    code, said, mx = t.run(Fault("busy", "any", 8, 2))
    assert (code, mx, t.changed) == (0, [NEW] * 3, 3), said


@whole
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_beforehand_is_one_sentence_and_changes_nothing(town, kind) -> None:
    t = town(kind)
    t.house.expired = True
    code, said, mx = t.run()
    assert code == 3 and mx == [OLD] * 3 and ("credential" in said or "token" in said), said
    t.house.expired = False
    code, said, mx = t.run(Fault("page", "any", 10_000))
    assert code == 3 and mx == [OLD] * 3 and "<html" not in said.lower(), said
    elsewhere = {
        "route53": ({"region": "eu-west-1"}, "region:"), "google": ({"project": "other-1"}, "project:"),
        "azure": ({"resource_group": "nope"}, "resource_group:"),
    }.get(kind)  # fmt: skip
    if elsewhere is not None:
        t.configure(**elsewhere[0])
        code, said, mx = t.run()
        assert code == 3 and mx == [OLD] * 3 and elsewhere[1] in said, said


@whole
@pytest.mark.parametrize("kind", KINDS)
def test_five_thousand_records_and_a_twin(town, kind) -> None:
    t = town(kind)
    for i in range(5_000):
        t.house.put(t.zones[0], f"h{i}.one.test", "A", ["192.0.2.1"], 60)
    before = len(t.house.log)
    code, said, mx = t.run()
    assert (code, mx) == (0, [NEW] * 3) and len(t.house.log) - before < 60, said
    for zone in t.zones:
        t.house.put(zone, zone.name, "MX", [f"{OLD}."], 60)
    more = {"group": "other"} if kind == "azure" else {}
    free = {"resource_group": ""} if kind == "azure" else {}
    twin = t.house.add("two.test", [f"{OLD}."], 60, t.zones[0].servers, **more)
    t.configure(**free)
    code, said, mx = t.run()
    assert code == 3 and mx == [OLD] * 3 and "zone_ids:" in said, said
    t.configure(zone_ids={"two.test": t.zones[1].id}, **free)
    code, said, mx = t.run()
    assert (code, mx) == (0, [NEW] * 3) and own_mx(twin) == OLD, said


@whole
@pytest.mark.timeout(400)
@pytest.mark.parametrize("what", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_outage_is_played_through_the_daemon(tmp_path, kind, what) -> None:
    """Hook, question, yes, switch, all well, question, yes, back: with the same fault at the way there and back."""
    lab = Lab(tmp_path / "lab", patience_s=20)
    played = Outage(tmp_path, kind, lab)
    before = played.house.changes

    def faults() -> list[Fault]:
        return [Fault(f.what, f.when, f.count, f.skip) for f in FAULTS[what]]

    try:
        run = played.begin()
        played.house.faults = faults()
        played.yes(run)
        assert played.step(run)["status"] in {"ok", "unchanged"} and THERE in own_mx(played.zone), played.said()
        back = played.over(run)
        played.house.faults = faults()
        played.yes(back)
        assert played.step(back)["status"] in {"ok", "unchanged"} and BACK in own_mx(played.zone), played.said()
        assert played.house.changes == before + 2, "there and back, each once"
        assert "Traceback" not in played.errors()
    finally:
        played.close()
        lab.stop()
