"""Small outages that every set of probes should be tried on: what each kind of probe reports of each. Data, and pure.

What a probe reports is what docs/reference/probes.md says that it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bcp.contracts.probe import Reach, Result, Watched

Said = tuple[Result, str]
OK, FAIL, DEGRADED, UNKNOWN = Result.OK, Result.FAIL, Result.DEGRADED, Result.UNKNOWN


@dataclass(frozen=True, slots=True)
class Looking:
    """A probe of the set."""

    watched: Watched
    reach: Reach = field(default_factory=Reach)


@dataclass(frozen=True, slots=True)
class Small:
    """A small outage. ``sees``: what a probe reports of it; ``None`` is as always."""

    name: str
    truth: str
    """Class A to H."""
    title: str
    """What happens, to stand at the beginning of a sentence."""
    hint: str
    """What would tell it."""
    sees: Callable[[Looking], Said | None]
    first_only: bool = False
    """It concerns one recipient: the first of the set."""
    all_gone: bool = False
    """It concerns every recipient that an ``smtp`` probe asks for, and nobody else's mail."""
    one_place: bool = False
    """Only the first vantage point sees it."""
    controls: bool = False
    """Control probes fail too, over their medium."""
    harmless: bool = False
    """Mail flows all the while: it need not be seen, and must not be taken for an outage."""


def by_way(**said: Said) -> Callable[[Looking], Said | None]:
    """By kind of probe; ``gateway`` for every probe of that plane. Underscores stand for hyphens."""

    def sees(one: Looking) -> Said | None:
        w = one.watched
        if w.plane == "gateway":
            return said.get("gateway")
        return said.get(w.way.replace("-", "_"))

    return sees


def _after_data(one: Looking) -> Said | None:
    return (FAIL, "4xx-data") if one.reach.whole_mail and one.watched.plane != "gateway" else None


def _one_resolver(one: Looking) -> Said | None:
    """The first resolver says NXDOMAIN: who asks another one, or the zone's servers, sees that others do not."""
    if not one.reach.resolvers:
        return None
    if one.watched.way in {"dns", "own-mx"}:
        known = one.reach.resolvers > 1 or one.reach.authoritative
        whole = "own-zone" if one.watched.way == "own-mx" else "nxdomain"
        return (DEGRADED, "nxdomain") if known else (FAIL, whole)
    if one.reach.resolvers > 1:
        return None
    return (UNKNOWN, "not-taken") if one.watched.way == "round-trip" else (UNKNOWN, "unresolved")


def _everything(one: Looking) -> Said | None:
    if one.watched.way in {"dns", "own-mx"}:
        return (UNKNOWN, "no-resolver")
    if one.watched.way == "round-trip":
        return (UNKNOWN, "not-taken")
    return (FAIL, "timeout") if one.watched.medium else None


TAKES_NOT = (UNKNOWN, "not-taken")
UNRESOLVED = (UNKNOWN, "unresolved")
SMALL: tuple[Small, ...] = (
    Small(
        "deferred",
        "B",
        "every mail is put off (451)",
        "Add smtp with two recipients that exist.",
        by_way(smtp=(FAIL, "4xx-rcpt"), smtp_unknown=(FAIL, "4xx-rcpt"), round_trip=TAKES_NOT),
    ),
    Small(
        "deferred-known",
        "B",
        "mail to people who exist is put off, unknown ones are refused as always",
        "Add smtp with two recipients that exist.",
        by_way(smtp=(FAIL, "4xx-rcpt"), round_trip=TAKES_NOT),
    ),
    Small(
        "deferred-after-data",
        "B",
        "recipients are accepted, and every mail is put off after DATA",
        "Give smtp mail_to:, or add round-trip: only a whole mail shows it.",
        _after_data,
    ),
    Small(
        "rejected",
        "F",
        "people who exist are refused for good (550)",
        "Add smtp with two recipients that exist.",
        by_way(smtp=(FAIL, "rejects"), round_trip=TAKES_NOT),
    ),
    Small(
        "mx-host",
        "E",
        "the MX host's name does not resolve",
        "Add dns for the MX host.",
        by_way(dns=(FAIL, "nxdomain"), smtp=UNRESOLVED, smtp_unknown=UNRESOLVED, round_trip=TAKES_NOT),
    ),
    Small(
        "bogus",
        "E",
        "DNSSEC of the MX host's zone is broken",
        "Add dns for the MX host, with resolvers that validate.",
        by_way(dns=(FAIL, "bogus"), smtp=UNRESOLVED, smtp_unknown=UNRESOLVED, round_trip=TAKES_NOT),
    ),
    Small(
        "mailboxes",
        "A",
        "mailboxes cannot be opened, mail is taken",
        "Add graph-mailbox with three mailboxes.",
        by_way(graph_mailbox=(FAIL, "5xx")),
    ),
    Small("outbound", "C", "mail goes in and does not come out", "Add round-trip.", by_way(round_trip=(FAIL, "lost"))),
    Small(
        "sign-in",
        "D",
        "nobody can sign in",
        "Add entra.",
        by_way(entra=(FAIL, "5xx"), graph_mailbox=(UNKNOWN, "no-token")),
    ),
    Small(
        "gateway",
        "G",
        "the way through the gateway fails, the direct one is well",
        "Add queue or smtp with plane: gateway.",
        by_way(gateway=(FAIL, "4xx-rcpt")),
    ),
    Small(
        "deleted",
        "H",
        "somebody deletes one of the monitoring mailboxes",
        "Give smtp two recipients or more.",
        by_way(smtp=(FAIL, "rejects"), round_trip=TAKES_NOT),
        first_only=True,
        harmless=True,
    ),
    Small(
        "all-deleted",
        "H",
        "somebody clears away all monitoring mailboxes",
        "Add round-trip to a mailbox that smtp does not ask for: a mail to somebody else tells it from false rejects.",
        by_way(smtp=(FAIL, "rejects"), round_trip=TAKES_NOT),
        all_gone=True,
        harmless=True,
    ),
    Small(
        "throttled",
        "H",
        "the service limits the address of one place that looks (4.7.500)",
        "Look from three places in different networks.",
        by_way(smtp=(FAIL, "throttled"), smtp_unknown=(FAIL, "throttled"), round_trip=TAKES_NOT),
        one_place=True,
        harmless=True,
    ),
    Small(
        "own-zone",
        "H",
        "our own zone does not answer",
        "Add own-mx: no probe looks up your own MX as a sender does.",
        by_way(own_mx=(FAIL, "own-zone"), round_trip=TAKES_NOT),
    ),
    Small(
        "own-network",
        "H",
        "our own network is down",
        "Add a control probe for each medium: control: true.",
        _everything,
        controls=True,
        harmless=True,
    ),
    Small(
        "own-port-25",
        "H",
        "port 25 is blocked at our provider",
        "Add a control probe over SMTP, such as the relay.",
        by_way(smtp=(FAIL, "timeout"), smtp_unknown=(FAIL, "timeout"), round_trip=TAKES_NOT),
        controls=True,
        harmless=True,
    ),
    Small(
        "one-resolver",
        "H",
        "one of the resolvers that we ask is wrong",
        "Give two resolvers, and authoritative: auto.",
        _one_resolver,
        harmless=True,
    ),
)
"""In the order in which people should read of them."""
