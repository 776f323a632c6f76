"""What became of one order: every answer of a host against everything that can stand there afterwards."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from unit.mx.worlds import DOMAIN, NULL, OTHER, PRIMARY, RELAY

from bcp.contracts.dns import (
    Capabilities,
    Guard,
    MxSet,
    Reading,
    Sent,
    SentState,
    SwapOrder,
    SwapState,
    Trouble,
    Wildcard,
)
from bcp.kit.http import MAX_WAIT_S
from bcp.mx.outcome import LONGEST_S, PASSING, check_order, check_reading, decide, may_resend, still_old
from bcp.mx.rules import readable

ORDER = SwapOrder(DOMAIN, PRIMARY, RELAY)
OLD, NEW, FOREIGN, NOTHING = (Reading(DOMAIN, DOMAIN, m) for m in (PRIMARY, RELAY, OTHER, None))
UNREAD = Reading(DOMAIN, DOMAIN, None, problem="no answer", trouble=Trouble.SILENT)
ALIAS = Reading(DOMAIN, DOMAIN, None, cname="www.test.")
MADE_UP = Reading(DOMAIN, DOMAIN, PRIMARY, wildcard=Wildcard("*.test"))


def sent(state, **more):
    return Sent(DOMAIN, state, **{"code": "c", "message": "m", "hint": "h", **more})


TABLE = {
    SentState.ACCEPTED: {
        "new": "applied",
        "old": "unknown",
        "foreign": "conflict",
        "nothing": "conflict",
        "alias": "refused",
        "unread": "unknown",
    },
    SentState.STALE: {
        "new": "already",
        "old": "conflict",
        "foreign": "conflict",
        "nothing": "conflict",
        "alias": "refused",
        "unread": "unknown",
    },
    SentState.REFUSED: {
        "new": "already",
        "old": "refused",
        "foreign": "refused",
        "nothing": "refused",
        "alias": "refused",
        "unread": "refused",
    },
    SentState.THROTTLED: {
        "new": "already",
        "old": "refused",
        "foreign": "refused",
        "nothing": "refused",
        "alias": "refused",
        "unread": "refused",
    },
    SentState.NOT_SENT: {
        "new": "already",
        "old": "refused",
        "foreign": "refused",
        "nothing": "refused",
        "alias": "refused",
        "unread": "refused",
    },
    SentState.LOST: {
        "new": "already",
        "old": "unknown",
        "foreign": "unknown",
        "nothing": "unknown",
        "alias": "refused",
        "unread": "unknown",
    },
}
SEEN = {"new": NEW, "old": OLD, "foreign": FOREIGN, "nothing": NOTHING, "alias": ALIAS, "unread": UNREAD}


@pytest.mark.parametrize(("state", "seen"), list(itertools.product(SentState, SEEN)))
def test_what_stands_there_counts_more_than_what_was_said(state, seen) -> None:
    """The whole table. What is not certain is never called done, and never called refused."""
    swap = decide(ORDER, sent(state, change="c-1"), SEEN[seen])
    assert str(swap.state) == TABLE[state][seen]
    assert swap.domain == DOMAIN and swap.change == "c-1"
    assert swap.found == (None if seen == "unread" else SEEN[seen].mx)
    assert swap.state in {SwapState.APPLIED, SwapState.ALREADY} or swap.message


def test_a_conflict_tells_all_three_sets() -> None:
    """Expected, found, wanted: enough to decide what to do."""
    swap = decide(ORDER, sent(SentState.STALE), FOREIGN)
    assert swap.message == f"expected {PRIMARY}, found {OTHER}, wanted {RELAY}"
    assert "found no MX at all" in decide(ORDER, sent(SentState.STALE), NOTHING).message
    assert swap.code == "stale" and "plan again" in swap.hint


def test_a_refused_condition_on_what_stands_there_is_not_told_as_expected_x_found_x() -> None:
    """It comes from a wildcard, for example."""
    swap = decide(ORDER, sent(SentState.STALE), OLD)
    assert "expected" not in swap.message and "wildcard" in swap.message


def test_reasons_and_codes_of_the_host_are_kept() -> None:
    swap = decide(ORDER, sent(SentState.REFUSED, code="permission", message="may not", hint="ask"), OLD)
    assert (swap.code, swap.message, swap.hint) == ("permission", "may not", "ask")
    assert decide(ORDER, sent(SentState.REFUSED, message=""), OLD).message == "the host refuses this change"
    throttled = decide(ORDER, sent(SentState.THROTTLED, message=""), OLD)
    assert throttled.code == "throttled" in PASSING and "wait" in throttled.message
    lost = decide(ORDER, sent(SentState.LOST, message="reset"), OLD)
    assert (
        "(reset)" in lost.message
        and lost.hint == "h"
        and "settle" in decide(ORDER, sent(SentState.LOST, hint=""), OLD).hint
    )
    assert decide(ORDER, sent(SentState.ACCEPTED), UNREAD).message == "the change was sent, and no answer"


def test_a_ttl_of_the_hosts_own_is_no_conflict_but_an_order_about_the_ttl_is_about_the_ttl() -> None:
    other_ttl = Reading(DOMAIN, DOMAIN, MxSet(RELAY.hosts, 60))
    assert decide(ORDER, sent(SentState.ACCEPTED), other_ttl).state is SwapState.APPLIED
    told = [decide(ORDER, sent(SentState.ACCEPTED, message=m), other_ttl).message for m in ("", "it was late")]
    assert told == ["the host made the TTL 60 s", "it was late; the host made the TTL 60 s"]
    assert decide(ORDER, sent(SentState.ACCEPTED, message="it was late"), NEW).message == "it was late"
    about_ttl = SwapOrder(DOMAIN, RELAY, MxSet(RELAY.hosts, 60))
    assert decide(about_ttl, sent(SentState.ACCEPTED), other_ttl).state is SwapState.APPLIED
    assert decide(about_ttl, sent(SentState.REFUSED), NEW).state is SwapState.REFUSED
    assert decide(about_ttl, sent(SentState.LOST), NEW).state is SwapState.UNKNOWN


def test_what_a_wildcard_says_is_not_what_was_written() -> None:
    """The record of its own must be there."""
    order = SwapOrder(DOMAIN, PRIMARY, MxSet(PRIMARY.hosts, 60), wildcard="*.test")
    assert decide(order, sent(SentState.LOST), MADE_UP).state is SwapState.UNKNOWN
    own = Reading(DOMAIN, DOMAIN, PRIMARY)
    assert decide(order, sent(SentState.ACCEPTED), own).state is SwapState.APPLIED


def test_what_may_be_over_in_a_moment_is_named() -> None:
    """Nothing was changed, so that the step's own retry may try the same again."""
    assert {"throttled", "unreachable", "silent", "unreadable-now"} == PASSING
    assert decide(ORDER, sent(SentState.LOST, hint=""), OLD).hint == "Read the MX at the host, then `bcp settle`."


# -- sending again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "seen", "guard"), list(itertools.product(SentState, SEEN, Guard)))
def test_an_order_goes_out_again_only_where_it_can_do_no_harm(state, seen, guard) -> None:
    """The old set stands, and either nothing was done or the host itself refuses what comes late."""
    said, now = sent(state), SEEN[seen]
    right = seen == "old" and (state is SentState.THROTTLED or (state is SentState.LOST and guard is Guard.STRONG))
    assert may_resend(ORDER, decide(ORDER, said, now), said, now, guard) is right


@pytest.mark.parametrize("guard", Guard)
def test_a_ttl_that_somebody_moved_in_the_same_moment_is_no_conflict(guard) -> None:
    """Clouds compare it: the same hosts stand there, so that the order goes out once more with what was read."""
    said, now = sent(SentState.STALE), Reading(DOMAIN, DOMAIN, MxSet(PRIMARY.hosts, PRIMARY.ttl_s + 1))
    told = decide(ORDER, said, now)
    assert may_resend(ORDER, told, said, now, guard)
    assert not may_resend(ORDER, told, said, replace(now, wildcard=MADE_UP.wildcard), guard)
    assert "its TTL is being changed" in told.message and "wildcard" in decide(ORDER, said, OLD).message


@pytest.mark.parametrize(
    ("reading", "right"),
    [
        (OLD, True),
        (NEW, False),
        (FOREIGN, False),
        (NOTHING, False),
        (replace(OLD, problem="x"), False),
        (replace(OLD, cname="x."), False),
    ],
)
def test_the_old_set_stands_only_where_it_was_read(reading, right) -> None:
    assert still_old(ORDER, reading) is right
    assert still_old(SwapOrder(DOMAIN, RELAY, MxSet(RELAY.hosts, 60)), NEW) is True


# -- before sending --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (SwapOrder(DOMAIN, PRIMARY, MxSet((), 300)), "without MX"),
        (SwapOrder(DOMAIN, PRIMARY, NULL), "null MX"),
        (SwapOrder(DOMAIN, NULL, RELAY), "takes no mail"),
        (SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, 59)), "from 60 to 3600 s, not 59"),
        (SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, 3601)), "not 3601"),
    ],
)
def test_the_last_line_of_defence_holds_without_any_plan(order, said) -> None:
    """Nothing of the kind leaves, whoever asks for it."""
    swap = check_order(order, Capabilities(min_ttl_s=60, max_ttl_s=3600))
    assert swap.state is SwapState.REFUSED and said in swap.message and "othing was sent" in swap.hint


@pytest.mark.parametrize("ttl", [60, 3600])
def test_a_sound_order_passes(ttl) -> None:
    assert (
        check_order(SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, ttl)), Capabilities(min_ttl_s=60, max_ttl_s=3600))
        is None
    )


@pytest.mark.parametrize(
    ("reading", "state"),
    [
        (OLD, None),
        (replace(OLD, mx=MxSet(PRIMARY.hosts, 5)), None),
        (NEW, SwapState.ALREADY),
        (replace(NEW, mx=MxSet(RELAY.hosts, 60)), SwapState.CONFLICT),
        (FOREIGN, SwapState.CONFLICT),
        (NOTHING, SwapState.CONFLICT),
        (MADE_UP, SwapState.CONFLICT),
        (ALIAS, SwapState.REFUSED),
        (UNREAD, SwapState.REFUSED),
    ],
)
def test_a_fresh_reading_must_show_what_the_plan_saw(reading, state) -> None:
    """Only the TTL moved: that is no conflict, for any host."""
    swap = check_reading(ORDER, reading)
    assert (swap.state if swap else None) is state


def test_a_wildcards_order_needs_the_wildcard_still() -> None:
    order = SwapOrder(DOMAIN, PRIMARY, RELAY, wildcard="*.test")
    assert check_reading(order, MADE_UP) is None
    assert check_reading(order, OLD).state is SwapState.CONFLICT
    same = SwapOrder(DOMAIN, PRIMARY, PRIMARY, wildcard="*.test")
    assert check_reading(same, MADE_UP) is None, "what the wildcard says is not a record of its own"
    assert check_reading(ORDER, UNREAD).code in PASSING


# -- whole answers: domain, state, what stands there, what to do, and the code -----------------------------------------


def parts(swap):
    """All of a swap but its words."""
    return swap.domain, str(swap.state), swap.found, swap.code


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (SwapOrder(DOMAIN, PRIMARY, MxSet((), 300)), "invalid"),
        (SwapOrder(DOMAIN, PRIMARY, NULL), "invalid"),
        (SwapOrder(DOMAIN, NULL, RELAY), "invalid"),
        (SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, 59)), "ttl"),
    ],
)
def test_an_order_that_must_not_leave_has_a_code(order, code) -> None:
    assert parts(check_order(order, Capabilities(min_ttl_s=60))) == (DOMAIN, "refused", None, code)


@pytest.mark.parametrize(
    ("reading", "right"),
    [
        (NEW, (DOMAIN, "already", RELAY, "")),
        (FOREIGN, (DOMAIN, "conflict", OTHER, "stale")),
        (NOTHING, (DOMAIN, "conflict", None, "stale")),
        (MADE_UP, (DOMAIN, "conflict", PRIMARY, "stale")),
        (ALIAS, (DOMAIN, "refused", None, "cname")),
        (replace(ALIAS, mx=PRIMARY), (DOMAIN, "refused", PRIMARY, "cname")),
        (UNREAD, (DOMAIN, "refused", None, "unreadable-now")),
    ],
)
def test_a_fresh_reading_is_answered_with_what_stands_there(reading, right) -> None:
    """And why, as a code."""
    assert parts(check_reading(ORDER, reading)) == right
    assert check_reading(ORDER, UNREAD).message == "no answer"
    assert "RFC 1034" in check_reading(ORDER, ALIAS).hint


@pytest.mark.parametrize(
    ("state", "reading", "right"),
    [
        (SentState.LOST, OLD, (DOMAIN, "unknown", PRIMARY, "c")),
        (SentState.LOST, UNREAD, (DOMAIN, "unknown", None, "unread")),
        (SentState.ACCEPTED, UNREAD, (DOMAIN, "unknown", None, "unread")),
        (SentState.ACCEPTED, OLD, (DOMAIN, "unknown", PRIMARY, "not-visible")),
        (SentState.STALE, OLD, (DOMAIN, "conflict", PRIMARY, "stale")),
        (SentState.STALE, ALIAS, (DOMAIN, "refused", None, "cname")),
    ],
)
def test_what_is_not_certain_says_how_to_find_out(state, reading, right) -> None:
    """By reading at the host, and settling."""
    swap = decide(ORDER, sent(state, hint=""), reading)
    assert parts(swap) == right
    assert ("settle" in swap.hint) is (right[1] == "unknown")


@pytest.mark.parametrize("state", [SentState.LOST, SentState.ACCEPTED, SentState.STALE])
def test_where_no_mx_is_left_it_is_said_what_to_set_by_hand(state) -> None:
    """A host that deletes before it creates may leave it so: *it may still be applied* would let people wait."""
    found = decide(ORDER, sent(state, message="reset"), NOTHING)
    assert "no MX at all" in found.message and found.state is not SwapState.APPLIED
    assert (
        found.hint == f"Mail for {ORDER.domain} fails: set its MX by hand at once, to {ORDER.new}, or as it was, to "
        f"{ORDER.old}."
    )


def test_a_pause_that_was_cut_to_an_hour_is_said_to_be_longer() -> None:
    """Whoever reads it may not believe that the host asked for one hour; neither at a write nor at a reading."""
    assert LONGEST_S == MAX_WAIT_S
    for seconds, said in ((90.0, "not now, for 1m 30s"), (3_600.0, "not now, for 1h or longer")):
        given = Sent(DOMAIN, SentState.THROTTLED, "throttled", "not now", retry_after_s=seconds)
        assert decide(ORDER, given, OLD).message == said
        read = Reading(DOMAIN, DOMAIN, None, problem="not now", trouble=Trouble.SILENT, retry_after_s=seconds)
        assert said.removeprefix("not now, for ") + "." in readable(read).hint
