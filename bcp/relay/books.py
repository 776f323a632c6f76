"""The account, asked of the ledger: for the command, the report and the gate on closing an incident."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from bcp.contracts.relay_ledger import COPY, MAIL, OWN, UNSEEN, WAITING, Fate, RelayLedger, Wanted
from bcp.relay.gone import Gone
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
    gone: Sequence[Gone] = (),
    former: Sequence[tuple[str, float]] = (),
) -> Account:
    """What these relays accepted for these domains. ``back``: when MX was switched back; 0: it was not. ``gone``:
    sources that left ``bcp.yaml``, of which only counts what nobody else tells of. ``former``: domains that left it,
    and up to when mail for them was ours.

    The window is by our clock; a relay whose clock is off is asked by its own.
    """
    known = {s.relay: s for s in ledger.sources()}
    sources = [known[r] for r in relays if r in known]
    skew = max((abs(s.skew) for s in (*sources, *(g.source for g in gone))), default=0.0)
    wide = Wanted(
        relays=tuple(relays),
        domains=tuple(domains),
        former=tuple(former),
        since=max(0.0, since - skew) if since else 0.0,
        until=until + skew if until else 0.0,
    )
    gone = _with_rows(ledger, gone, wide)
    parts = parts_of(wide, gone)
    late = [replace(p, since=back + 1e-6) for p in parts] if back else []
    return account(
        [t for p in parts for t in ledger.totals(replace(p, kinds=(MAIL, COPY, OWN, UNSEEN)))],
        doubled=_count(ledger, [replace(p, doubled=True) for p in parts]),
        risky=_count(ledger, [replace(p, risky=True, statuses=("sent",)) for p in parts]),
        perhaps=_count(
            ledger, [replace(p, risky=True, statuses=("bounced", "expired", "removed", "unknown")) for p in parts]
        ),
        late=_count(ledger, late),
        by_name=_named(ledger, parts),
        sources=sources,
        remarks=ledger.remarks((*relays, *(g.name for g in gone)), max(0.0, since - skew)),
        silent=[r for r in relays if r not in known or not (known[r].stream or known[r].heard)],
        holds={s.relay: ledger.count(replace(wide, relays=(s.relay,), statuses=WAITING)) for s in sources},
        gone=[(g, _count(ledger, parts_of(replace(wide, statuses=WAITING), [g], alone=True))) for g in gone],
        until=until,
        now=now,
    )


def parts_of(wanted: Wanted, gone: Sequence[Gone], *, alone: bool = False) -> list[Wanted]:
    """The same question to each part of the ledger: the sources that ``wanted`` names (not ``alone``), and each that is
    gone, without what others tell again."""
    first = [wanted] if wanted.relays and not alone else []
    return first + [replace(wanted, relays=(g.name,), untold_by=g.others) for g in gone]


def _with_rows(ledger: RelayLedger, gone: Sequence[Gone], wide: Wanted) -> list[Gone]:
    """Those that took something then of which nobody else tells. The sums by hour are asked first: that is quick."""
    some = [g for g in gone if ledger.count(replace(wide, relays=(g.name,), kinds=(MAIL, UNSEEN)))]
    return [g for g in some if _count(ledger, parts_of(replace(wide, kinds=(MAIL, UNSEEN)), [g], alone=True))]


def _count(ledger: RelayLedger, parts: Sequence[Wanted]) -> int:
    return sum(ledger.count(p) for p in parts)


def _named(ledger: RelayLedger, parts: Sequence[Wanted]) -> list[Fate]:
    found = [f for p in parts for f in ledger.fates(replace(p, statuses=NOT_HAPPY), limit=BY_NAME)]
    return sorted(found, key=lambda f: -f.taken)[:BY_NAME] if len(parts) > 1 else found


def left_domains(ledger: RelayLedger, wanted: Wanted) -> Iterator[str]:
    """What is to be said of domains that left ``bcp.yaml``: how much counts still, and how much came after that."""
    for domain, until in wanted.former:
        own = replace(wanted, former=(), domains=(domain,))
        asked = replace(own, until=min(wanted.until or until, until)), replace(own, since=max(wanted.since, until))
        before, after = (_of(ledger, w, domain) if not w.until or w.until > w.since else 0 for w in asked)
        if before or after:
            yield (
                f"{domain} is no longer in bcp.yaml: {before} recipient(s) accepted for it until then count in here, "
                f"{after} after that do not"
            )


def _of(ledger: RelayLedger, wanted: Wanted, domain: str) -> int:
    """Recipients of this domain, without those that have no name."""
    return ledger.count(wanted) - ledger.count(replace(wanted, domains=("",)))


def busiest_hour(ledger: RelayLedger, sources: Sequence[str], since: float) -> float:
    """Mails that these sources accepted in the hour with the most recipients; 0: none. Raises ``StorageError``."""
    hours = Counter[int]()
    for t in ledger.totals(Wanted(relays=tuple(sources), since=since, kinds=(MAIL,))) if sources else ():
        hours[t.hour] += t.people
    if not hours:
        return 0.0
    (hour, people), some = hours.most_common(1)[0], Wanted(relays=tuple(sources), kinds=(MAIL,))
    rows = ledger.fates(replace(some, since=hour, until=hour + 3600.0), limit=BY_NAME)
    told = sum(f.people for f in rows)
    return people * len({(f.relay, f.uid) for f in rows}) / told if told else float(people)


def held_by(
    ledger: RelayLedger, gone: Sequence[Gone], domains: Sequence[str], former: Sequence[tuple[str, float]] = ()
) -> Iterator[tuple[Gone, int]]:
    """Of those that are gone the ones where mail waits, whenever it came, and how many recipients."""
    wanted = Wanted((), tuple(domains), statuses=WAITING, kinds=(MAIL, UNSEEN), former=tuple(former))
    for one in gone:
        if count := _count(ledger, parts_of(wanted, [one])):
            yield one, count
