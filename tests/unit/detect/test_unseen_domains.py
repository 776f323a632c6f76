"""A domain that nobody sees beside one that is down: left alone, and not called well."""

from __future__ import annotations

import pytest
from test_every_rule import FAIL, OK, SILENT, UNKNOWN, said

from bcp.detect.aloud import aloud
from bcp.detect.watch import to_data
from bcp.detect.works import spared_of

DOMAINS = {"smtp": ("a.test",), "names": ("b.test",), "smtp_2": ("b.test",), "smtp_3": ("c.test",), "gate": ("d.test",)}
BAD = (FAIL, "4xx-rcpt")


def look(**looks):
    return said(30, smtp=BAD, domains=DOMAINS, **looks)


@pytest.mark.parametrize("blind", [(UNKNOWN, "overran"), lambda n: OK if n < 12 else SILENT])
def test_its_recipients_are_not_seen(blind) -> None:
    """They say nothing, or have gone silent; that its name resolves is not that mail is taken."""
    found = look(smtp_2=blind, names=OK, smtp_3=OK)
    assert found.domains == ("a.test",) and found.spared == ("b.test", "c.test")
    assert found.spared_as() == {"well": ("c.test",), "unseen": ("b.test",)}
    text = aloud(found).well
    assert "C.test is well" in text or "c.test is well and left alone" in text
    assert "b.test cannot be seen, and is left alone: nothing shows that mail fails there" in text
    data = to_data(found)
    assert (data["spared"], data["spared_unseen"], data["spared_unsure"]) == (["b.test", "c.test"], ["b.test"], [])


def test_its_name_is_not_seen() -> None:
    assert look(smtp_2=OK, names=(UNKNOWN, "no-resolver")).spared_as() == {"unseen": ("b.test",)}


def test_what_is_seen_from_one_place_is_seen() -> None:
    looks = {"smtp_2": {"b": (UNKNOWN, "no-route")}, "names": OK}
    assert said(30, ("a", "b"), smtp=BAD, domains=DOMAINS, **looks).spared_as() == {"well": ("b.test",)}


def test_one_that_failed_and_is_not_seen_any_more_is_unseen() -> None:
    """Nobody knows whether it still fails; it is not *not confirmed*, and not well."""
    found = look(smtp_2=lambda n: BAD if n < 14 else (UNKNOWN, "overran"))
    assert found.spared_as() == {"unseen": ("b.test",)}


def test_one_that_is_doubted_is_unsure() -> None:
    assert look(smtp_2=lambda n: OK if n < 27 else BAD).spared_as() == {"unsure": ("b.test",)}


def test_many_are_counted() -> None:
    (text,) = spared_of({"unseen": ("a", "b", "c")}, 2)
    assert text.startswith("a, b and 1 more cannot be seen, and are left alone")
    assert spared_of({"well": ("a", "b")}) == ("a and b are well and left alone",)
