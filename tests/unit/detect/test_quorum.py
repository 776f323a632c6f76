"""When places agree, and when one that sees it well outweighs them."""

from __future__ import annotations

import pytest

from bcp.detect.quorum import agreed, outvoted, votes


@pytest.mark.parametrize(
    ("failing", "well", "out"), [(2, 1, True), (3, 1, False), (5, 2, True), (6, 2, False), (1, 0, False), (0, 1, True)]
)
def test_a_place_that_sees_it_solidly_well_weighs_as_much_as_three(failing, well, out) -> None:
    """Two of three clouds with port 25 blocked are no outage."""
    assert outvoted(failing, well) is out


def test_places_of_one_network_have_one_vote() -> None:
    """Of three places two share a provider: two votes."""
    said = [("a", True), ("b", True), ("c", False)]
    assert votes("abc", said, {}) == (3, (2, 1))
    assert votes("abc", said, {"a": "x", "b": "x"}) == (2, (1, 1))
    assert votes("abc", said, {"a": "x", "b": "x", "c": "x"}) == (1, (1, 0))
    assert votes("abc", said[1:], {"b": "x", "c": "x"}) == (2, (0, 0))
    assert votes("ab", [("a", True), ("b", False)], {"a": "b"}) == (2, (1, 1))


@pytest.mark.parametrize("places", range(10))
def test_when_places_agree(places) -> None:
    """Every poll: one decides alone, two together, of three to five two thirds; from six half must know, and few see
    it well."""
    for failing in range(places + 2):
        for well in range(places + 1):
            known = failing + well
            if places < 6:
                right = failing >= (None, 1, 2, 2, 3, 4)[places] if places else False
            else:
                right = 2 * known >= places and 100 * well <= 18 * known
            assert agreed(places, failing, well) is bool(right and failing), (failing, well)
