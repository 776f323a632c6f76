"""The words of a run: every text lies in its journal before it leaves, and is found there after a crash.

A text names times: the one that is rendered after a crash is another, and a vendor's list is searched for the one that
left.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from bcp.contracts.channel import Message
from bcp.contracts.journal import Claim, Journal
from bcp.kernel.hashing import digest_text

TEXT, RETOLD = "text", "retold"
"""Kinds of event: a text that may leave; a delivery that is tried again with another text."""
_KEPT = ("template", "form", "language", "subject", "body")


@lru_cache(maxsize=64)
def text_digest(body: str) -> str:
    """Which text a person got; thousands get the same."""
    return digest_text(body)[:16]


class Words:
    """Writes texts down, and knows which may have left under a claim."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._noted: set[tuple[str, str]] = set()
        self._earlier: tuple[dict[str, Message], dict[str, list[str]]] | None = None

    async def write_down(self, step: str, messages: Iterable[Message]) -> None:
        """Each text of a step once. Returns when they are on disk."""
        for digest, message in {text_digest(m.body): m for m in messages}.items():
            if (step, digest) not in self._noted:
                kept = {name: getattr(message, name) for name in _KEPT}
                await self._journal.record(TEXT, step=step, summary=message.body[:60], digest=digest, **kept)
                self._noted.add((step, digest))

    def under(self, claim: Claim) -> list[Message] | None:
        """Texts that may have left under a claim of an earlier process; ``None`` when they were not written down."""
        if self._earlier is None:
            self._earlier = self._read_back()
        texts, retold = self._earlier
        digests = [str((claim.request or {}).get("text")), *retold.get(claim.key, [])]
        return [texts[d] for d in digests] if all(d in texts for d in digests) else None

    async def retell(self, step: str, claim: Claim, message: Message) -> None:
        """Say that a delivery is tried again with this text, if it is another one."""
        digest = text_digest(message.body)
        if digest not in {text_digest(m.body) for m in self.under(claim) or ()}:
            await self._journal.record(RETOLD, step=step, key=claim.key, text=digest)

    def _read_back(self) -> tuple[dict[str, Message], dict[str, list[str]]]:
        texts: dict[str, Message] = {}
        retold: dict[str, list[str]] = {}
        for event in self._journal.events():
            if event.kind == TEXT:
                template, form, language, subject, body = (str(event.data[name]) for name in _KEPT)
                texts[str(event.data["digest"])] = Message(template, form, language, subject, body)
            elif event.kind == RETOLD:
                retold.setdefault(str(event.data["key"]), []).append(str(event.data["text"]))
        return texts, retold
