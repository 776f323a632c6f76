"""A status page whose folder fails is that step's failure; the run goes on."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.channel import Page
from bcp.kernel.errors import StorageError, Transient
from bcp.wiring.services import SitePages


class Broken(Page):
    """A full disk."""

    def publish(self, key, at, entry):
        raise StorageError("the folder is full", hint="Free space.")

    def has(self, key):
        raise StorageError("the folder is full", hint="Free space.")

    def withdraw(self, key):
        raise StorageError("the folder is full", hint="Free space.")


@pytest.mark.parametrize(
    "work",
    [lambda p: p.publish({}, key="k"), lambda p: p.has("k"), lambda p: p.withdraw("k")],
    ids=["publish", "has", "withdraw"],
)
def test_it_is_no_failure_of_the_journal(work) -> None:
    """``StorageError`` would pause the run."""
    pages = SitePages(SimpleNamespace(channels={"page": Broken()}), None, SimpleNamespace(now=lambda: 1.0))  # type: ignore[arg-type]
    with pytest.raises(Transient, match="the folder is full") as error:
        asyncio.run(work(pages))
    assert error.value.hint == "Free space."
