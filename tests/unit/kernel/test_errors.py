"""Errors as code, not as words: what a class says where nobody says more."""

from __future__ import annotations

import pytest

from bcp.deeds.status import exit_code, http_status
from bcp.kernel.errors import InDoubt, Invalid, Missing, StorageError, fault_in, storage_in


@pytest.mark.parametrize(("given", "rule"), [("", "not-found"), ("no-such-run", "no-such-run")])
def test_what_is_missing_is_not_found_by_whatever_name(given: str, rule: str) -> None:
    """Programs see a code in every case, and a 404."""
    error = Missing("there is no x", rule=given) if given else Missing("there is no x")
    assert error.rule == rule and (http_status(error), exit_code(error)) == (404, 2)


def test_what_is_wrong_and_not_missing_has_no_such_code() -> None:
    error = Invalid("wrong")
    assert error.rule != "not-found" and http_status(error) == 400


def test_a_storage_error_is_found_however_deep() -> None:
    """The run pauses whatever else went wrong beside it."""
    inner = ExceptionGroup("inner", [ValueError(), StorageError("disk full")])
    assert storage_in(StorageError("x")) and storage_in(ExceptionGroup("outer", [KeyError(), inner]))
    assert not storage_in(ValueError()) and not storage_in(ExceptionGroup("outer", [ValueError(), InDoubt("x")]))


def test_a_fault_names_what_and_the_first_error() -> None:
    """For whoever reports it."""
    group = ExceptionGroup("outer", [ExceptionGroup("inner", [TypeError("no list")]), ValueError()])
    assert fault_in("slack", group).message == "fault in slack: TypeError: no list"
    assert fault_in("mx", OSError("gone")).hint == "Please report this."
