"""``bcp incident`` where there has never been one."""

from __future__ import annotations

import pytest

from bcp.cli import incident
from bcp.kernel.errors import Missing


@pytest.mark.parametrize(
    "command",
    [incident.list_, lambda: incident.show("last"), lambda: incident.show("inc-1"), incident.verify],
    ids=["list", "show", "by-name", "verify"],
)
def test_without_a_book_there_are_no_incidents(house, command) -> None:
    """It is said, and looking makes no book."""
    house.book.close()
    path = house.folder / ".bcp" / "incidents.db"
    for one in path.parent.glob("incidents.db*"):
        one.unlink()
    with pytest.raises(Missing) as caught:
        command()
    assert caught.value.rule == "no-such-incident" and "bcp serve" in caught.value.hint
    assert not path.exists()


def test_a_name_that_no_incident_has_is_refused(house) -> None:
    """Beside one that is there."""
    house.book.open("exchange-online", "t", "auto", "watch")
    with pytest.raises(Missing) as caught:
        incident.show("inc-nothing")
    assert caught.value.rule == "no-such-incident"
