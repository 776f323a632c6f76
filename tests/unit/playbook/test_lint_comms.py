"""Lint of messages: to whom they go."""

from __future__ import annotations

import pytest

from bcp.playbook.catalogue import Catalogue
from bcp.playbook.lint import lint
from bcp.playbook.load import loads
from bcp.wiring import action_specs, bare_catalogue

TEXT = """\
version: 1
name: x
title: X
activation:
  - id: tell
    uses: notify
    with:
      template: inbound-failing
      audience: staff
      channels: []
    irreversible: a message
"""


@pytest.mark.parametrize(
    ("audiences", "rules"),
    [
        ({"staff": 0}, [("empty-audience", "warning", 9)]),
        ({"staff": 1}, []),
        ({"others": 1}, [("unknown-audience", "error", 9)]),
        (None, []),
    ],
)
def test_an_audience_without_people_is_warned_of_at_its_line(
    audiences: dict[str, int] | None, rules: list[tuple[str, str, int]]
) -> None:
    """It may be filled before the day; one that does not exist is an error; without a configuration nobody knows."""
    catalogue = Catalogue(action_specs(), bare_catalogue().messages, audiences)
    got = [p for p in lint(loads(TEXT), catalogue) if p.rule in {"empty-audience", "unknown-audience"}]
    assert [(p.rule, p.severity, p.line) for p in got] == rules
    assert all("staff" in p.message for p in got)
