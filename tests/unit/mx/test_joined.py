"""What several hosts of one zone say together: the least that any promises, and the worst that any sees."""

from __future__ import annotations

import pytest
from unit.mx.worlds import DOMAIN, OTHER, PRIMARY, RELAY, domain, facts

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Chain,
    Delegation,
    Guard,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    Swap,
    SwapOrder,
    SwapState,
    Trouble,
    Warmth,
    Wildcard,
)
from bcp.mx import joined
from bcp.mx.rules import delegated_here, hosts_agree
from bcp.mx.target_rules import promises

ORDER = SwapOrder(DOMAIN, PRIMARY, RELAY)
LONGER = MxSet(PRIMARY.hosts, 86_400)


def read(*sets, **more):
    """A reading of hosts a, b ... that have these."""
    return joined.reading(DOMAIN, {n: Reading(DOMAIN, DOMAIN, m, **more) for n, m in zip("abc", sets, strict=False)})


def test_together_they_promise_what_the_weakest_does() -> None:
    a = Capabilities(guard=Guard.WEAK, min_ttl_s=60, leans=("microsoft",), calls_a_zone=4, calls_per_s=2.0, burst=5)
    b = Capabilities(max_ttl_s=86_400, compares_ttl=True, proves=False, calls_a_zone=4, calls_per_s=10.0, burst=50)
    can = joined.capabilities({"a": a, "b": b})
    assert (can.guard, can.atomic, can.min_ttl_s, can.max_ttl_s) == (Guard.WEAK, False, 60, 86_400)
    assert (can.proves, can.compares_ttl, can.leans, can.together) == (False, True, ("microsoft",), ("a", "b"))
    assert (can.calls_per_s, can.burst) == (2.0, 5), "the slowest sets the pace"
    assert joined.capabilities({"a": Capabilities(), "b": Capabilities()}).calls_per_s == 0.0
    assert joined.capabilities({"a": Capabilities(), "b": Capabilities(guard=Guard.NONE)}).guard is Guard.NONE


def test_hosts_that_have_the_same_read_as_one() -> None:
    found = read(PRIMARY, PRIMARY, name_servers=("ns1.test.",), token="etag")
    assert (found.mx, found.hosts, found.token, found.name_servers) == (PRIMARY, (), "", ("ns1.test.",))
    assert read(None, None).mx is None


def test_what_differs_is_kept_by_host_and_the_longest_ttl_counts() -> None:
    assert read(PRIMARY, OTHER).hosts == (("a", PRIMARY), ("b", OTHER))
    found = read(PRIMARY, LONGER)
    assert found.mx == LONGER and len(found.hosts) == 2
    assert read(None, PRIMARY).mx == PRIMARY and read(None, PRIMARY).hosts[0] == ("a", None)


def test_what_cannot_be_read_at_one_is_a_problem_of_all() -> None:
    good, silent = Reading(DOMAIN, DOMAIN, PRIMARY), Reading(DOMAIN, "", None, problem="x", trouble=Trouble.SILENT)
    found = joined.reading(DOMAIN, {"a": good, "b": silent})
    assert (found.problem, found.trouble) == ("b: x", Trouble.SILENT)
    assert joined.reading(DOMAIN, {"a": good, "b": Reading(DOMAIN, DOMAIN, None, cname="c.test.")}).cname == "c.test."
    wild = Reading(DOMAIN, DOMAIN, PRIMARY, wildcard=Wildcard("*.test"))
    assert "wildcard at one of a and b" in joined.reading(DOMAIN, {"a": good, "b": wild}).problem


@pytest.mark.parametrize(
    ("sets", "refused", "words"),
    [
        ((PRIMARY, PRIMARY), False, ""),
        ((RELAY, PRIMARY), False, "is a MIXTURE now, and mail goes both ways: a has"),
        ((PRIMARY, LONGER), False, "has several TTLs: a has"),
        ((PRIMARY, OTHER), True, "b has 5 other.test."),
        ((PRIMARY, None), True, "b has no MX"),
    ],
)
def test_each_host_has_the_old_or_the_new_mx_or_it_is_refused(sets, refused, words) -> None:
    judged = hosts_agree(domain(reading=read(*sets)), facts())
    assert [r.rule for r in judged.refusals] == ["dns.hosts-disagree"] * refused
    assert words in "".join([*judged.notes, *(r.message for r in judged.refusals)])


def test_in_a_mixture_what_is_replaced_is_what_has_not_moved_yet() -> None:
    assert joined.replaced(read(RELAY, PRIMARY), RELAY) == PRIMARY
    assert joined.replaced(read(PRIMARY, RELAY), PRIMARY) == RELAY
    assert joined.replaced(read(PRIMARY, PRIMARY), RELAY) == PRIMARY
    assert joined.replaced(read(RELAY, PRIMARY, LONGER), RELAY) == LONGER


def test_an_order_begins_where_every_host_has_the_old_or_the_new_set() -> None:
    assert joined.cannot_begin(ORDER, read(PRIMARY, RELAY)) is None
    no = joined.cannot_begin(ORDER, read(PRIMARY, OTHER))
    assert no is not None and (no.state, no.found) == (SwapState.CONFLICT, OTHER) and "Nothing was sent" in no.hint
    bad = joined.cannot_begin(ORDER, Reading(DOMAIN, "", None, problem="b: x"))
    assert bad is not None and (bad.state, bad.code) == (SwapState.REFUSED, "unreadable")


STATES = {s: Swap(DOMAIN, s, None, f"it is {s}", code="c") for s in SwapState}


@pytest.mark.parametrize(
    ("done", "undone", "state", "words"),
    [
        (("already", "already"), {}, "already", ""),
        (("applied", "already"), {}, "applied", ""),
        (("refused",), {}, "refused", "a: it is refused"),
        (("applied", "refused"), {"a": "applied"}, "refused", "put back at a"),
        (("applied", "conflict"), {"a": "already"}, "conflict", "put back at a"),
        (("applied", "refused"), {"a": "conflict"}, "unknown", "MIXTURE"),
        (("applied", "refused"), {"a": "refused"}, "unknown", "putting back at a: it is refused"),
        (("already", "refused"), {}, "unknown", "MIXTURE: mail goes both ways. a was moved"),
        (("applied", "unknown"), {}, "unknown", "a already has"),
        (("unknown",), {}, "unknown", "a: it is unknown"),
    ],
)
def test_the_end_of_one_order_over_all_hosts(done, undone, state, words) -> None:
    ends = {n: STATES[SwapState(s)] for n, s in zip("ab", done, strict=False)}
    end = joined.swap(ORDER, ends, {n: STATES[SwapState(s)] for n, s in undone.items()})
    assert end.state == state and words in end.message
    assert (end.code == joined.MIXED) is ("MIXTURE" in end.message or "putting back" in end.message)


@pytest.mark.parametrize(
    ("states", "back"),
    [(("applied", "refused"), True), (("applied", "conflict"), True), (("applied", "unknown"), False),
     (("applied", "applied"), False), ((), False)],
)  # fmt: skip
def test_what_is_in_doubt_is_not_put_back(states, back) -> None:
    done = {n: STATES[SwapState(s)] for n, s in zip("ab", states, strict=False)}
    assert joined.goes_back(ORDER, done) is back


def test_one_in_doubt_that_is_read_to_have_the_old_set_is_no_reason_for_a_mixture() -> None:
    doubt = Swap(DOMAIN, SwapState.UNKNOWN, LONGER, "an answer without a signature")
    done = {"a": STATES[SwapState.APPLIED], "b": doubt}
    assert joined.goes_back(ORDER, done) and not joined.goes_back(ORDER, done | {"b": doubt._replace(found=RELAY)})
    end = joined.swap(ORDER, done, {"a": STATES[SwapState.APPLIED]})
    assert end.state is SwapState.UNKNOWN and "put back at a" in end.message and end.code != joined.MIXED
    assert joined.swap(ORDER, done, {"a": STATES[SwapState.REFUSED]}).code == joined.MIXED


def test_one_no_is_a_no_and_one_doubt_is_a_doubt() -> None:
    yes, no = Proof(DOMAIN, Permission.ALLOWED), Proof(DOMAIN, Permission.NOT_ALLOWED, "no key", "Get one.")
    doubt = Proof(DOMAIN, Permission.CANNOT_SAY)
    assert joined.proof(DOMAIN, {"a": yes, "b": yes}).allowed
    found = joined.proof(DOMAIN, {"a": doubt, "b": no})
    assert (found.permission, found.message, found.hint) == (Permission.NOT_ALLOWED, "b: no key", "Get one.")
    assert joined.proof(DOMAIN, {"a": doubt, "b": yes}).message == "a: cannot-say"


def test_each_server_counts_once_and_an_answer_beats_silence() -> None:
    good, silent = Answer(DOMAIN, "192.0.2.1", PRIMARY), Answer(DOMAIN, "192.0.2.1", None, problem="silent")
    other = Answer(DOMAIN, "192.0.2.0", RELAY)
    assert joined.answers([[silent, other], [good]]) == [other, good] == joined.answers([[good], [silent, other]])


def test_the_delegation_may_name_the_servers_of_all_of_them() -> None:
    told = joined.delegation([Delegation(DOMAIN, (), ("a.test.",)), Delegation(DOMAIN, ("a.test.", "b.test."), ())])
    assert told == Delegation(DOMAIN, ("a.test.", "b.test."), ("a.test.",))
    d = domain(reading=Reading(DOMAIN, DOMAIN, PRIMARY, name_servers=("b.test.",)), delegation=told)
    assert delegated_here(d, facts(host=Capabilities(together=("x", "y")))).notes == ()
    assert "a.test." in delegated_here(d, facts()).notes[0], "of one host its own word counts"


def test_the_worst_signature_and_its_first_end_count() -> None:
    found = joined.signed([Signed(Chain.SECURE, 200.0), Signed(Chain.BOGUS, 100.0)])
    assert found == Signed(Chain.BOGUS, 100.0)
    assert joined.signed([Signed(Chain.UNKNOWN), Signed(Chain.SECURE)]) == Signed(Chain.SECURE)


def test_what_is_not_ready_is_told_with_its_host() -> None:
    found = joined.warmth({"a": Warmth({DOMAIN: "z1"}, 50.0), "b": Warmth({}, 20.0, {DOMAIN: "no zone"})})
    assert (dict(found.zones), found.credential_ends, dict(found.problems)) == (
        {DOMAIN: "z1"}, 20.0, {DOMAIN: "b: no zone"},
    )  # fmt: skip


def test_the_plan_says_which_hosts_are_changed() -> None:
    told = promises("main", facts(host=Capabilities(together=("a", "b", "c")))).notes
    assert "served by a, b and c: all of them are changed" in told[0] and "put back" in told[0]
