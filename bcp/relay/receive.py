"""Batches that agents bring by themselves, on the main node: the same judgement as of those that are asked for."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from bcp.contracts.relay_ledger import RelayLedger
from bcp.kernel.errors import Refused
from bcp.relay.batch import HELLO, Request, unseal
from bcp.relay.intake import take_reply


class Receiver:
    """One for all relays. What was asked of whom is kept in memory: after a restart agents say hello again."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[Request, float]] = {}

    def receive(
        self,
        relay: str,
        raw: bytes,
        key: bytes,
        ledger: RelayLedger,
        now: float,
        doors: Mapping[str, str] | None = None,
    ) -> Request:
        """Take what came; returns what is wanted next. ``doors``: see ``bcp.relay.sources.next_doors``.

        Raises:
            Refused: as ``take_reply``; ``other-relay``: another relay's hello; ``reply-replayed``: nobody was asked.
            StorageError: nothing of it was kept.
        """
        if raw.startswith(HELLO + b" "):
            said = unseal(key, HELLO, raw)
            if said.get("relay") != relay:
                raise Refused(f"this is the hello of {said.get('relay')}, not of {relay}", rule="other-relay")
        else:
            request, asked = self._asked.get(relay, (None, 0.0))
            if request is None:
                raise Refused("nothing was asked", rule="reply-replayed", hint="Say hello first.")
            take_reply(ledger, request, raw, key, now, asked, doors)
        source = ledger.source(relay)
        wanted = Request(relay, source.stream, source.seq, secrets.token_hex(8))
        self._asked[relay] = (wanted, now)
        return wanted
