"""Who plays urgent, chat and page: for every mixture of channels that an organisation may have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.roles import MEANINGS, Carrier, asking, expand, played, usual

SMS, SLACK, PAGE, MAIL = Carrier("sms"), Carrier("chat"), Carrier("page"), Carrier("email")
TEAMS, CALL = Carrier("chat", ("microsoft",)), Carrier("voice")


@pytest.mark.parametrize(
    ("have", "urgent", "chat", "page"),
    [
        ({}, (), (), ()),
        ({"status-page": PAGE}, (), (), ("status-page",)),
        ({"sms": SMS, "slack": SLACK, "status-page": PAGE}, ("sms",), ("slack",), ("status-page",)),
        ({"teams": TEAMS}, (), ("teams",), ()),
        ({"teams": TEAMS, "mail": MAIL}, ("mail",), ("teams", "mail"), ()),
        ({"teams": TEAMS, "slack": SLACK, "mail": MAIL}, ("mail",), ("teams", "slack"), ()),
        ({"mail": MAIL}, ("mail",), ("mail",), ()),
        ({"sms": SMS, "mail": MAIL}, ("sms",), ("mail",), ()),
        ({"sms": SMS, "whatsapp": SMS, "call": CALL}, ("sms", "whatsapp"), (), ()),
    ],
)
def test_what_fits_plays_a_role(have, urgent, chat, page) -> None:
    """Texts before e-mail; a chat that falls with Exchange is never alone where e-mail is there."""
    assert usual(have) == {"urgent": urgent, "chat": chat, "page": page, "duty": ()}


def test_alarms_and_tickets_are_for_the_people_on_duty_alone() -> None:
    """Employees are never told by an alarm, and an alarm is never the only chat."""
    found = usual({"pager": Carrier("chat", (), True), "sms": SMS})
    assert found == {"urgent": ("sms",), "chat": (), "page": (), "duty": ("pager",)}


def test_the_configuration_has_the_last_word_role_by_role() -> None:
    have = {"sms": SMS, "slack": SLACK}
    found = played(have, {"chat": ["sms"], "board": ["slack"], "page": []})
    assert found == {"urgent": ("sms",), "chat": ("sms",), "page": (), "duty": (), "board": ("slack",)}


def test_a_channels_own_name_wins_and_what_nobody_knows_stays() -> None:
    """So that a playbook of old, which names channels, works as before, and an error is found by lint."""
    roles = {"urgent": ("sms",), "slack": ("sms",)}
    assert expand(["slack", "urgent", "sms", "pager"], ["sms", "slack"], roles) == ("slack", "sms", "pager")


FORMS = st.sampled_from(["sms", "chat", "email", "page", "voice"])


@given(st.dictionaries(st.sampled_from("abcdef"), st.builds(Carrier, FORMS, st.sampled_from([(), ("microsoft",)]))))
def test_every_role_is_played_by_channels_that_are_there_each_once(have) -> None:
    found = usual(have)
    assert set(found) == set(MEANINGS)
    for names in found.values():
        assert set(names) <= set(have) and len(set(names)) == len(names)
    everybody = expand(["urgent", "chat", "page"], have, found)
    texts = {n for n, c in have.items() if c.form in {"sms", "chat", "page"}}
    assert texts <= set(everybody), "a channel that fits a role is not used"


FORMS = {"sms": "sms", "call": "voice", "slack": "chat", "mail": "email", "status": "page"}
ROLES = {"urgent": ("sms", "call"), "chat": ("slack", "mail"), "page": ("status",)}


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ([], ("sms", "slack")),
        (["urgent"], ("sms",)),
        (["urgent", "call"], ("sms", "call")),
        (["chat", "urgent"], ("slack", "mail", "sms")),
        (["slack", "chat"], ("slack", "mail")),
        (["status"], ("status",)),
        (["page"], ()),
        (["nobody"], ()),
    ],
)
def test_a_question_goes_by_channels_and_by_roles(named, found) -> None:
    """A channel by its name always; who plays a role, where a question has a form for it; each once."""
    assert asking(named, FORMS, ROLES, {"sms", "chat", "email"}) == found
