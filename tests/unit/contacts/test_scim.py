"""Lists of users as identity providers really write them: read right, or refused with what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bcp.contacts.load import load_contacts, load_people
from bcp.kernel.errors import Invalid


def listed(folder: Path, *users: Any, **more: Any) -> Path:
    path = folder / "users.json"
    path.write_text(json.dumps({"Resources": list(users), **more}))
    return path


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"userName": name, "displayName": name, "emails": [{"value": name}], **more}


@pytest.mark.parametrize("twice", ['"active": false, "active": true', '"phoneNumbers": [], "phoneNumbers": []'])
def test_what_is_said_twice_of_one_person_is_refused(tmp_path, twice) -> None:
    """Of two answers the last one is no better than the first: a leaver would be on call again."""
    (tmp_path / "users.json").write_text(f'[{{"userName": "ann", {twice}}}]')
    with pytest.raises(Invalid, match="stands twice"):
        load_people(tmp_path / "users.json")


@pytest.mark.parametrize("total", [3, "3", " 3 ", 3.0])
def test_one_page_of_many_is_not_everybody(tmp_path, total) -> None:
    found = load_people(listed(tmp_path, user("a@x.org"), user("b@x.org"), totalResults=total))
    (doubt,) = found.doubts
    assert (doubt.rule, doubt.message) == ("contact.incomplete", "this is one page: 2 of 3 users")


@pytest.mark.parametrize("total", [2, "2", None, "", "many", [3], "9" * 400, 1])
def test_a_total_that_is_reached_or_is_none_is_no_doubt(tmp_path, total) -> None:
    assert not load_people(listed(tmp_path, user("a@x.org"), user("b@x.org"), totalResults=total)).doubts


def test_a_user_name_is_one_person_whatever_its_capitals(tmp_path) -> None:
    """Else one human would be two approvers."""
    with pytest.raises(Invalid) as caught:
        load_contacts(listed(tmp_path, user("Anna@x.org"), user("anna@X.org")))
    assert "stands here twice" in caught.value.problems[0].message
    assert len(load_contacts(listed(tmp_path, user("anna@a.org"), user("anna@b.org")))) == 2
    gone = user("ANNA@x.org", active=False)
    assert [c.id for c in load_contacts(listed(tmp_path, user("anna@x.org"), gone))] == ["anna"]


def test_of_several_mobiles_without_a_primary_one_the_first_is_taken_and_it_is_said(tmp_path) -> None:
    one = {"type": "mobile", "value": "+491701234567"}
    two = {"type": "mobile", "value": "+491701234568"}
    found = load_people(listed(tmp_path, user("a@x.org"), user("b@x.org", phoneNumbers=[one, two])))
    assert [p.phone for p in found.people] == ["", "+491701234567"]
    assert [(d.rule, d.severity, d.line) for d in found.doubts] == [("contact.several-phones", "warning", 2)]
    chosen = load_people(listed(tmp_path, user("b@x.org", phoneNumbers=[one, {**two, "primary": True}])))
    assert chosen.people[0].phone == "+491701234568" and not chosen.doubts
    assert not load_people(listed(tmp_path, user("b@x.org", phoneNumbers=[one, one]))).doubts


def test_capitals_of_names_do_not_count(tmp_path) -> None:
    """RFC 7643 section 2.1: attribute names are case-insensitive. ``"Active": false`` is a no."""
    path = tmp_path / "users.json"
    phone = {"Type": "Mobile", "Value": "+49 170 1234567"}
    users = [{"UserName": "a@x.org", "Active": False}, {"USERNAME": "b@x.org", "PhoneNumbers": [phone]}]
    path.write_text(json.dumps({"resources": users, "totalresults": 3}))
    found = load_people(path)
    assert [(p.id, p.phone) for p in found.people] == [("b", "+491701234567")]
    assert found.doubts[0].rule == "contact.incomplete"
    path.write_text('[{"userName": "a@x.org", "active": true, "Active": false}]')
    with pytest.raises(Invalid, match="stands twice"):
        load_people(path)


def test_two_lines_in_a_number_are_not_joined(tmp_path) -> None:
    two = {"type": "mobile", "value": "+49 170 123456\n78"}
    with pytest.raises(Invalid) as caught:
        load_people(listed(tmp_path, user("a@x.org", phoneNumbers=[two])))
    assert "more than one line" in caught.value.problems[0].message


@pytest.mark.parametrize("entry", [None, 7, "ann@x.org", ["ann"], []])
def test_an_entry_that_is_no_user_is_refused_by_its_row(tmp_path, entry) -> None:
    """Left out, somebody on call would be missing, and nobody would know."""
    with pytest.raises(Invalid) as caught:
        load_people(listed(tmp_path, user("a@x.org"), entry, user("b@x.org")))
    (problem,) = caught.value.problems
    assert problem.line == 2 and "a user is an object" in problem.message and "left out" in problem.hint


@pytest.mark.parametrize("key", ["emails", "phoneNumbers"])
@pytest.mark.parametrize("value", ["+491701234567", {"value": "+491701234567"}, ["+491701234567"], [None]])
def test_numbers_and_addresses_that_are_no_list_of_objects_are_said(tmp_path, key, value) -> None:
    """Read as nothing, somebody would have no number, unsaid."""
    (doubt,) = load_people(listed(tmp_path, user("a@x.org", **{key: value}))).doubts
    assert (doubt.severity, doubt.line) == ("warning", 1) and "has to be a list of objects" in doubt.message
