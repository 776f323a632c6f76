"""The account, asked of the ledger: for the command, the report and the gate on closing an incident."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.relay_ledger import COPY, MAIL, OWN, UNSEEN, WAITING, RelayLedger, Wanted
from bcp.relay.sums import Account, account

NOT_HAPPY = ("bounced", "expired", "removed", "unknown", "queued", "deferred", "held")
BY_NAME = 1000
"""Rows that an account names."""


def account_of(
    ledger: RelayLedger,
    relays: Sequence[str],
    domains: Sequence[str],
    *,
    since: float = 0.0,
    until: float = 0.0,
    back: float = 0.0,
    now: float,
) -> Account:
    """What these relays accepted for these domains. ``back``: when MX was switched back; 0: it was not.

    The window is by our clock; a relay whose clock is off is asked by its own.
    """
    known = {s.relay: s for s in ledger.sources()}
    sources = [known[r] for r in relays if r in known]
    skew = max((abs(s.skew) for s in sources), default=0.0)
    wide = Wanted(
        relays=tuple(relays),
        domains=tuple(domains),
        since=max(0.0, since - skew) if since else 0.0,
        until=until + skew if until else 0.0,
    )
    late = replace(wide, since=back + 1e-6) if back else None
    return account(
        ledger.totals(replace(wide, kinds=(MAIL, COPY, OWN, UNSEEN))),
        doubled=ledger.count(replace(wide, doubled=True)),
        risky=ledger.count(replace(wide, risky=True, statuses=("sent",))),
        perhaps=ledger.count(replace(wide, risky=True, statuses=("bounced", "expired", "removed", "unknown"))),
        late=ledger.count(late) if late else 0,
        by_name=ledger.fates(replace(wide, statuses=NOT_HAPPY), limit=BY_NAME),
        sources=sources,
        remarks=ledger.remarks(tuple(relays), max(0.0, since - skew)),
        silent=[r for r in relays if r not in known or not known[r].stream],
        holds={s.relay: ledger.count(replace(wide, relays=(s.relay,), statuses=WAITING)) for s in sources},
        until=until,
        now=now,
    )
