"""Lint of messages: to whom they go."""

from __future__ import annotations

import pytest

from bcp.playbook.catalogue import Catalogue, ChannelSpec
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


@pytest.mark.parametrize(
    ("relays", "relay", "found"),
    [
        ({"mx-backup": ()}, "mx-backup", []),
        ({"mx-backup": ()}, "mx-bakup", [("unknown-relay", "error", 7, "mx-backup")]),
        ({"mx-backup": ()}, "{{ inputs.relay }}", []),
        ({}, "mx-backup", []),
        (None, "mx-backup", []),
    ],
)
def test_a_relay_that_is_named_is_there(relays, relay, found) -> None:
    """Else the plan is refused in the outage. Who has none at all has no use for the playbook."""
    text = (
        "version: 1\nname: x\ntitle: X\nactivation:\n  - id: look\n    uses: relay.check\n"
        f'    with: {{relay: "{relay}"}}\n'
    )
    catalogue = Catalogue(action_specs(), bare_catalogue().messages, relays=relays)
    got = [p for p in lint(loads(text), catalogue) if p.rule == "unknown-relay"]
    assert [(p.rule, p.severity, p.line) for p in got] == [f[:3] for f in found]
    assert all(near in p.hint for p, (_, _, _, near) in zip(got, found, strict=True))


ROLES = """\
version: 1
name: x
title: X
activation:
  - id: tell
    uses: notify
    with: {template: access-down, audience: staff, channels: [%s]}
"""


def told(channels: str, have: dict[str, ChannelSpec], roles: dict[str, tuple[str, ...]] | None = None) -> list[tuple]:
    """Rules and severities that lint says of a step which speaks by these."""
    catalogue = Catalogue(action_specs(), bare_catalogue().messages, {"staff": 1}, have, roles=roles)
    mine = {"unknown-channel", "missing-form", "no-channel", "shared-fate"}
    return [(p.rule, p.severity) for p in lint(loads(ROLES % channels), catalogue) if p.rule in mine]


MOVES = """\
version: 1
name: x
title: X
activation:
  - id: mx
    uses: dns.mx.switch
    with: {domains: [corp.test], to: relay}
    undo: automatic
"""


@pytest.mark.parametrize(
    ("fate", "leans", "right"),
    [
        ((), (), []),
        ((), ("microsoft",), [("shared-fate-later", "warning")]),
        (("microsoft",), ("microsoft",), [("shared-fate", "error")]),
        ((), ("elsewhere",), []),
    ],
)
def test_a_dns_host_whose_tokens_come_from_what_is_down_is_warned_of(fate, leans, right) -> None:
    """It works while a token is held: no refusal, and no silence."""
    catalogue = Catalogue(action_specs(), dns_fate=fate, dns_leans=leans)
    found = [p for p in lint(loads(MOVES), catalogue) if p.rule.startswith("shared-fate")]
    assert [(p.rule, p.severity) for p in found] == right
    assert all("microsoft" in p.message and p.hint for p in found)


SMS, CALL, TEAMS = ChannelSpec("sms"), ChannelSpec("voice"), ChannelSpec("chat", ("microsoft",))
MAIL, PAGE = ChannelSpec("email"), ChannelSpec("page")


@pytest.mark.parametrize(
    ("channels", "have", "roles", "rules"),
    [
        ("urgent, chat, page", {"sms": SMS, "page": PAGE}, None, []),
        ("urgent, chat, page", {"page": PAGE}, None, []),
        ("urgent, chat", {"page": PAGE}, None, [("no-channel", "warning")]),
        ("urgent, chat", {"teams": TEAMS}, None, [("shared-fate", "error")]),
        ("chat", {"teams": TEAMS, "mail": MAIL}, None, []),
        ("chat", {"teams": TEAMS, "mail": MAIL}, {"chat": ("teams",)}, [("shared-fate", "error")]),
        ("pager", {"sms": SMS}, None, [("unknown-channel", "error")]),
        ("board", {"sms": SMS}, {"board": ("sms",)}, []),
        ("urgent", {"call": CALL}, {"urgent": ("call",)}, [("no-channel", "warning")]),
        ("call", {"call": CALL}, None, [("missing-form", "error")]),
    ],
)
def test_roles_are_judged_by_who_plays_them_here(channels, have, roles, rules) -> None:
    """A role that nobody plays is no error: the step tells nobody, and that is said before the day."""
    assert told(channels, have, roles) == rules
