"""From lanes to planes: what backs what, what is merged of domains, what is blind, and what is only a limit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Result, Role, Signal, Watched
from bcp.detect.inbound import Around, Weighed
from bcp.detect.planes import PlaneView, ProbeView, WayView
from bcp.detect.rules import Rules
from bcp.detect.survey import (
    Backing,
    Survey,
    blind,
    by_domain,
    doubtful,
    failed,
    fails_at_all,
    is_limit,
    limited,
    merged,
    only_limits,
    only_places,
    survey,
)
from bcp.detect.verdict import classes_of, switch_helps

RULES = Rules()


def look(kind):
    return Signal("p", "inbound", Result.FAIL, 0.0, kind, kind)


def lane(plane="inbound", way="smtp", *, down=False, known=True, kind="", domains=(), role=Role.LOOK, name="p", **more):
    """What is known of one lane."""
    watched = Watched(name, way, plane, role, domains=domains)
    bad = {"raw": down, "now_share": float(down), "fail_share": float(down), "began": 0.0 if down else None}
    made = ProbeView(
        watched, known, down, False, down, down, (), 1.0 if down else 0.0, None, look(kind) if kind else None
    )
    return replace(made, **{"accepted": known and not down, **bad, **more})


def way(name="smtp", *probes, plane="inbound", down=False, role=Role.LOOK, known=True, **more):
    made = WayView(name, role, known, down, False, down, False, 0.0, int(down), 1, None, None, probes=probes)
    return replace(made, **more)


def view(name="inbound", status="ok", *ways, **more):
    return PlaneView(name, status, ways, **more)


def statuses(*lanes, backing=Backing(), around=Around()):
    return {v.name: v.status for v in survey(lanes, backing, around, RULES).views}


EDGE = (lane("edge", "https", down=True), lane("edge", "imap"))


def test_lanes_of_one_way_and_plane_stand_together() -> None:
    """A declaration is no plane."""
    found = survey(
        [lane(down=True), lane(down=True, name="q"), lane(way="queue"), lane("declared", "health", role=Role.DECLARED)],
        Backing(),
        Around(),
        RULES,
    )
    assert [v.name for v in found.views] == ["inbound"]
    assert {w.way: len(w.probes) for w in found.plane("inbound").ways} == {"smtp": 2, "queue": 1}
    assert found.plane("edge") is None


def test_a_plane_that_is_down_backs_a_doubtful_one() -> None:
    """One that it can cause; not itself."""
    assert statuses(*EDGE) == {"edge": "suspect"}
    assert statuses(*EDGE, lane(down=True)) == {"edge": "down", "inbound": "down"}
    assert statuses(*EDGE, lane("outbound", "trip", down=True))["edge"] == "suspect"
    assert statuses(*EDGE, lane("mailbox", "graph", down=True), lane(down=True))["edge"] == "suspect"


@pytest.mark.parametrize(
    ("backing", "edge"),
    [
        (Backing(("said",)), "down"),
        (Backing(("said",), frozenset({"edge"})), "down"),
        (Backing(("said",), frozenset({"mailbox"})), "suspect"),
        (Backing((), None), "suspect"),
        (Backing(people=frozenset({"edge"})), "down"),
        (Backing(people=frozenset({"inbound"})), "suspect"),
    ],
)
def test_what_others_say_backs_the_planes_that_it_names(backing, edge) -> None:
    """Without texts there is nothing said; persons on call name their planes."""
    assert statuses(*EDGE, backing=backing) == {"edge": edge}


NO = {"down": True, "rejecting": True, "kind": "rejects"}


@pytest.mark.parametrize(
    ("beside", "backing", "ground"),
    [
        ((), Backing(), "rejects-alone"),
        ((), Backing(("said",)), "rejects-alone"),
        ((), Backing(("said",), frozenset({"inbound"})), "rejects-backed"),
        ((), Backing(("said",), frozenset({"edge"})), "rejects-alone"),
        ((), Backing(people=frozenset({"inbound"})), "rejects-backed"),
        ((lane(way="people", role=Role.PEOPLE, down=True),), Backing(), "rejects-alone"),
        ((lane(way="told", role=Role.TOLD, down=True),), Backing(), "rejects-alone"),
        ((lane(way="told", role=Role.TOLD),), Backing(), "rejects-alone"),
        ((lane(way="smtp-unknown", kind="accepts-unknown"),), Backing(), "rejects-backed"),
        ((lane(way="smtp-unknown", kind="slow"),), Backing(), "rejects-alone"),
        ((lane("dns", "dns", fail_share=0.1),), Backing(people=frozenset({"inbound"})), "rejects-alone"),
        ((lane("dns", "dns"),), Backing(people=frozenset({"inbound"})), "rejects-backed"),
    ],
)
def test_what_proves_that_a_refusal_is_false(beside, backing, ground) -> None:
    """A declaration that names no plane is too little, as are complaints; a name that fails may be what is meant."""
    found = survey([lane(**NO), *beside], backing, Around(), RULES)
    assert ground in found.weighed.grounds
    assert found.plane("inbound").grounds == found.weighed.grounds
    assert all(v.grounds == () for v in found.views if v.name != "inbound")


def test_a_mail_that_came_through_halves_inbound_and_nothing_else() -> None:
    """Since it began to fail."""
    lanes = [lane(down=True), lane("mailbox", "graph", down=True)]
    assert statuses(*lanes, around=Around(delivered_at=5.0)) == {"inbound": "suspect", "mailbox": "down"}
    assert statuses(*lanes, around=Around(delivered_at=-1.0)) == {"inbound": "down", "mailbox": "down"}


@pytest.mark.parametrize(
    ("more", "right"),
    [({}, False), ({"down": True}, True), ({"suspect": True}, True), ({"share": 0.1}, True), ({"raw": True}, True)],
)
def test_a_lane_that_a_domains_own_verdict_could_rest_on(more, right) -> None:
    assert doubtful(lane(**more)) is right


def test_lanes_by_domain() -> None:
    """Of the planes that are judged for each domain; the others belong to all."""
    one, both = lane(domains=("a",)), lane("dns", "dns", domains=("a", "b"))
    general, gate = lane(), lane("gateway", "smtp")
    rest = [lane("edge", "https", domains=("a",)), lane("mailbox", "graph")]
    named, left = by_domain([one, both, general, *rest, gate, lane("zone", "zone", domains=("b",))])
    assert named == {"a": [one, both], "b": [both, lane("zone", "zone", domains=("b",))]} and left == [general, gate]


def test_a_plane_of_domains_is_as_bad_as_the_worst() -> None:
    """Named by those that fail, where some do not."""
    whole = view("inbound", "partial", share=0.2)
    a = view("inbound", "down", since=9.0, agree=2, against=("x",), share=0.5, failing_now=True)
    b = view("inbound", "down", since=4.0, agree=1, share=0.9, rejecting=True, seen=True)
    well = view("inbound", "ok", since=1.0, share=1.0)
    assert merged(whole, {"b": b, "a": a, "c": well}, 3) == replace(
        whole,
        status="down",
        rejecting=True,
        failing_now=True,
        share=0.9,
        since=4.0,
        agree=1,
        against=(),
        domains=("a", "b"),
        seen=True,
    )
    alone = merged(whole, {"a": a}, 1)
    assert alone.domains == () and alone.since == 9.0 and alone.agree == 2 and alone.against == ("x",)
    assert (alone.rejecting, alone.failing_now, alone.seen, alone.share) == (False, True, False, 0.5)
    assert merged(whole, {"a": replace(a, since=None)}, 2).since is None
    assert merged(whole, {"a": replace(a, since=None), "b": b}, 2).since == 4.0
    early = merged(whole, {"a": replace(a, since=0.0), "b": b}, 2)
    assert early.since == 0.0


def test_a_plane_that_is_down_in_no_domain_is_partly_down() -> None:
    """Of all targets together it looked worse than of any one."""
    whole = view("inbound", "down", failing_now=True, rejecting=True, seen=True, share=0.4)
    found = merged(whole, {"a": view("inbound", "ok")}, 2)
    assert found == replace(whole, status="partial", failing_now=False, rejecting=False, seen=False)
    assert merged(view("inbound", "suspect"), {"a": view()}, 2) == view("inbound", "suspect")


@pytest.mark.parametrize(
    ("found", "right"),
    [
        (view("x", "unknown", way("smtp", lane())), True),
        (view("x", "ok", way("smtp", lane())), False),
        (view("x", "unknown", way("queue", lane())), False),
        (view("x", "unknown", way("people", lane(), role=Role.PEOPLE)), False),
        (view("x", "unknown", way("smtp", lane(name="never"))), False),
        (view("x", "unknown", way("queue", lane()), way("smtp", lane(name="never"), lane())), True),
        (view("x", "unknown"), False),
    ],
)
def test_a_plane_is_blind_when_a_look_of_it_has_looked_and_says_nothing(found, right) -> None:
    """What speaks only with traffic, what people say, and what never looked, is no blindness."""
    assert (blind([found], frozenset({"p"})) == [found]) is right


def test_planes_of_which_only_our_own_addresses_are_limited() -> None:
    """Not where one is down by quorum, nor where anything else is wrong."""
    mine = lane("mailbox", "graph", suspect=True, throttled=True)
    assert limited([mine, lane("mailbox", "ews")]) == {"mailbox"}
    assert limited([replace(mine, suspect=False, share=0.1)]) == {"mailbox"}
    assert limited([mine, lane("mailbox", "ews", suspect=True)]) == set() == limited([replace(mine, down=True)])
    assert limited([mine, lane("edge", "https", down=True)]) == {"mailbox"} and limited([lane()]) == set()


@pytest.mark.parametrize(
    ("ways", "right"),
    [
        ((), False),
        ((way("smtp", lane()),), False),
        ((way("smtp", lane(fail_share=0.2)),), True),
        ((way("smtp", lane(fail_share=0.19)),), False),
        ((way("smtp", lane(fail_share=0.3), muted="x"),), False),
        ((way("people", lane(fail_share=0.3), role=Role.PEOPLE),), False),
        ((way("people", lane(), role=Role.PEOPLE, down=True),), True),
        ((way("smtp", lane(), muted="x", down=True),), True),
    ],
)
def test_what_fails_at_all(ways, right) -> None:
    """More than slow, or degraded."""
    assert fails_at_all(view("x", "suspect", *ways), RULES) is right


BAD = lane(down=True, kind="throttled")
MAIL = "mail"


@pytest.mark.parametrize(
    ("ways", "right"),
    [
        ((), False),
        ((way("smtp", lane()),), False),
        ((way("smtp", BAD),), True),
        ((way("smtp", lane(suspect=True, kind="throttled")),), True),
        ((way("smtp", lane(down=True, kind="5xx")),), True),
        ((way("smtp", lane(down=True, kind="4xx-rcpt")),), False),
        ((way("smtp", lane(down=True)),), False),
        ((way("smtp", BAD, lane(down=True, kind="4xx-rcpt")),), False),
        ((way("smtp", BAD, lane(down=True, kind="4xx-rcpt", known=False)),), True),
        ((way("smtp", BAD), way("q", lane(down=True, kind="timeout"), muted="x")), True),
        ((way("smtp", BAD), way("q", lane(down=True, kind="timeout"), role=Role.TOLD)), True),
        ((way("smtp", BAD), way(MAIL, lane(down=True, kind="4xx-data"))), True),
        ((way("smtp", lane(down=True, kind="5xx")), way(MAIL, lane(), raw=True)), False),
        ((way("smtp", BAD), way(MAIL, lane(), raw=True)), True),
        ((way("smtp", lane(down=True, kind="5xx"), raw=True), way(MAIL, lane())), True),
    ],
)
def test_what_is_only_a_limit_of_ours(ways, right) -> None:
    """Or a refusal that may speak of us; where whole mails are not taken it speaks of the service."""
    assert only_limits(view("x", "down", *ways)) is right


CUT = lane(down=True, split=(1, 2, 0), unreachable=True)


@pytest.mark.parametrize(
    ("ways", "right"),
    [
        ((), False),
        ((way("smtp", lane()),), False),
        ((way("smtp", CUT),), True),
        ((way("smtp", replace(CUT, split=(0, 1, 0), share=0.1)),), True),
        ((way("smtp", CUT, lane(share=0.1)),), False),
        ((way("smtp", CUT, lane(split=(1, 0, 0))),), False),
        ((way("smtp", CUT, lane(share=0.1, known=False)),), True),
        ((way("smtp", CUT), way("q", lane(share=0.1), muted="x")), True),
    ],
)
def test_what_fails_near_some_places_only(ways, right) -> None:
    assert only_places(view("x", "down", *ways)) is right


def test_limits_and_bad_looks() -> None:
    """As the kinds say."""
    assert is_limit("throttled") and not is_limit("4xx-rcpt") and not is_limit("")
    assert failed(Result.FAIL) and failed(Result.DEGRADED) and not failed(Result.OK) and not failed(Result.UNKNOWN)
    assert Survey((view(),)).weighed == Weighed(())


# -- classes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("planes", "more", "classes"),
    [
        ((), {}, ""),
        (("inbound",), {}, "B"),
        (("inbound",), {"refused_partly": True}, "F"),
        (("gateway",), {}, "G"),
        (("gateway", "inbound"), {}, "B"),
        (("outbound",), {}, "C"),
        (("outbound", "inbound"), {}, "B"),
        (("dns",), {}, "E"),
        (("edge",), {}, "E"),
        (("mailbox",), {}, "A"),
        (("auth",), {}, "D"),
        (("zone",), {}, "H"),
        ((), {"names_fail": True}, "E"),
        ((), {"refused_partly": True}, ""),
        (("inbound", "dns"), {}, "EB"),
        (("inbound", "edge", "gateway"), {}, "BE"),
        (("edge", "gateway", "auth", "mailbox", "outbound", "zone"), {}, "GDAECH"),
        (("dns", "gateway", "auth", "mailbox", "outbound", "zone"), {}, "EGDACH"),
        (("inbound", "dns"), {"refused_partly": True}, "FE"),
    ],
)
def test_the_classes_of_planes_the_most_urgent_first(planes, more, classes) -> None:
    """E without the MX host's name comes after A."""
    assert classes_of([view(p) for p in planes], **more) == tuple(classes)
    refusing = [view(p, rejecting=p == "inbound") for p in planes]
    assert ("F" in classes_of(refusing)) is ("inbound" in planes)


@pytest.mark.parametrize(
    ("classes", "planes", "right"),
    [
        ("B", (), True),
        ("F", (), True),
        ("AF", (), True),
        ("E", ("dns",), True),
        ("E", ("edge",), False),
        ("A", ("dns",), False),
        ("ACDGH", ("inbound", "dns"), False),
        ("", ("inbound",), False),
    ],
)
def test_where_moving_mx_keeps_mail(classes, planes, right) -> None:
    assert switch_helps(tuple(classes), planes) is right
