"""Domains as people type them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.deeds.named import as_configured
from bcp.kernel.errors import Invalid

APP = SimpleNamespace(world=SimpleNamespace(domains={"corp.test": 1, "xn--bcher-kva.test": 2}))


@pytest.mark.parametrize("typed", ["corp.test", "CORP.Test", "corp.test.", "Corp.TEST."])
def test_case_and_a_final_dot_are_no_other_domain(typed) -> None:
    assert as_configured(APP, [typed, "XN--bcher-kva.test"]) == ["corp.test", "xn--bcher-kva.test"]


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("corp.tset", "the domain 'corp.tset' is not in bcp.yaml"),
        ("nope", "the domain 'nope' is not in bcp.yaml"),
        ("bücher.test", "is not in ASCII; write the A-label form, for example xn--bcher-kva.test"),
    ],
)
def test_what_is_none_of_ours_is_said(typed, words) -> None:
    with pytest.raises(Invalid) as caught:
        as_configured(APP, [typed])
    assert words in caught.value.message


def test_nothing_named_is_nothing() -> None:
    assert as_configured(APP, []) == []
