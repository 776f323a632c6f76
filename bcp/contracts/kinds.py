"""The vocabulary of looks: every ``kind`` that a probe may report, and what it says of the service. One table.

The judgement reads the *meaning* of a kind, never the evidence text. ``docs/reference/kinds.md`` is generated from this
table, so that an outage file can be written from the docs alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Meaning(StrEnum):
    """What a kind speaks of. Only the first five may count as failures of the service."""

    LOST = "lost"
    """Mail to a valid recipient is refused for good, or swallowed: it does not come back by itself."""
    DEFERRED = "deferred"
    """A temporary refusal: senders keep the mail and try again."""
    UNREACHABLE = "unreachable"
    """No conversation comes about: refused, timeout, closed, broken TLS."""
    NAMES = "names"
    """A name does not resolve, or not in a way that a validating sender believes."""
    BROKEN = "broken"
    """It answers that it is broken (HTTP 5xx and the like)."""
    SLOW = "slow"
    """It works, but late."""
    LIMIT = "limit"
    """A limit that applies to this prober's address or to our application: says nothing of anybody else."""
    ZONE = "zone"
    """Our own zone fails: senders cannot find our MX, and moving MX needs that very zone. Class H: tell IT."""
    OWN = "own"
    """Our own fault: credential, connector, clock, certificate, greeting, mailbox."""
    NOTHING = "nothing"
    """It says nothing of the service."""
    WELL = "well"
    """It works."""
    TOLD = "told"
    """People or other systems say so."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One word of the vocabulary."""

    name: str
    meaning: Meaning
    says: str
    by: tuple[str, ...] = ()
    """Kinds of probes that report it."""
    result: str = "fail"
    """The result that goes with it."""


_SMTP = ("smtp", "smtp-unknown")
_WEB = ("https", "entra", "graph-mailbox")

KINDS: tuple[Kind, ...] = (
    # well
    Kind("", Meaning.WELL, "well; nothing more to say", result="ok"),
    Kind("accepted", Meaning.WELL, "the known recipient is accepted at RCPT", ("smtp",), "ok"),
    Kind("delivered", Meaning.WELL, "a whole mail was taken after DATA, or came through", ("smtp", "round-trip"), "ok"),
    Kind("refused-unknown", Meaning.WELL, "an unknown recipient is refused, as it should be", ("smtp-unknown",), "ok"),
    Kind("accepts-unknown", Meaning.WELL, "an unknown recipient is taken: no recipient check", ("smtp-unknown",), "ok"),
    Kind("disproves", Meaning.WELL, "Microsoft speaks of recovery: weak", ("graph-health", "status-page"), "ok"),
    # mail is deferred
    Kind("4xx", Meaning.DEFERRED, "a temporary refusal, wherever in the conversation", _SMTP),
    Kind("4xx-greeting", Meaning.DEFERRED, "4xx instead of 220", _SMTP),
    Kind("4xx-ehlo", Meaning.DEFERRED, "4xx to EHLO or STARTTLS", _SMTP),
    Kind("4xx-mail", Meaning.DEFERRED, "4xx to MAIL FROM", _SMTP),
    Kind("4xx-rcpt", Meaning.DEFERRED, "4xx to RCPT TO", _SMTP),
    Kind("4xx-data", Meaning.DEFERRED, "4xx to DATA or after it: RCPT alone looks well", ("smtp", "round-trip")),
    # mail is lost
    Kind("rejects", Meaning.LOST, "a permanent refusal (5.1.x, 5.4.1) of a recipient that exists", ("smtp",)),
    Kind("lost", Meaning.LOST, "taken, and not out again in time", ("round-trip",)),
    # nobody answers
    Kind("timeout", Meaning.UNREACHABLE, "no answer in time", (*_SMTP, *_WEB, "imap")),
    Kind("refused", Meaning.UNREACHABLE, "the connection is refused", (*_SMTP, *_WEB, "imap")),
    Kind("closed", Meaning.UNREACHABLE, "the connection is cut in mid conversation", (*_SMTP, *_WEB, "imap")),
    Kind("unreachable", Meaning.UNREACHABLE, "no route to the address", (*_SMTP, *_WEB)),
    Kind("tls", Meaning.UNREACHABLE, "TLS fails, or its certificate is wrong", (*_SMTP, *_WEB, "imap")),
    Kind(
        "ipv4-dead",
        Meaning.UNREACHABLE,
        "IPv4 fails while IPv6 works: whoever has IPv4 alone cannot deliver (made of a look's parts)",
        _SMTP,
        "degraded",
    ),
    Kind(
        "most-defer",
        Meaning.DEFERRED,
        "of several addresses more put mail off (4xx to MAIL, RCPT or DATA) than take it (made of a look's parts)",
        _SMTP,
        "degraded",
    ),
    Kind(
        "rejects-some",
        Meaning.LOST,
        "one recipient is refused for good at some addresses and taken at others (made of a look's parts)",
        ("smtp",),
        "degraded",
    ),
    # names
    Kind("nxdomain", Meaning.NAMES, "the name does not exist, or has no address", ("dns", "own-mx")),
    Kind("servfail", Meaning.NAMES, "SERVFAIL", ("dns", "own-mx")),
    Kind(
        "own-zone", Meaning.ZONE, "our own domain does not resolve for a sender: SERVFAIL, bogus, expired", ("own-mx",)
    ),
    Kind("no-mx", Meaning.ZONE, "our own domain has no MX for a sender", ("own-mx",)),
    Kind(
        "bogus",
        Meaning.NAMES,
        "validating resolvers refuse it (DNSSEC); without validation it resolves",
        ("dns", "own-mx"),
    ),
    Kind("lame", Meaning.ZONE, "a name server of our own zone does not serve it", ("own-mx",)),
    Kind(
        "wrong-answer",
        Meaning.NAMES,
        "a resolver gives another answer than the authoritative servers",
        ("dns", "own-mx"),
    ),
    Kind(
        "tcp-only", Meaning.NAMES, "UDP is not answered, TCP is (or the other way round)", ("dns", "own-mx"), "degraded"
    ),
    Kind("authoritative-silent", Meaning.NAMES, "only caches still know it", ("dns", "own-mx"), "degraded"),
    Kind(
        "unresolved",
        Meaning.NAMES,
        "no address is found here: not well, whatever the reason (https, imap: fail)",
        (*_SMTP, *_WEB, "imap"),
        "unknown",
    ),
    Kind(
        "no-resolver", Meaning.NOTHING, "no resolver answers from here: our own network?", ("dns", "own-mx"), "unknown"
    ),
    # it answers that it is broken
    Kind("5xx", Meaning.BROKEN, "HTTP 5xx; or an SMTP 5xx that is no refusal of a valid recipient", (*_SMTP, *_WEB)),
    Kind("unexpected", Meaning.BROKEN, "a status that `expect:` does not name", ("https",)),
    Kind("not-http", Meaning.BROKEN, "it answers, and not in HTTP", ("https", "entra")),
    Kind("not-imap", Meaning.BROKEN, "it answers, and not in IMAP", ("imap",)),
    Kind("bye", Meaning.BROKEN, "IMAP says BYE", ("imap",)),
    Kind("queue", Meaning.DEFERRED, "mail piles up; `queue` and `oldest` as numbers", ("queue",)),
    # late
    Kind(
        "slow", Meaning.SLOW, "it works, but late; `seconds` as a number", ("round-trip", "https", "smtp"), "degraded"
    ),
    # limits of ours
    Kind("throttled", Meaning.LIMIT, "this prober's address is limited or listed (4.7.500-699, 5.7.606)", _SMTP),
    Kind(
        "greylisted",
        Meaning.LIMIT,
        "a first contact is put off (450, 451 4.7.1, greylisting): passes by itself",
        _SMTP,
        "unknown",
    ),
    Kind(
        "429",
        Meaning.LIMIT,
        "a limit of our application or address (Graph, Entra, a web site)",
        (*_WEB, "graph-health"),
        "unknown",
    ),
    # our own fault
    Kind("own-credential", Meaning.OWN, "our secret is refused or over", _WEB, "unknown"),
    Kind("own-permission", Meaning.OWN, "our application may not (403)", _WEB, "unknown"),
    Kind("own-tenant", Meaning.OWN, "no such tenant: is tenant_id right?", ("entra",), "unknown"),
    Kind("own-certificate", Meaning.OWN, "our certificate is over", _SMTP, "unknown"),
    Kind("own-clock", Meaning.OWN, "our clock is wrong", (*_WEB, "imap"), "unknown"),
    Kind("own-connector", Meaning.OWN, "our connector does not know us (5.7.64, 5.7.51)", _SMTP, "unknown"),
    Kind("own-recipient", Meaning.OWN, "the monitoring mailbox is full, disabled or moved (5.2.x)", _SMTP, "unknown"),
    Kind("own-sender", Meaning.OWN, "policy against our sender or address (5.7.x)", _SMTP, "unknown"),
    Kind("own-greeting", Meaning.OWN, "our EHLO or our order of commands is refused (503, 5.5.x)", _SMTP, "unknown"),
    Kind("own-mailbox", Meaning.OWN, "a monitor mailbox does not exist (404)", ("graph-mailbox",), "unknown"),
    Kind("own-declared", Meaning.OWN, "Microsoft says that it is on our side", ("graph-health",), "unknown"),
    # says nothing
    Kind(
        "no-route",
        Meaning.NOTHING,
        "no way there from this machine: no IPv6 here, or a cable",
        (*_SMTP, "dns"),
        "unknown",
    ),
    Kind(
        "not-taken", Meaning.NOTHING, "the test mail was not taken: the way out is unseen", ("round-trip",), "unknown"
    ),
    Kind(
        "no-token", Meaning.NOTHING, "no sign-in, so nothing can be read", ("graph-mailbox", "graph-health"), "unknown"
    ),
    Kind("no-answer", Meaning.NOTHING, "the feed cannot be read", ("graph-health", "status-page"), "unknown"),
    Kind("silent", Meaning.NOTHING, "no traffic, no report", ("queue", "people", "alert"), "unknown"),
    Kind("overran", Meaning.NOTHING, "the probe ran past its deadline", (), "unknown"),
    Kind("broken-probe", Meaning.NOTHING, "the probe itself failed", (), "unknown"),
    Kind(
        "unreadable",
        Meaning.NOTHING,
        "an answer that is none of that service: HTML, another type, cut off",
        ("entra", "graph-mailbox"),
        "unknown",
    ),
    Kind("taken", Meaning.NOTHING, "a mail was taken at the door, and is under way", ("round-trip",), "unknown"),
    Kind("mailbox-outside", Meaning.NOTHING, "the mailbox outside cannot be read", ("round-trip",), "unknown"),
    Kind("no-queue", Meaning.NOTHING, "the queue cannot be listed", ("queue",), "unknown"),
    Kind("few", Meaning.NOTHING, "some people report it, fewer than count", ("people",), "unknown"),
    Kind("stale", Meaning.NOTHING, "an alert that was neither repeated nor resolved", ("alert",), "unknown"),
    Kind(
        "none",
        Meaning.NOTHING,
        "words that are not understood, a status that means nothing",
        ("graph-health", "status-page"),
        "unknown",
    ),
    # told
    Kind("declared", Meaning.TOLD, "a public page speaks of an outage: weak", ("status-page",), "degraded"),
    Kind("people", Meaning.TOLD, "enough people report it, or one declares it", ("people",)),
    Kind("alert", Meaning.TOLD, "another monitoring system fires", ("alert",)),
    Kind("advisory", Meaning.TOLD, "Microsoft: an advisory; no incident", ("graph-health",), "degraded"),
    Kind("investigating", Meaning.TOLD, "Microsoft investigates: weak", ("graph-health",), "degraded"),
    Kind("degradation", Meaning.TOLD, "Microsoft: serviceDegradation and the like", ("graph-health",)),
    Kind("interruption", Meaning.TOLD, "Microsoft: serviceInterruption", ("graph-health",)),
)
"""Every word. A kind that is not here means what its result says."""

BY_NAME = {k.name: k for k in KINDS}


def in_words(text: str) -> str:
    """What was quoted; or what the kind means, where nothing was quoted but its name."""
    return BY_NAME[text].says if text in BY_NAME else text


_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?=[ -])")
_CONNECTOR = {"5.7.64", "5.7.51"}
"""TenantAttribution, RestrictDomainsToIPAddresses: our connector does not know this sender."""

_ABOUT_US = {(1, 7): "own-sender", (1, 8): "own-sender", (7, 25): "own-sender", (2, 2): "own-recipient"}
"""By subject and detail, temporary or not: the sender's address or domain is not liked (X.1.7, X.1.8, RFC 3463), our
address has no name (X.7.25, RFC 7372), the monitoring mailbox is full (X.2.2)."""
_HELO = re.compile(r"\b(helo|ehlo)\b.{0,40}\b(reject|invalid|refus|not allowed)", re.IGNORECASE)
"""Postfix puts off a refusal of HELO until RCPT."""


def meaning_of(kind: str) -> Meaning:
    """What a kind speaks of; a word that nobody knows counts as broken, and ``own-...`` always as our own."""
    if kind in BY_NAME:
        return BY_NAME[kind].meaning
    if kind.startswith("own-"):
        return Meaning.OWN
    if kind.startswith("4xx"):
        return Meaning.DEFERRED
    return Meaning.BROKEN


def kind_of_reply(stage: str, code: int, text: str) -> str:
    """The kind of an SMTP reply to *our valid* recipient.

    ``stage``: greeting, ehlo, starttls, mail, rcpt, data. Sources: RFC 5321 section 4.2, RFC 3463; Microsoft's
    lists of NDR codes. A refusal counts as *rejects* only at RCPT or after DATA, with an enhanced code that speaks of
    the address or of its routing (5.1.x, 5.4.1): everything else that is permanent may be about us.
    """
    found = _ENHANCED.search(text)
    subject, detail = (int(found.group(2)), int(found.group(3))) if found else (-1, -1)
    if found and found.group(0) in _CONNECTOR:
        return "own-connector"
    if subject == 7 and 500 <= detail <= 708:
        return "throttled"
    if about_us := _ABOUT_US.get((subject, detail)) or ("own-greeting" if _HELO.search(text) else ""):
        return about_us
    if 400 <= code < 500:
        return f"4xx-{stage}" if f"4xx-{stage}" in BY_NAME else "4xx"
    if code < 500:
        return "5xx"
    if code == 503 or subject == 5 or stage in {"ehlo", "starttls"}:
        return "own-greeting"
    if subject == 7:
        return "own-sender" if stage in {"rcpt", "data"} else "throttled"
    if subject == 2:
        return "own-recipient"
    if stage == "rcpt" and (subject == 1 or (subject, detail) == (4, 1)):
        return "rejects"
    return "throttled" if stage in {"greeting", "mail"} else "5xx"


def refine(kind: str, evidence: str) -> str:
    """What ``rejects`` really is where the evidence quotes the server's reply; other kinds stay as they are.

    Old probes and outage files call every 5xx at RCPT *rejects*. Evidence without a reply is taken at its word.
    """
    if kind != "rejects":
        return kind
    reply = _REPLY.search(evidence)
    if reply is None or not evidence:
        return kind
    head = evidence[: reply.start()].lower()
    stage = next((s for s in ("greeting", "ehlo", "helo", "mail", "data") if f"{s}:" in head), "rcpt")
    return kind_of_reply(stage.replace("helo", "ehlo"), int(reply.group(1)), evidence[reply.start() :])
