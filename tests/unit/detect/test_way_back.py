"""The way back is proposed when what MX was moved for is well, whatever else goes on, and not before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bcp.contracts.probe import Part, Result, Signal, Watched
from bcp.detect.detector import Detector
from bcp.detect.rules import Rules
from bcp.detect.words import Word

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
RULES = Rules(confirm_for_s=60.0, keep_firing_for_s=600.0, dwell_s=900.0)
PLACES = ("a", "b", "c")
WELL = 20
"""The round from which on inbound mail is well again."""
WATCHED = {
    w.probe: w
    for w in (
        Watched("smtp", "smtp", "inbound", medium="smtp"),
        Watched("other", "smtp", "inbound", medium="smtp"),
        Watched("names", "dns", "dns", medium="dns"),
        Watched("own", "own-mx", "dns", medium="dns"),
        Watched("boxes", "graph-mailbox", "mailbox", medium="https"),
        Watched("owa", "https", "edge", medium="https"),
        Watched("imap", "imap", "edge", medium="https"),
        Watched("trip", "round-trip", "outbound", medium="smtp"),
    )
}
LATER, OUT, NO = (FAIL, "4xx-rcpt"), (FAIL, "timeout"), (FAIL, "rejects")


def on_the_relay(words=(), places=PLACES, rounds=70, **after):
    """The actions of each round. Deferred until WELL, on the relay since round 8; then what is said here: a look, one
    by place, or one by round. What is not named is well."""
    names = ("smtp", "names", *(n for n in after if n not in {"smtp", "names"}))
    detector = Detector(RULES, [WATCHED[n] for n in names], vantages=places, here=places[0])
    detector.heed(words)
    out = []
    for n in range(rounds):
        for name in names:
            for place in places:
                look = after.get(name, OK) if n >= WELL else LATER if name in {"smtp", "other"} else OK
                look = look(n) if callable(look) else look
                look = look.get(place, OK) if isinstance(look, dict) else look
                result, kind, *parts = look if isinstance(look, tuple) else (look, "")
                w = WATCHED[name]
                at = "" if place == places[0] else place
                detector.take(
                    Signal(
                        name, w.plane, result, 60.0 * n, kind, kind, vantage=at, parts=tuple(parts[0] if parts else ())
                    )
                )
        if n == 8:
            detector.event("active", 60.0 * n)
        out.append(detector.settle(60.0 * n, 60.0 * n).action)
    return out


PARTS = (
    *(Part(family=4, result=OK, recipient=r) for r in ("x@one.example", "y@one.example")),
    *(Part(family=6, result=FAIL, kind="timeout", recipient=r) for r in ("x@one.example", "y@one.example")),
)


@pytest.mark.parametrize(
    "beside",
    [
        {},
        {"boxes": (FAIL, "5xx")},
        {"owa": OUT, "imap": OUT},
        {"owa": lambda n: OUT if n % 6 < 3 else OK, "imap": lambda n: OUT if n % 6 < 3 else OK},
        {"trip": (FAIL, "lost")},
        {"smtp": {"c": (FAIL, "throttled")}},
        {"smtp": {"c": OUT}},
        {"smtp": (DEGRADED, "refused")},
        {"smtp": (DEGRADED, "", PARTS)},
        {"names": (DEGRADED, "nxdomain")},
        {"smtp": OK, "other": NO, "trip": OK},
        {"smtp": {"c": UNKNOWN}, "names": {"c": UNKNOWN}},
    ],
)
def test_what_keeps_no_mail_away_does_not_keep_it_on_the_relay(beside) -> None:
    """Mailboxes, the front door, the way out, one place's path or limit, a dead address, one resolver, one recipient
    that was cleared away: any of them may last for weeks."""
    actions = on_the_relay(**beside)
    assert actions[-1] == "failback" and "failback" not in actions[: WELL + 10]


@pytest.mark.parametrize(
    "beside",
    [
        {"smtp": {"b": OUT, "c": OUT}},
        {"smtp": (DEGRADED, "ipv4-dead")},
        {"smtp": {"a": (DEGRADED, "ipv4-dead"), "b": (DEGRADED, "ipv4-dead")}},
        {"smtp": (DEGRADED, "rejects-some")},
        {"smtp": (DEGRADED, "4xx-rcpt")},
        {"smtp": lambda n: LATER if n % 3 == 0 else OK},
        {"names": (DEGRADED, "authoritative-silent")},
        {"names": (FAIL, "servfail")},
        {"own": (FAIL, "own-zone")},
        {"smtp": (UNKNOWN, "own-sender")},
        {"trip": (FAIL, "4xx-data")},
        {"smtp": NO, "trip": OK},
        {"smtp": {"b": UNKNOWN, "c": UNKNOWN}},  # one place that is left could not see it down either
        {"names": {"b": UNKNOWN, "c": UNKNOWN}},
    ],
)
def test_what_keeps_mail_away_keeps_it_on_the_relay(beside) -> None:
    """Or leaves unseen whether it would: the test mails go to the relay meanwhile."""
    assert "failback" not in on_the_relay(**beside)


@pytest.mark.parametrize("word", [("is", "B"), ("is", "E"), ("is", "F"), ("maintenance", "")])
def test_a_person_on_call_holds_it_back_until_the_word_ends(word) -> None:
    """They know what no probe sees. That mailboxes are down is no such thing."""
    held = Word(word[0], "kim", 0.0, 3600.0, word[1])
    actions = on_the_relay([held], rounds=66)
    assert "failback" not in actions[:60] and actions[60] == "failback"
    assert "failback" in on_the_relay([Word("is", "kim", 0.0, 3600.0, "A")], rounds=60)


@pytest.mark.parametrize("door", [(), ("unknown",)])
def test_mails_that_the_relay_takes_are_no_way_back(door) -> None:
    """Test mails alone see inbound mail, or beside unknown recipients. With MX on the relay they go there: taken at
    once, never out while Exchange takes nothing. That is no good news of Exchange, and no outage of the way out."""
    probes = [replace(WATCHED["trip"], every_s=300.0), Watched("unknown", "smtp-unknown", "inbound", medium="smtp")]
    detector = Detector(RULES, [w for w in probes if w.probe in {"trip", *door}])
    seen = []
    for n in range(150):
        if n == 30:
            detector.event("active", 60.0 * n)
        if n % 5 == 0:
            detector.take(Signal("trip", "outbound", UNKNOWN, 60.0 * n, "not-taken" if n < 30 else "taken"))
        if n % 5 == 0 and n >= 40:
            detector.take(Signal("trip", "outbound", FAIL, 60.0 * n, "lost"))
        if door:
            detector.take(Signal("unknown", "inbound", FAIL, 60.0 * n, "4xx-rcpt"))
        seen.append(detector.settle(60.0 * n, 60.0 * n))
    assert "B" in seen[29].classes and {d.action for d in seen[30:]} == {"hold"}
    assert {d.state for d in seen[30:]} <= {"down", "unknown"} and not any("C" in d.classes for d in seen)


def test_a_mail_that_the_relay_hands_on_and_that_never_comes_out_is_an_outage_of_the_way_out() -> None:
    """Exchange takes mail again, from the relay too: what is lost then is lost on the way out."""
    detector = Detector(RULES, [WATCHED["smtp"], WATCHED["trip"]])
    for n in range(60):
        if n == 12:
            detector.event("active", 60.0 * n)
        result, kind = LATER if n < WELL else (OK, "")
        detector.take(Signal("smtp", "inbound", result, 60.0 * n, kind))
        mail = (OK, "delivered") if n < 2 else (UNKNOWN, "not-taken") if n < 22 else (FAIL, "lost")
        detector.take(Signal("trip", "outbound", mail[0], 60.0 * n, mail[1]))
        found = detector.settle(60.0 * n, 60.0 * n)
        assert n >= 39 or "C" not in found.classes
    assert found.classes == ("C",) and found.state == "down"
