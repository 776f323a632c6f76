"""What SMTP sessions say of the service, and what they say of us: a kind for every answer, a part for every recipient.

The words are those of ``bcp.contracts.kinds``; the rules for a server's reply are ``kind_of_reply`` there.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from bcp.contracts.kinds import Meaning, kind_of_reply, meaning_of
from bcp.contracts.probe import REJECTS, Part, ProbeSettings, Result
from bcp.kit.dns_ask import has_route
from bcp.kit.smtp import Talk
from bcp.kit.smtp_session import HELO, Mail, Session, converse

GREYLISTED = "greylisted"
NO_ROUTE = "no-route"
_GREY = re.compile(r"gr[ae]y-?\s?list", re.IGNORECASE)
_FIRST_CONTACT = re.compile(r"\b4\.7\.1\b")
ACCEPTED, DELIVERED = "accepted", "delivered"


class SmtpTarget(ProbeSettings):
    """A mail host to speak with."""

    host: str
    """Name or address of the mail host."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """Port."""
    addresses: list[str] = Field(default_factory=list)
    """Addresses, where the name should not be resolved."""
    sender: str = ""
    """Sender of the probe; empty is the null sender."""
    helo: str = HELO
    """Name that the probe says in EHLO. Where the host refuses it, the look is our own fault, not an outage."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for the host name. Empty: the system's."""


def kind_of(talk: Talk) -> str:
    """The kind of one answer to a valid recipient; empty where it is well."""
    if talk.ok:
        return ""
    if not talk.code or talk.kind == "closed":
        return talk.kind
    if 400 <= talk.code < 500 and _GREY.search(talk.text):
        return GREYLISTED
    return kind_of_reply(talk.stage, talk.code, talk.text)


class FirstContact:
    """Greylisting refuses a sender that it sees for the first time (450 or 451 4.7.1),
    and lets it in some minutes later.

    What looks like it is taken for it for a while, unless this recipient was accepted at this address before. Later it
    is the temporary refusal that it says it is.
    """

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self._since: dict[tuple[str, str], float] = {}
        self._known: set[tuple[str, str]] = set()

    def refine(self, address: str, recipient: str, talk: Talk, kind: str, now: float) -> str:
        """``greylisted`` where it may be a first contact, else the kind. ``now`` is steady time."""
        key = (address, recipient)
        if talk.ok:
            self._known.add(key)
            self._since.pop(key, None)
        if talk.code not in {450, 451} or not _FIRST_CONTACT.search(talk.text) or kind == GREYLISTED:
            return kind
        first = self._since.setdefault(key, now)
        return GREYLISTED if key not in self._known and now - first < self.patience_s else kind


async def look_at(
    addresses: Sequence[str],
    target: SmtpTarget,
    recipients: Sequence[str],
    *,
    timeout_s: float,
    mails: Mapping[str, Mail] | None = None,
) -> list[Session]:
    """A session with every address, side by side, each with the whole deadline. ``mails``: by address."""
    given = mails or {}
    talks = [
        converse(
            a,
            target.port,
            recipients=recipients,
            sender=target.sender,
            timeout_s=timeout_s,
            helo=target.helo,
            tls_name=target.host,
            mail=given.get(a),
        )
        for a in addresses
    ]
    return [await talks[0]] if len(talks) == 1 else list(await asyncio.gather(*talks))


def result_of(kind: str) -> Result:
    """The result that goes with a kind of failure: what is our own fault, or says nothing, is *unknown*."""
    if kind in {"", ACCEPTED, DELIVERED}:
        return Result.OK
    if kind == GREYLISTED or meaning_of(kind) in {Meaning.OWN, Meaning.NOTHING}:
        return Result.UNKNOWN
    return Result.FAIL


def parts_of(
    session: Session,
    target: SmtpTarget,
    recipients: Sequence[str],
    *,
    first: FirstContact,
    now: float,
    require_tls: bool = False,
) -> list[Part]:
    """One part for each recipient at this address. Where the session did not come as far as RCPT, all share its end.

    An acceptance at RCPT is worth nothing where whole mails are put off or nobody answers after DATA: then every
    recipient has that for its part. A refusal of our own test mail for good speaks of that mailbox and that mail alone.
    """
    at = _At(session, target)
    if not session.opening.ok:
        kind = kind_of(session.opening)
        if session.opening.stage == "connect" and kind not in {"refused", "timeout"} and not has_route(session.address):
            kind = NO_ROUTE
        return [at.part(kind, session.opening, r) for r in recipients]
    if require_tls and session.tls != "ok":
        return [at.part("tls", Talk("starttls", 0, session.tls), r) for r in recipients]
    out = []
    for recipient, talk in session.answers:
        kind = first.refine(session.address, recipient, talk, kind_of(talk), now)
        out.append(at.part(kind or ACCEPTED, talk, recipient))
    return out if session.data is None else _after_data(at, out, *session.data)


@dataclass(frozen=True, slots=True)
class _At:
    """Where the parts of one session are."""

    session: Session
    target: SmtpTarget

    def part(self, kind: str, talk: Talk, recipient: str) -> Part:
        address, port = self.session.address, self.target.port
        well = kind in {ACCEPTED, DELIVERED}
        text = f"{address}:{port} takes {recipient}" if well else f"{address}:{port} at {talk.say()}"
        return Part(
            result_of(kind),
            kind,
            text,
            recipient,
            address,
            6 if ":" in address else 4,
            self.target.host,
            numbers={"seconds": round(self.session.seconds, 3)},
        )


def _after_data(at: _At, parts: Sequence[Part], recipient: str, talk: Talk) -> list[Part]:
    kind = kind_of(talk) or DELIVERED
    whole = at.part(kind, talk, recipient)
    everybody = whole.result is Result.FAIL and meaning_of(kind) in {Meaning.DEFERRED, Meaning.UNREACHABLE}
    out = []
    for part in parts:
        if part.recipient == recipient or (everybody and part.result is Result.OK):
            out.append(replace(whole, recipient=part.recipient))
        else:
            out.append(part)
    return out if any(p.recipient == recipient for p in out) else [*out, whole]


def summarize(parts: Sequence[Part]) -> tuple[Result, str, Part | None]:
    """One result of all parts: all of what can be known fails, some of it does, none does; the kind of what fails;
    an example.

    Permanent refusals are named first, for they cost mail; else what fails most often.
    """
    known = [p for p in parts if p.result is not Result.UNKNOWN]
    if not known:
        return Result.UNKNOWN, parts[0].kind if parts else "unresolved", parts[0] if parts else None
    bad = [p for p in known if p.result is not Result.OK]
    if not bad:
        best = next((p for p in known if p.kind == DELIVERED), known[0])
        return Result.OK, best.kind, best
    counts = Counter(p.kind for p in bad)
    kind = REJECTS if counts[REJECTS] else counts.most_common(1)[0][0]
    by_address: dict[str, list[Part]] = {}
    for p in known:
        by_address.setdefault(p.address, []).append(p)
    dead = sum(all(p.result is not Result.OK for p in ps) for ps in by_address.values())
    result = Result.FAIL if dead == len(by_address) else Result.DEGRADED
    return result, kind, next(p for p in bad if p.kind == kind)


def count_text(parts: Sequence[Part]) -> str:
    """``1 of 2 addresses, 1 of 2 recipients`` of what fails; empty where there is only one of each."""
    out = []
    for what in ("address", "recipient"):
        every = {str(getattr(p, what)) for p in parts} - {""}
        bad = {str(getattr(p, what)) for p in parts if p.result is not Result.OK} - {""}
        if len(every) > 1 and bad:
            out.append(f"{len(bad)} of {len(every)} {'addresses' if what == 'address' else 'recipients'}")
    return ", ".join(out)
