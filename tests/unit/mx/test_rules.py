"""Safety rules of the MX switch, one by one: each refusal has the fact that causes it, and goes when the fact goes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mx.worlds import DOMAIN, NOW, NULL, OTHER, PRIMARY, RELAY, RELAY_HOST, back, domain, facts, target

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Chain,
    Delegation,
    Inside,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    SwapOrder,
    Trouble,
    Wildcard,
)
from bcp.mx import rules
from bcp.mx.facts import Way
from bcp.mx.judged import CLEAR
from bcp.mx.rules import judge, managed_elsewhere, permitted, readable

TTL_NOTE = (
    "caches may keep the old MX for up to 1h after the switch; senders that failed before try again on their own "
    "schedule"
)


def refusals(*domains, **more):
    return {r.rule: r for r in judge(facts(*domains, **more)).refusals}


def notes(*domains, **more):
    return [n for n in judge(facts(*domains, **more)).notes if n != TTL_NOTE]


def test_with_every_fact_in_order_nothing_is_refused_and_only_time_is_said() -> None:
    """What follows is caused by the one fact that each test changes."""
    judged = judge(facts())
    assert judged.refusals == ()
    assert judged.notes == (TTL_NOTE,)
    assert refusals(back()) == {} and notes(back())[-1].startswith("caches may keep the old MX for up to 5m")


@pytest.mark.parametrize(
    ("mx", "problem", "words"),
    [
        (PRIMARY, "", ""),
        (RELAY, "", ""),
        (OTHER, "", "office tells 5 other.test."),
        (None, "", "office tells no MX for"),
        (None, "office does not answer", "was not seen for corp.test: office does not answer"),
    ],
)
def test_a_view_inside_that_differs_is_said_and_refuses_nothing(mx, problem, words) -> None:
    d = domain(inside=(Inside(DOMAIN, "office", mx, problem),))
    assert refusals(d) == {} and (words in "".join(notes(d)) if words else notes(d) == [])


# -- a reading -------------------------------------------------------------------------------------------------------


def test_a_reading_with_an_mx_may_begin_a_switch() -> None:
    assert readable(Reading(DOMAIN, DOMAIN, PRIMARY)) is None


@pytest.mark.parametrize(
    ("reading", "rule", "said"),
    [
        (Reading(DOMAIN, DOMAIN, None, cname="www.test."), "dns.cname", "corp.test is a CNAME to www.test."),
        (Reading(DOMAIN, DOMAIN, PRIMARY, cname="www.test."), "dns.cname", "cannot stand beside it"),
        (Reading(DOMAIN, DOMAIN, None), "dns.no-mx-now", "corp.test has no MX now"),
        (Reading(DOMAIN, DOMAIN, NULL), "dns.null-mx", "corp.test has a null MX"),
        (Reading(DOMAIN, DOMAIN, MxSet((*PRIMARY.hosts, *NULL.hosts), 60)), "dns.null-mx", "takes no mail"),
        (Reading(DOMAIN, "", None, problem="no", trouble=Trouble.NO_ZONE), "dns.zone-missing", "corp.test: no"),
        (Reading(DOMAIN, "", None, problem="two", trouble=Trouble.TWO_ZONES), "dns.two-zones", "corp.test: two"),
        (Reading(DOMAIN, "", None, problem="late", trouble=Trouble.SILENT), "dns.silent", "corp.test: late"),
        (Reading(DOMAIN, "", None, problem="gone", trouble=Trouble.UNREACHABLE), "dns.silent", "corp.test: gone"),
        (Reading(DOMAIN, "", None, problem="lame", trouble=Trouble.LAME), "dns.unreadable", "corp.test: lame"),
        (Reading(DOMAIN, "", None, problem="SERVFAIL", trouble=Trouble.ERROR), "dns.unreadable", "SERVFAIL"),
        (Reading(DOMAIN, "", None, problem="no", trouble=Trouble.NOT_ALLOWED), "dns.unreadable", "corp.test: no"),
    ],
)
def test_a_reading_that_cannot_begin_a_switch_says_which_rule_and_what_to_do(reading, rule, said) -> None:
    """None of these can be overridden: there would be nothing to come back to, or nothing is known."""
    refusal = readable(reading)
    assert refusal.rule == rule
    assert said in refusal.message
    assert refusal.hint and not refusal.overridable


def test_zones_are_never_made_and_the_hint_says_so() -> None:
    """Item 1."""
    assert "never created" in readable(Reading(DOMAIN, "", None, problem="no", trouble=Trouble.NO_ZONE)).hint
    assert "zone_ids:" in readable(Reading(DOMAIN, "", None, problem="two", trouble=Trouble.TWO_ZONES)).hint


# -- item 8: never no MX ---------------------------------------------------------------------------------------------


def test_a_domain_is_never_left_without_mx() -> None:
    found = refusals(domain(order=SwapOrder(DOMAIN, PRIMARY, MxSet((), 300))))
    assert set(found) == {"dns.no-target"}
    assert not found["dns.no-target"].overridable and DOMAIN in found["dns.no-target"].message


@pytest.mark.parametrize("hosts", [NULL.hosts, (*RELAY.hosts, *NULL.hosts)])
def test_a_null_mx_is_never_written(hosts) -> None:
    """Not even beside others, and not on the way back."""
    for d in (
        domain(order=SwapOrder(DOMAIN, PRIMARY, MxSet(hosts, 300))),
        back(order=SwapOrder(DOMAIN, RELAY, MxSet(hosts, 300)), primary=None),
    ):
        found = refusals(d)
        assert set(found) == {"dns.null-target"}
        assert not found["dns.null-target"].overridable and "7505" in found["dns.null-target"].message


# -- item 20: really another host ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        (RELAY, RELAY, True),
        (RELAY, MxSet(RELAY.hosts, RELAY.ttl_s + 1), True),
        (RELAY, MxSet((MxHost(99, RELAY_HOST),), RELAY.ttl_s), True),
        (RELAY, MxSet(RELAY.hosts, RELAY.ttl_s - 1), False),
        (MxSet((*RELAY.hosts, *OTHER.hosts), 300), RELAY, False),
        (RELAY, MxSet((*RELAY.hosts, *OTHER.hosts), 300), False),
        (PRIMARY, RELAY, False),
    ],
)
def test_a_switch_to_where_mail_goes_already_is_refused(old, new, refused) -> None:
    """A wrong name of the relay looks like a switch and is none. Lowering the TTL is a purpose of its own."""
    found = refusals(domain(order=SwapOrder(DOMAIN, old, new)))
    assert ("dns.same-target" in found) is refused
    if refused:
        assert not found["dns.same-target"].overridable and str(new) in found["dns.same-target"].message


def test_on_the_way_back_the_same_hosts_may_get_their_old_ttl() -> None:
    """Raising the TTL later is a step of its own."""
    assert refusals(back(order=SwapOrder(DOMAIN, PRIMARY, MxSet(PRIMARY.hosts, 86400)))) == {}


# -- item 29: the way back -------------------------------------------------------------------------------------------


def test_the_way_back_leads_to_the_primary_that_is_known_today() -> None:
    """Exchange moves domains to other hosts; the recorded one may be gone."""
    found = refusals(back(primary=OTHER))
    assert set(found) == {"dns.primary-moved"}
    assert found["dns.primary-moved"].overridable
    assert str(PRIMARY) in found["dns.primary-moved"].message and str(OTHER) in found["dns.primary-moved"].message


def test_a_relay_that_stands_behind_the_primary_in_peace_is_no_other_primary() -> None:
    """``mode: standing`` keeps it there: the way back leads there again without anybody's override."""
    both = MxSet((*PRIMARY.hosts, MxHost(500, RELAY.hosts[0].host)), 300)
    ours = {RELAY.hosts[0].host: target(ours=True)}
    d = back(primary=PRIMARY, order=SwapOrder(DOMAIN, RELAY, both))
    assert "dns.primary-moved" not in {r.rule for r in judge(facts(d, targets=ours)).refusals}
    strange = {RELAY.hosts[0].host: target(ours=False)}
    assert "dns.primary-moved" in {r.rule for r in judge(facts(d, targets=strange)).refusals}


@pytest.mark.parametrize("d", [back(primary=None), back(primary=MxSet(PRIMARY.hosts, 5)), domain(primary=OTHER)])
def test_no_known_primary_another_ttl_or_the_way_to_the_relay_is_no_move(d) -> None:
    assert refusals(d) == {}


# -- item 22: TTL ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ttl", "refused"), [(59, True), (60, False), (300, False), (3600, False), (3601, True)])
def test_a_ttl_that_the_host_does_not_take_is_refused(ttl, refused) -> None:
    """octoDNS raised it silently, so that the plan was not what was done."""
    host = Capabilities(min_ttl_s=60, max_ttl_s=3600)
    found = refusals(domain(order=SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, ttl))), host=host)
    assert ("dns.ttl-out-of-range" in found) is refused
    if refused:
        assert f"ttl: {60 if ttl < 60 else 3600} " in found["dns.ttl-out-of-range"].hint
        assert (
            "from 60 to 3600 s" in found["dns.ttl-out-of-range"].message
            and not found["dns.ttl-out-of-range"].overridable
        )


def test_a_host_that_nobody_described_has_the_usual_limits() -> None:
    assert "dns.ttl-out-of-range" not in {r.rule for r in judge(facts(domain(dns="unheard"))).refusals}


# -- item 14: permission ---------------------------------------------------------------------------------------------


def test_a_credential_that_may_not_write_is_refused() -> None:
    found = refusals(domain(proof=Proof(DOMAIN, Permission.NOT_ALLOWED, "the key is unknown", "check the key")))
    assert set(found) == {"dns.not-allowed"}
    assert found["dns.not-allowed"].message == "corp.test: the key is unknown"
    assert found["dns.not-allowed"].hint == "check the key" and not found["dns.not-allowed"].overridable
    silent = refusals(domain(proof=Proof(DOMAIN, Permission.NOT_ALLOWED)))
    assert "may not change its MX" in silent["dns.not-allowed"].message


@pytest.mark.parametrize("proof", [Proof(DOMAIN, Permission.CANNOT_SAY, "no answer"), None])
def test_a_proof_that_could_be_had_and_was_not_refuses_too(proof) -> None:
    """Gates fail closed; a person may override, or ask again in a moment."""
    found = refusals(domain(proof=proof))
    assert set(found) == {"dns.not-proven"}
    assert found["dns.not-proven"].overridable and found["dns.not-proven"].hint == "Try again in a moment."
    assert ("no answer" if proof else "was not asked") in found["dns.not-proven"].message
    hinted = refusals(domain(proof=Proof(DOMAIN, Permission.CANNOT_SAY, "x", "see its log")))
    assert hinted["dns.not-proven"].hint == "see its log"


def test_a_host_that_cannot_say_is_said_in_the_plan() -> None:
    d = domain(proof=Proof(DOMAIN, Permission.CANNOT_SAY, "no way"))
    assert refusals(d, host=Capabilities(proves=False)) == {}
    assert notes(d, host=Capabilities(proves=False)) == [
        "corp.test: whether we may change it shows only when it is done (main cannot say)"
    ]
    assert set(refusals(domain(proof=Proof(DOMAIN, Permission.NOT_ALLOWED)), host=Capabilities(proves=False))) == {
        "dns.not-allowed"
    }


# -- items 3, 9, 10: all servers agree -------------------------------------------------------------------------------


def served(mx, problem="", trouble=Trouble.NONE, address="192.0.2.2"):
    return Answer(DOMAIN, address, mx, 0, not problem, problem, trouble)


GOOD = Answer(DOMAIN, "192.0.2.1", PRIMARY, 1, True)


@pytest.mark.parametrize("mx", [OTHER, None, MxSet((*PRIMARY.hosts, *OTHER.hosts), 60)])
def test_an_address_that_serves_something_else_is_refused(mx) -> None:
    """A secondary that is behind, another view, or the wrong zone."""
    found = refusals(domain(answers=(GOOD, served(mx))))
    assert set(found) == {"dns.servers-disagree"}
    assert found["dns.servers-disagree"].overridable
    assert (
        found["dns.servers-disagree"].message
        == f"192.0.2.2 serves {mx or 'no MX'} for corp.test, the host has {PRIMARY}"
    )


@pytest.mark.parametrize("d", [domain, back])
def test_an_address_that_serves_the_target_already_does_not_refuse(d) -> None:
    """A secondary that is stale from the last change must not hold up the way back."""
    order = d().order
    found = d(answers=(Answer(DOMAIN, "192.0.2.1", order.old), served(order.new)))
    assert refusals(found) == {}
    assert any(n.startswith(f"192.0.2.2 serves {order.new} for corp.test already") for n in notes(found))


def test_another_ttl_is_no_disagreement() -> None:
    """Caches in front of servers count it down."""
    assert notes(domain(answers=(served(MxSet(PRIMARY.hosts, 1)),))) == []


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Trouble.SILENT, "192.0.2.2 does not answer about corp.test (x): unverified"),
        (Trouble.UNREACHABLE, "192.0.2.2 does not answer about corp.test (x): unverified"),
        (Trouble.LAME, "192.0.2.2 could not be asked about corp.test (x): unverified"),
        (Trouble.ERROR, "192.0.2.2 could not be asked about corp.test (x): unverified"),
    ],
)
def test_an_address_that_gives_no_answer_is_unverified_not_wrong(trouble, said) -> None:
    """A time-out is a time-out."""
    d = domain(answers=(GOOD, served(None, "x", trouble)))
    assert refusals(d) == {}
    assert notes(d) == [said]


def test_no_server_at_all_is_said() -> None:
    assert notes(domain(answers=())) == ["no authoritative server could be asked about corp.test: unverified"]


# -- item 12: the delegation -----------------------------------------------------------------------------------------


def told(world, host):
    return Delegation(DOMAIN, tuple(world), tuple(host))


def test_a_zone_that_is_delegated_elsewhere_is_refused() -> None:
    """A change here would reach nobody."""
    found = refusals(domain(delegation=told(["ns1.new.test.", "ns2.new.test."], ["ns1.old.test."])))
    assert set(found) == {"dns.delegated-elsewhere"}
    assert found["dns.delegated-elsewhere"].overridable
    assert (
        found["dns.delegated-elsewhere"].message
        == "corp.test is delegated to ns1.new.test., ns2.new.test.; this host has ns1.old.test."
    )


@pytest.mark.parametrize(
    ("to", "refused"), [("mail.corp.test", True), ("corp.test", False), ("test", False), ("", False)]
)
def test_a_name_that_is_delegated_out_of_the_zone_is_refused(to, refused) -> None:
    """The host still shows the old records below the cut, and nobody is told them. A server that knows no zone of ours
    at all (it refers upwards) is a lame one, and no reason."""
    d = domain()
    away = replace(d.answers[0], mx=None, problem="no authority", trouble=Trouble.LAME, referred=to)
    found = refusals(replace(d, answers=(d.answers[0], away)))
    assert list(found) == (["dns.delegated-elsewhere"] if refused else [])
    if refused:
        assert found["dns.delegated-elsewhere"].overridable and to in found["dns.delegated-elsewhere"].message


def test_what_the_host_says_itself_counts_before_its_servers() -> None:
    reading = Reading(DOMAIN, DOMAIN, PRIMARY, name_servers=("ns1.new.test.",))
    assert refusals(domain(reading=reading, delegation=told(["ns1.new.test."], ["ns1.old.test."]))) == {}
    assert set(refusals(domain(reading=reading, delegation=told(["ns1.test."], ["ns1.test."])))) == {
        "dns.delegated-elsewhere"
    }


@pytest.mark.parametrize(
    "delegation", [None, told([], ["a.test."]), told(["a.test."], []), told(["a.test."], ["a.test."])]
)
def test_an_unknown_or_equal_delegation_decides_nothing(delegation) -> None:
    d = domain(delegation=delegation)
    assert refusals(d) == {} and notes(d) == []


@pytest.mark.parametrize("shown", ["ns1.test", "NS1.Test.", "NS1.TEST"])
def test_a_name_server_is_the_same_however_it_is_written(shown) -> None:
    """Cloudflare's API and Route 53's leave the final dot out (``bob.ns.cloudflare.com``); DNS has it."""
    d = domain(reading=Reading(DOMAIN, DOMAIN, PRIMARY, name_servers=(shown,)), delegation=told(["ns1.test."], []))
    assert refusals(d) == {} and notes(d) == []


def test_a_delegation_that_differs_in_part_is_said() -> None:
    """Item 11: a second provider shows like this."""
    assert notes(domain(delegation=told(["a.test.", "b.test."], ["a.test."]))) == [
        "corp.test: the world is also sent to b.test., which this host does not name: changed there as well?"
    ]
    assert notes(domain(delegation=told(["a.test."], ["a.test.", "c.test."]))) == [
        "corp.test: only this host names c.test."
    ]


# -- item 24: DNSSEC -------------------------------------------------------------------------------------------------


def test_bogus_signatures_are_refused() -> None:
    found = refusals(domain(signed=Signed(Chain.BOGUS)))
    assert set(found) == {"dns.bogus"} and found["dns.bogus"].overridable
    assert set(refusals(back(signed=Signed(Chain.BOGUS)))) == {"dns.bogus"}


@pytest.mark.parametrize("chain", [Chain.SECURE, Chain.INSECURE, Chain.UNKNOWN])
def test_all_other_states_are_no_reason(chain) -> None:
    d = domain(signed=Signed(chain))
    assert refusals(d) == {} and notes(d) == []


@pytest.mark.parametrize(
    ("left", "said"),
    [(86_399, "end in 23h 59m"), (60, "end in 1m"), (0, "have ended"), (-5, "have ended")],
)
def test_signatures_that_end_within_a_day_are_said(left, said) -> None:
    found = notes(domain(signed=Signed(Chain.SECURE, NOW + left)))
    assert found == [f"corp.test: signatures of its MX {said}; see that the zone is signed again"]


@pytest.mark.parametrize(("left", "said"), [(86_400, "1d"), (864_000, "10d")])
def test_until_when_lasting_signatures_hold_stands_in_the_plan(left, said) -> None:
    """An outage of days outlives them, when nobody signs again."""
    (text,) = notes(domain(signed=Signed(Chain.SECURE, NOW + left)))
    assert text.startswith(f"corp.test: signatures of its MX end in {said} (2027-01-") and "signed again" not in text


# -- item 16: infrastructure as code ---------------------------------------------------------------------------------


def test_what_would_put_the_mx_back_is_said_with_what_pauses_it() -> None:
    (text,) = notes(domain(managed_by=("octodns",)))
    assert text.startswith("corp.test is kept by octodns") and "excluded" in text
    assert len(notes(domain(managed_by=("octodns", "terraform")))) == 2
    back_again = managed_elsewhere(back(managed_by=("octodns",)), facts())
    assert back_again == CLEAR, "on the way back it would only agree"


# -- item 32: wildcards ----------------------------------------------------------------------------------------------


def made_up(*shadows):
    order = SwapOrder(DOMAIN, PRIMARY, RELAY, wildcard="*.test")
    return domain(order=order, reading=Reading(DOMAIN, "test", PRIMARY, wildcard=Wildcard("*.test", shadows)))


def test_an_mx_from_a_wildcard_is_said() -> None:
    assert refusals(made_up()) == {}
    assert len(notes(made_up())) == 1 and "the wildcard *.test: it gets a record of its own" in notes(made_up())[0]


def test_what_the_name_would_lose_by_a_record_of_its_own_is_refused() -> None:
    """A wildcard says nothing any more for a name that exists (RFC 4592)."""
    found = refusals(made_up("A", "TXT"))
    assert set(found) == {"dns.wildcard-shadows"} and found["dns.wildcard-shadows"].overridable
    assert "also has A, TXT from a wildcard" in found["dns.wildcard-shadows"].message
    assert "its own A, TXT first" in found["dns.wildcard-shadows"].hint
    assert any("*.test" in n for n in notes(made_up("A")))


# -- item 25: MTA-STS ------------------------------------------------------------------------------------------------


def sts(mode="enforce", patterns=(RELAY_HOST.rstrip("."),), **more):
    return StsPolicy(True, mode, tuple(patterns), 86400, **more)


def test_an_enforced_policy_must_name_every_host_that_takes_mail() -> None:
    found = refusals(domain(sts=sts(patterns=["*.mail.test"])))
    assert set(found) == {"mta-sts.relay-missing"} and found["mta-sts.relay-missing"].overridable
    assert RELAY_HOST in found["mta-sts.relay-missing"].message
    two = SwapOrder(DOMAIN, PRIMARY, MxSet((*RELAY.hosts, MxHost(20, "relay2.out.test.")), 300))
    missing = refusals(domain(order=two, sts=sts()))["mta-sts.relay-missing"].message
    assert "relay2.out.test." in missing and "name relay.out.test." not in missing


@pytest.mark.parametrize("patterns", [["relay.out.test"], ["*.out.test"], ["x.test", "RELAY.out.test."]])
def test_a_policy_that_names_the_relay_is_said(patterns) -> None:
    d = domain(sts=sts(patterns=patterns))
    assert refusals(d) == {} and notes(d) == ["corp.test: MTA-STS (enforce) names every target"]


@pytest.mark.parametrize("mode", ["testing", "none"])
def test_a_policy_that_nobody_enforces_is_said_only(mode) -> None:
    d = domain(sts=sts(mode, ["x.test"]))
    assert refusals(d) == {} and notes(d) == [f"corp.test: MTA-STS ({mode}) does not name {RELAY_HOST}"]


def test_a_policy_that_is_announced_and_cannot_be_used_is_refused_with_the_reason() -> None:
    """Senders use what they have cached: nobody here knows what it says."""
    found = refusals(domain(sts=StsPolicy(True, problem="the server answers 404")))
    assert set(found) == {"mta-sts.unreadable"} and found["mta-sts.unreadable"].overridable
    assert "the server answers 404" in found["mta-sts.unreadable"].message


def test_whether_a_policy_is_announced_may_be_unknown() -> None:
    d = domain(sts=StsPolicy(unasked="no resolver answers"))
    assert refusals(d) == {}
    assert notes(d) == ["corp.test: whether it announces MTA-STS is not known (no resolver answers): not checked"]


def test_on_the_way_back_the_policy_is_not_asked_about() -> None:
    """It names the primary, or peacetime mail would not arrive either."""
    for policy in (sts(patterns=["x.test"]), StsPolicy(True, problem="x"), StsPolicy(unasked="x")):
        d = back(sts=policy)
        assert refusals(d) == {} and notes(d) == [
            "caches may keep the old MX for up to 5m after the switch; "
            "senders that failed before try again on their own schedule"
        ]


# -- together --------------------------------------------------------------------------------------------------------


def test_every_domain_and_every_rule_is_judged() -> None:
    """One bad domain does not hide another, nor one rule the next."""
    first = domain(proof=Proof(DOMAIN, Permission.NOT_ALLOWED), answers=(served(OTHER),), signed=Signed(Chain.BOGUS))
    second = replace(domain(sts=sts(patterns=["x.test"])), order=SwapOrder("two.test", PRIMARY, RELAY))
    found = judge(facts(first, second)).refusals
    assert [r.rule for r in found] == ["dns.not-allowed", "dns.servers-disagree", "dns.bogus", "mta-sts.relay-missing"]
    assert "two.test" in found[-1].message


def test_what_may_pass_is_named() -> None:
    """An automatic start tries these again; all others it says once."""
    assert {
        "dns.silent",
        "dns.not-proven",
        "dns.target-unknown",
        "mta-sts.unreadable",
        "dane.not-checked",
    } == rules.PASSING


names = st.sampled_from(["a.test.", "b.test.", ".", RELAY_HOST])
sets = st.builds(
    MxSet, st.lists(st.builds(MxHost, st.integers(0, 50), names), max_size=3).map(tuple), st.integers(1, 90_000)
)


@given(sets, sets, st.sampled_from(Way))
def test_no_facts_let_a_domain_lose_its_mx(old, new, way) -> None:
    """Whatever is read and wanted: an empty or null target is refused, and cannot be overridden."""
    found = [r for r in judge(facts(domain(order=SwapOrder(DOMAIN, old, new), way=way))).refusals if not r.overridable]
    if not new.hosts or new.null:
        assert {"dns.no-target", "dns.null-target"} & {r.rule for r in found}


def test_a_host_of_which_nothing_is_known_takes_what_a_host_takes() -> None:
    """It is judged by what hosts are by themselves."""
    unknown = facts(domain(proof=Proof(DOMAIN, Permission.CANNOT_SAY)), hosts={})
    assert permitted(unknown.domains[0], unknown) == permitted(unknown.domains[0], facts(host=Capabilities()))
