"""The account of a drain: the ends meet, whatever the relay tells."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.relay import MailFate
from bcp.kit.mail_account import account

IDS = st.sampled_from(["A", "B", "C"])
PEOPLE = st.sampled_from(["a@x", "B@x", "c@x"])
FATES = st.lists(
    st.builds(
        MailFate,
        IDS,
        st.sampled_from(["a@x", "b@x", "c@x", ""]),
        st.sampled_from(["sent", "bounced", "expired", "deleted"]),
    ),
    max_size=8,
)


@given(st.dictionaries(IDS, st.lists(PEOPLE, max_size=4)), FATES)
def test_every_recipient_is_counted_once(seen, fates) -> None:
    """Sent, bounced and unaccounted are all there is; nobody who got it is named."""
    found = account(seen, fates)
    assert found.sent + found.bounced + found.unaccounted == sum(len(set(r)) for r in seen.values())
    assert len(found.by_name()) == found.bounced + found.unaccounted
    assert found.messages == len(seen)


@given(st.dictionaries(IDS, st.lists(PEOPLE, max_size=4)), FATES)
def test_nothing_is_sent_that_the_relay_did_not_say(seen, fates) -> None:
    """Each delivered recipient has a word of its own, or one for all."""
    said = {(f.queue_id, f.recipient) for f in fates if f.status == "sent"}
    for entry in account(seen, fates).entries:
        if entry.status == "sent":
            assert (entry.queue_id, entry.recipient.lower()) in said or (entry.queue_id, "") in said


def test_words() -> None:
    """Each by its name, with why."""
    found = account(
        {"Q": ("a@x", "b@x", "c@x", "d@x")},
        [
            MailFate("Q", "a@x", "sent"),
            MailFate("Q", "b@x", "bounced", "(550 no)"),
            MailFate("Q", "d@x", "deleted", "by a person"),
        ],
    )
    assert found.by_name() == [
        "Q to b@x: bounced (550 no)",
        "Q to c@x: gone from the queue without a record",
        "Q to d@x: deleted by a person",
    ]
    assert found.summary() == "4 recipient(s) of 1 message(s): 1 delivered, 1 bounced, 2 without a record of delivery"


def test_a_word_for_the_whole_message_counts_for_who_has_none_of_their_own() -> None:
    """Of that message alone, and however an address is written; each recipient once."""
    fates = [MailFate("Q", "", "deleted", "by a person"), MailFate("Q", "A@x", "sent"), MailFate("R", "", "sent")]
    found = account({"Q": ["a@X", "b@x", "b@x"], "S": ["c@x"]}, fates)
    assert [(e.queue_id, e.recipient, e.status, e.detail) for e in found.entries] == [
        ("Q", "a@X", "sent", ""),
        ("Q", "b@x", "deleted", "by a person"),
        ("S", "c@x", "unknown", ""),
    ]
    assert (found.messages, found.sent, found.bounced, found.unaccounted) == (2, 1, 0, 2)
