"""Files of the real world: read right, or refused by row with what to do."""

from __future__ import annotations

import json

import pytest

from bcp.contacts.load import load_contacts, load_people
from bcp.kernel.errors import Invalid


def read(tmp_path, name, text, encoding="utf-8"):
    """People by id."""
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return {c.id: c for c in load_contacts(path)}


def wrong(tmp_path, name, text, encoding="utf-8"):
    """(line, rule, message) of everything that is wrong."""
    with pytest.raises(Invalid) as caught:
        read(tmp_path, name, text, encoding)
    return [(p.line, p.rule, p.message) for p in caught.value.problems]


HEAD = "id,name,email,phone,groups\n"


@pytest.mark.parametrize(
    ("name", "what"), [("a.xlsx", "Excel"), ("a.XLS", "Excel"), ("a.ods", "LibreOffice"), ("a.vcf", "vCards")]
)
def test_what_is_no_list_of_ours_is_called_by_its_name(tmp_path, name, what) -> None:
    """No word of tabs and quotes to somebody who has a workbook."""
    (tmp_path / name).write_bytes(b"PK\x03\x04\xff")
    with pytest.raises(Invalid) as caught:
        load_people(tmp_path / name)
    (problem,) = caught.value.problems
    assert what in problem.message and "CSV UTF-8" in problem.hint and problem.rule == "contact.shape"


def test_an_id_is_one_person_whatever_its_capitals(tmp_path) -> None:
    """Alice who stands there twice is not two approvers."""
    ((line, rule, message),) = wrong(tmp_path, "a.csv", "id,name\nalice,A\nbob,B\nAlice,A\n")
    assert (line, rule) == (4, "contact.duplicate") and "'alice'" in message


def test_a_list_with_commas_is_read_as_one_name_and_that_is_said(tmp_path) -> None:
    """Who writes ``oncall, staff`` would else be in neither, and nobody would know before the night."""
    path = tmp_path / "a.csv"
    path.write_text('id,groups\nann,"oncall, staff"\nben,"Legal, Berlin;staff"\ncat,oncall\n')
    (doubt,) = load_people(path).doubts
    assert (doubt.line, doubt.rule, doubt.severity) == (2, "contact.list", "warning")
    assert "oncall;staff" in doubt.hint and load_people(path).whole().people[0].groups == ("oncall, staff",)


def test_a_no_is_heard_however_it_is_written(tmp_path) -> None:
    """Channels are told by name, forms in small letters: a name keeps its capitals."""
    people = read(tmp_path, "a.csv", "id,optout\nann,SMS;Voice;Team-Room\n")
    assert people["ann"].optout == ("sms", "voice", "Team-Room")


def test_a_file_of_four_byte_characters_is_named_as_that(tmp_path) -> None:
    (tmp_path / "a.csv").write_bytes("id,name\nann,A\n".encode("utf-32"))
    with pytest.raises(Invalid) as caught:
        load_people(tmp_path / "a.csv")
    assert "CSV UTF-8" in caught.value.problems[0].hint


# -- CSV ---------------------------------------------------------------------------------------------------------


def test_excel_writes_semicolons_and_says_so(tmp_path) -> None:
    """With and without ``sep=``, with a byte order mark, with tabs, in UTF-16."""
    text = 'ID;Name;Phone;Groups\r\nanna;"Muster; Anna";+49 170 1234567;"staff;oncall"\r\n'
    for name, body, encoding in (
        ("a.csv", text, "utf-8-sig"), ("b.csv", "sep=;\r\n" + text, "utf-8"), ("c.csv", text, "utf-16"),
        ("d.csv", text.replace("staff;oncall", "staff|oncall").replace(";", "\t").replace("|", ";"), "utf-16"),
    ):  # fmt: skip
        anna = read(tmp_path, name, body, encoding)["anna"]
        assert (anna.phone, anna.groups) == ("+491701234567", ("staff", "oncall"))
        assert "Muster" in anna.name


def test_a_quote_that_is_never_closed_is_an_error_of_its_line(tmp_path) -> None:
    """And it swallows nobody: the lines behind it are checked too."""
    text = HEAD + 'a,"A,a@x.example,,staff\nb,B,b@x.example,,staff\nc,C,c@x.example,12,staff\nd,"D",,,staff\n'
    assert [(line, rule) for line, rule, _ in wrong(tmp_path, "x.csv", text)] == [
        (2, "contact.row"), (4, "contact.phone"),
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ['"A"x', '"A" x"'])
def test_a_quote_that_closes_in_the_middle_is_an_error(tmp_path, cell) -> None:
    """What follows it would be guessed."""
    assert wrong(tmp_path, "x.csv", HEAD + f"a,{cell},,,staff\n")[0][:2] == (2, "contact.row")


def test_cells_and_columns(tmp_path) -> None:
    """Too many cells, empty ones at the end, short lines, blank lines, quoted delimiters and quotes."""
    people = read(tmp_path, "x.csv", HEAD + '\na,"A ""x"", B",,,staff,,\n,,,,\nb\n')
    assert people["a"].name == 'A "x", B' and people["b"].name == ""
    assert wrong(tmp_path, "x.csv", HEAD + "a,A,,,staff,more\n")[0][0] == 2


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("", "empty"), ("\n\n", "empty"), ("name,phone\n", "'id' is missing"), ("id,fone\n", "unknown column"),
        ("id,id\n", "twice"), ('id,"name\n', "never closed"),
    ],
)  # fmt: skip
def test_a_first_line_that_names_no_columns(tmp_path, head, why) -> None:
    """Said at line 1, or where it stands."""
    ((line, rule, message), *_) = wrong(tmp_path, "x.csv", head)
    assert (line, rule) == (max(1, line), "contact.column") and why in message


def test_other_encodings_are_named_with_the_line(tmp_path) -> None:
    """Windows' ANSI; never question marks in somebody's name."""
    assert wrong(tmp_path, "x.csv", HEAD + "a,A,,,\nb,Müller,,,\n", "cp1252")[0][:2] == (3, "contact.encoding")


def test_ids_with_umlauts_addresses_with_umlauts(tmp_path) -> None:
    """Composed and decomposed letters are the same id; a domain is kept as A-labels."""
    people = read(tmp_path, "x.csv", HEAD + "müller,M,m@müller.example,,\n")
    assert people["müller"].email == "m@xn--mller-kva.example"
    assert wrong(tmp_path, "x.csv", HEAD + "müller,M,,,\nmu\u0308ller,M,,,\n")[0][:2] == (3, "contact.duplicate")
    for bad in ("m@", "@x.example", "m@x", "m m@x.example", "m@x..example", "müller@x.example", "m@-x-.example"):
        assert wrong(tmp_path, "x.csv", HEAD + f"a,A,{bad},,\n")[0][1] == "contact.email", bad


def test_every_bad_row_is_named_up_to_fifty(tmp_path) -> None:
    """And how many more there are."""
    found = wrong(tmp_path, "x.csv", HEAD + "".join(f"p{i},P,,12,\n" for i in range(60)))
    assert len(found) == 51 and found[-1][2] == "and 10 more" and found[49][0] == 51


# -- YAML --------------------------------------------------------------------------------------------------------


def test_yaml_that_eats_a_plus(tmp_path) -> None:
    """A number with its plus is read as it was written;
    one without is refused, and so is an id that became a number."""
    assert read(tmp_path, "x.yaml", "- {id: a, phone: +491701234567}\n")["a"].phone == "+491701234567"
    assert (
        read(tmp_path, "x.yaml", "contacts:\n  - id: a\n    phone: +491701234567  # mobile\n")["a"].phone
        == "+491701234567"
    )
    assert wrong(tmp_path, "x.yaml", "- id: a\n  phone: 491701234567\n")[0][:2] == (2, "contact.phone")
    assert wrong(tmp_path, "x.yaml", "- id: 7\n")[0][:2] == (1, "contact.text")
    assert wrong(tmp_path, "x.yaml", "- id: a\n  groups: [1]\n")[0][:2] == (2, "contact.text")
    assert read(tmp_path, "x.yaml", "- {id: no, groups: [on]}\n")["no"].groups == ("on",)


# -- LDIF --------------------------------------------------------------------------------------------------------


def test_names_with_escaped_commas(tmp_path) -> None:
    """Group, manager (also a disabled one), hex escapes, base64, other spacing and case of the same name."""
    people = read(
        tmp_path,
        "x.ldif",
        """dn: CN=Doe\\, Jane,OU=B,DC=x
sAMAccountName: jdoe
mail: j@x.example
manager: cn=Boss\\2C Bob, ou=B,dc=x
memberOf: CN=Notfall\\, Berlin,OU=G,DC=x
memberOf:: Q049QsO8cm8sT1U9RyxEQz14
memberOf: CN="Team, A",OU=G

dn: CN=Boss\\, Bob,OU=B,DC=x
sAMAccountName: bboss
mail: b@x.example
userAccountControl: 66050
dn: CN=No Blank Line,DC=x
uid: next
mail: n@x.example
""",
    )
    assert set(people) == {"jdoe", "next"}
    assert people["jdoe"].manager == "bboss"
    assert people["jdoe"].groups == ("notfall-berlin", "büro", "team-a")


def test_several_mobiles(tmp_path) -> None:
    """The first usable one, and it is said; none usable: refused by row."""
    text = (
        "dn: CN=A,DC=x\nuid: a\nmail: a@x.example\nmobile: 0170 1\nmobile: +49 170 1234567\nmobile: +49 170 1234568\n"
    )
    (tmp_path / "x.ldif").write_text(text)
    found = load_people(tmp_path / "x.ldif")
    assert found.people[0].phone == "+491701234567"
    assert [(p.rule, p.severity, p.line) for p in found.doubts] == [("contact.several-phones", "warning", 1)]
    assert found.whole() is found
    assert wrong(tmp_path, "x.ldif", "dn: CN=A,DC=x\nuid: a\nmobile: 1\nmobile: 2\n")[0][1] == "contact.phone"


@pytest.mark.parametrize(
    "text",
    [
        "dn: CN=a\nchangetype: delete\n",
        "dn: CN=a\nchangetype: modify\n",
        "uid:< file:///etc/passwd\n",
        "uid:: !!\n",
        "no colon\n",
    ],
)
def test_what_is_no_list_of_people_is_refused(tmp_path, text) -> None:
    """A deletion is never an addition."""
    assert wrong(tmp_path, "x.ldif", text)[0][1] == "contact.ldif"


def test_folding_comments_and_odd_separators(tmp_path) -> None:
    """A folded comment is a comment; a line separator inside of a name is no new line."""
    people = read(
        tmp_path,
        "x.ldif",
        "version: 1\n# a\n  mail: evil@x.example\ndn: CN=A\nuid: a\nmail: a@\n x.example\ndisplayName: A\u2028B\n",
    )
    assert people["a"].email == "a@x.example" and people["a"].name == "A B"


# -- SCIM --------------------------------------------------------------------------------------------------------


def users(*given, **more):
    """A ListResponse."""
    return json.dumps({"Resources": list(given), **more})


@pytest.mark.parametrize(
    ("active", "there"),
    [
        (True, True),
        ("True", True),
        (None, True),
        (1, True),
        (False, False),
        ("False", False),
        ("false", False),
        ("0", False),
        (0, False),
    ],
)
def test_leavers_stay_out(tmp_path, active, there) -> None:
    """Booleans, and the text that Entra sends."""
    assert ("a" in read(tmp_path, "x.json", users({"userName": "a@x.example", "active": active}))) is there


def test_active_that_says_neither(tmp_path) -> None:
    """Refused by row."""
    assert wrong(tmp_path, "x.json", users({"userName": "a"}, {"userName": "b", "active": "maybe"}))[0][0] == 2


def test_two_domains_one_local_part(tmp_path) -> None:
    """Two people; who is alone keeps the short id. Managers are found by the provider's id."""
    above = {"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "u1"}}}
    people = read(
        tmp_path,
        "x.json",
        users(
            {"userName": "anna@a.example", "id": "u1"},
            {"userName": "Anna@b.example"},
            {"userName": "ben@a.example", **above},
        ),
    )
    assert set(people) == {"anna@a.example", "Anna@b.example", "ben"} and people["ben"].manager == "anna@a.example"


def test_one_page_of_many_is_not_everybody(tmp_path) -> None:
    """It is read, and whoever imports it is refused."""
    (tmp_path / "x.json").write_text(users({"userName": "a"}, totalResults=3))
    found = load_people(tmp_path / "x.json")
    assert len(found.people) == 1
    with pytest.raises(Invalid) as caught:
        found.whole()
    assert [p.rule for p in caught.value.problems] == ["contact.incomplete"]
    assert "1 of 3" in caught.value.problems[0].message and "startIndex=2" in caught.value.problems[0].hint


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "5", "{}", '{"Resources": 5}'])
def test_json_that_is_no_list_of_users(tmp_path, text) -> None:
    """A word, never a fault of ours."""
    with pytest.raises(Invalid):
        read(tmp_path, "x.json", text)


def test_hostile_users(tmp_path) -> None:
    """Wrong types everywhere: nobody, or refused by row."""
    assert [line for line, *_ in wrong(tmp_path, "x.json", users(5, None))] == [1, 2]
    people = read(
        tmp_path,
        "x.json",
        users(
            {
                "userName": "a",
                "name": 5,
                "emails": "x",
                "phoneNumbers": [5, {"type": 5, "value": 5}],
                "groups": {"a": 1},
            },
        ),
    )
    assert list(people) == ["a"]
    assert wrong(tmp_path, "x.json", users({"userName": []}))[0][1] == "contact.id"


def test_a_wish_for_channels_is_matched_or_refused(tmp_path) -> None:
    """By a channel that there is not, somebody on call would never hear anything."""
    path = tmp_path / "a.csv"
    path.write_text("id,channels\nann,E-Mail;Team-Room\n")
    assert load_people(path, {"team-room": {}}).people[0].channels == ("email", "team-room")
    path.write_text("id,channels\nann,pigeon\n")
    assert load_people(path).people[0].channels == ("pigeon",), "a file alone cannot know the channels"
    with pytest.raises(Invalid) as caught:
        load_people(path, {"team-room": {}})
    (problem,) = caught.value.problems
    assert (problem.line, problem.rule) == (2, "contact.channels") and "'pigeon'" in problem.message


def test_a_no_is_matched_or_refused_and_never_silent(tmp_path) -> None:
    """``e-mail`` is ``email``; what is no kind and no channel here would spare nobody, and nobody would know."""
    path = tmp_path / "a.csv"
    path.write_text("id,optout\nann,E-Mail;SMS;calls;Team-Room\nben,e mail\n")
    ann, ben = load_people(path, {"team-room": {}}).people
    assert ann.optout == ("email", "sms", "voice", "team-room") and ben.optout == ("email",)
    path.write_text("id,optout\nann,emial\nben,sms\n")
    assert load_people(path).people[0].optout == ("emial",), "a file alone cannot know the channels"
    with pytest.raises(Invalid) as caught:
        load_people(path, {"team-room": {}})
    (problem,) = caught.value.problems
    assert (problem.line, problem.rule) == (2, "contact.optout") and "'emial'" in problem.message
    assert problem.hint == "Write one of: sms, voice, email, chat, page; or a channel: team-room."


@pytest.mark.parametrize(
    ("name", "text", "line", "said"),
    [
        ("a.csv", "id,phone\nann,+49 900 1234567\n", 2, "service or premium number"),
        ("a.csv", "id,phone\nann,+49 137 1234567\n", 2, "service or premium number"),
        ("a.csv", "id,email\nann,a..b@x.de\n", 2, "is not one"),
        ("a.csv", "id,email\nann,.a@x.de\n", 2, "is not one"),
        ("a.csv", "id,email\nann,a@192.0.2.1\n", 2, "a domain that cannot be one"),
        ("a.yaml", "- id: ann\n  phone: ['+491701234567']\n", 2, "phone is a list, not text"),
        ("a.yaml", "- {id: ann, groups: [a, 1]}\n", 1, "groups: not every name in the list is text"),
    ],
)
def test_what_would_reach_nobody_is_refused_by_its_row(tmp_path, name, text, line, said) -> None:
    ((where, _, message),) = wrong(tmp_path, name, text)
    assert where == line and said in message


def test_a_list_with_bars_is_doubted_too(tmp_path) -> None:
    (tmp_path / "a.csv").write_text("id,groups\nann,oncall|staff\n")
    (doubt,) = load_people(tmp_path / "a.csv").doubts
    assert "oncall;staff" in doubt.hint
