"""What tests of the daemon in one process share: passwords that are checked quickly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import argon2
import pytest

from bcp.server.signin import accounts

CHEAP = {"time_cost": 1, "memory_cost": 8, "parallelism": 1}
"""A real hash takes 0.15 s of CPU and 64 MiB, on purpose."""


@pytest.fixture(autouse=True, scope="module")
def quick_passwords() -> Iterator[None]:
    """Hashes of this process are cheap ones of the same kind; what a stored hash costs stands in the hash itself.

    That real ones are dear is a test of its own (``real_passwords``)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argon2, "PasswordHasher", partial(argon2.PasswordHasher, **CHEAP))
        patch.setattr(accounts, "DUMMY", argon2.PasswordHasher().hash("nobody's"))
        yield


@pytest.fixture
def real_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes as the product makes them."""
    monkeypatch.setattr(argon2, "PasswordHasher", argon2.PasswordHasher.func)  # type: ignore[attr-defined]
