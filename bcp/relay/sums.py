"""The account of a relay: what it accepted, and what became of each recipient, so that the ends meet. Pure.

``accepted = delivered + bounced + expired + removed + waiting + unknown``, in recipients. The ends meet when nothing is
unknown and nothing is known to be missing from the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bcp.contracts.relay_ledger import COPY, MAIL, OWN, UNSEEN, Fate, Remark, Source, Total
from bcp.kernel.clock import iso
from bcp.relay.gone import Gone

GROUPS: Mapping[str, str] = {
    "sent": "delivered",
    "bounced": "bounced",
    "expired": "expired",
    "removed": "removed",
    "queued": "waiting",
    "deferred": "waiting",
    "held": "held",
    "unknown": "unknown",
}
"""Fates as the account names them. ``waiting`` and ``held`` are still at the relay."""
NAMES = ("delivered", "bounced", "expired", "removed", "held", "waiting", "unknown")
LOST = frozenset({"log-lost", "log-altered", "log-unread"})
"""Remarks after which a part of a relay's log was not read, and will not be."""
GAPS = LOST | {"agent-twice", "batch-gap", "batch-chain", "batch-altered", "batch-forged"}
"""Remarks after which the ledger may lack something that the relay did. A batch that was refused lacks nothing any more
once the agent was heard again: its chain goes on only where nothing is missing."""
SILENT_S = 900.0
SKEWED_S = 60.0


@dataclass(frozen=True, slots=True)
class Hour:
    """Recipients accepted in the hour that begins ``at`` (epoch seconds), by what became of them."""

    at: int
    fates: Mapping[str, int]

    @property
    def accepted(self) -> int:
        """All of them."""
        return sum(self.fates.values())


@dataclass(frozen=True, slots=True)
class Account:
    """Everything in recipients."""

    fates: Mapping[str, int]
    """By the names in ``NAMES``."""
    untold: int = 0
    """Bounced or expired, and the sender was not told, or the bounce could not be delivered."""
    doubled: int = 0
    perhaps_doubled: int = 0
    """Delivered after a try that the next hop may have taken, too."""
    perhaps_delivered: int = 0
    """Not delivered as far as the relay knows, after a try that the next hop may have taken."""
    late: int = 0
    """Accepted after MX was switched back."""
    copies: int = 0
    own: int = 0
    unseen: int = 0
    """Of messages whose acceptance nobody saw; they are not among the accepted."""
    hours: tuple[Hour, ...] = ()
    by_name: tuple[Fate, ...] = ()
    """Who did not get a mail, or is not known to have got it."""
    warnings: tuple[str, ...] = ()
    """What may be missing from all of this."""
    relays: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    """Agents of which nothing was heard up to the end of this stretch of time. What they told before is counted as they
    told it; what their hosts took since, and what became of what waited there, is not known."""
    codes: tuple[str, ...] = field(default=())
    unread: tuple[str, ...] = ()
    """Agents that were heard, and did not read their log up to the end of this stretch of time: what it says is not in
    here."""

    @property
    def accepted(self) -> int:
        """What the relay took responsibility for."""
        return sum(self.fates.values())

    @property
    def open(self) -> int:
        """Whose fate is not known: still at the relay, or gone without a word."""
        return sum(self.fates.get(n, 0) for n in ("held", "waiting", "unknown"))

    @property
    def meets(self) -> bool:
        """Does every recipient have a fate, and is nothing known to be missing?"""
        return not self.fates.get("unknown") and not set(self.codes) & GAPS and not (self.unheard or self.unread)

    def summary(self) -> str:
        """One sentence."""
        said = ", ".join(f"{self.fates[n]} {n}" for n in NAMES if self.fates.get(n))
        return f"{self.accepted} recipient(s) accepted{': ' if said else ''}{said}"

    def to_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "relays": list(self.relays),
            "accepted": self.accepted,
            **{n: self.fates.get(n, 0) for n in NAMES},
            "open": self.open,
            "ends_meet": self.meets,
            "sender_not_told": self.untold,
            "doubled": self.doubled,
            "perhaps_doubled": self.perhaps_doubled,
            "perhaps_delivered": self.perhaps_delivered,
            "late": self.late,
            "unheard": list(self.unheard),
            "unread": list(self.unread),
            "copies": self.copies,
            "own": self.own,
            "acceptance_not_seen": self.unseen,
            "hours": [{"hour": iso(h.at), "accepted": h.accepted, **h.fates} for h in self.hours],
            "by_name": [fate_data(f) for f in self.by_name],
            "warnings": list(self.warnings),
        }


def account(
    totals: Sequence[Total],
    *,
    doubled: int = 0,
    risky: int = 0,
    perhaps: int = 0,
    late: int = 0,
    by_name: Sequence[Fate] = (),
    sources: Sequence[Source] = (),
    remarks: Sequence[Remark] = (),
    silent: Sequence[str] = (),
    holds: Mapping[str, int] | None = None,
    gone: Sequence[tuple[Gone, int]] = (),
    until: float = 0.0,
    now: float,
) -> Account:
    """Sum up. ``silent``: relays that have an agent which was never heard. ``holds``: recipients that still wait at
    each of the others, by its last word. ``gone``: sources that left ``bcp.yaml``, and how many wait at each; one where
    nobody waits is not missed. ``until``: the end of the stretch of time; 0: now."""
    end = min(now, until) if until else now
    missed = (*(s.relay for s in sources if end - s.heard > SILENT_S), *(g.name for g, waits in gone if waits))
    unheard = tuple(dict.fromkeys((*silent, *missed)))
    unread = tuple(s.relay for s in sources if s.relay not in unheard and _unread(s, until, end))
    kinds: Counter[str] = Counter()
    fates: Counter[str] = Counter()
    hours: dict[int, Counter[str]] = {}
    untold = 0
    for t in totals:
        kinds[t.kind] += t.people
        if t.kind == MAIL:
            name = GROUPS.get(t.status, "unknown")
            fates[name] += t.people
            hours.setdefault(t.hour, Counter())[name] += t.people
            untold += t.people if name in {"bounced", "expired"} and t.told in {"no", "failed"} else 0
    return Account(
        fates=dict(fates),
        untold=untold,
        doubled=doubled,
        perhaps_doubled=risky,
        perhaps_delivered=perhaps,
        late=late,
        copies=kinds[COPY],
        own=kinds[OWN],
        unseen=kinds[UNSEEN],
        hours=tuple(Hour(at, dict(found)) for at, found in sorted(hours.items())),
        by_name=tuple(by_name),
        warnings=(*(g.text(waits) for g, waits in gone), *_warnings(sources, remarks, silent, holds or {}, end)),
        relays=(*(s.relay for s in sources), *(g.name for g, _ in gone)),
        unheard=unheard,
        unread=unread,
        codes=tuple(dict.fromkeys([r.code for r in _lasting(remarks, sources)] + ["agent-silent"] * bool(silent))),
    )


def _unread(s: Source, until: float, end: float) -> bool:
    """Has it not read, or not told, what there was up to the end? ``until``: 0: the end is now, whatever now is."""
    whole = s.knows(SILENT_S)
    return (whole < end or not until) and (bool(s.problem) or end - whole > SILENT_S)


def _lasting(remarks: Sequence[Remark], sources: Sequence[Source]) -> list[Remark]:
    """Those that hold still."""
    heard = {s.relay: s.heard for s in sources}
    return [r for r in remarks if not (r.code.startswith("batch-") and heard.get(r.relay, 0.0) > r.at)]


def _warnings(
    sources: Sequence[Source],
    remarks: Sequence[Remark],
    silent: Sequence[str],
    holds: Mapping[str, int],
    end: float,
) -> list[str]:
    said = [f"{name}: its agent was never heard: what it took is not in here" for name in silent]
    for s in sources:
        if s.relay not in silent and end - s.heard > SILENT_S:
            there = holds.get(s.relay, 0)
            left = f", and what became of the {there} recipient(s) that waited there," if there else ""
            heard = f"{s.relay}: its agent was heard last at {iso(s.heard)}"
            said.append(f"{heard}: what it took since{left} is not in here")
        elif s.read and min(end, s.heard) + s.skew - s.read > SILENT_S:
            said.append(f"{s.relay}: its agent has not read the log since {iso(s.read)}")
        if s.problem:
            said.append(f"{s.relay}: its agent cannot read: {s.problem}")
        if s.doubt:
            said.append(f"{s.relay}: {s.doubt}")
        if abs(s.skew) >= SKEWED_S:
            said.append(f"{s.relay}: its clock is {s.skew:+.0f} s off ours; times here are by its clock")
        if s.counted:
            said.append(f"{s.relay}: lines of its log that could not be used: {s.counted}")
    return said + [f"{r.relay}: {iso(r.at)}: {r.text} [{r.code}]" for r in remarks]


def line_of(f: Fate) -> str:
    """A row in words."""
    who = f.recipient or f"{f.people} recipient(s) without a name"
    told = {"no": ", the sender was not told", "failed": ", the bounce failed", "told": ", the sender was told"}
    return f"{f.queue_id} to {who}: {f.status}{told.get(f.told, '')} {f.answer}".strip()


def fate_data(f: Fate) -> dict[str, Any]:
    """One row as JSON and CSV have it."""
    return {
        "relay": f.relay,
        "queue_id": f.queue_id,
        "accepted": iso(f.taken or None),
        "from": f.sender,
        "recipient": f.recipient,
        "delivered_to": f.to,
        "status": f.status,
        "at": iso(f.at or None),
        "answer": f.answer,
        "next_hop": f.via,
        "remote_id": f.remote_id,
        "sender_told": f.told,
        "people": f.people,
        "tries": f.tries,
        "doubled": f.doubled,
        "perhaps_doubled": f.risky > 0 and f.status == "sent",
        "message_id": f.message_id,
        "size": f.size,
        "client": f.client,
        "tls": f.tls,
        "kind": f.kind,
    }
