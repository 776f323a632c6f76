"""Errors as code, not as words: what a class says where nobody says more."""

from __future__ import annotations

import pytest

from bcp.deeds.status import exit_code, http_status
from bcp.kernel.errors import Invalid, Missing


@pytest.mark.parametrize(("given", "rule"), [("", "not-found"), ("no-such-run", "no-such-run")])
def test_what_is_missing_is_not_found_by_whatever_name(given: str, rule: str) -> None:
    """Programs see a code in every case, and a 404."""
    error = Missing("there is no x", rule=given) if given else Missing("there is no x")
    assert error.rule == rule and (http_status(error), exit_code(error)) == (404, 2)


def test_what_is_wrong_and_not_missing_has_no_such_code() -> None:
    error = Invalid("wrong")
    assert error.rule != "not-found" and http_status(error) == 400
