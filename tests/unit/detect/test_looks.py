"""From a signal to its lanes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Part, Result, Signal, Watched
from bcp.detect.looks import AUTHORITATIVE, Lane, derived, merge, refined, split

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
SMTP = Watched("smtp", "smtp", "inbound", medium="smtp")
DNS = Watched("dns", "dns", "dns", medium="dns")
TRIP = Watched("trip", "round-trip", "outbound", medium="smtp")


def seen(result=OK, kind="", watched=SMTP, *parts, evidence=""):
    return Signal(watched.probe, watched.plane, result, 1.0, kind, evidence, parts=parts)


def part(result, kind="", **more):
    return Part(result, kind, f"said {kind}", **more)


def test_a_look_without_parts_is_one_lane() -> None:
    """As old probes report."""
    signal = seen(FAIL, "4xx")
    assert split(signal, SMTP) == [Lane("smtp", SMTP, signal)]


def test_recipients_and_domains_are_lanes_of_their_own() -> None:
    """Addresses and families of one recipient are not."""
    signal = seen(
        DEGRADED,
        "",
        SMTP,
        part(FAIL, "rejects", recipient="A@x", family=4),
        part(FAIL, "rejects", recipient="a@x", family=6),
        part(OK, recipient="b@x"),
    )
    lanes = {x.name: x for x in split(signal, SMTP)}
    assert set(lanes) == {"smtp<a@x>", "smtp<b@x>"}
    assert (lanes["smtp<a@x>"].signal.result, lanes["smtp<a@x>"].signal.kind) == (FAIL, "rejects")
    assert lanes["smtp<a@x>"].watched.shares == ("recipient:a@x",)
    domains = {
        x.name: x
        for x in split(
            seen(DEGRADED, "", SMTP, part(FAIL, "4xx", domain="a.example."), part(OK, domain="b.example")), SMTP
        )
    }
    assert set(domains) == {"smtp@a.example", "smtp@b.example"}
    assert domains["smtp@a.example"].watched.domains == ("a.example",)
    assert domains["smtp@a.example"].signal.parts == ()


@pytest.mark.parametrize(
    ("four", "six", "result", "kind"),
    [
        ((FAIL, FAIL), (OK,), DEGRADED, "ipv4-dead"),  # who has IPv4 alone cannot deliver
        ((FAIL,), (DEGRADED, FAIL), DEGRADED, "ipv4-dead"),
        ((OK,), (FAIL,), DEGRADED, "timeout"),  # who has IPv6 has IPv4 as well
        ((FAIL, OK), (OK,), DEGRADED, "timeout"),  # another address of it is well
        ((FAIL, UNKNOWN), (OK,), DEGRADED, "ipv4-dead"),
        ((FAIL,), (UNKNOWN,), FAIL, "timeout"),  # nobody knows of the other
        ((FAIL,), (FAIL,), FAIL, "timeout"),
        ((OK,), (OK,), OK, ""),
        ((UNKNOWN,), (OK,), OK, ""),  # no IPv4 here says nothing of it
    ],
)
def test_what_share_of_the_senders_can_deliver(four, six, result, kind) -> None:
    """Who has both families tries both; many senders have IPv4 alone, and hardly one has IPv6 alone."""
    parts = [part(r, "timeout" if r is FAIL else "", family=f) for f, rs in ((4, four), (6, six)) for r in rs]
    found = merge(parts, seen(DEGRADED, "", SMTP))
    assert (found.result, found.kind) == (result, kind) and found == merge(parts[::-1], seen(DEGRADED, "", SMTP))
    assert merge([*parts, part(OK)], seen(DEGRADED, "", SMTP)).result in {DEGRADED, OK}
    if kind == "ipv4-dead":
        assert found.evidence == "said timeout"
        silent = [replace(p, evidence="") for p in parts]
        assert merge(silent, seen(DEGRADED, "", SMTP)).evidence == "IPv4 fails, IPv6 works"


@pytest.mark.parametrize(
    ("bad", "well", "kind"),
    [
        (["4xx-rcpt"] * 3, 1, "most-defer"),  # half of those who try two addresses meet two that defer
        (["4xx-mail", "4xx-data"], 1, "most-defer"),
        (["4xx-rcpt"] * 2, 2, "4xx-rcpt"),  # one in six
        (["4xx-rcpt"] * 3, 0, "4xx-rcpt"),  # all of them
        (["refused"] * 3, 1, "refused"),  # no conversation: the next address is tried at once
        (["4xx-greeting"] * 3, 1, "4xx-greeting"),
        (["4xx-rcpt", "refused", "refused"], 1, "refused"),
        (["4xx-rcpt"] * 3 + ["rejects"], 1, "rejects-some"),  # mail is lost: that is worse
    ],
)
def test_most_addresses_that_put_mail_off_keep_a_part_of_it_away(bad, well, kind) -> None:
    """Who is put off in two conversations (Postfix, by default) waits for the next time."""
    found = merge([*(part(FAIL, k) for k in bad), *[part(OK)] * well], seen(DEGRADED, "", SMTP))
    first = next((k for k in bad if k == {"rejects-some": "rejects"}.get(kind, kind)), bad[0])
    assert (found.kind, found.evidence) == (kind, f"said {first}")


@pytest.mark.parametrize(
    ("parts", "result", "kind"),
    [
        ([part(OK), part(OK)], OK, ""),
        ([part(FAIL, "timeout", family=6), part(OK, family=4)], DEGRADED, "timeout"),
        ([part(FAIL, "timeout"), part(FAIL, "timeout"), part(FAIL, "rejects")], FAIL, "timeout"),
        ([part(FAIL, "timeout"), part(FAIL, "rejects"), part(FAIL, "rejects")], FAIL, "rejects"),
        ([part(UNKNOWN, "overran"), part(UNKNOWN)], UNKNOWN, "overran"),
        ([part(UNKNOWN, "overran"), part(FAIL, "4xx")], FAIL, "4xx"),
        ([part(DEGRADED, "slow"), part(OK)], DEGRADED, "slow"),
        (
            [
                part(OK, resolver=AUTHORITATIVE),
                part(FAIL, "servfail", resolver="r1"),
                part(FAIL, "servfail", resolver="r2"),
            ],
            FAIL,
            "servfail",
        ),
        ([part(FAIL, "servfail", resolver=AUTHORITATIVE), part(OK, resolver="r1")], FAIL, "servfail"),
        (
            [part(OK, resolver=AUTHORITATIVE), part(FAIL, "nxdomain", resolver="r1"), part(OK, resolver="r2")],
            DEGRADED,
            "nxdomain",
        ),
    ],
)
def test_parts_of_one_lane_stand_together(parts, result, kind) -> None:
    """A sender tries the next address, but asks no authoritative server in place of its resolver."""
    found = merge(parts, seen())
    assert (found.result, found.kind, found.parts) == (result, kind, ())


def test_bogus_fails_although_resolvers_that_do_not_validate_answer() -> None:
    """When the probe sums it up so."""
    parts = [part(FAIL, "bogus", resolver="r1"), part(OK, resolver="r2")]
    assert merge(parts, seen(FAIL, "bogus", DNS)).result is FAIL
    assert merge(parts, seen(DEGRADED, "nxdomain", DNS)).result is DEGRADED


def lanes_of(signal, watched, there=()):
    return {
        x.name: (x.signal.result, x.watched.plane, x.watched.way, x.signal.kind)
        for x in derived(Lane(watched.probe, watched, signal), there)
    }


def test_an_address_that_cannot_be_found_fails_names_as_a_sender_resolves_them() -> None:
    """The lane comes to be with the first failure and hears of every look from then on."""
    assert lanes_of(seen(OK), SMTP) == {"smtp": (OK, "inbound", "smtp", "")}
    assert lanes_of(seen(UNKNOWN, "unresolved"), SMTP)["smtp#resolve"] == (FAIL, "dns", "resolve", "unresolved")
    assert lanes_of(seen(FAIL, "4xx"), SMTP, {"smtp#resolve"})["smtp#resolve"] == (OK, "dns", "resolve", "")
    assert lanes_of(seen(UNKNOWN, "overran"), SMTP, {"smtp#resolve"})["smtp#resolve"][0] is UNKNOWN
    assert lanes_of(seen(UNKNOWN, "no-route"), SMTP, {"smtp#resolve"})["smtp#resolve"][0] is OK  # it has an address


def test_a_mail_that_is_not_taken_speaks_of_the_way_in() -> None:
    """And not of the way out; one that is lost was taken."""
    assert lanes_of(seen(UNKNOWN, "not-taken", TRIP), TRIP)["trip#mail"] == (FAIL, "inbound", "mail", "not-taken")
    found = lanes_of(seen(FAIL, "4xx-data", TRIP), TRIP)
    assert found["trip#mail"][0] is FAIL and found["trip"][0] is UNKNOWN
    found = lanes_of(seen(FAIL, "lost", TRIP), TRIP, {"trip#mail"})
    assert found["trip#mail"][0] is OK and found["trip"][0] is FAIL


def test_our_own_zone_is_a_plane_of_its_own() -> None:
    """It is no failure of the provider's names."""
    found = lanes_of(seen(FAIL, "own-zone", DNS), DNS)
    assert found["dns#zone"] == (FAIL, "zone", "zone", "own-zone") and found["dns"][0] is UNKNOWN
    assert lanes_of(seen(FAIL, "servfail", DNS), DNS) == {"dns": (FAIL, "dns", "dns", "servfail")}


def test_rejects_is_what_its_reply_says() -> None:
    """A full mailbox is ours, a refusal without an enhanced code is no proof."""
    assert refined(seen(FAIL, "rejects", evidence="rcpt: 550 5.1.1 no")).kind == "rejects"
    full = refined(seen(FAIL, "rejects", evidence="rcpt: 552 5.2.2 full"))
    assert (full.kind, full.result) == ("own-recipient", UNKNOWN)
    bare = refined(seen(FAIL, "rejects", evidence="rcpt: 550 no"))
    assert (bare.kind, bare.result) == ("5xx", FAIL)
    assert refined(seen(FAIL, "4xx", evidence="550 5.1.1")).kind == "4xx"
