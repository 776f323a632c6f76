"""Contacts in YAML: what is no list of people."""

from __future__ import annotations

import pytest

from bcp.contacts.load import load_contacts
from bcp.kernel.errors import Invalid


@pytest.mark.parametrize(
    "text",
    ["", "anna", "7", "id: anna\nname: Anna\n", "contacts:\n", "contacts: anna\n", "contacts: {id: anna}\n", "{}"],
)
def test_a_file_that_is_no_list_is_refused(tmp_path, text) -> None:
    """One person without a dash is the usual slip: the form is shown."""
    path = tmp_path / "people.yaml"
    path.write_text(text)
    with pytest.raises(Invalid) as caught:
        load_contacts(path)
    (problem,) = caught.value.problems
    assert problem.rule == "contact.shape" and problem.message == "contacts are a list" and "- id:" in problem.hint


@pytest.mark.parametrize("head", ["", "contacts:\n"])
@pytest.mark.parametrize("entry", ["- anna", "- 7", "- [anna, Anna]", "-"])
def test_an_entry_that_is_no_mapping_is_refused_at_its_line(tmp_path, head, entry) -> None:
    """The people around it are no reason to guess."""
    path = tmp_path / "people.yaml"
    path.write_text(f"{head}- {{id: ben, name: Ben}}\n{entry}\n")
    with pytest.raises(Invalid) as caught:
        load_contacts(path)
    (problem,) = caught.value.problems
    assert problem.rule == "contact.shape" and problem.message == "a contact is a mapping"
    assert problem.line == 2 + bool(head)


@pytest.mark.parametrize("head", ["", "contacts:\n"])
def test_a_list_of_people_is_read(tmp_path, head) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(f"{head}- {{id: ben, name: Ben}}\n- {{id: anna, name: Anna}}\n")
    assert [c.id for c in load_contacts(path)] == ["ben", "anna"]
