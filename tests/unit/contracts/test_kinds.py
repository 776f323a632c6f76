"""The vocabulary of looks: what a reply of a server means, and that every word means one thing."""

from __future__ import annotations

import pytest

from bcp.contracts.kinds import BY_NAME, KINDS, Meaning, kind_of_reply, meaning_of, refine


@pytest.mark.parametrize(
    ("stage", "code", "text", "kind"),
    [
        ("rcpt", 550, "5.1.1 user unknown", "rejects"),
        ("rcpt", 550, "5.1.10 RESOLVER.ADR.RecipientNotFound", "rejects"),
        ("rcpt", 550, "5.4.1 Recipient address rejected: Access denied", "rejects"),
        ("rcpt", 550, "5.4.316 message expired", "5xx"),
        ("rcpt", 552, "5.2.2 mailbox full", "own-recipient"),
        ("rcpt", 550, "5.7.1 not allowed", "own-sender"),
        ("data", 554, "5.7.1 spam", "own-sender"),
        ("rcpt", 550, "5.7.606 banned sending IP", "throttled"),
        ("mail", 550, "5.7.1 no", "throttled"),
        ("greeting", 554, "no", "throttled"),
        ("ehlo", 550, "5.1.1 bad name", "own-greeting"),
        ("rcpt", 503, "5.1.1 bad sequence", "own-greeting"),
        ("rcpt", 503, "bad sequence of commands", "own-greeting"),
        ("rcpt", 501, "5.5.4 syntax", "own-greeting"),
        ("rcpt", 550, "no such user", "5xx"),
        ("data", 554, "5.6.0 content", "5xx"),
        ("rcpt", 550, "5.7.64 TenantAttribution", "own-connector"),
        ("rcpt", 451, "4.7.500 server busy", "throttled"),
        ("rcpt", 451, "4.7.708 limited", "throttled"),
        ("rcpt", 451, "4.7.709 not a limit", "4xx-rcpt"),
        ("rcpt", 451, "4.7.499 not a limit", "4xx-rcpt"),
        ("rcpt", 451, "4.3.2 temporary server issue", "4xx-rcpt"),
        ("data", 451, "4.3.2", "4xx-data"),
        ("greeting", 421, "4.3.2", "4xx-greeting"),
        ("starttls", 454, "4.7.0", "4xx"),
        ("rcpt", 354, "what?", "5xx"),
        ("rcpt", 452, "4.2.2 mailbox full", "own-recipient"),
        ("mail", 450, "4.1.8 sender address rejected: domain not found", "own-sender"),
        ("rcpt", 553, "5.1.8 sender address rejected", "own-sender"),
        ("rcpt", 450, "4.7.25 client host rejected: cannot find your hostname", "own-sender"),
        ("rcpt", 504, "5.5.2 <x>: Helo command rejected: need fully-qualified hostname", "own-greeting"),
        ("rcpt", 450, "4.7.1 <x>: Helo command rejected: Host not found", "own-greeting"),
        ("rcpt", 550, "5.1.1 no such user; say ehlo to somebody else", "rejects"),
    ],
)
def test_a_reply_becomes_one_kind(stage, code, text, kind) -> None:
    """Only an address that is refused for good is *rejects*: the rest may be about us."""
    assert kind_of_reply(stage, code, text) == kind
    assert kind in BY_NAME


def test_rejects_is_refined_by_the_reply_it_quotes() -> None:
    """Old outage files call every 5xx *rejects*; without a quoted reply they are taken at their word."""
    assert refine("rejects", "") == "rejects"
    assert refine("rejects", "refused for good") == "rejects"
    assert refine("rejects", "rcpt: 550 5.1.1 user unknown") == "rejects"
    assert refine("rejects", "192.0.2.1:25 at rcpt: 552 5.2.2 mailbox full (1 of 2 addresses)") == "own-recipient"
    assert refine("rejects", "ehlo: 550 5.7.1 bad HELO") == "own-greeting"
    assert refine("rejects", "HELO: 550 bad name") == "own-greeting"
    assert refine("rejects", "550 no such user here") == "5xx"
    assert refine("4xx", "rcpt: 550 5.1.1") == "4xx"


def test_every_word_is_there_once_and_unknown_words_mean_something() -> None:
    """A probe from outside may say what it likes."""
    assert len(BY_NAME) == len(KINDS)
    assert meaning_of("own-anything") is Meaning.OWN
    assert meaning_of("4xx-anything") is Meaning.DEFERRED
    assert meaning_of("nobody-knows") is Meaning.BROKEN
    assert meaning_of("") is Meaning.WELL
    assert all(k.result in {"ok", "degraded", "fail", "unknown"} for k in KINDS)
    assert {k.result for k in KINDS if k.meaning is Meaning.OWN} == {"unknown"}
