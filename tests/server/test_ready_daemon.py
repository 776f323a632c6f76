"""A daemon that looks by itself: what breaks is red within one interval, its owner is told, heads go out."""

from __future__ import annotations

import time

import pytest
from acceptance.conftest import Lab

from server.world import World

EVERY_S = 1.0


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """Looks every second; the weekly message is due today; a neighbour keeps the heads."""
    lab = Lab(tmp_path_factory.mktemp("ready-lab"), patience_s=20, every_s=2.0)
    folder = tmp_path_factory.mktemp("ready")
    (folder / "witness").mkdir()
    found = World(folder, lab=lab)
    day = time.strftime("%a", time.gmtime()).lower()
    found.write(
        readiness={"every": f"{EVERY_S:g}s", "owner": ["group:oncall"], "day": day, "hour": "00:00"},
        evidence={"every": "1s", "witnesses": {"neighbour": {"folder": str(folder / "witness")}}},
    )
    yield found.start()
    found.close()
    lab.stop()


def looked(world: World) -> float:
    """When the daemon looked last, as its metrics say."""
    lines = world.get("/metrics")[1].decode().splitlines()
    return max((float(x.split()[1]) for x in lines if x.startswith("bcp_readiness_looked_seconds ")), default=0.0)


def red(world: World, code: str, subject: str) -> bool:
    """Does this check stand among what does not hold?"""
    line = f'bcp_readiness_check{{code="{code}",subject="{subject}",state="fail"}} 1'
    return line in world.get("/metrics")[1].decode()


def rounds(world: World, more: int) -> None:
    """So many whole looks later."""
    for _ in range(more):
        before = looked(world)
        world.wait(lambda before=before: looked(world) > before)


def test_what_breaks_is_red_after_one_round_and_green_after_the_next(ready) -> None:
    world = ready
    world.wait(lambda: looked(world))
    assert not red(world, "channel", "sms")
    good, world.vendors.twilio_token = world.vendors.twilio_token, "revoked"
    try:
        rounds(world, 2)  # one may have been under way
        assert red(world, "channel", "sms")
        status, data = world.api("/readiness")
        assert status == 200 and data["level"] == "not-ready"
        assert any(c["subject"] == "sms" and "Authenticate" in c["says"] and c["since"] for c in data["checks"])
        said = world.run("ready", "--last")
        assert said.returncode == 3 and "Authenticate" in said.stdout
    finally:
        world.vendors.twilio_token = good
    rounds(world, 2)
    assert not red(world, "channel", "sms")


def test_the_owner_was_told_once(ready) -> None:
    world = ready

    def told() -> list[str]:
        posts = [b for m, p, b in world.vendors.log if p.endswith("chat.postMessage")]
        return [b["text"] for b in posts if "Readiness on" in b.get("text", "")]

    world.wait(told)
    rounds(world, 2)
    assert len(told()) == 1 and "bcp" in told()[0]


def test_the_neighbour_has_the_heads_and_the_audit_agrees(ready) -> None:
    world = ready
    world.wait(lambda: list((world.folder / "witness").glob("*.json")))
    done = world.run("audit", "verify")
    assert done.returncode == 0 and "neighbour keeps" in done.stdout, done.stdout + done.stderr
