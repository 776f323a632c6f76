"""One line for each thing that a switch needs: what is fine is said too, and what is not carries its rule."""

from __future__ import annotations

import pytest
from unit.mx.worlds import DOMAIN, NOW, OTHER, PRIMARY, RELAY, domain, facts

from bcp.contracts.dns import (
    Answer,
    Capabilities,
    Chain,
    Delegation,
    Inside,
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
from bcp.contracts.mx import MxHost
from bcp.kit.rdap import Registration
from bcp.mx.check import (
    Line,
    credential_line,
    elsewhere,
    lines_of,
    not_lame,
    registry_line,
    somebody_answers,
    unreadable,
    worst,
)
from bcp.mx.rules import readable

ASPECTS = ["reach", "right", "servers", "delegation", "dnssec", "ttl", "wildcard", "code", "mta-sts"]


def lines(host: Capabilities | None = None, **changes) -> dict[str, Line]:
    d = domain(**changes)
    return {x.aspect: x for x in lines_of(d, facts(d, host=host))}


def test_where_all_is_well_every_aspect_says_so() -> None:
    found = lines()
    assert (
        list(found) == ASPECTS and {x.state for x in found.values()} == {"ok"} and worst(list(found.values())) == "ok"
    )
    assert found["reach"].message == f"{PRIMARY}, zone {DOMAIN}"
    assert found["ttl"].message == "TTL 3600 s: senders follow within 1h of a switch"
    assert found["dnssec"].message == "not known: no resolver answers"


@pytest.mark.parametrize(
    ("ends", "said"),
    [(None, ""), (NOW - 1, ""), (NOW + 6 * 86_400, "the credential of main ends on"), (NOW + 30 * 86_400, "")],
)
def test_a_credential_that_ends_soon_is_told_before_an_outage(ends: float | None, said: str) -> None:
    """One that has ended is refused by a rule of its own."""
    found = credential_line("corp.test", "main", ends, NOW, 21 * 86_400.0)
    assert [(x.aspect, x.state) for x in found] == ([("credential", "warn")] if said else [])
    assert all(said in x.message and x.message.endswith("in 6d") and x.hint for x in found)


LAME = (Answer(DOMAIN, "192.0.2.1", PRIMARY), Answer(DOMAIN, "192.0.2.2", None, problem="x", trouble=Trouble.LAME))


@pytest.mark.parametrize(
    ("changes", "aspect", "state", "rule", "words"),
    [
        ({"inside": (Inside(DOMAIN, "office", OTHER),)}, "inside", "warn", "dns.inside-differs", "office tells"),
        ({"inside": (Inside(DOMAIN, "office", PRIMARY),)}, "inside", "ok", "", "office inside our network tells what"),
        ({"proof": Proof(DOMAIN, Permission.NOT_ALLOWED, "no")}, "right", "fail", "dns.not-allowed", "no"),
        ({"proof": Proof(DOMAIN, Permission.CANNOT_SAY, "busy")}, "right", "fail", "dns.not-proven", "busy"),
        ({"answers": (Answer(DOMAIN, "192.0.2.1", RELAY),)}, "servers", "warn", "", "already"),
        ({"answers": (Answer(DOMAIN, "192.0.2.1", None),)}, "servers", "fail", "dns.servers-disagree", "no MX"),
        ({"answers": LAME}, "delegation", "fail", "dns.lame", "192.0.2.2"),
        ({"delegation": Delegation(DOMAIN, ("a.test.",), ("b.test.",))}, "delegation", "fail",
         "dns.delegated-elsewhere", "a.test."),
        ({"signed": Signed(Chain.BOGUS)}, "dnssec", "fail", "dns.bogus", "do not hold"),
        ({"signed": Signed(Chain.SECURE, NOW + 3600)}, "dnssec", "warn", "dns.signatures-end", "end in 1h"),
        ({"signed": Signed(Chain.SECURE, NOW + 864_000)}, "dnssec", "ok", "", "signed and validated, signatures until"),
        ({"signed": Signed(Chain.INSECURE)}, "dnssec", "ok", "", "not signed"),
        ({"signed": Signed(Chain.INSECURE, NOW + 864_000)}, "dnssec", "ok", "", "not validated"),
        ({"order": SwapOrder(DOMAIN, MxSet(PRIMARY.hosts, 86_400), RELAY)}, "ttl", "warn", "", "1d"),
        ({"managed_by": ("terraform",)}, "code", "warn", "dns.managed-elsewhere", "ignore_changes"),
        ({"sts": StsPolicy(True, "enforce", ("other.test",))}, "mta-sts", "fail", "mta-sts.relay-missing", "enforces"),
    ],
)  # fmt: skip
def test_what_is_not_well_is_a_line_with_its_rule(changes, aspect, state, rule, words) -> None:
    found = lines(**changes)
    assert (found[aspect].state, found[aspect].rule) == (state, rule) and words in found[aspect].message
    expected = ({"servers": "warn"} if rule == "dns.lame" else {}) | ({aspect: state} if state != "ok" else {})
    assert {a: x.state for a, x in found.items() if x.state != "ok"} == expected


def test_a_ttl_that_the_host_does_not_take_is_a_failure() -> None:
    found = lines(Capabilities(min_ttl_s=3600))
    assert found["ttl"].rule == "dns.ttl-out-of-range"


def test_a_host_that_cannot_say_is_a_warning() -> None:
    found = lines(Capabilities(proves=False), proof=Proof(DOMAIN, Permission.CANNOT_SAY))
    assert found["right"].state == "warn" and "only when it is done" in found["right"].message


def test_a_wildcard_is_told() -> None:
    given = Reading(DOMAIN, DOMAIN, PRIMARY, wildcard=Wildcard("*.corp.test"))
    assert "*.corp.test" in lines(reading=given)["wildcard"].message


@pytest.mark.parametrize(
    ("answers", "rules"),
    [
        ((), ["dns.nobody-serves"]),
        ((Answer(DOMAIN, "192.0.2.2", None, problem="x", trouble=Trouble.SILENT),), ["dns.nobody-serves"]),
        ((Answer(DOMAIN, "192.0.2.2", None, problem="x", trouble=Trouble.LAME),), []),
        (
            (
                Answer(DOMAIN, "192.0.2.2", None, problem="x", trouble=Trouble.SILENT),
                Answer(DOMAIN, "192.0.2.1", PRIMARY, authoritative=True),
            ),
            [],
        ),
    ],
)
def test_where_nobody_answers_nothing_was_seen(answers, rules) -> None:
    """One that answers is enough to have seen what the world gets; one that is lame has its own rule."""
    assert [r.rule for r in somebody_answers(domain(answers=answers), facts()).refusals] == rules
    d = domain(answers=answers)
    failed = [x.rule for x in lines_of(d, facts(d)) if x.aspect == "servers" and x.state == "fail"]
    assert failed == rules


def test_silence_is_not_lame() -> None:
    silent = (Answer(DOMAIN, "192.0.2.2", None, problem="x", trouble=Trouble.SILENT),)
    assert not not_lame(domain(answers=silent), facts()).refusals


def test_what_cannot_be_read_is_one_line_with_its_rule() -> None:
    reading = Reading(DOMAIN, "", None, problem="two of them", trouble=Trouble.TWO_ZONES)
    why = readable(reading)
    assert why is not None
    (line,) = unreadable(reading, why)
    assert (line.aspect, line.state, line.rule) == ("reach", "fail", "dns.two-zones") and line.hint
    assert worst([line]) == "fail"


# -- item 18: the registry -------------------------------------------------------------------------------------------

DAY = 86_400.0


@pytest.mark.parametrize(
    ("found", "state", "rule", "words"),
    [
        (Registration("corp.test", ("active",), NOW + 300 * DAY), "ok", "", "registered until"),
        (Registration("corp.test", ("client update prohibited",)), "ok", "", "does not keep an MX"),
        (Registration("corp.test", ("client hold",)), "fail", "dns.registration-held", "client hold"),
        (Registration("corp.test", ("active", "pending delete")), "fail", "dns.registration-held", "pending delete"),
        (Registration("corp.test", ("active",), NOW + 29 * DAY), "warn", "dns.registration-ends", "renew it"),
        (Registration("corp.test", ("active",), NOW + 30 * DAY), "ok", "", "registered until"),
        (Registration("corp.test", problem="no answer"), "warn", "", "not known: no answer"),
    ],
)
def test_what_the_registry_says(found, state, rule, words) -> None:
    line = registry_line("mail.corp.test", found, NOW)
    assert (line.domain, line.aspect, line.state, line.rule) == ("mail.corp.test", "registry", state, rule)
    assert words in line.message and (state != "fail" or line.hint)


@pytest.mark.parametrize(
    ("hosts", "foreign"),
    [(["ex.test"], []), (["relay.test"], []), (["ex.test", "relay.test"], []), (["x.test"], ["x.test."]),
     (["ex.test", "x.test"], ["x.test."])],
)  # fmt: skip
def test_an_mx_that_the_configuration_does_not_name_is_said(hosts, foreign) -> None:
    now = MxSet(tuple(MxHost(10, f"{h}.") for h in hosts), 300)
    primary = MxSet((MxHost(0, "ex.test."),), 3600)
    found = elsewhere("corp.test", now, primary, {"relay.test."})
    assert [(x.aspect, x.state, x.rule) for x in found] == [("mx", "fail", "dns.mx-elsewhere")] * bool(foreign)
    assert all(f in x.message for x in found for f in foreign)
    assert elsewhere("corp.test", now, None, {"relay.test."}) == []
