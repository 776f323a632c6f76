"""The rules of evidence as a table: what speaks for what, what contradicts it, what counts once. Pure.

Every rule is applied by its id in the code beside this file, and every rule has a test that turns when it is taken
away. ``docs/reference/judgement.md`` is generated from the tables here and in ``bcp.detect.conditions``.
"""

from __future__ import annotations

from dataclasses import dataclass

from bcp.contracts.probe import DISPROVES


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rule. ``of`` is what it speaks of, ``effect`` what it does to it."""

    id: str
    of: str
    effect: str
    says: str


EVIDENCE: tuple[Evidence, ...] = (
    # good evidence
    Evidence(
        "accepted", "B", "vetoes", "a recipient that exists is accepted: what happens to unknown ones is no outage"
    ),
    Evidence("delivered-throttled", "B", "vetoes", "a mail came through: our probers are limited, the service is not"),
    Evidence("delivered", "B", "halves", "a mail came through: one way of looking alone is not enough"),
    Evidence(
        "delivered-contradicts",
        "B",
        "doubts",
        "a mail came through while every look of some place fails: is it the service, or our looks? A person decides",
    ),
    Evidence(
        "unknown-refused",
        "B",
        "abstains",
        "an unknown recipient is refused, as it should be: it says nothing of known ones",
    ),
    Evidence(
        "delivered-elsewhere",
        "all",
        "abstains",
        "of several domains some are well: a mail that names none of them may have gone to those",
    ),
    Evidence("outvoted", "all", "vetoes", "a place that sees it solidly well weighs as much as three that see it fail"),
    Evidence(
        "family-alone",
        "B",
        "speaks",
        "IPv4 fails and IPv6 works: whoever has IPv4 alone cannot deliver, and that is most senders; a person decides",
    ),
    Evidence(
        "rejects-at-some",
        "F",
        "speaks",
        "a recipient is refused for good at some addresses and taken at others: who tries the former loses mail; "
        "a person decides",
    ),
    Evidence(
        "most-defer",
        "B",
        "speaks",
        "most addresses put mail off and the others take it: a sender that tries two of them often has to wait; "
        "a person decides",
    ),
    Evidence("others-well", "all", "vetoes", "as many targets are well as fail: a part fails, a person decides"),
    Evidence(
        "degraded", "all", "drains", "a part fails, so the whole does not: the counter drains as with a good look"
    ),
    # rejects
    Evidence(
        "two-recipients", "F", "proves", "two different recipients are refused for good, and more than are accepted"
    ),
    Evidence(
        "rejects-some",
        "F",
        "halves",
        "recipients are refused for good while others are accepted: a part fails, a person decides",
    ),
    Evidence("rejects-backed", "F", "proves", "one recipient is refused for good, and something else says so too"),
    Evidence("rejects-alternate", "F", "proves", "one recipient is refused and accepted by turns: it exists"),
    Evidence(
        "rejects-contradicted", "F", "is H", "one recipient is refused while mail to others is taken: was it removed?"
    ),
    Evidence(
        "rejects-alone",
        "F",
        "doubts",
        "one recipient is refused, and nothing else can tell: a person looks whether it exists",
    ),
    Evidence(
        "rejects-untried",
        "F",
        "doubts",
        "recipients are refused for good, and no whole mail was tried since: one is sent at once and waited for",
    ),
    Evidence(
        "rejects-now",
        "F",
        "doubts",
        "the newest looks alone would not prove it: the one that is still refused may have been removed meanwhile",
    ),
    Evidence(
        "rejects-lost",
        "F",
        "doubts",
        "recipients are refused for good, and mails that are taken do not come out: a person decides what to believe",
    ),
    Evidence(
        "rejects-over", "F", "vetoes", "recipients that were refused for good until now are taken again: it is ending"
    ),
    Evidence("rejects-gone", "F", "is H", "the mailbox that is refused is not there"),
    Evidence(
        "own-reply",
        "F",
        "vetoes",
        "the refusal speaks of us (greeting, address, full mailbox, order), not of a valid recipient",
    ),
    # what shares a cause
    Evidence("one-network", "all", "once", "vantage points of one network have one vote"),
    Evidence("limit", "A, D, E", "is H", "a limit of our application (429) is our own, wherever it is seen from"),
    Evidence("throttled-alone", "B", "is H", "only one place could tell, and its address is limited"),
    Evidence("backs", "all", "once", "another plane that is down backs a doubtful one only where it can be the cause"),
    Evidence(
        "front-door", "E", "once", "the web front door beside mailboxes that are down is the same outage seen twice"
    ),
    # what cannot be seen
    Evidence(
        "blind", "all", "no vote", "what we cannot see is neither well nor down; people's word does not change that"
    ),
    Evidence(
        "controls",
        "all",
        "no vote",
        "the control probes of a place fail: what it says of failures is unknown, unless the service itself answers "
        "there and only the relay does not",
    ),
    Evidence("stale", "all", "no vote", "what was seen long ago says nothing of now"),
    # names
    Evidence("unresolved", "E", "speaks", "probes cannot find the address although control names resolve"),
    Evidence("zone", "H", "is H", "our own zone fails for senders: moving MX needs that very zone"),
    # whole mails
    Evidence(
        "relayed",
        "B, C, F",
        "no vote",
        "while MX is on the relay a test mail goes there: that it is taken, or waits there, says nothing of the "
        "service",
    ),
    Evidence("not-taken", "B", "speaks", "whole mails are not taken although their recipient is accepted"),
    Evidence(
        "own-mail",
        "B",
        "abstains",
        "every look is refused for what we are ourselves, and a mail of ours goes the same way: it proves nothing",
    ),
    Evidence(
        "mails-alone",
        "B",
        "doubts",
        "whole mails are not taken while no look at a known recipient says anything: a person decides",
    ),
    # what others say
    Evidence("declared-plane", "all", "once", "a declaration counts for the planes that it names"),
    Evidence(
        "known-unseen",
        "all",
        "no vote",
        "known recipients are not seen: the way back needs one that is accepted directly",
    ),
    Evidence("advisory", "all", "no vote", "an advisory is not an incident"),
    Evidence("people", "all", "speaks", "people count beside a look, and alone only where nothing is set to look"),
    Evidence(
        "gateway",
        "G",
        "keeps",
        "the gateway's path fails and direct delivery is not confirmed down: MX stays out of it",
    ),
    Evidence(
        "gateway-too",
        "G",
        "vetoes",
        "direct delivery fails too, in most looks or nearly so: it is not the gateway's way alone; a person decides",
    ),
    Evidence(
        "gateway-alike",
        "G",
        "once",
        "recipients that are refused for good on the gateway's way and directly are one refusal, seen twice",
    ),
    Evidence(
        "gateway-unseen",
        "G",
        "doubts",
        "the gateway's path fails and nobody sees direct delivery: whether that works is asked, and not said",
    ),
    Evidence(
        "gateway-over",
        "G",
        "vetoes",
        "what failed on the gateway's way together with direct delivery, and fails no more, is over with it",
    ),
)
"""In the order in which people should read them."""

BY_ID = {e.id: e for e in EVIDENCE}
OF_A_PART = frozenset({"rejects-at-some", "family-alone", "most-defer"})
"""Rules of a part of the senders that cannot deliver while others can."""


def says(rule: str) -> str:
    """The sentence of a rule. Raises ``KeyError`` for one that is not in the table."""
    return BY_ID[rule].says


BACKS: dict[str, frozenset[str]] = {
    "dns": frozenset({"inbound", "edge", "mailbox", "auth"}),
    "auth": frozenset({"mailbox", "edge"}),
    "edge": frozenset({"auth", "mailbox", "dns", "inbound"}),
    "inbound": frozenset({"dns", "outbound", "edge"}),
    "mailbox": frozenset({"auth"}),
    "outbound": frozenset(),
    "gateway": frozenset(),
    "zone": frozenset(),
}
"""Of a plane that is down: the doubtful planes that it backs. Broken mailboxes say nothing of the way in."""

SAME: dict[str, frozenset[str]] = {"mailbox": frozenset({"edge"})}
"""Of a plane that is down: planes that fail with it. Their failure is the same outage seen twice (*front-door*), and
nothing backs it."""
NO_INCIDENT = frozenset({DISPROVES, "advisory"})
"""Kinds of declarations that back nothing (*advisory*)."""
