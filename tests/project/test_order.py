"""What takes long begins first, on every worker, and what shares something long in the making stays together."""

from __future__ import annotations

import random

import pytest
from order import ALONE, TOGETHER, shares, weight_of
from support import ROOT


def collection(seed: int = 1) -> list[tuple[str, str]]:
    """A few of each kind, and a thousand short ones in thirty files."""
    places = [("tests/real/test_detection.py", f"d{i}") for i in range(2)]
    places += [("tests/real/test_story.py", f"s{i}") for i in range(3)]
    places += [("tests/server/test_load.py", f"l{i}") for i in range(9)]
    places += [("tests/acceptance/test_cli.py", f"c{i}") for i in range(18)]
    places += [(f"tests/unit/test_{i % 30}.py", f"u{i}") for i in range(1000)]
    random.Random(seed).shuffle(places)
    return places


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 7])
def test_every_test_is_given_out_once_in_stretches_as_the_scheduler_cuts_them(workers) -> None:
    """Else a worker would begin with the end of another's."""
    places = collection()
    found = shares(places, workers)
    assert sorted(i for share in found for i in share) == list(range(len(places)))
    left = len(places)
    for n, share in enumerate(found):
        assert len(share) == left // (workers - n)
        left -= len(share)


@pytest.mark.parametrize("workers", [2, 4])
def test_the_long_ones_are_spread_and_stand_first(workers) -> None:
    """Three stories of a minute do not wait for each other while another worker has short tests only."""
    places = collection()
    load = []
    for share in shares(places, workers):
        long = [weight_of(places[i][0])[1] > 0 for i in share]
        assert long == sorted(long, reverse=True) and any(long)
        files = {places[i][0]: weight_of(places[i][0]) for i in share}
        together = sum(s for keep, s in files.values() if keep)
        load.append(together + sum(weight_of(places[i][0])[1] for i in share if not weight_of(places[i][0])[0]))
    assert max(load) <= max(170.0, sum(load) / workers + 60)  # no longer than the longest, or a story more than fair


def test_a_file_that_shares_something_stays_in_one_piece() -> None:
    """Its lab, its network, its browser are made once."""
    places = collection()
    for name in ("tests/real/test_detection.py", "tests/acceptance/test_cli.py"):
        holders = [i for i, s in enumerate(shares(places, 4)) if any(places[x][0] == name for x in s)]
        assert len(holders) == 1, name


def test_a_small_collection_is_given_out_too() -> None:
    """Fewer tests than workers; none at all."""
    assert shares([], 3) == [[], [], []]
    assert sorted(map(len, shares([("tests/real/test_story.py", "s")], 3))) == [0, 0, 1]


def test_the_files_that_are_named_exist() -> None:
    """A name that nobody has any more would weigh nothing."""
    api = (ROOT / "tests" / "server" / "test_api.py").read_text()
    for name in (*TOGETHER, *ALONE):
        assert (
            (ROOT / "tests" / name).exists() or list((ROOT / "tests").rglob(f"{name}*.py")) or f"def {name}(" in api
        ), name
