"""Mail at a relay host that left ``bcp.yaml``: a named person gives it up, with a reason that stays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bcp.contracts.relay_ledger import Remark
from bcp.deeds.who import RUN, Ground, Who
from bcp.kernel.errors import Invalid, Refused
from bcp.kernel.text import plural


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Mail at ``source`` (as the ledger names it) is lost."""

    source: str
    reason: str


async def give_up(ground: Ground, who: Who, given: GivenUp) -> int:
    """What waits there counts as removed from now on, by name, its senders not told; how many recipients. When the
    agent is heard again, what it tells counts.

    Raises:
        Refused: ``not-allowed``, ``no-person``; ``still-asked``: it is in ``bcp.yaml``, so its agent is asked;
            ``nothing-waits``: nobody knows of mail that waits there.
        Invalid: no reason.
        StorageError: nothing was changed.
    """
    source = given.source
    who.must(RUN)
    who.must_be_a_person()
    if not given.reason.strip():
        raise Invalid("giving mail up needs a reason", hint="It stands in the record: --reason", rule="no-reason")
    books, now = ground.app.running.books, ground.app.clock.now()
    if source in books.agents:
        hint = "bcp relay pull; mail that is removed on the relay (postsuper -d) is told by its agent."
        raise Refused(f"{source} is in bcp.yaml: its agent is asked", rule="still-asked", hint=hint)
    left = await asyncio.to_thread(books.left_behind)
    if source not in {g.name for g, _ in left}:
        known = ", ".join(g.name for g, _ in left)
        hint = f"There it waits: {known}" if known else "No mail waits at a host that left bcp.yaml."
        raise Refused(f"nothing that is known waits at {source}", rule="nothing-waits", hint=hint)
    text = f"given up by {who.person}: {given.reason.strip()[:300]}"
    await ground.do(lambda b: b.note("mail_given_up", actor=who.person, source=source, text=text, how=who.how))
    count = await asyncio.to_thread(books.ledger.give_up, source, text, now)
    books.ledger.remark(Remark(source, now, "given-up", f"{plural(count, 'recipient')} {text}"))
    return count
