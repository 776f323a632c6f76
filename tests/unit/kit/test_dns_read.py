"""Small things about DNS messages."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from unit.kit.dns_servers import reply_to, zone

from bcp.contracts.dns import MxHost, MxSet, Trouble
from bcp.kit.dns_read import (
    ZoneFound,
    cname_of,
    find_zones,
    mx_of,
    names_in,
    query,
    referred_to,
    say_trouble,
    trouble_of,
)
from bcp.kit.dnswire import Lost

MX = query("corp.test", "MX")


def test_authoritative_servers_are_asked_without_recursion() -> None:
    assert not query("corp.test", "MX").flags & dns.flags.RD
    assert query("corp.test.", "MX", recurse=True).flags & dns.flags.RD
    assert query("corp.test", "MX").question[0].name.to_text() == "corp.test."
    assert query("corp.test", "MX", dnssec=True).ednsflags & dns.flags.DO and not MX.ednsflags & dns.flags.DO


def test_the_mx_of_this_name_is_taken_and_no_others() -> None:
    reply = reply_to(MX, ("other.test.", 5, "MX", "1 x."), ("corp.test.", 60, "MX", "20 B.test.", "10 a.test."))
    assert mx_of(reply, "corp.test") == MxSet((MxHost(10, "a.test."), MxHost(20, "b.test.")), 60)
    assert mx_of(reply_to(MX), "corp.test") is None
    assert mx_of(reply_to(MX, ("CORP.test.", 60, "MX", "1 a.")), "corp.TEST") == MxSet((MxHost(1, "a."),), 60)


def test_an_alias_of_this_name_is_found() -> None:
    reply = reply_to(MX, ("corp.test.", 5, "CNAME", "www.test."), ("www.test.", 5, "CNAME", "x."))
    assert cname_of(reply, "corp.test") == "www.test." and cname_of(reply, "y.test") == "" == cname_of(
        reply_to(MX), "corp.test"
    )


def test_name_servers_of_this_zone_are_taken() -> None:
    reply = reply_to(MX, ("corp.test.", 5, "NS", "B.", "a."), ("test.", 5, "NS", "c."))
    assert names_in(reply, "corp.test") == ("a.", "b.") and names_in(Lost("x"), "corp.test") == ()


@pytest.mark.parametrize(
    ("reply", "authority", "trouble"),
    [
        (reply_to(MX), True, Trouble.NONE),
        (reply_to(MX, rcode="NXDOMAIN"), True, Trouble.NONE),
        (reply_to(MX, aa=False), True, Trouble.LAME),
        (reply_to(MX, aa=False), False, Trouble.NONE),
        (reply_to(MX, rcode="REFUSED"), True, Trouble.NOT_ALLOWED),
        (reply_to(MX, rcode="SERVFAIL", aa=False), True, Trouble.ERROR),
        (Lost("x"), True, Trouble.SILENT),
        (Lost("x", code="unreachable"), True, Trouble.UNREACHABLE),
        (Lost("x", code="lame"), False, Trouble.LAME),
        (Lost("x", code="clock"), True, Trouble.ERROR),
    ],
)
def test_a_time_out_an_error_and_a_server_without_authority_are_three_things(reply, authority, trouble) -> None:
    assert trouble_of(reply, authority=authority) is trouble
    said = say_trouble(reply, "192.0.2.1", "corp.test", authority=authority)
    assert bool(said) is (trouble is not Trouble.NONE)
    assert ("authority" in said) is (trouble is Trouble.LAME and not isinstance(reply, Lost))


def found(domains, answer):
    async def ask(messages):
        return [answer(m) for m in messages]

    return asyncio.run(find_zones(ask, "192.0.2.1", domains))


def test_the_zone_is_the_name_or_the_nearest_parent_with_a_start_of_authority() -> None:
    got = found(["corp.test", "a.b.corp.test", "other.test", "x.other.test"], zone({}))
    assert got["corp.test"] == ZoneFound("corp.test") == got["a.b.corp.test"]
    for name in ("other.test", "x.other.test"):
        assert got[name] == ZoneFound("", Trouble.NO_ZONE, f"192.0.2.1 is not authoritative for any zone of {name}")


def test_a_silent_server_is_not_one_without_the_zone() -> None:
    """ "not authoritative" would be a guess."""
    got = found(["corp.test"], lambda m: Lost("no answer in time"))
    assert got == {"corp.test": ZoneFound("", Trouble.SILENT, "no answer in time")}


def test_a_start_of_authority_without_authority_does_not_count() -> None:
    assert found(["corp.test"], zone({}, aa=False))["corp.test"].trouble is Trouble.NO_ZONE


@pytest.mark.parametrize("trouble", Trouble)
def test_only_silence_may_pass(trouble) -> None:
    assert trouble.passing is (trouble in {Trouble.SILENT, Trouble.UNREACHABLE})


def referral(*owners: str, aa: bool = False, kind: str = "NS") -> dns.message.Message:
    """No answer; who else is to be asked."""
    reply = reply_to(query("mail.corp.test", "MX"))
    if not aa:
        reply.flags &= ~dns.flags.AA
    value = {"NS": "ns.else.test.", "SOA": "a. b. 1 1 1 1 1"}[kind]
    reply.authority += [dns.rrset.from_text(o, 60, "IN", kind, value) for o in owners]
    return reply


@pytest.mark.parametrize(
    ("reply", "to"),
    [
        (referral("mail.corp.test."), "mail.corp.test"),
        (referral("CORP.test."), "corp.test"),
        (referral("other.test.", "mail.corp.test."), "mail.corp.test"),
        (referral("."), "."),
        (referral("other.test."), ""),
        (referral("mail.corp.test.", aa=True), ""),
        (referral("mail.corp.test.", kind="SOA"), ""),
        (referral(), ""),
        (Lost("silent", "no answer"), ""),
    ],
)
def test_a_server_that_sends_us_on_says_for_which_name(reply, to) -> None:
    assert referred_to(reply, "mail.corp.test") == to


def test_an_answer_or_an_error_is_no_referral() -> None:
    answered = referral("mail.corp.test.")
    answered.answer.append(dns.rrset.from_text("mail.corp.test.", 60, "IN", "MX", "1 a."))
    failed = referral("mail.corp.test.")
    failed.set_rcode(dns.rcode.SERVFAIL)
    assert referred_to(answered, "mail.corp.test") == referred_to(failed, "mail.corp.test") == ""


@pytest.mark.parametrize("kinds", [{}, {"dnssec": True}, {"recurse": True}, {"recurse": True, "dnssec": True}])
@pytest.mark.parametrize("change", [0, int(dns.flags.CD)])
def test_a_question_that_is_rendered_by_hand_is_what_the_library_renders(kinds, change) -> None:
    for name in ("corp.test", "_25._tcp.MX.xn--bcher-kva.test.", "a" * 63 + ".test", "*.corp.test"):
        made = query(name, "MX", **kinds)
        made.flags |= change
        assert made.to_wire() == dns.message.QueryMessage.to_wire(made)


def test_a_question_with_more_in_it_is_left_to_the_library() -> None:
    made = query("corp.test", "SOA", dnssec=True)
    made.answer.append(dns.rrset.from_text("corp.test.", 5, "IN", "A", "192.0.2.1"))
    assert dns.message.from_wire(made.to_wire()).answer
    assert not query("corp.test", "SOA", dnssec=True).answer
