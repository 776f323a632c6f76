"""What is not broken, and what nobody can see."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Role, Watched
from bcp.detect.planes import PlaneView, ProbeView, WayView
from bcp.detect.verdict import MOVED
from bcp.detect.works import WORKS, unseen_of, works_of


def way(name="smtp", *, known=True, raw=False, muted="", role=Role.LOOK):
    probe = ProbeView(Watched(name, name, "inbound"), known, False, False, False, False, (), 0.0, None, None)
    seen = WayView(name, role, known, False, False, False, False, 0.0, 0, 1, None, None, probes=(probe,))
    return replace(seen, raw=raw, muted=muted)


def plane(name, status="ok", *ways):
    return PlaneView(name, status, ways or (way("other"),))


def test_what_works_is_said_of_every_plane_that_is_well() -> None:
    """In the order in which planes are looked at."""
    views = [plane("inbound", "down", way(raw=True)), plane("mailbox"), plane("auth")]
    assert works_of(views) == ("mailboxes can be opened", "people can sign in") and unseen_of(views) == ()
    assert works_of([plane(n) for n in WORKS]) == tuple(WORKS.values())
    assert works_of([]) == () == unseen_of([plane("unheard-of", "unknown")]) == works_of([plane("unheard-of")])


@pytest.mark.parametrize("status", ["down", "suspect", "partial", "unknown"])
def test_what_is_in_doubt_is_not_said_to_work(status) -> None:
    assert works_of([plane("dns", status)]) == ()
    assert bool(unseen_of([plane("dns", status)])) is (status == "unknown")


def test_what_fails_at_this_moment_does_not_work_whatever_the_counters_say() -> None:
    """A way that does not count is no reason."""
    assert works_of([plane("dns", "ok", way("dns", raw=True))]) == ()
    assert works_of([plane("dns", "ok", way("dns"), way("resolve", raw=True, muted="x"))]) == (WORKS["dns"],)


def test_unknown_recipients_say_nothing_of_known_ones() -> None:
    """Nobody is told that mail is taken where only refusals of unknown recipients are seen."""
    views = [plane("inbound", "ok", way(known=False), way("smtp-unknown"))]
    assert works_of(views) == () and unseen_of(views) == (WORKS["inbound"],)
    assert works_of([plane("inbound", "ok", way(), way("smtp-unknown"))]) == (WORKS["inbound"],)


def test_where_nothing_is_set_to_look_nothing_is_missed() -> None:
    """People that say nothing are not blindness."""
    assert unseen_of([plane("inbound", "unknown", way("people", role=Role.PEOPLE))]) == ()
    assert set(MOVED) <= set(WORKS)


def test_the_way_out_is_not_said_to_work_from_mails_that_cannot_come_in() -> None:
    """The newest mail that went round is older than the outage."""
    bad, out = plane("inbound", "down", way(raw=True)), plane("outbound", "ok", way("round-trip"))
    assert works_of([bad, out]) == () and works_of([plane("dns", "partial"), out]) == ()
    assert works_of([plane("inbound"), out])[-1] == WORKS["outbound"]
    queue = plane("outbound", "ok", way("round-trip"), way("queue"))
    assert works_of([bad, queue]) == (WORKS["outbound"],)
