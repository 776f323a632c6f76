"""Who stands below whom in a call tree. Nobody is left out."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.contact import Contact
from bcp.pages.tree import Person, tree_page


def page(organisation: str, people: Sequence[Contact], at: float, hotline: str = "", zone: str = "") -> str:
    """The call tree as one static page to print."""
    return tree_page(organisation, branches(people), len(people), at, hotline, zone)


def branches(people: Sequence[Contact]) -> list[Person]:
    """Everybody once. Who has no manager among these people, or is in a circle, stands at the top."""
    known = {p.id for p in people}
    below: dict[str, list[Contact]] = {}
    for person in people:
        manager = person.manager if person.manager in known and person.manager != person.id else ""
        below.setdefault(manager, []).append(person)
    placed: set[str] = set()

    def branch(persons: Sequence[Contact]) -> list[Person]:
        out = []
        for one in persons:
            if one.id in placed:
                continue
            placed.add(one.id)
            about = tuple(t for t in (one.title, one.language) if t)
            out.append(Person(one.name or one.id, one.phone, about, branch(below.get(one.id, ()))))
        return out

    return branch(below.get("", ())) + branch(people)
