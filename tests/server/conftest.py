"""A lab for the daemon's tests, apart from the others': it is broken and healed here."""

from __future__ import annotations

import pytest
from acceptance.conftest import Lab

from server.world import World


@pytest.fixture
def own_lab(tmp_path_factory):
    """One a test: it ends with MX wherever the story left it."""
    found = Lab(tmp_path_factory.mktemp("serve-lab"), patience_s=20, every_s=2.0)
    yield found
    found.stop()


@pytest.fixture
def world(own_lab, tmp_path):
    """Made, not started."""
    made: list[World] = []

    def make(**serve):
        made.append(World(tmp_path, lab=own_lab, **serve))
        return made[-1]

    yield make
    for one in made:
        one.close()
