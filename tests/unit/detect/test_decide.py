"""The table of conditions: each one alone refuses, and all together allow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.detect.cases import Case, Moment
from bcp.detect.decide import BACK, CONDITIONS, Setting, judge_decision, judge_now, propose
from bcp.detect.due import clock_of
from bcp.detect.rules import Rules
from bcp.detect.verdict import Decision

RULES = Rules()
B = Case("", "down", ("B",), ("inbound",), seen=True, failing_now=True, failed_s=7200.0, sure_share=0.6)
NOW = Moment("confirmed")
WELL = Case("", "healthy", well=True)
BACK_NOW = Moment("recovering", on_relay_s=3600.0)

BREAK = {
    "not-maintenance": (B, replace(NOW, maintenance="Kim"), "watch"),
    "not-denied": (B, replace(NOW, denied="Kim"), "watch"),
    "down": (replace(B, state="suspect"), NOW, "watch"),
    "helps": (replace(B, classes=("A",)), NOW, "tell"),
    "seen": (replace(B, seen=False), NOW, "ask"),
    "not-into-gateway": (B, replace(NOW, gateway_down=True), "direct"),
    "zone-readable": (replace(B, zone_down=True), NOW, "ask"),
    "not-limited": (replace(B, limited=True), NOW, "ask"),
    "looked-at": (replace(B, mails_alone=True), NOW, "ask"),
    "not-delivered": (replace(B, delivered=True), NOW, "ask"),
    "steady": (replace(B, flapping=True), NOW, "ask"),
    "share": (replace(B, sure_share=0.599), NOW, "ask"),
    "fresh": (B, replace(NOW, fresh=False), "watch"),
    "failing-now": (replace(B, failing_now=False), NOW, "wait"),
    "kept": (replace(B, bounced=True, failed_s=7199.0), NOW, "ask"),
    "long-enough": (replace(B, failed_s=7199.0), NOW, "wait"),
    "relay-ready": (B, replace(NOW, relay_ready=False), "ask"),
}
BREAK_BACK = {
    "recovering": (WELL, replace(BACK_NOW, stage="active")),
    "not-declared": (WELL, replace(BACK_NOW, declared="Kim")),
    "not-maintenance": (WELL, replace(BACK_NOW, maintenance="Kim")),
    "seen-well": (replace(WELL, well=False), BACK_NOW),
    "fresh": (WELL, replace(BACK_NOW, fresh=False)),
    "steady": (WELL, replace(BACK_NOW, flapping=True)),
    "dwell": (WELL, replace(BACK_NOW, on_relay_s=3599.0)),
}


def test_before_the_decision_time_a_likely_share_is_enough_to_wait() -> None:
    """At the decision time it must be sure."""
    case = replace(B, sure_share=0.5, likely_share=0.6)
    assert judge_now("switch", [replace(case, failed_s=7199.0)], NOW, RULES).action == "wait"
    assert judge_now("switch", [case], NOW, RULES).action == "ask"
    assert judge_now("switch", [replace(case, failed_s=0.0, likely_share=0.59)], NOW, RULES).action == "ask"


def test_what_the_facts_do_not_say_of_the_relay_is_what_the_looks_say() -> None:
    """No control over SMTP answers: the relay is not believed to be ready, unless the facts say so."""
    unseen = Decision("down", cases=(B,), moment=replace(NOW, relay_ready=False))
    assert judge_decision("switch", unseen, RULES).action == "ask"
    assert judge_decision("switch", unseen, RULES, relay_ready=True).allowed
    assert not judge_decision("switch", replace(unseen, moment=NOW), RULES, relay_ready=False).allowed


def test_all_conditions_together_allow_a_switch() -> None:
    """At the border of every number."""
    found = judge_now("switch", [B], NOW, RULES)
    assert found.allowed and found.action == "switch" and found.domains == ("",) and not found.refusals
    assert found.why == "it still fails, and the decision time is over"
    assert len(found.reasons) == len(CONDITIONS)
    assert judge_now("switch", [B], replace(NOW, relay_ready=True), RULES).allowed


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda c: c.id)
def test_each_condition_alone_refuses_a_switch(condition) -> None:
    """With its own action and words; nothing else is said to be wrong."""
    case, moment, action = BREAK[condition.id]
    found = judge_now("switch", [case], moment, RULES)
    assert not found.allowed and found.action == condition.otherwise == action
    assert found.why == condition.why and found.domains == ()
    assert condition.id in {r.rule for r in found.refusals}
    assert {r.rule for r in found.refusals} - {condition.id} <= {"long-enough"}
    assert condition.says not in found.reasons and condition.change in found.changes


@pytest.mark.parametrize("condition", BACK, ids=lambda c: c.id)
def test_each_condition_alone_refuses_a_failback(condition) -> None:
    """Mail stays on the relay."""
    found = judge_now("failback", [WELL], BACK_NOW, RULES)
    assert found.allowed and found.action == "failback"
    case, moment = BREAK_BACK[condition.id]
    found = judge_now("failback", [case], moment, RULES)
    assert not found.allowed and found.action == "hold" and [r.rule for r in found.refusals] == [condition.id]


def test_a_failback_of_several_domains_needs_each_of_them() -> None:
    """One that nobody sees keeps all on the relay; a switch takes those that fail."""
    both = [replace(WELL, domain="a.example"), replace(WELL, domain="b.example", well=False)]
    assert not judge_now("failback", both, BACK_NOW, RULES).allowed
    both = [replace(B, domain="a.example"), Case("b.example", well=True)]
    found = judge_now("switch", both, NOW, RULES)
    assert found.domains == ("a.example",)
    assert {r.domain for r in found.refusals} == {"b.example"}


def test_of_several_that_may_not_be_moved_the_nearest_speaks() -> None:
    """One waits, one is well: wait."""
    both = [Case("b.example", well=True), replace(B, domain="a.example", failing_now=False)]
    assert judge_now("switch", both, NOW, RULES).action == "wait"
    assert judge_now("switch", [], NOW, RULES).action == "watch"


def test_class_f_needs_no_time_and_no_share() -> None:
    """Every minute bounces mail for good."""
    case = replace(B, classes=("F",), failed_s=0.0, sure_share=0.0, refused=True)
    found = judge_now("switch", [case], NOW, RULES)
    assert found.allowed and found.why.startswith("valid recipients are refused for good")


def test_a_part_that_was_refused_for_good_lends_its_haste_to_nothing_else() -> None:
    """Some looks were refused for good and the newest ones are deferred: how much of it fails has to be sure first."""
    part = replace(B, classes=("F",), failed_s=0.0, sure_share=0.4)
    found = judge_now("switch", [part], NOW, RULES)
    assert (found.action, [r.rule for r in found.refusals]) == ("ask", ["share"])
    assert judge_now("switch", [replace(part, sure_share=0.6)], NOW, RULES).allowed  # most fails, and mail is lost


def test_class_e_counts_only_where_the_mx_host_does_not_resolve() -> None:
    """Half an hour then; never for the web front door."""
    names = replace(B, classes=("E",), planes=("dns",), failed_s=1800.0)
    assert judge_now("switch", [names], NOW, RULES).allowed
    assert not judge_now("switch", [replace(names, failed_s=1799.0)], NOW, RULES).allowed
    edge = replace(names, planes=("edge",))
    assert judge_now("switch", [edge], NOW, RULES).action != "switch"


def test_a_plan_is_judged_again_by_its_own_domains() -> None:
    """The facts say that the relay is not ready; a domain that nobody looks at apart follows the general case."""
    decision = Decision("down", cases=(B,), moment=NOW)
    assert judge_decision("switch", decision, RULES, domains=["a.example"]).allowed
    assert not judge_decision("switch", decision, RULES, relay_ready=False).allowed
    apart = Decision("down", cases=(replace(B, domain="a.example"), Case("b.example", well=True)), moment=NOW)
    assert judge_decision("switch", apart, RULES, domains=["a.example", "b.example"]).domains == ("a.example",)
    assert not judge_decision("switch", apart, RULES, domains=["c.example"]).allowed
    assert not judge_decision("switch", Decision("healthy"), RULES).allowed


cases = st.builds(
    Case,
    st.just(""),
    st.sampled_from(["healthy", "suspect", "down", "unknown"]),
    st.sampled_from([("A",), ("B",), ("E",), ("F",), ("G",), ("H",), ("B", "A"), ()]),
    st.sampled_from([("inbound",), ("dns",), ("edge",), ("mailbox",), ()]),
    st.booleans(),
    st.booleans(),
    st.floats(0, 20_000),
    st.floats(0, 1),
    st.floats(0, 1),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(cases, st.booleans(), st.booleans())
def test_more_good_evidence_never_makes_a_switch(case, maintenance, gateway) -> None:
    """Monotone: whatever is better in a case that is not moved, it is not moved."""
    moment = replace(NOW, maintenance="Kim" if maintenance else "", gateway_down=gateway)
    if judge_now("switch", [case], moment, RULES).allowed:
        return
    better = [
        replace(case, failing_now=False),
        replace(case, seen=False),
        replace(case, sure_share=case.sure_share / 2),
        replace(case, failed_s=case.failed_s / 2),
        replace(case, state="healthy"),
        replace(case, flapping=True),
    ]
    assert not any(judge_now("switch", [b], moment, RULES).allowed for b in better)


def ask(state="suspect", classes=("B",), partial=False, fails=False, disputed=False, moment=NOW, case=None):
    given = case or Case("", state, classes, ())
    return propose(Setting(state, classes, partial, fails, disputed), [given], moment, RULES)


@pytest.mark.parametrize(
    ("given", "action", "why"),
    [
        ({"state": "healthy", "classes": (), "moment": Moment("healthy")}, "none", "everything"),
        ({"state": "healthy", "classes": (), "moment": Moment("closed")}, "none", "everything"),
        ({"state": "healthy", "classes": (), "moment": Moment("confirmed")}, "watch", "it is clear again"),
        ({"moment": Moment("suspect")}, "watch", "not confirmed"),
        ({"classes": ("H",)}, "fix-own", "it is on our side"),
        ({"classes": ("H", "B"), "state": "unknown"}, "fix-own", "it is on our side"),
        ({"classes": ("H", "B")}, "watch", "it is no longer confirmed, and not clear either"),
        ({"state": "unknown"}, "watch", "nobody can see it now"),
        ({"partial": True, "fails": True}, "ask", "part of it fails"),
        ({"disputed": True, "fails": True}, "ask", "one way of looking"),
        ({"partial": True}, "watch", "it is slow"),
        ({"partial": True, "fails": True, "moment": replace(NOW, maintenance="Kim")}, "watch", "we are in maintenance"),
        ({"state": "down", "classes": ("G",)}, "direct", "direct delivery works"),
        ({"state": "down", "classes": ("A",)}, "tell", "moving MX would not help"),
        ({"state": "down", "classes": ("A",), "moment": replace(NOW, denied="Kim")}, "watch", "on call says"),
        ({"state": "down", "case": B}, "switch", "it still fails, and the decision time is over"),
        ({"moment": Moment("decided")}, "hold", "a playbook runs"),
        ({"moment": Moment("failback")}, "hold", "mail is on its way back"),
        ({"moment": Moment("draining")}, "hold", "mail is on its way back"),
        ({"moment": Moment("draining"), "state": "down"}, "hold", "mail is on its way back, and it fails again"),
        ({"moment": Moment("draining"), "state": "down", "classes": ("A",)}, "hold", "mail is on its way back"),
        ({"moment": Moment("active")}, "hold", "the relay takes the mail"),
        ({"moment": Moment("active"), "state": "down", "classes": ("G",)}, "direct", "the path through the relay"),
        ({"moment": Moment("active"), "classes": ("G",)}, "hold", "the relay takes the mail"),
        ({"moment": BACK_NOW, "state": "healthy", "case": WELL}, "failback", "everything has been clear"),
        (
            {"moment": replace(BACK_NOW, on_relay_s=600.0), "case": WELL},
            "hold",
            "clear, but on the relay for too short a time: 50m more",
        ),
        ({"moment": replace(BACK_NOW, on_relay_s=600.0), "case": Case()}, "hold", "nobody sees"),
    ],
)
def test_what_is_proposed(given, action, why) -> None:
    """In every stage, with its reason."""
    found = ask(**given)
    assert found.action == action and found.why.startswith(why)


def test_the_clock_names_what_happens_to_senders() -> None:
    """From the first failure; nothing for classes that move nothing."""
    assert clock_of(("A",), 0.0, None) == () and clock_of(("B",), None, 5.0) == ()
    times = clock_of(("B",), 1000.0, 8200.0)
    assert times[0] == (8200.0, "decide") and times[1][0] == 1000.0 + 4 * 3600 and len(times) == 5
    assert clock_of(("F",), 1000.0, None)[0] == (1000.0, "mail bounces for good, every minute")


def test_after_some_good_rounds_that_is_the_reason_and_not_how_much_failed_before() -> None:
    """A person who is asked about a part that fails finds nothing that fails: it waits instead."""
    few = replace(B, sure_share=0.3, likely_share=0.3, failing_now=False)
    assert judge_now("switch", [few], NOW, RULES).action == "ask"
    over = judge_now("switch", [replace(few, lately=False)], NOW, RULES)
    assert (over.action, over.why) == ("wait", "at this moment it does not fail")
    assert not judge_now("switch", [replace(B, sure_share=0.3, failing_now=True)], NOW, RULES).allowed


def test_a_part_that_bounces_elsewhere_is_asked_about_while_a_domain_waits_for_its_time() -> None:
    """Two hours of waiting for one domain are two hours of bounces for the other. What may be moved is moved; on call's
    own word is not asked about."""
    waits = replace(B, failed_s=60.0)

    def proposed(case, moment=NOW, *, bounces=True):
        return propose(Setting("down", ("F", "B"), False, True, bounces=bounces), [case], moment, RULES)

    assert proposed(waits, bounces=False).action == "wait"
    asked = proposed(waits)
    assert asked.action == "ask" and asked.why.startswith("of another domain") and not asked.allowed
    assert proposed(B).action == "switch"
    assert proposed(waits, replace(NOW, maintenance="Kim")).action == "watch"
