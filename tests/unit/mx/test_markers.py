"""Marks that infrastructure as code leaves: each tool's own, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from bcp.mx.markers import PAUSES, TOOLS, names_of, pause, tools_in

D = "mail.corp.test"


def test_where_marks_are_looked_for() -> None:
    assert names_of(D, "corp.test") == (D, "_owner.MX.mail.corp.test", "meta.corp.test")


@pytest.mark.parametrize(
    ("name", "text", "right"),
    [
        ("_owner.MX.mail.corp.test", "*octodns*", ("octodns",)),
        ("_owner.MX.mail.corp.test", "somebody", ()),
        ("meta.corp.test", "octodns-version=1.22.0", ("octodns",)),
        ("meta.corp.test", "provider=main", ("octodns",)),
        ("meta.corp.test", "a note", ()),
        (D, "heritage=external-dns,external-dns/owner=x", ("external-dns",)),
        (D, '"heritage = external-dns"', ("external-dns",)),
        ("other.corp.test", "heritage=external-dns", ()),
        (D, "v=spf1 include:octodns.test -all", ()),
        (D, "terraform", ()),
    ],
)
def test_each_tools_own(name, text, right) -> None:
    assert tools_in(D, {name: (text,)}) == right


@pytest.mark.parametrize(
    ("remark", "right"),
    [("Managed by Terraform", ("terraform",)), ("pulumi:stack", ("pulumi",)), ("ask Bob", ()), ("other", ())],
)
def test_remarks_of_the_host(remark, right) -> None:
    assert tools_in(D, {}, [remark]) == right


def test_several_are_told_each_once_in_one_order() -> None:
    texts = {D: ("heritage=external-dns",), "meta.corp.test": ("uuid=1", "provider=x")}
    assert tools_in(D, texts, ["terraform", "TERRAFORM"]) == ("octodns", "external-dns", "terraform")


@pytest.mark.parametrize("tool", TOOLS)
def test_each_has_what_pauses_it(tool) -> None:
    assert pause(tool) == PAUSES[tool] and pause("unheard of") == PAUSES["other"]
