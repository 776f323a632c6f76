"""What the rules say, word for word: it is read at night, by somebody who did not write it.
A change of words is a change here."""

from __future__ import annotations

import pytest
from unit.mx.worlds import DOMAIN, NOW, NULL, OTHER, PRIMARY, RELAY, back, domain, facts

from bcp.contracts.action import Refusal
from bcp.contracts.dns import (
    Answer,
    Chain,
    Delegation,
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
from bcp.mx.rules import judge, readable

REFUSALS = [
    (
        readable(Reading(DOMAIN, DOMAIN, None, cname="www.test.")),
        "dns.cname",
        "corp.test is a CNAME to www.test.; an MX cannot stand beside it",
        "Use the name it points to (RFC 1034 section 3.6.2).",
    ),
    (
        readable(Reading(DOMAIN, DOMAIN, None)),
        "dns.no-mx-now",
        "corp.test has no MX now: there is nothing to come back to",
        "Publish the primary MX first.",
    ),
    (
        readable(Reading(DOMAIN, DOMAIN, NULL)),
        "dns.null-mx",
        "corp.test has a null MX: it says that it takes no mail (RFC 7505)",
        "Leave it out of domains:, or publish its primary MX first.",
    ),
    (
        readable(Reading(DOMAIN, "", None, problem="x", trouble=Trouble.SILENT)),
        "dns.silent",
        "corp.test: x",
        "A server that is silent may answer in a moment: try again, or see its log.",
    ),
    (
        readable(Reading(DOMAIN, "", None, problem="x", trouble=Trouble.TWO_ZONES)),
        "dns.two-zones",
        "corp.test: x",
        "Set zone_ids: of this DNS host in bcp.yaml to the id of the zone that is meant.",
    ),
    (
        readable(Reading(DOMAIN, "", None, problem="x", trouble=Trouble.NO_ZONE)),
        "dns.zone-missing",
        "corp.test: x",
        "Check dns: and domains: in bcp.yaml. A zone is never created.",
    ),
    (
        readable(Reading(DOMAIN, "", None, problem="x", trouble=Trouble.NOT_ALLOWED)),
        "dns.unreadable",
        "corp.test: x",
        "Nothing was changed. Plan again when that is mended.",
    ),
    (
        readable(Reading(DOMAIN, "", None, problem="x", trouble=Trouble.ERROR)),
        "dns.unreadable",
        "corp.test: x",
        "Check dns: and domains: in bcp.yaml.",
    ),
    (
        domain(order=SwapOrder(DOMAIN, PRIMARY, MxSet((), 300))),
        "dns.no-target",
        "corp.test would be left without MX",
        "This is a fault: please report it.",
    ),
    (
        domain(order=SwapOrder(DOMAIN, PRIMARY, NULL)),
        "dns.null-target",
        "corp.test would get a null MX, which tells the world that it takes no mail (RFC 7505)",
        "Give domains: primary: in bcp.yaml the real hosts.",
    ),
    (
        domain(order=SwapOrder(DOMAIN, RELAY, RELAY)),
        "dns.same-target",
        "corp.test would point where it points now: 10 relay.out.test. (TTL 300)",
        "Is the relay's name right?",
    ),
    (
        back(primary=OTHER),
        "dns.primary-moved",
        "corp.test: the recorded MX is 0 corp-test.mail.test. "
        "(TTL 3600), the configuration says 5 other.test. (TTL 60)",
        "Exchange may have moved this domain to another host. Check it, then correct bcp.yaml.",
    ),
    (
        domain(order=SwapOrder(DOMAIN, PRIMARY, MxSet(RELAY.hosts, 700_000))),
        "dns.ttl-out-of-range",
        "corp.test: main takes TTLs from 0 to 604800 s, not 700000",
        "Set ttl: 604800 in the playbook.",
    ),
    (
        domain(proof=Proof(DOMAIN, Permission.NOT_ALLOWED)),
        "dns.not-allowed",
        "corp.test: this credential may not change its MX",
        "Give it the right to change MX here, and no other.",
    ),
    (
        domain(proof=None),
        "dns.not-proven",
        "corp.test: whether we may change it could not be shown: the host was not asked",
        "Try again in a moment.",
    ),
    (
        domain(answers=(Answer(DOMAIN, "192.0.2.2", OTHER),)),
        "dns.servers-disagree",
        "192.0.2.2 serves 5 other.test. (TTL 60) for corp.test, the host has 0 corp-test.mail.test. (TTL 3600)",
        "Is a secondary behind, is there another view, or is this the wrong host?",
    ),
    (
        domain(delegation=Delegation(DOMAIN, ("b.", "a."), ("d.", "c."))),
        "dns.delegated-elsewhere",
        "corp.test is delegated to a., b.; this host has c., d.",
        "The zone was moved, or this is another zone of the same name: a change here would reach nobody.",
    ),
    (
        domain(signed=Signed(Chain.BOGUS)),
        "dns.bogus",
        "the DNSSEC signatures of corp.test do not hold: receivers that validate see no MX at all",
        "Repair the signatures first; no change of MX helps there.",
    ),
    (
        domain(reading=Reading(DOMAIN, "test", PRIMARY, wildcard=Wildcard("*.test", ("A", "TXT")))),
        "dns.wildcard-shadows",
        "corp.test also has A, TXT from a wildcard, and would lose them with a record of its own (RFC 4592)",
        "Give corp.test its own A, TXT first, or override if nobody needs them.",
    ),
    (
        domain(sts=StsPolicy(True, problem="x")),
        "mta-sts.unreadable",
        "corp.test announces MTA-STS and its policy cannot be used: x",
        "Senders use their cached policy: make sure that it names the relay. A private authority: ca_file:.",
    ),
    (
        domain(
            order=SwapOrder(DOMAIN, PRIMARY, MxSet((*RELAY.hosts, *OTHER.hosts), 300)),
            sts=StsPolicy(True, "enforce", ("x.test",)),
        ),
        "mta-sts.relay-missing",
        "corp.test enforces MTA-STS and its policy does not name relay.out.test., other.test.: "
        "senders would not deliver there",
        "Add the relay to the policy in peacetime; cached policies live for max_age.",
    ),
]
NOTES = [
    (
        domain(delegation=Delegation(DOMAIN, ("a.", "b.", "c."), ("a.",))),
        "corp.test: the world is also sent to b., c., which this host does not name: changed there as well?",
    ),
    (domain(delegation=Delegation(DOMAIN, ("a.",), ("a.", "b.", "c."))), "corp.test: only this host names b., c."),
    (
        domain(signed=Signed(Chain.SECURE, NOW + 60)),
        "corp.test: signatures of its MX end in 1m; see that the zone is signed again",
    ),
    (
        domain(signed=Signed(Chain.SECURE, NOW + 0.5)),
        "corp.test: signatures of its MX end in 0.5s; see that the zone is signed again",
    ),
    (
        domain(reading=Reading(DOMAIN, "test", PRIMARY, wildcard=Wildcard("*.test"))),
        "corp.test has its MX from the wildcard *.test: it gets a record of its own; "
        "after the way back that record stays, and says what the wildcard says now",
    ),
    (
        domain(
            order=SwapOrder(DOMAIN, PRIMARY, MxSet((*RELAY.hosts, *OTHER.hosts), 300)),
            sts=StsPolicy(True, "testing", ("x.test",)),
        ),
        "corp.test: MTA-STS (testing) does not name relay.out.test., other.test.",
    ),
]


@pytest.mark.parametrize(("given", "rule", "message", "hint"), REFUSALS, ids=[r[1] for r in REFUSALS])
def test_every_refusal_says_what_is_wrong_and_what_to_do(given, rule, message, hint) -> None:
    found = given if isinstance(given, Refusal) else judge(facts(given)).refusals[0]
    assert (found.rule, found.message, found.hint) == (rule, message, hint)


@pytest.mark.parametrize(("given", "text"), NOTES)
def test_every_note_says_what_to_know_before_a_yes(given, text) -> None:
    assert judge(facts(given)).notes[0] == text
