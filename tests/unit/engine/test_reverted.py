"""Domains that somebody put back, from the events of a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from bcp.engine.reverted import reverted_in, told


def gone(**domains):
    return SimpleNamespace(kind="mx_reverted", data={"domains": {f"{d}.test": mx for d, mx in domains.items()}})


def stands(*domains):
    return SimpleNamespace(kind="mx_stands", data={"domains": [f"{d}.test" for d in domains]})


@pytest.mark.parametrize(
    ("events", "right"),
    [
        ([], {}),
        ([gone(a="0 old.")], {"a.test": "0 old."}),
        ([gone(a="0 old."), gone(a="5 other.", b="no MX")], {"a.test": "5 other.", "b.test": "no MX"}),
        ([gone(a="0 old.", b="0 old."), stands("a")], {"b.test": "0 old."}),
        ([gone(a="0 old."), stands("a"), gone(a="0 old.")], {"a.test": "0 old."}),
        ([SimpleNamespace(kind="mx_reverted", data={"domains": 7}), SimpleNamespace(kind="x", data={})], {}),
    ],
)
def test_the_last_look_at_each_domain_counts(events, right) -> None:
    assert reverted_in(events) == right


def test_it_is_said_with_what_to_do_and_nothing_is_said_where_all_stand() -> None:
    what, todo = told({"a.test": "0 old."}, "run-1")
    assert "a.test is 0 old. now" in what and "bcp failback run-1" in todo and "Pause" in todo
    assert told({}, "run-1") == ()
    assert (
        "a.test, b.test, c.test and 1 more" in told(dict.fromkeys(("a.test", "b.test", "c.test", "d.test"), ""), "r")[1]
    )
