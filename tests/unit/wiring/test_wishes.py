"""Channels that a person wants, beside those that there are."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.contracts.contact import wants
from bcp.wiring.people import People


@pytest.mark.parametrize(
    ("wish", "kept", "astray"),
    [
        ("", (), {}),
        ("Text;E-Mail", ("sms", "email"), {}),
        ("room;pigeon", ("room", "pigeon"), {"ann": "pigeon"}),
        ("pigeon", (), {"ann": "pigeon"}),
    ],
)
def test_a_wish_for_nothing_that_there_is_silences_nobody(tmp_path, wish, kept, astray) -> None:
    """At night, when a channel was renamed: they are told by all, and readiness names them."""
    (tmp_path / "c.csv").write_text(f"id,channels\nann,{wish}\n")
    file = SimpleNamespace(snapshot=None, file=tmp_path / "c.csv")
    settings = SimpleNamespace(contacts=file, audiences={}, channels={"room": {}})
    found = People(SimpleNamespace(settings=settings, state=tmp_path)).directory
    assert found.contacts[0].channels == kept and found.astray == astray


@pytest.mark.parametrize(
    ("channels", "optout", "wanted"),
    [
        ((), (), True),
        (("sms",), (), True),
        (("texts",), (), True),
        (("email",), (), False),
        (("sms",), ("texts",), False),
    ],
)
def test_a_no_wins_over_a_wish(channels, optout, wanted) -> None:
    assert wants(SimpleNamespace(channels=channels, optout=optout), "texts", "sms") is wanted
