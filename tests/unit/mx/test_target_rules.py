"""Rules about targets, hosts and time."""

from __future__ import annotations

import hashlib

import pytest
from unit.mx.worlds import DOMAIN, NOW, PRIMARY, RELAY, RELAY_HOST, domain, facts, target

from bcp.contracts.dns import Capabilities, Guard, HostFacts, MxSet, SwapOrder, Trouble
from bcp.mx.rules import judge
from bcp.mx.target_rules import dane_holds, felt, target_resolves
from bcp.mx.tlsa import Certificate, Shown

KEY = b"public key"
GOOD = f"3 1 1 {hashlib.sha256(KEY).hexdigest()}"
BAD = f"3 1 1 {'0' * 64}"
SHOWN = (Shown("192.0.2.9:25", True, (Certificate(b"cert", KEY),)),)


def only(judged):
    """The one refusal, and no note."""
    (refusal,) = judged.refusals
    assert judged.notes == ()
    return refusal


# -- item 20 ---------------------------------------------------------------------------------------------------------


def test_a_target_that_has_an_address_is_right() -> None:
    assert target_resolves(target()).refusals == () == target_resolves(target()).notes


def test_a_target_that_is_an_alias_is_refused_for_good() -> None:
    for addresses in ((), ("192.0.2.9",)):
        refusal = only(target_resolves(target(found=HostFacts(RELAY_HOST, addresses, "real.out.test."))))
        assert refusal.rule == "dns.target-is-cname" and not refusal.overridable
        assert refusal.message == f"the MX target {RELAY_HOST} is a CNAME to real.out.test."


def test_a_target_without_address_is_refused() -> None:
    refusal = only(target_resolves(target(found=HostFacts(RELAY_HOST, problem="the name does not exist"))))
    assert refusal.rule == "dns.target-no-address" and refusal.overridable
    assert "has no address (the name does not exist)" in refusal.message


@pytest.mark.parametrize("trouble", [t for t in Trouble if t is not Trouble.NONE])
def test_a_silent_resolver_has_not_said_that_there_is_no_address(trouble) -> None:
    """A time-out is a time-out."""
    refusal = only(target_resolves(target(found=HostFacts(RELAY_HOST, problem="no answer in time", trouble=trouble))))
    assert refusal.rule == "dns.target-unknown" and refusal.overridable
    assert "is not known: no answer in time" in refusal.message and "no address" not in refusal.message


# -- item 25 ---------------------------------------------------------------------------------------------------------


def test_no_records_and_matching_records_are_no_reason() -> None:
    for t in (target(), target(tlsa=(GOOD,), shown=SHOWN), target(tlsa=(BAD, GOOD), shown=SHOWN)):
        assert dane_holds(t).refusals == () == dane_holds(t).notes


def test_a_certificate_that_the_records_do_not_name_is_refused() -> None:
    refusal = only(dane_holds(target(tlsa=(BAD,), shown=SHOWN)))
    assert refusal.rule == "dane.mismatch" and refusal.overridable
    assert refusal.message == f"{RELAY_HOST} publishes TLSA records and shows a certificate that does not match them"


def test_records_without_tls_are_refused() -> None:
    refusal = only(dane_holds(target(tlsa=(GOOD,), shown=(Shown("192.0.2.9:25", False),))))
    assert refusal.rule == "dane.mismatch" and "does not offer TLS" in refusal.message


@pytest.mark.parametrize("usage", [0, 1, 4, 255])
def test_records_of_other_usages_are_not_used_by_senders_of_mail(usage) -> None:
    """PKIX-TA and PKIX-EE are unusable for SMTP (RFC 7672 section 3.1.3): said, not refused."""
    judged = dane_holds(target(tlsa=(f"{usage} 1 1 {'0' * 64}",), shown=SHOWN))
    assert judged.refusals == () and "only usages 2 and 3 count" in judged.notes[0]


def test_records_about_certificates_that_were_not_seen_are_refused_for_our_relay_only() -> None:
    refusal = only(dane_holds(target(tlsa=(GOOD,))))
    assert refusal.rule == "dane.not-checked" and refusal.overridable
    judged = dane_holds(target(tlsa=(GOOD,), ours=False))
    assert judged.refusals == () and "was not looked at" in judged.notes[0]


def test_a_failing_look_up_of_tlsa_is_said() -> None:
    judged = dane_holds(target(tlsa_problem="SERVFAIL", tlsa=(BAD,), shown=SHOWN))
    assert judged.refusals == () and judged.notes == (
        f"TLSA of {RELAY_HOST} could not be looked up (SERVFAIL): not checked",
    )


def test_targets_are_judged_with_the_domains() -> None:
    """Both rules, for every target."""
    found = judge(facts(targets={"a": target(found=HostFacts("a")), "b": target(tlsa=(BAD,), shown=SHOWN)})).refusals
    assert [r.rule for r in found] == ["dns.target-no-address", "dane.mismatch"]


@pytest.mark.parametrize(
    ("judged", "message", "hint"),
    [
        (
            target_resolves(target(found=HostFacts(RELAY_HOST, (), "real.test."))),
            "the MX target relay.out.test. is a CNAME to real.test.",
            "Use the canonical name (RFC 2181 section 10.3).",
        ),
        (
            target_resolves(target(found=HostFacts(RELAY_HOST, problem="x", trouble=Trouble.SILENT))),
            "whether the MX target relay.out.test. has an address is not known: x",
            "Check resolvers: in bcp.yaml, or try again.",
        ),
        (
            target_resolves(target(found=HostFacts(RELAY_HOST, problem="x"))),
            "the MX target relay.out.test. has no address (x)",
            "Mail would have nowhere to go.",
        ),
        (
            dane_holds(target(tlsa=(GOOD,))),
            "relay.out.test. publishes TLSA records, and the certificates that they are about were not seen",
            "Does it answer, and send its whole chain? Senders with DANE may not deliver there.",
        ),
        (
            dane_holds(target(tlsa=(GOOD,), shown=(Shown("a", False),))),
            "relay.out.test. publishes TLSA records and does not offer TLS",
            "Senders with DANE would not deliver there. Repair the TLSA records or the certificate.",
        ),
        (
            judge(facts(targets={}, credential_ends={"main": NOW})),
            "the credential of main has ended",
            "Renew it, then plan again.",
        ),
    ],
)
def test_every_refusal_says_what_is_wrong_and_what_to_do(judged, message, hint) -> None:
    """Word for word: it is read at night."""
    assert [(r.message, r.hint) for r in judged.refusals] == [(message, hint)]


def test_every_note_says_what_to_know() -> None:
    unusable = dane_holds(target(tlsa=("1 1 1 00",), shown=SHOWN)).notes
    assert unusable == (
        "relay.out.test. publishes TLSA records that senders of mail do not use (only usages 2 and 3 count, RFC 7672): "
        "they encrypt without checking whose certificate it is",
    )
    unseen = dane_holds(target(tlsa=(GOOD,), ours=False)).notes
    assert unseen == ("relay.out.test. publishes TLSA records; its certificate was not looked at: not checked",)
    ends = judge(facts(credential_ends={"main": NOW + 60})).notes
    assert "the credential of main ends in 1m: renew it before the way back" in ends


# -- items 4, 7, 13: what a host cannot promise ----------------------------------------------------------------------


def said(host, *domains):
    return [n for n in judge(facts(*domains, host=host)).notes if n.startswith("main")]


@pytest.mark.parametrize(
    ("host", "texts"),
    [
        (Capabilities(), []),
        (
            Capabilities(guard=Guard.NONE),
            ["main: no compare-and-swap on this provider: who writes last wins, also over somebody else"],
        ),
        (
            Capabilities(guard=Guard.WEAK),
            ["main: no full compare-and-swap on this provider: an edit in place by somebody else may be lost"],
        ),
        (
            Capabilities(leans=("microsoft",)),
            ["main: its tokens come from microsoft: when sign-in there is down, only one that is held works on"],
        ),
        (Capabilities(atomic=False), ["main: old and new records may be served together for a moment"]),
        (Capabilities(calls_a_zone=4, calls_per_s=5.0), []),
        (Capabilities(calls_a_zone=5, calls_per_s=5.0), ["main: 1 domain(s) take at least 1s at its rate limit"]),
        (
            Capabilities(calls_a_zone=20, calls_per_s=5.0, burst=10),
            ["main: 1 domain(s) take at least 2s at its rate limit"],
        ),
        (Capabilities(calls_a_zone=20, burst=10), []),
        (Capabilities(calls_per_s=0.001), []),
        (Capabilities(calls_a_zone=4, calls_per_s=0.5, burst=4), []),
    ],
)
def test_a_plan_says_what_the_host_cannot(host, texts) -> None:
    assert said(host) == texts


def test_only_the_hosts_own_domains_count_against_its_rate() -> None:
    host = Capabilities(calls_a_zone=5, calls_per_s=5.0)
    assert said(host, domain(), domain(), domain(dns="elsewhere")) == [
        "main: 2 domain(s) take at least 2s at its rate limit"
    ]


@pytest.mark.parametrize(
    ("left", "rule", "note"),
    [(-1, True, False), (0, True, False), (1, False, True), (3599, False, True), (3600, False, False)],
)
def test_a_credential_that_has_ended_refuses_and_one_that_ends_soon_is_said(left, rule, note) -> None:
    """Items 14 and 28: the way back needs it too."""
    judged = judge(facts(credential_ends={"main": NOW + left}))
    assert [r.rule for r in judged.refusals] == (["dns.credential-ended"] if rule else [])
    assert any("the credential of main ends in" in n for n in judged.notes) is note
    assert all(not r.overridable for r in judged.refusals)


# -- items 22, 23: time ----------------------------------------------------------------------------------------------


def with_ttl(name, ttl):
    return domain(order=SwapOrder(name, MxSet(PRIMARY.hosts, ttl), RELAY))


def test_the_slowest_cache_is_what_is_said() -> None:
    notes = felt([with_ttl("a.test", 60), with_ttl("b.test", 7200), with_ttl("c.test", 300)]).notes
    assert notes[0].startswith("caches may keep the old MX for up to 2h after the switch")
    assert notes[1] == "the TTL of b.test (7200 s) is above 3600: lower it in peacetime"
    assert len(notes) == 2


def test_a_ttl_of_an_hour_is_no_finding_and_no_domains_say_nothing() -> None:
    assert len(felt([with_ttl(DOMAIN, 3600)]).notes) == 1 and len(felt([with_ttl(DOMAIN, 3601)]).notes) == 2
    assert felt([]).notes == () == felt([]).refusals
