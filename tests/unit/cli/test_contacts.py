"""``bcp contacts``: what people are copied from, what is refused, and what is kept of somebody who is forgotten."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from bcp.cli import contacts, render
from bcp.contracts.contact import Contact
from bcp.contracts.directory import Changes
from bcp.kernel.errors import Invalid, Permanent, Transient
from bcp.wiring import world

GRAPH = """\
directories: {graph: {kind: graph, tenant_id: t, client_id: c, client_secret: 'env:X', groups: {oncall: g1},
  managers: true}}
"""


@pytest.fixture(autouse=True)
def as_json(monkeypatch: pytest.MonkeyPatch) -> render.Output:
    """Answers are read as programs read them."""
    monkeypatch.setattr(render, "OUT", render.Output(json=True))
    return render.OUT


@pytest.fixture
def said(capsys):
    """What the command answered."""
    return lambda: json.loads(capsys.readouterr().out)


class Provider:
    """A directory that answers what a test says."""

    name = "graph"

    def __init__(self, *answers: Changes | Exception, groups: dict[str, list[str]] | None = None) -> None:
        self.answers, self.asked = list(answers), []
        self.groups = groups or {}

    async def changes(self, since: str = "") -> Changes:
        self.asked.append(since)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def members(self, groups: Mapping[str, str]) -> dict[str, list[str]]:
        return {name: self.groups.get(name, []) for name in groups}

    async def managers(self) -> dict[str, str]:
        return {"bob": "alice"}


@pytest.fixture
def provider(house, monkeypatch):
    """Put a directory in the place of Graph."""

    def put(*answers: Changes | Exception, **given) -> Provider:
        path = house.folder / "bcp.yaml"
        path.write_text(path.read_text() + GRAPH)
        made = Provider(*answers, **given)
        monkeypatch.setattr(world.World, "source", made)
        return made

    return put


def person(name: str, phone: str = "+12025550101", **more) -> Contact:
    return Contact(name, name.title(), f"{name}@corp.test", phone, **more)


def test_a_file_is_checked_and_counted(house, said) -> None:
    contacts.check()
    assert said() == {"schema": "bcp.contacts/1", "people": 3, "phones": 3, "warnings": []}
    contacts.check(house.folder / "contacts.csv")
    assert said()["people"] == 3


def test_a_file_without_anybody_is_the_wrong_file(house) -> None:
    path = house.folder / "nobody.csv"
    path.write_text("id,name,email,phone\n")
    with pytest.raises(Invalid):
        contacts.check(path)


def test_what_is_doubtful_is_counted_and_named(house, capsys, as_json) -> None:
    path = house.folder / "odd.csv"
    path.write_text("id,name,email,phone,language\nann,Ann,ann@corp.test,+12025550109,de\ndup,Ann,ann@corp.test,,de\n")
    as_json.json = False
    contacts.check(path)
    assert capsys.readouterr().out.startswith("2 people, 1 with a phone")


def test_addresses_are_masked_unless_asked_for(house, said) -> None:
    contacts.list_()
    found = said()
    assert [p["id"] for p in found["people"]] == ["alice", "bob", "carol"]
    assert "+12025550101" not in json.dumps(found) and "alice@corp.test" not in json.dumps(found)
    assert found["audiences"]["staff"] == ["alice", "bob", "carol"]
    contacts.list_(full=True)
    assert said()["people"][0]["phone"] == "+12025550101"


def test_one_person_is_shown_with_where_they_belong(house, said) -> None:
    contacts.show("alice")
    found = said()
    assert found["groups"] == ["staff", "oncall"] and "staff" in found["audiences"]
    assert found["phone"] != "+12025550101"
    contacts.show("alice", full=True)
    assert said()["phone"] == "+12025550101"


def test_nobody_by_that_name_offers_the_likely_one(house) -> None:
    with pytest.raises(Invalid, match="nobody called 'alise'") as caught:
        contacts.show("alise")
    assert "alice" in caught.value.hint


def test_a_sync_needs_a_place_and_a_source(house) -> None:
    with pytest.raises(Invalid, match="where to"):
        contacts.sync()
    with pytest.raises(Invalid, match="graph: is not configured"):
        contacts.sync(out=house.folder / "snapshot.json")


def test_a_file_becomes_a_snapshot_and_the_second_time_nothing_changes(house, said) -> None:
    out = house.folder / "snapshot.json"
    contacts.sync(file=house.folder / "contacts.csv", out=out, dry_run=True)
    found = said()
    assert (found["added"], found["digest"], out.exists()) == (3, "", False)
    contacts.sync(file=house.folder / "contacts.csv", out=out)
    assert said()["added"] == 3 and out.exists()
    contacts.sync(file=house.folder / "contacts.csv", out=out)
    found = said()
    assert (found["added"], found["removed"], found["changed"]) == (0, 0, 0)


def test_a_source_that_is_empty_all_at_once_is_not_believed(house, provider) -> None:
    out = house.folder / "snapshot.json"
    contacts.sync(file=house.folder / "contacts.csv", out=out)
    before = out.read_bytes()
    provider(Changes((), (), "link"))
    with pytest.raises(Invalid, match="3 people would be lost"):
        contacts.sync(out=out, full=True)
    assert out.read_bytes() == before


def test_the_directory_is_asked_for_changes_from_the_second_time_on(house, provider, said) -> None:
    """With groups and managers as they are now, and a number that is none left out by name."""
    out = house.folder / "snapshot.json"
    made = provider(
        Changes((person("alice"), person("bob", "no number"), person("carol")), (), "link-1"),
        Changes((person("dora", "+12025550104"),), ("carol",), "link-2"),
        groups={"oncall": ["bob"]},
    )
    contacts.sync(out=out)
    first = said()
    assert first["people"] == 3 and len(first["warnings"]) == 1 and first["source"] == "directory graph"
    assert "bob (Bob): the phone number" in first["warnings"][0]
    contacts.sync(out=out)
    second = said()
    assert made.asked == ["", "link-1"]
    assert (second["people"], second["added"], second["removed"]) == (3, 1, 1)
    people = {p.id: p for p in contacts._people(house.app, out)}
    assert sorted(people) == ["alice", "bob", "dora"]
    assert people["bob"].groups == ("oncall",) and people["bob"].manager == "alice" and people["bob"].phone == ""


def test_a_link_that_the_directory_forgot_begins_anew(house, provider, said) -> None:
    out = house.folder / "snapshot.json"
    made = provider(
        Changes((person("alice"), person("bob")), (), "link-1"),
        Permanent("410"),
        Changes((person("alice"),), (), "new"),
    )
    contacts.sync(out=out)
    contacts.sync(out=out)
    assert made.asked == ["", "link-1", ""]
    assert (house.folder / ".bcp" / "contacts.delta").read_text() == "new"
    assert [p.id for p in contacts._people(house.app, out)] == ["alice"]


@pytest.mark.parametrize("trouble", [Permanent("403"), Transient("no answer")])
def test_a_directory_that_refuses_or_is_silent_leaves_the_snapshot(house, provider, trouble) -> None:
    out = house.folder / "snapshot.json"
    contacts.sync(file=house.folder / "contacts.csv", out=out)
    before = out.read_bytes()
    provider(trouble)
    with pytest.raises(type(trouble)):
        contacts.sync(out=out)
    assert out.read_bytes() == before and not (house.folder / ".bcp" / "contacts.delta").exists()


def test_two_sets_are_compared(house, said) -> None:
    out = house.folder / "snapshot.json"
    contacts.sync(file=house.folder / "contacts.csv", out=out)
    said()
    contacts.diff(out)
    assert said()["changes"] == []
    other = house.folder / "other.csv"
    other.write_text((house.folder / "contacts.csv").read_text().replace("bob,Bob,", "bob,Robert,"))
    contacts.diff(out, other)
    assert [(c["kind"], c["id"]) for c in said()["changes"]] == [("changed", "bob")]


@pytest.mark.parametrize("text", ["no json", "7", '{"schema": 7}'])
def test_json_that_is_no_snapshot_is_read_as_contacts_and_refused(house, text) -> None:
    path = house.folder / "x.json"
    path.write_text(text)
    with pytest.raises(Invalid):
        contacts.diff(path)


def test_an_export_is_masked_unless_asked_for(house, said) -> None:
    out = house.folder / "out.csv"
    contacts.export(out)
    assert said()["people"] == 3 and "alice@corp.test" not in out.read_text()
    contacts.export(out, audience="staff", full=True)
    assert "alice@corp.test" in out.read_text()


def test_the_call_tree_is_a_page_to_print(house, said) -> None:
    out = house.folder / "tree.html"
    contacts.tree(out, audience="staff")
    assert said()["people"] == 3 and "Alice" in out.read_text()
    contacts.tree(out)
    assert "+12025550103" in out.read_text().replace(" ", "")


def test_who_is_forgotten_does_not_come_back(house, said, monkeypatch) -> None:
    out = house.folder / "snapshot.json"
    config = house.folder / "bcp.yaml"
    config.write_text(config.read_text().replace("{file: contacts.csv}", "{snapshot: snapshot.json}"))
    contacts.sync(file=house.folder / "contacts.csv")
    said()
    with pytest.raises(Invalid, match="nothing was done"):
        contacts.forget("bob")  # nobody at the terminal says yes
    assert "bob" in out.read_text()
    contacts.forget("bob", yes=True)
    assert said()["removed"] == 1 and "bob" not in out.read_text()
    assert "bob" not in (house.folder / ".bcp" / "forgotten").read_text()  # a mark, not the name
    contacts.sync(file=house.folder / "contacts.csv")
    assert said()["people"] == 2 and "bob" not in out.read_text()


def test_a_file_of_ones_own_is_not_written_to(house, capsys, as_json) -> None:
    before = (house.folder / "contacts.csv").read_bytes()
    as_json.json = False
    contacts.forget("bob", yes=True)
    assert "contacts.csv is yours" in capsys.readouterr().out
    assert (house.folder / "contacts.csv").read_bytes() == before


def test_a_pair_of_keys_fits_together(said, capsys, as_json, tmp_path: Path) -> None:
    contacts.keygen()
    keys = said()
    assert keys["schema"] == "bcp.keys/1" and keys["signing_key"] != keys["trusted_key"]
    as_json.json = False
    contacts.keygen()
    assert "signing key" in capsys.readouterr().out
