"""Sources of the ledger that are not in ``bcp.yaml`` any more: what they told still counts. Pure.

A host that is taken out of ``hosts:``, a relay that is removed or gets another name: nobody asks its agent from then
on, and mail that waited there waits still. What is told again under another name (an agent that got one tells
everything again) counts there, and once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bcp.contracts.relay_ledger import Source
from bcp.kernel.clock import iso


@dataclass(frozen=True, slots=True)
class Gone:
    """One of them."""

    source: Source
    others: tuple[str, ...]
    """Sources that may tell of its mails again: all that are in ``bcp.yaml``, and those that left it later."""

    @property
    def name(self) -> str:
        """In the ledger."""
        return self.source.relay

    @property
    def place(self) -> str:
        """The host where it ran, or the relay that it spoke for."""
        relay, _, host = self.name.partition("@")
        return host or relay

    def belongs(self, names: Collection[str]) -> bool:
        """Is it meant by one of these names of relays or sources? Without names all are meant."""
        return not names or self.name in names or self.name.partition("@")[0] in names

    def text(self, waits: int) -> str:
        """One sentence without its end. ``waits``: recipients that wait there by its last word."""
        known = f"heard of last on {iso(self.source.heard)}" if self.source.heard else "never heard of since"
        if not waits:
            return f"{self.name}: {self.place} is no longer in bcp.yaml, and was {known}: what it took since is unknown"
        return (
            f"{waits} recipient(s) wait at {self.place} ({self.name}), which is no longer in bcp.yaml and was {known}: "
            f"put it back under hosts: until it is empty, or ask it by hand (bcp relay pull --relay {self.name}; or "
            f"there bcp relay agent --batch {self.source.seq}, here bcp relay take), or say why that mail is given up "
            "(bcp relay give-up)"
        )


def gone_of(sources: Sequence[Source], living: Collection[str]) -> list[Gone]:
    """Of all that ever told something, those that are not among the ``living``, the one that was silent longest
    first."""
    left = sorted((s for s in sources if s.stream and s.relay not in living), key=lambda s: (s.heard, s.relay))
    return [Gone(s, (*living, *(later.relay for later in left[n:]))) for n, s in enumerate(left, 1)]
