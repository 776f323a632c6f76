"""What the tenant accepts, against bcp.yaml: what a switch would leave on the dead path is named."""

from __future__ import annotations

import pytest
from unit.mx.worlds import DOMAIN, back, domain, facts

from bcp.contracts.dns import Accepted
from bcp.mx.accepted import NOT_ACCEPTED, NOT_COVERED, differences, tenant_agrees
from bcp.mx.accepted_list import names, parse
from bcp.mx.check import accepted_lines
from bcp.mx.rules import covered, judge

EXPORT = """\
#TYPE Microsoft.Exchange.Data.Directory.SystemConfiguration.AcceptedDomain
"Name","DomainName","DomainType","MatchSubDomains"
"The firm","Corp.test","Authoritative","False"
"Shops","shops.test","InternalRelay","True"
"""


@pytest.mark.parametrize(
    ("text", "good", "odd"),
    [
        ("", (), ()),
        ("# nobody\n\n", (), ()),
        ("Corp.test.\n  two.test  \n# old.test\nCORP.test\n", ("corp.test", "two.test"), ()),
        ("\ufeffDomainName\ncorp.test\n", ("corp.test",), ()),
        ("Name;DomainName\nfirm;corp.test\nother\n", ("corp.test",), ()),
        (EXPORT, ("corp.test", "shops.test", "*.shops.test"), ()),
        ("corp.test,Authoritative\n*.two.test\n", ("corp.test", "*.two.test"), ()),
        ("corp.test\nbücher.test\nno name\n", ("corp.test",), ("bücher.test", "no name")),
    ],
)
def test_a_list_or_a_table_is_read_as_it_is_exported(text, good, odd) -> None:
    assert parse(text) == (good, odd)


def test_names_are_in_one_form_each_once() -> None:
    assert names(["A.test", "a.test.", "*.A.test", "x"]) == (("a.test", "*.a.test"), ("x",))


def found(accepted, *ours):
    return {(f.domain, f.rule) for f in differences(Accepted(tuple(accepted), "s"), ours)}


def test_what_each_of_both_has_alone_is_named() -> None:
    assert found(["a.test", "b.test"], "a.test", "b.test") == set()
    assert found(["a.test", "b.test"], "a.test") == {("b.test", NOT_COVERED)}
    assert found(["a.test"], "a.test", "b.test") == {("b.test", NOT_ACCEPTED)}


def test_subdomains_are_domains_of_their_own_unless_all_are_accepted() -> None:
    assert found(["a.test"], "a.test", "x.a.test") == {("x.a.test", NOT_ACCEPTED)}
    assert found(["a.test", "*.a.test"], "a.test", "x.y.a.test") == {("*.a.test", NOT_COVERED)}
    assert ("nota.test", NOT_ACCEPTED) in found(["*.a.test"], "nota.test")


def test_microsofts_own_zone_is_nobodys_to_move_and_an_empty_list_accuses_nobody() -> None:
    assert found(["a.test", "a.onmicrosoft.com", "a.mail.onmicrosoft.com"], "a.test") == set()
    assert found(["a.test", "notonmicrosoft.com"], "a.test") == {("notonmicrosoft.com", NOT_COVERED)}
    assert found([], "a.test") == set()


def test_the_words_say_what_happens_and_what_to_do() -> None:
    left, unknown = differences(Accepted(("b.test",), "accepted.csv"), ["a.test"])
    assert (
        "b.test (accepted.csv), and bcp.yaml does not have it" in left.message and "path that is down" in left.message
    )
    assert "Add it to domains:" in left.hint
    assert "does not accept mail for it (accepted.csv)" in unknown.message and "Is the name right?" in unknown.hint
    star = differences(Accepted(("a.test", "*.a.test"), "s"), ["a.test"])[0]
    assert "every subdomain (*.a.test, s)" in star.message


def test_a_plan_to_the_relay_names_them_and_the_way_back_does_not() -> None:
    accepted = Accepted((DOMAIN, *(f"{n}.test" for n in "abcdefg")), "accepted.csv", ("n n",))
    left = covered(facts(accepted=accepted, ours=(DOMAIN, "gone.test")))
    assert left.refusals == () and len(left.notes) == 3
    assert left.notes[0].startswith("NOT covered: the tenant accepts a.test, b.test, c.test, d.test, e.test and 2 more")
    assert "does not have them" in left.notes[0] and "the tenant does not accept gone.test of bcp.yaml" in left.notes[1]
    assert "'n n' is no domain name" in left.notes[2]
    assert covered(facts(back(), accepted=accepted, ours=(DOMAIN,))).notes == ()
    assert (
        "does not have it:" in covered(facts(domain(), accepted=Accepted((DOMAIN, "x.test")), ours=(DOMAIN,))).notes[0]
    )


def test_nothing_is_said_where_nobody_told_and_what_cannot_be_read_is_said() -> None:
    assert tenant_agrees(None, [DOMAIN]).notes == () == tenant_agrees(Accepted((DOMAIN,)), [DOMAIN]).notes
    assert "is not known (a.csv cannot be read)" in tenant_agrees(Accepted(problem="a.csv cannot be read"), []).notes[0]


def test_a_check_has_a_line_for_each_of_those_that_are_meant() -> None:
    accepted = Accepted((DOMAIN, "b.test"), "s")
    lines = accepted_lines(accepted, [DOMAIN, "c.test"], [])
    assert [(x.domain, x.aspect, x.state, x.rule) for x in lines] == [
        ("b.test", "accepted", "warn", "dns.not-covered"),
        ("c.test", "accepted", "warn", "dns.not-accepted"),
    ]
    assert accepted_lines(accepted, [DOMAIN, "c.test"], [DOMAIN]) == [] == accepted_lines(None, [DOMAIN], [])
    (line,) = accepted_lines(Accepted(problem="no file"), [DOMAIN], [])
    assert (line.domain, line.rule) == (DOMAIN, "dns.accepted-unknown") and "no file" in line.message and line.hint


def test_it_is_one_of_the_rules() -> None:
    notes = judge(facts(accepted=Accepted((DOMAIN, "left.test"), "a.csv"), ours=(DOMAIN,))).notes
    assert any(n.startswith("NOT covered: the tenant accepts left.test (a.csv)") for n in notes)
