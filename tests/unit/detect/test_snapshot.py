"""A snapshot keeps what the tenant accepts, reads older ones that do not, and shows what came and went."""

from __future__ import annotations

import json

import pytest

from bcp.detect.snapshot import Snapshot, differences, from_data
from bcp.kernel.errors import Invalid


def read_back(snapshot: Snapshot) -> Snapshot:
    return from_data(json.loads(json.dumps(snapshot.to_data())))


@pytest.mark.parametrize("accepted", [None, (), ("a.test", "b.test")])
def test_what_is_kept_is_read_back(accepted) -> None:
    snapshot = Snapshot(5.0, {"a.test": {"mx": None}}, unreadable=("x",), accepted=accepted)
    assert read_back(snapshot) == snapshot
    assert ("accepted" in snapshot.to_data()) is (accepted is not None), "as it was written before this was known"


def test_one_that_was_altered_is_none() -> None:
    with pytest.raises(Invalid, match="altered"):
        from_data({**Snapshot(5.0, {}, accepted=("a.test",)).to_data(), "accepted": ["b.test"]})


def test_a_domain_that_came_or_went_is_a_change_and_what_nobody_said_is_none() -> None:
    old, new = Snapshot(1.0, {}, accepted=("a.test", "b.test")), Snapshot(2.0, {}, accepted=("b.test", "c.test"))
    assert differences(old, new) == [
        ("accepted domain a.test", "there", "-"),
        ("accepted domain c.test", "-", "there"),
    ]
    assert differences(old, Snapshot(2.0, {})) == [] == differences(Snapshot(1.0, {}), new)
