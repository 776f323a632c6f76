"""LDIF exports (RFC 2849) and distinguished names (RFC 4514): who is a person, and what is refused with its line."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from bcp.contacts.ldif import common_name, ldif_sheet, rdns
from bcp.contacts.load import load_people
from bcp.kernel.errors import Invalid

ANN = "dn: CN=Ann,DC=corp\nsAMAccountName: ann\ndisplayName: Ann\nmail: ann@corp.test\n"


def people(folder: Path, text: str) -> list[dict]:
    path = folder / "people.ldif"
    path.write_text(text)
    return [dict(row.values) for row in ldif_sheet(path).rows]


def refusal(folder: Path, text: str) -> tuple[int, str]:
    path = folder / "people.ldif"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        ldif_sheet(path)
    (problem,) = caught.value.problems
    assert problem.rule == "contact.ldif" and problem.hint and problem.file == str(path)
    return problem.line, problem.message


def test_an_entry_is_a_person_with_groups_and_manager(tmp_path) -> None:
    text = (
        "version: 1\n\n"
        + ANN
        + "memberOf: CN=Notfall\\, Berlin,OU=groups\nmemberOf: =\nmanager: cn=BOB , dc=corp\n"
        + "title: Head\npreferredLanguage: de\nmobile: +49 151 12345678\n\n"
        + "dn: CN=Bob,DC=corp\nuid: bob\ncn: Bob B\nmail: bob@corp.test\nmanager: CN=Chief Person,DC=other\n"
    )
    ann, bob = people(tmp_path, text)
    assert (ann["id"], ann["name"], ann["manager"], ann["groups"]) == ("ann", "Ann", "bob", ["notfall-berlin"])
    assert (ann["title"], ann["language"], ann["logins"], ann["phone"]) == ("Head", "de", ["ann"], "+49 151 12345678")
    assert (bob["id"], bob["name"], bob["manager"]) == ("bob", "Bob B", "chief-person")


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("userAccountControl: 512", 1),
        ("userAccountControl: 514", 0),
        ("userAccountControl: 0x202", 0),
        ("userAccountControl: none", 1),
        ("userAccountControl:", 1),
        ("nsAccountLock: TRUE", 0),
        ("nsAccountLock: false", 1),
        ("loginDisabled: true", 0),
        ("pwdAccountLockedTime: 000001010000Z", 0),
        ("pwdAccountLockedTime: 20261128030000Z", 1),
    ],
)
def test_who_is_disabled_is_left_out(tmp_path, line, count) -> None:
    assert len(people(tmp_path, ANN + line + "\n")) == count


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing but words\n",
        "dn: OU=people\nou: people\n",
        "dn: CN=x\ncn: x\n",
        "dn: x\nmail: a@b.test\n",
    ],
    ids=["nothing", "a comment", "no person", "no address", "no name"],
)
def test_what_is_no_person_is_left_out(tmp_path, text) -> None:
    assert people(tmp_path, text) == []


def test_a_mobile_number_alone_is_enough(tmp_path) -> None:
    (one,) = people(tmp_path, "dn: CN=x\ncn: x\nmobile: +49 151 12345678\n")
    assert (one["email"], one["phone"]) == ("", "+49 151 12345678")


def test_of_several_numbers_the_first_usable_is_taken_and_it_is_said(tmp_path) -> None:
    path = tmp_path / "people.ldif"
    numbers = ("12", "+49 151 12345678", "+49 151 12345679", "12", "")
    path.write_text("\n" + ANN + "".join(f"mobile: {n}\n" for n in numbers))
    sheet = ldif_sheet(path)
    (warning,) = sheet.warnings
    assert (warning.line, warning.rule, warning.severity) == (2, "contact.several-phones", "warning")
    assert "there are 3 mobile numbers" in warning.message
    assert sheet.rows[0].values["phone"] == "+49 151 12345678"


def test_no_usable_number_keeps_the_first_so_that_it_is_named(tmp_path) -> None:
    (one,) = people(tmp_path, ANN + "mobile: 12\nmobile: 34\n")
    assert one["phone"] == "12"


def test_long_lines_are_folded_comments_too(tmp_path) -> None:
    text = "# a comment\n that goes on: here\n" + ANN.replace("ann@corp.test", "ann@\n corp.test")
    (one,) = people(tmp_path, text)
    assert one["email"] == "ann@corp.test"


def test_a_name_that_is_not_utf8_is_refused_and_a_picture_is_not_looked_at(tmp_path) -> None:
    latin = base64.b64encode("M\u00fcller".encode("latin-1")).decode()
    picture = base64.b64encode(b"\xff\xd8\xff").decode()
    assert len(people(tmp_path, ANN + f"jpegPhoto:: {picture}\n")) == 1
    (tmp_path / "x.ldif").write_text(f"dn: CN=x\nuid: x\nmail: x@b.test\ndisplayName:: {latin}\n")
    with pytest.raises(Invalid) as caught:
        load_people(tmp_path / "x.ldif")
    (problem,) = caught.value.problems
    assert problem.rule == "contact.encoding" and "displayname is not UTF-8" in problem.message


def test_entries_need_no_blank_line_between_them(tmp_path) -> None:
    assert len(people(tmp_path, ANN + ANN.replace("ann", "bob"))) == 2


def test_values_in_base64_are_text(tmp_path) -> None:
    name = base64.b64encode("Änn".encode()).decode()
    (one,) = people(tmp_path, ANN.replace("displayName: Ann", f"displayName:: {name}"))
    assert one["name"] == "Änn"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("displayName:: %%%", "no base64"),
        ("displayName:: YQ", "no base64"),
        ("jpegPhoto:< file:///etc/passwd", "another file"),
        ("no colon here", "no LDIF line"),
        ("changetype: modify", "a change (modify)"),
        ("changeType: delete", "a change (delete)"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(tmp_path, line, words) -> None:
    number, message = refusal(tmp_path, ANN + line + "\n")
    assert number == 5 and words in message


def test_an_entry_that_is_added_says_what_there_is(tmp_path) -> None:
    assert len(people(tmp_path, ANN.replace("\nsAM", "\nchangetype: add\nsAM"))) == 1


@pytest.mark.parametrize(
    ("dn", "parts"),
    [
        ("", []),
        ("CN=a", [("cn", "a")]),
        ("cn = a , ou = b", [("cn", "a"), ("ou", "b")]),
        ("CN=a\\,b;OU=c", [("cn", "a,b"), ("ou", "c")]),
        ('CN="a,b",OU=c', [("cn", "a,b"), ("ou", "c")]),
        ("CN=\\C3\\A4,x,OU=", [("cn", "ä"), ("ou", "")]),
        ("CN=a\\2Cb", [("cn", "a,b")]),
        ("CN=a\\", [("cn", "a")]),
        ('CN="', [("cn", '"')]),
        ("CN=\\FF", [("cn", "\ufffd")]),
    ],
)
def test_parts_of_a_distinguished_name(dn, parts) -> None:
    assert rdns(dn) == parts


@pytest.mark.parametrize(("dn", "name"), [("", ""), ("OU=On Call!,DC=x", "on-call"), ("CN=a.b@c,DC=x", "a.b@c")])
def test_a_name_for_us(dn, name) -> None:
    assert common_name(dn) == name


@pytest.mark.parametrize(("control", "people"), [("0514", []), ("0x202", []), ("512", ["a"]), ("", ["a"])])
def test_disabled_however_the_number_is_written(tmp_path, control, people) -> None:
    path = tmp_path / "a.ldif"
    path.write_text(f"dn: cn=a,dc=x\nuid: a\nmail: a@x.example\nuserAccountControl: {control}\n")
    assert [p.id for p in load_people(path).people] == people


def test_whether_an_account_is_disabled_is_not_guessed(tmp_path) -> None:
    path = tmp_path / "a.ldif"
    path.write_text("dn: cn=a,dc=x\nuid: a\nmail: a@x.example\nuserAccountControl: 5,14E+02\n")
    with pytest.raises(Invalid) as caught:
        load_people(path)
    assert caught.value.problems[0].line == 1 and "which is no number" in caught.value.problems[0].message
