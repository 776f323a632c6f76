"""A message that an agent tells from its middle, because its state was lost and the log of the beginning is gone. Pure.

Its acceptance is in the ledger still: the same long queue id, which Postfix never uses again (postconf(5),
``enable_long_queue_ids``). It stays accepted, and goes on with what is told now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bcp.contracts.relay_ledger import UNSEEN, WAITING, Fate, Told

BEFORE = """
select id, last, uid from mail
where (first = ?1 or queue_id = ?1) and ?1 glob '??????????z?*' and relay = ?2 and uid <> ?3 and last <= ?4
order by last desc limit 1
"""
GONE = "it left the queue, and the lines that say how are gone"


def from_the_middle(told: Told) -> bool:
    """Does it lack its beginning?"""
    return bool(told.fates) and all(f.kind == UNSEEN and not f.message_id for f in told.fates)


def merged(old: Sequence[Fate], told: Told) -> tuple[Fate, ...]:
    """The rows of before, with what is told now of each. Who was not named then is one of those without a name."""
    left, out = list(old), list[Fate]()
    for f in told.fates:
        if not f.recipient:
            continue  # how many there are was told at the beginning
        at = next((n for n, o in enumerate(left) if _same(o, f)), None)
        if at is None:
            at = next((n for n, o in enumerate(left) if not o.recipient), None)
        if at is None:
            out.append(f)
            continue
        o = left[at]
        if o.people > 1:
            left[at] = replace(o, people=o.people - 1)
        else:
            del left[at]
        out.append(_gone_on(o, f) if o.status in WAITING else o)
    return (*(_over(o, told) for o in left), *out)


def _same(o: Fate, f: Fate) -> bool:
    return bool(o.recipient) and bool({o.recipient, o.to.lower()} & {f.recipient, f.to.lower()})


def _gone_on(o: Fate, f: Fate) -> Fate:
    return replace(
        o, recipient=o.recipient or f.recipient, to=f.to, status=f.status, at=f.at, answer=f.answer, via=f.via,
        remote_id=f.remote_id, tries=max(o.tries, f.tries), risky=max(o.risky, f.risky), told=f.told, people=1,
        passed=f.passed,
    )  # fmt: skip


def _over(o: Fate, told: Told) -> Fate:
    if not told.over or o.status not in WAITING:
        return o
    return replace(o, status="unknown", at=told.last, answer=GONE)
